//! `quantile_over_time` and `mad_over_time`.

use std::ops::Range;

use crate::math::{nan_first, quantile};

use super::notes::Note;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// The floats of a window in ascending order, NaN first, kept while it slides.
#[derive(Debug, Default)]
struct SortedWindow {
    sorted: Vec<f64>,
    /// Which floats of the series are in `sorted`.
    range: Range<usize>,
}

impl SortedWindow {
    fn clear(&mut self) {
        self.sorted.clear();
        self.range = 0..0;
    }

    /// Moves on to the floats at `range`.
    fn slide(&mut self, floats: &[f64], range: Range<usize>) -> &[f64] {
        let moved = (range.start - self.range.start.min(range.start)) + (range.end - self.range.end.min(range.end));
        // Moving a sample in or out shifts half of the window; when many move,
        // sorting anew is cheaper.
        if range.start < self.range.start || range.start >= self.range.end || moved > 2 + range.len() / 4 {
            self.sorted.clear();
            self.sorted.extend_from_slice(&floats[range.clone()]);
            self.sorted.sort_unstable_by(nan_first);
        } else {
            for value in &floats[self.range.start..range.start] {
                let at = self.sorted.partition_point(|v| nan_first(v, value).is_lt());
                self.sorted.remove(at);
            }
            for value in &floats[self.range.end..range.end] {
                let at = self.sorted.partition_point(|v| nan_first(v, value).is_lt());
                self.sorted.insert(at, *value);
            }
        }
        self.range = range;
        &self.sorted
    }
}

/// `quantile_over_time`; its argument is φ.
#[derive(Debug, Default)]
pub(super) struct QuantileOverTime {
    window: SortedWindow,
}

impl RangeFunction for QuantileOverTime {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {
        self.window.clear();
    }

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        if window.floats.is_empty() {
            return Ok(Out::None);
        }
        let q = args[0];
        if !(0.0..=1.0).contains(&q) {
            notes.invalid_quantile(q);
        }
        if !window.histograms.is_empty() {
            notes.note(Note::HistogramIgnored);
        }
        Ok(Out::Float(quantile(q, self.window.slide(columns.floats, window.floats.clone()))))
    }
}

/// `mad_over_time`: the median of the distances to the median.
#[derive(Debug, Default)]
pub(super) struct MadOverTime {
    window: SortedWindow,
    distances: Vec<f64>,
}

impl RangeFunction for MadOverTime {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {
        self.window.clear();
    }

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        _args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        if window.floats.is_empty() {
            return Ok(Out::None);
        }
        if !window.histograms.is_empty() {
            notes.note(Note::HistogramIgnored);
        }
        let sorted = self.window.slide(columns.floats, window.floats.clone());
        // NaN comes first, so that looking there finds any.
        if sorted[0].is_nan() {
            return Ok(Out::Float(f64::NAN));
        }
        let median = quantile(0.5, sorted);
        self.distances.clear();
        self.distances.extend(sorted.iter().map(|v| (v - median).abs()));
        self.distances.sort_unstable_by(nan_first);
        Ok(Out::Float(quantile(0.5, &self.distances)))
    }
}
