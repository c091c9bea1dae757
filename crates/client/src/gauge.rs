//! Gauges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use narthex_exposition::{LabelPairs, Metric, MetricValue};

use crate::atomic::add_float;

/// A number that goes up and down. A handle: clones show the same number.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// A gauge at 0, not registered anywhere.
    pub fn new() -> Gauge {
        Gauge::default()
    }

    /// Replaces the value.
    #[inline]
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Subtracts 1.
    #[inline]
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Adds `amount`, which may be negative.
    #[inline]
    pub fn add(&self, amount: f64) {
        add_float(&self.0, amount);
    }

    /// Subtracts `amount`.
    #[inline]
    pub fn sub(&self, amount: f64) {
        self.add(-amount);
    }

    /// Adds 1 until the returned guard is dropped.
    #[must_use]
    pub fn track(&self) -> InProgress {
        self.inc();
        InProgress(self.clone())
    }

    /// Sets the seconds since the epoch of now.
    pub fn set_to_current_time(&self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.set(since.as_secs_f64());
    }

    /// Calls `f` and sets the seconds it took.
    pub fn time<T>(&self, f: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = f();
        self.set(start.elapsed().as_secs_f64());
        result
    }

    /// The value now.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    pub(crate) fn metric(&self, labels: LabelPairs) -> Metric {
        Metric::new(labels, MetricValue::Single(self.get()))
    }

    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// Counts as one in the gauge it came from, until dropped.
#[derive(Debug)]
pub struct InProgress(Gauge);

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_up_and_down() {
        let gauge = Gauge::new();
        gauge.set(2.5);
        gauge.sub(1.0);
        let guard = gauge.track();
        assert_eq!(gauge.get(), 2.5);
        drop(guard);
        assert_eq!(gauge.get(), 1.5);
        gauge.set_to_current_time();
        assert!(gauge.get() > 1.5e9);
        assert_eq!(gauge.time(|| 3), 3);
        assert!(gauge.get() < 60.0);
    }
}
