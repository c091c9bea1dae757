//! Accumulators of aggregations: one cell per group and step.
//!
//! `sum` costs 16 bytes per cell, `min`, `max`, `count` and `group` 8, `avg` and
//! `stddev` 32. Histograms are kept only in the cells that have some.

use std::sync::Arc;

use hashbrown::HashMap;
use narthex_model::{FloatHistogram, Labels};
use narthex_promql_syntax::ast::AggregateOp;

use super::histogram_sums::{HistogramMean, HistogramSum};
use super::source::RowBuffer;
use super::vector::{ABSENT, HistogramRow, is_absent};
use crate::annotations::{Annotation, Annotations, HistogramOperation, Position};
use crate::math::{KahanSum, Mean};

/// The groups of an aggregation that folds: sum, avg, count, min, max, group,
/// stddev, stdvar.
pub(crate) struct Accumulator {
    op: AggregateOp,
    steps: usize,
    cells: Cells,
    /// For groups that met histograms, by group and step.
    histograms: HashMap<usize, HistogramCell>,
    /// Things to tell, noted without text.
    notes: Notes,
}

/// The floats of all groups.
enum Cells {
    /// sum: sums with their compensations, ABSENT where there was nothing.
    Sum {
        sums: Vec<f64>,
        compensations: Vec<f64>,
    },
    Mean(Vec<Option<Mean>>),
    /// count: 0 where there was nothing.
    Count(Vec<f64>),
    /// min, max, group: ABSENT where there was nothing.
    Value(Vec<f64>),
    Spread(Vec<Spread>),
}

/// Welford's running variance.
#[derive(Clone, Copy, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

enum HistogramCell {
    Sum(HistogramSum),
    Mean(HistogramMean),
    /// Floats too, or layouts that do not go together: no result.
    Broken,
}

/// How many rows are remembered for their names.
const INCOMPATIBLE_ROWS_MAX: usize = 64;

#[derive(Clone, Default)]
struct Notes {
    mixed: bool,
    ignored: bool,
    /// Rows whose histograms did not go with those before.
    incompatible: Vec<usize>,
    collision: bool,
    reconciled: bool,
}

impl Accumulator {
    /// Whether `op` is one of those that fold.
    pub(crate) fn folds(op: AggregateOp) -> bool {
        use AggregateOp::{Avg, Count, Group, Max, Min, Stddev, Stdvar, Sum};
        matches!(op, Sum | Avg | Count | Group | Min | Max | Stddev | Stdvar)
    }

    /// Bytes per group and step.
    pub(crate) fn cell_bytes(op: AggregateOp) -> usize {
        match op {
            AggregateOp::Sum => 16,
            AggregateOp::Avg => size_of::<Option<Mean>>(),
            AggregateOp::Stddev | AggregateOp::Stdvar => size_of::<Spread>(),
            _ => 8,
        }
    }

    pub(crate) fn new(op: AggregateOp, groups: usize, steps: usize) -> Accumulator {
        let len = groups * steps;
        let cells = match op {
            AggregateOp::Sum => Cells::Sum { sums: vec![ABSENT; len], compensations: vec![0.0; len] },
            AggregateOp::Avg => Cells::Mean(vec![None; len]),
            AggregateOp::Count => Cells::Count(vec![0.0; len]),
            AggregateOp::Stddev | AggregateOp::Stdvar => Cells::Spread(vec![Spread::default(); len]),
            _ => Cells::Value(vec![ABSENT; len]),
        };
        Accumulator { op, steps, cells, histograms: HashMap::new(), notes: Notes::default() }
    }

    /// Folds a row into a group.
    pub(crate) fn add(&mut self, group: usize, row: usize, floats: &[f64], histograms: &[(u32, Arc<FloatHistogram>)]) {
        let cells = group * self.steps..(group + 1) * self.steps;
        match &mut self.cells {
            Cells::Sum { sums, compensations } => {
                add_sums(&mut sums[cells.clone()], &mut compensations[cells], floats);
            }
            Cells::Mean(means) => {
                for (mean, &value) in means[cells].iter_mut().zip(floats).filter(|(_, v)| !is_absent(**v)) {
                    match mean {
                        Some(mean) => mean.add(value),
                        None => *mean = Some(Mean::new(value)),
                    }
                }
            }
            Cells::Count(counts) => {
                for (count, value) in counts[cells].iter_mut().zip(floats) {
                    *count += f64::from(u8::from(!is_absent(*value)));
                }
            }
            Cells::Value(values) => add_values(self.op, &mut values[cells], floats),
            Cells::Spread(spreads) => {
                for (spread, &value) in spreads[cells].iter_mut().zip(floats).filter(|(_, v)| !is_absent(**v)) {
                    spread.add(value);
                }
            }
        }
        for (step, histogram) in histograms {
            self.add_histogram(group * self.steps + *step as usize, row, histogram);
        }
    }

    fn add_histogram(&mut self, cell: usize, row: usize, histogram: &Arc<FloatHistogram>) {
        match (&mut self.cells, self.op) {
            (Cells::Count(counts), _) => counts[cell] += 1.0,
            (Cells::Value(values), AggregateOp::Group) => values[cell] = 1.0,
            (Cells::Sum { .. }, _) => {
                let outcome = match self.histograms.get_mut(&cell) {
                    None => {
                        self.histograms.insert(cell, HistogramCell::Sum(HistogramSum::new(histogram)));
                        return;
                    }
                    Some(HistogramCell::Sum(sum)) => sum.add(histogram),
                    Some(_) => return,
                };
                self.note_addition(cell, row, outcome);
            }
            (Cells::Mean(_), _) => {
                let outcome = match self.histograms.get_mut(&cell) {
                    None => {
                        self.histograms.insert(cell, HistogramCell::Mean(HistogramMean::new(histogram)));
                        return;
                    }
                    Some(HistogramCell::Mean(mean)) => mean.add(histogram),
                    Some(_) => return,
                };
                self.note_addition(cell, row, outcome);
            }
            _ => self.notes.ignored = true,
        }
    }

    fn note_addition(&mut self, cell: usize, row: usize, outcome: super::histogram_sums::Addition) {
        use super::histogram_sums::Addition;
        match outcome {
            Addition::Incompatible => {
                if self.notes.incompatible.len() < INCOMPATIBLE_ROWS_MAX && !self.notes.incompatible.contains(&row) {
                    self.notes.incompatible.push(row);
                }
                self.histograms.insert(cell, HistogramCell::Broken);
            }
            Addition::Done { collision, reconciled } => {
                self.notes.collision |= collision;
                self.notes.reconciled |= reconciled;
            }
        }
    }

    /// Takes in the groups of a later run of series.
    pub(crate) fn merge(&mut self, later: Accumulator, later_first_row: usize) {
        match (&mut self.cells, later.cells) {
            (Cells::Sum { sums, compensations }, Cells::Sum { sums: later, compensations: later_compensations }) => {
                add_sums(sums, compensations, &later);
                for ((sum, compensation), (later, more)) in
                    sums.iter().zip(compensations).zip(later.iter().zip(later_compensations))
                {
                    if !is_absent(*later) && !sum.is_infinite() {
                        *compensation += more;
                    }
                }
            }
            (Cells::Mean(means), Cells::Mean(later)) => {
                for (mean, later) in means.iter_mut().zip(later) {
                    match (&mut *mean, later) {
                        (Some(mean), Some(later)) => mean.merge(&later),
                        (None, later) => *mean = later,
                        (Some(_), None) => {}
                    }
                }
            }
            (Cells::Count(counts), Cells::Count(later)) => counts.iter_mut().zip(later).for_each(|(a, b)| *a += b),
            (Cells::Value(values), Cells::Value(later)) => add_values(self.op, values, &later),
            (Cells::Spread(spreads), Cells::Spread(later)) => {
                spreads.iter_mut().zip(later).for_each(|(a, b)| a.merge(b));
            }
            _ => unreachable!("runs of one aggregation have the same kind of cells"),
        }
        self.notes.ignored |= later.notes.ignored;
        self.notes.incompatible.extend_from_slice(&later.notes.incompatible);
        self.notes.collision |= later.notes.collision;
        self.notes.reconciled |= later.notes.reconciled;
        for (cell, histogram) in later.histograms {
            self.merge_histogram(cell, later_first_row, histogram);
        }
    }

    fn merge_histogram(&mut self, cell: usize, later_first_row: usize, later: HistogramCell) {
        let outcome = match (self.histograms.get_mut(&cell), later) {
            (None, later) => {
                self.histograms.insert(cell, later);
                return;
            }
            (Some(HistogramCell::Sum(sum)), HistogramCell::Sum(later)) => sum.merge(later),
            (Some(HistogramCell::Mean(mean)), HistogramCell::Mean(later)) => mean.merge(later),
            (Some(known), _) => {
                *known = HistogramCell::Broken;
                return;
            }
        };
        // Which row of the later run it was is not known any more; its first will do.
        self.note_addition(cell, later_first_row, outcome);
    }

    /// The result of a group at all steps; whether it has any element.
    pub(crate) fn finish(&mut self, group: usize, out: &mut RowBuffer) -> bool {
        out.reset(self.steps);
        let cells = group * self.steps..(group + 1) * self.steps;
        match &self.cells {
            Cells::Sum { sums, compensations } => {
                for ((out, sum), compensation) in
                    out.floats.iter_mut().zip(&sums[cells.clone()]).zip(&compensations[cells])
                {
                    if !is_absent(*sum) {
                        *out = sum + compensation;
                    }
                }
            }
            Cells::Mean(means) => {
                for (out, mean) in out.floats.iter_mut().zip(&means[cells]) {
                    if let Some(mean) = mean {
                        *out = mean.value();
                    }
                }
            }
            Cells::Count(counts) => {
                for (out, count) in out.floats.iter_mut().zip(&counts[cells]).filter(|(_, count)| **count > 0.0) {
                    *out = *count;
                }
            }
            Cells::Value(values) => out.floats.copy_from_slice(&values[cells]),
            Cells::Spread(spreads) => {
                let root = self.op == AggregateOp::Stddev;
                for (out, spread) in out.floats.iter_mut().zip(&spreads[cells]).filter(|(_, s)| s.count > 0.0) {
                    let variance = spread.squares / spread.count;
                    *out = if root { variance.sqrt() } else { variance };
                }
            }
        }
        if !self.histograms.is_empty() {
            self.finish_histograms(group, out);
        }
        out.has_any()
    }

    fn finish_histograms(&mut self, group: usize, out: &mut RowBuffer) {
        let mut row: HistogramRow = Vec::new();
        for step in 0..self.steps {
            let Some(cell) = self.histograms.remove(&(group * self.steps + step)) else { continue };
            if !is_absent(out.floats[step]) {
                self.notes.mixed = true;
                out.floats[step] = ABSENT;
                continue;
            }
            match cell {
                HistogramCell::Sum(sum) => row.extend(sum.finish().map(|sum| (step as u32, Arc::new(sum)))),
                HistogramCell::Mean(mean) => row.extend(mean.finish().map(|mean| (step as u32, Arc::new(mean)))),
                HistogramCell::Broken => {}
            }
        }
        out.histograms = row;
    }

    /// What it noticed; `row` gives the labels of a row.
    pub(crate) fn report(&self, position: Position, row: impl Fn(usize) -> Labels, out: &mut Annotations) {
        let notes = &self.notes;
        if notes.mixed {
            out.add(&Annotation::MixedFloatsHistogramsAggregation, position);
        }
        for &index in &notes.incompatible {
            let labels = row(index);
            out.add(&Annotation::MixedExponentialCustom { name: labels.metric_name() }, position);
        }
        if notes.collision {
            out.add(&Annotation::CounterResetCollision(HistogramOperation::Aggregation), position);
        }
        if notes.reconciled {
            out.add(&Annotation::CustomBucketsReconciled(HistogramOperation::Aggregation), position);
        }
        if notes.ignored {
            let aggregation = crate::plan::aggregate_name(self.op);
            out.add(&Annotation::HistogramIgnoredInAggregation { aggregation }, position);
        }
    }
}

#[inline]
fn add_sums(sums: &mut [f64], compensations: &mut [f64], values: &[f64]) {
    for ((sum, compensation), &value) in sums.iter_mut().zip(compensations).zip(values) {
        if is_absent(value) {
            continue;
        }
        if is_absent(*sum) {
            *sum = value;
        } else {
            let mut kahan = KahanSum { sum: *sum, compensation: *compensation };
            kahan.add(value);
            (*sum, *compensation) = (kahan.sum, kahan.compensation);
        }
    }
}

fn add_values(op: AggregateOp, cells: &mut [f64], values: &[f64]) {
    for (cell, &value) in cells.iter_mut().zip(values) {
        if is_absent(value) {
            continue;
        }
        if op == AggregateOp::Group {
            *cell = 1.0;
        } else if cell.is_nan()
            || (op == AggregateOp::Max && *cell < value)
            || (op == AggregateOp::Min && *cell > value)
        {
            // NaN, and with it "nothing yet", gives way to anything.
            *cell = value;
        }
    }
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.mean = value;
            self.squares = if value.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn merge(&mut self, later: Spread) {
        if later.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = later;
            return;
        }
        let count = self.count + later.count;
        let delta = later.mean - self.mean;
        self.squares += later.squares + delta * delta * (self.count * later.count / count);
        self.mean += delta * (later.count / count);
        self.count = count;
    }
}
