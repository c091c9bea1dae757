//! The outside world as parameters: what a part needs to know of time, chance
//! and files is handed to it, so that a test can own it.
//!
//! - [`clock`]: [`Clock`], wall and monotonic time; [`ManualClock`] for tests.
//! - [`random`]: [`Random`], seedable numbers.
//! - [`files`]: [`Files`], a file layer; [`files::SimFiles`] crashes on demand.

pub mod clock;
pub mod files;
pub mod random;

pub use clock::{Clock, ManualClock, SystemClock};
pub use files::{File, FileLock, Files, RealFiles, SimFiles};
pub use random::Random;
