//! Integers in eight classes of width, as histogram chunks write them.
//!
//! ```text
//! 0          0
//! 10      +  3 bits     11110    + 12 bits     11111110 + 56 bits
//! 110     +  6          111110   + 18          11111111 + 64
//! 1110    +  9          1111110  + 25
//! ```
//!
//! Signed fields of k < 64 bits hold −(2^(k−1) − 1) … 2^(k−1): the greatest field
//! is positive. Source: specification §8.3.

use crate::bits::{BitReader, BitWriter};

const WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// Whether a signed field of `len` bits can hold `value`.
#[inline]
pub(crate) fn fits_shifted(value: i64, len: u32) -> bool {
    let half = 1i64 << (len - 1);
    value > -half && value <= half
}

/// The value of a signed field of `len` bits, 2 to 63.
#[inline]
pub(crate) fn from_shifted(field: u64, len: u32) -> i64 {
    let field = field as i64;
    if field > 1 << (len - 1) { field - (1 << len) } else { field }
}

/// The prefix of class `class`: its number of ones and a zero.
fn prefix(class: usize) -> (u64, u32) {
    let ones = class as u32 + 1;
    ((1 << (ones + 1)) - 2, ones + 1)
}

fn put_class(bits: &mut BitWriter, class: usize, value: u64) {
    let (prefix, prefix_len) = prefix(class);
    let len = WIDTHS[class];
    bits.put(prefix << len | value & ((1 << len) - 1), prefix_len + len);
}

fn put_long(bits: &mut BitWriter, value: u64) {
    bits.put(0xff, 8);
    bits.put(value, 64);
}

pub(crate) fn put_int(bits: &mut BitWriter, value: i64) {
    if value == 0 {
        return bits.put(0, 1);
    }
    match WIDTHS.iter().position(|&len| fits_shifted(value, len)) {
        Some(class) => put_class(bits, class, value as u64),
        None => put_long(bits, value as u64),
    }
}

pub(crate) fn put_uint(bits: &mut BitWriter, value: u64) {
    if value == 0 {
        return bits.put(0, 1);
    }
    match WIDTHS.iter().position(|&len| value >> len == 0) {
        Some(class) => put_class(bits, class, value),
        None => put_long(bits, value),
    }
}

/// A field and its width; 64 for a long one. Zero has width 0.
#[inline]
fn get_field(bits: &mut BitReader<'_>) -> (u64, u32) {
    let word = bits.peek();
    let ones = word.leading_ones();
    match ones {
        0 => {
            bits.skip(1);
            (0, 0)
        }
        1..=6 => {
            let len = WIDTHS[ones as usize - 1];
            bits.skip(ones + 1 + len);
            (word << (ones + 1) >> (64 - len), len)
        }
        7 => {
            bits.skip(8);
            (bits.get(56), 56)
        }
        _ => {
            bits.skip(8);
            (bits.get(64), 64)
        }
    }
}

#[inline]
pub(crate) fn get_int(bits: &mut BitReader<'_>) -> i64 {
    match get_field(bits) {
        (field, 0 | 64) => field as i64,
        (field, len) => from_shifted(field, len),
    }
}

#[inline]
pub(crate) fn get_uint(bits: &mut BitReader<'_>) -> u64 {
    get_field(bits).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(bits: &BitWriter, want: &str) {
        let mut bytes = Vec::new();
        bits.copy_to(&mut bytes);
        let text: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        assert!(text.starts_with(want), "{text} instead of {want}");
        assert!(text[want.len()..].bytes().all(|bit| bit == b'0') && text.len() < want.len() + 8);
    }

    #[test]
    fn integers_have_upstreams_bits() {
        let cases = [
            (1, "10001"),
            (-3, "10101"),
            (4, "10100"),
            (-4, "110111100"),
            (5, "110000101"),
            (32, "110100000"),
            (257, "11110000100000001"),
        ];
        for (value, want) in cases {
            let mut bits = BitWriter::default();
            put_int(&mut bits, value);
            check(&bits, want);
        }
        for (value, want) in
            [(7, "10111".into()), (8, "110001000".into()), (262_143, "1".repeat(5) + "0" + &"1".repeat(18))]
        {
            let mut bits = BitWriter::default();
            put_uint(&mut bits, value);
            check(&bits, &want);
        }
    }

    proptest! {
        #[test]
        fn integers_round_trip(values in prop::collection::vec((any::<i64>(), 0u32..64), 0..100)) {
            let values: Vec<i64> = values.iter().map(|&(value, shift)| value >> shift).collect();
            let mut bits = BitWriter::default();
            for &value in &values {
                put_int(&mut bits, value);
                put_uint(&mut bits, value as u64);
            }
            let mut bytes = Vec::new();
            bits.copy_to(&mut bytes);
            let mut reader = BitReader::new(&bytes);
            for &value in &values {
                prop_assert_eq!(get_int(&mut reader), value);
                prop_assert_eq!(get_uint(&mut reader), value as u64);
            }
            prop_assert!(reader.check().is_ok());
        }
    }
}
