//! Type, help and unit of a metric family.

use std::fmt;

/// What kind of metric a family holds. `Unknown` is also `untyped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricType {
    /// Not declared, or declared `untyped`/`unknown`.
    #[default]
    Unknown,
    /// Only ever rises, but for resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
    /// A histogram whose counts may fall.
    GaugeHistogram,
    /// Quantiles computed by the program.
    Summary,
    /// Constant labels, value 1.
    Info,
    /// One of several states is on.
    StateSet,
}

impl MetricType {
    /// The name in OpenMetrics and in the HTTP API.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricType::Unknown => "unknown",
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::GaugeHistogram => "gaugehistogram",
            MetricType::Summary => "summary",
            MetricType::Info => "info",
            MetricType::StateSet => "stateset",
        }
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a target says about a metric family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Its kind.
    pub metric_type: MetricType,
    /// Its unit, empty when not given.
    pub unit: String,
    /// Its description, empty when not given.
    pub help: String,
}
