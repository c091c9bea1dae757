//! Why a scrape failed. The texts are upstream's: they stand on the targets page.

use narthex_exposition::{LabelsError, ParseError};
use narthex_http::{BodyError, RequestError, UrlError};
use narthex_model::Labels;
use narthex_model::quote::quote;
use narthex_storage::StorageError;

/// Why a scrape failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// The target's address is none.
    #[error("{0}")]
    Url(UrlError),
    /// The target did not answer.
    #[error("{0}")]
    Request(RequestError),
    /// The target answered with another status than 200. Holds code and reason.
    #[error("server returned HTTP status {0}")]
    Status(String),
    /// The body could not be read.
    #[error("{0}")]
    Body(BodyError),
    /// The pool has more targets than it may have; none is asked.
    #[error("target_limit exceeded (number of targets: {targets}, limit: {limit})")]
    TargetLimit {
        /// How many it has.
        targets: usize,
        /// How many it may have.
        limit: u64,
    },
    /// The answer is in no format we know, or does not say in which.
    #[error("{0}")]
    ContentType(String),
    /// The body does not parse.
    #[error("{0}")]
    Parse(ParseError),
    /// A series has no proper label set.
    #[error("{0}")]
    Labels(LabelsError),
    /// Relabelling took a series' name away.
    #[error("missing metric name (__name__ label)")]
    MissingName,
    /// A name is not valid under the job's scheme.
    #[error("invalid metric name or label names: {0}")]
    InvalidNames(Labels),
    /// A series has more labels than allowed.
    #[error("label_limit exceeded (metric: {}, number of labels: {count}, limit: {limit})", first_50(.metric))]
    LabelLimit {
        /// Its name.
        metric: String,
        /// How many labels it has.
        count: usize,
        /// How many it may have.
        limit: u64,
    },
    /// A label name is longer than allowed.
    #[error(
        "label_name_length_limit exceeded (metric: {}, label name: {}, length: {}, limit: {limit})",
        first_50(.metric), first_50(.name), .name.len()
    )]
    LabelNameLengthLimit {
        /// The series' name.
        metric: String,
        /// The label's name.
        name: String,
        /// How many bytes it may have.
        limit: u64,
    },
    /// A label value is longer than allowed.
    #[error(
        "label_value_length_limit exceeded (metric: {}, label name: {}, value: {}, length: {}, limit: {limit})",
        first_50(.metric), first_50(.name), quote(first_50(.value)), .value.len()
    )]
    LabelValueLengthLimit {
        /// The series' name.
        metric: String,
        /// The label's name.
        name: String,
        /// The label's value.
        value: String,
        /// How many bytes it may have.
        limit: u64,
    },
    /// The scrape has more samples than allowed.
    #[error("sample limit exceeded")]
    SampleLimit,
    /// The store did not take it.
    #[error("{0}")]
    Storage(StorageError),
    /// We made a mistake while we read it.
    #[error("panic while appending the scrape")]
    Panic,
}

impl ScrapeError {
    /// Whether one of the label limits was hit.
    pub(crate) fn is_label_limit(&self) -> bool {
        matches!(
            self,
            ScrapeError::LabelLimit { .. }
                | ScrapeError::LabelNameLengthLimit { .. }
                | ScrapeError::LabelValueLengthLimit { .. }
        )
    }
}

/// The first 50 characters, as upstream's `%.50s`.
fn first_50(text: &str) -> &str {
    match text.char_indices().nth(50) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
