//! Ranges with `anchored` or `smoothed`: values at the borders of a range are taken
//! from samples outside of it instead of being extrapolated.
//!
//! Windows of these functions begin one lookback before the range; with `smoothed`
//! they also end one lookback after it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use narthex_model::FloatHistogram;
use narthex_model::histogram::{Combined, CounterResetHint, IncompatibleSchemas};

use super::notes::Note;
use super::rate::RateKind;
use super::rate_histograms::note_reconciled;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// `rate`, `increase`, `delta` over such a range.
#[derive(Debug)]
pub(super) struct ExtendedRate {
    kind: RateKind,
    is_smoothed: bool,
}

/// The samples that speak for the borders of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Borders {
    /// The last sample at or before the range's start; the first one if there is none.
    first: usize,
    /// The last sample; with `smoothed` the first at or after the range's end.
    last: usize,
}

/// Finds the samples at the borders among those of a window.
fn borders(timestamps: &[i64], range: &Range<usize>, window: &Window, is_smoothed: bool) -> Option<Borders> {
    let inside = &timestamps[range.clone()];
    if inside.is_empty() {
        return None;
    }
    let first = range.start + inside.partition_point(|&t| t <= window.range_start_ms).saturating_sub(1);
    let mut last = range.end - 1;
    if is_smoothed {
        last = last.min(range.start + inside.partition_point(|&t| t < window.range_end_ms));
    }
    let is_outside =
        timestamps[last] <= window.range_start_ms || (is_smoothed && timestamps[first] > window.range_end_ms);
    (!is_outside).then_some(Borders { first, last })
}

/// How far `at_ms` lies between two times, from 0 to 1.
fn fraction(from_ms: i64, to_ms: i64, at_ms: i64) -> f64 {
    (at_ms - from_ms) as f64 / (to_ms - from_ms) as f64
}

/// The value at a time between two samples. A counter that decreased is taken to
/// have started again from 0 at the earlier one.
fn interpolate(columns: &RangeColumns<'_>, left: usize, at_ms: i64, is_counter: bool) -> f64 {
    let (t1, t2) = (columns.float_timestamps[left], columns.float_timestamps[left + 1]);
    let (mut y1, y2) = (columns.floats[left], columns.floats[left + 1]);
    if is_counter && y2 < y1 {
        y1 = 0.0;
    }
    y1 + (y2 - y1) * (at_ms - t1) as f64 / (t2 - t1) as f64
}

/// The values at both borders of a range.
fn border_values(
    columns: &RangeColumns<'_>,
    borders: Borders,
    window: &Window,
    is_smoothed: bool,
    is_counter: bool,
) -> (f64, f64) {
    let times = columns.float_timestamps;
    let left = if is_smoothed && times[borders.first] < window.range_start_ms {
        interpolate(columns, borders.first, window.range_start_ms, is_counter)
    } else {
        columns.floats[borders.first]
    };
    let right = if is_smoothed && times[borders.last] > window.range_end_ms && borders.last > borders.first {
        interpolate(columns, borders.last - 1, window.range_end_ms, is_counter)
    } else {
        columns.floats[borders.last]
    };
    (left, right)
}

impl ExtendedRate {
    pub(super) fn new(kind: RateKind, is_smoothed: bool) -> ExtendedRate {
        ExtendedRate { kind, is_smoothed }
    }

    fn floats(&self, columns: &RangeColumns<'_>, window: &Window, notes: &mut SeriesNotes) -> Out {
        let Some(borders) = borders(columns.float_timestamps, &window.floats, window, self.is_smoothed) else {
            return Out::None;
        };
        let (left, right) = border_values(columns, borders, window, self.is_smoothed, self.kind.is_counter());
        let mut result = right - left;
        if self.kind.is_counter() {
            notes.note(Note::CounterResult);
            let mut previous = left;
            let inside = (borders.first + 1..borders.last.max(borders.first + 1)).map(|i| columns.floats[i]);
            for value in inside.chain([right]) {
                if value < previous {
                    result += previous;
                }
                previous = value;
            }
        }
        if self.kind.is_rate() {
            result /= window.range_seconds();
        }
        Out::Float(result)
    }

    fn histograms(&self, columns: &RangeColumns<'_>, window: &Window, notes: &mut SeriesNotes) -> Out {
        let Some(borders) = borders(columns.histogram_timestamps, &window.histograms, window, self.is_smoothed) else {
            return Out::None;
        };
        match self.histogram_change(columns, borders, window, notes) {
            Ok(mut result) => {
                result.counter_reset_hint = CounterResetHint::Gauge;
                result.compact(0);
                if self.kind.is_rate() {
                    result.div(window.range_seconds());
                }
                Out::Histogram(Arc::new(result))
            }
            Err(IncompatibleSchemas) => {
                notes.note(Note::MixedExponentialCustom);
                Out::None
            }
        }
    }

    fn histogram_change(
        &self,
        columns: &RangeColumns<'_>,
        Borders { first, last }: Borders,
        window: &Window,
        notes: &mut SeriesNotes,
    ) -> Result<FloatHistogram, IncompatibleSchemas> {
        let (times, histograms) = (columns.histogram_timestamps, columns.histograms);
        let covered = &histograms[first..=last];
        let is_gauge = |h: &FloatHistogram| h.counter_reset_hint == CounterResetHint::Gauge;
        let are_gauges = is_gauge(&histograms[first]) && is_gauge(&histograms[last]);
        if covered.iter().any(|h| h.uses_custom_buckets() != covered[0].uses_custom_buckets()) {
            return Err(IncompatibleSchemas);
        }
        let is_counter = self.kind.is_counter();
        if is_counter && covered.iter().any(|h| is_gauge(h)) {
            notes.note(Note::NotCounter);
        }
        if !is_counter && !are_gauges {
            notes.note(Note::NotGauge);
        }

        let mut left = Cow::Borrowed(&*histograms[first]);
        let mut is_left_reset = false;
        if self.is_smoothed && times[first] < window.range_start_ms {
            let part = fraction(times[first], times[first + 1], window.range_start_ms);
            is_left_reset = is_counter && histograms[first + 1].detect_reset(&histograms[first]);
            left = Cow::Owned(interpolate_histograms(
                &histograms[first],
                &histograms[first + 1],
                part,
                is_left_reset,
                notes,
            )?);
        }
        let mut right = Cow::Borrowed(&*histograms[last]);
        if self.is_smoothed && times[last] > window.range_end_ms && last > first {
            let part = fraction(times[last - 1], times[last], window.range_end_ms);
            let is_reset = is_counter && histograms[last].detect_reset(&histograms[last - 1]);
            right =
                Cow::Owned(interpolate_histograms(&histograms[last - 1], &histograms[last], part, is_reset, notes)?);
        }

        let mut result = right.clone().into_owned();
        note_subtraction(result.sub(&left)?, notes);
        if is_counter {
            let mut previous: &FloatHistogram = &left;
            let inside = histograms[first + 1..last.max(first + 1)].iter().map(|h| &**h);
            for (i, current) in inside.chain([&*right]).enumerate() {
                // A reset that the left interpolation has crossed already is done with.
                let is_done = i == 0 && is_left_reset;
                if !is_done && current.detect_reset(previous) {
                    note_addition(result.add(previous)?, notes);
                }
                previous = current;
            }
        }
        Ok(result)
    }
}

fn note_subtraction(outcome: Combined, notes: &mut SeriesNotes) {
    note_reconciled(outcome.bounds_reconciled, Note::ReconciledSubtraction, notes);
}

fn note_addition(outcome: Combined, notes: &mut SeriesNotes) {
    note_reconciled(outcome.bounds_reconciled, Note::ReconciledAddition, notes);
}

/// The histogram a `part` of the way from `earlier` to `later`; after a reset, of
/// the way from an empty one.
fn interpolate_histograms(
    earlier: &FloatHistogram,
    later: &FloatHistogram,
    part: f64,
    is_reset: bool,
    notes: &mut SeriesNotes,
) -> Result<FloatHistogram, IncompatibleSchemas> {
    // A change of the kind of buckets looks like a reset, but is none.
    if earlier.uses_custom_buckets() != later.uses_custom_buckets() {
        return Err(IncompatibleSchemas);
    }
    let mut result = later.clone();
    if is_reset {
        result.mul(part);
        return Ok(result);
    }
    note_subtraction(result.sub(earlier)?, notes);
    result.mul(part);
    note_addition(result.add(earlier)?, notes);
    Ok(result)
}

impl RangeFunction for ExtendedRate {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {}

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        _args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        Ok(match (window.floats.is_empty(), window.histograms.is_empty()) {
            (true, true) => Out::None,
            (false, true) => self.floats(columns, window, notes),
            (true, false) => self.histograms(columns, window, notes),
            (false, false) => {
                notes.note(Note::MixedFloatsHistograms);
                Out::None
            }
        })
    }
}

/// The floats of `x[d] anchored` or `x[d] smoothed` as a query shows them: a point
/// at either end of the range around those inside. Appends to `out`; a series
/// without any sample for the range gives nothing.
///
/// # Errors
/// When the window holds histograms, which upstream does not show.
pub fn extended_range_points(
    columns: &RangeColumns<'_>,
    window: &Window,
    is_smoothed: bool,
    out: &mut Vec<(i64, f64)>,
) -> Result<(), RangeFunctionError> {
    if !window.histograms.is_empty() {
        return Err(if is_smoothed {
            RangeFunctionError::SmoothedHistograms
        } else {
            RangeFunctionError::AnchoredHistograms
        });
    }
    let times = columns.float_timestamps;
    let Some(borders) = borders(times, &window.floats, window, is_smoothed) else {
        return Ok(());
    };
    let (left, right) = border_values(columns, borders, window, is_smoothed, false);
    out.push((window.range_start_ms, left));
    let inside = (borders.first..=borders.last)
        .filter(|&i| times[i] > window.range_start_ms && times[i] < window.range_end_ms)
        .map(|i| (times[i], columns.floats[i]));
    out.extend(inside);
    out.push((window.range_end_ms, right));
    Ok(())
}

/// `x smoothed`: the value of the series at `window.range_end_ms`, between the samples
/// around it. The window covers one lookback before and one after that time.
pub fn smoothed_instant(columns: &RangeColumns<'_>, window: &Window, notes: &mut SeriesNotes) -> Out {
    let at_ms = window.range_end_ms;
    // The last sample at or before the time, and how many samples there are.
    let split = |times: &[i64], range: &Range<usize>| {
        let earlier = times[range.clone()].partition_point(|&t| t <= at_ms);
        (earlier > 0).then(|| (range.start + earlier - 1, range.start + earlier < range.end))
    };
    match (window.floats.is_empty(), window.histograms.is_empty()) {
        (true, true) => Out::None,
        (false, false) => {
            notes.note(Note::MixedFloatsHistograms);
            Out::None
        }
        (false, true) => match split(columns.float_timestamps, &window.floats) {
            Some((i, true)) if columns.float_timestamps[i] < at_ms => Out::Float(interpolate(columns, i, at_ms, false)),
            Some((i, _)) => Out::Float(columns.floats[i]),
            None => Out::None,
        },
        (true, false) => {
            let (times, histograms) = (columns.histogram_timestamps, columns.histograms);
            match split(times, &window.histograms) {
                Some((i, true)) if times[i] < at_ms => {
                    let (earlier, later) = (&histograms[i], &histograms[i + 1]);
                    let is_gauge = |h: &FloatHistogram| h.counter_reset_hint == CounterResetHint::Gauge;
                    if earlier.uses_custom_buckets() != later.uses_custom_buckets() {
                        notes.note(Note::MixedExponentialCustom);
                        return Out::None;
                    }
                    let is_reset = !(is_gauge(earlier) && is_gauge(later)) && later.detect_reset(earlier);
                    let part = fraction(times[i], times[i + 1], at_ms);
                    match interpolate_histograms(earlier, later, part, is_reset, notes) {
                        Ok(result) => Out::Histogram(Arc::new(result)),
                        Err(IncompatibleSchemas) => {
                            notes.note(Note::MixedExponentialCustom);
                            Out::None
                        }
                    }
                }
                Some((i, _)) if times[i] == at_ms => Out::Histogram(Arc::clone(&histograms[i])),
                Some((i, _)) => {
                    // How it relates to the one before says nothing at this time.
                    let mut last = FloatHistogram::clone(&histograms[i]);
                    last.counter_reset_hint = CounterResetHint::Unknown;
                    Out::Histogram(Arc::new(last))
                }
                None => Out::None,
            }
        }
    }
}
