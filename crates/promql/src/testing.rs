//! A store in memory, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Arc;

use narthex_model::{Labels, Matcher};
use narthex_promql_syntax::parse_metric_selector;
use narthex_storage::{Appender, GroupKey, Querier, SelectHints, SeriesColumns, SeriesSet, Storage, StorageError};

use crate::api::{Answer, EngineOptions, Features, QueryError, Request, SampleValue, Value};
use crate::engine::Engine;

/// Series with their samples, written by tests and read by queries.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestStorage {
    series: BTreeMap<Labels, Arc<SeriesColumns>>,
}

/// Reads `name{a="b"}`.
pub(crate) fn labels(metric: &str) -> Labels {
    let matchers = parse_metric_selector(metric).expect("a metric");
    Labels::from_pairs(matchers.iter().map(|matcher| (matcher.name().to_owned(), matcher.value().to_owned())))
}

impl TestStorage {
    /// Adds float samples: one every `step_ms` from 0 on.
    pub(crate) fn load(mut self, step_ms: i64, metric: &str, values: &[f64]) -> TestStorage {
        let columns = Arc::make_mut(self.series.entry(labels(metric)).or_default());
        for (i, value) in values.iter().enumerate() {
            columns.floats.timestamps.push(i as i64 * step_ms);
            columns.floats.values.push(*value);
        }
        self
    }
}

impl Storage for TestStorage {
    fn appender(&self, _: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        Err(StorageError::Closed)
    }

    fn querier(&self, min_ms: i64, max_ms: i64) -> Result<Arc<dyn Querier>, StorageError> {
        Ok(Arc::new(TestQuerier { storage: self.clone(), min_ms, max_ms }))
    }
}

struct TestQuerier {
    storage: TestStorage,
    min_ms: i64,
    max_ms: i64,
}

impl Querier for TestQuerier {
    fn select(&self, hints: &SelectHints, matchers: &[Matcher]) -> Result<Arc<dyn SeriesSet>, StorageError> {
        assert!(hints.start_ms >= self.min_ms && hints.end_ms <= self.max_ms, "reads within the querier's range");
        let is_match = |labels: &Labels| matchers.iter().all(|matcher| matcher.matches(labels.value(matcher.name())));
        let found = self.storage.series.iter().filter(|(labels, _)| is_match(labels));
        Ok(Arc::new(TestSet {
            series: found.map(|(labels, columns)| (labels.clone(), Arc::clone(columns))).collect(),
            start_ms: hints.start_ms,
            end_ms: hints.end_ms,
        }))
    }

    fn label_names(&self, _: &[Matcher], _: usize) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &[Matcher], _: usize) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
}

struct TestSet {
    series: Vec<(Labels, Arc<SeriesColumns>)>,
    start_ms: i64,
    end_ms: i64,
}

impl SeriesSet for TestSet {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, index: usize) -> Labels {
        self.series[index].0.clone()
    }

    /// Only what the hints ask for, so that wrong hints show.
    fn read(&self, index: usize, out: &mut SeriesColumns) -> Result<(), StorageError> {
        let columns = &self.series[index].1;
        let wanted = |t: i64| (self.start_ms..=self.end_ms).contains(&t);
        for (t, value) in columns.floats.timestamps.iter().zip(&columns.floats.values).filter(|(t, _)| wanted(**t)) {
            out.floats.timestamps.push(*t);
            out.floats.values.push(*value);
        }
        let histograms = columns.histograms.timestamps.iter().zip(&columns.histograms.values);
        for (t, value) in histograms.filter(|(t, _)| wanted(**t)) {
            out.histograms.timestamps.push(*t);
            out.histograms.values.push(Arc::clone(value));
        }
        Ok(())
    }
}

/// An engine that understands everything.
pub(crate) fn engine() -> Engine {
    Engine::new(options())
}

/// Options with all of the language enabled.
pub(crate) fn options() -> EngineOptions {
    let features = Features {
        experimental_functions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..Features::default()
    };
    EngineOptions { features, ..EngineOptions::default() }
}

/// Runs an instant query.
pub(crate) fn instant(storage: &TestStorage, query: &str, time_ms: i64) -> Result<Answer, QueryError> {
    engine().execute(storage, &Request::instant(query, time_ms))
}

/// A result in one line per element: `{a="b"} 1`, or `{a="b"} 1@0 2@60` for series.
pub(crate) fn show(value: &Value) -> String {
    let sample = |value: &SampleValue| match value {
        SampleValue::Float(value) => format!("{value}"),
        SampleValue::Histogram(histogram) => histogram.to_string(),
    };
    let seconds = |ms: i64| ms as f64 / 1000.0;
    match value {
        Value::Scalar { value, .. } => format!("{value}"),
        Value::String { value, .. } => value.clone(),
        Value::Vector(samples) => {
            let lines: Vec<String> =
                samples.iter().map(|s| format!("{} {}", s.labels.as_metric(), sample(&s.value))).collect();
            lines.join("\n")
        }
        Value::Matrix(series) => {
            let lines = series.iter().map(|series| {
                let floats = series.float_timestamps.iter().zip(&series.float_values);
                let mut points: Vec<(i64, String)> = floats.map(|(t, v)| (*t, v.to_string())).collect();
                points.extend(series.histograms.iter().map(|(t, h)| (*t, h.to_string())));
                points.sort_by_key(|(t, _)| *t);
                let points: Vec<String> = points.iter().map(|(t, v)| format!("{v}@{}", seconds(*t))).collect();
                format!("{} {}", series.labels.as_metric(), points.join(" "))
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}
