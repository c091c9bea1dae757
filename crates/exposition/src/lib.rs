//! The exchange formats of metrics, read and written.
//!
//! - [`format`]: [`Format`], the formats and their media types.
//! - [`parser`]: [`Parser`], which walks a body in place, line by line.
//! - [`sample`]: [`Sample`], one line with a value, and its labels on demand.
//! - [`hash`]: [`SeriesHasher`], by which a scrape knows a line it has seen.
//! - [`error`]: why a body does not parse, in upstream's words.
//!
//! This crate knows nothing of storage and HTTP.

pub mod error;
pub mod float;
pub mod format;
pub mod hash;
mod lexer;
mod number;
pub mod parser;
mod quote;
pub mod sample;

pub use error::{LabelsError, ParseError};
pub use format::Format;
pub use hash::SeriesHasher;
pub use parser::{Entry, Parser};
pub use sample::{Point, RawExemplar, Sample};
