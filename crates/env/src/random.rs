//! Chance. Not for secrets.

use std::sync::Mutex;

/// A source of random numbers, shared by reference.
#[derive(Debug)]
pub struct Random {
    /// Guards the generator's state; held for one number at a time.
    state: Mutex<fastrand::Rng>,
}

impl Random {
    /// Seeded by the machine.
    pub fn from_machine() -> Random {
        Random { state: Mutex::new(fastrand::Rng::new()) }
    }

    /// Seeded by a test: the same seed gives the same numbers.
    pub fn from_seed(seed: u64) -> Random {
        Random { state: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    /// Any number.
    pub fn u64(&self) -> u64 {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).u64(..)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).u64(..end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers() {
        let (a, b) = (Random::from_seed(7), Random::from_seed(7));
        assert_eq!([a.u64(), a.below(10)], [b.u64(), b.below(10)]);
        assert_eq!(a.below(0), 0);
    }
}
