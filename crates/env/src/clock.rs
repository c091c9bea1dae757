//! Time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where a part gets its time from.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the Unix epoch, by the wall clock. May jump.
    fn now_ns(&self) -> i64;

    /// Time since some fixed point; never runs backwards.
    fn monotonic(&self) -> Duration;

    /// Milliseconds since the Unix epoch, rounded down.
    fn now_ms(&self) -> i64 {
        self.now_ns().div_euclid(1_000_000)
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now_ns(&self) -> i64 {
        // A clock set before 1970 counts as the epoch itself.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that a test moves by hand; wall and monotonic time move together.
#[derive(Debug)]
pub struct ManualClock {
    start_ns: i64,
    now_ns: AtomicI64,
}

impl ManualClock {
    /// A clock standing at `now_ms` milliseconds since the epoch.
    pub fn new(now_ms: i64) -> ManualClock {
        let now_ns = now_ms * 1_000_000;
        ManualClock { start_ns: now_ns, now_ns: AtomicI64::new(now_ns) }
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let by_ns = i64::try_from(by.as_nanos()).expect("a test moves its clock by less than 292 years");
        self.now_ns.fetch_add(by_ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> i64 {
        self.now_ns.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos((self.now_ns() - self.start_ns).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::new(5_000);
        assert_eq!(clock.now_ms(), 5_000);
        clock.advance(Duration::from_millis(1_500));
        assert_eq!((clock.now_ms(), clock.monotonic()), (6_500, Duration::from_millis(1_500)));
    }
}
