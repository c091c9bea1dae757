//! Chunk encodings.
//!
//! - [`bits`]: MSB-first bit strings.
//! - [`xor`]: Prometheus' float chunk, bit for bit; and values without timestamps,
//!   which the open chunks of a group hold.
//! - [`histogram`]: native histograms as our log and our head chunk files have them.

pub(crate) mod bits;
pub(crate) mod histogram;
pub(crate) mod xor;

/// What a chunk holds, as the byte before its data says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Prometheus' XOR chunk.
    Xor,
    /// A sequence of histogram samples of our own making, see [`histogram`].
    Histograms,
}

impl Encoding {
    pub(crate) fn as_byte(self) -> u8 {
        match self {
            Encoding::Xor => 1,
            // Far from upstream's numbers, which will stand beside it.
            Encoding::Histograms => 0xF0,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Encoding> {
        match byte {
            1 => Some(Encoding::Xor),
            0xF0 => Some(Encoding::Histograms),
            _ => None,
        }
    }
}
