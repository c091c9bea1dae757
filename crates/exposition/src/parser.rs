//! The parser: walks a body in place, allocating for errors only.
//!
//! Ordinary sample lines are read by `plain_sample` in one pass, eight
//! bytes at a time where it pays. Whatever that does not take (comments, escapes,
//! exemplars, odd blanks, mistakes) goes through the tokens in `strict.rs`,
//! which decide what is right and how a mistake is reported. Both ways
//! agree wherever the first one answers; the tests hold them to it.

use std::borrow::Cow;

use narthex_model::MetricType;

use crate::error::ParseError;
use crate::format::Format;
use crate::lexer::State;
use crate::number;
use crate::plain::plain_series_len;
use crate::sample::{Point, Sample, unescape};
use crate::strict::Strict;

/// One entry of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// The `TYPE` line that counts for the samples to come.
#[derive(Clone, Copy, Debug)]
enum LastType<'a> {
    Known(MetricType),
    /// A line that was skipped as known; read when a sample wants its type.
    Line(&'a [u8]),
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
    openmetrics: bool,
    last_type: LastType<'a>,
    /// Not [`State::Init`] when upstream took a sample whose line goes wrong
    /// after it; the next call then reports that.
    state: State,
    finished: bool,
}

impl<'a> Parser<'a> {
    /// A parser at the start of `body`. An empty body is well-formed in every format.
    pub fn new(body: &'a [u8], format: Format) -> Parser<'a> {
        let mut parser = Parser {
            body,
            pos: 0,
            openmetrics: format.is_openmetrics(),
            last_type: LastType::Known(MetricType::Unknown),
            state: State::Init,
            finished: body.is_empty(),
        };
        parser.skip_blank_lines();
        parser
    }

    /// The next entry. `None` when the body ended well; after an error, `None` too.
    ///
    /// # Errors
    /// The first mistake in the body. Entries before it were read well.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Option<Result<Entry<'a>, ParseError>> {
        if self.finished {
            return None;
        }
        if self.state == State::Init
            && let Some(sample) = self.plain_sample()
        {
            return Some(Ok(Entry::Sample(sample)));
        }
        self.next_by_tokens()
    }

    /// What has not been read yet; starts at a line start.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.body[self.pos..]
    }

    /// How many bytes have been read.
    #[inline]
    pub fn offset(&self) -> usize {
        self.pos
    }

    /// Reads a sample whose series text, the next `series_len` bytes, parsed well before.
    ///
    /// `None` when the line is not of the plain form (one space, value, perhaps
    /// one space and timestamp, perhaps an exemplar); nothing is read then, and
    /// [`Parser::next`] says what it is. `Some` is what [`Parser::next`] would have answered.
    #[inline]
    pub fn known_sample(&mut self, series_len: usize) -> Option<Point<'a>> {
        if self.finished || self.state != State::Init {
            return None;
        }
        let (point, end) = self.plain_point(self.pos.checked_add(series_len)?)?;
        self.pos = end;
        self.skip_blank_lines();
        Some(point)
    }

    /// Skips a comment line (`HELP`, `TYPE`, `UNIT` included) of `len` bytes without
    /// its line feed, which parsed well before. A skipped `TYPE` line still counts
    /// for the samples after it. Says whether the line ends there; if not, nothing is read.
    #[inline]
    pub fn known_line(&mut self, len: usize) -> bool {
        let rest = &self.body[self.pos..];
        if self.finished || self.state != State::Init || rest.get(len) != Some(&b'\n') || rest[0] != b'#' {
            return false;
        }
        let line = &rest[..len];
        let word = line[1..].trim_ascii_start();
        if word.first() == Some(&b'T') {
            if word.starts_with(b"TYPE") && matches!(word.get(4), Some(b' ' | b'\t')) {
                self.last_type = LastType::Line(line);
            } else if word.contains(&0) {
                // Upstream steps over NULs when it looks for keywords.
                return false;
            }
        }
        self.pos += len + 1;
        self.skip_blank_lines();
        true
    }

    /// A help text with its escapes resolved as the format wants.
    pub fn help_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        unescape(text, self.openmetrics)
    }

    /// The text format allows empty lines; taken together with the line before,
    /// they do not come between a scrape and the line it knows.
    #[inline(always)]
    fn skip_blank_lines(&mut self) {
        while !self.openmetrics && self.body.get(self.pos) == Some(&b'\n') {
            self.pos += 1;
        }
    }

    /// The type that counts now.
    fn current_type(&mut self) -> MetricType {
        match self.last_type {
            LastType::Known(metric_type) => metric_type,
            LastType::Line(line) => {
                let found = Strict::new(line, 0, self.openmetrics).type_of_line().unwrap_or_default();
                self.last_type = LastType::Known(found);
                found
            }
        }
    }

    /// Value, timestamp and exemplar behind a series that ends at `at`, and where
    /// the next line starts. `None` unless the line is of the plain form.
    #[inline(always)]
    fn plain_point(&self, at: usize) -> Option<(Point<'a>, usize)> {
        let body = self.body;
        if body.get(at) != Some(&b' ') {
            return None;
        }
        let mut at = at + 1;
        let value = match number::scan_decimal(&body[at..]) {
            Some((value, len)) if matches!(body.get(at + len), Some(b' ' | b'\n')) => {
                at += len;
                value
            }
            _ => {
                let rest = &body[at..];
                let len = rest.iter().take(64).position(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'{' | 0))?;
                at += len;
                number::parse_float(&rest[..len]).ok()?
            }
        };
        let mut point = Point { value, timestamp_ms: None, exemplar: None };
        match body.get(at)? {
            b'\n' => Some((point, at + 1)),
            b' ' if self.openmetrics => {
                // Timestamps and exemplars: exactness before speed.
                let mut strict = Strict::new(body, at, true);
                strict.lexer.state = State::Timestamp;
                strict.point_tail(&mut point).ok()?;
                (strict.lexer.state == State::Init).then_some((point, strict.lexer.pos))
            }
            b' ' => {
                let digits = &body[at + 1..];
                let len = digits.iter().take(20).position(|byte| !byte.is_ascii_digit()).filter(|&len| len > 0)?;
                if digits[len] != b'\n' {
                    return None;
                }
                point.timestamp_ms = Some(number::parse_int(&digits[..len]).ok()?);
                Some((point, at + 1 + len + 1))
            }
            _ => None,
        }
    }

    /// A sample line as nearly all are. `None` leaves everything as it was.
    #[inline]
    fn plain_sample(&mut self) -> Option<Sample<'a>> {
        let len = plain_series_len(&self.body[self.pos..])?;
        let (point, end) = self.plain_point(self.pos + len)?;
        let series = &self.body[self.pos..self.pos + len];
        self.pos = end;
        self.skip_blank_lines();
        Some(Sample { series, point, last_type: self.current_type() })
    }

    /// Any entry, token by token.
    #[cold]
    fn next_by_tokens(&mut self) -> Option<Result<Entry<'a>, ParseError>> {
        let metric_type = self.current_type();
        let mut strict = Strict::new(self.body, self.pos, self.openmetrics);
        strict.lexer.state = self.state;
        let result = strict.entry(metric_type);
        self.pos = strict.lexer.pos.min(self.body.len());
        self.state = strict.lexer.state;
        match result {
            Ok(Some(entry)) => {
                if self.state == State::Init {
                    self.skip_blank_lines();
                }
                if let Entry::Type { metric_type, .. } = entry {
                    self.last_type = LastType::Known(metric_type);
                }
                Some(Ok(entry))
            }
            Ok(None) => {
                self.finished = true;
                None
            }
            Err(err) => {
                self.finished = true;
                Some(Err(err))
            }
        }
    }
}

#[cfg(test)]
mod tests;
