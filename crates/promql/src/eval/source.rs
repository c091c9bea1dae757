//! Rows as they are read: [`RowSource`], and the two ways to use one.
//!
//! A source computes one series over all steps into a buffer. [`collect`] keeps
//! all rows; an aggregation folds each row into its group and forgets it. Work
//! is cut into as many runs of consecutive series as there are threads, and what
//! the runs give is joined in order: the same query over the same data always
//! takes the same additions in the same order.

use std::ops::Range;

use narthex_storage::{Grouping, Groups};

use super::limits::{Limits, Tally};
use super::vector::{ABSENT, HistogramRow, Row, Vector, histogram_bytes, is_absent};
use crate::annotations::Annotations;
use crate::api::QueryError;

/// Below this many points a thread costs more than it brings.
const POINTS_PER_THREAD_MIN: usize = 32 * 1024;
/// Finding a series costs about as much as this many points.
const POINTS_PER_SERIES: usize = 32;
/// How many series, and how many steps at most, are between two looks at the clock.
const SERIES_PER_CHECK: usize = 64;
const STEPS_PER_CHECK: usize = 1 << 20;

/// Room for so many points is made at once: growing copies what is there.
const FLOATS_RESERVED_MAX: usize = 1 << 20;

/// Series that can be computed one at a time, in any order, by several threads.
pub(crate) trait RowSource: Sync {
    /// How many series there may be.
    fn len(&self) -> usize;

    /// How many steps a row has.
    fn steps(&self) -> usize;

    /// What a row is called. Builds labels.
    fn row(&self, index: usize) -> Row;

    /// The groups of the rows, by their labels as [`RowSource::row`] gives them.
    fn groups(&self, grouping: &Grouping) -> Groups;

    /// Something to compute rows with; one per thread.
    fn reader(&self) -> Result<Box<dyn RowReader + '_>, QueryError>;

    /// Whether the name of a row goes at the end of the query. Builds no labels.
    fn drop_name(&self, _index: usize) -> bool {
        false
    }

    /// Whether two rows may have the same labels, because names were dropped.
    fn may_repeat(&self) -> bool {
        false
    }

    /// Samples held for its rows that are let go with it.
    fn held_points(&self) -> i64 {
        0
    }

    /// The most samples that would be held between the rows read and the rows
    /// given, if both were there as a whole; 0 when there is nothing in between.
    fn held_between(&self) -> i64 {
        0
    }

    /// Samples held for numbers that are applied to rows.
    fn held_numbers(&self) -> i64 {
        0
    }

    /// Those of them that upstream meets only after the rows were read.
    fn later_numbers(&self) -> i64 {
        0
    }

    /// Adds what was noticed over all rows.
    fn report(&self, _out: &mut Annotations) {}

    /// Whether rows differ even without their names, as far as is known.
    fn is_distinct(&self) -> bool;

    /// Whether numbers of every step are wanted in tallies.
    fn per_step(&self) -> bool;
}

/// Computes rows of a [`RowSource`].
pub(crate) trait RowReader {
    /// Computes a row. Returns whether it has any element.
    fn read(&mut self, index: usize, out: &mut RowBuffer, tally: &mut Tally) -> Result<bool, QueryError>;

    /// Lets go of what it held for the last row.
    fn finish(&mut self, _tally: &mut Tally) {}

    /// What it noticed.
    fn take_annotations(&mut self) -> Annotations {
        Annotations::default()
    }
}

/// One row under construction.
#[derive(Debug, Default)]
pub(crate) struct RowBuffer {
    pub(crate) floats: Vec<f64>,
    pub(crate) histograms: HistogramRow,
}

impl RowBuffer {
    /// Makes it a row of `steps` steps without elements.
    pub(crate) fn reset(&mut self, steps: usize) {
        self.floats.clear();
        self.floats.resize(steps, ABSENT);
        self.histograms.clear();
    }

    /// Whether there is any element.
    pub(crate) fn has_any(&self) -> bool {
        !self.histograms.is_empty() || self.floats.iter().any(|value| !is_absent(*value))
    }
}

/// What one run of series gave.
pub(crate) struct Run<T> {
    pub(crate) result: T,
    pub(crate) tally: Tally,
    pub(crate) annotations: Annotations,
}

/// Runs `work` over all series, in several threads if that pays, and returns
/// what it gave in the order of the series.
pub(crate) fn in_runs<T: Send>(
    series: usize,
    steps: usize,
    threads: usize,
    work: impl Fn(Range<usize>) -> Result<Run<T>, QueryError> + Sync,
) -> Result<Vec<Run<T>>, QueryError> {
    let points = series.saturating_mul(steps + POINTS_PER_SERIES);
    let runs = threads.min(points / POINTS_PER_THREAD_MIN).min(series).max(1);
    if runs == 1 {
        return Ok(vec![work(0..series)?]);
    }
    let bounds: Vec<Range<usize>> = (0..runs).map(|run| series * run / runs..series * (run + 1) / runs).collect();
    let work = &work;
    std::thread::scope(|scope| {
        let mut handles = Vec::with_capacity(runs - 1);
        for range in &bounds[1..] {
            handles.push(scope.spawn(move || work(range.clone())));
        }
        let mut results = vec![work(bounds[0].clone())];
        for handle in handles {
            results.push(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results.into_iter().collect()
    })
}

/// Reads a run of series, handing each row that has elements to `sink`.
pub(crate) fn read_run(
    source: &dyn RowSource,
    limits: &Limits,
    range: Range<usize>,
    mut sink: impl FnMut(usize, &mut RowBuffer) -> Result<(), QueryError>,
) -> Result<(Tally, Annotations), QueryError> {
    let mut reader = source.reader()?;
    let mut tally = Tally::new(source.steps(), source.per_step());
    let mut buffer = RowBuffer::default();
    let mut held = 0;
    let per_check = SERIES_PER_CHECK.min(STEPS_PER_CHECK / source.steps().max(1)).max(1);
    for (done, index) in range.enumerate() {
        if done % per_check == 0 {
            limits.check_reading()?;
        }
        if reader.read(index, &mut buffer, &mut tally)? {
            sink(index, &mut buffer)?;
        }
        limits.hold(tally.points - held)?;
        held = tally.points;
    }
    reader.finish(&mut tally);
    limits.hold(tally.points - held)?;
    Ok((tally, reader.take_annotations()))
}

/// Reads all rows of a source that have elements.
pub(crate) fn collect(source: &dyn RowSource, limits: &Limits, threads: usize) -> Result<Run<Vector>, QueryError> {
    let steps = source.steps();
    let runs = in_runs(source.len(), steps, threads, |range| {
        let mut vector = Vector::new(steps);
        vector.distinct = source.is_distinct();
        vector.floats.reserve((range.len() * steps).min(FLOATS_RESERVED_MAX));
        let (tally, annotations) = read_run(source, limits, range, |index, buffer| {
            let histograms = buffer.histograms.iter().map(|(_, histogram)| histogram_bytes(histogram));
            limits.reserve(size_of::<Row>() + steps * size_of::<f64>() + histograms.sum::<usize>())?;
            vector.push(source.row(index), &buffer.floats, std::mem::take(&mut buffer.histograms));
            Ok(())
        })?;
        Ok(Run { result: vector, tally, annotations })
    })?;
    let mut all = Run {
        result: Vector::new(steps),
        tally: Tally::new(steps, source.per_step()),
        annotations: Annotations::default(),
    };
    all.result.distinct = source.is_distinct();
    for run in runs {
        all.tally.join(&run.tally);
        all.annotations.merge(run.annotations);
        all.result.append(run.result);
    }
    Ok(all)
}
