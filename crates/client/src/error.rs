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
    /// A factor of native buckets that is not above 1.
    #[error("bucket factor {factor} of histogram {metric:?} is not above 1")]
    BucketFactor {
        /// The metric's name.
        metric: String,
        /// The factor, printed.
        factor: String,
    },
    /// A unit that the name does not end in (before `_total`), which OpenMetrics demands.
    #[error("the name of metric {metric:?} does not end in its unit {unit:?}")]
    Unit {
        /// The metric's name.
        metric: String,
        /// The unit.
        unit: String,
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
    /// Metrics of one name with different help texts, kinds or units; the first were kept.
    #[error("collected metrics named {0:?} have different help texts, types or units")]
    Inconsistent(String),
    /// Labels that cannot be: a name that is empty, twice there or reserved, or, in a
    /// pedantic registry, other names than were described.
    #[error("collected metric {name:?} has labels {labels} that do not fit")]
    Labels {
        /// Its name.
        name: String,
        /// Its labels, printed.
        labels: String,
    },
    /// A family with the name of a sample of another one.
    #[error("collected metric named {name:?} collides with a sample of {other:?}")]
    Suffix {
        /// The family that was left out.
        name: String,
        /// The histogram or summary.
        other: String,
    },
    /// What a collector says of itself.
    #[error("{0}")]
    Collector(String),
    /// An error of one of several gatherers.
    #[error("[from gatherer #{number}] {error}")]
    Gatherer {
        /// Its number, from 1.
        number: usize,
        /// What went wrong there.
        error: Box<GatherError>,
    },
    /// A metric whose value is of another kind than its descriptor says.
    #[error("collected metric {0:?} has a value of another type")]
    WrongValue(String),
}

/// Why a view of a vector with some labels fixed cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CurryError {
    /// The label is fixed already.
    #[error("label name {0:?} is already curried")]
    Twice(String),
    /// Some names are not those of labels of the vector.
    #[error("{0} unknown label(s) found during currying")]
    Unknown(usize),
}
