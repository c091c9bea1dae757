//! One chunk file: header, batches, and a footer with the batches' headers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use narthex_env::File;

use super::FoundBatch;
use super::batch::{HEADER_LEN, Header};
use crate::codec::Cursor;
use crate::error::Notice;

const MAGIC: [u8; 4] = *b"NXch";
const VERSION: u32 = 1;
pub(super) const FILE_HEADER_LEN: u64 = 8;
const FOOTER_MAGIC: [u8; 4] = *b"NXcf";
/// Count, checksum, magic.
const TRAILER_LEN: u64 = 12;
const INDEX_ENTRY_LEN: usize = 8 + HEADER_LEN;

/// A chunk file, open for reading and, if it is the last, for appending.
pub(crate) struct ChunkFile {
    name: String,
    file: Arc<dyn File>,
    max_timestamp: AtomicI64,
    len: AtomicU64,
}

impl std::fmt::Debug for ChunkFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkFile").field("name", &self.name).finish_non_exhaustive()
    }
}

pub(super) fn header() -> [u8; FILE_HEADER_LEN as usize] {
    let mut out = [0; FILE_HEADER_LEN as usize];
    out[..4].copy_from_slice(&MAGIC);
    out[4..].copy_from_slice(&VERSION.to_le_bytes());
    out
}

/// The footer for batches at these offsets with these headers.
pub(super) fn footer(index: &[(u64, [u8; HEADER_LEN])]) -> Vec<u8> {
    let mut out = Vec::with_capacity(index.len() * INDEX_ENTRY_LEN + TRAILER_LEN as usize);
    for (offset, header) in index {
        out.extend(offset.to_le_bytes());
        out.extend(header);
    }
    out.extend((index.len() as u32).to_le_bytes());
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out.extend(FOOTER_MAGIC);
    out
}

/// The header of the undamaged batch at `at`, if there is one.
fn batch_at(bytes: &[u8], at: usize) -> Option<(Header, [u8; HEADER_LEN])> {
    let head: [u8; HEADER_LEN] = bytes.get(at..at + HEADER_LEN)?.try_into().ok()?;
    if !head.starts_with(&super::batch::MAGIC) {
        return None;
    }
    let header = Header::decode(&head)?;
    let rest = bytes.get(at + HEADER_LEN..at.checked_add(header.len() as usize)?)?;
    header.checks(rest).then_some((header, head))
}

impl ChunkFile {
    pub(super) fn new(name: String, file: Arc<dyn File>) -> ChunkFile {
        ChunkFile { name, file, max_timestamp: AtomicI64::new(i64::MIN), len: AtomicU64::new(FILE_HEADER_LEN) }
    }

    /// Opens an existing file and finds its batches: by the footer if it has one,
    /// else by walking, checking and, at the first damage, cutting. `None` when its
    /// head says that it is another file: it is left as it is.
    pub(super) fn open(
        name: &str,
        file: Arc<dyn File>,
        notices: &mut Vec<Notice>,
    ) -> io::Result<Option<(Arc<ChunkFile>, Vec<FoundBatch>)>> {
        let this = Arc::new(ChunkFile::new(name.to_owned(), file));
        let len = this.file.len()?;
        let mut head = [0; FILE_HEADER_LEN as usize];
        if this.file.read_at(&mut head, 0)? < head.len() || head != header() {
            let file = name.to_owned();
            if len <= FILE_HEADER_LEN {
                notices.push(Notice::ChunkFileTorn { file, offset: 0 });
                return Ok(Some((this, Vec::new())));
            }
            notices.push(Notice::ChunkFileDamaged { file, offset: 0 });
            // The footer has a checksum: what it lists is there, whatever befell the head.
            this.len.store(len, Ordering::Relaxed);
            return Ok(this.read_footer(len)?.map(|found| (this, found)));
        }
        let found = match this.read_footer(len)? {
            Some(found) => found,
            None => this.walk(len, notices)?,
        };
        this.len.store(this.file.len()?, Ordering::Relaxed);
        Ok(Some((this, found)))
    }

    fn read_footer(self: &Arc<ChunkFile>, len: u64) -> io::Result<Option<Vec<FoundBatch>>> {
        let mut trailer = [0; TRAILER_LEN as usize];
        if len < FILE_HEADER_LEN + TRAILER_LEN || self.file.read_at(&mut trailer, len - TRAILER_LEN)? < trailer.len() {
            return Ok(None);
        }
        let mut cursor = Cursor::new(&trailer);
        let (Ok(count), Ok(crc), Ok(magic)) = (cursor.u32(), cursor.u32(), cursor.array::<4>()) else {
            return Ok(None);
        };
        let index_len = u64::from(count) * INDEX_ENTRY_LEN as u64;
        if magic != FOOTER_MAGIC || index_len + TRAILER_LEN + FILE_HEADER_LEN > len {
            return Ok(None);
        }
        let mut index = vec![0; index_len as usize + 4];
        self.file.read_exact_at(&mut index, len - TRAILER_LEN - index_len)?;
        if crc32c::crc32c(&index) != crc {
            return Ok(None);
        }
        let mut found = Vec::with_capacity(count as usize);
        for entry in index[..index_len as usize].chunks_exact(INDEX_ENTRY_LEN) {
            let mut cursor = Cursor::new(entry);
            let (Ok(offset), Ok(header)) = (cursor.u64(), cursor.array::<HEADER_LEN>()) else { return Ok(None) };
            let Some(header) = Header::decode(&header) else { return Ok(None) };
            self.widen(header.max_timestamp(), 0);
            found.push(header.found(self.clone(), offset));
        }
        Ok(Some(found))
    }

    /// Reads the batches one after the other. Damaged ones are reported and passed
    /// over; what follows the last good one is cut off: the file was being written
    /// when the process ended, and the log has what was cut. The file then gets
    /// its footer, so that this is done once.
    fn walk(self: &Arc<ChunkFile>, len: u64, notices: &mut Vec<Notice>) -> io::Result<Vec<FoundBatch>> {
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, 0)?;
        let (mut found, mut index) = (Vec::new(), Vec::new());
        let (mut at, mut good_end) = (FILE_HEADER_LEN as usize, FILE_HEADER_LEN as usize);
        while at < bytes.len() {
            let good = |at: &usize| batch_at(&bytes, *at).is_some();
            let next = if good(&at) { Some(at) } else { (at + 1..bytes.len()).find(good) };
            let (file, offset) = (self.name.clone(), at as u64);
            let Some(next) = next else {
                notices.push(Notice::ChunkFileTorn { file, offset });
                break;
            };
            if next != at {
                notices.push(Notice::ChunkFileDamaged { file, offset });
            }
            let (header, head) = batch_at(&bytes, next).expect("found just now");
            self.widen(header.max_timestamp(), 0);
            found.push(header.found(self.clone(), next as u64));
            index.push((next as u64, head));
            at = next + header.len() as usize;
            good_end = at;
        }
        if good_end < bytes.len() {
            self.file.set_len(good_end as u64)?;
        }
        if !found.is_empty() {
            self.file.append(&footer(&index))?;
        }
        Ok(found)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// The number that its name is.
    pub(crate) fn number(&self) -> u64 {
        self.name.parse().unwrap_or(0)
    }

    /// Time of its newest sample.
    pub(crate) fn max_timestamp(&self) -> i64 {
        self.max_timestamp.load(Ordering::Relaxed)
    }

    /// Its length in bytes, but for a footer written since.
    pub(crate) fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    pub(super) fn widen(&self, max_timestamp: i64, len: u64) {
        self.max_timestamp.fetch_max(max_timestamp, Ordering::Relaxed);
        self.len.fetch_max(len, Ordering::Relaxed);
    }
}
