//! A clock that is cheap to read and exact to some milliseconds.

use std::time::Duration;

/// Time since some beginning; never goes back.
pub(crate) type Tick = Duration;

/// The time now. On Linux this is the kernel's time of its last tick, which takes a
/// quarter of the time that asking for the exact one takes.
#[cfg(all(target_os = "linux", feature = "process"))]
#[inline]
pub(crate) fn now_coarse() -> Tick {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The time now.
#[cfg(not(all(target_os = "linux", feature = "process")))]
pub(crate) fn now_coarse() -> Tick {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}
