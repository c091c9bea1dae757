//! `stddev_over_time` and `stdvar_over_time`.

use crate::math::KahanSum;

use super::notes::Note;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// The spread of the floats in a window (of the population, not of a sample).
#[derive(Clone, Copy, Debug)]
pub(super) enum Spread {
    Stddev,
    Stdvar,
}

/// The population variance, by Welford's method with compensated sums.
fn variance(values: &[f64]) -> f64 {
    let mut count = 0.0;
    let (mut mean, mut squares) = (KahanSum::default(), KahanSum::default());
    for &value in values {
        count += 1.0;
        let delta = value - mean.value();
        mean.add(delta / count);
        squares.add(delta * (value - mean.value()));
    }
    squares.value() / count
}

impl RangeFunction for Spread {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {}

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
        let variance = variance(&columns.floats[window.floats.clone()]);
        Ok(Out::Float(match self {
            Spread::Stdvar => variance,
            Spread::Stddev => variance.sqrt(),
        }))
    }
}
