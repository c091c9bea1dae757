//! `double_exponential_smoothing`, formerly `holt_winters`.

use super::notes::Note;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// Smooths value and trend; its arguments are the two factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct DoubleExponentialSmoothing;

fn is_factor(factor: f64) -> bool {
    // A NaN passes, as it does upstream.
    !(factor <= 0.0 || factor >= 1.0)
}

impl RangeFunction for DoubleExponentialSmoothing {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {}

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        let (value_factor, trend_factor) = (args[0], args[1]);
        if !is_factor(value_factor) {
            return Err(RangeFunctionError::SmoothingFactor(value_factor));
        }
        if !is_factor(trend_factor) {
            return Err(RangeFunctionError::TrendFactor(trend_factor));
        }
        let values = &columns.floats[window.floats.clone()];
        let [first, second, ..] = *values else {
            if values.len() == 1 && !window.histograms.is_empty() {
                notes.note(Note::HistogramIgnored);
            }
            return Ok(Out::None);
        };
        if !window.histograms.is_empty() {
            notes.note(Note::HistogramIgnored);
        }
        let (mut before, mut smoothed, mut trend) = (0.0, first, second - first);
        for (i, &value) in values.iter().enumerate().skip(1) {
            if i > 1 {
                trend = trend_factor * (smoothed - before) + (1.0 - trend_factor) * trend;
            }
            before = smoothed;
            smoothed = value_factor * value + (1.0 - value_factor) * (smoothed + trend);
        }
        Ok(Out::Float(smoothed))
    }
}
