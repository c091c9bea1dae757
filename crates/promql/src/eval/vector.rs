//! [`Vector`]: instant vectors of all steps at once.
//!
//! Row-major: a row is a series, its floats lie next to each other, eight bytes
//! per step whether there is a sample or not. Histograms lie apart, and only
//! rows that have some pay for them.

use std::sync::Arc;

use hashbrown::HashMap;
use narthex_model::value::STALE_NAN;
use narthex_model::{FloatHistogram, Labels, METRIC_NAME};

use crate::api::QueryError;

/// Stands for "no sample". It is the staleness marker, a signalling NaN: no
/// sample of a result has it, and no arithmetic produces it.
pub(crate) const ABSENT: f64 = STALE_NAN;

/// The error of two elements with the same labels.
pub(crate) const DUPLICATE_LABELSET: &str = "vector cannot contain metrics with the same labelset";

/// Whether there is no sample.
#[inline]
pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT.to_bits()
}

/// The labels that go when "the name" is dropped.
pub(crate) fn is_reserved(label: &str) -> bool {
    matches!(label, METRIC_NAME | "__type__" | "__unit__")
}

/// A label set without the name and what belongs to it.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    // `__name__ < __type__ < __unit__`, and most sets begin with the name.
    if labels.iter().any(|(name, _)| is_reserved(name)) {
        labels.filter(|name| !is_reserved(name))
    } else {
        labels.clone()
    }
}

/// The histograms of one row: steps, ascending, each with its value.
pub(crate) type HistogramRow = Vec<(u32, Arc<FloatHistogram>)>;

/// What a row is called.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    /// Whether the name goes at the end of the query (delayed name removal).
    pub(crate) drop_name: bool,
}

/// One element at one step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sample<'a> {
    Float(f64),
    Histogram(&'a Arc<FloatHistogram>),
}

/// Instant vectors of all steps.
///
/// Invariants: `floats.len() == rows.len() * steps`; `histograms` is empty or as
/// long as `rows`; where a row has a histogram its float is absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vector {
    pub(crate) steps: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) floats: Vec<f64>,
    pub(crate) histograms: Vec<HistogramRow>,
    /// Whether rows differ even without their names.
    pub(crate) distinct: bool,
}

impl Vector {
    pub(crate) fn new(steps: usize) -> Vector {
        Vector { steps, ..Vector::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row; `floats` has one value per step.
    pub(crate) fn push(&mut self, row: Row, floats: &[f64], histograms: HistogramRow) {
        debug_assert_eq!(floats.len(), self.steps);
        self.rows.push(row);
        self.floats.extend_from_slice(floats);
        if !self.histograms.is_empty() || !histograms.is_empty() {
            self.histograms.resize(self.rows.len() - 1, Vec::new());
            self.histograms.push(histograms);
        }
    }

    /// Adds a row without samples.
    pub(crate) fn push_empty(&mut self, row: Row) -> usize {
        self.rows.push(row);
        self.floats.resize(self.rows.len() * self.steps, ABSENT);
        if !self.histograms.is_empty() {
            self.histograms.push(Vec::new());
        }
        self.rows.len() - 1
    }

    /// Takes in the rows of another vector with the same steps.
    pub(crate) fn append(&mut self, mut other: Vector) {
        if self.rows.is_empty() {
            *self = other;
            return;
        }
        if !self.histograms.is_empty() || !other.histograms.is_empty() {
            self.histograms.resize(self.rows.len(), Vec::new());
            other.histograms.resize(other.rows.len(), Vec::new());
            self.histograms.append(&mut other.histograms);
        }
        self.rows.append(&mut other.rows);
        self.floats.append(&mut other.floats);
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.floats[row * self.steps..(row + 1) * self.steps]
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.floats[row * self.steps..(row + 1) * self.steps]
    }

    pub(crate) fn row_histograms(&self, row: usize) -> &[(u32, Arc<FloatHistogram>)] {
        self.histograms.get(row).map_or(&[], Vec::as_slice)
    }

    /// The element of a row at a step.
    pub(crate) fn at(&self, row: usize, step: usize) -> Option<Sample<'_>> {
        let float = self.floats[row * self.steps + step];
        if !is_absent(float) {
            return Some(Sample::Float(float));
        }
        let histograms = self.row_histograms(row);
        if histograms.is_empty() {
            return None;
        }
        let found = histograms.binary_search_by_key(&(step as u32), |(step, _)| *step).ok()?;
        Some(Sample::Histogram(&histograms[found].1))
    }

    /// Puts an element where there is none. Says no where there is one.
    #[must_use]
    pub(crate) fn put(&mut self, row: usize, step: usize, sample: Sample<'_>) -> bool {
        if self.at(row, step).is_some() {
            return false;
        }
        match sample {
            Sample::Float(value) => self.floats[row * self.steps + step] = value,
            Sample::Histogram(histogram) => {
                self.histograms.resize(self.rows.len(), Vec::new());
                let histograms = &mut self.histograms[row];
                let at = histograms.partition_point(|(s, _)| (*s as usize) < step);
                histograms.insert(at, (step as u32, Arc::clone(histogram)));
            }
        }
        true
    }

    pub(crate) fn has_histograms(&self) -> bool {
        self.histograms.iter().any(|row| !row.is_empty())
    }

    /// Forgets all histograms.
    pub(crate) fn clear_histograms(&mut self) {
        self.histograms.clear();
    }

    fn is_row_empty(&self, row: usize) -> bool {
        self.row_histograms(row).is_empty() && self.row(row).iter().all(|v| is_absent(*v))
    }

    /// Removes the rows without samples, keeping the order of the others.
    pub(crate) fn prune(&mut self) {
        let keep: Vec<bool> = (0..self.len()).map(|row| !self.is_row_empty(row)).collect();
        if keep.iter().all(|keep| *keep) {
            return;
        }
        let steps = self.steps;
        let mut to = 0;
        for (from, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            if from != to {
                self.floats.copy_within(from * steps..(from + 1) * steps, to * steps);
            }
            to += 1;
        }
        self.floats.truncate(to * steps);
        let mut kept = keep.iter();
        self.rows.retain(|_| *kept.next().unwrap_or(&false));
        if !self.histograms.is_empty() {
            let mut kept = keep.iter();
            self.histograms.retain(|_| *kept.next().unwrap_or(&false));
        }
    }

    /// The rows in another order, given as indexes of rows.
    pub(crate) fn reordered(&self, order: &[usize]) -> Vector {
        let mut out = Vector::new(self.steps);
        out.distinct = self.distinct;
        for &row in order {
            out.push(self.rows[row].clone(), self.row(row), self.row_histograms(row).to_vec());
        }
        out
    }

    /// Drops names from all rows, or marks them; then brings rows together that
    /// became equal.
    ///
    /// # Errors
    /// When two elements of one step became equal.
    pub(crate) fn drop_names(&mut self, delayed: bool) -> Result<(), QueryError> {
        if delayed {
            self.rows.iter_mut().for_each(|row| row.drop_name = true);
            return Ok(());
        }
        let mut certain = self.distinct;
        for row in &mut self.rows {
            certain &= row.labels.get("__type__").is_none() && row.labels.get("__unit__").is_none();
            row.labels = without_name(&row.labels);
        }
        if certain { Ok(()) } else { self.merge_equal_rows() }
    }

    /// Drops the names that were only marked for it, at the end of a query.
    ///
    /// # Errors
    /// When two elements of one step became equal.
    pub(crate) fn finish_names(&mut self) -> Result<(), QueryError> {
        if !self.rows.iter().any(|row| row.drop_name) {
            return Ok(());
        }
        for row in self.rows.iter_mut().filter(|row| row.drop_name) {
            row.labels = without_name(&row.labels);
            row.drop_name = false;
        }
        self.merge_equal_rows()
    }

    /// Brings rows with the same labels together.
    ///
    /// # Errors
    /// When they have elements at the same step.
    pub(crate) fn merge_equal_rows(&mut self) -> Result<(), QueryError> {
        let mut first: HashMap<Labels, usize> = HashMap::with_capacity(self.len());
        let mut merged_any = false;
        let mut target = Vec::with_capacity(self.len());
        for (index, row) in self.rows.iter().enumerate() {
            let to = *first.entry(row.labels.clone()).or_insert(index);
            merged_any |= to != index;
            target.push(to);
        }
        if !merged_any {
            return Ok(());
        }
        for (from, &to) in target.iter().enumerate().filter(|(from, to)| *from != **to) {
            for step in 0..self.steps {
                let float = self.floats[from * self.steps + step];
                if is_absent(float) {
                    continue;
                }
                self.floats[from * self.steps + step] = ABSENT;
                if !self.put(to, step, Sample::Float(float)) {
                    return Err(QueryError::Execution(DUPLICATE_LABELSET.into()));
                }
            }
            if !self.histograms.is_empty() {
                for (step, histogram) in std::mem::take(&mut self.histograms[from]) {
                    if !self.put(to, step as usize, Sample::Histogram(&histogram)) {
                        return Err(QueryError::Execution(DUPLICATE_LABELSET.into()));
                    }
                }
            }
        }
        self.prune();
        Ok(())
    }

    /// How many elements there are at each step.
    pub(crate) fn elements_per_step(&self) -> Vec<i64> {
        let mut counts = vec![0_i64; self.steps];
        for row in self.floats.chunks_exact(self.steps.max(1)) {
            for (count, value) in counts.iter_mut().zip(row) {
                *count += i64::from(!is_absent(*value));
            }
        }
        for (step, _) in self.histograms.iter().flatten() {
            counts[*step as usize] += 1;
        }
        counts
    }

    /// What the samples of each step count as in a result vector.
    pub(crate) fn result_points_per_step(&self) -> Vec<i64> {
        let mut counts = self.elements_per_step();
        for (step, histogram) in self.histograms.iter().flatten() {
            counts[*step as usize] += result_size(histogram) - 1;
        }
        counts
    }

    /// The memory it takes; of labels only the handles, as they are mostly shared.
    pub(crate) fn bytes(&self) -> usize {
        let histograms = self.histograms.iter().flatten().map(|(_, histogram)| histogram_bytes(histogram));
        self.rows.len() * size_of::<Row>() + self.floats.len() * size_of::<f64>() + histograms.sum::<usize>()
    }

    /// What all samples count as while they are held.
    pub(crate) fn points(&self) -> i64 {
        let floats = self.floats.iter().filter(|value| !is_absent(**value)).count() as i64;
        floats + self.histograms.iter().flatten().map(|(_, histogram)| histogram_size(histogram)).sum::<i64>()
    }
}

fn parts(histogram: &FloatHistogram) -> i64 {
    (histogram.positive_spans.len()
        + histogram.negative_spans.len()
        + histogram.positive_buckets.len()
        + histogram.negative_buckets.len()
        + histogram.custom_values.len()) as i64
}

/// The memory a histogram takes.
pub(crate) fn histogram_bytes(histogram: &FloatHistogram) -> usize {
    size_of::<FloatHistogram>() + 8 * parts(histogram) as usize
}

/// What a histogram counts as among samples.
pub(crate) fn histogram_size(histogram: &FloatHistogram) -> i64 {
    (176 + 8 * parts(histogram)) / 16
}

/// What a histogram counts as inside a result vector.
pub(crate) fn result_size(histogram: &FloatHistogram) -> i64 {
    1 + (168 + 8 * parts(histogram)) / 16
}
