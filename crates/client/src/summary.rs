//! Summaries: quantiles over a window of time.
//!
//! The window is cut into slices; there is one stream of estimates per slice, and
//! every observation goes into all of them. When a slice is over, the oldest
//! stream is emptied and the next one becomes the head. The head answers: it has
//! seen between (slices - 1)/slices of the window and all of it. Observations are
//! gathered in buffers first, which threads need not share (see `shard`), so that
//! most cost a push.
//!
//! Count and sum never age.

mod stream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use narthex_exposition::{LabelPairs, Metric, MetricValue, SummaryValue};

use self::stream::Stream;
use crate::clock::{Tick, now_coarse};
use crate::histogram::Histogram;
use crate::shard::Sharded;

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

/// Observations between two merges into the streams, at first.
const BUFFER_LEN: usize = 500;
/// And when there are many: merging costs by the entries of the streams, too, so that
/// larger buffers make it cheaper for each observation.
const BUFFER_LEN_MAX: usize = 4000;

/// One of the buffers that threads gather in.
#[derive(Debug)]
struct Buffer {
    values: Vec<f64>,
    /// How many make it full. Grows each time it is full before the values are asked for.
    len_max: usize,
    count: u64,
    sum: f64,
    /// When the head's slice ends, or ended.
    slice_end: Tick,
}

impl Buffer {
    fn new(slice_end: Tick) -> Buffer {
        Buffer { values: Vec::new(), len_max: BUFFER_LEN, count: 0, sum: 0.0, slice_end }
    }
}

/// The streams of the slices.
#[derive(Debug)]
struct Window {
    slice_end: Tick,
    slice: Duration,
    streams: Vec<Stream>,
    head: usize,
    /// A buffer's memory, when no buffer uses it.
    spare: Vec<f64>,
}

#[derive(Debug)]
enum Kind {
    Plain(Histogram),
    Windowed(Box<Windowed>),
}

#[derive(Debug)]
struct Windowed {
    opts: SummaryOpts,
    created: SystemTime,
    /// Locked before the buffers.
    window: Mutex<Window>,
    buffers: Sharded<Buffer>,
}

/// Counts observations and estimates quantiles of the recent ones. A handle:
/// clones observe together.
#[derive(Clone, Debug)]
pub struct Summary(Arc<Kind>);

impl Summary {
    /// A summary, not registered anywhere.
    pub fn new(opts: SummaryOpts) -> Summary {
        Summary::new_at(opts, now_coarse())
    }

    fn new_at(opts: SummaryOpts, now: Tick) -> Summary {
        if opts.quantiles.is_empty() {
            return Summary(Arc::new(Kind::Plain(Histogram::without_buckets())));
        }
        let slices = opts.age_buckets.max(1);
        let slice = (opts.max_age / slices as u32).max(Duration::from_nanos(1));
        let window = Window {
            slice_end: now + slice,
            slice,
            streams: (0..slices).map(|_| Stream::new(&opts.quantiles)).collect(),
            head: 0,
            spare: Vec::new(),
        };
        Summary(Arc::new(Kind::Windowed(Box::new(Windowed {
            opts,
            created: SystemTime::now(),
            buffers: Sharded::new(Buffer::new(window.slice_end)),
            window: Mutex::new(window),
        }))))
    }

    /// Counts one observation. NaN counts in count and sum only.
    #[inline]
    pub fn observe(&self, value: f64) {
        match &*self.0 {
            Kind::Plain(plain) => plain.observe(value),
            Kind::Windowed(windowed) => windowed.observe(value, now_coarse()),
        }
    }

    /// Counts a duration, in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Calls `f` and observes the seconds it takes.
    pub fn time<T>(&self, f: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = f();
        self.observe_duration(start.elapsed());
        result
    }

    /// Count, sum and quantiles now; a quantile of nothing is NaN.
    pub fn snapshot(&self) -> SummaryValue {
        self.snapshot_at(now_coarse())
    }

    fn snapshot_at(&self, now: Tick) -> SummaryValue {
        match &*self.0 {
            Kind::Plain(plain) => {
                let value = plain.snapshot();
                SummaryValue { count: value.count, sum: value.sum, quantiles: Vec::new() }
            }
            Kind::Windowed(windowed) => windowed.snapshot(now),
        }
    }

    /// Since when it counts.
    pub fn created(&self) -> SystemTime {
        match &*self.0 {
            Kind::Plain(plain) => plain.created(),
            Kind::Windowed(windowed) => windowed.created,
        }
    }

    pub(crate) fn metric(&self, labels: LabelPairs) -> Metric {
        let value = MetricValue::Summary(self.snapshot());
        Metric { labels, timestamp_ms: None, created: Some(self.created()), value, exemplar: None }
    }

    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

impl Windowed {
    fn observe(&self, value: f64, now: Tick) {
        // A buffer made here learns the end of the slice when it is first late.
        let new = || Buffer::new(now);
        let (full, late) = self.buffers.with(new, |buffer| {
            if now > buffer.slice_end {
                return (None, true);
            }
            (buffer.add(value), false)
        });
        if late {
            drop(self.flush(now));
            let full = self.buffers.with(new, |buffer| buffer.add(value));
            self.merge(full);
        } else if full.is_some() {
            self.merge(full);
        }
    }

    #[cold]
    fn merge(&self, full: Option<Vec<f64>>) {
        let Some(mut values) = full else { return };
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.merge(&mut values);
        window.spare = values;
    }

    /// Empties all buffers, moves the head to the slice of `now`, and adds up count and sum.
    fn flush(&self, now: Tick) -> (u64, f64, std::sync::MutexGuard<'_, Window>) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let slice_end = window.slice_end_at(now);
        let (mut count, mut sum) = (0, 0.0);
        let mut values = std::mem::take(&mut window.spare);
        values.clear();
        for mut guard in self.buffers.lock_all() {
            guard.with(|buffer| {
                values.append(&mut buffer.values);
                buffer.slice_end = slice_end;
                count += buffer.count;
                sum += buffer.sum;
            });
        }
        window.merge(&mut values);
        window.spare = values;
        window.move_on(now);
        (count, sum, window)
    }

    fn snapshot(&self, now: Tick) -> SummaryValue {
        let (count, sum, window) = self.flush(now);
        let head = &window.streams[window.head];
        let quantiles = self.opts.quantiles.iter().map(|&(quantile, _)| (quantile, head.query(quantile))).collect();
        SummaryValue { count, sum, quantiles }
    }
}

impl Buffer {
    /// Takes in an observation, and gives all when there are enough.
    #[inline]
    fn add(&mut self, value: f64) -> Option<Vec<f64>> {
        self.count += 1;
        self.sum += value;
        if value.is_nan() {
            return None;
        }
        if self.values.capacity() == 0 {
            self.values.reserve_exact(self.len_max);
        }
        self.values.push(value);
        (self.values.len() >= self.len_max).then(|| {
            self.len_max = (2 * self.len_max).min(BUFFER_LEN_MAX);
            std::mem::take(&mut self.values)
        })
    }
}

impl Window {
    fn merge(&mut self, values: &mut Vec<f64>) {
        values.sort_unstable_by(f64::total_cmp);
        for stream in &mut self.streams {
            stream.merge(values);
        }
        values.clear();
    }

    /// How many slices end before `now`.
    fn slices_over(&self, now: Tick) -> u128 {
        // As many as it takes for the end not to lie before now.
        now.saturating_sub(self.slice_end).as_nanos().div_ceil(self.slice.as_nanos())
    }

    /// When the slice of `now` ends.
    fn slice_end_at(&self, now: Tick) -> Tick {
        match u32::try_from(self.slices_over(now)).ok().and_then(|slices| self.slice.checked_mul(slices)) {
            Some(passed) => self.slice_end + passed,
            None => now + self.slice,
        }
    }

    /// Moves the head to the slice of `now`.
    fn move_on(&mut self, now: Tick) {
        for _ in 0..self.slices_over(now).min(self.streams.len() as u128) {
            self.streams[self.head].clear();
            self.head = (self.head + 1) % self.streams.len();
        }
        self.slice_end = self.slice_end_at(now);
    }
}

#[cfg(test)]
mod tests;
