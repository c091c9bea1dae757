//! What the server says of itself, as the API asks for it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use narthex_api::{BuildInfo, HeadStats, NamedCount, RuntimeInfo, ScrapePoolConfig, Status, TsdbStats, WalReplay};
use narthex_model::duration::format_duration;
use narthex_promql_syntax::functions::FUNCTIONS;
use narthex_tsdb::Db;

use super::control::Controller;
use super::settings::Settings;

/// Answers from what the parts know.
pub(crate) struct ServerStatus {
    pub(crate) settings: Arc<Settings>,
    pub(crate) control: Arc<Controller>,
    /// Set when the database is open.
    pub(crate) db: Arc<OnceLock<Arc<Db>>>,
    pub(crate) start_time_ns: i64,
}

impl Status for ServerStatus {
    fn config_yaml(&self) -> String {
        self.control.loaded().config.to_yaml()
    }

    fn external_labels(&self) -> BTreeMap<String, String> {
        self.control.loaded().config.global.external_labels.clone()
    }

    fn scrape_pool_config(&self, scrape_pool: &str) -> Option<ScrapePoolConfig> {
        let loaded = self.control.loaded();
        let job = loaded.jobs.iter().find(|job| job.job_name == scrape_pool)?;
        Some(ScrapePoolConfig { yaml: job.to_yaml(), relabel_configs: job.relabel_configs.clone() })
    }

    fn flags(&self) -> BTreeMap<String, String> {
        let mut flags = self.settings.flags.clone();
        flags.insert("storage.tsdb.retention.time".into(), format_duration(self.retention_ms()));
        flags
    }

    fn build_info(&self) -> BuildInfo {
        BuildInfo {
            version: crate::version::full(),
            revision: option_env!("NARTHEX_REVISION").unwrap_or("unknown").into(),
            branch: option_env!("NARTHEX_BRANCH").unwrap_or("unknown").into(),
            build_user: String::new(),
            build_date: String::new(),
            // Clients show it; there is no Go in here.
            go_version: "none (Rust)".into(),
        }
    }

    fn runtime_info(&self) -> RuntimeInfo {
        RuntimeInfo {
            start_time_ns: self.start_time_ns,
            cwd: std::env::current_dir().map_or_else(|_| String::new(), |dir| dir.display().to_string()),
            hostname: super::host_name(),
            reload_config_success: self.control.is_last_reload_successful(),
            last_config_time_ns: self.control.last_success_ms() * 1_000_000,
            corruption_count: self.db.get().map_or(0, |db| db.metrics().wal_corruptions as i64),
            goroutine_count: std::fs::read_dir("/proc/self/task").map_or(0, |list| list.count() as u64),
            gomaxprocs: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
            gomemlimit: i64::MAX,
            gogc: String::new(),
            godebug: String::new(),
            storage_retention: format_duration(self.retention_ms()),
        }
    }

    fn tsdb_stats(&self, limit: usize) -> Result<TsdbStats, String> {
        let db = self.db.get().ok_or("TSDB not ready")?;
        let stats = db.stats(limit);
        let counts =
            |list: Vec<(String, u64)>| list.into_iter().map(|(name, value)| NamedCount { name, value }).collect();
        Ok(TsdbStats {
            head: HeadStats {
                num_series: stats.num_series,
                num_label_pairs: stats.num_label_pairs,
                chunk_count: stats.chunk_count,
                min_time_ms: stats.min_time_ms,
                max_time_ms: stats.max_time_ms,
            },
            series_count_by_metric_name: counts(stats.series_count_by_metric_name),
            label_value_count_by_label_name: counts(stats.label_value_count_by_label_name),
            memory_in_bytes_by_label_name: counts(stats.memory_in_bytes_by_label_name),
            series_count_by_label_value_pair: counts(stats.series_count_by_label_value_pair),
        })
    }

    fn blocks(&self) -> Vec<String> {
        // Everything is in the head so far.
        Vec::new()
    }

    fn wal_replay(&self) -> WalReplay {
        // The log is read before anything can be asked: there is nothing between
        // "not begun" and "done" to tell yet.
        let segment = self.db.get().map_or(0, |db| db.metrics().wal_segment_current as i64);
        WalReplay { min: 0, max: segment, current: segment }
    }

    fn features(&self) -> BTreeMap<String, BTreeMap<String, bool>> {
        let on = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), true)).collect::<BTreeMap<_, _>>();
        let features = &self.settings.engine.features;
        let mut api =
            on(&["query_stats", "query_warnings", "time_range_labels", "time_range_series", "label_values_match"]);
        api.insert("admin".into(), false);
        api.insert("lifecycle".into(), self.settings.is_lifecycle_enabled);
        let mut promql = on(&[
            "at_modifier",
            "bool",
            "by",
            "duration_expr",
            "group_left",
            "group_right",
            "ignoring",
            "negative_offset",
            "offset",
            "on",
            "per_query_lookback_delta",
            "subqueries",
            "without",
        ]);
        for (name, is_on) in [
            ("anchored", features.extended_range_selectors),
            ("smoothed", features.extended_range_selectors),
            ("fill", features.fill_modifiers),
            ("fill_left", features.fill_modifiers),
            ("fill_right", features.fill_modifiers),
            ("delayed_name_removal", features.delayed_name_removal),
            ("per_step_stats", features.per_step_stats),
            ("type_and_unit_labels", features.type_and_unit_labels),
        ] {
            promql.insert(name.into(), is_on);
        }
        let functions =
            FUNCTIONS.iter().map(|f| (f.name.to_owned(), !f.experimental || features.experimental_functions)).collect();
        BTreeMap::from([
            ("api".into(), api),
            ("prometheus".into(), BTreeMap::from([("server_mode".into(), true), ("agent_mode".into(), false)])),
            ("promql".into(), promql),
            ("promql_functions".into(), functions),
            ("scrape".into(), on(&["extra_scrape_metrics"])),
            ("service_discovery_providers".into(), on(&["file", "static"])),
        ])
    }
}

impl ServerStatus {
    fn retention_ms(&self) -> i64 {
        self.settings.retention_ms(&self.control.loaded().config)
    }
}
