//! `histogram_count`, `_sum`, `_avg`, `_stddev`, `_stdvar`.

use narthex_model::FloatHistogram;

use crate::math::KahanSum;

/// A number that sums a native histogram up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `histogram_count`
    Count,
    /// `histogram_sum`
    Sum,
    /// `histogram_avg`
    Avg,
    /// `histogram_stddev`
    Stddev,
    /// `histogram_stdvar`
    Stdvar,
}

impl Moment {
    /// The moment that the function `name` computes.
    pub fn of_function(name: &str) -> Option<Moment> {
        Some(match name {
            "histogram_count" => Moment::Count,
            "histogram_sum" => Moment::Sum,
            "histogram_avg" => Moment::Avg,
            "histogram_stddev" => Moment::Stddev,
            "histogram_stdvar" => Moment::Stdvar,
            _ => return None,
        })
    }
}

/// Computes a moment of a histogram; floats have none.
pub fn moment(which: Moment, h: &FloatHistogram) -> f64 {
    match which {
        Moment::Count => h.count,
        Moment::Sum => h.sum,
        Moment::Avg => h.sum / h.count,
        Moment::Stdvar => variance(h),
        Moment::Stddev => variance(h).sqrt(),
    }
}

/// The variance, with every observation taken to lie in the middle of its bucket.
fn variance(h: &FloatHistogram) -> f64 {
    let mean = h.sum / h.count;
    let mut squares = KahanSum::default();
    for bucket in h.buckets().filter(|bucket| bucket.count != 0.0) {
        let value = if h.uses_custom_buckets() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let delta = value - mean;
        squares.add(bucket.count * delta * delta);
    }
    squares.value() / h.count
}
