//! What scraping says about itself, under upstream's names.

use std::sync::Weak;
use std::time::Duration;

use narthex_client::{
    Collector, Counter, CounterVec, Desc, GaugeVec, Histogram, HistogramVec, Opts, RegisterError, Registry, Sink,
    Summary, SummaryOpts, SummaryVec,
};
use narthex_config::ScrapeConfig;
use narthex_model::MetricType;
use narthex_model::duration::format_go_duration;

use crate::manager::Manager;

/// The quantiles of durations, each with the error that is allowed.
const QUANTILES: [(f64, f64); 5] = [(0.01, 0.001), (0.05, 0.005), (0.5, 0.05), (0.9, 0.01), (0.99, 0.001)];

/// The buckets shown for histograms that upstream exposes as native ones, too.
const COARSE_BUCKETS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];

/// The metrics of all pools, `prometheus_target_*`.
#[derive(Debug)]
pub struct ScrapeMetrics {
    pub(crate) scrape_pools: Counter,
    pub(crate) scrape_pool_reloads: Counter,
    pub(crate) scrape_pool_exceeded_target_limit: Counter,
    pub(crate) scrape_pool_exceeded_label_limits: Counter,
    pub(crate) scrapes_exceeded_body_size_limit: Counter,
    pub(crate) scrapes_exceeded_sample_limit: Counter,
    pub(crate) scrapes_cache_flush_forced: Counter,
    pub(crate) scrapes_sample_duplicate_timestamp: Counter,
    pub(crate) scrapes_sample_out_of_order: Counter,
    pub(crate) scrapes_sample_out_of_bounds: Counter,
    pub(crate) sync_failed: CounterVec,
    sync_total: CounterVec,
    target_limit: GaugeVec,
    targets: GaugeVec,
    sync_length: SummaryVec,
    sync_length_histogram: HistogramVec,
    reload_length: SummaryVec,
    interval_length: SummaryVec,
    interval_length_histogram: HistogramVec,
    scrape_duration: Histogram,
}

/// Where the loops of one interval count.
#[derive(Clone, Debug)]
pub(crate) struct IntervalMetrics {
    summary: Summary,
    histogram: Histogram,
}

impl IntervalMetrics {
    /// So long after the last one, a scrape began.
    pub(crate) fn observe(&self, actual: Duration) {
        self.summary.observe_duration(actual);
        self.histogram.observe_duration(actual);
    }
}

impl ScrapeMetrics {
    /// Makes the metrics in a registry. Those that nothing is counted in yet
    /// although upstream has them (of native histograms and exemplars) are there too, at 0.
    ///
    /// # Errors
    /// When the registry has one of them already.
    pub fn register(registry: &Registry) -> Result<ScrapeMetrics, RegisterError> {
        let opts = |name: &str, help: &str| Opts::new(format!("prometheus_target_{name}"), help);
        let counter = |name, help| registry.counter(opts(name, help));
        let of_job = &["scrape_job"];
        let of_interval = &["interval"];
        let quantiles = || SummaryOpts::quantiles(&QUANTILES);
        for (name, help) in [
            ("scrape_pools_failed_total", "Scrape pools that could not be made."),
            ("scrape_pool_reloads_failed_total", "Scrape pools that could not take over a new configuration."),
            (
                "scrapes_exceeded_native_histogram_bucket_limit_total",
                "Scrapes failed for a native histogram with too many buckets.",
            ),
            ("scrapes_exemplar_out_of_order_total", "Exemplars left out because a newer one was stored."),
        ] {
            counter(name, help)?;
        }
        Ok(ScrapeMetrics {
            scrape_pools: counter("scrape_pools_total", "Scrape pools made.")?,
            scrape_pool_reloads: counter("scrape_pool_reloads_total", "Scrape pools that got a new configuration.")?,
            scrape_pool_exceeded_target_limit: counter(
                "scrape_pool_exceeded_target_limit_total",
                "Changes of targets that left a pool with more than its target_limit.",
            )?,
            scrape_pool_exceeded_label_limits: counter(
                "scrape_pool_exceeded_label_limits_total",
                "Scrapes failed for a series beyond one of the label limits.",
            )?,
            scrapes_exceeded_body_size_limit: counter(
                "scrapes_exceeded_body_size_limit_total",
                "Scrapes failed for a body beyond body_size_limit.",
            )?,
            scrapes_exceeded_sample_limit: counter(
                "scrapes_exceeded_sample_limit_total",
                "Scrapes failed for more samples than sample_limit.",
            )?,
            scrapes_cache_flush_forced: counter(
                "scrapes_cache_flush_forced_total",
                "How often what failing scrapes of a target brought had to be forgotten.",
            )?,
            scrapes_sample_duplicate_timestamp: counter(
                "scrapes_sample_duplicate_timestamp_total",
                "Samples left out because another value is stored for their time.",
            )?,
            scrapes_sample_out_of_order: counter(
                "scrapes_sample_out_of_order_total",
                "Samples left out because a newer one was stored.",
            )?,
            scrapes_sample_out_of_bounds: counter(
                "scrapes_sample_out_of_bounds_total",
                "Samples left out because they are too old or too far in the future.",
            )?,
            sync_failed: registry.counter_vec(opts("sync_failed_total", "Targets that could not be made."), of_job)?,
            sync_total: registry.counter_vec(opts("scrape_pool_sync_total", "Changes of a pool's targets."), of_job)?,
            target_limit: registry.gauge_vec(
                opts("scrape_pool_target_limit", "Most targets a pool may have; 0 for any number."),
                of_job,
            )?,
            targets: registry.gauge_vec(opts("scrape_pool_targets", "Targets of a pool."), of_job)?,
            sync_length: registry.summary_vec(
                opts("sync_length_seconds", "How long it took to make a pool's targets."),
                of_job,
                quantiles(),
            )?,
            sync_length_histogram: registry.histogram_vec(
                opts("sync_length_histogram_seconds", "How long it took to make a pool's targets."),
                of_job,
                &COARSE_BUCKETS,
            )?,
            reload_length: registry.summary_vec(
                opts("reload_length_seconds", "How long it took to give a pool a new configuration."),
                of_interval,
                quantiles(),
            )?,
            interval_length: registry.summary_vec(
                opts("interval_length_seconds", "Actual times between two scrapes."),
                of_interval,
                quantiles(),
            )?,
            interval_length_histogram: registry.histogram_vec(
                opts("interval_length_histogram_seconds", "Actual times between two scrapes."),
                of_interval,
                &COARSE_BUCKETS,
            )?,
            // One bucket: upstream shows the rest as a native histogram only.
            scrape_duration: registry.histogram(
                opts("scrape_duration_seconds", "How long scrapes took, failed ones included."),
                &[f64::INFINITY],
            )?,
        })
    }

    /// Metrics that nobody sees.
    pub fn unregistered() -> ScrapeMetrics {
        ScrapeMetrics::register(&Registry::new()).expect("an empty registry takes every metric once")
    }

    pub(crate) fn of_interval(&self, interval_ms: i64) -> IntervalMetrics {
        let interval = format_go_duration(interval_ms.saturating_mul(1_000_000));
        IntervalMetrics {
            summary: self.interval_length.with(&[&interval]),
            histogram: self.interval_length_histogram.with(&[&interval]),
        }
    }

    pub(crate) fn observe_scrape(&self, duration: Duration) {
        self.scrape_duration.observe_duration(duration);
    }

    /// A pool has new targets.
    pub(crate) fn synced(&self, config: &ScrapeConfig, targets: usize, took: Duration) {
        let job = &[config.job_name.as_str()];
        self.sync_total.with(job).inc();
        self.target_limit.with(job).set(config.target_limit as f64);
        self.targets.with(job).set(targets as f64);
        self.sync_length.with(job).observe_duration(took);
        self.sync_length_histogram.with(job).observe_duration(took);
    }

    /// A pool has a new configuration.
    pub(crate) fn reloaded(&self, config: &ScrapeConfig, took: Duration) {
        self.scrape_pool_reloads.inc();
        let interval = format_go_duration(config.scrape_interval_ms.saturating_mul(1_000_000));
        self.reload_length.with(&[&interval]).observe_duration(took);
    }

    /// A pool is no more.
    pub(crate) fn forget_pool(&self, job: &str) {
        let job = &[job];
        self.sync_failed.remove(job);
        self.sync_total.remove(job);
        self.target_limit.remove(job);
        self.targets.remove(job);
        self.sync_length.remove(job);
        self.sync_length_histogram.remove(job);
    }
}

/// How much is remembered about metric families, by job.
pub(crate) struct MetadataCollector {
    manager: Weak<Manager>,
    entries: Desc,
    bytes: Desc,
}

impl MetadataCollector {
    pub(crate) fn new(manager: Weak<Manager>) -> Result<MetadataCollector, RegisterError> {
        let desc = |name: &str, help: &str| {
            Opts::new(format!("prometheus_target_metadata_cache_{name}"), help).desc(MetricType::Gauge, &["scrape_job"])
        };
        Ok(MetadataCollector {
            manager,
            entries: desc("entries", "Metric families that are remembered, for each target anew.")?,
            bytes: desc("bytes", "Bytes of type, help and unit of these families; equal ones are kept once.")?,
        })
    }
}

impl Collector for MetadataCollector {
    fn describe(&self) -> Vec<Desc> {
        vec![self.entries.clone(), self.bytes.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        let Some(manager) = self.manager.upgrade() else { return };
        for pool in manager.pools() {
            let sizes = pool.active.iter().map(|target| target.families_size());
            let (entries, bytes) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
            sink.value(&self.entries, &[&pool.name], entries as f64);
            sink.value(&self.bytes, &[&pool.name], bytes as f64);
        }
    }
}
