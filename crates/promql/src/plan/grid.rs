//! [`Grid`]: the times something is evaluated at.

/// Evenly spaced evaluation times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first, in milliseconds since the epoch.
    pub(crate) start_ms: i64,
    /// The distance, above 0.
    pub(crate) step_ms: i64,
    /// How many there are.
    pub(crate) steps: usize,
}

impl Grid {
    /// All times from `start_ms` on that are not after `end_ms`.
    pub(crate) fn new(start_ms: i64, end_ms: i64, step_ms: i64) -> Grid {
        let step_ms = step_ms.max(1);
        let steps = if end_ms < start_ms { 0 } else { (end_ms.saturating_sub(start_ms) / step_ms) as usize + 1 };
        Grid { start_ms, step_ms, steps }
    }

    /// One time.
    pub(crate) fn instant(time_ms: i64) -> Grid {
        Grid { start_ms: time_ms, step_ms: 1, steps: 1 }
    }

    /// The same, but only the first time.
    pub(crate) fn first(&self) -> Grid {
        Grid { steps: self.steps.min(1), ..*self }
    }

    /// The time of a step.
    pub(crate) fn time_ms(&self, step: usize) -> i64 {
        self.start_ms.saturating_add((step as i64).saturating_mul(self.step_ms))
    }

    /// The time of the last step.
    pub(crate) fn last_ms(&self) -> i64 {
        self.time_ms(self.steps.saturating_sub(1))
    }

    /// All times in order.
    pub(crate) fn times(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.steps).map(|step| self.time_ms(step))
    }
}
