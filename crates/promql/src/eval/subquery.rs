//! Sub-queries, and range vectors as the result of a query.

use std::sync::Arc;

use narthex_promql_syntax::ast::RangeMode;
use narthex_storage::SeriesColumns;

use super::limits::{PerStep, Tally};
use super::range::{Slider, Windows, row_to_columns};
use super::selector::remove_stale_markers;
use super::vector::{Vector, histogram_size};
use super::{Evaluated, Evaluator};
use crate::api::{MatrixSeries, QueryError};
use crate::plan::{Grid, Matrix, Subquery};
use crate::range_functions::{RangeColumns, extended_range_points};

impl Evaluator<'_> {
    /// The result of a sub-query's content, with the times of its steps.
    ///
    /// What the content reads is counted for the outer steps: as read, at the first
    /// step that may see it.
    pub(super) fn subquery(&mut self, subquery: &Subquery, grid: &Grid) -> Result<(Vector, Grid, Tally), QueryError> {
        let inner = subquery.inner_grid(grid);
        let outer = std::mem::replace(&mut self.tally, Tally::new(inner.steps, true));
        let result = self.vector(&subquery.expr, &inner);
        let tally = std::mem::replace(&mut self.tally, outer);
        let vector = result?;
        let offset_ms = subquery.effective_offset_ms(grid);
        if let Some(PerStep { read, .. }) = &tally.per_step {
            for (step, read) in read.iter().enumerate().filter(|(_, read)| **read != 0) {
                let seen_ms = inner.time_ms(step).saturating_add(offset_ms);
                let Some(first) = first_step_at(grid, seen_ms) else { continue };
                // The window of that step may begin later already.
                if grid.time_ms(first).saturating_sub(subquery.range_ms) < seen_ms {
                    self.tally.view(first, 0, *read);
                }
            }
        }
        Ok((vector, inner, tally))
    }

    /// A sub-query as a whole query.
    pub(super) fn subquery_result(&mut self, subquery: &Subquery, grid: &Grid) -> Result<Evaluated, QueryError> {
        let (mut vector, inner, tally) = self.subquery(subquery, grid)?;
        vector.finish_names()?;
        self.tally.total += tally.total;
        if let Some(per_step) = &mut self.tally.per_step {
            per_step.total[0] += tally.total;
        }
        let mut series = Vec::with_capacity(vector.len());
        for row in 0..vector.len() {
            let mut columns = SeriesColumns::default();
            row_to_columns(&vector, row, &inner, &mut columns);
            series.push(MatrixSeries {
                labels: vector.rows[row].labels.clone(),
                float_timestamps: columns.floats.timestamps,
                float_values: columns.floats.values,
                histograms: columns.histograms.timestamps.into_iter().zip(columns.histograms.values).collect(),
            });
        }
        Ok(Evaluated::Matrix(series))
    }

    /// A range selector as a whole query: the samples with their own times.
    pub(super) fn matrix_result(&mut self, matrix: &Matrix, grid: &Grid) -> Result<Evaluated, QueryError> {
        let selector = &matrix.selector;
        let set = Arc::clone(&self.sets[selector.selection]);
        let windows = Windows {
            grid: grid.first(),
            range_ms: matrix.range_ms,
            offset_ms: selector.effective_offset_ms(grid),
            fixed: false,
            mode: selector.mode,
            lookback_ms: self.settings.lookback_delta_ms,
        };
        let mut all = Vec::new();
        let mut columns = SeriesColumns::default();
        for index in 0..set.len() {
            self.limits.check_reading()?;
            columns.clear();
            set.read(index, &mut columns)?;
            remove_stale_markers(&mut columns);
            let view = RangeColumns::from(&columns);
            let mut slider = Slider::new(&view, selector.mode == RangeMode::Plain);
            slider.advance(&windows, 0, &view);
            let window = &slider.window;
            if window.is_empty() {
                continue;
            }
            let mut series = MatrixSeries { labels: set.labels(index), ..MatrixSeries::default() };
            if selector.mode == RangeMode::Plain {
                series.float_timestamps = view.float_timestamps[window.floats.clone()].to_vec();
                series.float_values = view.floats[window.floats.clone()].to_vec();
                let times = view.histogram_timestamps[window.histograms.clone()].iter().copied();
                let histograms = view.histograms[window.histograms.clone()].iter().cloned();
                series.histograms = times.zip(histograms).collect();
            } else {
                let mut points = Vec::new();
                extended_range_points(&view, window, selector.mode == RangeMode::Smoothed, &mut points)
                    .map_err(|error| QueryError::Execution(error.to_string()))?;
                (series.float_timestamps, series.float_values) = points.into_iter().unzip();
            }
            let points = series.float_values.len() as i64
                + series.histograms.iter().map(|(_, histogram)| histogram_size(histogram)).sum::<i64>();
            self.limits.hold(points)?;
            self.tally.view(0, points, points);
            if !series.is_empty() {
                all.push(series);
            }
        }
        self.note_peak();
        Ok(Evaluated::Matrix(all))
    }
}

/// The first step not before `time_ms`.
fn first_step_at(grid: &Grid, time_ms: i64) -> Option<usize> {
    if time_ms <= grid.start_ms {
        return (grid.steps > 0).then_some(0);
    }
    let distance_ms = time_ms.saturating_sub(grid.start_ms);
    let step = (distance_ms / grid.step_ms + i64::from(distance_ms % grid.step_ms != 0)) as usize;
    (step < grid.steps).then_some(step)
}
