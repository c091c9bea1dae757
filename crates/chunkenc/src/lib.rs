//! Prometheus' chunk encodings, read and written bit for bit.
//!
//! A chunk is a run of samples of one series and one kind, compressed as one
//! bit string. Blocks hold chunks; so does upstream's head. Nothing here knows
//! files, checksums or where a chunk comes from.
//!
//! - [`encoding`]: [`Encoding`], the six of them.
//! - [`xor`]: [`XorEncoder`], floats (encoding 1).
//! - [`xor2`]: [`Xor2Encoder`], floats with start timestamps (4).
//! - [`histogram`]: [`IntHistogramEncoder`], [`FloatHistogramEncoder`] (2, 3, and
//!   with start timestamps 5, 6), and the rules when a chunk is cut.
//! - [`decode`]: [`decode_into`], a chunk into columns, cut to a time range.
//! - [`sample`]: [`decode_samples`], a chunk into single samples, nothing lost: for
//!   those who write chunks anew.
//! - [`series`]: [`SeriesEncoder`], samples of any kind into as many chunks as it takes.
//! - `bits`, `varbit`, `window`, `start`: what chunks are made of.
//!
//! Cost: writing a float is one to three word operations, reading one is two or
//! three unaligned loads and no branch per bit. Decoders never reserve more than
//! the samples that the bytes could hold.

mod bits;
pub mod decode;
pub mod encoding;
mod error;
pub mod histogram;
pub mod sample;
pub mod series;
mod start;
#[cfg(test)]
mod tests;
mod varbit;
mod window;
pub mod xor;
pub mod xor2;

pub use decode::{TimeRange, decode_into};
pub use encoding::{Encoding, sample_count};
pub use error::ChunkError;
pub use histogram::{CounterResetHeader, FloatHistogramEncoder, IntHistogramEncoder, Verdict};
pub use sample::{Sample, SampleValue, decode_samples};
pub use series::{CutRules, EncodedChunk, FloatEncoding, SeriesEncoder, rewrite};
pub use xor::XorEncoder;
pub use xor2::Xor2Encoder;
