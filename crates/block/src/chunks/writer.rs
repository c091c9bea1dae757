//! Writing chunks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_chunkenc::{EncodedChunk, Encoding};
use narthex_env::{File, Files};

use super::{CHUNKS_DIR, HEADER_LEN, MAGIC, VERSION, file_name};
use crate::codec::{put_u32, put_uvarint};
use crate::error::{Result, io_error};
use crate::index::ChunkMeta;

/// The longest file, but for a single chunk that is longer.
const FILE_LEN_MAX: u64 = 512 << 20;
/// What a chunk counts in that besides its data.
const CHUNK_OVERHEAD: u64 = 5 + 1 + 4;
const BUFFER_LEN: usize = 1 << 20;

/// A chunk to be written.
#[derive(Clone, Copy, Debug)]
pub struct ChunkData<'a> {
    /// First timestamp, in milliseconds.
    pub min_ms: i64,
    /// Last timestamp.
    pub max_ms: i64,
    /// Its encoding.
    pub encoding: Encoding,
    /// Its data.
    pub data: &'a [u8],
}

impl<'a> From<&'a EncodedChunk> for ChunkData<'a> {
    fn from(chunk: &'a EncodedChunk) -> ChunkData<'a> {
        ChunkData { min_ms: chunk.min_ms, max_ms: chunk.max_ms, encoding: chunk.encoding, data: &chunk.data }
    }
}

/// Writes the chunk files of a block.
pub struct ChunkWriter {
    files: Arc<dyn Files>,
    dir: PathBuf,
    open: Option<(Arc<dyn File>, PathBuf)>,
    /// How many files were begun.
    begun: usize,
    /// Length of the open file, what is buffered included.
    len: u64,
    buffer: Vec<u8>,
    file_len_max: u64,
}

impl ChunkWriter {
    /// Creates the directory of chunks in `dir`.
    ///
    /// # Errors
    /// The system's.
    pub fn create(files: Arc<dyn Files>, dir: &Path) -> Result<ChunkWriter> {
        let dir = dir.join(CHUNKS_DIR);
        files.create_dir_all(&dir).map_err(io_error("create", &dir))?;
        Ok(ChunkWriter { files, dir, open: None, begun: 0, len: 0, buffer: Vec::new(), file_len_max: FILE_LEN_MAX })
    }

    #[cfg(test)]
    pub(crate) fn with_file_len_max(mut self, len: u64) -> ChunkWriter {
        self.file_len_max = len;
        self
    }

    /// Writes the chunks of one series, appending where they are to `metas`.
    ///
    /// # Errors
    /// The system's; then nothing more can be written.
    pub fn write(&mut self, chunks: &[ChunkData<'_>], metas: &mut Vec<ChunkMeta>) -> Result<()> {
        // What this series has written and counted, as upstream sums it up: the
        // length of the file at its beginning, then each chunk.
        let mut planned = self.len;
        for chunk in chunks {
            let size = chunk.data.len() as u64 + CHUNK_OVERHEAD;
            if self.open.is_none() || planned > HEADER_LEN && planned + size > self.file_len_max {
                self.next_file()?;
                planned = self.len;
            }
            planned += size;
            let reference = (self.begun as u64 - 1) << 32 | self.len;
            metas.push(ChunkMeta { min_ms: chunk.min_ms, max_ms: chunk.max_ms, reference });
            let start = self.buffer.len();
            put_uvarint(&mut self.buffer, chunk.data.len() as u64);
            let content = self.buffer.len();
            self.buffer.push(chunk.encoding.as_byte());
            self.buffer.extend_from_slice(chunk.data);
            let crc = crc32c::crc32c(&self.buffer[content..]);
            put_u32(&mut self.buffer, crc);
            self.len += (self.buffer.len() - start) as u64;
            if self.buffer.len() >= BUFFER_LEN {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if let Some((file, path)) = &self.open {
            file.append(&self.buffer).map_err(io_error("write", path))?;
        }
        self.buffer.clear();
        Ok(())
    }

    fn close_file(&mut self) -> Result<()> {
        self.flush()?;
        if let Some((file, path)) = self.open.take() {
            file.sync_data().map_err(io_error("sync", &path))?;
        }
        Ok(())
    }

    fn next_file(&mut self) -> Result<()> {
        self.close_file()?;
        let path = self.dir.join(file_name(self.begun));
        let file = self.files.create(&path).map_err(io_error("create", &path))?;
        self.open = Some((file, path));
        self.begun += 1;
        put_u32(&mut self.buffer, MAGIC);
        self.buffer.extend_from_slice(&[VERSION, 0, 0, 0]);
        self.len = HEADER_LEN;
        Ok(())
    }

    /// Makes everything durable; returns how many files there are.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<usize> {
        self.close_file()?;
        self.files.sync_dir(&self.dir).map_err(io_error("sync", &self.dir))?;
        Ok(self.begun)
    }
}
