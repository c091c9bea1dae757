//! Full chunks on disk: append-only files of batches, one batch per sealed group.
//! The layout is described in `docs/formats/head-chunks.md`.
//!
//! - [`batch`]: builds and reads one batch.
//! - [`ahead`]: what queries read beyond what they asked for.
//! - [`file`]: one file; its footer, so that a start does not read the data.
//!
//! A file takes batches until it is long enough or a batch of another chunk range
//! comes; then it gets its footer. Retention removes whole files. What was
//! written since the last checkpoint may be lost in a power cut: the log has it.

mod ahead;
mod batch;
mod file;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use narthex_env::{File, Files};
use narthex_storage::StorageError;

pub(crate) use ahead::ReadAhead;
pub(crate) use batch::{BatchBuilder, BatchHandle, ChunkView, HEADER_LEN};
pub(crate) use file::ChunkFile;

use crate::error::Notice;
use crate::log::writer::NUMBER_MAX;
use crate::sync::lock;

/// What is known of a batch found on disk.
#[derive(Clone, Debug)]
pub(crate) struct FoundBatch {
    pub(crate) group: u32,
    pub(crate) handle: BatchHandle,
}

/// The chunk files of one database.
pub(crate) struct ChunkFiles {
    dir: PathBuf,
    files: Arc<dyn Files>,
    /// Length from which a file is finished, in bytes.
    file_len_max: u64,
    chunk_range_ms: i64,
    /// The lock of the files. Taken after that of a group.
    state: Mutex<State>,
    bytes: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Takes batches.
    open: Option<OpenFile>,
    finished: Vec<Arc<ChunkFile>>,
    /// Finished, not synced.
    unsynced: Vec<Arc<dyn File>>,
    next_number: u64,
    is_dir_unsynced: bool,
    /// Batches found at the start that the log's replay may write again.
    found: Vec<FoundBatch>,
}

struct OpenFile {
    file: Arc<ChunkFile>,
    len: u64,
    /// Start of the chunk range its batches lie in.
    range_start: i64,
    /// Each batch's offset and header.
    index: Vec<(u64, [u8; HEADER_LEN])>,
    /// After a failed write nothing more is appended.
    is_broken: bool,
}

impl ChunkFiles {
    /// Finds the files in `dir`. Returns the batches, by group and number, and
    /// what was wrong. A torn tail is cut off.
    ///
    /// # Errors
    /// When a file cannot be read at all.
    pub(crate) fn open(
        dir: PathBuf,
        files: Arc<dyn Files>,
        file_len_max: u64,
        chunk_range_ms: i64,
        notices: &mut Vec<Notice>,
    ) -> Result<(ChunkFiles, Vec<FoundBatch>), StorageError> {
        let mut state = State { next_number: 1, is_dir_unsynced: true, ..State::default() };
        let mut found = Vec::new();
        let mut bytes = 0;
        let io = |action, path: &Path| {
            let path = path.to_path_buf();
            move |source| StorageError::Io { action, path, source }
        };
        for entry in files.list(&dir).map_err(io("list", &dir))? {
            let number = entry.name.parse().ok().filter(|&number| number <= NUMBER_MAX && name(number) == entry.name);
            let Some(number) = number else { continue };
            let path = dir.join(&entry.name);
            // A file that is there is never written anew.
            state.next_number = state.next_number.max(number + 1);
            if entry.is_dir {
                notices.push(Notice::ChunkFileDamaged { file: entry.name, offset: 0 });
                continue;
            }
            let opened = files.open(&path).and_then(|file| ChunkFile::open(&entry.name, file, notices));
            let Some((file, batches)) = opened.map_err(io("read", &path))? else { continue };
            if batches.is_empty() {
                files.remove_file(&path).map_err(io("remove", &path))?;
                continue;
            }
            bytes += file.len();
            found.extend(batches);
            // The process before may have died between writing and syncing.
            state.unsynced.push(file.file().clone());
            state.finished.push(file);
        }
        found.sort_unstable_by_key(|found| (found.group, found.handle.number, found.handle.max_timestamp));
        let state = Mutex::new(state);
        Ok((ChunkFiles { dir, files, file_len_max, chunk_range_ms, state, bytes: AtomicU64::new(bytes) }, found))
    }

    /// Tells which batches of the log's time are there already: writing such a one again does nothing.
    pub(crate) fn expect_again(&self, found: Vec<FoundBatch>) {
        lock(&self.state).found = found;
    }

    /// Ends the replay. Returns the batches that were not written again.
    pub(crate) fn end_expectation(&self) -> Vec<FoundBatch> {
        std::mem::take(&mut lock(&self.state).found)
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn error(&self, action: &'static str, number: u64) -> impl FnOnce(io::Error) -> StorageError {
        let path = self.dir.join(name(number));
        move |source| StorageError::Io { action, path, source }
    }

    /// Writes a batch. `None` when there is nothing in it, or when it is on disk
    /// and known to its group already.
    ///
    /// # Errors
    /// When it could not be written; nothing refers to it then.
    pub(crate) fn write(&self, batch: BatchBuilder) -> Result<Option<BatchHandle>, StorageError> {
        let Some(batch) = batch.finish() else { return Ok(None) };
        let mut state = lock(&self.state);
        let again = state.found.iter().position(|found| batch.is(found));
        if let Some(at) = again {
            return Ok(Some(state.found.swap_remove(at).handle));
        }
        let range_start = batch.min_timestamp.div_euclid(self.chunk_range_ms).saturating_mul(self.chunk_range_ms);
        let fits = |open: &OpenFile| !open.is_broken && open.range_start == range_start && open.len < self.file_len_max;
        if !state.open.as_ref().is_some_and(fits) {
            self.finish_open(&mut state);
            let number = state.next_number;
            let path = self.dir.join(name(number));
            let created = self.files.create(&path).and_then(|file| {
                file.append(&file::header())?;
                Ok(file)
            });
            let file = created.map_err(self.error("create", number))?;
            state.next_number += 1;
            state.is_dir_unsynced = true;
            let file = Arc::new(ChunkFile::new(name(number), file));
            let len = file::FILE_HEADER_LEN;
            state.open = Some(OpenFile { file, len, range_start, index: Vec::new(), is_broken: false });
        }
        let number = state.next_number - 1;
        let open = state.open.as_mut().expect("opened above");
        if let Err(source) = open.file.file().append(&batch.bytes) {
            // What was written of it is cut off, or else the file ends here.
            open.is_broken = open.file.file().set_len(open.len).is_err();
            return Err(self.error("write", number)(source));
        }
        let offset = open.len;
        open.len += batch.bytes.len() as u64;
        self.bytes.fetch_add(batch.bytes.len() as u64, Ordering::Relaxed);
        open.index.push((offset, batch.header()));
        open.file.widen(batch.max_timestamp, open.len);
        Ok(Some(batch.handle(open.file.clone(), offset)))
    }

    /// Gives the open file its footer. A footer that cannot be written is only
    /// missed: the next start reads the headers instead.
    fn finish_open(&self, state: &mut State) {
        let Some(open) = state.open.take() else { return };
        if !open.is_broken && open.file.file().append(&file::footer(&open.index)).is_err() {
            let _ = open.file.file().set_len(open.len);
        }
        state.unsynced.push(open.file.file().clone());
        state.finished.push(open.file);
    }

    /// Finishes the open file, for a clean end.
    pub(crate) fn finish(&self) {
        self.finish_open(&mut lock(&self.state));
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// When a sync fails; it is tried again next time.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        let (mut unsynced, is_dir_unsynced) = {
            let mut state = lock(&self.state);
            let mut unsynced = std::mem::take(&mut state.unsynced);
            unsynced.extend(state.open.as_ref().map(|open| open.file.file().clone()));
            (unsynced, std::mem::take(&mut state.is_dir_unsynced))
        };
        let result = unsynced
            .iter()
            .try_for_each(|file| file.sync_data())
            .and_then(|()| if is_dir_unsynced { self.files.sync_dir(&self.dir) } else { Ok(()) });
        result.map_err(|source| {
            let mut state = lock(&self.state);
            state.unsynced.append(&mut unsynced);
            state.is_dir_unsynced |= is_dir_unsynced;
            StorageError::Io { action: "sync", path: self.dir.clone(), source }
        })
    }

    /// Whether [`ChunkFiles::remove_before`] would remove a file.
    pub(crate) fn has_before(&self, floor: i64) -> bool {
        let state = lock(&self.state);
        let open = state.open.as_ref().map(|open| &open.file);
        state.finished.iter().chain(open).any(|file| file.max_timestamp() < floor)
    }

    /// Removes finished files whose samples are all older than `floor`. Returns how many.
    ///
    /// # Errors
    /// When one could not be removed; it is tried again next time.
    pub(crate) fn remove_before(&self, floor: i64) -> Result<usize, StorageError> {
        let old = {
            let mut state = lock(&self.state);
            if state.open.as_ref().is_some_and(|open| open.file.max_timestamp() < floor) {
                self.finish_open(&mut state);
            }
            let (old, kept): (Vec<_>, Vec<_>) =
                std::mem::take(&mut state.finished).into_iter().partition(|file| file.max_timestamp() < floor);
            state.finished = kept;
            old
        };
        let mut removed = 0;
        for (i, file) in old.iter().enumerate() {
            let path = self.dir.join(file.name());
            if let Err(source) = self.files.remove_file(&path) {
                lock(&self.state).finished.extend_from_slice(&old[i..]);
                return Err(StorageError::Io { action: "remove", path, source });
            }
            self.bytes.fetch_sub(file.len().min(self.bytes()), Ordering::Relaxed);
            removed += 1;
        }
        Ok(removed)
    }
}

fn name(number: u64) -> String {
    format!("{number:06}")
}
