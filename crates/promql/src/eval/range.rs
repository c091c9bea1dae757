//! Range functions over range selectors and sub-queries: a series is read once
//! into columns, then a window slides over them, O(samples + steps).

use std::ops::Range;
use std::sync::Arc;

use narthex_model::histogram::CounterResetHint;
use narthex_promql_syntax::ast::RangeMode;
use narthex_storage::{Grouping, Groups, SeriesColumns, SeriesSet};

use super::limits::{Limits, Tally};
use super::selector::{detect_resets, remove_stale_markers};
use super::source::{RowBuffer, RowReader, RowSource};
use super::vector::{Row, Vector, histogram_size, is_absent, is_reserved, without_name};
use crate::annotations::{Annotations, Position};
use crate::api::QueryError;
use crate::plan::Grid;
use crate::range_functions::{
    NoteSite, Out, RangeColumns, RangeContext, RangeFunction, SeriesNotes, Window, range_function, window_bounds,
};

/// Where the samples of windows come from.
pub(crate) enum RangeInput {
    /// The store. The flag: unknown counter-reset hints are to be found out.
    Set(Arc<dyn SeriesSet>, bool),
    /// A sub-query: its result and the times of its steps.
    Subquery(Vector, Grid),
}

/// The windows of a range selector or sub-query over a grid.
pub(crate) struct Windows {
    /// The evaluation times.
    pub(crate) grid: Grid,
    pub(crate) range_ms: i64,
    /// Subtracted from evaluation times.
    pub(crate) offset_ms: i64,
    /// Whether all steps see the window of the first one (`@`).
    pub(crate) fixed: bool,
    pub(crate) mode: RangeMode,
    pub(crate) lookback_ms: i64,
}

impl Windows {
    /// Where the range ends at a step.
    pub(crate) fn range_end_ms(&self, step: usize) -> i64 {
        let time_ms = self.grid.time_ms(if self.fixed { 0 } else { step });
        time_ms.saturating_sub(self.offset_ms)
    }
}

/// A range function over all series of an input.
pub(crate) struct RangeSource<'a> {
    pub(crate) input: RangeInput,
    pub(crate) windows: Windows,
    pub(crate) function: &'static str,
    /// The scalar arguments, each with one value per step.
    pub(crate) args: Vec<Vec<f64>>,
    pub(crate) use_start_timestamps: bool,
    /// Whether the function drops names, and whether only at the end of the query.
    pub(crate) drops_name: bool,
    pub(crate) delayed: bool,
    pub(crate) distinct: bool,
    pub(crate) per_step: bool,
    /// What the result of a sub-query counts as.
    pub(crate) subquery_points: i64,
    pub(crate) range_position: Position,
    pub(crate) first_argument_position: Position,
    /// Whether `__type__` says what is a counter.
    pub(crate) type_labels: bool,
    pub(crate) limits: &'a Limits,
}

impl RangeSource<'_> {
    fn context(&self) -> RangeContext {
        RangeContext { mode: self.windows.mode, use_start_timestamps: self.use_start_timestamps }
    }

    fn original(&self, index: usize) -> Row {
        match &self.input {
            RangeInput::Set(set, _) => Row { labels: set.labels(index), drop_name: false },
            RangeInput::Subquery(vector, _) => vector.rows[index].clone(),
        }
    }
}

impl RowSource for RangeSource<'_> {
    fn len(&self) -> usize {
        match &self.input {
            RangeInput::Set(set, _) => set.len(),
            RangeInput::Subquery(vector, _) => vector.len(),
        }
    }

    fn steps(&self) -> usize {
        self.windows.grid.steps
    }

    fn row(&self, index: usize) -> Row {
        let row = self.original(index);
        match (self.drops_name, self.delayed) {
            (false, _) => row,
            (true, true) => Row { drop_name: true, ..row },
            (true, false) => Row { labels: without_name(&row.labels), drop_name: false },
        }
    }

    fn groups(&self, grouping: &Grouping) -> Groups {
        match &self.input {
            RangeInput::Set(set, _) if !self.drops_name || self.delayed => set.group(grouping),
            RangeInput::Set(set, _) => set.group(&without_reserved(grouping)),
            RangeInput::Subquery(..) => {
                super::aggregate::group_rows((0..self.len()).map(|i| self.row(i).labels), grouping)
            }
        }
    }

    fn reader(&self) -> Result<Box<dyn RowReader + '_>, QueryError> {
        let function = range_function(self.function, &self.context())
            .map_err(|error| QueryError::Execution(error.to_string()))?
            .ok_or_else(|| QueryError::Execution(format!("unknown range function {}", self.function)))?;
        Ok(Box::new(RangeReader {
            source: self,
            function,
            columns: SeriesColumns::default(),
            args: vec![0.0; self.args.len()],
            notes: SeriesNotes::default(),
            annotations: Annotations::default(),
            window_points: 0,
        }))
    }

    fn drop_name(&self, index: usize) -> bool {
        match &self.input {
            _ if self.drops_name => self.delayed,
            RangeInput::Set(..) => false,
            RangeInput::Subquery(vector, _) => vector.rows[index].drop_name,
        }
    }

    fn may_repeat(&self) -> bool {
        self.drops_name && !self.delayed && !self.distinct
    }

    fn held_points(&self) -> i64 {
        self.subquery_points
    }

    fn is_distinct(&self) -> bool {
        self.distinct
    }

    fn per_step(&self) -> bool {
        self.per_step
    }
}

/// The same groups of label sets that have lost their names already.
pub(crate) fn without_reserved(grouping: &Grouping) -> Grouping {
    match grouping {
        Grouping::By(names) => Grouping::By(names.iter().filter(|name| !is_reserved(name)).cloned().collect()),
        Grouping::Without(names) => {
            let reserved = ["__type__", "__unit__"].into_iter().map(str::to_owned);
            Grouping::Without(names.iter().cloned().chain(reserved).collect())
        }
    }
}

struct RangeReader<'a> {
    source: &'a RangeSource<'a>,
    function: Box<dyn RangeFunction>,
    columns: SeriesColumns,
    args: Vec<f64>,
    notes: SeriesNotes,
    annotations: Annotations,
    /// What the last window of the series before counts as.
    window_points: i64,
}

impl RowReader for RangeReader<'_> {
    fn read(&mut self, index: usize, out: &mut RowBuffer, tally: &mut Tally) -> Result<bool, QueryError> {
        let source = self.source;
        let steps = source.windows.grid.steps;
        self.columns.clear();
        match &source.input {
            RangeInput::Set(set, unknown) => {
                set.read(index, &mut self.columns)?;
                if *unknown {
                    detect_resets(&mut self.columns);
                }
                remove_stale_markers(&mut self.columns);
            }
            RangeInput::Subquery(vector, grid) => row_to_columns(vector, index, grid, &mut self.columns),
        }
        out.reset(steps);
        tally.points -= self.window_points;
        self.window_points = 0;
        if self.columns.is_empty() {
            return Ok(false);
        }
        let from_store = matches!(source.input, RangeInput::Set(..));
        let columns = RangeColumns::from(&self.columns);
        self.function.begin(&columns);
        let mut slider = Slider::new(&columns, source.windows.mode == RangeMode::Plain);
        for step in 0..steps {
            let view = slider.advance(&source.windows, step, &columns);
            // What a sub-query read was counted where it was read.
            let is_read = from_store && (step == 0 || !source.windows.fixed);
            tally.view(step, slider.points, if is_read { view } else { 0 });
            tally.peak = tally.peak.max(tally.points + slider.points);
            if slider.window.is_empty() {
                continue;
            }
            for (arg, values) in self.args.iter_mut().zip(&source.args) {
                *arg = values[step];
            }
            let value = self
                .function
                .at(&columns, &slider.window, &self.args, &mut self.notes)
                .map_err(|error| QueryError::Execution(error.to_string()))?;
            match value {
                Out::None => {}
                Out::Float(value) => out.floats[step] = value,
                Out::Histogram(histogram) => out.histograms.push((step as u32, histogram)),
            }
        }
        source.limits.check_samples(slider.points)?;
        self.window_points = slider.points;
        tally.points += self.window_points;
        let floats = out.floats.iter().filter(|value| !is_absent(**value)).count() as i64;
        tally.hold(floats + out.histograms.iter().map(|(_, h)| histogram_size(h)).sum::<i64>());
        self.report(index);
        Ok(out.has_any())
    }

    fn finish(&mut self, tally: &mut Tally) {
        tally.points -= self.window_points;
        self.window_points = 0;
    }

    fn take_annotations(&mut self) -> Annotations {
        std::mem::take(&mut self.annotations)
    }
}

impl RangeReader<'_> {
    /// Turns what was noticed in a series into annotations.
    fn report(&mut self, index: usize) {
        if self.notes.is_empty() {
            return;
        }
        let source = self.source;
        let row = source.original(index);
        let site = NoteSite {
            range: source.range_position,
            first_argument: source.first_argument_position,
            metric_name: row.labels.metric_name(),
            type_label: source.type_labels.then(|| row.labels.value("__type__")),
        };
        self.notes.report(&site, &mut self.annotations);
        self.notes.clear();
    }
}

/// Moves a window over the columns of a series.
pub(crate) struct Slider {
    pub(crate) window: Window,
    /// What the samples in the window count as.
    pub(crate) points: i64,
    /// The sizes of all histograms so far: `sizes[i]` is what those before `i` count as.
    sizes: Vec<i64>,
    /// Whether index ranges end where the range does.
    plain: bool,
}

impl Slider {
    pub(crate) fn new(columns: &RangeColumns<'_>, plain: bool) -> Slider {
        let mut sizes = vec![0];
        let mut sum = 0;
        for histogram in columns.histograms {
            sum += histogram_size(histogram);
            sizes.push(sum);
        }
        Slider { window: Window::default(), points: 0, sizes, plain }
    }

    /// Moves to a step. Returns what the samples count as that no earlier step saw.
    #[inline]
    pub(crate) fn advance(&mut self, windows: &Windows, step: usize, columns: &RangeColumns<'_>) -> i64 {
        let range_end_ms = windows.range_end_ms(step);
        let range_start_ms = range_end_ms.saturating_sub(windows.range_ms);
        let (after_ms, until_ms) = if self.plain {
            (range_start_ms, range_end_ms)
        } else {
            window_bounds(windows.mode, range_start_ms, range_end_ms, windows.lookback_ms)
        };
        let window = &mut self.window;
        window.eval_ms = windows.grid.time_ms(step);
        window.range_start_ms = range_start_ms;
        window.range_end_ms = range_end_ms;
        // Times only move forward, so what lies behind the old end was not seen before.
        let seen = window.floats.end;
        slide(&mut window.floats, columns.float_timestamps, after_ms, until_ms);
        let mut fresh = window.floats.len().min(window.floats.end - seen) as i64;
        self.points = window.floats.len() as i64;
        if !columns.histogram_timestamps.is_empty() {
            let seen = window.histograms.end;
            slide(&mut window.histograms, columns.histogram_timestamps, after_ms, until_ms);
            let Range { start, end } = window.histograms;
            self.points += self.sizes[end] - self.sizes[start];
            fresh += self.sizes[end] - self.sizes[seen.max(start)];
        }
        fresh
    }
}

/// Moves an index range forward so that it covers the times after `after_ms` up
/// to `until_ms`.
#[inline]
fn slide(range: &mut Range<usize>, timestamps: &[i64], after_ms: i64, until_ms: i64) {
    while range.end < timestamps.len() && timestamps[range.end] <= until_ms {
        range.end += 1;
    }
    while range.start < range.end && timestamps[range.start] <= after_ms {
        range.start += 1;
    }
}

/// The elements of a sub-query's row as samples.
pub(crate) fn row_to_columns(vector: &Vector, row: usize, grid: &Grid, out: &mut SeriesColumns) {
    for (step, value) in vector.row(row).iter().enumerate().filter(|(_, value)| !is_absent(**value)) {
        out.floats.timestamps.push(grid.time_ms(step));
        out.floats.values.push(*value);
    }
    for (step, histogram) in vector.row_histograms(row) {
        out.histograms.timestamps.push(grid.time_ms(*step as usize));
        let hint = histogram.counter_reset_hint;
        // What a hint says concerns the sample before in the store, not here.
        out.histograms.values.push(match hint {
            CounterResetHint::Reset | CounterResetHint::NotReset => {
                let mut histogram = (**histogram).clone();
                histogram.counter_reset_hint = CounterResetHint::Unknown;
                Arc::new(histogram)
            }
            _ => Arc::clone(histogram),
        });
    }
}
