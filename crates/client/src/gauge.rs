//! Gauges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use narthex_exposition::MetricValue;

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

    /// The value now.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    pub(crate) fn value(&self) -> MetricValue {
        MetricValue::Single(self.get())
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
    }
}
