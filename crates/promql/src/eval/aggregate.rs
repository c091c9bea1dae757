//! Aggregations: groups, and those that fold.

use hashbrown::HashMap;
use narthex_model::Labels;
use narthex_promql_syntax::ast::AggregateOp;
use narthex_storage::{Grouping, Groups};

use super::accumulate::Accumulator;
use super::limits::Tally;
use super::source::{RowBuffer, RowReader, RowSource, Run, in_runs, read_run};
use super::vector::{DUPLICATE_LABELSET, Row, Vector};
use super::{Evaluated, Evaluator};
use crate::annotations::Annotations;
use crate::api::QueryError;
use crate::plan::{Aggregate, Grid};

/// Sorts label sets into groups.
pub(crate) fn group_rows(rows: impl Iterator<Item = Labels>, grouping: &Grouping) -> Groups {
    let mut groups = Groups::default();
    let mut known: HashMap<Labels, u32> = HashMap::new();
    for labels in rows {
        let next = groups.labels.len() as u32;
        let group = *known.entry(grouping.labels_of(&labels)).or_insert_with_key(|labels| {
            groups.labels.push(labels.clone());
            next
        });
        groups.group_of.push(group);
    }
    groups
}

/// What is known of a group beside its values.
#[derive(Clone, Copy)]
struct SeenGroup {
    /// Its first row with elements: groups stand in the order of these.
    first_row: usize,
    /// Whether any of its rows loses its name at the end of the query.
    drop_name: bool,
}

impl Default for SeenGroup {
    fn default() -> SeenGroup {
        SeenGroup { first_row: usize::MAX, drop_name: false }
    }
}

/// A vector that was computed already, as a source of rows.
struct VectorSource<'a> {
    vector: &'a Vector,
}

impl RowSource for VectorSource<'_> {
    fn len(&self) -> usize {
        self.vector.len()
    }

    fn steps(&self) -> usize {
        self.vector.steps
    }

    fn row(&self, index: usize) -> Row {
        self.vector.rows[index].clone()
    }

    fn groups(&self, grouping: &Grouping) -> Groups {
        group_rows(self.vector.rows.iter().map(|row| row.labels.clone()), grouping)
    }

    fn reader(&self) -> Result<Box<dyn RowReader + '_>, QueryError> {
        Ok(Box::new(VectorReader { vector: self.vector }))
    }

    fn drop_name(&self, index: usize) -> bool {
        self.vector.rows[index].drop_name
    }

    fn is_distinct(&self) -> bool {
        self.vector.distinct
    }

    fn per_step(&self) -> bool {
        false
    }
}

struct VectorReader<'a> {
    vector: &'a Vector,
}

impl RowReader for VectorReader<'_> {
    fn read(&mut self, index: usize, out: &mut RowBuffer, _: &mut Tally) -> Result<bool, QueryError> {
        out.floats.clear();
        out.floats.extend_from_slice(self.vector.row(index));
        out.histograms.clear();
        out.histograms.extend_from_slice(self.vector.row_histograms(index));
        Ok(true)
    }
}

impl Evaluator<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate, grid: &Grid) -> Result<Evaluated, QueryError> {
        let before = self.limits.samples();
        let param = match &aggregate.param {
            Some(param) => Some(self.eval(param, grid)?),
            None => None,
        };
        let result = if Accumulator::folds(aggregate.op) {
            match self.fold_source(&aggregate.expr, grid)? {
                Some(source) => self.fold(aggregate, &*source)?,
                None => {
                    let vector = self.vector(&aggregate.expr, grid)?;
                    self.fold(aggregate, &VectorSource { vector: &vector })?
                }
            }
        } else {
            let vector = self.vector(&aggregate.expr, grid)?;
            let gathered = vector.elements_per_step();
            let result = self.select(aggregate, param, vector, grid)?;
            if aggregate.op == AggregateOp::CountValues {
                // Upstream computes this one like a function.
                self.settle_elementwise(before, &gathered, &result)?;
                return Ok(Evaluated::Vector(result));
            }
            result
        };
        self.limits.set_samples(before);
        self.limits.hold(result.points())?;
        self.note_peak();
        Ok(Evaluated::Vector(result))
    }

    /// Folds all rows of a source into their groups.
    fn fold(&mut self, aggregate: &Aggregate, source: &dyn RowSource) -> Result<Vector, QueryError> {
        let op = aggregate.op;
        let steps = source.steps();
        let groups = source.groups(&aggregate.grouping);
        let group_count = groups.labels.len();
        let cells_bytes = group_count * steps * Accumulator::cell_bytes(op);
        let may_repeat = source.may_repeat();
        let base = self.limits.samples();
        let limits = self.limits;
        let runs = in_runs(source.len(), steps, self.settings.threads, |range| {
            limits.reserve(cells_bytes)?;
            let mut accumulator = Accumulator::new(op, group_count, steps);
            let first_row = range.start;
            let mut members: Vec<Labels> = Vec::new();
            let mut seen = vec![SeenGroup::default(); group_count];
            let (tally, annotations) = read_run(source, limits, range, |index, buffer| {
                let group = groups.group_of[index] as usize;
                accumulator.add(group, index, &buffer.floats, &buffer.histograms);
                seen[group].first_row = seen[group].first_row.min(index);
                seen[group].drop_name |= source.drop_name(index);
                if may_repeat {
                    members.push(source.row(index).labels);
                }
                Ok(())
            })?;
            Ok(Run { result: (accumulator, members, seen, first_row), tally, annotations })
        })?;
        let mut tally = Tally::new(steps, source.per_step());
        let mut known: HashMap<Labels, ()> = HashMap::new();
        let mut folded: Option<(Accumulator, Vec<SeenGroup>)> = None;
        for run in runs {
            tally.join(&run.tally);
            self.annotations.merge(run.annotations);
            let (accumulator, members, seen, first_row) = run.result;
            for labels in members {
                if known.insert(labels, ()).is_some() {
                    return Err(QueryError::Execution(DUPLICATE_LABELSET.into()));
                }
            }
            folded = Some(match folded {
                None => (accumulator, seen),
                Some((mut all, mut all_seen)) => {
                    all.merge(accumulator, first_row);
                    for (all, seen) in all_seen.iter_mut().zip(seen) {
                        all.first_row = all.first_row.min(seen.first_row);
                        all.drop_name |= seen.drop_name;
                    }
                    limits.release(cells_bytes);
                    (all, all_seen)
                }
            });
        }
        self.settle(base - source.later_numbers(), &tally);
        let between = source.held_between();
        if base + between > self.peak {
            self.limits.set_samples(base);
            self.limits.check_samples(between)?;
            self.peak = base + between;
        }
        source.report(&mut self.annotations);
        let mut result = Vector::new(steps);
        let Some((mut accumulator, seen)) = folded else { return Ok(result) };
        let mut order: Vec<usize> = (0..group_count).collect();
        order.sort_by_key(|group| seen[*group].first_row);
        let mut buffer = RowBuffer::default();
        for group in order {
            if accumulator.finish(group, &mut buffer) {
                let row = Row { labels: groups.labels[group].clone(), drop_name: seen[group].drop_name };
                result.push(row, &buffer.floats, std::mem::take(&mut buffer.histograms));
            }
        }
        let mut annotations = Annotations::default();
        accumulator.report(aggregate.expr.position, |index| source.row(index).labels, &mut annotations);
        self.annotations.merge(annotations);
        Ok(result)
    }
}
