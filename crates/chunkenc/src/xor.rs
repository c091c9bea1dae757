//! Float chunks (encoding 1).
//!
//! ```text
//! u16 count │ varint t0 │ f64 v0 │ uvarint t1−t0 │ value │ change of distance │ value │ …
//! ```
//!
//! A change of distance is `0` for none, or `10` + 14, `110` + 17, `1110` + 20
//! bits (the greatest field positive), or `1111` + 64; a value is as in `window`.
//! Source: specification §8.4.

use crate::ChunkError;
use crate::bits::{BitReader, BitWriter};
use crate::encoding::SAMPLES_MAX;
use crate::varbit::{fits_shifted, from_shifted};
use crate::window::{XorReader, XorWriter};

/// Writes a float chunk sample by sample.
#[derive(Clone, Debug, Default)]
pub struct XorEncoder {
    bits: BitWriter,
    count: u16,
    timestamp: i64,
    distance: i64,
    value: XorWriter,
}

impl XorEncoder {
    /// Begins a new chunk, keeping the memory.
    pub fn clear(&mut self) {
        self.bits.clear();
        *self = XorEncoder { bits: std::mem::take(&mut self.bits), ..XorEncoder::default() };
    }

    /// How many samples it has.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Whether no further sample can be counted.
    pub fn is_full(&self) -> bool {
        self.count == SAMPLES_MAX
    }

    /// Appends a sample. `timestamp` must be greater than the last one; `value`
    /// may be any bits.
    ///
    /// # Panics
    /// When the chunk [is full](XorEncoder::is_full).
    #[inline]
    pub fn append(&mut self, timestamp: i64, value: f64) {
        match self.count {
            0 => {
                self.bits.put_varint(timestamp);
                self.bits.put_f64(value);
                self.value = XorWriter::after(value);
            }
            1 => {
                self.distance = timestamp.wrapping_sub(self.timestamp);
                self.bits.put_uvarint(self.distance as u64);
                self.value.put(&mut self.bits, value);
            }
            _ => {
                let distance = timestamp.wrapping_sub(self.timestamp);
                self.put_change(distance.wrapping_sub(self.distance));
                self.distance = distance;
                self.value.put(&mut self.bits, value);
            }
        }
        self.timestamp = timestamp;
        self.count = self.count.checked_add(1).expect("the caller cuts a full chunk");
    }

    #[inline]
    fn put_change(&mut self, change: i64) {
        let low = |len: u32| change as u64 & ((1 << len) - 1);
        if change == 0 {
            self.bits.put(0, 1);
        } else if fits_shifted(change, 14) {
            self.bits.put(0b10 << 14 | low(14), 16);
        } else if fits_shifted(change, 17) {
            self.bits.put(0b110 << 17 | low(17), 20);
        } else if fits_shifted(change, 20) {
            self.bits.put(0b1110 << 20 | low(20), 24);
        } else {
            self.bits.put(0b1111, 4);
            self.bits.put(change as u64, 64);
        }
    }

    /// Length of the chunk as it is now, in bytes.
    pub fn len_bytes(&self) -> usize {
        2 + self.bits.len_bytes()
    }

    /// Appends the chunk as it is now to `out`.
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_be_bytes());
        self.bits.copy_to(out);
    }
}

/// Decodes all samples into `timestamps` and `values`, which are as long as the
/// chunk has samples.
pub(crate) fn decode(data: &[u8], timestamps: &mut [i64], values: &mut [f64]) -> Result<(), ChunkError> {
    let mut bits = BitReader::new(data.get(2..).ok_or(ChunkError::Short)?);
    let mut out = timestamps.iter_mut().zip(values);
    let Some((timestamp_out, value_out)) = out.next() else { return Ok(()) };
    let mut timestamp = bits.get_varint()?;
    let mut value = XorReader::after(bits.get(64));
    (*timestamp_out, *value_out) = (timestamp, f64::from_bits(value.value));
    let Some((timestamp_out, value_out)) = out.next() else { return bits.check() };
    let mut distance = bits.get_uvarint()? as i64;
    timestamp = timestamp.wrapping_add(distance);
    (*timestamp_out, *value_out) = (timestamp, value.get(&mut bits)?);
    let mut steady = 0u32;
    for (timestamp_out, value_out) in out {
        if steady > 0 {
            steady -= 1;
        } else {
            let word = bits.peek();
            if word >> 62 == 0 {
                // Samples that go on as before are two zeros each.
                let pairs = (word.leading_zeros() / 2).min(28);
                bits.skip(2 * pairs);
                steady = pairs - 1;
            } else {
                let (change, used) = get_change(&mut bits, word);
                distance = distance.wrapping_add(change);
                let word = if used == 0 { bits.peek() } else { word << used };
                value.get_peeked(&mut bits, word, used)?;
            }
        }
        timestamp = timestamp.wrapping_add(distance);
        (*timestamp_out, *value_out) = (timestamp, f64::from_bits(value.value));
    }
    // The last run of zeros may have taken the padding for samples.
    bits.unread(2 * steady);
    bits.check()
}

/// The change of distance that `word` begins with, and how many bits it takes; of
/// the longest kind, which is skipped already, 0.
#[inline]
fn get_change(bits: &mut BitReader<'_>, word: u64) -> (i64, u32) {
    if word >> 63 == 0 {
        return (0, 1);
    }
    let (prefix, len) = match word.leading_ones() {
        1 => (2, 14),
        2 => (3, 17),
        3 => (4, 20),
        _ => {
            bits.skip(4);
            return (bits.get(64) as i64, 0);
        }
    };
    (from_shifted(word << prefix >> (64 - len), len), prefix + len)
}
