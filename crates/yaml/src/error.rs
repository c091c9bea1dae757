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
    /// A check of a decoded value failed.
    #[error("{0}")]
    Invalid(String),
}
