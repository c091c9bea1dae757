//! `deriv` and `predict_linear`: the line through the floats of a window.

use crate::math::KahanSum;

use super::notes::Note;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// Simple linear regression by least squares.
#[derive(Clone, Copy, Debug)]
pub(super) enum Regression {
    Deriv,
    /// Its argument is how many seconds after the evaluation time to predict for.
    PredictLinear,
}

/// A line: its slope per second and its value at the time of reference.
struct Line {
    slope: f64,
    intercept: f64,
}

/// The line of least squares, with times in seconds from `reference_ms`.
fn fit(timestamps: &[i64], values: &[f64], reference_ms: i64) -> Line {
    let first = values[0];
    // Summing a constant would only bring rounding errors in.
    if values.iter().all(|&v| v == first) {
        return if first.is_infinite() {
            Line { slope: f64::NAN, intercept: f64::NAN }
        } else {
            Line { slope: 0.0, intercept: first }
        };
    }
    let mut n = 0.0;
    let [mut sum_x, mut sum_y, mut sum_xy, mut sum_xx] = [KahanSum::default(); 4];
    for (&timestamp, &y) in timestamps.iter().zip(values) {
        let x = (timestamp - reference_ms) as f64 / 1000.0;
        n += 1.0;
        sum_x.add(x);
        sum_y.add(y);
        sum_xy.add(x * y);
        sum_xx.add(x * x);
    }
    let (x, y, xy, xx) = (sum_x.value(), sum_y.value(), sum_xy.value(), sum_xx.value());
    let covariance = xy - x * y / n;
    let variance = xx - x * x / n;
    let slope = covariance / variance;
    Line { slope, intercept: y / n - slope * x / n }
}

impl RangeFunction for Regression {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {}

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        let range = window.floats.clone();
        if !range.is_empty() && !window.histograms.is_empty() {
            notes.note(Note::HistogramIgnored);
        }
        if range.len() < 2 {
            return Ok(Out::None);
        }
        let (timestamps, values) = (&columns.float_timestamps[range.clone()], &columns.floats[range]);
        Ok(Out::Float(match self {
            Regression::Deriv => fit(timestamps, values, timestamps[0]).slope,
            Regression::PredictLinear => {
                let line = fit(timestamps, values, window.eval_ms);
                line.slope * args[0] + line.intercept
            }
        }))
    }
}
