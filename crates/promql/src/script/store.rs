//! The data set of a script.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use narthex_model::histogram::CounterResetHint;
use narthex_model::value::{STALE_NAN, is_stale_nan};
use narthex_model::{FloatHistogram, Labels, Matcher};
use narthex_storage::{Appender, GroupKey, Querier, SelectHints, SeriesColumns, SeriesSet, Storage, StorageError};

/// Series in memory, for scripts and tests. Samples may be added in any order;
/// of two with one timestamp the later addition counts.
///
/// Histograms come back with the counter-reset hints that upstream's storage
/// gives: unknown at the start of a run, not-reset in it, gauge throughout. A run
/// ends where a real store would begin a new chunk: at a reset, a float, a stale
/// marker, or another layout.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    series: BTreeMap<Labels, Arc<Series>>,
}

/// A sample, and when its counter started (0: unknown).
#[derive(Clone, Debug)]
struct Stored {
    sample: Sample,
    start_ms: i64,
}

/// A value that can be added to a [`MemoryStorage`].
#[derive(Clone, Debug)]
pub enum Sample {
    /// A float, the staleness marker included.
    Float(f64),
    /// A native histogram.
    Histogram(FloatHistogram),
}

#[derive(Clone, Debug, Default)]
struct Series {
    labels: Labels,
    samples: BTreeMap<i64, Stored>,
}

impl MemoryStorage {
    /// An empty one.
    pub fn new() -> MemoryStorage {
        MemoryStorage::default()
    }

    /// Adds a sample. `start_ms` is when its counter started, 0 when unknown.
    pub fn add(&mut self, labels: &Labels, timestamp_ms: i64, start_ms: i64, sample: Sample) {
        let series = self.series.entry(labels.clone()).or_default();
        let series = Arc::make_mut(series);
        series.labels = labels.clone();
        series.samples.insert(timestamp_ms, Stored { sample, start_ms });
    }

    fn matching(&self, matchers: &[Matcher]) -> Vec<Arc<Series>> {
        let fits = |labels: &Labels| matchers.iter().all(|m| m.matches(labels.value(m.name())));
        self.series.iter().filter(|(labels, _)| fits(labels)).map(|(_, series)| series.clone()).collect()
    }
}

impl Storage for MemoryStorage {
    /// There is none: use [`MemoryStorage::add`].
    fn appender(&self, _group: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        Err(StorageError::Limit("the data set of a script is read-only".to_owned()))
    }

    fn querier(&self, min_ms: i64, max_ms: i64) -> Result<Arc<dyn Querier>, StorageError> {
        // A copy of references: what is added later is not seen.
        Ok(Arc::new(MemoryQuerier { storage: self.clone(), min_ms, max_ms }))
    }
}

struct MemoryQuerier {
    storage: MemoryStorage,
    min_ms: i64,
    max_ms: i64,
}

impl Querier for MemoryQuerier {
    fn select(&self, hints: &SelectHints, matchers: &[Matcher]) -> Result<Arc<dyn SeriesSet>, StorageError> {
        let mut series = self.storage.matching(matchers);
        if hints.limit > 0 {
            series.truncate(hints.limit);
        }
        let (min_ms, max_ms) = (self.min_ms.max(hints.start_ms), self.max_ms.min(hints.end_ms));
        Ok(Arc::new(MemorySeriesSet { series, min_ms, max_ms }))
    }

    fn label_names(&self, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        let series = self.storage.matching(matchers);
        let names = series.iter().flat_map(|series| series.labels.iter().map(|(name, _)| name));
        Ok(sorted(names, limit))
    }

    fn label_values(&self, name: &str, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        let series = self.storage.matching(matchers);
        let values = series.iter().filter_map(|series| series.labels.get(name));
        Ok(sorted(values, limit))
    }
}

fn sorted<'a>(texts: impl Iterator<Item = &'a str>, limit: usize) -> Vec<String> {
    let texts: BTreeSet<&str> = texts.collect();
    let count = if limit == 0 { texts.len() } else { limit };
    texts.into_iter().take(count).map(str::to_owned).collect()
}

struct MemorySeriesSet {
    series: Vec<Arc<Series>>,
    min_ms: i64,
    max_ms: i64,
}

impl SeriesSet for MemorySeriesSet {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, index: usize) -> Labels {
        self.series[index].labels.clone()
    }

    fn read(&self, index: usize, out: &mut SeriesColumns) -> Result<(), StorageError> {
        let samples = &self.series[index].samples;
        // Hints depend on all that came before, wherever reading begins.
        let mut run: Option<FloatHistogram> = None;
        for (&timestamp_ms, stored) in samples.range(..=self.max_ms) {
            let wanted = timestamp_ms >= self.min_ms;
            let histogram = match &stored.sample {
                Sample::Float(value) => match &run {
                    // A store marks the end of a histogram series by a histogram.
                    Some(_) if is_stale_nan(*value) => FloatHistogram { sum: STALE_NAN, ..Default::default() },
                    _ => {
                        run = None;
                        if wanted {
                            out.floats.timestamps.push(timestamp_ms);
                            out.floats.values.push(*value);
                            out.floats.start_timestamps.push(stored.start_ms);
                        }
                        continue;
                    }
                },
                Sample::Histogram(histogram) => histogram.clone(),
            };
            let histogram = with_stored_hint(histogram, run.as_ref());
            if wanted {
                out.histograms.timestamps.push(timestamp_ms);
                out.histograms.values.push(Arc::new(histogram.clone()));
                out.histograms.start_timestamps.push(stored.start_ms);
            }
            run = Some(histogram);
        }
        Ok(())
    }
}

/// The histogram with the hint that storage gives it after `previous`.
fn with_stored_hint(mut histogram: FloatHistogram, previous: Option<&FloatHistogram>) -> FloatHistogram {
    if histogram.counter_reset_hint == CounterResetHint::Gauge {
        return histogram;
    }
    let explicit_reset = histogram.counter_reset_hint == CounterResetHint::Reset;
    histogram.counter_reset_hint = CounterResetHint::Unknown;
    let continues = previous.is_some_and(|previous| {
        is_stale_nan(histogram.sum)
            || (!explicit_reset
                && !is_stale_nan(previous.sum)
                && previous.counter_reset_hint != CounterResetHint::Gauge
                && previous.schema == histogram.schema
                && previous.zero_threshold == histogram.zero_threshold
                && previous.custom_values == histogram.custom_values
                && !histogram.detect_reset(previous))
    });
    if continues {
        histogram.counter_reset_hint = CounterResetHint::NotReset;
    }
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(count: f64, hint: CounterResetHint) -> Sample {
        Sample::Histogram(FloatHistogram { count, zero_count: count, counter_reset_hint: hint, ..Default::default() })
    }

    #[test]
    fn hints_are_those_of_a_store() {
        use CounterResetHint::*;
        let samples = [
            (histogram(5.0, Unknown), Unknown),
            (histogram(6.0, Unknown), NotReset),
            (histogram(4.0, Unknown), Unknown),
            (histogram(5.0, Reset), Unknown),
            (histogram(6.0, NotReset), NotReset),
            (Sample::Float(STALE_NAN), NotReset),
            (histogram(7.0, Unknown), Unknown),
            (histogram(8.0, Gauge), Gauge),
            (histogram(9.0, Unknown), Unknown),
        ];
        let labels = Labels::from_pairs([("__name__", "x")]);
        let mut storage = MemoryStorage::new();
        for (k, (sample, _)) in samples.iter().enumerate() {
            storage.add(&labels, k as i64, 0, sample.clone());
        }
        let querier = storage.querier(0, 100).unwrap();
        let hints = SelectHints { start_ms: 1, end_ms: 100, ..Default::default() };
        let set = querier.select(&hints, &[Matcher::equal("__name__", "x")]).unwrap();
        let mut columns = SeriesColumns::default();
        set.read(0, &mut columns).unwrap();
        assert!(columns.floats.values.is_empty());
        let got: Vec<_> = columns.histograms.values.iter().map(|h| h.counter_reset_hint).collect();
        assert_eq!(got, samples[1..].iter().map(|(_, hint)| *hint).collect::<Vec<_>>());
        assert!(is_stale_nan(columns.histograms.values[4].sum));
    }

    #[test]
    fn series_are_found_by_matchers_and_time() {
        let mut storage = MemoryStorage::new();
        for (name, instance) in [("x", "b"), ("x", "a"), ("y", "a")] {
            let labels = Labels::from_pairs([("__name__", name), ("instance", instance)]);
            for k in 0..3 {
                storage.add(&labels, k * 10, 0, Sample::Float(k as f64));
            }
        }
        let querier = storage.querier(5, 15).unwrap();
        let x = [Matcher::equal("__name__", "x")];
        let hints = SelectHints { start_ms: 0, end_ms: 100, ..Default::default() };
        let set = querier.select(&hints, &x).unwrap();
        assert_eq!((0..set.len()).map(|i| set.labels(i).value("instance").to_owned()).collect::<Vec<_>>(), ["a", "b"]);
        let mut columns = SeriesColumns::default();
        set.read(0, &mut columns).unwrap();
        assert_eq!(columns.floats.timestamps, [10]);
        assert_eq!(querier.label_values("__name__", &[], 0).unwrap(), ["x", "y"]);
        assert_eq!(querier.label_names(&x, 1).unwrap(), ["__name__"]);
    }
}
