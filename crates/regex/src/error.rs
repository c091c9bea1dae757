//! Go's words for a pattern it refuses.

/// Why a pattern was refused. Displays as Go does:
/// ``error parsing regexp: missing closing ): `(` ``.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {kind}: `{expr}`")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The part of the pattern Go shows, sometimes the whole of it.
    pub expr: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, expr: &str) -> Error {
        Error { kind, expr: expr.into() }
    }
}

/// The kinds of mistake Go's `regexp/syntax` names.
///
/// Its "invalid UTF-8" is missing: patterns are `str` here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `[b-a]`, or an unknown class name.
    #[error("invalid character class range")]
    InvalidCharRange,
    /// `\8`, `\x{}` …
    #[error("invalid escape sequence")]
    InvalidEscape,
    /// `(?P<a-b>x)`
    #[error("invalid named capture")]
    InvalidNamedCapture,
    /// `(?=x)`, `(?i`
    #[error("invalid or unsupported Perl syntax")]
    InvalidPerlOp,
    /// `a**`
    #[error("invalid nested repetition operator")]
    InvalidRepeatOp,
    /// `a{1001}`, `(a{100}){100}`
    #[error("invalid repeat count")]
    InvalidRepeatSize,
    /// `[a`
    #[error("missing closing ]")]
    MissingBracket,
    /// `(a`
    #[error("missing closing )")]
    MissingParen,
    /// `*`
    #[error("missing argument to repetition operator")]
    MissingRepeatArgument,
    /// `a\`
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    /// `a)`
    #[error("unexpected )")]
    UnexpectedParen,
    /// More than a thousand levels.
    #[error("expression nests too deeply")]
    NestingDepth,
    /// It would compile to more than is allowed.
    #[error("expression too large")]
    Large,
}
