//! What may go wrong in a store.

use std::io;
use std::path::PathBuf;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// It was shut down.
    #[error("storage is closed")]
    Closed,
    /// It is not ready yet, for example while it replays its log.
    #[error("TSDB not ready")]
    NotReady,
    /// It refuses new series: a limit of its own is reached.
    #[error("{0}")]
    Limit(String),
    /// Labels that no series can have.
    #[error("{0}")]
    InvalidLabels(String),
    /// A file could not be read or written.
    #[error("{action} {}", .path.display())]
    Io {
        /// What was attempted, as a verb: `open`, `sync` …
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{file} is corrupt at byte {offset}: {what}")]
    Corrupt {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
}
