//! Reading chunks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_chunkenc::Encoding;
use narthex_env::{File, Files};

use super::{CHUNKS_DIR, HEADER_LEN, MAGIC, VERSION, file_name};
use crate::codec::{Cursor, UVARINT_LEN_MAX};
use crate::error::{Result, bad_chunk, checksum_mismatch, corrupt, io_error};
use crate::index::ChunkMeta;

/// What is read behind the last chunk of a series, whose length nobody knows.
const TAIL_LEN: u64 = 1024;
/// What is read at a time at most, unless one chunk is longer.
const RUN_LEN_MAX: u64 = 256 << 10;

/// The chunk files of a block.
pub struct ChunkFiles {
    files: Vec<Segment>,
}

struct Segment {
    file: Arc<dyn File>,
    path: PathBuf,
    len: u64,
}

impl ChunkFiles {
    /// Opens the files of the block in `dir` and checks their headers.
    ///
    /// # Errors
    /// When one cannot be read, has another header, or is missing between others.
    pub fn open(files: &dyn Files, dir: &Path) -> Result<ChunkFiles> {
        let dir = dir.join(CHUNKS_DIR);
        let entries = files.list(&dir).map_err(io_error("read", &dir))?;
        let is_number = |name: &str| name.len() >= 6 && name.bytes().all(|byte| byte.is_ascii_digit());
        let mut segments = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.is_dir && is_number(&entry.name)) {
            let path = dir.join(&entry.name);
            if entry.name != file_name(segments.len()) {
                return Err(corrupt(&path, 0, "segment files are not sequential"));
            }
            let file = files.open_read(&path).map_err(io_error("open", &path))?;
            let len = file.len().map_err(io_error("read", &path))?;
            let mut head = [0; HEADER_LEN as usize];
            if len < HEADER_LEN {
                return Err(corrupt(&path, 0, format!("invalid segment header in segment {}", segments.len())));
            }
            file.read_exact_at(&mut head, 0).map_err(io_error("read", &path))?;
            let mut cursor = Cursor::new(&head);
            let (magic, version) = (cursor.u32().unwrap_or_default(), cursor.u8().unwrap_or_default());
            if magic != MAGIC {
                return Err(corrupt(&path, 0, format!("invalid magic number {magic:x}")));
            }
            if version != VERSION {
                return Err(corrupt(&path, 4, format!("invalid chunk format version {version}")));
            }
            segments.push(Segment { file, path, len });
        }
        Ok(ChunkFiles { files: segments })
    }

    /// Their length in bytes together.
    pub fn len_bytes(&self) -> u64 {
        self.files.iter().map(|segment| segment.len).sum()
    }
}

/// A chunk with what stands around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawChunk<'a> {
    pub(crate) encoding: Encoding,
    pub(crate) data: &'a [u8],
}

/// Reads chunks in ascending order, several with one call.
#[derive(Default)]
pub(crate) struct ChunkCursor {
    buffer: Vec<u8>,
    file: usize,
    start: u64,
}

impl ChunkCursor {
    /// A cursor of another block with the memory of an old one.
    pub(crate) fn reusing(mut old: ChunkCursor) -> ChunkCursor {
        old.buffer.clear();
        old
    }

    /// The chunk at `chunks[number]`. What comes after it is read ahead. Checks
    /// its checksum.
    pub(crate) fn chunk<'a>(
        &'a mut self,
        files: &'a ChunkFiles,
        chunks: &[ChunkMeta],
        number: usize,
    ) -> Result<RawChunk<'a>> {
        let reference = chunks[number].reference;
        let (file, offset) = ((reference >> 32) as usize, reference & u64::from(u32::MAX));
        let Some(segment) = files.files.get(file) else {
            let path = files.files.first().map_or(Path::new(CHUNKS_DIR), |segment| &segment.path);
            return Err(corrupt(path, offset, format!("segment index {file} out of range")));
        };
        let in_buffer = |cursor: &ChunkCursor, len: u64| {
            cursor.file == file && offset >= cursor.start && offset + len <= cursor.start + cursor.buffer.len() as u64
        };
        let available = segment.len.saturating_sub(offset);
        if available == 0 {
            return Err(corrupt(&segment.path, offset, "segment doesn't include enough bytes to read the chunk"));
        }
        if !in_buffer(self, available.min(UVARINT_LEN_MAX as u64)) {
            let last = chunks[number..]
                .iter()
                .map(|chunk| chunk.reference)
                .take_while(|&next| next >= reference && next - reference < RUN_LEN_MAX)
                .last();
            let ahead = last.map_or(0, |last| last - reference) + TAIL_LEN;
            self.fill(segment, file, offset, ahead.min(available))?;
        }
        let at = (offset - self.start) as usize;
        let mut cursor = Cursor::new(&self.buffer[at..]);
        let before = cursor.remaining();
        let len = cursor.uvarint().map_err(|_| corrupt(&segment.path, offset, "reading chunk length failed"))?;
        let head_len = (before - cursor.remaining()) as u64;
        let whole = len
            .checked_add(head_len + 1 + 4)
            .filter(|&whole| whole <= available)
            .ok_or_else(|| corrupt(&segment.path, offset, "segment doesn't include enough bytes to read the chunk"))?;
        if !in_buffer(self, whole) {
            self.fill(segment, file, offset, whole)?;
        }
        let at = (offset - self.start + head_len) as usize;
        let (content, crc) = self.buffer[at..at + len as usize + 5].split_at(len as usize + 1);
        let expected = u32::from_be_bytes(crc.try_into().expect("four bytes stand behind the data"));
        let actual = crc32c::crc32c(content);
        if expected != actual {
            return Err(corrupt(&segment.path, offset, checksum_mismatch(expected, actual)));
        }
        let encoding = Encoding::from_byte(content[0]).map_err(|error| bad_chunk(&segment.path, offset, error))?;
        Ok(RawChunk { encoding, data: &content[1..] })
    }

    fn fill(&mut self, segment: &Segment, file: usize, offset: u64, len: u64) -> Result<()> {
        self.buffer.resize(len as usize, 0);
        let read = segment.file.read_exact_at(&mut self.buffer, offset);
        (self.file, self.start) = (file, offset);
        read.map_err(|source| {
            self.buffer.clear();
            io_error("read", &segment.path)(source)
        })
    }
}

impl ChunkFiles {
    /// An error about the chunk with this reference.
    pub(crate) fn bad(&self, reference: u64, error: narthex_chunkenc::ChunkError) -> crate::BlockError {
        let path = self.files.get((reference >> 32) as usize).map_or(Path::new(CHUNKS_DIR), |segment| &segment.path);
        bad_chunk(path, reference & u64::from(u32::MAX), error)
    }
}
