//! `irate` and `idelta`: the change between the last two samples.

use std::sync::Arc;

use narthex_model::FloatHistogram;
use narthex_model::histogram::CounterResetHint;

use super::notes::Note;
use super::rate::is_start_time_reset;
use super::rate_histograms::note_reconciled;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// `irate` and `idelta`.
#[derive(Debug)]
pub(super) struct InstantRate {
    is_rate: bool,
    use_start_timestamps: bool,
}

/// A sample: its time, its start timestamp, its value.
#[derive(Clone, Copy)]
struct Sample<'a> {
    timestamp_ms: i64,
    start_ms: i64,
    value: Value<'a>,
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Float(f64),
    Histogram(&'a FloatHistogram),
}

impl InstantRate {
    pub(super) fn new(is_rate: bool, use_start_timestamps: bool) -> InstantRate {
        InstantRate { is_rate, use_start_timestamps }
    }

    fn is_start_time_reset(&self, previous: &Sample<'_>, current: &Sample<'_>) -> bool {
        self.use_start_timestamps
            && is_start_time_reset(previous.timestamp_ms, previous.start_ms, current.timestamp_ms, current.start_ms)
    }

    fn histograms(
        &self,
        previous: &FloatHistogram,
        current: &FloatHistogram,
        is_start_time_reset: bool,
        seconds: f64,
        notes: &mut SeriesNotes,
    ) -> Out {
        let is_gauge = |h: &FloatHistogram| h.counter_reset_hint == CounterResetHint::Gauge;
        let are_gauges = is_gauge(previous) && is_gauge(current);
        if self.is_rate && (is_gauge(previous) || is_gauge(current)) {
            notes.note(Note::NotCounter);
        }
        if !self.is_rate && !are_gauges {
            notes.note(Note::NotGauge);
        }
        let mut result = current.clone();
        if !self.is_rate || !(is_start_time_reset || current.detect_reset(previous)) {
            match result.sub(previous) {
                Ok(outcome) => note_reconciled(outcome.bounds_reconciled, Note::ReconciledSubtraction, notes),
                Err(_) => {
                    notes.note(Note::MixedExponentialCustom);
                    return Out::None;
                }
            }
        }
        result.counter_reset_hint = CounterResetHint::Gauge;
        result.compact(0);
        if self.is_rate {
            result.div(seconds);
        }
        Out::Histogram(Arc::new(result))
    }
}

/// The last two samples of a window, the older one first.
fn last_two<'a>(columns: &RangeColumns<'a>, window: &Window) -> Option<[Sample<'a>; 2]> {
    let (mut floats, mut histograms) = (window.floats.end, window.histograms.end);
    let mut next = || {
        let has_float = floats > window.floats.start;
        let has_histogram = histograms > window.histograms.start;
        let takes_float = match (has_float, has_histogram) {
            (false, false) => return None,
            (true, true) => columns.float_timestamps[floats - 1] > columns.histogram_timestamps[histograms - 1],
            (has_float, _) => has_float,
        };
        Some(if takes_float {
            floats -= 1;
            Sample {
                timestamp_ms: columns.float_timestamps[floats],
                start_ms: columns.float_start_timestamp(floats),
                value: Value::Float(columns.floats[floats]),
            }
        } else {
            histograms -= 1;
            Sample {
                timestamp_ms: columns.histogram_timestamps[histograms],
                start_ms: columns.histogram_start_timestamp(histograms),
                value: Value::Histogram(&columns.histograms[histograms]),
            }
        })
    };
    let current = next()?;
    let previous = next()?;
    Some([previous, current])
}

impl RangeFunction for InstantRate {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {}

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        _args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        let Some([previous, current]) = last_two(columns, window) else {
            return Ok(Out::None);
        };
        let interval_ms = current.timestamp_ms - previous.timestamp_ms;
        if interval_ms == 0 {
            return Ok(Out::None);
        }
        let seconds = interval_ms as f64 / 1000.0;
        let is_start_time_reset = self.is_start_time_reset(&previous, &current);
        Ok(match (previous.value, current.value) {
            (Value::Float(a), Value::Float(b)) => {
                let is_reset = self.is_rate && (is_start_time_reset || b < a);
                let change = if is_reset { b } else { b - a };
                Out::Float(if self.is_rate { change / seconds } else { change })
            }
            (Value::Histogram(a), Value::Histogram(b)) => self.histograms(a, b, is_start_time_reset, seconds, notes),
            _ => {
                notes.note(Note::MixedFloatsHistograms);
                Out::None
            }
        })
    }
}
