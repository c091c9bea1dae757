//! What may be wrong when a database is opened.

use std::fmt;
use std::io;
use std::path::PathBuf;

use narthex_storage::StorageError;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open. The text is upstream's.
    #[error("lock DB directory: resource temporarily unavailable")]
    Locked,
    /// The data directory cannot be used.
    #[error("{action} data directory {}", .path.display())]
    Directory {
        /// What was attempted.
        action: &'static str,
        /// The directory, or the file in it.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Its files cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Something the operator should know although the database was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The lock file was there already: the last process did not end cleanly.
    LockReplaced,
    /// Data of Prometheus that is not read yet and left untouched.
    NotRead {
        /// `wal`, `chunks_head` or a block.
        what: String,
    },
    /// The log ended within a record, as it does after a crash; the rest was cut off.
    LogTorn {
        /// The segment.
        segment: u64,
        /// Where the cut is.
        offset: u64,
    },
    /// A part of the log is damaged; what follows it was read.
    LogDamaged {
        /// The segment.
        segment: u64,
        /// Where the damage begins.
        offset: u64,
    },
    /// A segment of the log is missing.
    LogSegmentMissing {
        /// The segment.
        segment: u64,
    },
    /// A checkpoint is damaged; what is whole in it was read.
    CheckpointDamaged {
        /// The file.
        file: String,
        /// Where the damage begins.
        offset: u64,
    },
    /// Commits that could not be read, because of damage reported apart.
    CommitsLost {
        /// How many, at least.
        count: u64,
    },
    /// Samples whose series' definition is lost.
    UnknownSeries {
        /// How many samples.
        samples: u64,
    },
    /// Batches of full chunks that a checkpoint counts on are not there.
    BatchesMissing {
        /// How many.
        count: u64,
    },
    /// A chunk file was being written when the process ended; the rest was cut
    /// off, and the log has it.
    ChunkFileTorn {
        /// The file.
        file: String,
        /// Where the cut is.
        offset: u64,
    },
    /// A part of a chunk file is damaged; what follows it is used.
    ChunkFileDamaged {
        /// The file.
        file: String,
        /// Where the damage begins.
        offset: u64,
    },
}

impl Notice {
    /// Whether it tells of damage, not of what a crash leaves behind.
    pub fn is_corruption(&self) -> bool {
        !matches!(
            self,
            Notice::LockReplaced | Notice::NotRead { .. } | Notice::LogTorn { .. } | Notice::ChunkFileTorn { .. }
        )
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::LockReplaced => {
                f.write_str("a lockfile from a previous execution already existed; it was replaced")
            }
            Notice::NotRead { what } => {
                write!(f, "{what} was written by Prometheus; it is not read yet and left untouched")
            }
            Notice::LogTorn { segment, offset } => {
                write!(f, "the log ended within a record: segment {segment} was cut at {offset}")
            }
            Notice::LogDamaged { segment, offset } => write!(f, "corruption in log segment {segment} at {offset}"),
            Notice::LogSegmentMissing { segment } => write!(f, "log segment {segment} is missing"),
            Notice::CheckpointDamaged { file, offset } => write!(f, "corruption in {file} at {offset}"),
            Notice::CommitsLost { count } => write!(f, "{count} commits could not be read from the damaged log"),
            Notice::UnknownSeries { samples } => {
                write!(f, "{samples} samples belong to series whose definition is lost")
            }
            Notice::BatchesMissing { count } => write!(f, "{count} batches of full chunks are missing on disk"),
            Notice::ChunkFileTorn { file, offset } => {
                write!(f, "chunk file {file} ended within a batch: it was cut at {offset}")
            }
            Notice::ChunkFileDamaged { file, offset } => write!(f, "corruption in chunk file {file} at {offset}"),
        }
    }
}
