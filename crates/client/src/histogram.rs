//! Histograms, classic and native.
//!
//! An observation locks a copy of the counts for some nanoseconds, in which it adds
//! to a bucket, to the sum and to a native bucket (see `shard`). A snapshot locks
//! all copies at once, so that it shows one instant: sum, count and buckets of the
//! same observations. The count is the sum of the buckets and not kept besides.

pub(crate) mod native;
mod opts;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use narthex_exposition::{HistogramValue, LabelPairs, Metric, MetricValue};

use self::native::Native;
use self::opts::NativeConfig;
pub use self::opts::{DEFAULT_ZERO_THRESHOLD, HistogramConfig, HistogramOpts};
use crate::error::RegisterError;
use crate::exemplar::{self, Exemplar, ExemplarError, Spread};
use crate::shard::Sharded;

/// The bounds used when none are given: 5 ms to 10 s.
pub const DEFAULT_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// `count` bounds from `start` on, each `width` above the one before.
pub fn linear_buckets(start: f64, width: f64, count: usize) -> Vec<f64> {
    std::iter::successors(Some(start), |bound| Some(bound + width)).take(count).collect()
}

/// `count` bounds from `start` on, each `factor` times the one before.
pub fn exponential_buckets(start: f64, factor: f64, count: usize) -> Vec<f64> {
    std::iter::successors(Some(start), |bound| Some(bound * factor)).take(count).collect()
}

/// `count` bounds from `min` (above 0) to `max`, each by the same factor above the one before.
pub fn exponential_buckets_range(min: f64, max: f64, count: usize) -> Vec<f64> {
    let growth = (max / min).powf(1.0 / (count.max(2) - 1) as f64);
    (0..count).map(|i| min * growth.powi(i as i32)).collect()
}

/// Up to so many bounds are compared all, which needs no guessing by the processor.
const COMPARE_ALL_MAX: usize = 35;

/// One copy of the counts.
#[derive(Clone, Debug)]
struct Counts {
    sum: f64,
    /// How many observations fell into each classic bucket; the last is `+Inf`.
    buckets: Box<[u64]>,
    native: Option<Native>,
}

impl Counts {
    fn new(config: &HistogramConfig) -> Counts {
        Counts {
            sum: 0.0,
            buckets: vec![0; config.bounds.len() + 1].into(),
            native: config.native.as_ref().map(|native| Native::new(native.schema, native.zero_threshold)),
        }
    }

    #[inline(always)]
    fn observe(&mut self, bucket: usize, value: f64) {
        self.buckets[bucket] += 1;
        self.sum += value;
        if let Some(native) = &mut self.native {
            native.observe(value);
        }
    }

    fn add_all(&mut self, other: &Counts) {
        self.sum += other.sum;
        for (bucket, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += count;
        }
        if let (Some(native), Some(other)) = (&mut self.native, &other.native) {
            native.add_all(other);
        }
    }
}

#[derive(Debug)]
struct Inner {
    config: HistogramConfig,
    counts: Sharded<Counts>,
    /// Locked before the copies of the counts, never by an ordinary observation.
    times: Mutex<Times>,
    /// Whether a reset is due at some time.
    is_reset_due: AtomicBool,
    exemplars: OnceLock<Mutex<Exemplars>>,
}

#[derive(Debug)]
struct Times {
    /// When it was made or reset.
    created: SystemTime,
    reset_due: Option<SystemTime>,
}

#[derive(Debug, Default)]
struct Exemplars {
    classic: Vec<Option<Exemplar>>,
    native: Spread,
}

/// Counts observations in buckets. A handle: clones observe together.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

impl Histogram {
    /// A histogram with these upper bounds (inclusive), not registered anywhere.
    /// Empty means [`DEFAULT_BUCKETS`]; `+Inf` is implied and may be given.
    ///
    /// # Errors
    /// The bounds again, when they do not rise or one is NaN.
    pub fn new(bounds: &[f64]) -> Result<Histogram, Vec<f64>> {
        let given = if bounds.is_empty() { &DEFAULT_BUCKETS[..] } else { bounds };
        Histogram::with_opts(given).map_err(|_| given.to_vec())
    }

    /// A histogram of any kind, not registered anywhere.
    ///
    /// # Errors
    /// [`RegisterError::Buckets`] when the bounds do not rise or one is NaN,
    /// [`RegisterError::BucketFactor`] when the factor is not above 1.
    pub fn with_opts(opts: impl Into<HistogramOpts>) -> Result<Histogram, RegisterError> {
        Ok(Histogram::create_at(opts.into().check("")?, SystemTime::now()))
    }

    pub(crate) fn create_at(config: HistogramConfig, now: SystemTime) -> Histogram {
        Histogram(Arc::new(Inner {
            counts: Sharded::new(Counts::new(&config)),
            config,
            times: Mutex::new(Times { created: now, reset_due: None }),
            is_reset_due: AtomicBool::new(false),
            exemplars: OnceLock::new(),
        }))
    }

    /// Without buckets: count and sum only.
    pub(crate) fn without_buckets() -> Histogram {
        Histogram::create_at(HistogramConfig { bounds: Box::default(), native: None }, SystemTime::now())
    }

    /// Counts one observation. NaN goes to the bucket `+Inf` and spoils the sum; native
    /// buckets do not count it.
    #[inline]
    pub fn observe(&self, value: f64) {
        let inner = &*self.0;
        let bucket = inner.bucket(value);
        let Some(native) = &inner.config.native else {
            inner.counts.with(|| Counts::new(&inner.config), |counts| counts.observe(bucket, value));
            return;
        };
        inner.observe_native(native, bucket, value);
    }

    /// Counts a duration, in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// As [`Histogram::observe`], and keeps the value as an exemplar: the newest of each
    /// classic bucket, and some spread over the native ones.
    ///
    /// # Errors
    /// When the labels cannot be those of an exemplar; the value is counted all the same.
    pub fn observe_with_exemplar(&self, value: f64, labels: &[(&str, &str)]) -> Result<(), ExemplarError> {
        self.observe(value);
        self.0.keep(exemplar::now(exemplar::exemplar_labels(labels)?, value));
        Ok(())
    }

    /// As [`Histogram::observe`], with an exemplar if the surroundings give one
    /// ([`crate::set_exemplar_provider`]).
    pub fn observe_in_context(&self, value: f64) {
        self.observe(value);
        if let Some(labels) = exemplar::from_context() {
            self.0.keep(exemplar::now(labels, value));
        }
    }

    /// A timer that observes the seconds until it is dropped.
    #[must_use]
    pub fn start_timer(&self) -> HistogramTimer {
        HistogramTimer { histogram: Some(self.clone()), start: Instant::now() }
    }

    /// Calls `f` and observes the seconds it takes.
    pub fn time<T>(&self, f: impl FnOnce() -> T) -> T {
        let _timer = self.start_timer();
        f()
    }

    /// Observes in memory of its own and adds to this histogram when flushed or dropped.
    pub fn local(&self) -> LocalHistogram {
        LocalHistogram { histogram: self.clone(), counts: Counts::new(&self.0.config) }
    }

    /// Everything observed until some instant within the call, without exemplars.
    pub fn snapshot(&self) -> HistogramValue {
        self.0.snapshot(SystemTime::now()).0
    }

    /// Since when it counts: when it was made, or reset for want of buckets.
    pub fn created(&self) -> SystemTime {
        self.0.times().created
    }

    pub(crate) fn metric(&self, labels: LabelPairs) -> Metric {
        // Read first: an exemplar shown has been counted.
        let exemplars = self.0.exemplars.get().map(|exemplars| {
            let exemplars = exemplars.lock().unwrap_or_else(PoisonError::into_inner);
            let classic = exemplars.classic.iter().enumerate();
            let classic: Vec<(usize, Exemplar)> =
                classic.filter_map(|(i, exemplar)| Some((i, exemplar.clone()?))).collect();
            (classic, exemplars.native.exemplars().to_vec())
        });
        let (mut value, created) = self.0.snapshot(SystemTime::now());
        if let Some((classic, native)) = exemplars {
            value.exemplars = classic;
            if let Some(side) = &mut value.native {
                side.exemplars = native;
            }
        }
        let value = MetricValue::Histogram(value);
        Metric { labels, timestamp_ms: None, created: Some(created), value, exemplar: None }
    }

    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

impl Inner {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first bucket whose bound is not below `value`.
    #[inline]
    #[allow(clippy::neg_cmp_op_on_partial_ord)]
    fn bucket(&self, value: f64) -> usize {
        let bounds = &*self.config.bounds;
        if bounds.len() <= COMPARE_ALL_MAX {
            // Written so that NaN is above all of them.
            return bounds.iter().map(|&bound| usize::from(!(value <= bound))).sum();
        }
        if value.is_nan() {
            return bounds.len();
        }
        bounds.partition_point(|&bound| bound < value)
    }

    fn observe_native(&self, native: &NativeConfig, bucket: usize, value: f64) {
        if self.is_reset_due.load(Relaxed) {
            self.reset_if_due(SystemTime::now());
        }
        let populated = self.counts.with(
            || Counts::new(&self.config),
            |counts| {
                counts.observe(bucket, value);
                counts.native.as_ref().map_or(0, Native::populated)
            },
        );
        if populated > native.max_buckets {
            self.limit(native, bucket, value, SystemTime::now());
        }
    }

    /// Makes room after the observation of `value` into `bucket` took too many native buckets.
    #[cold]
    fn limit(&self, native: &NativeConfig, bucket: usize, value: f64, now: SystemTime) {
        let mut times = self.times();
        let mut guards = self.counts.lock_all();
        let mut all = Counts::new(&self.config);
        guards.iter_mut().for_each(|guard| guard.with(|counts| all.add_all(counts)));
        let Some(side) = &mut all.native else { return };
        if side.populated() <= native.max_buckets {
            // Another thread has been here.
            return;
        }
        if !native.min_reset.is_zero() && times.reset_due.is_none() {
            let since = now.duration_since(times.created).unwrap_or_default();
            if since >= native.min_reset {
                guards.iter_mut().for_each(|guard| guard.with(|counts| *counts = Counts::new(&self.config)));
                guards[0].with(|counts| counts.observe(bucket, value));
                self.forget_exemplars();
                times.created = now;
                return;
            }
            times.reset_due = Some(times.created + native.min_reset);
            self.is_reset_due.store(true, Relaxed);
        }
        while side.populated() > native.max_buckets && (side.widen_zero(native.max_zero_threshold) || side.halve()) {}
        let coarse = &*side;
        for guard in &mut guards {
            guard.with(|counts| {
                if let Some(own) = &mut counts.native {
                    own.coarsen_to(coarse);
                }
            });
        }
    }

    fn reset_if_due(&self, now: SystemTime) {
        let mut times = self.times();
        if times.reset_due.is_some_and(|due| due <= now) {
            let mut guards = self.counts.lock_all();
            guards.iter_mut().for_each(|guard| guard.with(|counts| *counts = Counts::new(&self.config)));
            drop(guards);
            self.forget_exemplars();
            *times = Times { created: now, reset_due: None };
            self.is_reset_due.store(false, Relaxed);
        }
    }

    fn forget_exemplars(&self) {
        if let Some(exemplars) = self.exemplars.get() {
            let mut exemplars = exemplars.lock().unwrap_or_else(PoisonError::into_inner);
            exemplars.classic.fill(None);
            exemplars.native.clear();
        }
    }

    fn snapshot(&self, now: SystemTime) -> (HistogramValue, SystemTime) {
        if self.is_reset_due.load(Relaxed) {
            self.reset_if_due(now);
        }
        // A reset must not come between the counts and the time they began at. Only
        // native histograms are ever reset.
        let times = self.times();
        let mut guards = self.counts.lock_all();
        let mut all = guards[0].with(|counts| counts.clone());
        guards[1..].iter_mut().for_each(|guard| guard.with(|counts| all.add_all(counts)));
        if let (Some(config), Some(side)) = (&self.config.native, &mut all.native)
            && side.populated() > config.max_buckets
        {
            // No copy has too many buckets, but all together have.
            while side.populated() > config.max_buckets && (side.widen_zero(config.max_zero_threshold) || side.halve())
            {
            }
            for guard in &mut guards {
                guard.with(|counts| {
                    if let Some(own) = &mut counts.native {
                        own.coarsen_to(side);
                    }
                });
            }
        }
        drop(guards);
        let created = times.created;
        drop(times);
        let mut cumulative = 0;
        let mut buckets = Vec::with_capacity(self.config.bounds.len());
        for (i, in_bucket) in all.buckets.iter().enumerate() {
            cumulative += in_bucket;
            if let Some(&bound) = self.config.bounds.get(i) {
                buckets.push((bound, cumulative));
            }
        }
        let native = all.native.map(|native| Box::new(native.encode()));
        (HistogramValue { count: cumulative, sum: all.sum, buckets, exemplars: Vec::new(), native }, created)
    }

    fn keep(&self, exemplar: Exemplar) {
        let exemplars = self.exemplars.get_or_init(Mutex::default);
        let mut exemplars = exemplars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(native) = &self.config.native {
            exemplars.native.add(exemplar.clone(), native.keep);
        }
        if !self.config.bounds.is_empty() || self.config.native.is_none() {
            let bucket = self.bucket(exemplar.value);
            exemplars.classic.resize(self.config.bounds.len() + 1, None);
            exemplars.classic[bucket] = Some(exemplar);
        }
    }
}

/// Observes the seconds from its creation to its end.
#[derive(Debug)]
pub struct HistogramTimer {
    histogram: Option<Histogram>,
    start: Instant,
}

impl HistogramTimer {
    /// Observes the time until now, and no more when dropped. Says how long it was.
    pub fn stop(mut self) -> Duration {
        let elapsed = self.start.elapsed();
        if let Some(histogram) = self.histogram.take() {
            histogram.observe_duration(elapsed);
        }
        elapsed
    }

    /// As [`HistogramTimer::stop`], with an exemplar.
    ///
    /// # Errors
    /// As [`Histogram::observe_with_exemplar`].
    pub fn stop_with_exemplar(mut self, labels: &[(&str, &str)]) -> Result<Duration, ExemplarError> {
        let elapsed = self.start.elapsed();
        match self.histogram.take() {
            Some(histogram) => histogram.observe_with_exemplar(elapsed.as_secs_f64(), labels).map(|()| elapsed),
            None => Ok(elapsed),
        }
    }

    /// Observes nothing.
    pub fn discard(mut self) {
        self.histogram = None;
    }
}

impl Drop for HistogramTimer {
    fn drop(&mut self) {
        if let Some(histogram) = &self.histogram {
            histogram.observe_duration(self.start.elapsed());
        }
    }
}

/// Observes in memory of its own and adds to a histogram when it is flushed or dropped.
#[derive(Debug)]
pub struct LocalHistogram {
    histogram: Histogram,
    counts: Counts,
}

impl LocalHistogram {
    /// Counts one observation.
    #[inline]
    pub fn observe(&mut self, value: f64) {
        self.counts.observe(self.histogram.0.bucket(value), value);
        if let (Some(config), Some(native)) = (&self.histogram.0.config.native, &self.counts.native)
            && native.populated() >= config.max_buckets
        {
            self.flush();
        }
    }

    /// Adds what was observed to the histogram, all at once.
    pub fn flush(&mut self) {
        let inner = &*self.histogram.0;
        let mine = std::mem::replace(&mut self.counts, Counts::new(&inner.config));
        // Too many native buckets are noticed by the next observation or snapshot.
        inner.counts.with(|| Counts::new(&inner.config), |counts| counts.add_all(&mine));
    }
}

impl Drop for LocalHistogram {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests;
