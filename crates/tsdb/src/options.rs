//! How a database is opened.

use std::path::PathBuf;
use std::time::Duration;

/// Where a database is and how it behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory. Created when absent.
    pub dir: PathBuf,
    /// How long samples are kept, counted from the newest one, in milliseconds;
    /// 0 for ever.
    pub retention_ms: i64,
    /// Time that a block covers, in milliseconds: chunks do not cross a multiple of it.
    pub chunk_range_ms: i64,
    /// Whether the data directory is locked against other processes.
    pub lock: bool,
    /// How long a committed sample may be without protection against a power cut;
    /// 0 makes every commit wait for the disk.
    pub sync_interval: Duration,
    /// Length from which a log segment is finished, in bytes.
    pub log_segment_len_max: u64,
    /// Log bytes after which a checkpoint is written: bounds what a start reads.
    pub checkpoint_log_len: u64,
    /// Time after which a checkpoint is written in any case, if there is something new.
    pub checkpoint_interval: Duration,
    /// Length from which a chunk file is finished, in bytes.
    pub chunk_file_len_max: u64,
    /// Series beyond this many are refused; 0 for no limit.
    pub series_max: usize,
    /// Whether syncing, checkpoints and retention run by themselves. A test that
    /// says no calls [`Db::sync`](crate::Db::sync) and the others itself.
    pub background: bool,
}

impl Options {
    /// The defaults, in this directory: 15 days, 2 hours, synced every second.
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options {
            dir: dir.into(),
            retention_ms: 15 * 24 * 3600 * 1000,
            chunk_range_ms: 2 * 3600 * 1000,
            lock: true,
            sync_interval: Duration::from_secs(1),
            log_segment_len_max: 32 << 20,
            checkpoint_log_len: 128 << 20,
            checkpoint_interval: Duration::from_secs(600),
            chunk_file_len_max: 128 << 20,
            series_max: 0,
            background: true,
        }
    }
}
