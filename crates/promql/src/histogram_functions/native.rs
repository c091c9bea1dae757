//! Quantiles and fractions of native histograms.

use narthex_model::FloatHistogram;
use narthex_model::histogram::Bucket;

use crate::math::{exp2, log2};

/// How NaN among the observations affects a result. NaN is counted but in no bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NanEffect {
    /// None, or nobody can tell.
    None,
    /// The quantile falls among them.
    Result,
    /// The quantile is higher than it would be without.
    Skewed,
    /// The fractions do not add up to 1.
    Excluded,
}

/// Whether bounds are linear within a bucket: custom buckets, and the zero bucket.
fn is_linear(h: &FloatHistogram, bucket: &Bucket) -> bool {
    h.uses_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0)
}

/// Narrows a bucket around zero to the side that has buckets, if only one has.
fn narrow_zero_bucket(h: &FloatHistogram, bucket: &mut Bucket) {
    match (h.negative_buckets.is_empty(), h.positive_buckets.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

/// Which part of an exponential bucket lies below `value`, which is in it.
pub(super) fn exponential_part_below(lower: f64, upper: f64, value: f64) -> f64 {
    let (log_lower, log_upper, log_value) = (log2(lower.abs()), log2(upper.abs()), log2(value.abs()));
    if value > 0.0 {
        (log_value - log_lower) / (log_upper - log_lower)
    } else {
        1.0 - (log_value - log_upper) / (log_lower - log_upper)
    }
}

/// The quantile `q` of a native histogram: exponential within exponential buckets,
/// linear within custom ones and around zero.
pub(super) fn quantile(q: f64, h: &FloatHistogram) -> (f64, NanEffect) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, NanEffect::None);
    }
    if q > 1.0 {
        return (f64::INFINITY, NanEffect::None);
    }
    if h.count == 0.0 || q.is_nan() {
        return (f64::NAN, NanEffect::None);
    }
    if h.sum.is_nan() || q < 0.5 {
        quantile_from(q, h, h.buckets(), true)
    } else {
        quantile_from(q, h, h.buckets().rev(), false)
    }
}

fn quantile_from(
    q: f64,
    h: &FloatHistogram,
    mut buckets: impl Iterator<Item = Bucket>,
    is_ascending: bool,
) -> (f64, NanEffect) {
    let mut rank = if is_ascending { q * h.count } else { (1.0 - q) * h.count };
    let mut bucket = Bucket { lower: 0.0, upper: 0.0, lower_inclusive: false, upper_inclusive: false, count: 0.0 };
    let mut count = 0.0;
    for next in buckets.by_ref() {
        bucket = next;
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    if !h.uses_custom_buckets() && bucket.lower < 0.0 && bucket.upper > 0.0 {
        narrow_zero_bucket(h, &mut bucket);
    } else if h.uses_custom_buckets() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return (bucket.upper, NanEffect::None);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return (bucket.lower, NanEffect::None);
        }
    }
    // Counts of buckets may exceed the count through rounding.
    if count > h.count {
        count = h.count;
    }
    // The buckets do not hold enough observations: the rest is NaN.
    if count < rank {
        return if h.sum.is_nan() { (f64::NAN, NanEffect::Result) } else { (bucket.upper, NanEffect::None) };
    }
    rank = if is_ascending { rank - (count - bucket.count) } else { count - rank };
    let mut effect = NanEffect::None;
    if h.sum.is_nan() {
        // Upstream looks for further buckets with the variable that holds the one
        // found, so that the last bucket takes its place.
        let mut total = count;
        for next in buckets {
            total += next.count;
            bucket = next;
        }
        if total < h.count {
            effect = NanEffect::Skewed;
        }
    }
    let part = rank / bucket.count;
    let value = if is_linear(h, &bucket) {
        bucket.lower + (bucket.upper - bucket.lower) * part
    } else {
        let (log_lower, log_upper) = (log2(bucket.lower.abs()), log2(bucket.upper.abs()));
        if bucket.lower > 0.0 {
            exp2(log_lower + (log_upper - log_lower) * part)
        } else {
            -exp2(log_upper + (log_lower - log_upper) * (1.0 - part))
        }
    };
    (value, effect)
}

/// Which part of the observations of a native histogram lies between two values.
pub(super) fn fraction(lower: f64, upper: f64, h: &FloatHistogram) -> (f64, NanEffect) {
    if h.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, NanEffect::None);
    }
    if lower >= upper {
        return (0.0, NanEffect::None);
    }
    let (mut rank, mut lower_rank, mut upper_rank) = (0.0, None, None);
    let mut buckets = h.buckets();
    for mut bucket in buckets.by_ref() {
        let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if is_zero {
            narrow_zero_bucket(h, &mut bucket);
        }
        let place = |value: f64| {
            if bucket.lower >= value {
                return Some(rank);
            }
            (value < bucket.upper).then(|| {
                if bucket.lower == f64::NEG_INFINITY {
                    return bucket.count;
                }
                let part = if is_zero || h.uses_custom_buckets() {
                    (value - bucket.lower) / (bucket.upper - bucket.lower)
                } else {
                    exponential_part_below(bucket.lower, bucket.upper, value)
                };
                rank + bucket.count * part
            })
        };
        lower_rank = lower_rank.or_else(|| place(lower));
        upper_rank = upper_rank.or_else(|| place(upper));
        rank += bucket.count;
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
    }
    let (mut total, mut effect) = (h.count, NanEffect::None);
    if h.sum.is_nan() {
        total = rank + buckets.map(|bucket| bucket.count).sum::<f64>();
        if total < h.count {
            effect = NanEffect::Excluded;
        }
    }
    let at_most_total = |rank: Option<f64>| rank.filter(|&rank| rank <= total).unwrap_or(total);
    ((at_most_total(upper_rank) - at_most_total(lower_rank)) / h.count, effect)
}
