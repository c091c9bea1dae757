//! Counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use narthex_exposition::{LabelPairs, Metric, MetricValue};

use crate::atomic::Sum;
use crate::exemplar::{self, ExemplarError, Slot};

/// How often a program tried to lower a counter.
static MISUSES: AtomicU64 = AtomicU64::new(0);

/// How often this program tried to lower a counter, which had no effect.
pub fn misuse_count() -> u64 {
    MISUSES.load(Relaxed)
}

#[derive(Debug)]
struct Inner {
    sum: Sum,
    exemplar: Slot,
    created: SystemTime,
}

/// A number that only rises. A handle: clones count together.
///
/// Counting takes one atomic instruction. When threads meet often, each gets words
/// of its own to count in.
#[derive(Clone, Debug)]
pub struct Counter(Arc<Inner>);

impl Default for Counter {
    fn default() -> Counter {
        Counter::new()
    }
}

impl Counter {
    /// A counter at 0, not registered anywhere.
    pub fn new() -> Counter {
        Counter(Arc::new(Inner { sum: Sum::default(), exemplar: Slot::default(), created: SystemTime::now() }))
    }

    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `count`. Whole numbers stay exact up to `u64::MAX`, beyond which they begin at 0 again.
    #[inline]
    pub fn inc_by(&self, count: u64) {
        self.0.sum.add_whole(count);
    }

    /// Adds `amount`. A negative one is a mistake of the program: a panic in
    /// debug builds, without effect otherwise (see [`misuse_count`]).
    #[inline]
    pub fn add(&self, amount: f64) {
        debug_assert!(amount >= 0.0 || amount.is_nan(), "counter cannot decrease in value");
        if amount < 0.0 {
            MISUSES.fetch_add(1, Relaxed);
            return;
        }
        let whole = amount as u64;
        if whole as f64 == amount && whole < u64::MAX {
            self.inc_by(whole);
        } else {
            self.0.sum.add_float(amount);
        }
    }

    /// As [`Counter::add`], and keeps `amount` as the exemplar, with these labels.
    ///
    /// # Errors
    /// When the labels cannot be those of an exemplar; `amount` is added all the same.
    pub fn add_with_exemplar(&self, amount: f64, labels: &[(&str, &str)]) -> Result<(), ExemplarError> {
        self.add(amount);
        self.0.exemplar.set(exemplar::now(exemplar::exemplar_labels(labels)?, amount));
        Ok(())
    }

    /// Adds 1, with an exemplar if the surroundings give one ([`crate::set_exemplar_provider`]).
    pub fn inc_in_context(&self) {
        self.inc();
        if let Some(labels) = exemplar::from_context() {
            self.0.exemplar.set(exemplar::now(labels, 1.0));
        }
    }

    /// Counts the errors among the results of `f`: adds 1 when it is one.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn count_errors<T, E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        f().inspect_err(|_| self.inc())
    }

    /// The value now.
    pub fn get(&self) -> f64 {
        self.0.sum.get()
    }

    /// Since when it counts.
    pub fn created(&self) -> SystemTime {
        self.0.created
    }

    pub(crate) fn metric(&self, labels: LabelPairs) -> Metric {
        // Read first: an exemplar shown has been counted.
        let exemplar = self.0.exemplar.get();
        let value = MetricValue::Single(self.get());
        Metric { labels, timestamp_ms: None, created: Some(self.0.created), value, exemplar }
    }

    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// Counts in memory of its own and adds to a counter when it is flushed or
/// dropped: for loops in which even an atomic instruction is too much.
#[derive(Debug)]
pub struct LocalCounter {
    counter: Counter,
    count: u64,
}

impl Counter {
    /// A counter of this thread's own in front of this one.
    pub fn local(&self) -> LocalCounter {
        LocalCounter { counter: self.clone(), count: 0 }
    }
}

impl LocalCounter {
    /// Adds 1.
    #[inline]
    pub fn inc(&mut self) {
        self.count += 1;
    }

    /// Adds `count`.
    #[inline]
    pub fn inc_by(&mut self, count: u64) {
        self.count += count;
    }

    /// Adds what was counted to the counter.
    pub fn flush(&mut self) {
        self.counter.inc_by(std::mem::take(&mut self.count));
    }
}

impl Drop for LocalCounter {
    fn drop(&mut self) {
        self.flush();
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

    #[test]
    fn the_newest_exemplar_is_kept() {
        let counter = Counter::new();
        counter.add_with_exemplar(2.0, &[("id", "a")]).unwrap();
        counter.add_with_exemplar(3.0, &[("id", "b")]).unwrap();
        assert!(counter.add_with_exemplar(1.0, &[("", "")]).is_err());
        let metric = counter.metric([].into());
        assert_eq!(metric.value, MetricValue::Single(6.0));
        assert_eq!(metric.exemplar.unwrap().labels.get("id"), Some("b"));
    }

    #[test]
    fn a_local_counter_adds_at_its_end() {
        let counter = Counter::new();
        let mut local = counter.local();
        local.inc();
        local.inc_by(2);
        assert_eq!(counter.get(), 0.0);
        drop(local);
        assert_eq!(counter.get(), 3.0);
        assert!(counter.count_errors(|| Err::<(), ()>(())).is_err());
        assert_eq!(counter.get(), 4.0);
    }
}
