//! A pattern that must match a whole string: what matchers and relabelling use.

use regex_automata::{Anchored as Side, Input, meta, util::syntax};

/// Why a pattern was refused, in Go's words (without the pattern's position).
#[derive(Debug, Clone, thiserror::Error)]
#[error("error parsing regexp: {0}")]
pub struct Error(pub String);

/// A fully anchored pattern, `^(?s:PATTERN)$`.
#[derive(Clone, Debug)]
pub struct Anchored {
    automaton: meta::Regex,
}

impl Anchored {
    /// Compiles `pattern` with Go's syntax.
    ///
    /// # Errors
    /// [`Error`] with Go's text when the pattern is not valid.
    pub fn new(pattern: &str) -> Result<Anchored, Error> {
        let automaton = meta::Builder::new()
            .syntax(syntax::Config::new().dot_matches_new_line(true))
            .build(&format!("^(?:{pattern})$"))
            .map_err(|e| Error(e.to_string()))?;
        Ok(Anchored { automaton })
    }

    /// Whether the whole of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.automaton.is_match(Input::new(text).anchored(Side::Yes))
    }
}
