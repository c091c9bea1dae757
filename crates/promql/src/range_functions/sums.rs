//! `sum_over_time` and `avg_over_time`.

use std::sync::Arc;

use narthex_model::histogram::IncompatibleSchemas;

use crate::histogram_functions::{HistogramMean, HistogramSum, SumNotes};
use crate::math::{KahanSum, Mean};

use super::notes::Note;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// Sums beyond this could be inexact even over integers.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The sum or the average of a window.
///
/// Where all floats are integers and their absolute values sum up to less than
/// 2^53, no addition rounds, so that differences of prefix sums are what
/// upstream's compensated loop gives, to the bit. Otherwise every window is summed.
#[derive(Debug)]
pub(super) struct Sums {
    is_avg: bool,
    /// Sum of all floats before each index; empty when not exact.
    prefix: Vec<f64>,
}

impl Sums {
    pub(super) fn sum() -> Sums {
        Sums { is_avg: false, prefix: Vec::new() }
    }

    pub(super) fn avg() -> Sums {
        Sums { is_avg: true, prefix: Vec::new() }
    }

    fn floats(&self, floats: &[f64], window: &Window) -> f64 {
        let range = window.floats.clone();
        if !self.prefix.is_empty() {
            let sum = self.prefix[range.end] - self.prefix[range.start];
            return if self.is_avg { sum / range.len() as f64 } else { sum };
        }
        let values = &floats[range];
        if self.is_avg {
            let mut mean = Mean::new(values[0]);
            values[1..].iter().for_each(|&v| mean.add(v));
            return mean.value();
        }
        let mut sum = KahanSum::default();
        values.iter().for_each(|&v| sum.add(v));
        if sum.sum.is_infinite() { sum.sum } else { sum.value() }
    }

    fn histograms(&self, columns: &RangeColumns<'_>, window: &Window, notes: &mut SeriesNotes) -> Out {
        let histograms = &columns.histograms[window.histograms.clone()];
        let mut seen = SumNotes::default();
        let result = if self.is_avg {
            let mut mean = HistogramMean::new(&histograms[0], &mut seen);
            histograms[1..].iter().try_for_each(|h| mean.add(h, &mut seen)).and_then(|()| mean.finish())
        } else {
            let mut sum = HistogramSum::new(&histograms[0], &mut seen);
            histograms[1..].iter().try_for_each(|h| sum.add(h, &mut seen)).and_then(|()| sum.finish())
        };
        if seen.is_collision() {
            notes.note(Note::CollisionAggregation);
        }
        if seen.bounds_reconciled {
            notes.note(Note::ReconciledAggregation);
        }
        match result {
            Ok(histogram) => Out::Histogram(Arc::new(histogram)),
            Err(IncompatibleSchemas) => {
                notes.note(Note::MixedExponentialCustom);
                Out::None
            }
        }
    }
}

impl RangeFunction for Sums {
    fn begin(&mut self, columns: &RangeColumns<'_>) {
        self.prefix.clear();
        self.prefix.reserve(columns.floats.len() + 1);
        self.prefix.push(0.0);
        let (mut sum, mut magnitude) = (0.0, 0.0);
        for &value in columns.floats {
            magnitude += value.abs();
            if value.trunc() != value || magnitude >= EXACT_MAX {
                self.prefix.clear();
                return;
            }
            sum += value;
            self.prefix.push(sum);
        }
    }

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        _args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        Ok(match (window.floats.is_empty(), window.histograms.is_empty()) {
            (true, true) => Out::None,
            (false, true) => Out::Float(self.floats(columns.floats, window)),
            (true, false) => self.histograms(columns, window, notes),
            (false, false) => {
                notes.note(Note::MixedFloatsHistograms);
                Out::None
            }
        })
    }
}
