//! Floats XORed with the one before: only the window of significant bits is written.
//!
//! ```text
//! 0                                              the same bits
//! 10  window                                     within the window of before
//! 11  5 bits leading zeros  6 bits length  bits  a new window (64 is written as 0)
//! ```
//!
//! XOR2 chunks write the same windows behind other prefixes. Source:
//! specification §8.3.

use crate::ChunkError;
use crate::bits::{BitReader, BitWriter};

/// The bits before a window, by whether the last one is used again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefixes {
    pub(crate) reuse: (u64, u32),
    pub(crate) new: (u64, u32),
}

/// Those of a plain XORed value.
pub(crate) const PLAIN: Prefixes = Prefixes { reuse: (0b10, 2), new: (0b11, 2) };

/// A lead that no difference reaches: no window yet.
const NO_WINDOW: u32 = 0xff;

/// The writer's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    lead: u32,
    trail: u32,
}

impl Default for Window {
    fn default() -> Window {
        Window { lead: NO_WINDOW, trail: 0 }
    }
}

impl Window {
    /// Writes a difference that is not 0.
    #[inline]
    pub(crate) fn put(&mut self, bits: &mut BitWriter, xor: u64, prefixes: Prefixes) {
        let lead = xor.leading_zeros().min(31);
        let trail = xor.trailing_zeros();
        if self.lead != NO_WINDOW && lead >= self.lead && trail >= self.trail {
            bits.put(prefixes.reuse.0, prefixes.reuse.1);
            bits.put(xor >> self.trail, 64 - self.lead - self.trail);
            return;
        }
        *self = Window { lead, trail };
        let len = 64 - lead - trail;
        let (prefix, prefix_len) = prefixes.new;
        bits.put(prefix << 11 | u64::from(lead) << 6 | u64::from(len & 63), prefix_len + 11);
        bits.put(xor >> trail, len);
    }
}

/// Writes values each XORed with the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct XorWriter {
    value: u64,
    window: Window,
}

impl XorWriter {
    /// Begins after a value that was written in full.
    pub(crate) fn after(value: f64) -> XorWriter {
        XorWriter { value: value.to_bits(), window: Window::default() }
    }

    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.value)
    }

    #[inline]
    pub(crate) fn put(&mut self, bits: &mut BitWriter, value: f64) {
        let value = value.to_bits();
        let xor = value ^ self.value;
        self.value = value;
        if xor == 0 {
            return bits.put(0, 1);
        }
        self.window.put(bits, xor, PLAIN);
    }
}

/// Bits that a peek is sure to have.
const PEEKED: u32 = 57;

/// Reads them. The window is at first the whole word: a chunk that was reopened
/// before its value changed refers to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct XorReader {
    pub(crate) value: u64,
    len: u32,
    trail: u32,
}

impl Default for XorReader {
    fn default() -> XorReader {
        XorReader::after(0)
    }
}

impl XorReader {
    pub(crate) fn after(value: u64) -> XorReader {
        XorReader { value, len: 64, trail: 0 }
    }

    /// Reads a value.
    #[inline]
    pub(crate) fn get(&mut self, bits: &mut BitReader<'_>) -> Result<f64, ChunkError> {
        let word = bits.peek();
        self.get_peeked(bits, word, 0)
    }

    /// Reads a value that begins `used` bits from here; `word` has the bits from
    /// there on. One load serves what stands before the value and, as a rule, the
    /// value too.
    #[inline]
    pub(crate) fn get_peeked(&mut self, bits: &mut BitReader<'_>, word: u64, used: u32) -> Result<f64, ChunkError> {
        if word >> 63 == 0 {
            bits.skip(used + 1);
        } else if word >> 62 == 0b11 {
            self.new_window(bits, word << 2, used + 2)?;
        } else {
            self.old_window(bits, word << 2, used + 2);
        }
        Ok(f64::from_bits(self.value))
    }

    /// Reads a new window and the bits in it; likewise peeked.
    #[inline]
    pub(crate) fn new_window(&mut self, bits: &mut BitReader<'_>, word: u64, used: u32) -> Result<(), ChunkError> {
        let lead = (word >> 59) as u32;
        // 64 does not fit and is written as 0.
        self.len = ((word >> 53 & 63) as u32).wrapping_sub(1) % 64 + 1;
        if lead + self.len > 64 {
            return Err(ChunkError::Malformed("a window of significant bits exceeds the value"));
        }
        self.trail = 64 - lead - self.len;
        self.old_window(bits, word << 11, used + 11);
        Ok(())
    }

    /// Reads the bits in the window of before; likewise peeked.
    #[inline]
    pub(crate) fn old_window(&mut self, bits: &mut BitReader<'_>, word: u64, used: u32) {
        let field = if used + self.len <= PEEKED {
            bits.skip(used + self.len);
            word >> (64 - self.len)
        } else {
            bits.skip(used);
            bits.get(self.len)
        };
        self.value ^= field << self.trail;
    }
}
