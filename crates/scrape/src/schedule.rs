//! When a target is scraped, and which time its samples get.
//!
//! Timers fire a little late, each time by another bit. Samples whose times lie
//! exactly one interval apart cost the store next to nothing, so a scrape that is
//! late by no more than a tolerance gets the time it should have had.

use std::time::Duration;

/// How far a time may be moved, in nanoseconds; never more than 1 % of the interval.
const TOLERANCE_NS_MAX: i64 = 2_000_000;

/// How long a loop waits before its first scrape: each target has its own place
/// in the interval, the same at every start, another one on another server.
pub(crate) fn offset(interval_ms: i64, target_hash: u64, seed: u64, now_ns: i64) -> Duration {
    let interval_ns = interval_ms.saturating_mul(1_000_000).max(1);
    let base = interval_ns - now_ns.rem_euclid(interval_ns);
    let own = ((target_hash ^ seed) % interval_ns.unsigned_abs()) as i64;
    let next = i128::from(base) + i128::from(own);
    let next = if next > i128::from(interval_ns) { next - i128::from(interval_ns) } else { next };
    Duration::from_nanos(u64::try_from(next).unwrap_or(0))
}

/// The times of one loop.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    interval_ns: i64,
    /// The time at which the current tick was due.
    aligned_ns: i64,
}

impl Schedule {
    /// A schedule whose first tick is due now.
    pub(crate) fn new(interval_ms: i64, now_ns: i64) -> Schedule {
        Schedule { interval_ns: interval_ms.saturating_mul(1_000_000).max(1), aligned_ns: now_ns }
    }

    /// The time for the samples of a scrape that begins now: when it was due, or
    /// now if that is too far off. Ticks that were missed are skipped.
    pub(crate) fn scrape_time_ns(&mut self, now_ns: i64) -> i64 {
        let tolerance = TOLERANCE_NS_MAX.min(self.interval_ns / 100);
        let late = now_ns.saturating_sub(self.aligned_ns);
        if late < -tolerance {
            // The clock was set back. Waiting for it to catch up would lose samples.
            self.aligned_ns = now_ns;
            return now_ns;
        }
        self.aligned_ns += (late / self.interval_ns).max(0) * self.interval_ns;
        if now_ns - self.aligned_ns <= tolerance { self.aligned_ns } else { now_ns }
    }

    /// How long to wait for the next tick. A tick that was missed meanwhile is due
    /// at once, but only one of them.
    pub(crate) fn wait(&self, now_ns: i64) -> Duration {
        let due = self.aligned_ns.saturating_add(self.interval_ns);
        let wait_ns = due.saturating_sub(now_ns).clamp(0, self.interval_ns);
        Duration::from_nanos(wait_ns.unsigned_abs())
    }

    /// Moves on by one tick without a scrape.
    pub(crate) fn skip(&mut self) {
        self.aligned_ns = self.aligned_ns.saturating_add(self.interval_ns);
    }

    /// The distance of ticks.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval_ns.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[track_caller]
    fn check_times(interval_ms: i64, nows_and_times_ms: &[(i64, i64)]) {
        let mut schedule = Schedule::new(interval_ms, nows_and_times_ms[0].0 * MS);
        for (now, want) in nows_and_times_ms {
            assert_eq!(schedule.scrape_time_ns(now * MS) / MS, *want, "at {now}");
        }
    }

    #[test]
    fn a_little_late_is_on_time() {
        check_times(1_000, &[(5_000, 5_000), (6_001, 6_000), (7_002, 7_000), (8_003, 8_003), (9_000, 9_000)]);
        // 1 % of the interval, when that is less than 2 ms.
        check_times(100, &[(5_000, 5_000), (5_101, 5_100), (5_202, 5_202)]);
    }

    #[test]
    fn missed_ticks_are_skipped() {
        check_times(1_000, &[(5_000, 5_000), (8_500, 8_500), (9_001, 9_000)]);
        let mut schedule = Schedule::new(1_000, 5_000 * MS);
        assert_eq!(schedule.wait(5_300 * MS), Duration::from_millis(700));
        assert_eq!(schedule.wait(7_300 * MS), Duration::ZERO);
        schedule.scrape_time_ns(7_300 * MS);
        assert_eq!(schedule.wait(7_300 * MS), Duration::from_millis(700));
    }

    #[test]
    fn a_clock_set_back_starts_anew() {
        check_times(1_000, &[(5_000, 5_000), (2_500, 2_500), (3_501, 3_500)]);
        let schedule = Schedule::new(1_000, 5_000 * MS);
        assert_eq!(schedule.wait(0), Duration::from_secs(1));
    }

    #[test]
    fn a_target_has_its_place_in_the_interval() {
        // At 3 s into a 10 s interval, place 5 s is 2 s away and place 1 s is 8 s away.
        let place = |own_ms: i64, now_ms: i64| offset(10_000, (own_ms * MS) as u64, 0, now_ms * MS).as_millis();
        assert_eq!((place(5_000, 3_000), place(1_000, 3_000), place(0, 3_000)), (2_000, 8_000, 7_000));
        assert_eq!(place(0, 10_000), 10_000);
        assert_eq!(offset(10_000, 7 * MS as u64, 7 * MS as u64, 3_000 * MS), offset(10_000, 0, 0, 3_000 * MS));
    }
}
