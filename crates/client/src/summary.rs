//! Summaries: quantiles over a window of time.
//!
//! The window is cut into slices; there is one stream of estimates per slice, and
//! every observation goes into all of them. When a slice is over, the oldest
//! stream is emptied and the next one becomes the head. The head answers: it has
//! seen between (slices - 1)/slices of the window and all of it. Observations are
//! gathered in a buffer first, so that most cost a push under a lock.
//!
//! Count and sum never age. Without quantiles nothing is locked.

mod stream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use narthex_exposition::{MetricValue, SummaryValue};

use self::stream::Stream;
use crate::histogram::Histogram;

/// What a summary shows and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryOpts {
    /// Quantile and the error of its rank that is allowed, both from 0 to 1.
    pub quantiles: Vec<(f64, f64)>,
    /// The window.
    pub max_age: Duration,
    /// How many slices the window has; at least 1.
    pub age_buckets: usize,
}

impl SummaryOpts {
    /// These quantiles over ten minutes in five slices, as upstream's summaries have them.
    pub fn quantiles(quantiles: &[(f64, f64)]) -> SummaryOpts {
        let mut quantiles = quantiles.to_vec();
        quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
        SummaryOpts { quantiles, max_age: Duration::from_secs(600), age_buckets: 5 }
    }

    /// Only count and sum.
    pub fn count_and_sum() -> SummaryOpts {
        SummaryOpts::quantiles(&[])
    }
}

/// Observations between two merges into the streams.
const BUFFER_LEN: usize = 500;

#[derive(Debug)]
struct Window {
    buffer: Vec<f64>,
    /// When the head's slice ends.
    slice_end: Instant,
    slice: Duration,
    streams: Vec<Stream>,
    head: usize,
    count: u64,
    sum: f64,
}

#[derive(Debug)]
enum Kind {
    Plain(Histogram),
    Windowed { opts: SummaryOpts, window: Mutex<Window> },
}

/// Counts observations and estimates quantiles of the recent ones. A handle:
/// clones observe together.
#[derive(Clone, Debug)]
pub struct Summary(Arc<Kind>);

impl Summary {
    /// A summary, not registered anywhere.
    pub fn new(opts: SummaryOpts) -> Summary {
        Summary::new_at(opts, Instant::now())
    }

    fn new_at(opts: SummaryOpts, now: Instant) -> Summary {
        if opts.quantiles.is_empty() {
            return Summary(Arc::new(Kind::Plain(Histogram::with_bounds(&[]))));
        }
        let slices = opts.age_buckets.max(1);
        let slice = (opts.max_age / slices as u32).max(Duration::from_nanos(1));
        let window = Window {
            buffer: Vec::with_capacity(BUFFER_LEN),
            slice_end: now + slice,
            slice,
            streams: (0..slices).map(|_| Stream::new(&opts.quantiles)).collect(),
            head: 0,
            count: 0,
            sum: 0.0,
        };
        Summary(Arc::new(Kind::Windowed { opts, window: Mutex::new(window) }))
    }

    /// Counts one observation. NaN counts in count and sum only.
    pub fn observe(&self, value: f64) {
        match &*self.0 {
            Kind::Plain(plain) => plain.observe(value),
            Kind::Windowed { window, .. } => {
                window.lock().unwrap_or_else(PoisonError::into_inner).observe(value, Instant::now());
            }
        }
    }

    /// Counts a duration, in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Count, sum and quantiles now; a quantile of nothing is NaN.
    pub fn snapshot(&self) -> SummaryValue {
        self.snapshot_at(Instant::now())
    }

    fn snapshot_at(&self, now: Instant) -> SummaryValue {
        match &*self.0 {
            Kind::Plain(plain) => {
                let value = plain.snapshot();
                SummaryValue { count: value.count, sum: value.sum, quantiles: Vec::new() }
            }
            Kind::Windowed { opts, window } => {
                let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
                window.flush(now);
                let head = &window.streams[window.head];
                let quantiles = opts.quantiles.iter().map(|&(quantile, _)| (quantile, head.query(quantile))).collect();
                SummaryValue { count: window.count, sum: window.sum, quantiles }
            }
        }
    }

    pub(crate) fn value(&self) -> MetricValue {
        MetricValue::Summary(self.snapshot())
    }
}

impl Window {
    fn observe(&mut self, value: f64, now: Instant) {
        if now > self.slice_end {
            self.flush(now);
        }
        self.count += 1;
        self.sum += value;
        if value.is_nan() {
            return;
        }
        self.buffer.push(value);
        if self.buffer.len() >= BUFFER_LEN {
            self.flush(now);
        }
    }

    /// Moves the buffer into the streams and the head to the slice of `now`.
    fn flush(&mut self, now: Instant) {
        self.buffer.sort_unstable_by(f64::total_cmp);
        for stream in &mut self.streams {
            stream.merge(&self.buffer);
        }
        self.buffer.clear();
        if now <= self.slice_end {
            return;
        }
        let late = now - self.slice_end;
        // As many slices as it takes for the end not to lie before now.
        let slices = late.as_nanos().div_ceil(self.slice.as_nanos());
        for _ in 0..slices.min(self.streams.len() as u128) {
            self.streams[self.head].clear();
            self.head = (self.head + 1) % self.streams.len();
        }
        self.slice_end = match u32::try_from(slices).ok().and_then(|slices| self.slice.checked_mul(slices)) {
            Some(passed) => self.slice_end + passed,
            None => now + self.slice,
        };
    }
}

#[cfg(test)]
mod tests;
