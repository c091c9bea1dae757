//! What was given on a command line, defaults filled in.

use std::collections::BTreeMap;

use narthex_model::duration::parse_duration;
use narthex_model::size::parse_size;

use crate::{Flag, Kind};

/// The values of all flags of a program.
///
/// The getters may be called for flags of the program's table only, and for the
/// kind that the table says: values were checked when they were parsed.
#[derive(Clone, Debug)]
pub struct Values {
    flags: &'static [Flag],
    given: BTreeMap<&'static str, Vec<String>>,
}

impl Values {
    pub(crate) fn new(flags: &'static [Flag], given: BTreeMap<&'static str, Vec<String>>) -> Values {
        Values { flags, given }
    }

    /// Whether the flag stands on the command line.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The flag's values: those given, else its default, if it has one.
    ///
    /// # Panics
    /// When the program has no such flag.
    pub fn list(&self, name: &str) -> Vec<String> {
        let flag = self.flags.iter().find(|f| f.name == name).expect("the flag is in the program's table");
        match self.given.get(name) {
            Some(values) => values.clone(),
            None if flag.default.is_empty() => Vec::new(),
            None => vec![flag.default.to_owned()],
        }
    }

    /// The flag's text; `""` when it has none.
    pub fn text(&self, name: &str) -> String {
        self.list(name).pop().unwrap_or_default()
    }

    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// A duration in milliseconds; 0 when it has none.
    pub fn duration_ms(&self, name: &str) -> i64 {
        parse_duration(&self.text(name)).unwrap_or(0)
    }

    /// A size in bytes; 0 when it has none.
    pub fn bytes(&self, name: &str) -> i64 {
        parse_size(&self.text(name)).unwrap_or(0)
    }

    /// A whole number; 0 when it has none.
    pub fn int(&self, name: &str) -> i64 {
        self.text(name).parse::<f64>().unwrap_or(0.0) as i64
    }

    /// Every flag with its value as text, as `/api/v1/status/flags` shows them:
    /// lists joined by commas, sizes `0B` when not given.
    pub fn as_texts(&self) -> BTreeMap<String, String> {
        self.flags
            .iter()
            .map(|flag| {
                let text = match (flag.kind, self.list(flag.name).join(",")) {
                    (Kind::Size, text) if text.is_empty() => "0B".to_owned(),
                    (Kind::Duration, text) if text.is_empty() => "0s".to_owned(),
                    (_, text) => text,
                };
                (flag.name.to_owned(), text)
            })
            .collect()
    }
}
