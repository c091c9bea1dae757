//! What an engine counts about its queries, under upstream's names.

use narthex_client::{
    Counter, Gauge, Histogram, HistogramVec, InProgress, Opts, RegisterError, Registry, Summary, SummaryOpts,
    SummaryVec,
};

use crate::api::Stats;

/// The quantiles of durations, each with the error that is allowed.
const QUANTILES: [(f64, f64); 3] = [(0.5, 0.05), (0.9, 0.01), (0.99, 0.001)];

/// Upper bounds of durations, in seconds.
const BOUNDS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];

/// The parts of a query's time, by the label `slice`.
const SLICES: [&str; 4] = ["queue_time", "prepare_time", "inner_eval", "result_sort"];

/// The metrics of one engine, `prometheus_engine_*`.
#[derive(Clone, Debug)]
pub(crate) struct EngineMetrics {
    queries: Gauge,
    samples: Counter,
    samples_read: Counter,
    pub(crate) log_enabled: Gauge,
    pub(crate) log_failures: Counter,
    /// In the order of [`SLICES`].
    slices: [(Summary, Histogram); 4],
}

impl EngineMetrics {
    /// Makes them in a registry.
    pub(crate) fn register(registry: &Registry, max_concurrency: usize) -> Result<EngineMetrics, RegisterError> {
        let opts = |name: &str, help: &str| Opts::new(name, help).namespace("prometheus").subsystem("engine");
        registry
            .gauge(opts("queries_concurrent_max", "How many queries may run at a time."))?
            .set(max_concurrency as f64);
        let summary: SummaryVec = registry.summary_vec(
            opts("query_duration_seconds", "What queries spent their time with."),
            &["slice"],
            SummaryOpts::quantiles(&QUANTILES),
        )?;
        let histogram: HistogramVec = registry.histogram_vec(
            opts("query_duration_histogram_seconds", "What queries spent their time with."),
            &["slice"],
            &BOUNDS,
        )?;
        Ok(EngineMetrics {
            queries: registry.gauge(opts("queries", "Queries that run or wait for their turn."))?,
            samples: registry.counter(opts("query_samples_total", "Samples that queries looked at."))?,
            samples_read: registry
                .counter(opts("query_samples_read_total", "Samples that queries read from storage."))?,
            log_enabled: registry.gauge(opts("query_log_enabled", "Whether queries are logged."))?,
            log_failures: registry.counter(opts("query_log_failures_total", "Queries that could not be logged."))?,
            slices: SLICES.map(|slice| (summary.with(&[slice]), histogram.with(&[slice]))),
        })
    }

    /// A query begins; it ends when the guard is dropped.
    pub(crate) fn begin(&self) -> InProgress {
        self.queries.track()
    }

    /// A query succeeded.
    pub(crate) fn observe(&self, stats: &Stats) {
        let timings = &stats.timings;
        let durations = [timings.exec_queue, timings.query_preparation, timings.inner_eval, timings.result_sort];
        for ((summary, histogram), duration) in self.slices.iter().zip(durations) {
            summary.observe_duration(duration);
            histogram.observe_duration(duration);
        }
        self.samples.inc_by(stats.total_queryable_samples.unsigned_abs());
        self.samples_read.inc_by(stats.samples_read.unsigned_abs());
    }
}
