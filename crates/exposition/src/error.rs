//! Why a body does not parse, in upstream's words.
//!
//! The texts are shown as a target's last error; they equal those of
//! Prometheus `model/textparse`, with the bytes quoted as Go quotes them.

/// Why a body does not parse. Nothing after the place is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Another token than the grammar wants.
    #[error("{expected}, got {got} ({token:?}) while parsing: {line}")]
    Syntax {
        /// What the grammar wants there.
        expected: String,
        /// The bytes found, quoted.
        got: String,
        /// The token they were taken for.
        token: &'static str,
        /// The line up to there, quoted.
        line: String,
    },
    /// A `TYPE` line with a word that is no type of the format.
    #[error("invalid metric type {0}")]
    MetricType(String),
    /// A `HELP` text that is not UTF-8.
    #[error("help text {0} is not a valid utf8 string")]
    HelpNotUtf8(String),
    /// An OpenMetrics metadata line that ends behind the name, or is the body's last without line feed.
    #[error("expected text in {keyword}")]
    MissingText {
        /// `HELP`, `TYPE` or `UNIT`.
        keyword: &'static str,
    },
    /// An OpenMetrics `UNIT` that the name does not end in.
    #[error("unit {unit} not a suffix of metric {metric}")]
    Unit {
        /// The unit, quoted.
        unit: String,
        /// The metric name, quoted.
        metric: String,
    },
    /// A second metric name in one series.
    #[error("metric name already set while parsing: {0}")]
    SecondName(String),
    /// A series without metric name.
    #[error("metric name not set while parsing: {0}")]
    NoName(String),
    /// A label value that is not UTF-8.
    #[error("invalid UTF-8 label value: {0}")]
    LabelNotUtf8(String),
    /// A value or timestamp that is not a number or out of range.
    #[error("{reason} while parsing: {line}")]
    Number {
        /// What Go's `strconv` says of it.
        reason: String,
        /// The line up to there, quoted.
        line: String,
    },
    /// An OpenMetrics timestamp that is not finite.
    #[error("invalid {what} {value}")]
    Timestamp {
        /// `timestamp` or `exemplar timestamp`.
        what: &'static str,
        /// `NaN`, `+Inf` or `-Inf`.
        value: &'static str,
    },
    /// An OpenMetrics body without its last line.
    #[error("data does not end with # EOF")]
    NoEof,
    /// An OpenMetrics body that goes on after its last line.
    #[error("unexpected data after # EOF")]
    AfterEof,
}

/// Why a series that parses has no proper label set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// A label name occurs twice. Holds the first such name by order.
    #[error("label name {0:?} is not unique: invalid sample")]
    Duplicate(String),
    /// A quoted name is not UTF-8. Holds the whole set as it would be printed.
    #[error("invalid metric name or label names: {0}")]
    NotUtf8(String),
}
