//! Where and why a text is not PromQL.

use std::fmt;
use std::ops::Range;

/// A place in a query, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// Bytes since the last line feed, from 1.
    pub column: usize,
}

impl Position {
    /// The place of byte `offset` of `query`; an offset beyond the end counts as the end.
    pub fn of(query: &str, offset: usize) -> Position {
        let before = &query.as_bytes()[..offset.min(query.len())];
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
        Position { line, column }
    }
}

/// `LINE:COLUMN`
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One reason why a text is not PromQL. The texts are upstream's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The bytes it is about.
    pub span: Range<usize>,
    /// Where that is; `None` when the text was empty.
    pub position: Option<Position>,
    /// What is wrong.
    pub text: String,
}

impl ParseError {
    pub(crate) fn new(query: &str, fault: Fault) -> ParseError {
        let position = (!query.is_empty()).then(|| Position::of(query, fault.span.start));
        ParseError { span: fault.span, position, text: fault.text }
    }
}

/// `LINE:COLUMN: parse error: TEXT`
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{position}: parse error: {}", self.text),
            None => write!(f, "unknown position: parse error: {}", self.text),
        }
    }
}

impl std::error::Error for ParseError {}

/// All that is wrong with a text; at least one error, in the order they were met.
///
/// Reading stops at the first syntax error; the type check reports everything it finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseErrors(Vec<ParseError>);

impl ParseErrors {
    pub(crate) fn new(query: &str, faults: Vec<Fault>) -> ParseErrors {
        assert!(!faults.is_empty(), "an error has a reason");
        ParseErrors(faults.into_iter().map(|fault| ParseError::new(query, fault)).collect())
    }

    /// The errors, at least one.
    pub fn errors(&self) -> &[ParseError] {
        &self.0
    }

    /// The error that is shown.
    pub fn first(&self) -> &ParseError {
        &self.0[0]
    }
}

/// Shows the first error, as upstream does.
impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first().fmt(f)
    }
}

impl std::error::Error for ParseErrors {}

/// A [`ParseError`] in the making, before its position is counted.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) span: Range<usize>,
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(span: Range<usize>, text: impl Into<String>) -> Fault {
        Fault { span, text: text.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_bytes_since_the_last_line_feed() {
        assert_eq!(Position::of("ä + b", 3), Position { line: 1, column: 4 });
        assert_eq!(Position::of("a\n\nbc", 4), Position { line: 3, column: 2 });
        assert_eq!(Position::of("a", 9), Position { line: 1, column: 2 });
    }
}
