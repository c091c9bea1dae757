//! A value as its difference to the one before.
//!
//! One byte 0: the same bits. Else a varint with bit 0 clear: both are integers
//! (up to 2^53), and the zigzagged difference is in the bits above. Else a byte
//! with bit 0 set, in bits 1–3 the number of zero bytes at the end of the XOR and
//! in bits 4–6 the number of bytes that follow, less one: the XOR's bytes between
//! its zero bytes, least significant first.

use crate::codec::{Cursor, Decoded, Malformed, put_uvarint, unzigzag, zigzag};

const INTEGER_MAX: f64 = (1u64 << 53) as f64;

/// The integer that these bits stand for, if they do and no bit is lost.
#[inline]
fn integer(bits: u64) -> Option<i64> {
    let value = f64::from_bits(bits);
    if value.abs() <= INTEGER_MAX {
        let integer = value as i64;
        ((integer as f64).to_bits() == bits).then_some(integer)
    } else {
        None
    }
}

#[inline]
pub(crate) fn put_value(out: &mut Vec<u8>, before: u64, value: u64) {
    if before == value {
        return out.push(0);
    }
    if let (Some(a), Some(b)) = (integer(before), integer(value)) {
        return put_uvarint(out, zigzag(b - a) << 1);
    }
    let xor = before ^ value;
    let zeros = xor.trailing_zeros() / 8;
    let len = 8 - zeros - xor.leading_zeros() / 8;
    out.push(1 | (zeros << 1 | (len - 1) << 4) as u8);
    out.extend_from_slice(&(xor >> (zeros * 8)).to_le_bytes()[..len as usize]);
}

#[inline]
pub(crate) fn get_value(cursor: &mut Cursor<'_>, before: u64) -> Decoded<u64> {
    let mut ahead = *cursor;
    let head = ahead.u8()?;
    if head == 0 {
        *cursor = ahead;
        return Ok(before);
    }
    if head & 1 == 0 {
        let difference = unzigzag(cursor.uvarint()? >> 1);
        let base = integer(before).ok_or(Malformed)?;
        return Ok((base.wrapping_add(difference) as f64).to_bits());
    }
    let zeros = u32::from(head >> 1 & 7);
    let len = usize::from(head >> 4 & 7) + 1;
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(ahead.take(len)?);
    *cursor = ahead;
    Ok(before ^ u64::from_le_bytes(bytes) << (zeros * 8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(before: f64, value: f64, len: usize) {
        let mut out = Vec::new();
        put_value(&mut out, before.to_bits(), value.to_bits());
        assert_eq!(out.len(), len, "{before} -> {value}");
        assert_eq!(get_value(&mut Cursor::new(&out), before.to_bits()), Ok(value.to_bits()));
    }

    #[test]
    fn usual_changes_are_short() {
        check(7.0, 7.0, 1);
        check(7.0, 8.0, 1);
        check(1e9, 1e9 + 1000.0, 2);
        check(0.5, 0.25, 2);
        check(0.1, 0.7, 8);
        check(0.0, -0.0, 2);
        check(9e15, -9e15, 8);
        check(f64::NAN, 1.0, 3);
    }

    proptest! {
        #[test]
        fn values_round_trip(before: u64, value: u64, small in -100i32..100, near: i16) {
            let base = f64::from(small);
            let pairs = [(before, value), (base.to_bits(), (base + f64::from(near)).to_bits()), (base.to_bits(), value)];
            for (before, value) in pairs {
                let mut out = Vec::new();
                put_value(&mut out, before, value);
                let mut cursor = Cursor::new(&out);
                prop_assert_eq!(get_value(&mut cursor, before), Ok(value));
                prop_assert!(cursor.is_empty());
            }
        }

        #[test]
        fn any_bytes_end_in_an_answer(bytes: Vec<u8>, before: u64) {
            let _ = get_value(&mut Cursor::new(&bytes), before);
        }
    }
}
