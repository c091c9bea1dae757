//! `</` and `>/`: the part of a histogram below or above a value.

use narthex_model::FloatHistogram;
use narthex_model::histogram::Bucket;

use super::native::exponential_part_below;

/// Which side of the value is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// What is kept of a bucket: how many observations, and where their middle is.
#[derive(Clone, Copy)]
struct Kept {
    count: f64,
    midpoint: f64,
}

const NOTHING: Kept = Kept { count: 0.0, midpoint: 0.0 };

/// Keeps what is at most `value`. Buckets that lie across it keep the share that
/// interpolation gives them; count and sum are then estimated anew.
pub fn trim_upper(h: &mut FloatHistogram, value: f64) {
    trim(h, value, Keep::Below);
}

/// Keeps what is at least `value`; likewise.
pub fn trim_lower(h: &mut FloatHistogram, value: f64) {
    trim(h, value, Keep::Above);
}

fn trim(h: &mut FloatHistogram, value: f64, keep: Keep) {
    let is_custom = h.uses_custom_buckets();
    let mut total = Total::default();
    let mut cut_side = |buckets: &mut dyn Iterator<Item = Bucket>| -> Vec<f64> {
        buckets.map(|bucket| total.take(&bucket, |bucket| cut_bucket(bucket, value, keep, is_custom))).collect()
    };
    let positive = cut_side(&mut h.positive_bounded());
    let negative = cut_side(&mut h.negative_bounded());
    let zero_count = total.take(&zero_bucket(h), |bucket| cut_zero_bucket(bucket, value, keep));
    if !total.changed {
        return;
    }
    h.positive_buckets = positive;
    h.negative_buckets = negative;
    h.zero_count = zero_count;
    h.count = total.count;
    h.sum = total.sum;
    h.compact(0);
}

/// What is kept of all buckets so far.
#[derive(Default)]
struct Total {
    count: f64,
    sum: f64,
    changed: bool,
}

impl Total {
    /// Takes in what `cut` keeps of a bucket and returns its count. Empty buckets are
    /// passed over.
    fn take(&mut self, bucket: &Bucket, cut: impl Fn(&Bucket) -> Kept) -> f64 {
        if bucket.count == 0.0 {
            return bucket.count;
        }
        let kept = cut(bucket);
        self.sum += kept.midpoint * kept.count;
        self.count += kept.count;
        self.changed |= kept.count != bucket.count;
        kept.count
    }
}

/// The zero bucket, narrowed to the side that is populated if only one is.
fn zero_bucket(h: &FloatHistogram) -> Bucket {
    let is_populated = |buckets: &[f64]| buckets.iter().any(|&count| count != 0.0);
    let mut bucket = h.zero_bucket();
    match (is_populated(&h.negative_buckets), is_populated(&h.positive_buckets)) {
        (false, true) => bucket.lower = 0.0,
        (true, false) => bucket.upper = 0.0,
        _ => {}
    }
    bucket
}

/// Where the observations of a bucket lie on average.
fn midpoint(lower: f64, upper: f64, is_custom: bool) -> f64 {
    if lower.is_infinite() {
        return if upper.is_infinite() {
            0.0
        } else if upper > 0.0 {
            upper / 2.0
        } else {
            upper
        };
    }
    if upper.is_infinite() {
        return lower;
    }
    if is_custom {
        return (lower + upper) / 2.0;
    }
    let middle = (lower * upper).abs().sqrt();
    if lower < 0.0 { -middle } else { middle }
}

fn cut_bucket(bucket: &Bucket, value: f64, keep: Keep, is_custom: bool) -> Kept {
    let Bucket { lower, upper, count, .. } = *bucket;
    match keep {
        Keep::Below if upper <= value => return Kept { count, midpoint: midpoint(lower, upper, is_custom) },
        Keep::Above if lower >= value => return Kept { count, midpoint: midpoint(lower, upper, is_custom) },
        Keep::Below if lower >= value => return NOTHING,
        Keep::Above if upper <= value => return NOTHING,
        _ => {}
    }
    // The value lies inside.
    if lower == f64::NEG_INFINITY {
        return cut_lowest(bucket, value, keep);
    }
    if upper == f64::INFINITY {
        return if keep == Keep::Above { Kept { count, midpoint: value } } else { NOTHING };
    }
    let part = if is_custom { (value - lower) / (upper - lower) } else { exponential_part_below(lower, upper, value) };
    let below = count * part;
    match keep {
        Keep::Below => Kept { count: below, midpoint: midpoint(lower, value, is_custom) },
        Keep::Above => Kept { count: count - below, midpoint: midpoint(value, upper, is_custom) },
    }
}

/// The value lies in the first custom bucket, whose lower bound is −Inf. Where its
/// upper bound is positive it is taken to begin at 0.
fn cut_lowest(bucket: &Bucket, value: f64, keep: Keep) -> Kept {
    let Bucket { upper, count, .. } = *bucket;
    let has_size = 0.0 < upper && upper < f64::INFINITY;
    match keep {
        Keep::Below if value > 0.0 && has_size => Kept { count: count * value / upper, midpoint: value / 2.0 },
        Keep::Below if upper <= 0.0 => Kept { count, midpoint: value },
        Keep::Above if value >= 0.0 && has_size => {
            Kept { count: count * (1.0 - value / upper), midpoint: (value + upper) / 2.0 }
        }
        _ => NOTHING,
    }
}

/// The zero bucket is linear.
fn cut_zero_bucket(bucket: &Bucket, value: f64, keep: Keep) -> Kept {
    let Bucket { lower, upper, count, .. } = *bucket;
    let all = Kept { count, midpoint: (lower + upper) / 2.0 };
    match keep {
        Keep::Below if upper <= value => return all,
        Keep::Above if lower >= value => return all,
        Keep::Below if lower >= value => return NOTHING,
        Keep::Above if upper <= value => return NOTHING,
        _ => {}
    }
    let below = count * ((value - lower) / (upper - lower));
    match keep {
        Keep::Below => Kept { count: below, midpoint: (lower + value) / 2.0 },
        Keep::Above => Kept { count: count - below, midpoint: (value + upper) / 2.0 },
    }
}
