//! Reading: series found by matchers, each read into columns.
//!
//! [`Querier::select`] fixes what the query sees. The resulting [`SeriesSet`] is
//! read by index, so that several threads may read different series at once,
//! each into buffers of its own, and so that labels are made only for series
//! whose labels somebody wants.

use std::collections::HashMap;
use std::sync::Arc;

use narthex_model::{FloatHistogram, Labels, Matcher};

use crate::StorageError;

/// What the reader will do with the samples; a store may read less because of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectHints {
    /// First timestamp needed, in milliseconds, included.
    pub start_ms: i64,
    /// Last timestamp needed, in milliseconds, included.
    pub end_ms: i64,
    /// Distance of the evaluation steps in milliseconds; 0 for an instant query.
    pub step_ms: i64,
    /// Length of the range selector in milliseconds; 0 for an instant selector.
    pub range_ms: i64,
    /// The function or aggregation directly around the selector; `""` for none.
    pub function: String,
    /// The labels that an aggregation directly around the selector groups by.
    pub grouping: Option<Grouping>,
    /// How many series suffice; 0 for all.
    pub limit: usize,
    /// Whether of each series only the newest sample in the range matters; a store
    /// may leave out those before it, unless it is a histogram.
    pub newest_only: bool,
}

/// How an aggregation groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Series that agree in these labels are one group.
    By(Vec<String>),
    /// Series that agree in all labels but these and the metric name are one group.
    Without(Vec<String>),
}

impl Grouping {
    /// The labels that name the group of a series.
    pub fn labels_of(&self, series: &Labels) -> Labels {
        match self {
            Grouping::By(names) => series.filter(|name| names.iter().any(|n| n == name)),
            Grouping::Without(names) => {
                series.filter(|name| name != narthex_model::METRIC_NAME && !names.iter().any(|n| n == name))
            }
        }
    }
}

/// Which series of a set belong to which group.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// For each series its group, an index into `labels`.
    pub group_of: Vec<u32>,
    /// The labels of each group, in the order of first appearance.
    pub labels: Vec<Labels>,
}

/// Finds series. Fixed to a time range and to what was committed when it was made.
pub trait Querier: Send + Sync {
    /// The series that satisfy all matchers, in ascending order of their labels.
    /// A series may turn out to have no samples in the range.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn select(&self, hints: &SelectHints, matchers: &[Matcher]) -> Result<Arc<dyn SeriesSet>, StorageError>;

    /// The label names of the series that satisfy all matchers, sorted; at most
    /// `limit` of them unless it is 0.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn label_names(&self, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError>;

    /// The values of label `name` among the series that satisfy all matchers,
    /// sorted; at most `limit` of them unless it is 0.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn label_values(&self, name: &str, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError>;
}

/// The series that a selection found, in ascending order of their labels.
pub trait SeriesSet: Send + Sync {
    /// How many series there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of a series. Builds the set: ask only where it is needed.
    fn labels(&self, index: usize) -> Labels;

    /// Appends the samples of a series in the hinted range to `out`, in order of
    /// time, staleness markers included. Does not clear `out`.
    ///
    /// # Errors
    /// When the samples cannot be read.
    fn read(&self, index: usize, out: &mut SeriesColumns) -> Result<(), StorageError>;

    /// Sorts the series into the groups of an aggregation. A store that knows its
    /// labels by number does this without building label sets.
    fn group(&self, grouping: &Grouping) -> Groups {
        let mut groups = Groups::default();
        let mut known: HashMap<Labels, u32> = HashMap::new();
        for index in 0..self.len() {
            let labels = grouping.labels_of(&self.labels(index));
            let next = groups.labels.len() as u32;
            let group = *known.entry(labels).or_insert_with_key(|labels| {
                groups.labels.push(labels.clone());
                next
            });
            groups.group_of.push(group);
        }
        groups
    }

    /// What the reader should be told although the selection succeeded.
    fn warnings(&self) -> &[String] {
        &[]
    }
}

/// The samples of one series: floats and histograms apart, each ascending in time.
#[derive(Clone, Debug, Default)]
pub struct SeriesColumns {
    /// Its float samples.
    pub floats: FloatColumn,
    /// Its native histogram samples.
    pub histograms: HistogramColumn,
}

impl SeriesColumns {
    /// Forgets the samples, keeping the memory.
    pub fn clear(&mut self) {
        self.floats.timestamps.clear();
        self.floats.values.clear();
        self.floats.start_timestamps.clear();
        self.histograms.timestamps.clear();
        self.histograms.values.clear();
        self.histograms.start_timestamps.clear();
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.floats.timestamps.is_empty() && self.histograms.timestamps.is_empty()
    }
}

/// Float samples in columns.
#[derive(Clone, Debug, Default)]
pub struct FloatColumn {
    /// Milliseconds since the epoch, strictly ascending.
    pub timestamps: Vec<i64>,
    /// As many values.
    pub values: Vec<f64>,
    /// As many start timestamps, 0 for unknown; or empty when all are unknown.
    pub start_timestamps: Vec<i64>,
}

/// Native histogram samples in columns.
#[derive(Clone, Debug, Default)]
pub struct HistogramColumn {
    /// Milliseconds since the epoch, strictly ascending.
    pub timestamps: Vec<i64>,
    /// As many histograms.
    pub values: Vec<Arc<FloatHistogram>>,
    /// As many start timestamps, 0 for unknown; or empty when all are unknown.
    pub start_timestamps: Vec<i64>,
}
