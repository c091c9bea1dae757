//! What can be wrong with a metric's description.

/// Why a metric cannot be made or registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The metric name is empty.
    #[error("{0:?} is not a valid metric name")]
    Name(String),
    /// A label name is empty, starts with `__`, or is one the kind of metric writes itself.
    #[error("{label:?} is not a valid label name for metric {metric:?}")]
    LabelName {
        /// The metric's name.
        metric: String,
        /// The label's name.
        label: String,
    },
    /// A label name occurs twice among constant and variable labels.
    #[error("duplicate label name {label:?} in metric {metric:?}")]
    DuplicateLabel {
        /// The metric's name.
        metric: String,
        /// The label's name.
        label: String,
    },
    /// Bucket bounds that do not rise, or are not numbers.
    #[error("histogram buckets of metric {metric:?} must be in increasing order: {bounds:?}")]
    Buckets {
        /// The metric's name.
        metric: String,
        /// The bounds, printed.
        bounds: String,
    },
    /// A quantile, or its error, that is not between 0 and 1.
    #[error("quantile {quantile} of metric {metric:?} with error {error} is not within 0 and 1")]
    Quantile {
        /// The metric's name.
        metric: String,
        /// The quantile, printed.
        quantile: String,
        /// The allowed error, printed.
        error: String,
    },
    /// A metric of that name and those constant labels is registered.
    #[error("duplicate metrics collector registration attempted: {0}")]
    Duplicate(String),
    /// A metric of that name has another help text, kind, unit or other label names.
    #[error("a previously registered metric {0:?} has different label names or a different help string, type or unit")]
    Inconsistent(String),
}

/// Why a vector has no child for some label values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent label cardinality: expected {expected} label values but got {got} in {values:?}")]
pub struct CardinalityError {
    /// How many labels the vector has.
    pub expected: usize,
    /// How many values were given.
    pub got: usize,
    /// The values.
    pub values: Vec<String>,
}

/// What went wrong in one gathering; everything else was gathered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError {
    /// A collector panicked. What it had collected until then was kept.
    #[error("collector of {0} panicked")]
    Panicked(String),
    /// A collector sent a metric it had not described.
    #[error("collected metric {0:?} with unregistered descriptor")]
    Undescribed(String),
    /// A second metric with the same name and labels; the first was kept.
    #[error("collected metric {name:?} {labels} was collected before with the same name and label values")]
    Duplicate {
        /// Its name.
        name: String,
        /// Its labels, printed.
        labels: String,
    },
    /// A metric whose value is of another kind than its descriptor says.
    #[error("collected metric {0:?} has a value of another type")]
    WrongValue(String),
}
