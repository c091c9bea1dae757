//! MSB-first bit strings, written and read by the word.

use crate::ChunkError;

/// A growing bit string.
#[derive(Clone, Debug, Default)]
pub struct BitWriter {
    /// The complete words, big endian.
    bytes: Vec<u8>,
    /// The bits after them, left aligned.
    tail: u64,
    /// How many bits `tail` has; below 64.
    tail_len: u32,
}

impl BitWriter {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.tail = 0;
        self.tail_len = 0;
    }

    /// Appends the low `len` bits of `value`; its other bits must be 0. `len` is
    /// 1 to 64.
    #[inline]
    pub(crate) fn put(&mut self, value: u64, len: u32) {
        let free = 64 - self.tail_len;
        if len < free {
            self.tail |= value << (free - len);
            self.tail_len += len;
            return;
        }
        let over = len - free;
        self.bytes.extend_from_slice(&(self.tail | value >> over).to_be_bytes());
        self.tail = if over == 0 { 0 } else { value << (64 - over) };
        self.tail_len = over;
    }

    pub(crate) fn put_byte(&mut self, byte: u8) {
        self.put(u64::from(byte), 8);
    }

    pub(crate) fn put_f64(&mut self, value: f64) {
        self.put(value.to_bits(), 64);
    }

    pub(crate) fn put_uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put_byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.put_byte(value as u8);
    }

    pub(crate) fn put_varint(&mut self, value: i64) {
        self.put_uvarint(((value << 1) ^ (value >> 63)) as u64);
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.bytes.len() + self.tail_len.div_ceil(8) as usize
    }

    /// Appends the string to `out`, padded with zero bits to a whole byte.
    pub(crate) fn copy_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(&self.tail.to_be_bytes()[..self.tail_len.div_ceil(8) as usize]);
    }
}

/// Reads a bit string. Behind its end there are zeros; [`BitReader::check`] says
/// whether the end was passed.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    /// The next bits, left aligned; at least 57 of them are real.
    #[inline]
    pub(crate) fn peek(&self) -> u64 {
        let byte = self.at >> 3;
        let word = match self.bytes.get(byte..byte + 8) {
            Some(word) => u64::from_be_bytes(word.try_into().expect("the slice has eight bytes")),
            None => self.peek_at_end(byte),
        };
        word << (self.at & 7)
    }

    #[cold]
    fn peek_at_end(&self, byte: usize) -> u64 {
        let rest = self.bytes.get(byte..).unwrap_or(&[]);
        let mut word = [0; 8];
        let len = rest.len().min(8);
        word[..len].copy_from_slice(&rest[..len]);
        u64::from_be_bytes(word)
    }

    #[inline]
    pub(crate) fn skip(&mut self, len: u32) {
        self.at += len as usize;
    }

    /// Takes back a skip.
    #[inline]
    pub(crate) fn unread(&mut self, len: u32) {
        self.at -= len as usize;
    }

    /// The next `len` bits, 1 to 64.
    #[inline]
    pub(crate) fn get(&mut self, len: u32) -> u64 {
        if len <= 57 {
            let value = self.peek() >> (64 - len);
            self.skip(len);
            return value;
        }
        let high = self.peek() >> 32;
        self.skip(32);
        let low = self.peek() >> (96 - len);
        self.skip(len - 32);
        high << (len - 32) | low
    }

    pub(crate) fn get_f64(&mut self) -> f64 {
        f64::from_bits(self.get(64))
    }

    /// Fails when more was read than there is.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), ChunkError> {
        if self.at <= self.bytes.len() * 8 { Ok(()) } else { Err(ChunkError::Short) }
    }

    /// How many bits are left.
    pub(crate) fn bits_left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    pub(crate) fn get_uvarint(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.get(8);
            self.check()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ChunkError::Malformed("a number has more than 64 bits"))
    }

    pub(crate) fn get_varint(&mut self) -> Result<i64, ChunkError> {
        let value = self.get_uvarint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_got(fields in prop::collection::vec((any::<u64>(), 1u32..=64), 0..200), n: i64) {
            let mut writer = BitWriter::default();
            for &(value, len) in &fields {
                writer.put(value >> (64 - len), len);
            }
            writer.put_varint(n);
            let mut bytes = Vec::new();
            writer.copy_to(&mut bytes);
            prop_assert_eq!(bytes.len(), writer.len_bytes());
            let mut reader = BitReader::new(&bytes);
            for &(value, len) in &fields {
                prop_assert_eq!(reader.get(len), value >> (64 - len));
            }
            prop_assert_eq!(reader.get_varint(), Ok(n));
            prop_assert!(reader.check().is_ok());
        }
    }
}
