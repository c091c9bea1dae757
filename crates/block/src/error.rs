//! What may go wrong with a block.

use std::io;
use std::path::{Path, PathBuf};

use narthex_chunkenc::ChunkError;
use narthex_storage::StorageError;

/// Why a block could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The system refused.
    #[error("{action} {}", .path.display())]
    Io {
        /// What was attempted, as a verb: `open`, `sync` …
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is corrupt at byte {offset}: {what}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there, in upstream's words where it has some.
        what: String,
    },
    /// `meta.json` is of a later format.
    #[error("unexpected meta file version {0}")]
    MetaVersion(i64),
    /// `meta.json` is not what it should be.
    #[error("read {}", .path.display())]
    Meta {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// What was to be written breaks a rule of the format; upstream's words.
    #[error("{0}")]
    Invalid(String),
    /// The caller asked to stop.
    #[error("compaction was canceled")]
    Canceled,
}

/// The usual result here.
pub type Result<T> = std::result::Result<T, BlockError>;

/// For `map_err`: names what was attempted.
pub(crate) fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> BlockError + 'a {
    move |source| BlockError::Io { action, path: path.to_path_buf(), source }
}

pub(crate) fn corrupt(path: &Path, offset: u64, what: impl Into<String>) -> BlockError {
    BlockError::Corrupt { path: path.to_path_buf(), offset, what: what.into() }
}

pub(crate) fn bad_chunk(path: &Path, offset: u64, error: ChunkError) -> BlockError {
    corrupt(path, offset, error.to_string())
}

/// Upstream's words for a wrong checksum.
pub(crate) fn checksum_mismatch(expected: u32, actual: u32) -> String {
    format!("checksum mismatch expected:{expected:x}, actual:{actual:x}")
}

impl From<BlockError> for StorageError {
    fn from(error: BlockError) -> StorageError {
        match error {
            BlockError::Io { action, path, source } => StorageError::Io { action, path, source },
            BlockError::Corrupt { path, offset, what } => {
                StorageError::Corrupt { file: path.display().to_string(), offset, what }
            }
            BlockError::Meta { path, source } => {
                StorageError::Corrupt { file: path.display().to_string(), offset: 0, what: source.to_string() }
            }
            other => StorageError::Corrupt { file: "block".into(), offset: 0, what: other.to_string() },
        }
    }
}
