//! Float chunks with start timestamps (encoding 4).
//!
//! ```text
//! u16 count │ start header │ varint t0 │ f64 v0 │ [start] │ uvarint t1−t0 │ value │ [start] │ joint code │ [start] │ …
//! ```
//!
//! From the third sample on, one code says what time and value do:
//!
//! | code | change of distance | value |
//! |---|---|---|
//! | `0` | 0 | the base |
//! | `100` + bits, `101` + window + bits | 0 | within the window, a new window |
//! | `110` + 13, `1110` + 20, `11110` + 64 bits | that, two's complement | a *value* follows |
//! | `11111` | 0 | stale |
//!
//! A *value* is `0` the base, `10` + bits, `110` + window + bits, or `111` stale. The
//! base is the last value that was not the staleness marker. For start timestamps
//! see `start`. Source: specification §8.6.

use narthex_model::value::{STALE_NAN, STALE_NAN_BITS};

use crate::ChunkError;
use crate::bits::{BitReader, BitWriter};
use crate::encoding::SAMPLES_MAX;
use crate::start::{StartReader, StartWriter};
use crate::window::{Prefixes, Window, XorReader};

const JOINT: Prefixes = Prefixes { reuse: (0b100, 3), new: (0b101, 3) };
const VALUE: Prefixes = Prefixes { reuse: (0b10, 2), new: (0b110, 3) };

/// Writes such a chunk sample by sample.
#[derive(Clone, Debug, Default)]
pub struct Xor2Encoder {
    bits: BitWriter,
    count: u16,
    timestamp: i64,
    distance: i64,
    /// Bits of the last value that was not stale.
    base: u64,
    window: Window,
    starts: StartWriter,
}

impl Xor2Encoder {
    /// Begins a new chunk, keeping the memory.
    pub fn clear(&mut self) {
        self.bits.clear();
        *self = Xor2Encoder { bits: std::mem::take(&mut self.bits), ..Xor2Encoder::default() };
    }

    /// How many samples it has.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Whether no further sample can be counted.
    pub fn is_full(&self) -> bool {
        self.count == SAMPLES_MAX
    }

    /// Appends a sample with the start timestamp `start`, 0 for unknown.
    /// `timestamp` must be greater than the last one; `value` may be any bits.
    ///
    /// # Panics
    /// When the chunk [is full](Xor2Encoder::is_full).
    pub fn append(&mut self, start: i64, timestamp: i64, value: f64) {
        let value = value.to_bits();
        match self.count {
            0 => {
                self.bits.put_varint(timestamp);
                self.bits.put(value, 64);
                if value != STALE_NAN_BITS {
                    self.base = value;
                }
                self.starts.put_first(&mut self.bits, timestamp, start);
            }
            1 => {
                self.distance = timestamp.wrapping_sub(self.timestamp);
                self.bits.put_uvarint(self.distance as u64);
                self.put_value(value);
            }
            _ => {
                let distance = timestamp.wrapping_sub(self.timestamp);
                let change = distance.wrapping_sub(self.distance);
                self.distance = distance;
                if change == 0 { self.put_joint(value) } else { self.put_changed(change, value) }
            }
        }
        if self.count > 0 {
            self.starts.put(&mut self.bits, self.count, self.timestamp, start);
        }
        self.timestamp = timestamp;
        self.count = self.count.checked_add(1).expect("the caller cuts a full chunk");
    }

    fn put_joint(&mut self, value: u64) {
        if value == STALE_NAN_BITS {
            self.bits.put(0b11111, 5);
        } else {
            self.put_xor(value, JOINT);
        }
    }

    fn put_changed(&mut self, change: i64, value: u64) {
        if (-(1 << 12)..1 << 12).contains(&change) {
            self.bits.put(0b110 << 13 | change as u64 & ((1 << 13) - 1), 16);
        } else if (-(1 << 19)..1 << 19).contains(&change) {
            self.bits.put(0b1110 << 20 | change as u64 & ((1 << 20) - 1), 24);
        } else {
            self.bits.put(0b11110, 5);
            self.bits.put(change as u64, 64);
        }
        self.put_value(value);
    }

    fn put_value(&mut self, value: u64) {
        if value == STALE_NAN_BITS {
            self.bits.put(0b111, 3);
        } else {
            self.put_xor(value, VALUE);
        }
    }

    fn put_xor(&mut self, value: u64, prefixes: Prefixes) {
        let xor = value ^ self.base;
        if xor == 0 {
            return self.bits.put(0, 1);
        }
        self.base = value;
        self.window.put(&mut self.bits, xor, prefixes);
    }

    /// Length of the chunk as it is now, in bytes.
    pub fn len_bytes(&self) -> usize {
        3 + self.bits.len_bytes()
    }

    /// Appends the chunk as it is now to `out`.
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_be_bytes());
        out.push(self.starts.header());
        self.bits.copy_to(out);
    }
}

/// Whether the chunk has start timestamps at all.
pub(crate) fn has_starts(data: &[u8]) -> bool {
    data.get(2).is_some_and(|&header| header != 0)
}

/// Decodes all samples into the slices, which are as long as the chunk has
/// samples; `starts` may be empty when the chunk has none.
pub(crate) fn decode(
    data: &[u8],
    timestamps: &mut [i64],
    values: &mut [f64],
    starts: &mut [i64],
) -> Result<(), ChunkError> {
    let header = *data.get(2).ok_or(ChunkError::Short)?;
    let mut reader = Reader {
        bits: BitReader::new(&data[3..]),
        timestamp: 0,
        distance: 0,
        base: XorReader::default(),
        starts: StartReader::new(header),
    };
    let starts = starts.iter_mut().map(Some).chain(std::iter::repeat_with(|| None));
    for (index, ((timestamp_out, value_out), start_out)) in timestamps.iter_mut().zip(values).zip(starts).enumerate() {
        let value = reader.next(index as u16)?;
        (*timestamp_out, *value_out) = (reader.timestamp, value);
        if let Some(start_out) = start_out {
            *start_out = reader.starts.start;
        }
    }
    reader.bits.check()
}

struct Reader<'a> {
    bits: BitReader<'a>,
    timestamp: i64,
    distance: i64,
    base: XorReader,
    starts: StartReader,
}

impl Reader<'_> {
    #[inline]
    fn next(&mut self, index: u16) -> Result<f64, ChunkError> {
        let previous = self.timestamp;
        let value = match index {
            0 => {
                self.timestamp = self.bits.get_varint()?;
                let value = self.bits.get(64);
                if value != STALE_NAN_BITS {
                    self.base = XorReader::after(value);
                }
                self.starts.get_first(&mut self.bits, self.timestamp)?;
                return Ok(f64::from_bits(value));
            }
            1 => {
                self.distance = self.bits.get_uvarint()? as i64;
                self.timestamp = previous.wrapping_add(self.distance);
                self.value()?
            }
            _ => self.joint()?,
        };
        self.starts.get(&mut self.bits, index, previous);
        Ok(value)
    }

    #[inline]
    fn joint(&mut self) -> Result<f64, ChunkError> {
        let word = self.bits.peek();
        let value = match word.leading_ones() {
            0 => {
                self.bits.skip(1);
                f64::from_bits(self.base.value)
            }
            1 => {
                if word >> 61 & 1 == 1 {
                    self.base.new_window(&mut self.bits, word << 3, 3)?;
                } else {
                    self.base.old_window(&mut self.bits, word << 3, 3);
                }
                f64::from_bits(self.base.value)
            }
            2 => {
                self.bits.skip(16);
                return self.changed((word << 3) as i64 >> 51);
            }
            3 => {
                self.bits.skip(24);
                return self.changed((word << 4) as i64 >> 44);
            }
            4 => {
                self.bits.skip(5);
                let change = self.bits.get(64) as i64;
                return self.changed(change);
            }
            _ => {
                self.bits.skip(5);
                STALE_NAN
            }
        };
        self.timestamp = self.timestamp.wrapping_add(self.distance);
        Ok(value)
    }

    fn changed(&mut self, change: i64) -> Result<f64, ChunkError> {
        self.distance = self.distance.wrapping_add(change);
        self.timestamp = self.timestamp.wrapping_add(self.distance);
        self.value()
    }

    #[inline]
    fn value(&mut self) -> Result<f64, ChunkError> {
        let word = self.bits.peek();
        match word.leading_ones() {
            0 => self.bits.skip(1),
            1 => self.base.old_window(&mut self.bits, word << 2, 2),
            2 => self.base.new_window(&mut self.bits, word << 3, 3)?,
            _ => {
                self.bits.skip(3);
                return Ok(STALE_NAN);
            }
        }
        Ok(f64::from_bits(self.base.value))
    }
}
