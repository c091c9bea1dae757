//! One batch: the closed chunks of one group, found by slot.
//!
//! Header (64 bytes), table, data. The table of a dense batch has an offset for
//! every slot from the first to the last; that of a sparse one the slots, then
//! the offsets. A slot's data is a sequence of chunks, each with its own checksum.
//! Reading a series costs two reads; reading many in a row far fewer ([`ReadAhead`]).

use std::io;
use std::sync::Arc;

use narthex_storage::StorageError;

use super::file::ChunkFile;
use super::{FoundBatch, ReadAhead};
use crate::chunk::Encoding;
use crate::chunk::xor::XorEncoder;
use crate::codec::{Cursor, Decoded, Malformed, put_uvarint, put_varint};
use crate::head::group::GroupId;
use crate::head::own::ClosedChunk;

pub(crate) const HEADER_LEN: usize = 64;
pub(super) const MAGIC: [u8; 4] = *b"NXcb";
/// Length of the checksum behind a chunk.
const CRC_LEN: usize = 4;
/// Greatest length of a batch, beyond which a header is not believed.
const BATCH_LEN_MAX: u64 = 1 << 31;

/// Collects the chunks of a batch.
pub(crate) struct BatchBuilder {
    group: GroupId,
    number: u32,
    /// Slot and place in `data` of each chunk.
    entries: Vec<(u32, usize, usize)>,
    data: Vec<u8>,
    chunk: Vec<u8>,
    min_timestamp: i64,
    max_timestamp: i64,
    samples: u64,
}

/// A batch ready to be written.
pub(crate) struct FinishedBatch {
    pub(crate) bytes: Vec<u8>,
    header: Header,
    pub(crate) min_timestamp: i64,
    pub(crate) max_timestamp: i64,
}

/// The fixed head of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    group: u32,
    number: u32,
    is_sparse: bool,
    /// Entries of the table.
    entries: u32,
    first_slot: u32,
    min_timestamp: i64,
    max_timestamp: i64,
    samples: u32,
    chunks: u32,
    data_len: u32,
    table_crc: u32,
    data_crc: u32,
}

impl Header {
    fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend(MAGIC);
        out.extend(self.group.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        out.extend(u32::from(self.is_sparse).to_le_bytes());
        out.extend(self.entries.to_le_bytes());
        out.extend(self.first_slot.to_le_bytes());
        out.extend(self.min_timestamp.to_le_bytes());
        out.extend(self.max_timestamp.to_le_bytes());
        for field in [self.samples, self.chunks, self.data_len, self.table_crc, self.data_crc] {
            out.extend(field.to_le_bytes());
        }
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out.try_into().expect("the fields add up to the header's length")
    }

    /// `None` when the bytes are no header.
    pub(crate) fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Header> {
        let (fields, crc) = bytes.split_last_chunk::<4>()?;
        if !fields.starts_with(&MAGIC) || crc32c::crc32c(fields) != u32::from_le_bytes(*crc) {
            return None;
        }
        Header::fields(Cursor::new(&fields[4..])).ok().filter(|header| header.len() <= BATCH_LEN_MAX)
    }

    fn fields(mut cursor: Cursor<'_>) -> Decoded<Header> {
        Ok(Header {
            group: cursor.u32()?,
            number: cursor.u32()?,
            is_sparse: cursor.u32()? != 0,
            entries: cursor.u32()?,
            first_slot: cursor.u32()?,
            min_timestamp: cursor.u64()? as i64,
            max_timestamp: cursor.u64()? as i64,
            samples: cursor.u32()?,
            chunks: cursor.u32()?,
            data_len: cursor.u32()?,
            table_crc: cursor.u32()?,
            data_crc: cursor.u32()?,
        })
    }

    fn table_len(&self) -> u64 {
        let offsets = (u64::from(self.entries) + 1) * 4;
        if self.is_sparse { u64::from(self.entries) * 4 + offsets } else { offsets }
    }

    /// Length of the whole batch.
    pub(crate) fn len(&self) -> u64 {
        HEADER_LEN as u64 + self.table_len() + u64::from(self.data_len)
    }

    /// Whether table and data behind the header are undamaged.
    pub(crate) fn checks(&self, rest: &[u8]) -> bool {
        rest.len() as u64 == self.len() - HEADER_LEN as u64 && {
            let (table, data) = rest.split_at(self.table_len() as usize);
            crc32c::crc32c(table) == self.table_crc && crc32c::crc32c(data) == self.data_crc
        }
    }

    pub(crate) fn found(&self, file: Arc<ChunkFile>, offset: u64) -> FoundBatch {
        FoundBatch { group: self.group, handle: BatchHandle::new(self, file, offset) }
    }

    pub(crate) fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }
}

/// The start value of a chunk's checksum: a chunk read for the wrong series fails.
fn seed(group: u32, slot: u32) -> u32 {
    group.rotate_left(16) ^ slot
}

impl BatchBuilder {
    pub(crate) fn new(group: GroupId, number: u32) -> BatchBuilder {
        BatchBuilder {
            group,
            number,
            entries: Vec::new(),
            data: Vec::new(),
            chunk: Vec::new(),
            min_timestamp: i64::MAX,
            max_timestamp: i64::MIN,
            samples: 0,
        }
    }

    /// Samples added so far.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    pub(crate) fn add_closed(&mut self, chunk: &ClosedChunk) {
        let (min, max) = (chunk.min_timestamp, chunk.max_timestamp);
        self.add(chunk.slot, chunk.encoding, min, max, chunk.samples, &chunk.data);
    }

    /// Adds a chunk of another batch.
    pub(crate) fn add_copy(&mut self, slot: u32, chunk: &ChunkView<'_>) {
        let samples = match (chunk.encoding, chunk.data.first_chunk::<2>()) {
            (Encoding::Xor, Some(&len)) => u32::from(u16::from_be_bytes(len)),
            _ => 0,
        };
        self.add(slot, chunk.encoding, chunk.min_timestamp, chunk.max_timestamp, samples, chunk.data);
    }

    pub(crate) fn add_xor(&mut self, slot: u32, min: i64, max: i64, encoder: &XorEncoder) {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.clear();
        encoder.copy_to(&mut chunk);
        self.add(slot, Encoding::Xor, min, max, encoder.len() as u32, &chunk);
        self.chunk = chunk;
    }

    fn add(&mut self, slot: u32, encoding: Encoding, min: i64, max: i64, samples: u32, chunk: &[u8]) {
        let start = self.data.len();
        self.data.push(encoding.as_byte());
        put_varint(&mut self.data, min);
        put_uvarint(&mut self.data, max.wrapping_sub(min) as u64);
        put_uvarint(&mut self.data, chunk.len() as u64);
        self.data.extend_from_slice(chunk);
        let crc = crc32c::crc32c_append(seed(self.group.0, slot), &self.data[start..]);
        self.data.extend(crc.to_le_bytes());
        self.entries.push((slot, start, self.data.len()));
        self.min_timestamp = self.min_timestamp.min(min);
        self.max_timestamp = self.max_timestamp.max(max);
        self.samples += u64::from(samples);
    }

    /// Lays the batch out. `None` when it has no chunks.
    pub(crate) fn finish(mut self) -> Option<FinishedBatch> {
        // Chunks of one slot were added in order of time, which a stable sort keeps.
        self.entries.sort_by_key(|entry| entry.0);
        let (first_slot, last_slot) = (self.entries.first()?.0, self.entries.last()?.0);
        let mut slots: Vec<u32> = self.entries.iter().map(|entry| entry.0).collect();
        slots.dedup();
        let span = last_slot - first_slot + 1;
        let is_sparse = slots.len() * 2 < span as usize;
        let entries = if is_sparse { slots.len() as u32 } else { span };
        let mut table = Vec::new();
        if is_sparse {
            slots.iter().for_each(|slot| table.extend(slot.to_le_bytes()));
        } else {
            slots = (first_slot..=last_slot).collect();
        }
        let mut data = Vec::with_capacity(self.data.len());
        let mut chunks = self.entries.iter().peekable();
        for slot in slots {
            table.extend((data.len() as u32).to_le_bytes());
            while let Some(chunk) = chunks.next_if(|chunk| chunk.0 == slot) {
                data.extend_from_slice(&self.data[chunk.1..chunk.2]);
            }
        }
        table.extend((data.len() as u32).to_le_bytes());
        let header = Header {
            group: self.group.0,
            number: self.number,
            is_sparse,
            entries,
            first_slot,
            min_timestamp: self.min_timestamp,
            max_timestamp: self.max_timestamp,
            samples: self.samples as u32,
            chunks: self.entries.len() as u32,
            data_len: data.len() as u32,
            table_crc: crc32c::crc32c(&table),
            data_crc: crc32c::crc32c(&data),
        };
        let mut bytes = Vec::with_capacity(HEADER_LEN + table.len() + data.len());
        bytes.extend(header.encode());
        bytes.extend(table);
        bytes.extend(data);
        let (min_timestamp, max_timestamp) = (self.min_timestamp, self.max_timestamp);
        Some(FinishedBatch { bytes, header, min_timestamp, max_timestamp })
    }
}

impl FinishedBatch {
    pub(crate) fn header(&self) -> [u8; HEADER_LEN] {
        self.header.encode()
    }

    pub(crate) fn handle(&self, file: Arc<ChunkFile>, offset: u64) -> BatchHandle {
        BatchHandle::new(&self.header, file, offset)
    }

    /// Whether `found` is this batch, written before.
    pub(crate) fn is(&self, found: &FoundBatch) -> bool {
        let (ours, theirs) = (&self.header, &found.handle);
        (ours.group, ours.number, ours.data_len, ours.data_crc)
            == (found.group, theirs.number, theirs.data_len, theirs.data_crc)
            && (ours.min_timestamp, ours.max_timestamp) == (theirs.min_timestamp, theirs.max_timestamp)
    }
}

/// Where a batch is: what memory keeps of it.
#[derive(Clone, Debug)]
pub(crate) struct BatchHandle {
    file: Arc<ChunkFile>,
    offset: u64,
    pub(crate) min_timestamp: i64,
    pub(crate) max_timestamp: i64,
    group: u32,
    /// Its place among the group's batches: a series' samples ascend with it.
    pub(crate) number: u32,
    first_slot: u32,
    entries: u32,
    data_len: u32,
    data_crc: u32,
    pub(crate) chunks: u32,
    is_sparse: bool,
}

/// One chunk of a batch.
pub(crate) struct ChunkView<'a> {
    pub(crate) encoding: Encoding,
    pub(crate) min_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) data: &'a [u8],
}

impl BatchHandle {
    fn new(header: &Header, file: Arc<ChunkFile>, offset: u64) -> BatchHandle {
        BatchHandle {
            file,
            offset,
            min_timestamp: header.min_timestamp,
            max_timestamp: header.max_timestamp,
            group: header.group,
            number: header.number,
            first_slot: header.first_slot,
            entries: header.entries,
            data_len: header.data_len,
            data_crc: header.data_crc,
            chunks: header.chunks,
            is_sparse: header.is_sparse,
        }
    }

    /// What tells it from every other batch: its file and place there. (Of one
    /// batch there may be a damaged copy that was written anew.)
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.file.number(), self.offset)
    }

    /// Whether all of it is on disk undamaged.
    pub(crate) fn verify(&self) -> bool {
        let mut head = [0; HEADER_LEN];
        let read = self.file.file().read_exact_at(&mut head, self.offset);
        let Some(header) = read.ok().and_then(|()| Header::decode(&head)) else { return false };
        let mut rest = vec![0; header.len() as usize - HEADER_LEN];
        self.file.file().read_exact_at(&mut rest, self.offset + HEADER_LEN as u64).is_ok() && header.checks(&rest)
    }

    /// Whether the batch may have samples of `slot` in the range.
    pub(crate) fn may_have(&self, slot: u32, min_ms: i64, max_ms: i64) -> bool {
        self.min_timestamp <= max_ms
            && self.max_timestamp >= min_ms
            && slot >= self.first_slot
            && (self.is_sparse || slot - self.first_slot < self.entries)
    }

    fn io(&self, source: io::Error) -> StorageError {
        StorageError::Io { action: "read", path: self.file.name().into(), source }
    }

    fn corrupt(&self, what: String) -> StorageError {
        StorageError::Corrupt { file: self.file.name().to_owned(), offset: self.offset, what }
    }

    /// The start and end of a slot's data, relative to the data.
    fn extent(&self, slot: u32, ahead: &mut ReadAhead) -> Result<Option<(u32, u32)>, StorageError> {
        let table = self.offset + HEADER_LEN as u64;
        let (at, index) = if self.is_sparse {
            let mut slots = vec![0; self.entries as usize * 4];
            self.file.file().read_exact_at(&mut slots, table).map_err(|e| self.io(e))?;
            let at = |i: usize| u32::from_le_bytes(slots[i * 4..i * 4 + 4].try_into().expect("four bytes"));
            let (mut low, mut high) = (0, self.entries as usize);
            while low < high {
                let middle = (low + high) / 2;
                if at(middle) < slot { low = middle + 1 } else { high = middle }
            }
            if low == self.entries as usize || at(low) != slot {
                return Ok(None);
            }
            (table + u64::from(self.entries) * 4, low as u32)
        } else {
            (table, slot - self.first_slot)
        };
        let file = self.file.file().as_ref();
        let pair = ahead.table(self.identity(), file, at + u64::from(index) * 4, 8, self.data_offset());
        let mut cursor = Cursor::new(pair.map_err(|e| self.io(e))?);
        let (start, end) = (cursor.u32(), cursor.u32());
        match (start, end) {
            (Ok(start), Ok(end)) if start <= end && end <= self.data_len => Ok((start < end).then_some((start, end))),
            _ => Err(self.corrupt(format!("table entry of series {slot}"))),
        }
    }

    fn data_offset(&self) -> u64 {
        let tables = if self.is_sparse { 2 * u64::from(self.entries) + 1 } else { u64::from(self.entries) + 1 };
        self.offset + HEADER_LEN as u64 + tables * 4
    }

    /// Hands the chunks of `slot` to `sink`, oldest first. A file that retention
    /// has removed still reads.
    ///
    /// # Errors
    /// When they cannot be read, are damaged, or `sink` says so.
    pub(crate) fn read(
        &self,
        slot: u32,
        ahead: &mut ReadAhead,
        mut sink: impl FnMut(ChunkView<'_>) -> Decoded<()>,
    ) -> Result<(), StorageError> {
        let Some((start, end)) = self.extent(slot, ahead)? else { return Ok(()) };
        let data = self.data_offset();
        let (at, len) = (data + u64::from(start), (end - start) as usize);
        let found = ahead.data(self.identity(), self.file.file().as_ref(), at, len, data + u64::from(self.data_len));
        let mut rest = found.map_err(|e| self.io(e))?;
        while !rest.is_empty() {
            let chunk = next_chunk(&mut rest, seed(self.group, slot));
            chunk.and_then(&mut sink).map_err(|Malformed| self.corrupt(format!("chunk of series {slot}")))?;
        }
        Ok(())
    }
}

fn next_chunk<'a>(rest: &mut &'a [u8], seed: u32) -> Decoded<ChunkView<'a>> {
    let mut cursor = Cursor::new(rest);
    let encoding = cursor.u8()?;
    let min_timestamp = cursor.varint()?;
    let max_timestamp = min_timestamp.wrapping_add(cursor.uvarint()? as i64);
    let data = cursor.bytes()?;
    let covered = rest.len() - cursor.remaining();
    let crc = u32::from_le_bytes(cursor.array::<CRC_LEN>()?);
    if crc32c::crc32c_append(seed, &rest[..covered]) != crc {
        return Err(Malformed);
    }
    *rest = &rest[covered + CRC_LEN..];
    let encoding = Encoding::from_byte(encoding).ok_or(Malformed)?;
    Ok(ChunkView { encoding, min_timestamp, max_timestamp, data })
}
