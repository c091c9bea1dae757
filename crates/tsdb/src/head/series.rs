//! What a group knows of one series: 40 bytes, all of which a sample touches.

use super::slab::{BlockRef, Slab};
use crate::chunk::xor::Window;

/// Columns of an open chunk, and samples of a sealed one, at most.
pub(crate) const SAMPLES_PER_CHUNK: usize = 120;
/// Greatest number of bits of an open chunk: the first value and 119 of the longest kind.
const BITS_MAX: usize = 64 + (SAMPLES_PER_CHUNK - 1) * 77;
const _: () = assert!(BITS_MAX <= u16::MAX as usize);
/// Bytes of the longest open chunk.
pub(crate) const VALUES_LEN_MAX: usize = BITS_MAX.div_ceil(64) * 8;

/// The slot belongs to a series.
pub(crate) const LIVE: u8 = 1;
/// Its open samples are in a chunk with timestamps of its own.
pub(crate) const OWN: u8 = 1 << 1;
/// It has not a value in each column since its first; the group has the bitmap.
pub(crate) const GAPPY: u8 = 1 << 2;
/// Its last value is known to a reader of the current log segment.
pub(crate) const IN_SEGMENT: u8 = 1 << 3;
/// It occurred in the batch being committed.
pub(crate) const IN_BATCH: u8 = 1 << 4;
/// Its last sample is a histogram.
pub(crate) const HISTOGRAM: u8 = 1 << 5;

/// The timestamp of a series without samples.
pub(crate) const NO_TIMESTAMP: i64 = i64::MIN;

/// State of the series in one slot.
#[derive(Clone, Debug)]
pub(crate) struct SeriesState {
    /// Bits of the last float sample.
    pub(crate) last_value: u64,
    /// Time of the last sample of any kind; [`NO_TIMESTAMP`] when there is none.
    pub(crate) last_timestamp: i64,
    /// The bits behind the complete words, left aligned.
    pub(crate) tail: u64,
    /// The complete words.
    pub(crate) block: BlockRef,
    /// Bits of all values of the open chunk.
    pub(crate) bits: u16,
    pub(crate) window: Window,
    /// The column of its first open value.
    pub(crate) first_column: u8,
    /// How many open values it has.
    pub(crate) count: u8,
    pub(crate) flags: u8,
    /// How many appenders use it.
    pub(crate) pins: u16,
}

const _: () = assert!(size_of::<SeriesState>() == 40);

impl SeriesState {
    pub(crate) fn new() -> SeriesState {
        SeriesState {
            last_value: 0,
            last_timestamp: NO_TIMESTAMP,
            tail: 0,
            block: BlockRef::NONE,
            bits: 0,
            window: Window::NONE,
            first_column: 0,
            count: 0,
            flags: LIVE,
            pins: 0,
        }
    }

    /// A slot that no series has.
    pub(crate) fn vacant() -> SeriesState {
        SeriesState { flags: 0, ..SeriesState::new() }
    }

    #[inline]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Appends a value to the open chunk. Knows nothing of columns.
    #[inline]
    pub(crate) fn append_value(&mut self, slab: &mut Slab, value: u64) {
        if self.count == 0 {
            self.put(slab, value, 64);
        } else {
            let xor = value ^ self.last_value;
            if xor == 0 {
                self.put(slab, 0, 1);
            } else {
                for (bits, len) in self.window.code(xor) {
                    self.put(slab, bits, len);
                }
            }
        }
        self.count += 1;
    }

    #[inline]
    fn put(&mut self, slab: &mut Slab, value: u64, len: u32) {
        let free = 64 - u32::from(self.bits % 64);
        if len < free {
            self.tail |= value << (free - len);
        } else {
            let over = len - free;
            slab.push(&mut self.block, usize::from(self.bits / 64), self.tail | value >> over);
            self.tail = if over == 0 { 0 } else { value << (64 - over) };
        }
        self.bits += len as u16;
    }

    /// The coded values of the open chunk, padded to a whole word.
    pub(crate) fn values<'b>(&self, slab: &Slab, buffer: &'b mut [u8; VALUES_LEN_MAX]) -> &'b [u8] {
        let words = usize::from(self.bits / 64);
        slab.get(self.block, words, buffer);
        if self.bits.is_multiple_of(64) {
            return &buffer[..words * 8];
        }
        buffer[words * 8..words * 8 + 8].copy_from_slice(&self.tail.to_be_bytes());
        &buffer[..words * 8 + 8]
    }

    /// Forgets the open chunk. The block has been or will be given back by the caller.
    pub(crate) fn forget_chunk(&mut self) {
        self.tail = 0;
        self.block = BlockRef::NONE;
        self.bits = 0;
        self.window = Window::NONE;
        self.count = 0;
        self.flags &= !GAPPY;
    }

    /// Whether the last sample is a staleness marker.
    pub(crate) fn is_stale(&self) -> bool {
        self.last_value == narthex_model::value::STALE_NAN_BITS
    }
}
