//! Counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use narthex_exposition::MetricValue;

use crate::atomic::add_float;

#[derive(Debug, Default)]
struct Inner {
    /// Whole numbers are added here, by one instruction.
    whole: AtomicU64,
    /// The bits of the sum of all else.
    float: AtomicU64,
}

/// A number that only rises. A handle: clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<Inner>);

impl Counter {
    /// A counter at 0, not registered anywhere.
    pub fn new() -> Counter {
        Counter::default()
    }

    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `count`.
    #[inline]
    pub fn inc_by(&self, count: u64) {
        self.0.whole.fetch_add(count, Relaxed);
    }

    /// Adds `amount`. A negative one is a mistake of the program: a panic in
    /// debug builds, without effect otherwise.
    #[inline]
    pub fn add(&self, amount: f64) {
        debug_assert!(amount >= 0.0 || amount.is_nan(), "counter cannot decrease in value");
        if amount < 0.0 {
            return;
        }
        let whole = amount as u64;
        if whole as f64 == amount && whole < u64::MAX {
            self.inc_by(whole);
        } else {
            add_float(&self.0.float, amount);
        }
    }

    /// The value now.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.float.load(Relaxed)) + self.0.whole.load(Relaxed) as f64
    }

    pub(crate) fn value(&self) -> MetricValue {
        MetricValue::Single(self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_exact_and_others_mix() {
        let counter = Counter::new();
        counter.inc_by(1 << 53);
        counter.inc();
        counter.inc();
        assert_eq!(counter.get(), ((1u64 << 53) + 2) as f64);
        let counter = Counter::new();
        counter.add(0.5);
        counter.add(2.0);
        counter.clone().inc();
        assert_eq!(counter.get(), 3.5);
    }
}
