//! Series written down with their points, as test scripts and rule tests have
//! them: `name{a="b"} 1 2 _ 3+1x5 stale {{schema:1 count:3}}`.

mod histogram;
mod points;

use narthex_model::{FloatHistogram, Labels, MatchOp};

use crate::error::{Fault, ParseErrors};
use crate::parser::{Parser, ParserOptions};
use crate::strings::{scan_quoted, scan_raw};

/// The most points that a description may have.
pub const POINTS_MAX: usize = 1 << 24;

/// A series and its points.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesDescription {
    /// Its labels, the name included.
    pub labels: Labels,
    /// Its points, in order.
    pub points: Vec<Point>,
}

/// One point of a description.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// There is no sample.
    Absent,
    /// A float; the staleness marker included.
    Float(f64),
    /// A native histogram.
    Histogram {
        /// It.
        histogram: FloatHistogram,
        /// Whether the description says what its counter-reset hint is.
        has_hint: bool,
    },
}

/// Reads a series and its points.
///
/// # Errors
/// What is wrong, and where.
pub fn parse_series(text: &str) -> Result<SeriesDescription, ParseErrors> {
    let fail = |fault| ParseErrors::new(text, vec![fault]);
    let (labels, end) = metric(text).map_err(fail)?;
    let points = points::points(text, end).map_err(fail)?;
    Ok(SeriesDescription { labels, points })
}

/// Reads a series without points: `name`, `name{a="b"}`, `{"any name", a="b"}`.
///
/// # Errors
/// What is wrong, and where.
pub fn parse_metric(text: &str) -> Result<Labels, ParseErrors> {
    let fail = |fault| ParseErrors::new(text, vec![fault]);
    let (labels, end) = metric(text).map_err(fail)?;
    let rest = text[end..].trim_start();
    if rest.is_empty() {
        return Ok(labels);
    }
    Err(fail(Fault::new(text.len() - rest.len()..text.len(), "unexpected text behind the series")))
}

/// How many bytes of `text` the series at its start takes, blanks before it included.
///
/// # Errors
/// What is wrong, and where.
pub fn metric_len(text: &str) -> Result<usize, ParseErrors> {
    metric(text).map(|(_, end)| end).map_err(|fault| ParseErrors::new(text, vec![fault]))
}

/// The labels, and where the series ends.
fn metric(text: &str) -> Result<(Labels, usize), Fault> {
    let end = metric_end(text)?;
    let selector = Parser::new(&text[..end], &ParserOptions::ALL).whole_selector()?;
    if let Some(matcher) = selector.matchers.iter().find(|matcher| matcher.op() != MatchOp::Equal) {
        let text = format!("only = is possible between a label and its value, got {}", matcher.op().as_str());
        return Err(Fault::new(selector.span, text));
    }
    let pairs = selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value()));
    Ok((Labels::from_pairs(pairs), end))
}

fn metric_end(text: &str) -> Result<usize, Fault> {
    let start = text.len() - text.trim_start().len();
    let name_len =
        text[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(text.len() - start);
    let mut pos = start + name_len;
    if !text[pos..].starts_with('{') {
        return Ok(pos);
    }
    while let Some(char) = text[pos..].chars().next() {
        pos += match char {
            '}' => return Ok(pos + 1),
            '"' | '\'' => scan_quoted(&text[pos..], char).map_err(|error| Fault::new(pos..text.len(), error))?,
            '`' => scan_raw(&text[pos..]).map_err(|error| Fault::new(pos..text.len(), error))?,
            other => other.len_utf8(),
        };
    }
    Err(Fault::new(text.len()..text.len(), "unexpected end of input inside braces"))
}

#[cfg(test)]
mod tests;
