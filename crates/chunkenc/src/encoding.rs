//! Which encodings there are.

use crate::ChunkError;

/// How the samples of a chunk are encoded; the number is the byte that stands
/// before the chunk's data in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// Floats.
    Xor = 1,
    /// Histograms with integer counts.
    Histogram = 2,
    /// Histograms with float counts.
    FloatHistogram = 3,
    /// Floats, perhaps with start timestamps.
    Xor2 = 4,
    /// Histograms with integer counts and start timestamps.
    HistogramSt = 5,
    /// Histograms with float counts and start timestamps.
    FloatHistogramSt = 6,
}

/// Samples in a chunk whose count has 16 bits.
pub(crate) const SAMPLES_MAX: u16 = u16::MAX;
/// Samples in a chunk that shares the 16 bits with two flags.
pub(crate) const SAMPLES_MAX_ST: u16 = (1 << 14) - 1;

impl Encoding {
    /// The encoding with this number.
    ///
    /// # Errors
    /// [`ChunkError::Encoding`] when there is none.
    pub fn from_byte(byte: u8) -> Result<Encoding, ChunkError> {
        Ok(match byte {
            1 => Encoding::Xor,
            2 => Encoding::Histogram,
            3 => Encoding::FloatHistogram,
            4 => Encoding::Xor2,
            5 => Encoding::HistogramSt,
            6 => Encoding::FloatHistogramSt,
            other => return Err(ChunkError::Encoding(other)),
        })
    }

    /// Its number.
    pub fn as_byte(self) -> u8 {
        self as u8
    }

    /// Upstream's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Xor => "XOR",
            Encoding::Histogram => "histogram",
            Encoding::FloatHistogram => "floathistogram",
            Encoding::Xor2 => "XOR2",
            Encoding::HistogramSt => "histogramST",
            Encoding::FloatHistogramSt => "floathistogramST",
        }
    }

    /// Whether its samples are floats.
    pub fn is_float(self) -> bool {
        matches!(self, Encoding::Xor | Encoding::Xor2)
    }

    /// Whether it can hold start timestamps.
    pub fn has_starts(self) -> bool {
        matches!(self, Encoding::Xor2 | Encoding::HistogramSt | Encoding::FloatHistogramSt)
    }
}

/// How many samples a chunk says it has, without decoding it.
///
/// # Errors
/// [`ChunkError::Short`] when even the count is missing.
pub fn sample_count(encoding: Encoding, data: &[u8]) -> Result<u16, ChunkError> {
    let head = data.first_chunk::<2>().ok_or(ChunkError::Short)?;
    let count = u16::from_be_bytes(*head);
    Ok(match encoding {
        Encoding::HistogramSt | Encoding::FloatHistogramSt => count & SAMPLES_MAX_ST,
        _ => count,
    })
}
