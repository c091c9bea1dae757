//! What range functions notice in a series.

use crate::annotations::{Annotation, Annotations, HistogramOperation, Position};

/// Things noticed while a function went over the windows of one series.
///
/// Holds no text: the name of the series is looked up only when
/// [`SeriesNotes::is_empty`] says there is something to report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesNotes {
    bits: u16,
    start_time_overlaps: u64,
    invalid_quantiles: Vec<f64>,
}

/// One thing noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Note {
    MixedFloatsHistograms = 1,
    NotCounter = 1 << 1,
    NotGauge = 1 << 2,
    MixedExponentialCustom = 1 << 3,
    CollisionAggregation = 1 << 4,
    ReconciledAddition = 1 << 5,
    ReconciledSubtraction = 1 << 6,
    ReconciledAggregation = 1 << 7,
    HistogramIgnored = 1 << 8,
    /// `rate` or `increase` gave a float, so the name should be a counter's.
    CounterResult = 1 << 9,
}

/// To whom the notes of a series belong.
#[derive(Clone, Copy, Debug)]
pub struct NoteSite<'a> {
    /// Where the range vector argument begins ([`crate::annotations::position_of`]).
    pub range: Position,
    /// Where the first argument begins: φ for quantile_over_time, else as `range`.
    pub first_argument: Position,
    /// The metric name of the series; `""` when it has none.
    pub metric_name: &'a str,
    /// With the feature type-and-unit-labels, the value of `__type__` (`""` when
    /// absent); then it decides whether the series is a counter.
    pub type_label: Option<&'a str>,
}

impl SeriesNotes {
    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.bits == 0 && self.start_time_overlaps == 0 && self.invalid_quantiles.is_empty()
    }

    /// Forgets everything, for the next series.
    pub fn clear(&mut self) {
        self.bits = 0;
        self.start_time_overlaps = 0;
        self.invalid_quantiles.clear();
    }

    #[inline]
    pub(super) fn note(&mut self, note: Note) {
        self.bits |= note as u16;
    }

    pub(super) fn start_time_overlap(&mut self) {
        self.start_time_overlaps += 1;
    }

    pub(super) fn invalid_quantile(&mut self, q: f64) {
        // φ rarely changes from step to step, so looking at the last one suffices
        // to keep this short.
        if self.invalid_quantiles.last().map(|last| last.to_bits()) != Some(q.to_bits()) {
            self.invalid_quantiles.push(q);
        }
    }

    fn has(&self, note: Note) -> bool {
        self.bits & note as u16 != 0
    }

    /// Adds what was noticed to the annotations of the query.
    pub fn report(&self, site: &NoteSite<'_>, out: &mut Annotations) {
        let name = site.metric_name;
        for &q in &self.invalid_quantiles {
            out.add(&Annotation::InvalidQuantile(q), site.first_argument);
        }
        for (note, annotation) in [
            (Note::MixedFloatsHistograms, Annotation::MixedFloatsHistograms { name }),
            (Note::NotCounter, Annotation::NativeHistogramNotCounter { name }),
            (Note::NotGauge, Annotation::NativeHistogramNotGauge { name }),
            (Note::MixedExponentialCustom, Annotation::MixedExponentialCustom { name }),
            (Note::CollisionAggregation, Annotation::CounterResetCollision(HistogramOperation::Aggregation)),
            (Note::ReconciledAddition, Annotation::CustomBucketsReconciled(HistogramOperation::Addition)),
            (Note::ReconciledSubtraction, Annotation::CustomBucketsReconciled(HistogramOperation::Subtraction)),
            (Note::ReconciledAggregation, Annotation::CustomBucketsReconciled(HistogramOperation::Aggregation)),
            (Note::HistogramIgnored, Annotation::HistogramIgnoredInMixedRange { name }),
        ] {
            if self.has(note) {
                out.add(&annotation, site.first_argument);
            }
        }
        if self.start_time_overlaps > 0 {
            let overlap = Annotation::StartTimeOverlap { name, occurrences: self.start_time_overlaps };
            out.add(&overlap, site.range);
        }
        if self.has(Note::CounterResult) && !name.is_empty() {
            match site.type_label {
                None if !has_counter_suffix(name) => {
                    out.add(&Annotation::PossibleNonCounter { name }, site.range);
                }
                Some(type_label) if !matches!(type_label, "counter" | "histogram") => {
                    out.add(&Annotation::PossibleNonCounterType { name, type_label }, site.range);
                }
                _ => {}
            }
        }
    }
}

/// Whether a metric name ends as those of counters do.
fn has_counter_suffix(name: &str) -> bool {
    ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, type_label: Option<&str>, want: &[&str]) {
        let mut notes = SeriesNotes::default();
        notes.note(Note::CounterResult);
        let mut all = Annotations::default();
        let site = NoteSite { range: 5, first_argument: 5, metric_name: name, type_label };
        notes.report(&site, &mut all);
        assert_eq!(all.render("rate(m[5m])", 0).infos, want);
    }

    #[test]
    fn names_or_types_tell_counters() {
        check("a_total", None, &[]);
        check("", None, &[]);
        check("a", Some("counter"), &[]);
        check(
            "a",
            None,
            &[
                "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"a\" (1:6)",
            ],
        );
        check(
            "a_total",
            Some(""),
            &[
                "PromQL info: metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got \"\": \"a_total\" (1:6)",
            ],
        );
    }
}
