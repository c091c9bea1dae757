//! From integer counts to float counts.

use super::{FloatHistogram, Histogram, IntHistogram};

/// Absolute counts from differences.
fn absolute(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0_i64;
    deltas
        .iter()
        .map(|&delta| {
            count = count.wrapping_add(delta);
            count as f64
        })
        .collect()
}

impl IntHistogram {
    /// The same histogram with float counts, as queries read it.
    pub fn to_float(&self) -> FloatHistogram {
        FloatHistogram {
            counter_reset_hint: self.counter_reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: absolute(&self.positive_deltas),
            negative_buckets: absolute(&self.negative_deltas),
            custom_values: self.custom_values.clone(),
        }
    }
}

impl From<&Histogram> for FloatHistogram {
    fn from(histogram: &Histogram) -> Self {
        match histogram {
            Histogram::Int(h) => h.to_float(),
            Histogram::Float(h) => h.clone(),
        }
    }
}
