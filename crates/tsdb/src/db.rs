//! The database: opening, closing, and what its parts share.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use narthex_env::{Clock, FileLock, Files};
use narthex_storage::{Appender, GroupKey, Querier, Storage, StorageError};

use crate::appender::HeadAppender;
use crate::chunk_files::ChunkFiles;
use crate::error::{Notice, OpenError};
use crate::head::group::{Group, GroupId};
use crate::head::series::NO_TIMESTAMP;
use crate::index::Index;
use crate::log::checkpoint::{checkpoint_number, is_temporary};
use crate::log::recovery::Recovery;
use crate::log::writer::Log;
use crate::options::Options;
use crate::querier::HeadQuerier;
use crate::stats::{Counters, HeadStats, Metrics};
use crate::sync::{lock, read, write};
use crate::upkeep::Upkeep;

const LOCK_FILE: &str = "lock";
const HEAD_DIR: &str = "head";
const LOG_DIR: &str = "log";
const CHUNKS_DIR: &str = "chunks";

/// All groups. Its lock is taken before that of the index.
#[derive(Default)]
pub(crate) struct Groups {
    pub(crate) by_key: HashMap<GroupKey, GroupId>,
    pub(crate) by_id: BTreeMap<GroupId, Arc<Group>>,
    pub(crate) next: u32,
}

/// The commit counter and which of its values open queriers have seen.
#[derive(Default)]
pub(crate) struct Commits {
    newest: AtomicU64,
    /// By the newest commit they see, how many queriers are open.
    open: Mutex<BTreeMap<u64, usize>>,
}

impl Commits {
    /// Numbers a commit. The caller holds the locks of its groups.
    pub(crate) fn next(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// The newest commit that every open and every later querier sees.
    pub(crate) fn seen_by_all(&self) -> u64 {
        let open = lock(&self.open);
        open.keys().next().copied().unwrap_or_else(|| self.newest())
    }

    pub(crate) fn open_querier(&self) -> u64 {
        let mut open = lock(&self.open);
        let commit = self.newest();
        *open.entry(commit).or_default() += 1;
        commit
    }

    pub(crate) fn close_querier(&self, commit: u64) {
        let mut open = lock(&self.open);
        if let Some(count) = open.get_mut(&commit) {
            *count -= 1;
            if *count == 0 {
                open.remove(&commit);
            }
        }
    }
}

/// What appenders, queriers and upkeep share.
///
/// Locks, in the order they are taken: `groups`, `index`, a group's data (several
/// in ascending order of their ids), then the log's or the chunk files'.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) groups: RwLock<Groups>,
    pub(crate) index: RwLock<Index>,
    pub(crate) log: Log,
    pub(crate) chunks: ChunkFiles,
    pub(crate) commits: Commits,
    /// The greatest sample time; [`NO_TIMESTAMP`] when there is none.
    pub(crate) max_timestamp: AtomicI64,
    /// Samples before it do not count any more. Only rises.
    pub(crate) floor: AtomicI64,
    pub(crate) counters: Counters,
    pub(crate) is_closed: AtomicBool,
    /// Held by the one checkpoint or clean-up at work; has the log position of the last checkpoint.
    pub(crate) upkeep: Mutex<Upkeep>,
}

impl Shared {
    pub(crate) fn head_dir(&self) -> PathBuf {
        self.options.dir.join(HEAD_DIR)
    }

    pub(crate) fn floor(&self) -> i64 {
        self.floor.load(Ordering::Acquire)
    }

    /// The oldest time a commit may have.
    ///
    /// Source: specification §8.15, without an out-of-order window.
    pub(crate) fn commit_floor(&self) -> i64 {
        let max = self.max_timestamp.load(Ordering::Acquire);
        let recent = if max == NO_TIMESTAMP { max } else { max.saturating_sub(self.options.chunk_range_ms / 2) };
        recent.max(self.floor())
    }

    pub(crate) fn check_open(&self) -> Result<(), StorageError> {
        if self.is_closed.load(Ordering::Acquire) { Err(StorageError::Closed) } else { Ok(()) }
    }
}

/// The database. Cheap to share behind an `Arc`; all its methods take `&self`.
///
/// Dropping it without [`Db::close`] is what a crash is: everything committed is
/// in the log, and the next start replays it.
pub struct Db {
    shared: Arc<Shared>,
    notices: Vec<Notice>,
    threads: Mutex<Option<crate::upkeep::Threads>>,
    lock: Mutex<Option<Box<dyn FileLock>>>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("dir", &self.shared.options.dir).finish_non_exhaustive()
    }
}

/// Whether a name is a block's: 26 characters of Crockford's base 32.
fn is_ulid(name: &str) -> bool {
    name.len() == 26
        && name.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() && !matches!(b, b'I' | b'L' | b'O' | b'U'))
}

impl Db {
    /// Opens the database in `options.dir`, creating it when it is not there, and
    /// replays its log. [`Db::notices`] has what the operator should know.
    ///
    /// # Errors
    /// [`OpenError::Locked`] when another process has it, [`OpenError::Directory`]
    /// when the directory cannot be used. Damage is no error but a notice.
    pub fn open(options: Options, files: Arc<dyn Files>, clock: Arc<dyn Clock>) -> Result<Db, OpenError> {
        let started = clock.monotonic();
        let options = Options { chunk_range_ms: options.chunk_range_ms.max(1), ..options };
        let mut notices = Vec::new();
        let (head, dir) = (options.dir.join(HEAD_DIR), options.dir.clone());
        let failed = |action: &'static str, path: &Path| {
            let path = path.to_path_buf();
            move |source: io::Error| OpenError::Directory { action, path, source }
        };
        files.create_dir_all(&dir).map_err(failed("create", &dir))?;
        let file_lock = if options.lock { Some(take_lock(&*files, &dir, &mut notices)?) } else { None };
        for sub in [head.join(LOG_DIR), head.join(CHUNKS_DIR)] {
            files.create_dir_all(&sub).map_err(failed("create", &sub))?;
        }
        // The names just made are durable before anything is promised.
        for made in [&head, &dir] {
            files.sync_dir(made).map_err(failed("sync", made))?;
        }
        for entry in files.list(&dir).map_err(failed("read", &dir))? {
            let foreign = ["wal", "wbl", "chunks_head"].contains(&entry.name.as_str()) || is_ulid(&entry.name);
            if entry.is_dir && foreign {
                notices.push(Notice::NotRead { what: entry.name });
            }
        }
        let range = options.chunk_range_ms;
        let chunks_dir = head.join(CHUNKS_DIR);
        let (chunks, found) =
            ChunkFiles::open(chunks_dir, files.clone(), options.chunk_file_len_max, range, &mut notices)?;
        let mut recovery = Recovery::new(&chunks, range);
        let first = load_checkpoint(&*files, &head, &mut recovery)?;
        recovery.attach(found);
        let replayed = recovery.segments(&head.join(LOG_DIR), &*files, first)?;
        let (floor, next) = (recovery.floor, recovery.next_group);
        let left = chunks.end_expectation();
        let (index, list, more) = recovery.finish(left);
        notices.extend(more);
        let bytes = replayed.bytes;
        let log = Log::create(head.join(LOG_DIR), files.clone(), options.log_segment_len_max, replayed)?;

        let mut groups = Groups { next, ..Groups::default() };
        let mut max_timestamp = NO_TIMESTAMP;
        for group in list {
            max_timestamp = max_timestamp.max(read(&group.data).max_timestamp);
            groups.by_key.insert(group.key.clone(), group.id);
            groups.by_id.insert(group.id, Arc::new(group));
        }
        let counters = Counters::default();
        let replay = clock.monotonic().saturating_sub(started);
        counters.replay_ns.store(replay.as_nanos() as u64, Ordering::Relaxed);
        let corruptions = notices.iter().filter(|notice| notice.is_corruption()).count() as u64;
        counters.corruptions.store(corruptions, Ordering::Relaxed);
        let checkpoint_due = bytes.saturating_sub(options.checkpoint_log_len / 4).min(options.checkpoint_log_len);
        let upkeep = Mutex::new(Upkeep::new(clock.monotonic(), checkpoint_due > 0));
        let background = options.background;
        let shared = Arc::new(Shared {
            options,
            files,
            clock,
            groups: RwLock::new(groups),
            index: RwLock::new(index),
            log,
            chunks,
            commits: Commits::default(),
            max_timestamp: AtomicI64::new(max_timestamp),
            floor: AtomicI64::new(floor),
            counters,
            is_closed: AtomicBool::new(false),
            upkeep,
        });
        if corruptions > 0 {
            // What was saved from the damage is saved for good. If this fails, the
            // next start finds the same.
            let _ = shared.checkpoint();
        }
        let threads = background.then(|| crate::upkeep::Threads::start(&shared));
        Ok(Db { shared, notices, threads: Mutex::new(threads), lock: Mutex::new(file_lock) })
    }

    /// What was noticed while opening.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Ends the database: no more commits, a checkpoint, so that the next start
    /// has nothing to replay, and the lock file removed. Does nothing the second time.
    ///
    /// # Errors
    /// When something could not be written. Everything committed is in the log all the same.
    pub fn close(&self) -> Result<(), StorageError> {
        if self.shared.is_closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        drop(lock(&self.threads).take());
        let result = self.shared.checkpoint().and_then(|()| {
            self.shared.chunks.finish();
            self.shared.chunks.sync()?;
            self.shared.sync_log()
        });
        if let Some(held) = lock(&self.lock).take() {
            let path = self.shared.options.dir.join(LOCK_FILE);
            let removed = self.shared.files.remove_file(&path);
            drop(held);
            result?;
            return removed.map_err(|source| StorageError::Io { action: "remove", path, source });
        }
        result
    }

    /// Makes everything committed so far durable.
    ///
    /// # Errors
    /// When the system could not.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.shared.sync_log()
    }

    /// Writes a checkpoint and removes the log before it.
    ///
    /// # Errors
    /// When it could not be written; the last one stays good.
    pub fn checkpoint(&self) -> Result<(), StorageError> {
        self.shared.checkpoint()
    }

    /// Drops what is older than the retention and what nobody writes or can find any more.
    ///
    /// # Errors
    /// When a file could not be written or removed.
    pub fn clean_up(&self) -> Result<(), StorageError> {
        self.shared.clean_up()
    }

    /// Figures about what is stored, with lists of at most `limit` entries.
    pub fn stats(&self, limit: usize) -> HeadStats {
        self.shared.head_stats(limit)
    }

    /// Figures for the program's own metrics.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics(self.clean_start())
    }

    /// −1 without lock file, 0 when the last process did not end cleanly, else 1.
    fn clean_start(&self) -> i64 {
        if !self.shared.options.lock { -1 } else { i64::from(!self.notices.contains(&Notice::LockReplaced)) }
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Release);
        drop(lock(&self.threads).take());
    }
}

fn take_lock(files: &dyn Files, dir: &Path, notices: &mut Vec<Notice>) -> Result<Box<dyn FileLock>, OpenError> {
    let path = dir.join(LOCK_FILE);
    let failed = |action| {
        let path = path.clone();
        move |source| OpenError::Directory { action, path, source }
    };
    let was_there = files.list(dir).map_err(failed("read"))?.iter().any(|entry| entry.name == LOCK_FILE);
    let held = files.lock(&path).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked,
        _ => OpenError::Directory { action: "lock", path: path.clone(), source },
    })?;
    if was_there {
        notices.push(Notice::LockReplaced);
    }
    Ok(held)
}

/// Loads the newest readable checkpoint; returns the first segment to replay.
fn load_checkpoint(files: &dyn Files, head: &Path, recovery: &mut Recovery<'_>) -> Result<u64, OpenError> {
    let failed = |action, path: PathBuf| move |source| OpenError::Directory { action, path, source };
    let mut numbers = Vec::new();
    for entry in files.list(head).map_err(failed("read", head.to_path_buf()))? {
        if let Some(number) = checkpoint_number(&entry.name) {
            numbers.push((number, entry.name, entry.is_dir));
        } else if !entry.is_dir && is_temporary(&entry.name) {
            // Not finished: the one before counts.
            let path = head.join(&entry.name);
            files.remove_file(&path).map_err(failed("remove from", path.clone()))?;
        }
    }
    numbers.sort_unstable();
    for (number, name, is_dir) in numbers.iter().rev() {
        let path = head.join(name);
        let read = || files.open(&path)?.read_all();
        if !is_dir && recovery.checkpoint(name, *number, &read().map_err(failed("read", path.clone()))?) {
            return Ok(*number);
        }
        recovery.notices.push(Notice::CheckpointDamaged { file: name.clone(), offset: 0 });
    }
    Ok(1)
}

impl Storage for Db {
    fn appender(&self, key: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        self.shared.check_open()?;
        let mut groups = write(&self.shared.groups);
        let known = groups.by_key.get(key).and_then(|id| groups.by_id.get(id)).cloned();
        let group = known.unwrap_or_else(|| {
            let target = write(&self.shared.index).target(&key.shared_labels());
            let id = GroupId(groups.next);
            groups.next += 1;
            let group = Arc::new(Group::new(id, key.clone(), target));
            groups.by_key.insert(key.clone(), id);
            groups.by_id.insert(id, group.clone());
            group
        });
        // Counted under the registry's lock, so that the group is not removed in between.
        write(&group.data).appenders += 1;
        Ok(Box::new(HeadAppender::new(self.shared.clone(), group)))
    }

    fn querier(&self, min_ms: i64, max_ms: i64) -> Result<Arc<dyn Querier>, StorageError> {
        self.shared.check_open()?;
        Ok(Arc::new(HeadQuerier::new(self.shared.clone(), min_ms, max_ms)))
    }
}

#[cfg(test)]
mod tests;
