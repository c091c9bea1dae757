//! What every part of Narthex speaks about: labels, matchers, samples,
//! histograms, metadata, and the text rules upstream attaches to them.
//!
//! No I/O, no clocks, no configuration format.
//!
//! - [`labels`]: [`Labels`], an immutable sorted label set, and its builder.
//! - [`matcher`]: [`Matcher`], one condition on one label.
//! - [`value`]: sample values, the staleness marker.
//! - [`histogram`]: native histograms.
//! - [`metadata`]: type, help and unit of a metric family.
//! - [`exemplar`]: a sample's example.
//! - [`name`]: which metric and label names are valid.
//! - [`quote`]: Go's string quoting, which upstream's texts use.

pub mod exemplar;
pub mod histogram;
pub mod labels;
pub mod matcher;
pub mod metadata;
pub mod name;
pub mod quote;
pub mod value;

pub use exemplar::Exemplar;
pub use histogram::{FloatHistogram, Histogram};
pub use labels::{Labels, LabelsBuilder};
pub use matcher::{MatchOp, Matcher};
pub use metadata::{Metadata, MetricType};

/// The label that holds a series' metric name.
pub const METRIC_NAME: &str = "__name__";
