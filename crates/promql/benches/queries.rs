//! Whole queries over 3,000 series, 241 steps of a minute each, samples every 15 s:
//! 723,000 points per selector. The store is a copy from memory, so that what is
//! measured is the engine.
//!
//! `cargo bench -p narthex-promql`

use std::hint::black_box;
use std::sync::{Arc, LazyLock};

use narthex_model::{Labels, Matcher, labels};
use narthex_promql::{Answer, Engine, EngineOptions, Request};
use narthex_storage::{Appender, GroupKey, Querier, SelectHints, SeriesColumns, SeriesSet, Storage, StorageError};

const SERIES: usize = 3000;
const SAMPLES: i64 = 1200;
const SCRAPE_INTERVAL_MS: i64 = 15_000;
const STEP_MS: i64 = 60_000;
const START_MS: i64 = 3_600_000;
const END_MS: i64 = START_MS + 240 * STEP_MS;

fn main() {
    divan::main();
}

/// One query of each kind that is computed its own way.
const QUERIES: [&str; 16] = [
    "a_total",
    "sum(a_total)",
    "sum by (pod) (a_total)",
    "rate(a_total[5m])",
    "sum by (pod) (rate(a_total[5m]))",
    "a_total * 2",
    "abs(a_total)",
    "a_total + on (pod, inst) b_total",
    "a_total * on (pod) group_left (node) pods",
    "a_total and on (pod, inst) b_total",
    "sum_over_time(a_total[5m])",
    "max_over_time(a_total[1h])",
    "quantile_over_time(0.9, a_total[5m])",
    "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))",
    "topk(5, a_total)",
    "max_over_time(rate(a_total[5m])[30m:1m])",
];

#[divan::bench(args = QUERIES, sample_count = 10)]
fn range(query: &str) -> Answer {
    run(1, &Request::range(query, START_MS, END_MS, STEP_MS))
}

#[divan::bench(args = QUERIES, sample_count = 10)]
fn range_on_two_threads(query: &str) -> Answer {
    run(2, &Request::range(query, START_MS, END_MS, STEP_MS))
}

#[divan::bench(args = QUERIES, sample_count = 10)]
fn instant(query: &str) -> Answer {
    run(1, &Request::instant(query, END_MS))
}

fn run(threads: usize, request: &Request) -> Answer {
    let engine = Engine::new(EngineOptions { threads, ..EngineOptions::default() });
    engine.execute(&*STORE, black_box(request)).expect("the query runs")
}

static STORE: LazyLock<Memory> = LazyLock::new(Memory::new);

type Series = (Labels, SeriesColumns);

/// Series by metric name.
struct Memory {
    metrics: Vec<(&'static str, Arc<Vec<Series>>)>,
}

/// A counter that grows by `growth` of the index of each sample.
fn counter(growth: impl Fn(i64) -> f64) -> SeriesColumns {
    let mut columns = SeriesColumns::default();
    let mut value = 0.0;
    for index in 0..SAMPLES {
        value += growth(index);
        columns.floats.timestamps.push(index * SCRAPE_INTERVAL_MS);
        columns.floats.values.push(value);
    }
    columns
}

impl Memory {
    fn new() -> Memory {
        let metric = |name: &'static str, count: usize, labels: &dyn Fn(usize) -> Labels| {
            let columns = |i: usize| counter(|sample| ((i as i64 * 7 + sample * 13) % 10) as f64);
            let mut series: Vec<Series> = (0..count).map(|i| (labels(i), columns(i))).collect();
            series.sort_by(|a, b| a.0.cmp(&b.0));
            (name, Arc::new(series))
        };
        let by_instance = |name: &'static str| move |i: usize| labels! { "__name__" => name, "pod" => format!("p{}", i % 300), "inst" => format!("i{i}") };
        let bounds = ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "+Inf"];
        let metrics = vec![
            metric("a_total", SERIES, &by_instance("a_total")),
            metric("b_total", SERIES, &by_instance("b_total")),
            metric("h_bucket", SERIES, &|i| {
                labels! { "__name__" => "h_bucket", "pod" => format!("p{}", i / 10), "le" => bounds[i % 10] }
            }),
            metric("pods", 300, &|i| {
                labels! { "__name__" => "pods", "pod" => format!("p{i}"), "node" => format!("n{}", i % 7) }
            }),
        ];
        Memory { metrics }
    }
}

impl Storage for Memory {
    fn appender(&self, _: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        Err(StorageError::Closed)
    }

    fn querier(&self, _: i64, _: i64) -> Result<Arc<dyn Querier>, StorageError> {
        Ok(Arc::new(Reader { metrics: self.metrics.clone() }))
    }
}

struct Reader {
    metrics: Vec<(&'static str, Arc<Vec<Series>>)>,
}

impl Querier for Reader {
    fn select(&self, hints: &SelectHints, matchers: &[Matcher]) -> Result<Arc<dyn SeriesSet>, StorageError> {
        let found = self.metrics.iter().find(|(name, _)| matchers.iter().any(|matcher| matcher.matches(name)));
        let series = found.map(|(_, series)| Arc::clone(series)).unwrap_or_default();
        Ok(Arc::new(Selected { series, start_ms: hints.start_ms, end_ms: hints.end_ms }))
    }

    fn label_names(&self, _: &[Matcher], _: usize) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &[Matcher], _: usize) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
}

struct Selected {
    series: Arc<Vec<Series>>,
    start_ms: i64,
    end_ms: i64,
}

impl SeriesSet for Selected {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, index: usize) -> Labels {
        self.series[index].0.clone()
    }

    fn read(&self, index: usize, out: &mut SeriesColumns) -> Result<(), StorageError> {
        let floats = &self.series[index].1.floats;
        let from = floats.timestamps.partition_point(|t| *t < self.start_ms);
        let to = floats.timestamps.partition_point(|t| *t <= self.end_ms);
        out.floats.timestamps.extend_from_slice(&floats.timestamps[from..to]);
        out.floats.values.extend_from_slice(&floats.values[from..to]);
        Ok(())
    }
}
