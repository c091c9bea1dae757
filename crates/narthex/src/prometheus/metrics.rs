//! Our own metrics under upstream's names: those that no part registers itself.

use std::sync::{Arc, OnceLock};

use narthex_api::{Control, Readiness};
use narthex_client::{Collector, Desc, Opts, ProcessCollector, RegisterError, Registry, Sink};
use narthex_exposition::{MetricValue, SummaryValue};
use narthex_model::MetricType;
use narthex_tsdb::Db;

use super::control::Controller;

/// Registers what belongs to the server as a whole.
///
/// # Errors
/// When a name is taken.
pub(crate) fn register(
    registry: &Registry,
    control: &Arc<Controller>,
    db: &Arc<OnceLock<Arc<Db>>>,
) -> Result<(), RegisterError> {
    registry.register(Arc::new(ProcessCollector::new()))?;
    let build = Opts::new("prometheus_build_info", "What this build is; always 1.")
        .const_label("version", crate::version::full())
        .const_label("revision", option_env!("NARTHEX_REVISION").unwrap_or("unknown"))
        .const_label("branch", option_env!("NARTHEX_BRANCH").unwrap_or("unknown"))
        .const_label("goversion", "none")
        .const_label("goos", std::env::consts::OS)
        .const_label("goarch", if cfg!(target_arch = "x86_64") { "amd64" } else { std::env::consts::ARCH })
        .const_label("tags", "unknown");
    registry.gauge(build)?.set(1.0);
    let state = Arc::clone(control);
    registry.gauge_fn(Opts::new("prometheus_ready", "Whether the server serves."), move || {
        f64::from(state.readiness() == Readiness::Ready)
    })?;
    let state = Arc::clone(control);
    registry.gauge_fn(
        Opts::new(
            "prometheus_config_last_reload_successful",
            "Whether the configuration was applied when it was last read.",
        ),
        move || f64::from(state.is_last_reload_successful()),
    )?;
    let state = Arc::clone(control);
    registry.gauge_fn(
        Opts::new(
            "prometheus_config_last_reload_success_timestamp_seconds",
            "When the configuration was last applied.",
        ),
        move || state.last_success_ms() as f64 / 1000.0,
    )?;
    registry.register(Arc::new(TsdbCollector::new(Arc::clone(db))?))?;
    Ok(())
}

/// What the database tells of itself: name behind `prometheus_tsdb_`, help, kind, and where the number is.
type Row = (&'static str, &'static str, MetricType, fn(&narthex_tsdb::Metrics) -> f64);

const C: MetricType = MetricType::Counter;
const G: MetricType = MetricType::Gauge;

/// A time of the head; upstream shows 0 while it is empty.
fn head_time(ms: i64) -> f64 {
    if ms == i64::MAX || ms == i64::MIN { 0.0 } else { ms as f64 }
}

const ROWS: &[Row] = &[
    ("head_series", "Series in the head.", G, |m| m.head_series as f64),
    ("head_stale_series", "Series in the head that ended.", G, |m| m.head_stale_series as f64),
    ("head_native_histogram_series", "Series of native histograms in the head.", G, |m| {
        m.head_native_histogram_series as f64
    }),
    ("head_series_created_total", "Series made in the head.", C, |m| m.head_series_created as f64),
    ("head_series_removed_total", "Series that left the head.", C, |m| m.head_series_removed as f64),
    ("head_chunks", "Chunks of the head, open and full.", G, |m| m.head_chunks as f64),
    ("head_active_appenders", "Appenders that are open.", G, |m| m.head_active_appenders as f64),
    ("head_min_time", "Time of the head's oldest sample in milliseconds.", G, |m| head_time(m.head_min_time_ms)),
    ("head_max_time", "Time of the head's newest sample in milliseconds.", G, |m| head_time(m.head_max_time_ms)),
    ("head_min_time_seconds", "Time of the head's oldest sample.", G, |m| head_time(m.head_min_time_ms) / 1000.0),
    ("head_max_time_seconds", "Time of the head's newest sample.", G, |m| head_time(m.head_max_time_ms) / 1000.0),
    ("head_chunks_storage_size_bytes", "Full chunks of the head on disk.", G, |m| m.head_chunks_storage_bytes as f64),
    ("symbol_table_size_bytes", "Texts of labels in memory.", G, |m| m.symbol_table_bytes as f64),
    ("lowest_timestamp", "Time of the oldest sample in milliseconds.", G, |m| head_time(m.head_min_time_ms)),
    ("lowest_timestamp_seconds", "Time of the oldest sample.", G, |m| head_time(m.head_min_time_ms) / 1000.0),
    ("isolation_low_watermark", "The oldest commit that an open query does not look past.", G, |m| {
        m.isolation_low_watermark as f64
    }),
    ("isolation_high_watermark", "The newest commit.", G, |m| m.isolation_high_watermark as f64),
    ("wal_storage_size_bytes", "Size of the log.", G, |m| m.wal_storage_bytes as f64),
    ("wal_segment_current", "Number of the segment that is written.", G, |m| m.wal_segment_current as f64),
    ("wal_writes_failed_total", "Writes to the log that failed.", C, |m| m.wal_writes_failed as f64),
    ("wal_corruptions_total", "Damaged places found in the log.", C, |m| m.wal_corruptions as f64),
    ("wal_record_parts_bytes_written_total", "Bytes written to the log.", C, |m| m.wal_bytes_written as f64),
    ("checkpoint_creations_total", "Checkpoints written.", C, |m| m.checkpoint_creations as f64),
    ("checkpoint_creations_failed_total", "Checkpoints that could not be written.", C, |m| {
        m.checkpoint_creations_failed as f64
    }),
    ("time_retentions_total", "Files removed for the age of their samples.", C, |m| m.time_retentions as f64),
    ("data_replay_duration_seconds", "How long the last start took to read the log.", G, |m| m.data_replay_seconds),
    ("clean_start", "-1: no lock file is used; 0: the last process left one behind; 1: it ended cleanly.", G, |m| {
        m.clean_start as f64
    }),
];

/// The same, by type of sample.
const TYPED_ROWS: &[(Row, &str)] = &[
    (("head_samples_appended_total", "Samples stored.", C, |m| m.head_float_samples_appended as f64), "float"),
    (("head_samples_appended_total", "Samples stored.", C, |m| m.head_histogram_samples_appended as f64), "histogram"),
    (("out_of_bound_samples_total", "Samples refused for their time.", C, |m| m.out_of_bound_samples as f64), "float"),
    (
        ("out_of_order_samples_total", "Samples refused because a newer one is stored.", C, |m| {
            m.out_of_order_samples as f64
        }),
        "float",
    ),
];

/// Asks the database when it is scraped.
struct TsdbCollector {
    db: Arc<OnceLock<Arc<Db>>>,
    plain: Vec<(Desc, Row)>,
    typed: Vec<(Desc, Row, &'static str)>,
    fsync: Desc,
}

impl TsdbCollector {
    fn new(db: Arc<OnceLock<Arc<Db>>>) -> Result<TsdbCollector, RegisterError> {
        let opts = |name: &str, help: &str| Opts::new(format!("prometheus_tsdb_{name}"), help);
        let plain = ROWS
            .iter()
            .map(|row| Ok((opts(row.0, row.1).desc(row.2, &[])?, *row)))
            .collect::<Result<_, RegisterError>>()?;
        let mut typed: Vec<(Desc, Row, &'static str)> = Vec::new();
        for (row, kind) in TYPED_ROWS {
            let known = typed.iter().find(|(desc, ..)| desc.name().ends_with(row.0)).map(|(desc, ..)| desc.clone());
            let desc = match known {
                Some(desc) => desc,
                None => opts(row.0, row.1).desc(row.2, &["type"])?,
            };
            typed.push((desc, *row, kind));
        }
        let fsync =
            opts("wal_fsync_duration_seconds", "How long syncs of the log took.").desc(MetricType::Summary, &[])?;
        Ok(TsdbCollector { db, plain, typed, fsync })
    }
}

impl Collector for TsdbCollector {
    fn describe(&self) -> Vec<Desc> {
        let mut all: Vec<Desc> = self.plain.iter().map(|(desc, _)| desc.clone()).collect();
        for (desc, ..) in &self.typed {
            if !all.iter().any(|known| known.name() == desc.name()) {
                all.push(desc.clone());
            }
        }
        all.push(self.fsync.clone());
        all
    }

    fn collect(&self, sink: &mut Sink) {
        let Some(db) = self.db.get() else { return };
        let numbers = db.metrics();
        for (desc, row) in &self.plain {
            sink.value(desc, &[], row.3(&numbers));
        }
        for (desc, row, kind) in &self.typed {
            sink.value(desc, &[kind], row.3(&numbers));
        }
        let mut sorted = numbers.wal_fsync_seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let quantile =
            |q: f64| sorted.get(((sorted.len() as f64 * q) as usize).min(sorted.len().saturating_sub(1))).copied();
        let summary = SummaryValue {
            count: numbers.wal_fsync_count,
            sum: numbers.wal_fsync_seconds_sum,
            quantiles: [0.5, 0.9, 0.99].map(|q| (q, quantile(q).unwrap_or(f64::NAN))).to_vec(),
        };
        sink.metric(&self.fsync, &[], MetricValue::Summary(summary));
    }
}

/// Registers what one discovery manager counts.
///
/// # Errors
/// When a name is taken.
pub(crate) fn register_discovery(
    registry: &Registry,
    name: &'static str,
    metrics: &Arc<narthex_discovery::Metrics>,
) -> Result<(), RegisterError> {
    let opts = |metric: &str, help: &str| Opts::new(format!("prometheus_sd_{metric}"), help).const_label("name", name);
    let number = |read: fn(&narthex_discovery::Metrics) -> u64| {
        let metrics = Arc::clone(metrics);
        move || read(&metrics) as f64
    };
    registry.gauge_fn(
        opts("failed_configs", "Configurations that could not be started."),
        number(|m| m.failed_configs.get()),
    )?;
    registry
        .counter_fn(opts("received_updates_total", "Updates from providers."), number(|m| m.received_updates.get()))?;
    registry.counter_fn(opts("updates_total", "Updates handed on."), number(|m| m.updates.get()))?;
    registry
        .counter_fn(opts("updates_delayed_total", "Updates that had to wait."), number(|m| m.updates_delayed.get()))?;
    let plain = |metric: &str, help: &str| Opts::new(format!("prometheus_sd_{metric}"), help);
    registry.counter_fn(
        plain("file_read_errors_total", "Target files that could not be read."),
        number(|m| m.file_read_errors.get()),
    )?;
    registry.counter_fn(
        plain("file_watcher_errors_total", "Failures to watch target files."),
        number(|m| m.file_watcher_errors.get()),
    )?;
    registry.register(Arc::new(DiscoveryCollector {
        metrics: Arc::clone(metrics),
        name,
        targets: plain("discovered_targets", "Targets found, by job.").desc(G, &["name", "config"])?,
        updated: plain("last_update_timestamp_seconds", "When a job's targets last changed.")
            .desc(G, &["name", "config"])?,
        mtime: plain("file_mtime_seconds", "When a target file was last changed.").desc(G, &["filename"])?,
    }))?;
    Ok(())
}

struct DiscoveryCollector {
    metrics: Arc<narthex_discovery::Metrics>,
    name: &'static str,
    targets: Desc,
    updated: Desc,
    mtime: Desc,
}

impl Collector for DiscoveryCollector {
    fn describe(&self) -> Vec<Desc> {
        vec![self.targets.clone(), self.updated.clone(), self.mtime.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        for (config, value) in self.metrics.discovered_targets.all() {
            sink.value(&self.targets, &[self.name, &config], value);
        }
        for (config, value) in self.metrics.last_update_seconds.all() {
            sink.value(&self.updated, &[self.name, &config], value);
        }
        for (filename, value) in self.metrics.file_mtime_seconds.all() {
            sink.value(&self.mtime, &[&filename], value);
        }
    }
}
