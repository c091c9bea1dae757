//! Values made elsewhere: for collectors that show what another system counts.
//!
//! A collector sends them with [`crate::Sink::metric`], or with [`crate::Sink::push`] when
//! they have a timestamp, a creation time or exemplars:
//!
//! ```
//! use narthex_client::exposition::{Metric, MetricValue};
//! use narthex_client::{Desc, MetricType, Opts, Sink};
//!
//! fn collect(desc: &Desc, sink: &mut Sink) {
//!     let labels = desc.pairs(&["a"]).expect("one label");
//!     let mut metric = Metric::new(labels, MetricValue::Single(7.0));
//!     metric.timestamp_ms = Some(1_700_000_000_000);
//!     sink.push(desc, metric);
//! }
//! # let desc = Opts::new("a_total", "").desc(MetricType::Counter, &["of"])?;
//! # collect(&desc, &mut Sink::default());
//! # Ok::<(), narthex_client::RegisterError>(())
//! ```

use std::collections::BTreeMap;
use std::time::SystemTime;

use narthex_exposition::{Exemplar, HistogramValue, Metric, MetricValue, NativeHistogram};
use narthex_model::MetricType;

use crate::histogram::native::{bucket_index, encode_buckets};

/// Why a value made elsewhere cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConstError {
    /// The schema is not within −4 and 8.
    #[error("invalid native histogram schema {0}")]
    Schema(i32),
    /// The buckets of a native histogram do not add up to its count.
    #[error("the buckets hold {buckets} observations but the count is {count}")]
    Count {
        /// What all buckets hold together.
        buckets: u64,
        /// What the count was said to be.
        count: u64,
    },
    /// There are no exemplars among those given.
    #[error("no exemplar was passed")]
    NoExemplar,
    /// The kind of metric has no exemplars.
    #[error("a {0} has no exemplars")]
    Exemplars(MetricType),
}

/// Everything about a native histogram that was counted elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NativeCounts {
    /// All observations.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Resolution, −4 to 8.
    pub schema: i32,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// Observations by the index of their bucket.
    pub positive: BTreeMap<i32, u64>,
    /// Negative observations by the index of their bucket.
    pub negative: BTreeMap<i32, u64>,
}

impl NativeCounts {
    /// The histogram.
    ///
    /// # Errors
    /// A schema that is not, or buckets that hold another number of observations than the
    /// count (fewer are allowed when the sum is NaN: NaN is in no bucket).
    pub fn build(self) -> Result<HistogramValue, ConstError> {
        if !(-4..=8).contains(&self.schema) {
            return Err(ConstError::Schema(self.schema));
        }
        let each = self.positive.values().chain(self.negative.values());
        let buckets = each.fold(self.zero_count, |sum, count| sum.saturating_add(*count));
        if buckets != self.count && !(self.sum.is_nan() && buckets < self.count) {
            return Err(ConstError::Count { buckets, count: self.count });
        }
        let (positive_spans, positive_deltas) = encode_buckets(self.positive);
        let (negative_spans, negative_deltas) = encode_buckets(self.negative);
        let native = NativeHistogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            positive_spans,
            positive_deltas,
            negative_spans,
            negative_deltas,
            exemplars: Vec::new(),
        };
        Ok(HistogramValue {
            count: self.count,
            sum: self.sum,
            native: Some(Box::new(native)),
            ..HistogramValue::default()
        })
    }

    /// Counts a value into its bucket, into sum and count. NaN goes into no bucket.
    pub fn observe(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        let abs = value.abs();
        if abs > self.zero_threshold {
            let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
            *side.entry(bucket_index(abs, self.schema.clamp(-4, 8))).or_insert(0) += 1;
        } else if !value.is_nan() {
            self.zero_count += 1;
        }
    }
}

/// Puts exemplars on a metric: the last one on a counter; on a histogram each on its
/// classic bucket and, if it has a native side, there. One without timestamp gets that of now.
///
/// # Errors
/// When there is none, or the kind of metric has none.
pub fn with_exemplars(
    mut metric: Metric,
    metric_type: MetricType,
    exemplars: Vec<Exemplar>,
) -> Result<Metric, ConstError> {
    if exemplars.is_empty() {
        return Err(ConstError::NoExemplar);
    }
    let now = SystemTime::now();
    let exemplars =
        exemplars.into_iter().map(|exemplar| Exemplar { timestamp: exemplar.timestamp.or(Some(now)), ..exemplar });
    match &mut metric.value {
        MetricValue::Single(_) if metric_type == MetricType::Counter => {
            metric.exemplar = exemplars.last().map(Box::new);
        }
        MetricValue::Histogram(value) => {
            let mut classic: BTreeMap<usize, Exemplar> = std::mem::take(&mut value.exemplars).into_iter().collect();
            for exemplar in exemplars {
                let bucket = value.buckets.partition_point(|&(bound, _)| bound < exemplar.value);
                if let Some(native) = &mut value.native {
                    native.exemplars.push(exemplar.clone());
                }
                if !value.buckets.is_empty() || value.native.is_none() {
                    classic.insert(bucket, exemplar);
                }
            }
            value.exemplars = classic.into_iter().collect();
        }
        _ => return Err(ConstError::Exemplars(metric_type)),
    }
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_counts_are_checked() {
        let mut counts = NativeCounts { schema: 3, zero_threshold: 0.1, ..NativeCounts::default() };
        [1.0, -2.0, 0.05, f64::NAN].into_iter().for_each(|value| counts.observe(value));
        assert_eq!((counts.positive.get(&0), counts.negative.get(&8), counts.zero_count), (Some(&1), Some(&1), 1));
        assert_eq!(counts.clone().build().unwrap().count, 4);
        let wrong = NativeCounts { sum: 0.0, ..counts.clone() };
        assert_eq!(wrong.build(), Err(ConstError::Count { buckets: 3, count: 4 }));
        assert_eq!(NativeCounts { schema: 9, ..counts }.build(), Err(ConstError::Schema(9)));
    }

    #[test]
    fn exemplars_find_their_buckets() {
        let exemplar = |value| Exemplar { labels: [("id", "1")].into(), value, timestamp: None };
        let value = HistogramValue { count: 3, buckets: vec![(1.0, 1), (2.0, 2)], ..HistogramValue::default() };
        let metric = Metric::new([].into(), MetricValue::Histogram(value));
        let exemplars = vec![exemplar(1.0), exemplar(9.0), exemplar(0.5)];
        let metric = with_exemplars(metric, MetricType::Histogram, exemplars).unwrap();
        let MetricValue::Histogram(value) = metric.value else { panic!("a histogram") };
        let places: Vec<(usize, f64)> = value.exemplars.iter().map(|(at, exemplar)| (*at, exemplar.value)).collect();
        assert_eq!(places, [(0, 0.5), (2, 9.0)]);
        assert!(value.exemplars[0].1.timestamp.is_some());

        let counter = Metric::new([].into(), MetricValue::Single(1.0));
        let shown = with_exemplars(counter.clone(), MetricType::Counter, vec![exemplar(1.0), exemplar(2.0)]).unwrap();
        assert_eq!(shown.exemplar.unwrap().value, 2.0);
        assert_eq!(with_exemplars(counter.clone(), MetricType::Counter, vec![]), Err(ConstError::NoExemplar));
        let refused = with_exemplars(counter, MetricType::Gauge, vec![exemplar(1.0)]);
        assert_eq!(refused.unwrap_err().to_string(), "a gauge has no exemplars");
    }
}
