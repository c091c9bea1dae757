//! The histogram side of `rate`, `increase` and `delta`.

use std::sync::Arc;

use narthex_model::FloatHistogram;
use narthex_model::histogram::CounterResetHint;

use super::notes::Note;
use super::rate::{Positions, RateKind, Sampled, extrapolation_factor, is_start_time_overlap, is_start_time_reset};
use super::{Out, RangeColumns, SeriesNotes, Window};

/// What one series' histograms need: positions that windows ask for.
#[derive(Debug)]
pub(super) struct HistogramRate {
    kind: RateKind,
    use_start_timestamps: bool,
    /// Histograms that reset against the one before, by content or start timestamp.
    resets: Positions,
    /// Histograms whose start timestamp overlaps the one before.
    overlaps: Positions,
    /// Histograms marked as gauges.
    gauges: Positions,
    /// Histograms of another kind (custom or exponential buckets) than the one before.
    kind_switches: Positions,
}

impl HistogramRate {
    pub(super) fn new(kind: RateKind, use_start_timestamps: bool) -> HistogramRate {
        HistogramRate {
            kind,
            use_start_timestamps,
            resets: Positions::default(),
            overlaps: Positions::default(),
            gauges: Positions::default(),
            kind_switches: Positions::default(),
        }
    }

    pub(super) fn begin(&mut self, columns: &RangeColumns<'_>) {
        self.resets.clear();
        self.overlaps.clear();
        self.gauges.clear();
        self.kind_switches.clear();
        let histograms = columns.histograms;
        for (i, current) in histograms.iter().enumerate() {
            if current.counter_reset_hint == CounterResetHint::Gauge {
                self.gauges.push(i);
            }
            let Some(previous) = i.checked_sub(1).map(|p| &histograms[p]) else {
                continue;
            };
            if current.uses_custom_buckets() != previous.uses_custom_buckets() {
                self.kind_switches.push(i);
            }
            if !self.kind.is_counter() {
                continue;
            }
            let mut is_reset = current.detect_reset(previous);
            if self.use_start_timestamps {
                let times = columns.histogram_timestamps;
                let (previous_start, start) =
                    (columns.histogram_start_timestamp(i - 1), columns.histogram_start_timestamp(i));
                is_reset |= is_start_time_reset(times[i - 1], previous_start, times[i], start);
                if is_start_time_overlap(times[i - 1], previous_start, start) {
                    self.overlaps.push(i);
                }
            }
            if is_reset {
                self.resets.push(i);
            }
        }
    }

    pub(super) fn at(&mut self, columns: &RangeColumns<'_>, window: &Window, notes: &mut SeriesNotes) -> Out {
        let (first, end) = (window.histograms.start, window.histograms.end);
        let last = end - 1;
        let sampled = Sampled {
            first_ms: columns.histogram_timestamps[first],
            last_ms: columns.histogram_timestamps[last],
            samples: end - first,
            first_start_ms: if self.use_start_timestamps { columns.histogram_start_timestamp(first) } else { 0 },
        };
        let starts_inside = sampled.starts_inside(window);
        if sampled.samples < 2 && !starts_inside {
            return Out::None;
        }
        if self.overlaps.between(first, end).next().is_some() {
            notes.start_time_overlap();
        }
        let Some(mut result) = self.change(columns.histograms, first, last, notes) else {
            return Out::None;
        };
        let first_histogram = &columns.histograms[first];
        let mut zero_ratio = None;
        if starts_inside {
            match result.add(first_histogram) {
                Ok(outcome) => note_reconciled(outcome.bounds_reconciled, Note::ReconciledAddition, notes),
                Err(_) => {
                    notes.note(Note::MixedExponentialCustom);
                    return Out::None;
                }
            }
            result.compact(0);
        } else if self.kind.is_counter() && result.count > 0.0 && first_histogram.count >= 0.0 {
            zero_ratio = Some(first_histogram.count / result.count);
        }
        result.mul(extrapolation_factor(self.kind, &sampled, starts_inside, zero_ratio, window));
        result.counter_reset_hint = CounterResetHint::Gauge;
        Out::Histogram(Arc::new(result))
    }

    /// The last histogram less the first, and what resets hide added again.
    fn change(
        &mut self,
        histograms: &[Arc<FloatHistogram>],
        first: usize,
        last: usize,
        notes: &mut SeriesNotes,
    ) -> Option<FloatHistogram> {
        let is_counter = self.kind.is_counter();
        let is_gauge = |i: usize| histograms[i].counter_reset_hint == CounterResetHint::Gauge;
        if is_counter && (is_gauge(first) || self.gauges.between(first, last + 1).next().is_some()) {
            notes.note(Note::NotCounter);
        }
        let are_gauges = is_gauge(first) && is_gauge(last);
        if !is_counter && !are_gauges {
            notes.note(Note::NotGauge);
        }
        // A reset right after the first sample makes its layout irrelevant: it
        // counts as an empty histogram of the second's.
        let ignores_first = is_counter && first < last && self.resets.between(first, first + 2).next().is_some();
        let emptied = FloatHistogram {
            schema: histograms[(first + 1).min(last)].schema,
            custom_values: histograms[(first + 1).min(last)].custom_values.clone(),
            ..FloatHistogram::default()
        };
        let start = if ignores_first { &emptied } else { &*histograms[first] };

        // Counters may not switch between the kinds of buckets at all.
        let switches = if is_counter {
            let after = if ignores_first { first + 1 } else { first };
            self.kind_switches.between(after, last + 1).next().is_some()
        } else {
            start.uses_custom_buckets() != histograms[last].uses_custom_buckets()
        };
        if switches {
            notes.note(Note::MixedExponentialCustom);
            return None;
        }
        let mut schema = start.schema.min(histograms[last].schema);
        if is_counter {
            schema = histograms[first + 1..last.max(first + 1)].iter().fold(schema, |s, h| s.min(h.schema));
        }
        let mut result = histograms[last].copy_to_schema(schema);
        let mut note_outcome = |outcome: Result<narthex_model::histogram::Combined, _>, note| match outcome {
            Ok(outcome) => note_reconciled(outcome.bounds_reconciled, note, notes),
            Err(narthex_model::histogram::IncompatibleSchemas) => notes.note(Note::MixedExponentialCustom),
        };
        note_outcome(result.sub(start), Note::ReconciledSubtraction);
        if is_counter {
            for reset in self.resets.between(first, last + 1) {
                let previous = if ignores_first && reset == first + 1 { &emptied } else { &*histograms[reset - 1] };
                note_outcome(result.add(previous), Note::ReconciledAddition);
            }
        }
        result.counter_reset_hint = CounterResetHint::Gauge;
        result.compact(0);
        Some(result)
    }
}

pub(super) fn note_reconciled(reconciled: bool, note: Note, notes: &mut SeriesNotes) {
    if reconciled {
        notes.note(note);
    }
}
