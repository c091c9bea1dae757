//! What a query may use, and what it used: [`Limits`], [`Tally`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Instant;

use crate::api::{CancelToken, QueryError};
use crate::memory::{HeldMemory, Memory};

/// Samples and bytes in use against their limits, deadline and cancelling. One
/// per query, shared by its threads.
#[derive(Debug)]
pub(crate) struct Limits {
    samples_max: i64,
    bytes_max: usize,
    deadline: Instant,
    cancel: CancelToken,
    /// Samples held now, as upstream counts them.
    samples: AtomicI64,
    /// Bytes of columns held now. They count in `memory` too.
    bytes: AtomicUsize,
    /// What all queries hold.
    memory: Arc<Memory>,
}

/// The stages of a query that its errors name.
pub(crate) const EVALUATION: &str = "expression evaluation";
pub(crate) const EXECUTION: &str = "query execution";

impl Limits {
    pub(crate) fn new(
        samples_max: usize,
        bytes_max: usize,
        memory: Arc<Memory>,
        deadline: Instant,
        cancel: CancelToken,
    ) -> Limits {
        Limits {
            samples_max: i64::try_from(samples_max).unwrap_or(i64::MAX),
            bytes_max,
            deadline,
            cancel,
            samples: AtomicI64::new(0),
            bytes: AtomicUsize::new(0),
            memory,
        }
    }

    /// Whether the query may go on; `stage` is named when not.
    pub(crate) fn check(&self, stage: &'static str) -> Result<(), QueryError> {
        if self.cancel.is_canceled() {
            return Err(QueryError::Canceled(stage));
        }
        if Instant::now() >= self.deadline {
            return Err(QueryError::Timeout(stage));
        }
        Ok(())
    }

    /// The same while series are read, where upstream words it otherwise.
    pub(crate) fn check_reading(&self) -> Result<(), QueryError> {
        self.check(EVALUATION)
            .map_err(|error| QueryError::ExpandingInterrupted { canceled: matches!(error, QueryError::Canceled(_)) })
    }

    /// Samples held now.
    pub(crate) fn samples(&self) -> i64 {
        self.samples.load(Ordering::Relaxed)
    }

    /// Holds `more` samples (or, below 0, fewer).
    pub(crate) fn hold(&self, more: i64) -> Result<(), QueryError> {
        let now = self.samples.fetch_add(more, Ordering::Relaxed) + more;
        if now > self.samples_max { Err(QueryError::TooManySamples) } else { Ok(()) }
    }

    /// Whether `more` samples could be held for a moment.
    pub(crate) fn check_samples(&self, more: i64) -> Result<(), QueryError> {
        if self.samples() + more > self.samples_max { Err(QueryError::TooManySamples) } else { Ok(()) }
    }

    /// Sets the number of samples held, after threads that counted apart are joined.
    pub(crate) fn set_samples(&self, now: i64) {
        self.samples.store(now, Ordering::Relaxed);
    }

    /// Asks for memory before it is allocated.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<(), QueryError> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_left = self.memory.take(bytes);
        if before.saturating_add(bytes) > self.bytes_max {
            return Err(QueryError::TooManyBytes { limit_bytes: self.bytes_max });
        }
        if is_left { Ok(()) } else { Err(QueryError::NoMemoryLeft { limit_bytes: self.memory.max() }) }
    }

    /// Whether `more` bytes could be taken.
    pub(crate) fn check_bytes(&self, more: usize) -> Result<(), QueryError> {
        if self.bytes().saturating_add(more) > self.bytes_max {
            return Err(QueryError::TooManyBytes { limit_bytes: self.bytes_max });
        }
        Ok(())
    }

    /// Bytes held now.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Sets the number of bytes held, when what took them is gone.
    pub(crate) fn set_bytes(&self, now: usize) {
        let before = self.bytes.swap(now, Ordering::Relaxed);
        self.memory.take(now.saturating_sub(before));
        self.memory.give(before.saturating_sub(now));
    }

    /// Gives memory back.
    pub(crate) fn release(&self, bytes: usize) {
        let before =
            self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now.saturating_sub(bytes)));
        self.memory.give(bytes.min(before.unwrap_or(0)));
    }

    /// What is held now goes on to be held by the result.
    pub(crate) fn hand_over(&self) -> HeldMemory {
        HeldMemory::new(Arc::clone(&self.memory), self.bytes.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        self.memory.give(*self.bytes.get_mut());
    }
}

/// Numbers by step, kept only where somebody wants them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerStep {
    pub(crate) total: Vec<i64>,
    pub(crate) read: Vec<i64>,
}

/// What a part of a query looked at and held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Samples held at its end.
    pub(crate) points: i64,
    /// The most samples held in between, counted from its start.
    pub(crate) peak: i64,
    /// Samples in view of the steps.
    pub(crate) total: i64,
    /// Samples read.
    pub(crate) read: i64,
    pub(crate) per_step: Option<PerStep>,
}

impl Tally {
    /// A tally over `steps` steps; with their numbers when `per_step`.
    pub(crate) fn new(steps: usize, per_step: bool) -> Tally {
        let per_step = per_step.then(|| PerStep { total: vec![0; steps], read: vec![0; steps] });
        Tally { per_step, ..Tally::default() }
    }

    /// Counts what a step looked at and read.
    #[inline]
    pub(crate) fn view(&mut self, step: usize, total: i64, read: i64) {
        self.total += total;
        self.read += read;
        if let Some(per_step) = &mut self.per_step {
            per_step.total[step] += total;
            per_step.read[step] += read;
        }
    }

    /// Holds `more` points.
    #[inline]
    pub(crate) fn hold(&mut self, more: i64) {
        self.points += more;
        self.peak = self.peak.max(self.points);
    }

    /// Takes in what happened after.
    pub(crate) fn join(&mut self, later: &Tally) {
        self.peak = self.peak.max(self.points + later.peak);
        self.points += later.points;
        self.add_views(later);
    }

    /// Takes in what was looked at, not what was held.
    pub(crate) fn add_views(&mut self, later: &Tally) {
        self.total += later.total;
        self.read += later.read;
        if let (Some(mine), Some(theirs)) = (&mut self.per_step, &later.per_step) {
            mine.total.iter_mut().zip(&theirs.total).for_each(|(a, b)| *a += b);
            mine.read.iter_mut().zip(&theirs.read).for_each(|(a, b)| *a += b);
        }
    }
}
