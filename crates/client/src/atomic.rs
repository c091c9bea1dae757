//! Sums that many threads add to.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::sync::{parallelism, thread_index};

/// Adds to the float whose bits `word` holds.
#[inline]
pub(crate) fn add_float(word: &AtomicU64, amount: f64) {
    let mut old = word.load(Relaxed);
    loop {
        let new = (f64::from_bits(old) + amount).to_bits();
        match word.compare_exchange_weak(old, new, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(now) => old = now,
        }
    }
}

/// A sum on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(Words);

#[derive(Debug, Default)]
struct Words {
    /// Whole numbers are added here, by one instruction.
    whole: AtomicU64,
    /// The bits of the sum of all else.
    float: AtomicU64,
}

/// So often an addition has to be disturbed before there are more copies.
const MEETINGS_MAX: u32 = 8;
const SHARDS_MAX: usize = 16;
/// One in so many additions looks for other threads.
const PROBE_EVERY: u64 = 64;

/// A sum of whole numbers, kept exactly, and of other floats. As long as threads
/// do not meet it is two words; when they do, it becomes several such pairs.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    first: Words,
    more: OnceLock<Box<[Line]>>,
    meetings: AtomicU32,
}

impl Sum {
    #[inline]
    pub(crate) fn add_whole(&self, count: u64) {
        if let Some(more) = self.more.get() {
            more[thread_index() & (more.len() - 1)].0.whole.fetch_add(count, Relaxed);
            return;
        }
        let old = self.first.whole.fetch_add(count, Relaxed);
        if old.is_multiple_of(PROBE_EVERY) {
            self.probe();
        }
    }

    /// An addition does not tell whether other threads are here; exchanging the value for
    /// itself does.
    #[cold]
    fn probe(&self) {
        let old = self.first.whole.load(Relaxed);
        if self.first.whole.compare_exchange(old, old, Relaxed, Relaxed).is_err() {
            self.meet();
        }
    }

    #[inline]
    pub(crate) fn add_float(&self, amount: f64) {
        if let Some(more) = self.more.get() {
            add_float(&more[thread_index() & (more.len() - 1)].0.float, amount);
            return;
        }
        let old = self.first.float.load(Relaxed);
        let new = (f64::from_bits(old) + amount).to_bits();
        if self.first.float.compare_exchange(old, new, Relaxed, Relaxed).is_err() {
            self.meet();
            add_float(&self.first.float, amount);
        }
    }

    #[cold]
    fn meet(&self) {
        if self.meetings.fetch_add(1, Relaxed) >= MEETINGS_MAX {
            self.more.get_or_init(|| {
                let count = (parallelism() + 1).next_power_of_two().clamp(2, SHARDS_MAX);
                (0..count).map(|_| Line::default()).collect()
            });
        }
    }

    /// The sum now. Beyond `u64::MAX` the whole numbers stay there.
    pub(crate) fn get(&self) -> f64 {
        let mut whole = self.first.whole.load(Relaxed);
        let mut float = f64::from_bits(self.first.float.load(Relaxed));
        for Line(words) in self.more.get().into_iter().flat_map(|more| more.iter()) {
            whole = whole.saturating_add(words.whole.load(Relaxed));
            float += f64::from_bits(words.float.load(Relaxed));
        }
        float + whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_threads_meet() {
        let sum = Sum::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        sum.add_whole(1);
                        sum.add_float(0.5);
                    }
                });
            }
        });
        assert_eq!(sum.get(), 120_000.0);
    }

    #[test]
    fn whole_numbers_stay_exact() {
        let sum = Sum::default();
        sum.add_whole(1 << 53);
        (0..3).for_each(|_| sum.add_whole(1));
        assert_eq!(sum.get(), ((1u64 << 53) + 3) as f64);
    }
}
