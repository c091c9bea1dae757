//! A value that many threads add to and one now and then reads as a whole.
//!
//! It is kept behind a lock of one byte: taking it is one atomic instruction,
//! giving it back a plain store, and what is between is a handful of additions.
//! As long as threads do not meet there is one copy of the value. When they do,
//! there are several, each on cache lines of its own, and a thread adds to one
//! that is free. A reader locks all of them at once, so that it sees one instant.
//!
//! Cost: an uncontended update takes one atomic instruction besides the additions.
//! The four of a lock-free histogram with two halves take four times as long.

use crate::sync::{AtomicBool, AtomicU32, OnceLock, Ordering, UnsafeCell, parallelism, thread_index, yield_now};

/// A value behind a lock that is held for some nanoseconds only.
#[derive(Debug)]
pub(crate) struct Spin<T> {
    is_locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a `SpinGuard` only, of which there is one
// at a time: `try_lock` makes one when it is the one that set `is_locked`, and only
// dropping it clears that again. So a shared `Spin` hands the value from thread to
// thread, for which `T: Send` is what is needed.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Spin<T> {}

impl<T> Spin<T> {
    pub(crate) fn new(value: T) -> Spin<T> {
        Spin { is_locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// The right to use the value, unless somebody has it.
    #[inline(always)]
    pub(crate) fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        // Acquire: what the last holder wrote is seen.
        let was_locked = self.is_locked.swap(true, Ordering::Acquire);
        // Lazily: a guard that is made is a lock that is given back.
        (!was_locked).then(|| SpinGuard(self))
    }

    /// Waits for the right to use the value.
    pub(crate) fn lock(&self) -> SpinGuard<'_, T> {
        loop {
            if let Some(guard) = self.try_lock() {
                return guard;
            }
            // The holder needs some nanoseconds, or has been preempted.
            yield_now();
        }
    }
}

/// The right to use the value, given back when dropped.
#[derive(Debug)]
pub(crate) struct SpinGuard<'s, T>(&'s Spin<T>);

impl<T> SpinGuard<'_, T> {
    /// Uses the value.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn with<R>(&mut self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: this is the only guard of the lock (see above), and it is borrowed
        // mutably for as long as the reference lives.
        self.0.value.with_mut(|value| f(unsafe { &mut *value }))
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release: the next holder sees what was written.
        self.0.is_locked.store(false, Ordering::Release);
    }
}

/// On cache lines of its own; the prefetcher fetches them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Line<T>(Spin<T>);

/// So often threads have to meet before there are more copies: an accident now and
/// then is not worth their memory.
const MEETINGS_MAX: u32 = 8;
/// There are never more copies than this.
const SHARDS_MAX: usize = 16;

/// One copy of a value, or several when threads meet.
#[derive(Debug)]
pub(crate) struct Sharded<T> {
    first: Spin<T>,
    meetings: AtomicU32,
    more: OnceLock<Box<[Line<T>]>>,
}

impl<T> Sharded<T> {
    pub(crate) fn new(first: T) -> Sharded<T> {
        Sharded { first: Spin::new(first), meetings: AtomicU32::new(0), more: OnceLock::new() }
    }

    /// Uses one of the copies; `new` makes another one.
    #[inline(always)]
    pub(crate) fn with<R>(&self, new: impl Fn() -> T, f: impl FnOnce(&mut T) -> R) -> R {
        let mut guard = match self.more.get() {
            None => match self.first.try_lock() {
                Some(guard) => guard,
                None => self.meet(new),
            },
            Some(more) => self.any_of(more),
        };
        guard.with(f)
    }

    #[cold]
    fn meet(&self, new: impl Fn() -> T) -> SpinGuard<'_, T> {
        if self.meetings.fetch_add(1, Ordering::Relaxed) < MEETINGS_MAX {
            return self.first.lock();
        }
        self.grow(new);
        self.any_of(self.more.get().expect("made above"))
    }

    /// Makes more copies.
    pub(crate) fn grow(&self, new: impl Fn() -> T) {
        self.more.get_or_init(|| {
            // One thread per processor finds a free one; a preempted holder keeps one busy.
            let count = (parallelism() + 1).next_power_of_two().clamp(2, SHARDS_MAX);
            (0..count).map(|_| Line(Spin::new(new()))).collect()
        });
    }

    #[inline]
    fn any_of<'s>(&'s self, more: &'s [Line<T>]) -> SpinGuard<'s, T> {
        let own = thread_index();
        loop {
            for i in 0..more.len() {
                if let Some(guard) = more[(own + i) & (more.len() - 1)].0.try_lock() {
                    return guard;
                }
            }
            yield_now();
        }
    }

    /// Locks all copies: nobody adds anything until the guards are dropped.
    ///
    /// Copies that are made meanwhile are not among them. They were empty when this
    /// looked for them, with the first copy locked: what is in them came later.
    pub(crate) fn lock_all(&self) -> Vec<SpinGuard<'_, T>> {
        let mut guards = vec![self.first.lock()];
        guards.extend(self.more.get().into_iter().flat_map(|more| more.iter()).map(|line| line.0.lock()));
        guards
    }
}
