//! Why a text was refused.

/// Why a text was refused. The texts are go-yaml's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not YAML.
    #[error("yaml: line {line}: {problem}")]
    Syntax {
        /// Where, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A limit of this crate is exceeded, or the document contradicts itself.
    #[error("yaml: {0}")]
    Refused(String),
    /// It does not fit the type; one entry per place, each with its line.
    #[error("yaml: unmarshal errors:\n  {}", .0.join("\n  "))]
    Type(Vec<String>),
    /// A check of a decoded value failed. The text is upstream's, which does not
    /// say where; `place` does.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Where.
        place: Option<Place>,
    },
}

/// Where in a document something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// The keys that lead there: `scrape_configs[1].scrape_interval`.
    pub key: String,
}

impl Place {
    /// The same place seen from one key further out.
    pub(crate) fn below(mut self, key: &str) -> Place {
        let separator = if self.key.is_empty() || self.key.starts_with('[') { "" } else { "." };
        self.key = format!("{key}{separator}{}", self.key);
        self
    }
}
