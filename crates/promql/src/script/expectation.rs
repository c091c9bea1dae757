//! What an `eval` expects.

use narthex_model::Labels;
use narthex_promql_syntax::series::Point;
use narthex_regex::Anchored;

use super::command::StepTimes;

/// Everything below an `eval` line.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    pub(super) result: ExpectedResult,
    /// Texts that errors must have; present exactly when the query must fail.
    pub(super) fail: Option<Vec<TextMatch>>,
    pub(super) warnings: ExpectedNotes,
    pub(super) infos: ExpectedNotes,
    /// Whether the order of an instant vector counts.
    pub(super) ordered: bool,
    /// The times of the range vector that an instant query gives.
    pub(super) range_vector: Option<StepTimes>,
}

/// The value that must come out.
#[derive(Debug)]
pub(super) enum ExpectedResult {
    Scalar(f64),
    String(String),
    /// Series in the order of the script; for an instant query with one point each.
    Series(Vec<(Labels, Vec<Point>)>),
}

impl Default for ExpectedResult {
    /// An empty vector or matrix.
    fn default() -> ExpectedResult {
        ExpectedResult::Series(Vec::new())
    }
}

/// What is expected of the warnings, or of the remarks, of a query.
#[derive(Debug, Default)]
pub(super) struct ExpectedNotes {
    /// Each must be found, and if there are any, they must account for all that is found.
    pub(super) texts: Vec<TextMatch>,
    /// There must be none at all.
    pub(super) none: bool,
}

/// A condition on a text.
#[derive(Debug)]
pub(super) enum TextMatch {
    Any,
    Exact(String),
    /// Anchored, with anything before and behind.
    Regex {
        pattern: String,
        automaton: Anchored,
    },
}

impl TextMatch {
    /// Searches for `pattern` anywhere in the text.
    pub(super) fn regex(pattern: &str) -> Result<TextMatch, String> {
        let automaton = Anchored::new(&format!("(?s:.*)(?:{pattern})(?s:.*)")).map_err(|error| error.to_string())?;
        Ok(TextMatch::Regex { pattern: pattern.to_owned(), automaton })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            TextMatch::Any => true,
            TextMatch::Exact(wanted) => wanted == text.trim(),
            TextMatch::Regex { automaton, .. } => automaton.is_match(text),
        }
    }
}

impl std::fmt::Display for TextMatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TextMatch::Any => f.write_str("any text"),
            TextMatch::Exact(text) => write!(f, "`{text}`"),
            TextMatch::Regex { pattern, .. } => write!(f, "a match of `{pattern}`"),
        }
    }
}

impl ExpectedNotes {
    /// Compares with what was found; `kind` names it in the complaint.
    pub(super) fn check(&self, kind: &str, found: &[String]) -> Result<(), String> {
        if self.none && !found.is_empty() {
            return Err(format!("expected no {kind} annotations, got {found:?}"));
        }
        if let Some(missing) = self.texts.iter().find(|text| !found.iter().any(|note| text.matches(note))) {
            return Err(format!("expected {kind} annotation {missing}, got {found:?}"));
        }
        let unexpected = found.iter().find(|note| !self.texts.iter().any(|text| text.matches(note)));
        match unexpected {
            Some(note) if !self.texts.is_empty() => Err(format!("unexpected {kind} annotation `{note}`")),
            _ => Ok(()),
        }
    }
}
