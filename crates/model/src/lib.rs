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
//! - [`name`]: which metric and label names are valid, and how others are escaped.
//! - [`relabel`]: rules that rewrite a label set or drop what carries it.
//! - [`quote`]: Go's string quoting, which upstream's texts use.
//! - [`float`]: floats as Go reads and prints them.
//! - [`duration`], [`size`]: durations and sizes as upstream writes them.

mod case;
pub mod duration;
pub mod exemplar;
pub mod float;
pub mod histogram;
pub mod labels;
pub mod matcher;
pub mod metadata;
pub mod name;
pub mod quote;
pub mod relabel;
pub mod size;
#[cfg(test)]
mod testdata;
pub mod value;

pub use exemplar::Exemplar;
pub use histogram::{FloatHistogram, Histogram};
pub use labels::{Labels, LabelsBuilder};
pub use matcher::{MatchOp, Matcher};
pub use metadata::{Metadata, MetricType};
pub use name::{EscapingScheme, ValidationScheme};

/// The label that holds a series' metric name.
pub const METRIC_NAME: &str = "__name__";
