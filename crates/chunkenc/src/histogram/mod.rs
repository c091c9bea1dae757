//! Histogram chunks (encodings 2, 3, 5, 6).
//!
//! ```text
//! u16 count │ 2 bits header, 6 zero bits         │ layout │ sample │ sample │ …        (2, 3)
//! 2 bits header, 14 bits count │ start header    │ layout │ sample [start] │ …         (5, 6)
//! ```
//!
//! All histograms of a chunk have one [layout](layout): schema, zero threshold,
//! spans, custom bounds. A histogram that has buckets which the chunk lacks makes
//! the chunk be written anew with a wider layout; one that lacks empty buckets of
//! the chunk gets them. When that is not possible, or a counter was reset, the
//! chunk is cut, and the new one says why in its header.
//!
//! | field of a sample | t | count | zero count | sum | buckets, positive then negative |
//! |---|---|---|---|---|---|
//! | integer, first | varbit int | varbit uint | varbit uint | f64 | varbit int: difference to the bucket before |
//! | integer, later | change of its change | same | same | XORed | change of the change of that difference |
//! | float, first | varbit int | f64 | f64 | f64 | f64 |
//! | float, later | change of its change | XORed | XORed | XORed | XORed |
//!
//! A staleness marker has no buckets. Source: specification §8.5, §8.7.
//!
//! - [`encoder`]: [`HistogramEncoder`], the same for both kinds of counts.
//! - [`kind`]: what differs between them.
//! - `layout`, `spans`: where the buckets lie; `reader`: decoding.

pub mod encoder;
pub mod kind;
pub(crate) mod layout;
pub(crate) mod reader;
pub(crate) mod spans;

use narthex_model::histogram::CounterResetHint;

pub use encoder::{HistogramEncoder, Verdict};
pub use kind::{FloatCounts, IntCounts, Kind};

/// Writes chunks of histograms with integer counts.
pub type IntHistogramEncoder = HistogramEncoder<IntCounts>;
/// Writes chunks of histograms with float counts.
pub type FloatHistogramEncoder = HistogramEncoder<FloatCounts>;

/// What the header of a chunk says of its first histogram in relation to the
/// chunk before. Readers trust only [`CounterResetHeader::Gauge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum CounterResetHeader {
    /// Nothing.
    #[default]
    Unknown = 0,
    /// Its counter was not reset.
    NotReset = 1,
    /// Its counter was reset.
    Reset = 2,
    /// All histograms of the chunk are gauges.
    Gauge = 3,
}

impl CounterResetHeader {
    /// The header in the two highest bits of `byte`.
    pub(crate) fn from_high_bits(byte: u8) -> CounterResetHeader {
        match byte >> 6 {
            0 => CounterResetHeader::Unknown,
            1 => CounterResetHeader::NotReset,
            2 => CounterResetHeader::Reset,
            _ => CounterResetHeader::Gauge,
        }
    }

    /// The header of a chunk about whose predecessor nothing is known but what
    /// its first histogram says itself.
    pub fn from_hint(hint: CounterResetHint) -> CounterResetHeader {
        match hint {
            CounterResetHint::Gauge => CounterResetHeader::Gauge,
            CounterResetHint::Reset => CounterResetHeader::Reset,
            CounterResetHint::Unknown | CounterResetHint::NotReset => CounterResetHeader::Unknown,
        }
    }
}
