//! The lock and its copies under many orders in which threads may run.
//!
//! The source of the library is compiled once more here, on the primitives of the
//! model checker: what is checked is what is shipped.

#[path = "../src/shard.rs"]
#[allow(dead_code, unreachable_pub)]
mod shard;

/// What `src/sync.rs` is to the library.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    pub(crate) use shuttle::thread::yield_now;
    pub(crate) use std::sync::OnceLock;

    use std::cell::Cell;

    /// Notices when two are in it at once.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T> {
        value: std::cell::UnsafeCell<T>,
        is_used: std::sync::atomic::AtomicBool,
    }

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell { value: std::cell::UnsafeCell::new(value), is_used: Default::default() }
        }

        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            assert!(!self.is_used.swap(true, Ordering::SeqCst), "two threads use the value at once");
            // Here others may run.
            yield_now();
            let result = f(self.value.get());
            yield_now();
            self.is_used.store(false, Ordering::SeqCst);
            result
        }
    }

    pub(crate) fn parallelism() -> usize {
        1
    }

    shuttle::thread_local! {
        static INDEX: Cell<usize> = Cell::new(0);
    }

    pub(crate) fn set_thread_index(index: usize) {
        INDEX.with(|own| own.set(index));
    }

    pub(crate) fn thread_index() -> usize {
        INDEX.with(Cell::get)
    }
}

use std::sync::Arc;

use shard::Sharded;
use shuttle::thread;

/// A histogram of one bucket: the sum has to be that of the bucket, always.
#[derive(Clone, Copy, Default)]
struct Counts {
    bucket: u64,
    sum: u64,
}

fn add(counts: &Sharded<Counts>) {
    counts.with(Counts::default, |counts| {
        counts.bucket += 1;
        counts.sum += 7;
    });
}

fn read(counts: &Sharded<Counts>) -> Counts {
    let mut guards = counts.lock_all();
    guards.iter_mut().fold(Counts::default(), |all, guard| {
        guard.with(|counts| Counts { bucket: all.bucket + counts.bucket, sum: all.sum + counts.sum })
    })
}

/// Runs two threads that add and one that reads, in many orders.
fn check(is_grown: bool) {
    const ADDS: u64 = 12;
    let run = move || {
        let counts = Arc::new(Sharded::new(Counts::default()));
        if is_grown {
            counts.grow(Counts::default);
        }
        let writer = |index| {
            let counts = Arc::clone(&counts);
            thread::spawn(move || {
                sync::set_thread_index(index);
                (0..ADDS).for_each(|_| add(&counts));
            })
        };
        let writers = [writer(0), writer(1)];
        let mut before = 0;
        for _ in 0..3 {
            let seen = read(&counts);
            assert_eq!(seen.sum, 7 * seen.bucket, "a torn reading");
            assert!(seen.bucket >= before, "an addition vanished");
            before = seen.bucket;
        }
        for writer in writers {
            writer.join().expect("the thread does not panic");
        }
        let all = read(&counts);
        assert_eq!((all.bucket, all.sum), (2 * ADDS, 14 * ADDS), "an addition was lost");
    };
    shuttle::check_random(run, 150);
    shuttle::check_pct(run, 150, 3);
}

#[test]
fn a_reading_is_never_torn_while_copies_are_made() {
    check(false);
}

#[test]
fn a_reading_is_never_torn_over_several_copies() {
    check(true);
}
