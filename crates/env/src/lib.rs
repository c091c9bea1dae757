//! The outside world as parameters: what a part needs to know of time, chance
//! and files is handed to it, so that a test can own it.
//!
//! - [`clock`]: [`Clock`], wall and monotonic time; [`ManualClock`] for tests.
//! - [`random`]: [`Random`], seedable numbers.

pub mod clock;
pub mod random;

pub use clock::{Clock, ManualClock, SystemClock};
pub use random::Random;
