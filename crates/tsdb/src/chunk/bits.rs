//! MSB-first bit strings, written and read by the word.

use crate::codec::{Decoded, Malformed};

/// A growing bit string.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitWriter {
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

    /// Appends the low `len` bits of `value`; its other bits must be 0. `len` is at most 64.
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

    pub(crate) fn len_bytes(&self) -> usize {
        self.bytes.len() + self.tail_len.div_ceil(8) as usize
    }

    /// Appends the string to `out`, padded with zero bits to a whole byte.
    pub(crate) fn copy_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(&self.tail.to_be_bytes()[..self.tail_len.div_ceil(8) as usize]);
    }
}

/// Reads a bit string.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    /// The next bits, left aligned; at least 57 of them are real unless the
    /// string ends, behind which there are zeros.
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

    /// Fails when more was read than there is.
    #[inline]
    pub(crate) fn check(&self) -> Decoded<()> {
        if self.at <= self.bytes.len() * 8 { Ok(()) } else { Err(Malformed) }
    }

    pub(crate) fn uvarint(&mut self) -> Decoded<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.get(8);
            self.check()?;
            if shift == 63 && byte > 1 {
                return Err(Malformed);
            }
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_got(fields in prop::collection::vec((any::<u64>(), 1u32..=64), 0..200)) {
            let mut writer = BitWriter::default();
            for &(value, len) in &fields {
                writer.put(value >> (64 - len), len);
            }
            let mut bytes = Vec::new();
            writer.copy_to(&mut bytes);
            prop_assert_eq!(bytes.len(), writer.len_bytes());
            let mut reader = BitReader::new(&bytes);
            for &(value, len) in &fields {
                prop_assert_eq!(reader.get(len), value >> (64 - len));
            }
            prop_assert!(reader.check().is_ok());
        }
    }
}
