//! Writing: whole scrapes, by reference.
//!
//! A scrape loop keeps one [`Appender`] for its target. A line seen for the
//! first time is resolved to a [`SeriesRef`] once; from then on a sample costs
//! the writer one push into [`Batch::series`] and [`Batch::values`]. The store
//! walks the batch under one lock and writes one log record.

use narthex_model::{Exemplar, Histogram, Labels, Metadata};

use crate::StorageError;

/// Names a series within one store. Its bits mean something to the store alone.
///
/// A reference stays good until its appender releases it or is dropped, even
/// when the series has gone stale meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesRef(pub u64);

/// Which series belong together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupKey {
    /// The series of one scrape target, with the labels the target gives to all
    /// of them. A store may keep those labels once for the whole group.
    Target(Labels),
    /// Series of another origin, such as one rule group or one remote writer.
    Other(String),
}

impl GroupKey {
    /// The labels that every series of the group is likely to have.
    pub fn shared_labels(&self) -> Labels {
        match self {
            GroupKey::Target(labels) => labels.clone(),
            GroupKey::Other(_) => Labels::empty(),
        }
    }
}

/// What a commit does about samples that cannot be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitMode {
    /// Leaves them out, stores the rest, and reports them.
    #[default]
    SkipRejected,
    /// Stores nothing at all when there is one, and reports them.
    AllOrNothing,
}

/// A float sample with a timestamp of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedSample {
    /// Its series.
    pub series: SeriesRef,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// When its counter started; 0 when unknown.
    pub start_timestamp_ms: i64,
    /// Its value; the staleness marker included.
    pub value: f64,
}

/// A native histogram sample.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedHistogram {
    /// Its series.
    pub series: SeriesRef,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// When its counter started; 0 when unknown.
    pub start_timestamp_ms: i64,
    /// Its value.
    pub histogram: Histogram,
}

/// What is committed together: as a rule one scrape with its report series.
///
/// Reuse one batch for all scrapes of a loop: [`Batch::clear`] keeps the memory.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The time of all samples in `series`/`values`, in milliseconds.
    pub timestamp_ms: i64,
    /// What happens to samples that cannot be stored.
    pub mode: CommitMode,
    /// The series of the samples at `timestamp_ms`. A series occurs once; if it
    /// occurs again, the later sample is rejected as a duplicate.
    pub series: Vec<SeriesRef>,
    /// Their values, in the same order.
    pub values: Vec<f64>,
    /// Their start timestamps in the same order, 0 for unknown; or empty.
    pub start_timestamps: Vec<i64>,
    /// Samples with timestamps of their own.
    pub timed: Vec<TimedSample>,
    /// Native histograms.
    pub histograms: Vec<TimedHistogram>,
    /// Exemplars, each with its series; a timestamp is required.
    pub exemplars: Vec<(SeriesRef, Exemplar)>,
    /// Metadata that changed.
    pub metadata: Vec<(SeriesRef, Metadata)>,
}

impl Batch {
    /// Empties the batch, keeping its memory, for samples at `timestamp_ms`.
    pub fn clear(&mut self, timestamp_ms: i64) {
        self.timestamp_ms = timestamp_ms;
        self.mode = CommitMode::SkipRejected;
        self.series.clear();
        self.values.clear();
        self.start_timestamps.clear();
        self.timed.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.metadata.clear();
    }

    /// Adds a sample at the batch's own timestamp.
    #[inline]
    pub fn push(&mut self, series: SeriesRef, value: f64) {
        self.series.push(series);
        self.values.push(value);
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
            && self.timed.is_empty()
            && self.histograms.is_empty()
            && self.exemplars.is_empty()
            && self.metadata.is_empty()
    }
}

/// Where in a batch a sample stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleIndex {
    /// Index into [`Batch::series`].
    Shared(usize),
    /// Index into [`Batch::timed`].
    Timed(usize),
    /// Index into [`Batch::histograms`].
    Histogram(usize),
    /// Index into [`Batch::exemplars`].
    Exemplar(usize),
}

/// Why a sample was not stored. The texts are upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RejectReason {
    /// Older than the newest sample of its series.
    #[error("out of order sample")]
    OutOfOrder,
    /// Another value is stored for its timestamp.
    #[error("duplicate sample for timestamp")]
    Duplicate,
    /// Before what the store still takes, or too far in the future.
    #[error("out of bounds")]
    OutOfBounds,
    /// Older than the out-of-order window.
    #[error("too old sample")]
    TooOld,
    /// An exemplar older than the newest of its series.
    #[error("out of order exemplar")]
    ExemplarOutOfOrder,
}

/// A sample that was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which.
    pub index: SampleIndex,
    /// Why.
    pub reason: RejectReason,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether the batch was stored (but for what was rejected). Always true
    /// with [`CommitMode::SkipRejected`].
    pub committed: bool,
    /// The samples that were not stored. A sample equal to the newest stored one
    /// (time and value) is neither stored again nor listed here.
    pub rejected: Vec<Rejected>,
}

/// Writes the series of one group. Owned by one writer; several appenders of one
/// group may exist side by side.
pub trait Appender: Send {
    /// Finds the series with exactly these labels, or creates it. Costs a look-up
    /// or, for a new series, an insertion into the index: call it once per line
    /// seen, not per scrape.
    ///
    /// # Errors
    /// [`StorageError::Limit`] when a new series is refused; the store is unchanged.
    fn series(&mut self, labels: &Labels) -> Result<SeriesRef, StorageError>;

    /// Says that the writer will not use `series` any more.
    fn release(&mut self, series: SeriesRef);

    /// Stores a batch. On return it is visible to new queriers as a whole and is
    /// in the log: it survives the end of the process from here on, and a power
    /// cut once the log was synced.
    ///
    /// # Errors
    /// When nothing could be stored; the store is then unchanged.
    fn commit(&mut self, batch: &Batch) -> Result<Report, StorageError>;
}
