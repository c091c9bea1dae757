//! [`Gate`]: how many queries run at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::api::QueryError;
use crate::eval::limits::Limits;

/// How long a waiting query sleeps before it looks whether it was cancelled.
const PATIENCE: Duration = Duration::from_millis(20);

/// Lets a number of queries run; others wait for their turn.
#[derive(Debug)]
pub(crate) struct Gate {
    places: usize,
    /// How many run.
    running: Mutex<usize>,
    left: Condvar,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    gate: &'a Gate,
}

impl Gate {
    pub(crate) fn new(places: usize) -> Gate {
        Gate { places: places.max(1), running: Mutex::new(0), left: Condvar::new() }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// When the query is cancelled or runs out of time while it waits.
    pub(crate) fn enter(&self, limits: &Limits) -> Result<Turn<'_>, QueryError> {
        let mut running = self.running();
        while *running >= self.places {
            limits.check("query queue")?;
            running = self.left.wait_timeout(running, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
        }
        *running += 1;
        Ok(Turn { gate: self })
    }

    fn running(&self) -> MutexGuard<'_, usize> {
        // A number is never half written.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.gate.running() -= 1;
        self.gate.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::api::CancelToken;
    use crate::memory::Memory;

    #[test]
    fn who_finds_no_place_waits_until_time_is_up() {
        let gate = Gate::new(1);
        let limits = |deadline| Limits::new(1, 1, Memory::new(1), deadline, CancelToken::default());
        let patient = limits(Instant::now() + Duration::from_secs(60));
        let turn = gate.enter(&patient).unwrap();
        let late = gate.enter(&limits(Instant::now())).expect_err("the place is taken");
        assert_eq!(late.to_string(), "query timed out in query queue");
        drop(turn);
        assert!(gate.enter(&patient).is_ok());
    }
}
