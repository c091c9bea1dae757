//! Classic histograms.
//!
//! An observation touches four words and takes no lock. A snapshot must show one
//! instant all the same: sum, count and buckets of the same observations. So
//! there are two halves. Observations go to the hot one; a snapshot makes the
//! other one hot, waits for the observations under way in the now cold half,
//! reads it, and adds it to the hot half.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use narthex_exposition::{HistogramValue, MetricValue};

use crate::atomic::add_float;

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

/// Fewer bounds than these are searched one by one.
const LINEAR_SEARCH_MAX: usize = 35;
const HOT_BIT: u64 = 1 << 63;

#[derive(Debug)]
struct Half {
    /// How many observations are complete.
    count: AtomicU64,
    /// The bits of their sum.
    sum: AtomicU64,
    /// How many fell into each bucket; the last is `+Inf`.
    buckets: Box<[AtomicU64]>,
}

#[derive(Debug)]
struct Inner {
    bounds: Box<[f64]>,
    /// The top bit names the hot half, the others count the observations begun.
    begun: AtomicU64,
    halves: [Half; 2],
    /// Held by the one snapshot under way.
    snapshot: Mutex<()>,
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
        let finite = given.strip_suffix(&[f64::INFINITY]).unwrap_or(given);
        let rising = finite.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || finite.iter().any(|bound| bound.is_nan() || *bound == f64::INFINITY) {
            return Err(given.to_vec());
        }
        Ok(Histogram::with_bounds(finite))
    }

    /// With these bounds, which rise; possibly none.
    pub(crate) fn with_bounds(bounds: &[f64]) -> Histogram {
        let half = || Half {
            count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
        };
        Histogram(Arc::new(Inner {
            bounds: bounds.into(),
            begun: AtomicU64::new(0),
            halves: [half(), half()],
            snapshot: Mutex::new(()),
        }))
    }

    /// The finite upper bounds.
    pub(crate) fn bounds(&self) -> &[f64] {
        &self.0.bounds
    }

    /// Counts one observation. NaN goes to the bucket `+Inf` and spoils the sum.
    #[inline]
    pub fn observe(&self, value: f64) {
        let inner = &*self.0;
        let bucket = inner.bucket(value);
        let begun = inner.begun.fetch_add(1, AcqRel);
        let half = &inner.halves[usize::from(begun & HOT_BIT != 0)];
        half.buckets[bucket].fetch_add(1, Relaxed);
        add_float(&half.sum, value);
        // Last: a snapshot that sees it sees the rest.
        half.count.fetch_add(1, Release);
    }

    /// Counts a duration, in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// A timer that observes the seconds until it is dropped.
    #[must_use]
    pub fn start_timer(&self) -> HistogramTimer {
        HistogramTimer { histogram: self.clone(), start: Instant::now() }
    }

    /// Everything observed until some instant within the call.
    pub fn snapshot(&self) -> HistogramValue {
        let inner = &*self.0;
        let _one = inner.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = inner.begun.fetch_add(HOT_BIT, AcqRel);
        let was_hot = usize::from(begun & HOT_BIT != 0);
        let (cold, hot) = (&inner.halves[was_hot], &inner.halves[1 - was_hot]);
        let count = begun & !HOT_BIT;
        while cold.count.load(Acquire) != count {
            std::thread::yield_now();
        }
        let sum = f64::from_bits(take(&cold.sum));
        let mut value = HistogramValue { count, sum, buckets: Vec::with_capacity(inner.bounds.len()) };
        let mut cumulative = 0;
        for (i, bucket) in cold.buckets.iter().enumerate() {
            let in_bucket = take(bucket);
            hot.buckets[i].fetch_add(in_bucket, Relaxed);
            cumulative += in_bucket;
            if let Some(&bound) = inner.bounds.get(i) {
                value.buckets.push((bound, cumulative));
            }
        }
        add_float(&hot.sum, sum);
        cold.count.store(0, Relaxed);
        hot.count.fetch_add(count, Release);
        value
    }

    pub(crate) fn value(&self) -> MetricValue {
        MetricValue::Histogram(self.snapshot())
    }
}

fn take(word: &AtomicU64) -> u64 {
    // Nobody else touches a cold half.
    let value = word.load(Ordering::Relaxed);
    word.store(0, Ordering::Relaxed);
    value
}

impl Inner {
    /// The first bucket whose bound is not below `value`.
    #[inline]
    fn bucket(&self, value: f64) -> usize {
        let bounds = &*self.bounds;
        if value.is_nan() {
            return bounds.len();
        }
        if bounds.len() < LINEAR_SEARCH_MAX {
            return bounds.iter().position(|&bound| value <= bound).unwrap_or(bounds.len());
        }
        bounds.partition_point(|&bound| bound < value)
    }
}

/// Observes the seconds from its creation to its end.
#[derive(Debug)]
pub struct HistogramTimer {
    histogram: Histogram,
    start: Instant,
}

impl Drop for HistogramTimer {
    fn drop(&mut self) {
        self.histogram.observe_duration(self.start.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_nan_is_counted() {
        for bounds in [linear_buckets(1.0, 1.0, 34), linear_buckets(1.0, 1.0, 35)] {
            let histogram = Histogram::new(&bounds).unwrap();
            for value in [0.5, 1.0, 1.5, 1e9, f64::NEG_INFINITY, f64::INFINITY, f64::NAN] {
                histogram.observe(value);
            }
            let value = histogram.snapshot();
            assert_eq!(value.count, 7);
            assert_eq!(&value.buckets[..2], &[(1.0, 3), (2.0, 4)]);
            assert_eq!(value.buckets.last().unwrap().1, 4);
            assert!(value.sum.is_nan());
        }
    }

    #[test]
    fn bounds_must_rise() {
        assert!(Histogram::new(&[1.0, 1.0]).is_err());
        assert!(Histogram::new(&[f64::NAN]).is_err());
        assert!(Histogram::new(&[1.0, f64::INFINITY, f64::INFINITY]).is_err());
        assert_eq!(Histogram::new(&[1.0, f64::INFINITY]).unwrap().snapshot().buckets.len(), 1);
        assert_eq!(Histogram::new(&[]).unwrap().snapshot().buckets.len(), DEFAULT_BUCKETS.len());
    }

    #[test]
    fn exponential_bounds_are_repeated_products() {
        assert_eq!(exponential_buckets(32.0, 1.5, 4), [32.0, 48.0, 72.0, 108.0]);
    }

    #[test]
    fn every_snapshot_shows_one_instant() {
        let histogram = Histogram::new(&[0.5, 1.0]).unwrap();
        let each = 50_000;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..each).for_each(|_| histogram.observe(1.0)));
            }
            loop {
                let value = histogram.snapshot();
                assert_eq!(value.sum, value.count as f64);
                assert_eq!(value.buckets, [(0.5, 0), (1.0, value.count)]);
                if value.count == 4 * each {
                    return;
                }
            }
        });
        assert_eq!(histogram.snapshot().count, 4 * each);
    }
}
