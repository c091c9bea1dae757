//! Metric families as a program exposes them: what the encoders write.

use std::time::SystemTime;

use narthex_model::histogram::Span;
use narthex_model::{FloatHistogram, MetricType};

pub use crate::labels::LabelPairs;

/// The metrics of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    /// The name, with `_total` where it is a counter that has it.
    pub name: String,
    /// The description; no `HELP` line when empty.
    pub help: String,
    /// The unit, which the name ends in; usually empty.
    pub unit: String,
    /// The kind, which every metric's value fits.
    pub metric_type: MetricType,
    /// The metrics, in the order in which they are written.
    pub metrics: Vec<Metric>,
}

/// One metric with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its labels.
    pub labels: LabelPairs,
    /// Its time in milliseconds since the epoch, when it is not that of the scrape.
    pub timestamp_ms: Option<i64>,
    /// Since when it counts. Of counters, histograms and summaries.
    pub created: Option<SystemTime>,
    /// Its value.
    pub value: MetricValue,
    /// An example of what a counter counted.
    pub exemplar: Option<Box<Exemplar>>,
}

impl Metric {
    /// A metric without timestamp, creation time and exemplar.
    pub fn new(labels: LabelPairs, value: MetricValue) -> Metric {
        Metric { labels, timestamp_ms: None, created: None, value, exemplar: None }
    }
}

/// The value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// Counter, gauge, unknown, info, state set.
    Single(f64),
    /// Histogram, gauge histogram.
    Histogram(HistogramValue),
    /// Histogram or gauge histogram whose counts are floats, as queries yield them. Native only.
    FloatHistogram(Box<FloatHistogram>),
    /// Summary.
    Summary(SummaryValue),
}

/// A histogram: classic, native or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramValue {
    /// How many observations there were; also the bucket `+Inf`, which `buckets` may leave out.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Upper bound (inclusive, ascending) and how many observations were not above it.
    pub buckets: Vec<(f64, u64)>,
    /// Examples for classic buckets: place in `buckets` (its length for `+Inf`) and example.
    pub exemplars: Vec<(usize, Exemplar)>,
    /// The native side.
    pub native: Option<Box<NativeHistogram>>,
}

/// The native side of a histogram. Only protobuf carries it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NativeHistogram {
    /// Resolution, −4 to 8: bounds are powers of 2^(2^−schema).
    pub schema: i32,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// Layout of the positive buckets.
    pub positive_spans: Vec<Span>,
    /// Counts of the positive buckets, each as the difference to the one before.
    pub positive_deltas: Vec<i64>,
    /// Layout of the negative buckets.
    pub negative_spans: Vec<Span>,
    /// Counts of the negative buckets, likewise.
    pub negative_deltas: Vec<i64>,
    /// Examples, each with its timestamp.
    pub exemplars: Vec<Exemplar>,
}

/// An example of what was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Usually the id of a trace.
    pub labels: LabelPairs,
    /// What was observed or added.
    pub value: f64,
    /// When.
    pub timestamp: Option<SystemTime>,
}

/// A summary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SummaryValue {
    /// How many observations there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Quantile (0 to 1, ascending) and its value; NaN when there were no recent observations.
    pub quantiles: Vec<(f64, f64)>,
}
