//! Metric families as a program exposes them: what the encoder writes.

use std::sync::Arc;

use narthex_model::MetricType;

/// The labels of a metric: pairs in the order in which they are written.
/// Values may be empty. Shared, so that a child keeps its own between scrapes.
pub type LabelPairs = Arc<[(String, String)]>;

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
    /// Its value.
    pub value: MetricValue,
}

impl Metric {
    /// A metric without timestamp.
    pub fn new(labels: LabelPairs, value: MetricValue) -> Metric {
        Metric { labels, timestamp_ms: None, value }
    }
}

/// The value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// Counter, gauge, unknown, info, state set.
    Single(f64),
    /// Histogram, gauge histogram.
    Histogram(HistogramValue),
    /// Summary.
    Summary(SummaryValue),
}

/// A classic histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramValue {
    /// How many observations there were; also the bucket `+Inf`, which `buckets` may leave out.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Upper bound (inclusive, ascending) and how many observations were not above it.
    pub buckets: Vec<(f64, u64)>,
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
