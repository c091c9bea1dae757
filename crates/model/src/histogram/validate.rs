//! What histograms may be stored.

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Histogram, IntHistogram, Span};
use crate::float::format_g;

/// Why a histogram is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum HistogramError {
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema {0}"
    )]
    Schema(i32),
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    CustomBoundNan,
    #[error(
        "custom buckets: previous bound is {previous:.6} and current is {current:.6}: histogram custom bounds must be in strictly increasing order"
    )]
    CustomBoundsOrder { previous: f64, current: f64 },
    #[error("custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite")]
    CustomBoundInfinite,
    #[error(
        "custom buckets: only {bounds} custom bounds defined which is insufficient to cover total span length of {spanned}: histogram custom bounds are too few"
    )]
    CustomBoundsTooFew { bounds: usize, spanned: i64 },
    #[error("custom buckets: must have zero count of 0")]
    CustomZeroCount,
    #[error("custom buckets: must have zero threshold of 0")]
    CustomZeroThreshold,
    #[error("custom buckets: must not have negative spans")]
    CustomNegativeSpans,
    #[error("custom buckets: must not have negative buckets")]
    CustomNegativeBuckets,
    #[error("histogram with exponential schema must not have custom bounds")]
    ExponentialWithCustomBounds,
    #[error("{side}span number {number} with offset {offset}: histogram has a span whose offset is negative")]
    SpanOffset { side: &'static str, number: usize, offset: i32 },
    #[error(
        "{side}spans need {spanned} buckets, have {buckets} buckets: histogram spans specify different number of buckets than provided"
    )]
    SpansMismatch { side: &'static str, spanned: u64, buckets: usize },
    #[error(
        "{side}bucket number {number} has observation count of {count}: histogram has a bucket whose observation count is negative"
    )]
    BucketCount { side: &'static str, number: usize, count: String },
    #[error("zero bucket has observation count of {0}: histogram has a bucket whose observation count is negative")]
    ZeroCount(String),
    // Two blanks, as upstream has them.
    #[error("observation count is  {0}: histogram's observation count is negative")]
    Count(String),
    #[error(
        "{found} observations found in buckets, but the Count field is {count}: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
    )]
    CountMismatch { found: u64, count: u64 },
    #[error(
        "{found} observations found in buckets, but the Count field is {count}: histogram's observation count should be at least the number of observations found in the buckets"
    )]
    CountNotBigEnough { found: u64, count: u64 },
}

const POSITIVE_SIDE: &str = "positive side: ";
const NEGATIVE_SIDE: &str = "negative side: ";
const CUSTOM: &str = "custom buckets: ";

fn check_spans(side: &'static str, spans: &[Span], buckets: usize) -> Result<(), HistogramError> {
    let first_checked = usize::from(side != CUSTOM);
    for (i, span) in spans.iter().enumerate().skip(first_checked) {
        if span.offset < 0 {
            return Err(HistogramError::SpanOffset { side, number: i + 1, offset: span.offset });
        }
    }
    let spanned: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if spanned == buckets as u64 { Ok(()) } else { Err(HistogramError::SpansMismatch { side, spanned, buckets }) }
}

fn check_custom_bounds(bounds: &[f64], spans: &[Span], buckets: usize) -> Result<(), HistogramError> {
    let mut previous = f64::NEG_INFINITY;
    for &current in bounds {
        if current.is_nan() {
            return Err(HistogramError::CustomBoundNan);
        }
        if current <= previous {
            return Err(HistogramError::CustomBoundsOrder { previous, current });
        }
        previous = current;
    }
    if previous == f64::INFINITY {
        return Err(HistogramError::CustomBoundInfinite);
    }
    check_spans(CUSTOM, spans, buckets)?;
    let spanned: i64 = spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
    if (bounds.len() as i64) + 1 < spanned {
        return Err(HistogramError::CustomBoundsTooFew { bounds: bounds.len(), spanned });
    }
    Ok(())
}

/// What both kinds of histograms have in common for the checks.
struct Shape<'a> {
    schema: i32,
    custom_values: &'a [f64],
    zero_threshold: f64,
    has_zero_count: bool,
    positive: (&'a [Span], usize),
    negative: (&'a [Span], usize),
}

fn check_shape(shape: &Shape<'_>) -> Result<(), HistogramError> {
    let (positive_spans, positive_buckets) = shape.positive;
    let (negative_spans, negative_buckets) = shape.negative;
    match shape.schema {
        CUSTOM_BUCKETS_SCHEMA => {
            check_custom_bounds(shape.custom_values, positive_spans, positive_buckets)?;
            if shape.has_zero_count {
                return Err(HistogramError::CustomZeroCount);
            }
            if shape.zero_threshold != 0.0 {
                return Err(HistogramError::CustomZeroThreshold);
            }
            if !negative_spans.is_empty() {
                return Err(HistogramError::CustomNegativeSpans);
            }
            if negative_buckets != 0 {
                return Err(HistogramError::CustomNegativeBuckets);
            }
            Ok(())
        }
        -4..=8 => {
            check_spans(POSITIVE_SIDE, positive_spans, positive_buckets)?;
            check_spans(NEGATIVE_SIDE, negative_spans, negative_buckets)?;
            if shape.custom_values.is_empty() { Ok(()) } else { Err(HistogramError::ExponentialWithCustomBounds) }
        }
        schema => Err(HistogramError::Schema(schema)),
    }
}

impl FloatHistogram {
    /// Checks that the histogram is well formed.
    ///
    /// # Errors
    /// The first thing wrong with it, in upstream's words.
    pub fn validate(&self) -> Result<(), HistogramError> {
        check_shape(&Shape {
            schema: self.schema,
            custom_values: &self.custom_values,
            zero_threshold: self.zero_threshold,
            has_zero_count: self.zero_count != 0.0,
            positive: (&self.positive_spans, self.positive_buckets.len()),
            negative: (&self.negative_spans, self.negative_buckets.len()),
        })?;
        for (side, buckets) in [(NEGATIVE_SIDE, &self.negative_buckets), (POSITIVE_SIDE, &self.positive_buckets)] {
            if let Some(i) = buckets.iter().position(|&count| count < 0.0) {
                return Err(HistogramError::BucketCount { side, number: i + 1, count: format_g(buckets[i]) });
            }
        }
        if self.zero_count < 0.0 {
            return Err(HistogramError::ZeroCount(format_g(self.zero_count)));
        }
        if self.count < 0.0 {
            return Err(HistogramError::Count(format_g(self.count)));
        }
        Ok(())
    }
}

impl IntHistogram {
    /// Checks that the histogram is well formed.
    ///
    /// # Errors
    /// The first thing wrong with it, in upstream's words.
    pub fn validate(&self) -> Result<(), HistogramError> {
        check_shape(&Shape {
            schema: self.schema,
            custom_values: &self.custom_values,
            zero_threshold: self.zero_threshold,
            has_zero_count: self.zero_count != 0,
            positive: (&self.positive_spans, self.positive_deltas.len()),
            negative: (&self.negative_spans, self.negative_deltas.len()),
        })?;
        let mut found = self.zero_count;
        for (side, deltas) in [(NEGATIVE_SIDE, &self.negative_deltas), (POSITIVE_SIDE, &self.positive_deltas)] {
            let mut count = 0_i64;
            for (i, &delta) in deltas.iter().enumerate() {
                count = count.wrapping_add(delta);
                if count < 0 {
                    return Err(HistogramError::BucketCount { side, number: i + 1, count: count.to_string() });
                }
                found = found.wrapping_add(count as u64);
            }
        }
        let count = self.count;
        if self.sum.is_nan() {
            if found > count {
                return Err(HistogramError::CountNotBigEnough { found, count });
            }
        } else if found != count {
            return Err(HistogramError::CountMismatch { found, count });
        }
        Ok(())
    }
}

impl Histogram {
    /// Checks that the histogram is well formed.
    ///
    /// # Errors
    /// The first thing wrong with it, in upstream's words.
    pub fn validate(&self) -> Result<(), HistogramError> {
        match self {
            Histogram::Int(h) => h.validate(),
            Histogram::Float(h) => h.validate(),
        }
    }
}
