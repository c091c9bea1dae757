//! Numbers about the database.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use narthex_model::METRIC_NAME;

use crate::db::Shared;
use crate::head::series::LIVE;
use crate::sync::{lock, read};

/// What `/api/v1/status/tsdb` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadStats {
    /// Series in the index.
    pub num_series: u64,
    /// Different pairs of label name and value.
    pub num_label_pairs: u64,
    /// Chunks, open and full.
    pub chunk_count: u64,
    /// Time of the oldest sample, in milliseconds; `i64::MAX` without samples.
    pub min_time_ms: i64,
    /// Time of the newest sample, in milliseconds; `i64::MIN` without samples.
    pub max_time_ms: i64,
    /// The metric names with the most series.
    pub series_count_by_metric_name: Vec<(String, u64)>,
    /// The label names with the most values.
    pub label_value_count_by_label_name: Vec<(String, u64)>,
    /// The label names whose pairs are longest: over all series, the lengths of name and value and 2.
    pub memory_in_bytes_by_label_name: Vec<(String, u64)>,
    /// The pairs, as `name=value`, with the most series.
    pub series_count_by_label_value_pair: Vec<(String, u64)>,
}

/// What the program's own metrics tell of the database. In brackets the name of
/// the metric, behind `prometheus_tsdb_`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// `head_series`
    pub head_series: u64,
    /// `head_stale_series`
    pub head_stale_series: u64,
    /// `head_native_histogram_series`
    pub head_native_histogram_series: u64,
    /// `head_series_created_total`
    pub head_series_created: u64,
    /// `head_series_removed_total`
    pub head_series_removed: u64,
    /// `head_chunks`
    pub head_chunks: u64,
    /// `head_active_appenders`
    pub head_active_appenders: u64,
    /// `head_samples_appended_total{type="float"}`
    pub head_float_samples_appended: u64,
    /// `head_samples_appended_total{type="histogram"}`
    pub head_histogram_samples_appended: u64,
    /// `out_of_bound_samples_total{type="float"}`, all types together
    pub out_of_bound_samples: u64,
    /// `out_of_order_samples_total{type="float"}`, all types together, duplicates too
    pub out_of_order_samples: u64,
    /// `head_min_time`, in milliseconds; `i64::MAX` without samples
    pub head_min_time_ms: i64,
    /// `head_max_time`, in milliseconds; `i64::MIN` without samples
    pub head_max_time_ms: i64,
    /// `head_chunks_storage_size_bytes`: full chunks on disk
    pub head_chunks_storage_bytes: u64,
    /// `symbol_table_size_bytes`: texts of labels
    pub symbol_table_bytes: u64,
    /// `isolation_low_watermark`: the oldest commit that an open querier does not look past
    pub isolation_low_watermark: u64,
    /// `isolation_high_watermark`: the newest commit
    pub isolation_high_watermark: u64,
    /// `wal_storage_size_bytes`
    pub wal_storage_bytes: u64,
    /// `wal_segment_current`
    pub wal_segment_current: u64,
    /// `wal_writes_failed_total`
    pub wal_writes_failed: u64,
    /// `wal_corruptions_total`: damaged places found while opening
    pub wal_corruptions: u64,
    /// `wal_record_parts_bytes_written_total`: log bytes since the start
    pub wal_bytes_written: u64,
    /// `wal_fsync_duration_seconds`: how many syncs
    pub wal_fsync_count: u64,
    /// `wal_fsync_duration_seconds`: their sum, in seconds
    pub wal_fsync_seconds_sum: f64,
    /// `wal_fsync_duration_seconds`: the last ones, oldest first, in seconds; for its quantiles
    pub wal_fsync_seconds: Vec<f64>,
    /// `checkpoint_creations_total`
    pub checkpoint_creations: u64,
    /// `checkpoint_creations_failed_total`
    pub checkpoint_creations_failed: u64,
    /// `time_retentions_total`: chunk files removed for their age
    pub time_retentions: u64,
    /// `data_replay_duration_seconds`
    pub data_replay_seconds: f64,
    /// `clean_start`: −1 without lock file, 0 when it was left behind, else 1
    pub clean_start: i64,
}

/// Durations of the last syncs that are kept.
const SYNCS_KEPT: usize = 512;

/// How long syncs took.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    count: u64,
    sum: Duration,
    last: std::collections::VecDeque<Duration>,
}

impl Durations {
    pub(crate) fn observe(&mut self, duration: Duration) {
        self.count += 1;
        self.sum += duration;
        if self.last.len() == SYNCS_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(duration);
    }
}

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) series_created: AtomicU64,
    pub(crate) series_removed: AtomicU64,
    pub(crate) floats_appended: AtomicU64,
    pub(crate) histograms_appended: AtomicU64,
    pub(crate) out_of_order: AtomicU64,
    pub(crate) out_of_bounds: AtomicU64,
    pub(crate) corruptions: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) checkpoints_failed: AtomicU64,
    pub(crate) files_retired: AtomicU64,
    pub(crate) replay_ns: AtomicU64,
    pub(crate) syncs: Mutex<Durations>,
}

/// The `limit` greatest entries, greatest first, equal ones by name.
fn top(mut all: Vec<(String, u64)>, limit: usize) -> Vec<(String, u64)> {
    all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.truncate(limit);
    all
}

impl Shared {
    /// Chunks, oldest and newest sample time.
    fn extent(&self) -> (u64, i64, i64) {
        let (mut chunks, mut min, mut max) = (0, i64::MAX, i64::MIN);
        for group in read(&self.groups).by_id.values() {
            let data = read(&group.data);
            chunks += data.chunk_count();
            if let Some(oldest) = data.min_timestamp() {
                min = min.min(oldest.max(self.floor()));
                max = max.max(data.max_timestamp);
            }
        }
        (chunks, min, max)
    }

    pub(crate) fn head_stats(&self, limit: usize) -> HeadStats {
        let (chunk_count, min_time_ms, max_time_ms) = self.extent();
        let index = read(&self.index);
        let mut stats =
            HeadStats { num_series: index.len() as u64, chunk_count, min_time_ms, max_time_ms, ..HeadStats::default() };
        let (mut values, mut memory, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
        let mut pairs: HashMap<_, u64> = HashMap::new();
        for (name, of_name) in index.values.names() {
            let text = index.symbols.text(name);
            stats.num_label_pairs += of_name.len() as u64;
            values.push((text.to_owned(), of_name.len() as u64));
            let mut bytes = 0;
            for (position, value) in of_name.iter() {
                let mut series = 0;
                of_name.halves(position).for_each(|half| {
                    series += index.halves.series(crate::index::HalfId(half)).len() as u64;
                });
                bytes += series * (text.len() + index.symbols.text(value).len() + 2) as u64;
                pairs.insert((name, value), series);
                if text == METRIC_NAME {
                    metrics.push((index.symbols.text(value).to_owned(), series));
                }
            }
            memory.push((text.to_owned(), bytes));
        }
        // Only the texts that are shown are made.
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        let texts = |pair: &(_, _)| (index.symbols.text(pair.0), index.symbols.text(pair.1));
        pairs.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| texts(&a.0).cmp(&texts(&b.0))));
        pairs.truncate(limit);
        stats.series_count_by_label_value_pair =
            pairs.into_iter().map(|(pair, count)| (format!("{}={}", texts(&pair).0, texts(&pair).1), count)).collect();
        stats.series_count_by_metric_name = top(metrics, limit);
        stats.label_value_count_by_label_name = top(values, limit);
        stats.memory_in_bytes_by_label_name = top(memory, limit);
        stats
    }

    pub(crate) fn metrics(&self, clean_start: i64) -> Metrics {
        let (head_chunks, head_min_time_ms, head_max_time_ms) = self.extent();
        let (mut stale, mut histograms, mut appenders) = (0, 0, 0);
        for group in read(&self.groups).by_id.values() {
            let data = read(&group.data);
            stale += data.states.iter().filter(|state| state.has(LIVE) && state.is_stale()).count() as u64;
            histograms += data.histograms.len() as u64;
            appenders += u64::from(data.appenders);
        }
        let counters = &self.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (head_series, symbol_table_bytes) = {
            let index = read(&self.index);
            (index.len() as u64, index.symbols.bytes() as u64)
        };
        let syncs = lock(&counters.syncs);
        Metrics {
            head_series,
            head_stale_series: stale,
            head_native_histogram_series: histograms,
            head_series_created: get(&counters.series_created),
            head_series_removed: get(&counters.series_removed),
            head_chunks,
            head_active_appenders: appenders,
            head_float_samples_appended: get(&counters.floats_appended),
            head_histogram_samples_appended: get(&counters.histograms_appended),
            out_of_bound_samples: get(&counters.out_of_bounds),
            out_of_order_samples: get(&counters.out_of_order),
            head_min_time_ms,
            head_max_time_ms,
            head_chunks_storage_bytes: self.chunks.bytes(),
            symbol_table_bytes,
            isolation_low_watermark: self.commits.seen_by_all(),
            isolation_high_watermark: self.commits.newest(),
            wal_storage_bytes: get(&self.log.bytes),
            wal_segment_current: self.log.segment(),
            wal_writes_failed: get(&self.log.writes_failed),
            wal_corruptions: get(&counters.corruptions),
            wal_bytes_written: self.log.written(),
            wal_fsync_count: syncs.count,
            wal_fsync_seconds_sum: syncs.sum.as_secs_f64(),
            wal_fsync_seconds: syncs.last.iter().map(Duration::as_secs_f64).collect(),
            checkpoint_creations: get(&counters.checkpoints),
            checkpoint_creations_failed: get(&counters.checkpoints_failed),
            time_retentions: get(&counters.files_retired),
            data_replay_seconds: get(&counters.replay_ns) as f64 / 1e9,
            clean_start,
        }
    }
}
