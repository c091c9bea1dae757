//! Appending records to segments and making them durable.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use narthex_env::{File, Files};
use narthex_storage::StorageError;

use super::frame::{self, FILE_HEADER_LEN, FileKind, RECORD_LEN_MAX};
use crate::sync::lock;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is in the segment it was made for.
    Written,
    /// Another segment has begun meanwhile: the record must be made anew for it.
    Moved,
}

/// The log being written. Its lock is taken after a group's.
pub(crate) struct Log {
    dir: PathBuf,
    files: Arc<dyn Files>,
    segment_len_max: u64,
    state: Mutex<State>,
    /// Held while syncing, so that those who wait for a sync share one.
    syncing: Mutex<()>,
    /// The current segment's number.
    segment: AtomicU64,
    /// Bytes written since the start.
    written: AtomicU64,
    /// Bytes of `written` that are durable.
    synced: AtomicU64,
    /// Bytes of all segments.
    pub(crate) bytes: AtomicU64,
    pub(crate) writes_failed: AtomicU64,
}

struct State {
    file: Arc<dyn File>,
    len: u64,
    /// Finished or current segments with bytes that are not synced.
    unsynced: Vec<Arc<dyn File>>,
    is_dir_unsynced: bool,
    /// The end of the segment is unknown: another one must begin.
    is_broken: bool,
}

/// The segments that were there at the start.
pub(crate) struct Replayed {
    /// The greatest number in use; 0 for none.
    pub(crate) last: u64,
    /// Their length together.
    pub(crate) bytes: u64,
    pub(crate) files: Vec<Arc<dyn File>>,
}

/// The greatest number of a segment, checkpoint or chunk file. Files with greater
/// ones are none of ours: nobody lives to fill so many, and there must be a next.
pub(crate) const NUMBER_MAX: u64 = u32::MAX as u64;

/// The file name of a segment.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:08}")
}

/// The number of the segment with this file name; `None` when none is named so.
pub(crate) fn segment_number(file_name: &str) -> Option<u64> {
    let number = file_name.parse().ok()?;
    (number <= NUMBER_MAX && segment_name(number) == file_name).then_some(number)
}

fn create(files: &dyn Files, dir: &Path, number: u64) -> io::Result<Arc<dyn File>> {
    let file = files.create(&dir.join(segment_name(number)))?;
    file.append(&frame::file_header(FileKind::Segment, number))?;
    Ok(file)
}

impl Log {
    /// Begins a segment in `dir` after those that were replayed.
    ///
    /// # Errors
    /// When the segment cannot be created.
    pub(crate) fn create(
        dir: PathBuf,
        files: Arc<dyn Files>,
        segment_len_max: u64,
        replayed: Replayed,
    ) -> Result<Log, StorageError> {
        let number = replayed.last + 1;
        let file = create(&*files, &dir, number).map_err(|source| StorageError::Io {
            action: "create",
            path: dir.join(segment_name(number)),
            source,
        })?;
        let len = FILE_HEADER_LEN as u64;
        // The process before may have died between writing and syncing.
        let mut unsynced = replayed.files;
        unsynced.push(file.clone());
        let state = State { unsynced, file, len, is_dir_unsynced: true, is_broken: false };
        Ok(Log {
            dir,
            files,
            segment_len_max,
            state: Mutex::new(state),
            syncing: Mutex::new(()),
            segment: AtomicU64::new(number),
            written: AtomicU64::new(len),
            synced: AtomicU64::new(0),
            bytes: AtomicU64::new(replayed.bytes + len),
            writes_failed: AtomicU64::new(0),
        })
    }

    /// The segment that a record should be made for.
    pub(crate) fn segment(&self) -> u64 {
        self.segment.load(Ordering::Acquire)
    }

    /// Bytes written since the start.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    fn error(&self, action: &'static str) -> impl FnOnce(io::Error) -> StorageError {
        let path = self.dir.join(segment_name(self.segment()));
        move |source| StorageError::Io { action, path, source }
    }

    /// Appends the frame of a record made for `segment`.
    ///
    /// # Errors
    /// When it could not be written; it is not in the log then.
    pub(crate) fn append(&self, segment: u64, frame: &mut [u8]) -> Result<Appended, StorageError> {
        if frame.len() > RECORD_LEN_MAX {
            return Err(StorageError::Limit("commit is too large for the log".to_owned()));
        }
        let mut state = lock(&self.state);
        if state.is_broken || state.len >= self.segment_len_max {
            match self.begin_segment(&mut state) {
                Ok(()) => {}
                // A segment that is only too long goes on.
                Err(_) if !state.is_broken => {}
                Err(error) => return Err(error),
            }
        }
        if self.segment() != segment {
            return Ok(Appended::Moved);
        }
        frame::finish(frame, segment, state.len);
        if let Err(source) = state.file.append(frame) {
            self.writes_failed.fetch_add(1, Ordering::Relaxed);
            // Part of the frame may be there. It must not be found again.
            state.is_broken = state.file.set_len(state.len).is_err();
            return Err(self.error("write")(source));
        }
        if state.unsynced.is_empty() {
            let file = state.file.clone();
            state.unsynced.push(file);
        }
        state.len += frame.len() as u64;
        self.bytes.fetch_add(frame.len() as u64, Ordering::Relaxed);
        self.written.fetch_add(frame.len() as u64, Ordering::Release);
        Ok(Appended::Written)
    }

    fn begin_segment(&self, state: &mut State) -> Result<(), StorageError> {
        let number = self.segment() + 1;
        let file = create(&*self.files, &self.dir, number).map_err(self.error("create the segment after"))?;
        state.unsynced.push(file.clone());
        state.file = file;
        state.len = FILE_HEADER_LEN as u64;
        state.is_dir_unsynced = true;
        state.is_broken = false;
        self.bytes.fetch_add(state.len, Ordering::Relaxed);
        self.segment.store(number, Ordering::Release);
        Ok(())
    }

    /// Begins another segment and returns its number. Records that are made for
    /// the one before are refused from here on.
    ///
    /// # Errors
    /// When it could not be created.
    pub(crate) fn roll(&self) -> Result<u64, StorageError> {
        self.begin_segment(&mut lock(&self.state))?;
        Ok(self.segment())
    }

    /// Whether there are bytes to sync.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.synced.load(Ordering::Acquire) < self.written()
    }

    /// Makes everything written before the call durable. Returns whether there was
    /// something to do that no other thread did meanwhile.
    ///
    /// # Errors
    /// When the system could not; it is tried again by the next call.
    pub(crate) fn sync(&self) -> Result<bool, StorageError> {
        let wanted = self.written();
        let _syncing = lock(&self.syncing);
        if self.synced.load(Ordering::Acquire) >= wanted {
            return Ok(false);
        }
        let (mut unsynced, is_dir_unsynced, written) = {
            let mut state = lock(&self.state);
            let unsynced = std::mem::take(&mut state.unsynced);
            (unsynced, std::mem::take(&mut state.is_dir_unsynced), self.written())
        };
        let result = unsynced
            .iter()
            .try_for_each(|file| file.sync_data())
            .and_then(|()| if is_dir_unsynced { self.files.sync_dir(&self.dir) } else { Ok(()) });
        if let Err(source) = result {
            let mut state = lock(&self.state);
            unsynced.append(&mut state.unsynced);
            state.unsynced = unsynced;
            state.is_dir_unsynced |= is_dir_unsynced;
            return Err(self.error("sync")(source));
        }
        self.synced.store(written, Ordering::Release);
        Ok(true)
    }

    /// Removes the segments before `first`.
    ///
    /// # Errors
    /// When one could not be removed.
    pub(crate) fn remove_before(&self, first: u64) -> Result<(), StorageError> {
        let io = |action| move |path: &Path, source| StorageError::Io { action, path: path.to_path_buf(), source };
        for entry in self.files.list(&self.dir).map_err(|e| io("list")(&self.dir, e))? {
            if !entry.is_dir && segment_number(&entry.name).is_some_and(|number| number < first) {
                let path = self.dir.join(&entry.name);
                self.files.remove_file(&path).map_err(|e| io("remove")(&path, e))?;
                self.bytes.fetch_sub(entry.len.min(self.bytes.load(Ordering::Relaxed)), Ordering::Relaxed);
            }
        }
        Ok(())
    }
}
