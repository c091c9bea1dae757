//! Functions of one float and operators with a number, applied to rows while an
//! aggregation folds them: `sum(rate(x[5m]) * 60)`, `count(up == 0)`.
//!
//! Only where dropping names cannot make rows equal, so that every row stands for
//! itself. Samples are counted as if the vectors in between were there.

use std::sync::{Mutex, PoisonError};

use narthex_promql_syntax::ast::{BinaryOp, ValueType};
use narthex_storage::{Grouping, Groups};

use super::Evaluator;
use super::arithmetic::{Outcome, StepNotes, apply, drops_name, is_set_operator};
use super::binary::float_row;
use super::limits::Tally;
use super::range::without_reserved;
use super::source::{RowBuffer, RowReader, RowSource};
use super::vector::{HistogramRow, Row, Sample, histogram_size, is_absent, result_size, without_name};
use crate::annotations::{Annotations, Position};
use crate::api::QueryError;
use crate::elementwise;
use crate::plan::{Binary, Grid, Kind, Node};

/// What is done to each row.
enum Map {
    Function(fn(f64) -> f64),
    Operator { op: BinaryOp, return_bool: bool, numbers: Vec<f64>, swapped: bool, position: Position },
}

/// Rows of another source, changed.
struct MappedSource<'a> {
    inner: Box<dyn RowSource + 'a>,
    map: Map,
    drops_name: bool,
    delayed: bool,
    /// What readers counted and noticed; taken once per run of series.
    seen: Mutex<Seen>,
}

/// What readers counted and noticed.
#[derive(Default)]
struct Seen {
    /// By step the elements taken in and what the elements given out count as.
    gathered: Vec<i64>,
    results: Vec<i64>,
    /// What all elements taken in count as while they are held.
    operand_points: i64,
    notes: StepNotes,
}

impl Evaluator<'_> {
    /// Whether a node can be had row by row, and if so, whether its rows differ
    /// even without their names.
    fn streams(&self, node: &Node) -> Option<bool> {
        let delayed = self.settings.features.delayed_name_removal;
        if node.shared.is_some() {
            return None;
        }
        match &node.kind {
            Kind::Selector(selector) => Some(self.is_distinct(selector)),
            Kind::Call(call) if elementwise::float_function(call.function.name).is_some() => {
                self.streams(&call.args[0]).filter(|distinct| *distinct || delayed)
            }
            Kind::Call(call) => match call.args.first().map(|arg| &arg.kind) {
                Some(Kind::Matrix(matrix)) if call.function.name != "absent_over_time" => {
                    let distinct = self.is_distinct(&matrix.selector);
                    (distinct || delayed).then_some(distinct)
                }
                _ => None,
            },
            Kind::Binary(binary) => {
                let (vector, _, _) = vector_and_number(binary)?;
                let drops = drops_name(binary.op, binary.return_bool);
                self.streams(vector).filter(|distinct| !drops || *distinct || delayed)
            }
            _ => None,
        }
    }
}

/// The operands of an operator between a vector and a number, and whether the
/// number comes first.
fn vector_and_number(binary: &Binary) -> Option<(&Node, f64, bool)> {
    if is_set_operator(binary.op) || matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
        return None;
    }
    match (&binary.lhs.kind, &binary.rhs.kind) {
        (Kind::Number(number), _) if binary.rhs.value_type == ValueType::Vector => Some((&binary.rhs, *number, true)),
        (_, Kind::Number(number)) if binary.lhs.value_type == ValueType::Vector => Some((&binary.lhs, *number, false)),
        _ => None,
    }
}

impl<'a> Evaluator<'a> {
    /// The rows of an aggregation's operand, when it can give them one at a time.
    pub(super) fn fold_source(
        &mut self,
        node: &Node,
        grid: &Grid,
    ) -> Result<Option<Box<dyn RowSource + 'a>>, QueryError> {
        let is_mapped = match &node.kind {
            Kind::Call(call) => elementwise::float_function(call.function.name).is_some(),
            Kind::Binary(_) => true,
            _ => false,
        };
        if !is_mapped {
            return self.row_source(node, grid);
        }
        if self.streams(node).is_none() {
            return Ok(None);
        }
        let (inner, map, drops_name) = match &node.kind {
            Kind::Call(call) => {
                let Some(function) = elementwise::float_function(call.function.name) else { return Ok(None) };
                (&call.args[0], Map::Function(function), true)
            }
            Kind::Binary(binary) => {
                let Some((vector, number, swapped)) = vector_and_number(binary) else { return Ok(None) };
                // The number counts as an operand: one sample per step.
                self.limits.hold(grid.steps as i64)?;
                let map = Map::Operator {
                    op: binary.op,
                    return_bool: binary.return_bool,
                    numbers: vec![number; grid.steps],
                    swapped,
                    position: binary.lhs.position,
                };
                (vector, map, drops_name(binary.op, binary.return_bool))
            }
            _ => return Ok(None),
        };
        let Some(inner) = self.fold_source(inner, grid)? else { return Ok(None) };
        let delayed = self.settings.features.delayed_name_removal;
        Ok(Some(Box::new(MappedSource { inner, map, drops_name, delayed, seen: Mutex::default() })))
    }
}

impl MappedSource<'_> {
    fn own_later_numbers(&self) -> i64 {
        if matches!(self.map, Map::Operator { swapped: false, .. }) { self.steps() as i64 } else { 0 }
    }
}

impl RowSource for MappedSource<'_> {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn steps(&self) -> usize {
        self.inner.steps()
    }

    fn row(&self, index: usize) -> Row {
        let row = self.inner.row(index);
        match (self.drops_name, self.delayed) {
            (false, _) => row,
            (true, true) => Row { drop_name: true, ..row },
            (true, false) => Row { labels: without_name(&row.labels), drop_name: false },
        }
    }

    fn groups(&self, grouping: &Grouping) -> Groups {
        if self.drops_name && !self.delayed {
            self.inner.groups(&without_reserved(grouping))
        } else {
            self.inner.groups(grouping)
        }
    }

    fn drop_name(&self, index: usize) -> bool {
        if self.drops_name { self.delayed } else { self.inner.drop_name(index) }
    }

    fn reader(&self) -> Result<Box<dyn RowReader + '_>, QueryError> {
        let steps = self.steps();
        let seen = Seen { gathered: vec![0; steps], results: vec![0; steps], ..Seen::default() };
        Ok(Box::new(MappedReader { source: self, inner: self.inner.reader()?, seen }))
    }

    fn held_points(&self) -> i64 {
        self.inner.held_points()
    }

    fn held_between(&self) -> i64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let number = i64::from(matches!(self.map, Map::Operator { .. }));
        let (mut before, mut most) = (0, 0);
        for (gathered, results) in seen.gathered.iter().zip(&seen.results) {
            most = most.max(before + gathered + number + results);
            before += results;
        }
        // Upstream holds the number of an inner operator no longer by now, and while
        // the inner one is computed it has not met a number on the right.
        let own = seen.operand_points + most - self.inner.held_numbers();
        let inner = self.inner.held_between() - self.own_later_numbers();
        own.max(inner)
    }

    fn later_numbers(&self) -> i64 {
        self.own_later_numbers() + self.inner.later_numbers()
    }

    fn held_numbers(&self) -> i64 {
        let own = if matches!(self.map, Map::Operator { .. }) { self.steps() as i64 } else { 0 };
        own + self.inner.held_numbers()
    }

    fn report(&self, out: &mut Annotations) {
        self.inner.report(out);
        if let Map::Operator { op, position, .. } = &self.map {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).notes.report(*op, *position, out);
        }
    }

    fn is_distinct(&self) -> bool {
        self.inner.is_distinct()
    }

    fn per_step(&self) -> bool {
        self.inner.per_step()
    }
}

struct MappedReader<'a> {
    source: &'a MappedSource<'a>,
    inner: Box<dyn RowReader + 'a>,
    seen: Seen,
}

impl RowReader for MappedReader<'_> {
    fn read(&mut self, index: usize, out: &mut RowBuffer, tally: &mut Tally) -> Result<bool, QueryError> {
        if !self.inner.read(index, out, tally)? {
            return Ok(false);
        }
        self.seen.operand_points += count(out, &mut self.seen.gathered, |_| 1);
        match &self.source.map {
            Map::Function(function) => {
                out.histograms.clear();
                for value in out.floats.iter_mut().filter(|value| !is_absent(**value)) {
                    *value = function(*value);
                }
            }
            Map::Operator { op, return_bool, numbers, swapped, .. } => {
                float_row(*op, *return_bool, &mut out.floats, numbers, *swapped);
                let mut kept: HistogramRow = Vec::new();
                for (step, histogram) in out.histograms.drain(..) {
                    let at = step as usize;
                    let (element, number) = (Sample::Histogram(&histogram), Sample::Float(numbers[at]));
                    let operands = if *swapped { (number, element) } else { (element, number) };
                    let notes = &mut self.seen.notes;
                    match apply(*op, *return_bool, operands, element, |note| notes.note(at, index, note)) {
                        Outcome::Float(value) => out.floats[at] = value,
                        Outcome::Histogram(histogram) => kept.push((step, histogram)),
                        Outcome::Dropped | Outcome::Incompatible => {}
                    }
                }
                out.histograms = kept;
            }
        }
        count(out, &mut self.seen.results, result_size);
        Ok(out.has_any())
    }

    fn finish(&mut self, tally: &mut Tally) {
        self.inner.finish(tally);
        let own = std::mem::take(&mut self.seen);
        let mut seen = self.source.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.gathered.is_empty() {
            *seen = own;
            return;
        }
        seen.gathered.iter_mut().zip(&own.gathered).for_each(|(a, b)| *a += b);
        seen.results.iter_mut().zip(&own.results).for_each(|(a, b)| *a += b);
        seen.operand_points += own.operand_points;
        seen.notes.merge(&own.notes);
    }

    fn take_annotations(&mut self) -> Annotations {
        self.inner.take_annotations()
    }
}

/// Counts the elements of a row by step, histograms by `size`. Returns what they
/// count as while they are held.
fn count(row: &RowBuffer, by_step: &mut [i64], size: impl Fn(&narthex_model::FloatHistogram) -> i64) -> i64 {
    let mut points = 0;
    for (count, value) in by_step.iter_mut().zip(&row.floats) {
        let present = i64::from(!is_absent(*value));
        *count += present;
        points += present;
    }
    for (step, histogram) in &row.histograms {
        by_step[*step as usize] += size(histogram);
        points += histogram_size(histogram);
    }
    points
}
