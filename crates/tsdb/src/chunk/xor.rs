//! Prometheus' XOR float chunk, and its values alone.
//!
//! A chunk is `u16 n` (big endian) and a bit string: the first timestamp as a
//! varint and the first value as 64 bits; then the distance to the second
//! timestamp as a uvarint; then per sample the change of the distance in five
//! classes and the value XORed with the one before. Source: specification §8.3,
//! §8.4.
//!
//! The open chunk of a series in a group has the values only, coded the same way
//! ([`ValueState`]); its timestamps are the group's.
//!
//! Cost: a changed value is one or two word operations to write; a sample is two
//! unaligned loads to read.

use super::bits::{BitReader, BitWriter};
use crate::codec::{Decoded, Malformed, zigzag};

/// No window of significant bits yet: nothing fits into it.
const NO_WINDOW: u8 = 0xff;

/// The window of significant bits of the value coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) lead: u8,
    pub(crate) trail: u8,
}

impl Window {
    pub(crate) const NONE: Window = Window { lead: NO_WINDOW, trail: 0 };

    /// The code for a value that differs by `xor` (not 0) from the one before:
    /// up to two pieces, each bits and their number, the first perhaps empty.
    #[inline]
    pub(crate) fn code(&mut self, xor: u64) -> [(u64, u32); 2] {
        let lead = (xor.leading_zeros() as u8).min(31);
        let trail = xor.trailing_zeros() as u8;
        if self.lead != NO_WINDOW && lead >= self.lead && trail >= self.trail {
            let len = 64 - u32::from(self.lead) - u32::from(self.trail);
            return [(0b10, 2), (xor >> self.trail, len)];
        }
        *self = Window { lead, trail };
        let len = 64 - u32::from(lead) - u32::from(trail);
        // 64 does not fit six bits and is written as 0.
        let head = 0b11 << 11 | u64::from(lead) << 6 | u64::from(len & 63);
        [(head, 13), (xor >> trail, len)]
    }
}

/// Writes an XOR chunk sample by sample.
#[derive(Clone, Debug)]
pub(crate) struct XorEncoder {
    bits: BitWriter,
    len: u16,
    timestamp: i64,
    delta: i64,
    value: u64,
    window: Window,
}

impl Default for XorEncoder {
    fn default() -> XorEncoder {
        XorEncoder { bits: BitWriter::default(), len: 0, timestamp: 0, delta: 0, value: 0, window: Window::NONE }
    }
}

impl XorEncoder {
    /// Begins a new chunk, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.bits.clear();
        *self = XorEncoder { bits: std::mem::take(&mut self.bits), ..XorEncoder::default() };
    }

    /// How many samples it has.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Appends a sample. The timestamp must be greater than the last one; the
    /// chunk must have fewer than 65,535 samples.
    #[inline]
    pub(crate) fn append(&mut self, timestamp: i64, value: u64) {
        match self.len {
            0 => {
                self.put_uvarint(zigzag(timestamp));
                self.bits.put(value, 64);
            }
            1 => {
                self.delta = timestamp.wrapping_sub(self.timestamp);
                self.put_uvarint(self.delta as u64);
                self.put_value(value);
            }
            _ => {
                let delta = timestamp.wrapping_sub(self.timestamp);
                self.put_change(delta.wrapping_sub(self.delta));
                self.delta = delta;
                self.put_value(value);
            }
        }
        self.timestamp = timestamp;
        self.value = value;
        self.len += 1;
    }

    #[inline]
    fn put_change(&mut self, change: i64) {
        let fits = |bits: u32| (-(1i64 << (bits - 1)) + 1..=1i64 << (bits - 1)).contains(&change);
        let low = |bits: u32| change as u64 & ((1 << bits) - 1);
        if change == 0 {
            self.bits.put(0, 1);
        } else if fits(14) {
            self.bits.put(0b10 << 14 | low(14), 16);
        } else if fits(17) {
            self.bits.put(0b110 << 17 | low(17), 20);
        } else if fits(20) {
            self.bits.put(0b1110 << 20 | low(20), 24);
        } else {
            self.bits.put(0b1111, 4);
            self.bits.put(change as u64, 64);
        }
    }

    #[inline]
    fn put_value(&mut self, value: u64) {
        let xor = value ^ self.value;
        if xor == 0 {
            self.bits.put(0, 1);
            return;
        }
        for (bits, len) in self.window.code(xor) {
            self.bits.put(bits, len);
        }
    }

    fn put_uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bits.put_byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.bits.put_byte(value as u8);
    }

    /// Length of the chunk as it is now, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        2 + self.bits.len_bytes()
    }

    /// Appends the chunk as it is now to `out`.
    pub(crate) fn copy_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.len.to_be_bytes());
        self.bits.copy_to(out);
    }
}

/// Reads values: the state of the value coding on the reading side.
struct ValueDecoder {
    value: u64,
    lead: u32,
    trail: u32,
}

impl ValueDecoder {
    /// The window is at first the whole word: a reopened chunk of upstream's may refer to it.
    fn new(first: u64) -> ValueDecoder {
        ValueDecoder { value: first, lead: 0, trail: 0 }
    }

    #[inline]
    fn next(&mut self, bits: &mut BitReader<'_>) -> Decoded<u64> {
        let word = bits.peek();
        if word >> 63 == 0 {
            bits.skip(1);
            return Ok(self.value);
        }
        if word >> 62 == 0b11 {
            bits.skip(13);
            self.lead = (word >> 57 & 31) as u32;
            let len = match (word >> 51 & 63) as u32 {
                0 => 64,
                len => len,
            };
            if self.lead + len > 64 {
                return Err(Malformed);
            }
            self.trail = 64 - self.lead - len;
        } else {
            bits.skip(2);
        }
        self.value ^= bits.get(64 - self.lead - self.trail) << self.trail;
        Ok(self.value)
    }
}

/// Decodes an XOR chunk, handing each sample to `sink` until it answers false.
///
/// # Errors
/// [`Malformed`] when the bytes are not such a chunk; samples before the fault have been handed on.
pub(crate) fn decode_xor(chunk: &[u8], mut sink: impl FnMut(i64, u64) -> bool) -> Decoded<()> {
    let (head, data) = chunk.split_first_chunk::<2>().ok_or(Malformed)?;
    let len = u16::from_be_bytes(*head);
    if len == 0 {
        return Ok(());
    }
    let mut bits = BitReader::new(data);
    let mut timestamp = crate::codec::unzigzag(bits.uvarint()?);
    let mut values = ValueDecoder::new(bits.get(64));
    bits.check()?;
    if !sink(timestamp, values.value) || len == 1 {
        return Ok(());
    }
    let mut delta = bits.uvarint()? as i64;
    timestamp = timestamp.wrapping_add(delta);
    let value = values.next(&mut bits)?;
    bits.check()?;
    if !sink(timestamp, value) {
        return Ok(());
    }
    for _ in 2..len {
        delta = delta.wrapping_add(next_change(&mut bits));
        timestamp = timestamp.wrapping_add(delta);
        let value = values.next(&mut bits)?;
        bits.check()?;
        if !sink(timestamp, value) {
            return Ok(());
        }
    }
    Ok(())
}

#[inline]
fn next_change(bits: &mut BitReader<'_>) -> i64 {
    let word = bits.peek();
    let (prefix, len) = match word.leading_ones() {
        0 => {
            bits.skip(1);
            return 0;
        }
        1 => (2, 14),
        2 => (3, 17),
        3 => (4, 20),
        _ => {
            bits.skip(4);
            return bits.get(64) as i64;
        }
    };
    bits.skip(prefix + len);
    let field = (word << prefix >> (64 - len)) as i64;
    // Not two's complement: the greatest field is positive.
    if field > 1 << (len - 1) { field - (1 << len) } else { field }
}

/// Decodes `len` values coded without timestamps, handing each to `sink`.
///
/// # Errors
/// [`Malformed`] when the bytes are too few.
pub(crate) fn decode_values(data: &[u8], len: usize, mut sink: impl FnMut(u64)) -> Decoded<()> {
    if len == 0 {
        return Ok(());
    }
    let mut bits = BitReader::new(data);
    let mut values = ValueDecoder::new(bits.get(64));
    sink(values.value);
    for _ in 1..len {
        sink(values.next(&mut bits)?);
    }
    bits.check()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(samples: &[(i64, f64)]) -> Vec<u8> {
        let mut encoder = XorEncoder::default();
        for &(timestamp, value) in samples {
            encoder.append(timestamp, value.to_bits());
        }
        let mut out = Vec::new();
        encoder.copy_to(&mut out);
        assert_eq!(out.len(), encoder.len_bytes());
        out
    }

    fn decode(chunk: &[u8]) -> Decoded<Vec<(i64, u64)>> {
        let mut samples = Vec::new();
        decode_xor(chunk, |timestamp, value| {
            samples.push((timestamp, value));
            true
        })?;
        Ok(samples)
    }

    #[track_caller]
    fn check(samples: &[(i64, f64)], hex: &str) {
        let chunk = encode(samples);
        assert_eq!(chunk.iter().map(|b| format!("{b:02x}")).collect::<String>(), hex);
        let bits: Vec<(i64, u64)> = samples.iter().map(|&(t, v)| (t, v.to_bits())).collect();
        assert_eq!(decode(&chunk), Ok(bits));
    }

    #[test]
    fn chunks_are_upstreams_bit_for_bit() {
        check(
            &[(1000, 1.0), (2000, 1.0), (3000, 2.0), (4001, 2.5), (5000, 2.25)],
            "0005d00f3ff0000000000000e8073097ffe0007683bffeda16",
        );
        let times = [0, 1000, 2000, 11192, 12192, 78728, 669_552, 1_784_665];
        check(
            &times.map(|timestamp| (timestamp, 1.0)),
            "0008003ff0000000000000e80714000de000680003a00001e00000000001000020",
        );
    }

    proptest! {
        #[test]
        fn samples_round_trip(first: i32, rest in prop::collection::vec((1i64..1 << 40, prop_oneof![any::<u64>(), (0u64..50).prop_map(|v| (v as f64).to_bits())]), 0..130)) {
            let mut timestamp = i64::from(first);
            let mut encoder = XorEncoder::default();
            let mut samples = Vec::new();
            for (distance, value) in rest {
                timestamp += distance;
                encoder.append(timestamp, value);
                samples.push((timestamp, value));
            }
            let mut chunk = Vec::new();
            encoder.copy_to(&mut chunk);
            prop_assert_eq!(decode(&chunk), Ok(samples));
        }

        #[test]
        fn any_bytes_end_in_an_answer(bytes: Vec<u8>, len in 0usize..200) {
            let _ = decode(&bytes);
            let _ = decode_values(&bytes, len, |_| {});
        }
    }
}
