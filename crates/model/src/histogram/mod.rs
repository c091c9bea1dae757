//! Native histograms: exponential and custom buckets, float and integer counts.
//!
//! Queries compute with [`FloatHistogram`] only; [`Histogram`] is what targets
//! expose and storage may keep.
//!
//! What can be done with a [`FloatHistogram`], by file:
//! - `bounds`: where the buckets lie; `iterate`: the buckets in order.
//! - `arithmetic`: scaling, adding, subtracting; `cells`, `custom`, `zero_bucket`: how
//!   histograms of different layouts are brought together.
//! - `compact`: dropping empty buckets and lowering the resolution.
//! - `reset`: counter resets and equality; `text`: the form users see.
//! - `convert`: from integer counts; `validate`: what may be stored.

mod arithmetic;
mod bounds;
mod cells;
mod compact;
mod convert;
mod custom;
mod iterate;
mod kahan;
mod reset;
#[cfg(test)]
mod tests;
mod text;
mod validate;
mod zero_bucket;

pub use arithmetic::{Combined, IncompatibleSchemas};
pub use bounds::bucket_bound;
pub use iterate::{Bucket, IndexedBuckets};
pub use kahan::kahan_add;
pub use validate::HistogramError;

/// A run of consecutive buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// For the first span the index of its first bucket, for the others the gap
    /// (in buckets, not negative) to the span before.
    pub offset: i32,
    /// How many buckets it has.
    pub length: u32,
}

/// The schema of histograms with custom buckets.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// What is known of a histogram in relation to the one before it in its series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CounterResetHint {
    /// Nothing.
    #[default]
    Unknown,
    /// Its counter was reset.
    Reset,
    /// Its counter was not reset.
    NotReset,
    /// It is a gauge: resets have no meaning.
    Gauge,
}

/// A native histogram with float counts.
///
/// Invariants: the lengths of the spans of a side add up to the number of its
/// buckets; `custom_values` is empty unless `schema` is [`CUSTOM_BUCKETS_SCHEMA`].
/// Bucket counts are absolute, not cumulative.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FloatHistogram {
    /// Relation to the histogram before.
    pub counter_reset_hint: CounterResetHint,
    /// −4..=8, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Sum of the observations; the staleness marker here marks a stale series.
    pub sum: f64,
    /// Layout of the positive buckets.
    pub positive_spans: Vec<Span>,
    /// Layout of the negative buckets.
    pub negative_spans: Vec<Span>,
    /// Counts of the positive buckets.
    pub positive_buckets: Vec<f64>,
    /// Counts of the negative buckets.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of custom buckets, without `+Inf`.
    pub custom_values: Vec<f64>,
}

/// A native histogram with integer counts, buckets delta-encoded as on the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntHistogram {
    /// Relation to the histogram before.
    pub counter_reset_hint: CounterResetHint,
    /// −4..=8, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// All observations.
    pub count: u64,
    /// Sum of the observations.
    pub sum: f64,
    /// Layout of the positive buckets.
    pub positive_spans: Vec<Span>,
    /// Layout of the negative buckets.
    pub negative_spans: Vec<Span>,
    /// Counts of the positive buckets, each as the difference to the one before.
    pub positive_deltas: Vec<i64>,
    /// Counts of the negative buckets, likewise.
    pub negative_deltas: Vec<i64>,
    /// Upper bounds of custom buckets, without `+Inf`.
    pub custom_values: Vec<f64>,
}

/// A native histogram as it is appended.
#[derive(Clone, Debug, PartialEq)]
pub enum Histogram {
    /// With integer counts.
    Int(IntHistogram),
    /// With float counts.
    Float(FloatHistogram),
}

impl FloatHistogram {
    /// Whether the buckets are custom ones (NHCB) rather than exponential.
    #[inline]
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// Spans, buckets and custom bounds, as sample accounting counts them.
    fn parts_len(&self) -> usize {
        self.positive_spans.len()
            + self.negative_spans.len()
            + self.positive_buckets.len()
            + self.negative_buckets.len()
            + self.custom_values.len()
    }

    /// As how many float samples the histogram counts in limits and statistics.
    pub fn size(&self) -> usize {
        (176 + 8 * self.parts_len()) / 16
    }

    /// Likewise, for an element of a result vector.
    pub fn size_in_vector(&self) -> usize {
        1 + (168 + 8 * self.parts_len()) / 16
    }
}
