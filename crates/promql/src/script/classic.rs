//! From classic histograms to native ones with custom buckets.

use std::collections::BTreeMap;

use narthex_model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};
use narthex_model::{FloatHistogram, Labels, METRIC_NAME};

/// What a series tells about a classic histogram.
pub(super) struct Part {
    /// The labels of the whole: named without suffix, without `le`.
    histogram: Labels,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Bucket { upper: f64 },
    Sum,
    Count,
}

impl Part {
    /// Reads it off the labels of the series; `None` when it is no part of a histogram.
    pub(super) fn of(labels: &Labels) -> Option<Part> {
        let name = labels.metric_name();
        let (base, kind) = if let Some(base) = name.strip_suffix("_bucket") {
            let upper = narthex_model::float::parse_float(labels.get("le")?).ok()?;
            if upper.is_nan() {
                return None;
            }
            (base, Kind::Bucket { upper })
        } else if let Some(base) = name.strip_suffix("_sum") {
            (base, Kind::Sum)
        } else {
            (name.strip_suffix("_count")?, Kind::Count)
        };
        let mut builder = labels.to_builder();
        builder.set(METRIC_NAME, base).remove("le");
        Some(Part { histogram: builder.labels(), kind })
    }
}

/// Classic histograms by labels and time.
#[derive(Default)]
pub(super) struct Histograms {
    collected: BTreeMap<(Labels, i64), Classic>,
}

#[derive(Default)]
struct Classic {
    /// Upper bounds with cumulative counts.
    buckets: Vec<(f64, f64)>,
    sum: f64,
    count: Option<f64>,
}

impl Histograms {
    pub(super) fn add(&mut self, part: &Part, timestamp_ms: i64, value: f64) {
        let classic = self.collected.entry((part.histogram.clone(), timestamp_ms)).or_default();
        match part.kind {
            Kind::Bucket { upper } => classic.buckets.push((upper, value)),
            Kind::Sum => classic.sum = value,
            Kind::Count => classic.count = Some(value),
        }
    }

    /// Hands each converted histogram to `take`.
    pub(super) fn convert(self, mut take: impl FnMut(&Labels, i64, FloatHistogram)) -> Result<(), String> {
        for ((labels, timestamp_ms), classic) in self.collected {
            let histogram = classic.convert().map_err(|why| format!("classic histogram {labels}: {why}"))?;
            take(&labels, timestamp_ms, histogram);
        }
        Ok(())
    }
}

impl Classic {
    fn convert(mut self) -> Result<FloatHistogram, &'static str> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let highest = self.buckets.last().copied();
        let count = self.count.or(highest.map(|(_, count)| count)).unwrap_or(0.0);
        if highest.is_none_or(|(upper, _)| upper != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        if self.buckets.last().is_some_and(|(_, highest)| *highest != count) {
            return Err("the count is not that of the highest bucket");
        }
        let mut histogram = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_spans: vec![Span { offset: 0, length: self.buckets.len() as u32 }],
            ..FloatHistogram::default()
        };
        let mut below = 0.0;
        for (upper, cumulative) in self.buckets {
            if cumulative < below {
                return Err("the buckets are not cumulative");
            }
            histogram.positive_buckets.push(cumulative - below);
            below = cumulative;
            if upper != f64::INFINITY {
                histogram.custom_values.push(upper);
            }
        }
        histogram.compact(0);
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(buckets: &[(f64, f64)], count: Option<f64>) -> Result<FloatHistogram, &'static str> {
        Classic { buckets: buckets.to_vec(), sum: 1.0, count }.convert()
    }

    #[test]
    fn buckets_become_custom_ones() {
        let histogram = convert(&[(5.0, 3.0), (1.0, 2.0), (f64::INFINITY, 7.0)], Some(7.0)).unwrap();
        assert_eq!(histogram.custom_values, [1.0, 5.0]);
        assert_eq!(histogram.positive_buckets, [2.0, 1.0, 4.0]);
        assert_eq!((histogram.count, histogram.sum), (7.0, 1.0));
        assert_eq!(convert(&[(1.0, 2.0)], Some(5.0)).unwrap().positive_buckets, [2.0, 3.0]);
        assert_eq!(convert(&[(1.0, 2.0), (2.0, 2.0)], None).unwrap().positive_buckets, [2.0]);
    }

    #[test]
    fn contradictions_are_errors() {
        assert!(convert(&[(1.0, 3.0), (2.0, 2.0)], None).is_err());
        assert!(convert(&[(f64::INFINITY, 3.0)], Some(4.0)).is_err());
    }

    #[test]
    fn parts_are_told_by_their_names() {
        let labels = |name: &str, le: &str| Labels::from_pairs([("__name__", name), ("a", "b"), ("le", le)]);
        let part = Part::of(&labels("x_bucket", "0.5")).unwrap();
        assert_eq!(part.histogram, Labels::from_pairs([("__name__", "x"), ("a", "b")]));
        assert!(Part::of(&labels("x_bucket", "")).is_none());
        assert!(Part::of(&labels("x_bucket", "NaN")).is_none());
        assert!(Part::of(&labels("x", "")).is_none());
    }
}
