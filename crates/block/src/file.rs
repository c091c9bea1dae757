//! Reading files of a block: pages shared by all, and runs in sequence.
//!
//! Files are read by position, not mapped: mapping needs `unsafe`, which this
//! workspace forbids, and a mapped file that shrinks or fails under the process
//! kills it where a read gives an error. What a map does well, reading a few
//! bytes again and again for nothing, [`PageCache`] does: 16 KiB pages, one bounded
//! cache for all blocks of a database. A hit costs about 50 ns. Long runs
//! (postings, chunks) go past it, in one call each.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use narthex_env::{File, Files};

use crate::codec::{Cursor, UVARINT_LEN_MAX};
use crate::error::{Result, checksum_mismatch, corrupt, io_error};

/// Bytes of a page.
pub(crate) const PAGE_LEN: usize = 16 << 10;
/// Parts of the cache, each behind a lock of its own.
const SHARDS: usize = 16;
/// What a sequential reader reads at a time.
const RUN_LEN: usize = 128 << 10;

type PageKey = (u64, u64);

struct Page {
    bytes: Arc<[u8]>,
    /// Whether it was asked for since the hand came by.
    is_used: bool,
}

#[derive(Default)]
struct Shard {
    pages: HashMap<PageKey, Page>,
    /// In the order in which the hand comes by.
    order: VecDeque<PageKey>,
}

/// Pages of files read lately, those of all blocks that share it.
pub struct PageCache {
    shards: [Mutex<Shard>; SHARDS],
    shard_pages_max: usize,
}

/// Numbers files, so that what a thread remembers of one is never taken for
/// another's, whatever cache they use.
static NEXT_FILE: AtomicU64 = AtomicU64::new(0);

impl std::fmt::Debug for PageCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageCache").field("bytes_max", &(self.shard_pages_max * SHARDS * PAGE_LEN)).finish()
    }
}

impl PageCache {
    /// A cache of at most about `bytes_max`, at least one page for each shard.
    pub fn new(bytes_max: usize) -> Arc<PageCache> {
        Arc::new(PageCache { shards: Default::default(), shard_pages_max: (bytes_max / PAGE_LEN / SHARDS).max(1) })
    }

    fn shard(&self, key: PageKey) -> &Mutex<Shard> {
        &self.shards[(key.0.wrapping_mul(7).wrapping_add(key.1) % SHARDS as u64) as usize]
    }

    fn get(&self, key: PageKey) -> Option<Arc<[u8]>> {
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        let page = shard.pages.get_mut(&key)?;
        page.is_used = true;
        Some(page.bytes.clone())
    }

    fn put(&self, key: PageKey, bytes: Arc<[u8]>) {
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        while shard.pages.len() >= self.shard_pages_max {
            let Some(oldest) = shard.order.pop_front() else { break };
            match shard.pages.get_mut(&oldest) {
                Some(page) if page.is_used => {
                    page.is_used = false;
                    shard.order.push_back(oldest);
                }
                _ => {
                    shard.pages.remove(&oldest);
                }
            }
        }
        if shard.pages.insert(key, Page { bytes, is_used: false }).is_none() {
            shard.order.push_back(key);
        }
    }

    fn forget(&self, file: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.pages.retain(|key, _| key.0 != file);
            shard.order.retain(|key| key.0 != file);
        }
    }
}

/// A file that is not written any more.
pub(crate) struct PagedFile {
    file: Arc<dyn File>,
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    /// Unlike that of any other file this process opens.
    pub(crate) id: u64,
    cache: Arc<PageCache>,
}

impl Drop for PagedFile {
    fn drop(&mut self) {
        self.cache.forget(self.id);
    }
}

impl PagedFile {
    pub(crate) fn open(files: &dyn Files, path: &Path, cache: &Arc<PageCache>) -> Result<PagedFile> {
        let file = files.open_read(path).map_err(io_error("open", path))?;
        let len = file.len().map_err(io_error("read", path))?;
        let id = NEXT_FILE.fetch_add(1, Ordering::Relaxed);
        Ok(PagedFile { file, path: path.to_path_buf(), len, id, cache: cache.clone() })
    }

    pub(crate) fn corrupt(&self, offset: u64, what: impl Into<String>) -> crate::BlockError {
        corrupt(&self.path, offset, what)
    }

    /// Reads into `buffer`, past the cache.
    pub(crate) fn read_exact(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.check_range(offset, buffer.len() as u64)?;
        self.file.read_exact_at(buffer, offset).map_err(io_error("read", &self.path))
    }

    fn check_range(&self, offset: u64, len: u64) -> Result<()> {
        if offset.checked_add(len).is_some_and(|end| end <= self.len) {
            return Ok(());
        }
        Err(self.corrupt(offset, "invalid size"))
    }

    /// Reads `len` bytes, past the cache.
    pub(crate) fn read_vec(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.check_range(offset, len)?;
        let mut bytes = vec![0; len as usize];
        self.read_exact(offset, &mut bytes)?;
        Ok(bytes)
    }

    fn page(&self, number: u64) -> Result<Arc<[u8]>> {
        let key = (self.id, number);
        if let Some(page) = self.cache.get(key) {
            return Ok(page);
        }
        let start = number * PAGE_LEN as u64;
        let len = (self.len.saturating_sub(start)).min(PAGE_LEN as u64);
        let page: Arc<[u8]> = self.read_vec(start, len)?.into();
        self.cache.put(key, page.clone());
        Ok(page)
    }
}

/// One reader's place in a file: it keeps the page it read last, so that
/// neighbours cost nothing.
#[derive(Default)]
pub(crate) struct Window {
    page: Option<(PageKey, Arc<[u8]>)>,
    /// What crosses pages.
    scratch: Vec<u8>,
}

impl Window {
    /// `len` bytes at `offset`.
    pub(crate) fn slice(&mut self, file: &PagedFile, offset: u64, len: usize) -> Result<&[u8]> {
        file.check_range(offset, len as u64)?;
        let at = (offset % PAGE_LEN as u64) as usize;
        if at + len > PAGE_LEN {
            self.scratch.resize(len, 0);
            file.read_exact(offset, &mut self.scratch)?;
            return Ok(&self.scratch);
        }
        let key = (file.id, offset / PAGE_LEN as u64);
        if self.page.as_ref().is_none_or(|page| page.0 != key) {
            self.page = Some((key, file.page(key.1)?));
        }
        let page = self.page.as_ref().map_or(&[][..], |page| &page.1);
        page.get(at..at + len).ok_or_else(|| file.corrupt(offset, "invalid size"))
    }

    /// The bytes from `offset` to the end of its page or file; at least `len_min`
    /// of them unless the file ends before.
    pub(crate) fn rest(&mut self, file: &PagedFile, offset: u64, len_min: usize) -> Result<&[u8]> {
        let in_page = PAGE_LEN - (offset % PAGE_LEN as u64) as usize;
        let in_file = usize::try_from(file.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.slice(file, offset, in_page.max(len_min).min(in_file))
    }

    /// What stands at `offset` behind its length and before its checksum.
    pub(crate) fn framed(&mut self, file: &PagedFile, offset: u64) -> Result<&[u8]> {
        let head = self.rest(file, offset, UVARINT_LEN_MAX)?;
        let mut cursor = Cursor::new(head);
        let len = cursor.uvarint().map_err(|_| file.corrupt(offset, "invalid uvarint"))?;
        let head_len = (head.len() - cursor.remaining()) as u64;
        let len = usize::try_from(len).map_err(|_| file.corrupt(offset, "invalid size"))?;
        let whole = len.checked_add(4).ok_or_else(|| file.corrupt(offset, "invalid size"))?;
        let bytes = self.slice(file, offset + head_len, whole)?;
        let (content, crc) = bytes.split_at(len);
        let expected = u32::from_be_bytes(crc.try_into().expect("four bytes were asked for"));
        let actual = crc32c::crc32c(content);
        if expected != actual {
            return Err(file.corrupt(offset, checksum_mismatch(expected, actual)));
        }
        Ok(content)
    }
}

/// Reads a part of a file from its beginning to its end, with its checksum.
pub(crate) struct Run<'a> {
    file: &'a PagedFile,
    buffer: Vec<u8>,
    /// Position in the buffer.
    at: usize,
    /// File position behind the buffer.
    next: u64,
    end: u64,
    crc: u32,
}

impl<'a> Run<'a> {
    /// Reads from `start` up to `end`.
    pub(crate) fn new(file: &'a PagedFile, start: u64, end: u64) -> Run<'a> {
        Run { file, buffer: Vec::new(), at: 0, next: start, end: end.min(file.len), crc: 0 }
    }

    /// The section at `offset`: behind its length, before its checksum, which
    /// [`Run::finish`] compares.
    pub(crate) fn section(file: &'a PagedFile, offset: u64) -> Result<Run<'a>> {
        let mut head = [0; 4];
        file.read_exact(offset, &mut head)?;
        let start = offset + 4;
        let end = start + u64::from(u32::from_be_bytes(head));
        file.check_range(start, end - start + 4)?;
        Ok(Run::new(file, start, end))
    }

    /// The file position of what is read next.
    pub(crate) fn position(&self) -> u64 {
        self.next - (self.buffer.len() - self.at) as u64
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.position() >= self.end
    }

    fn short(&self) -> crate::BlockError {
        self.file.corrupt(self.position(), "invalid size")
    }

    /// Makes `len` bytes available.
    fn fill(&mut self, len: usize) -> Result<()> {
        if self.buffer.len() - self.at >= len {
            return Ok(());
        }
        if len as u64 > self.end - self.position() {
            return Err(self.short());
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let had = self.buffer.len();
        let more = (self.end - self.next).min(RUN_LEN.max(len - had) as u64) as usize;
        self.buffer.resize(had + more, 0);
        self.file.read_exact(self.next, &mut self.buffer[had..])?;
        self.crc = crc32c::crc32c_append(self.crc, &self.buffer[had..]);
        self.next += more as u64;
        Ok(())
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&[u8]> {
        self.fill(len)?;
        self.at += len;
        Ok(&self.buffer[self.at - len..self.at])
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().expect("four bytes were taken")))
    }

    pub(crate) fn uvarint(&mut self) -> Result<u64> {
        let left = usize::try_from(self.end - self.position()).unwrap_or(usize::MAX);
        self.fill(left.min(UVARINT_LEN_MAX))?;
        let mut cursor = Cursor::new(&self.buffer[self.at..]);
        let before = cursor.remaining();
        match cursor.uvarint() {
            Ok(value) => {
                self.at += before - cursor.remaining();
                Ok(value)
            }
            Err(_) => Err(self.file.corrupt(self.position(), "invalid uvarint")),
        }
    }

    /// A text behind its length, taken.
    pub(crate) fn text(&mut self) -> Result<&[u8]> {
        let len = usize::try_from(self.uvarint()?).map_err(|_| self.short())?;
        self.take(len)
    }

    /// Reads what is left and compares the checksum behind the end.
    pub(crate) fn finish(mut self) -> Result<()> {
        while self.next < self.end {
            self.at = self.buffer.len();
            self.fill(1)?;
        }
        let mut crc = [0; 4];
        self.file.read_exact(self.end, &mut crc)?;
        let expected = u32::from_be_bytes(crc);
        if expected != self.crc {
            return Err(self.file.corrupt(self.end, checksum_mismatch(expected, self.crc)));
        }
        Ok(())
    }
}
