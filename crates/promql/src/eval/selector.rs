//! Instant selectors: for each step the newest sample within the lookback.

use std::sync::Arc;

use narthex_model::FloatHistogram;
use narthex_model::histogram::CounterResetHint;
use narthex_model::value::is_stale_nan;
use narthex_promql_syntax::ast::RangeMode;
use narthex_storage::{Grouping, Groups, SeriesColumns, SeriesSet};

use super::limits::Tally;
use super::range::{Slider, Windows};
use super::source::{RowBuffer, RowReader, RowSource};
use super::vector::{ABSENT, Row, histogram_size, is_absent};
use crate::annotations::{Annotations, Position};
use crate::api::QueryError;
use crate::plan::Grid;
use crate::range_functions::{NoteSite, RangeColumns, SeriesNotes, smoothed_instant};

/// What is taken from a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Its value.
    Value,
    /// Its time in seconds.
    Timestamp,
    /// When its counter started, in seconds.
    StartTimestamp,
    /// Its value, interpolated between samples (`smoothed`).
    Smoothed,
}

/// An instant selector over a grid.
pub(crate) struct SelectorSource {
    pub(crate) set: Arc<dyn SeriesSet>,
    pub(crate) grid: Grid,
    pub(crate) offset_ms: i64,
    pub(crate) lookback_ms: i64,
    pub(crate) pick: Pick,
    pub(crate) distinct: bool,
    pub(crate) per_step: bool,
    pub(crate) detect_resets: bool,
    /// Where annotations point to.
    pub(crate) position: Position,
}

impl RowSource for SelectorSource {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn steps(&self) -> usize {
        self.grid.steps
    }

    fn row(&self, index: usize) -> Row {
        Row { labels: self.set.labels(index), drop_name: false }
    }

    fn groups(&self, grouping: &Grouping) -> Groups {
        self.set.group(grouping)
    }

    fn reader(&self) -> Result<Box<dyn RowReader + '_>, QueryError> {
        Ok(Box::new(SelectorReader {
            source: self,
            columns: SeriesColumns::default(),
            notes: SeriesNotes::default(),
            annotations: Annotations::default(),
        }))
    }

    fn is_distinct(&self) -> bool {
        self.distinct
    }

    fn per_step(&self) -> bool {
        self.per_step
    }
}

struct SelectorReader<'a> {
    source: &'a SelectorSource,
    columns: SeriesColumns,
    notes: SeriesNotes,
    annotations: Annotations,
}

impl RowReader for SelectorReader<'_> {
    fn read(&mut self, index: usize, out: &mut RowBuffer, tally: &mut Tally) -> Result<bool, QueryError> {
        let source = self.source;
        self.columns.clear();
        source.set.read(index, &mut self.columns)?;
        if source.detect_resets {
            detect_resets(&mut self.columns);
        }
        out.reset(source.grid.steps);
        if self.columns.is_empty() {
            return Ok(false);
        }
        if source.pick == Pick::Smoothed {
            self.smoothed(index, out)?;
        } else if self.columns.histograms.timestamps.is_empty() {
            self.floats(out);
        } else {
            self.mixed(out);
        }
        Ok(count(source, out, tally))
    }

    fn take_annotations(&mut self) -> Annotations {
        std::mem::take(&mut self.annotations)
    }
}

/// Counts the elements of a row. Returns whether there are any.
fn count(source: &SelectorSource, out: &RowBuffer, tally: &mut Tally) -> bool {
    let floats = if tally.per_step.is_some() {
        let mut floats = 0;
        for (step, _) in out.floats.iter().enumerate().filter(|(_, value)| !is_absent(**value)) {
            tally.view(step, 1, 1);
            floats += 1;
        }
        floats
    } else {
        let floats = out.floats.iter().filter(|value| !is_absent(**value)).count() as i64;
        tally.total += floats;
        tally.read += floats;
        floats
    };
    let mut points = floats;
    for (step, histogram) in &out.histograms {
        let size = if source.pick == Pick::Timestamp { 1 } else { histogram_size(histogram) };
        tally.view(*step as usize, size, size);
        points += size;
    }
    tally.hold(points);
    points > 0
}

impl SelectorReader<'_> {
    /// The common case: no histograms. A staleness marker is [`ABSENT`] itself, so
    /// that copying it is already right.
    fn floats(&self, out: &mut RowBuffer) {
        let source = self.source;
        let column = &self.columns.floats;
        let mut next = 0;
        let timestamps = &column.timestamps[..];
        for (value, time_ms) in out.floats.iter_mut().zip(source.grid.times()) {
            let at_ms = time_ms.saturating_sub(source.offset_ms);
            while next < timestamps.len() && timestamps[next] <= at_ms {
                next += 1;
            }
            if next > 0 && timestamps[next - 1] > at_ms.saturating_sub(source.lookback_ms) {
                *value = self.picked(next - 1);
            }
        }
    }

    #[inline]
    fn picked(&self, index: usize) -> f64 {
        let column = &self.columns.floats;
        match self.source.pick {
            Pick::Value | Pick::Smoothed => column.values[index],
            _ if is_stale_nan(column.values[index]) => ABSENT,
            Pick::Timestamp => column.timestamps[index] as f64 / 1000.0,
            Pick::StartTimestamp => column.start_timestamps.get(index).copied().unwrap_or(0) as f64 / 1000.0,
        }
    }

    fn mixed(&self, out: &mut RowBuffer) {
        let source = self.source;
        let (floats, histograms) = (&self.columns.floats, &self.columns.histograms);
        let (mut next_float, mut next_histogram) = (0, 0);
        for (step, time_ms) in source.grid.times().enumerate() {
            let at_ms = time_ms.saturating_sub(source.offset_ms);
            let after_ms = at_ms.saturating_sub(source.lookback_ms);
            next_float += floats.timestamps[next_float..].iter().take_while(|t| **t <= at_ms).count();
            next_histogram += histograms.timestamps[next_histogram..].iter().take_while(|t| **t <= at_ms).count();
            let float_ms = next_float.checked_sub(1).map(|i| floats.timestamps[i]).filter(|t| *t > after_ms);
            let histogram_ms =
                next_histogram.checked_sub(1).map(|i| histograms.timestamps[i]).filter(|t| *t > after_ms);
            if histogram_ms.is_none() && float_ms.is_none() {
                continue;
            }
            if histogram_ms < float_ms {
                out.floats[step] = self.picked(next_float - 1);
                continue;
            }
            let histogram = &histograms.values[next_histogram - 1];
            if is_stale_nan(histogram.sum) {
                continue;
            }
            match source.pick {
                Pick::Value | Pick::Smoothed => out.histograms.push((step as u32, Arc::clone(histogram))),
                Pick::Timestamp => out.floats[step] = histograms.timestamps[next_histogram - 1] as f64 / 1000.0,
                Pick::StartTimestamp => {
                    let start_ms = histograms.start_timestamps.get(next_histogram - 1).copied().unwrap_or(0);
                    out.floats[step] = start_ms as f64 / 1000.0;
                }
            }
        }
    }

    fn smoothed(&mut self, index: usize, out: &mut RowBuffer) -> Result<(), QueryError> {
        remove_stale_markers(&mut self.columns);
        let source = self.source;
        let columns = RangeColumns::from(&self.columns);
        let windows = Windows {
            grid: source.grid,
            range_ms: 0,
            offset_ms: source.offset_ms,
            fixed: false,
            mode: RangeMode::Smoothed,
            lookback_ms: source.lookback_ms,
        };
        let mut slider = Slider::new(&columns, false);
        for step in 0..source.grid.steps {
            slider.advance(&windows, step, &columns);
            match smoothed_instant(&columns, &slider.window, &mut self.notes) {
                crate::range_functions::Out::None => {}
                crate::range_functions::Out::Float(value) => out.floats[step] = value,
                crate::range_functions::Out::Histogram(histogram) => out.histograms.push((step as u32, histogram)),
            }
        }
        if !self.notes.is_empty() {
            let labels = source.set.labels(index);
            let site = NoteSite {
                range: source.position,
                first_argument: source.position,
                metric_name: labels.metric_name(),
                type_label: None,
            };
            self.notes.report(&site, &mut self.annotations);
            self.notes.clear();
        }
        Ok(())
    }
}

/// Removes staleness markers from both columns.
pub(crate) fn remove_stale_markers(columns: &mut SeriesColumns) {
    let floats = &mut columns.floats;
    if floats.values.iter().any(|value| is_stale_nan(*value)) {
        let keep: Vec<bool> = floats.values.iter().map(|value| !is_stale_nan(*value)).collect();
        retain(&mut floats.timestamps, &keep);
        retain(&mut floats.values, &keep);
        retain(&mut floats.start_timestamps, &keep);
    }
    let histograms = &mut columns.histograms;
    if histograms.values.iter().any(|histogram| is_stale_nan(histogram.sum)) {
        let keep: Vec<bool> = histograms.values.iter().map(|histogram| !is_stale_nan(histogram.sum)).collect();
        retain(&mut histograms.timestamps, &keep);
        retain(&mut histograms.values, &keep);
        retain(&mut histograms.start_timestamps, &keep);
    }
}

/// Finds out counter-reset hints that are unknown, by comparing with the sample
/// before. The first sample keeps what it has.
pub(crate) fn detect_resets(columns: &mut SeriesColumns) {
    let mut before: Option<Arc<FloatHistogram>> = None;
    for histogram in columns.histograms.values.iter_mut().filter(|histogram| !is_stale_nan(histogram.sum)) {
        let original = Arc::clone(histogram);
        if let Some(before) = before.filter(|_| original.counter_reset_hint == CounterResetHint::Unknown) {
            let is_reset = original.detect_reset(&before);
            let hint = if is_reset { CounterResetHint::Reset } else { CounterResetHint::NotReset };
            Arc::make_mut(histogram).counter_reset_hint = hint;
        }
        before = Some(original);
    }
}

fn retain<T>(column: &mut Vec<T>, keep: &[bool]) {
    let mut kept = keep.iter();
    // A column of start timestamps may be empty; then there is nothing to ask.
    column.retain(|_| *kept.next().unwrap_or(&true));
}
