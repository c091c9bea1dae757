//! What the server says about itself.

use std::collections::BTreeMap;

use narthex_model::relabel;

/// Knows the server's state. Called from blocking threads.
pub trait Status: Send + Sync {
    /// The loaded configuration as YAML, secrets masked.
    fn config_yaml(&self) -> String;
    /// The labels that others see on all series.
    fn external_labels(&self) -> BTreeMap<String, String>;
    /// The configuration of a job, if there is one of that name.
    fn scrape_pool_config(&self, scrape_pool: &str) -> Option<ScrapePoolConfig>;
    /// All flags with their values.
    fn flags(&self) -> BTreeMap<String, String>;
    /// What was built.
    fn build_info(&self) -> BuildInfo;
    /// What runs.
    fn runtime_info(&self) -> RuntimeInfo;
    /// What the database holds; the lists sorted by count, `limit` entries each.
    ///
    /// # Errors
    /// A text, when the database cannot tell.
    fn tsdb_stats(&self, limit: usize) -> Result<TsdbStats, String>;
    /// The blocks of the database: the content of each one's `meta.json`, oldest first.
    fn blocks(&self) -> Vec<String>;
    /// How far the log is read at start.
    fn wal_replay(&self) -> WalReplay;
    /// What is switched on, by category and name.
    fn features(&self) -> BTreeMap<String, BTreeMap<String, bool>>;
}

/// The configuration of a job.
#[derive(Clone, Debug)]
pub struct ScrapePoolConfig {
    /// As YAML, secrets masked.
    pub yaml: String,
    /// The rules that its targets' labels go through.
    pub relabel_configs: Vec<relabel::Config>,
}

/// What was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version.
    pub version: String,
    /// The commit.
    pub revision: String,
    /// The branch.
    pub branch: String,
    /// Who built it.
    pub build_user: String,
    /// When.
    pub build_date: String,
    /// With which compiler; upstream says Go's version here.
    pub go_version: String,
}

/// What runs. Times are in nanoseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// When the process started.
    pub start_time_ns: i64,
    /// Its working directory.
    pub cwd: String,
    /// The machine's name.
    pub hostname: String,
    /// Whether the last reload succeeded.
    pub reload_config_success: bool,
    /// When the configuration was last loaded.
    pub last_config_time_ns: i64,
    /// How often the log was found corrupt.
    pub corruption_count: i64,
    /// Threads of the process; upstream says goroutines here.
    pub goroutine_count: u64,
    /// Threads that compute at a time.
    pub gomaxprocs: u64,
    /// Go's memory limit in bytes; here the machine's memory or the process' limit.
    pub gomemlimit: i64,
    /// Go's garbage collection target, `""` when the environment does not say.
    pub gogc: String,
    /// Go's debug settings from the environment.
    pub godebug: String,
    /// `15d`, `15d or 1GiB`.
    pub storage_retention: String,
}

/// The head of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadStats {
    /// Its series.
    pub num_series: u64,
    /// Its distinct label pairs.
    pub num_label_pairs: u64,
    /// Its chunks.
    pub chunk_count: u64,
    /// Its oldest sample in milliseconds since the epoch; `i64::MAX` when empty.
    pub min_time_ms: i64,
    /// Its newest sample in milliseconds since the epoch; `i64::MIN` when empty.
    pub max_time_ms: i64,
}

/// One line of a statistic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCount {
    /// What is counted.
    pub name: String,
    /// How much there is of it.
    pub value: u64,
}

/// What the database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsdbStats {
    /// The head.
    pub head: HeadStats,
    /// Series by metric name.
    pub series_count_by_metric_name: Vec<NamedCount>,
    /// Values by label name.
    pub label_value_count_by_label_name: Vec<NamedCount>,
    /// Bytes by label name: over all series, the lengths of name and value and 2.
    pub memory_in_bytes_by_label_name: Vec<NamedCount>,
    /// Series by label pair, `name=value`.
    pub series_count_by_label_value_pair: Vec<NamedCount>,
}

/// How far the log is read at start, in segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalReplay {
    /// The first segment.
    pub min: i64,
    /// The last segment.
    pub max: i64,
    /// The segment being read.
    pub current: i64,
}
