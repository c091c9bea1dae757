//! The exchange formats of metrics, read and written.
//!
//! Formats:
//! - [`mod@format`]: [`Format`], the formats and their media types.
//! - [`negotiate`](mod@negotiate): which of them an `Accept` header asks for.
//!
//! Reading:
//! - [`parser`]: [`Parser`], which walks a body in place, line by line.
//! - [`sample`]: [`Sample`], one line with a value, and its labels on demand.
//! - [`hash`]: [`SeriesHasher`], by which a scrape knows a line it has seen.
//! - [`error`]: why a body does not parse, in upstream's words.
//!
//! Writing:
//! - [`family`]: [`MetricFamily`], what a program exposes.
//! - [`encoder`]: [`Encoder`], which writes it as text.
//! - [`protobuf`]: [`ProtobufEncoder`], which writes it as messages.
//!
//! This crate knows nothing of storage and HTTP.

pub mod encoder;
pub mod error;
pub mod family;
pub mod format;
pub mod hash;
mod labels;
mod lexer;
pub mod negotiate;
mod number;
pub mod parser;
mod plain;
pub mod protobuf;
mod quote;
pub mod sample;
mod strict;

pub use encoder::Encoder;
pub use error::{LabelsError, ParseError};
pub use family::{
    Exemplar, HistogramValue, LabelPairs, Metric, MetricFamily, MetricValue, NativeHistogram, SummaryValue,
};
pub use format::Format;
pub use hash::SeriesHasher;
pub use narthex_model::name::EscapingScheme;
pub use negotiate::{Negotiated, negotiate, negotiate_all, negotiate_openmetrics};
pub use parser::{Entry, Parser};
pub use protobuf::ProtobufEncoder;
pub use sample::{Point, RawExemplar, Sample};
