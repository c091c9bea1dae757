//! The parser: walks a body in place, allocating for errors only.

use std::borrow::Cow;

use narthex_model::MetricType;

use crate::error::ParseError;
use crate::format::Format;
use crate::sample::{Point, Sample};

/// One entry of a body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// A line with a value.
    Sample(Sample<'a>),
    /// A `# HELP` line.
    Help {
        /// The whole line without its line feed.
        line: &'a [u8],
        /// The metric name, without the quotes it may have had.
        name: &'a [u8],
        /// The text, escapes unresolved: [`Parser::help_text`] resolves them.
        text: &'a str,
    },
    /// A `# TYPE` line.
    Type {
        /// The whole line without its line feed.
        line: &'a [u8],
        /// The metric name, without the quotes it may have had.
        name: &'a [u8],
        /// The type; text's `untyped` is [`MetricType::Unknown`].
        metric_type: MetricType,
    },
    /// A `# UNIT` line (OpenMetrics only).
    Unit {
        /// The whole line without its line feed.
        line: &'a [u8],
        /// The metric name, without the quotes it may have had.
        name: &'a [u8],
        /// The unit, possibly empty.
        unit: &'a [u8],
    },
    /// Any other comment (text only).
    Comment {
        /// The whole line without its line feed.
        line: &'a [u8],
    },
}

/// Walks a body, entry by entry.
///
/// A scrape that keeps, for each line of the last body, the length and hash of
/// its series or line, tries these first and calls [`Parser::next`] only when
/// they do not fit:
///
/// - `hasher.hash(&parser.rest()[..series_len])` equal: [`Parser::known_sample`];
/// - the same over a whole comment line: [`Parser::known_line`].
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    body: &'a [u8],
    pos: usize,
    format: Format,
}

impl<'a> Parser<'a> {
    /// A parser at the start of `body`.
    pub fn new(body: &'a [u8], format: Format) -> Parser<'a> {
        Parser { body, pos: 0, format }
    }

    /// The next entry. `None` when the body ended well; after an error, `None` too.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<Entry<'a>, ParseError>> {
        let _ = (self.body, self.pos, self.format);
        None
    }

    /// What has not been read yet; starts at a line start.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.body[self.pos..]
    }

    /// Reads a sample whose series text, the next `series_len` bytes, parsed well before.
    ///
    /// `None` when the line is not of that plain form; nothing is read then, and
    /// [`Parser::next`] says what it is.
    #[inline]
    pub fn known_sample(&mut self, series_len: usize) -> Option<Point<'a>> {
        let _ = series_len;
        None
    }

    /// Skips a comment line (`HELP`, `TYPE`, `UNIT` included) of `len` bytes without
    /// its line feed, which parsed well before. A skipped `TYPE` line still counts
    /// for the samples after it. Says whether the line ends there; if not, nothing is read.
    #[inline]
    pub fn known_line(&mut self, len: usize) -> bool {
        let _ = len;
        false
    }

    /// A help text with its escapes resolved as the format wants.
    pub fn help_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }
}
