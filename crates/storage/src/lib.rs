//! The seam between those who write samples, those who read them, and the
//! stores in between.
//!
//! - [`append`]: an [`Appender`] takes whole scrapes: one [`Batch`], committed
//!   together, visible together.
//! - [`select`]: a [`Querier`] finds series by matchers; a [`SeriesSet`] reads
//!   them by index, each into [`SeriesColumns`].
//! - [`merge`]: several stores read as one.
//! - [`error`]: what may go wrong.
//!
//! Both sides work in batches so that the cost of a virtual call, a lock and a
//! log record is paid per scrape or per series, never per sample.

pub mod append;
pub mod error;
pub mod merge;
pub mod select;

use std::sync::Arc;

pub use append::{Appender, Batch, CommitMode, GroupKey, RejectReason, Rejected, Report, SampleIndex, SeriesRef};
pub use error::StorageError;
pub use select::{FloatColumn, Grouping, Groups, HistogramColumn, Querier, SelectHints, SeriesColumns, SeriesSet};

/// A place where samples live.
pub trait Storage: Send + Sync {
    /// A writer for one group of series: those that come from one place and, as
    /// a rule, share their timestamps.
    ///
    /// # Errors
    /// When the store does not take samples: closed, read-only, or full.
    fn appender(&self, group: &GroupKey) -> Result<Box<dyn Appender>, StorageError>;

    /// A reader of the samples in `[min_ms, max_ms]`, both included. It sees
    /// what was committed before this call; a commit is seen whole or not at all.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn querier(&self, min_ms: i64, max_ms: i64) -> Result<Arc<dyn Querier>, StorageError>;
}
