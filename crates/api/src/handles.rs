//! What the program hands to the API: the things that know the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use narthex_env::Clock;
use narthex_model::{Labels, Metadata};
use narthex_promql::Engine;
use narthex_regex::Anchored;
use narthex_storage::Storage;

/// Everything the API needs.
pub struct Handles {
    /// Runs queries.
    pub engine: Arc<Engine>,
    /// What queries read.
    pub storage: Arc<dyn Storage>,
    /// What is scraped.
    pub targets: Arc<dyn Targets>,
    /// Readiness, reload, quit.
    pub control: Arc<dyn Control>,
    /// What the server says of itself.
    pub status: Arc<dyn Status>,
    /// Told about every request.
    pub observer: Arc<dyn RequestObserver>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Origins that pages may call the API from.
    pub cors_origin: Anchored,
    /// Whether reload and quit are open to anyone.
    pub is_lifecycle_enabled: bool,
    /// What the parser lets through.
    pub parser: narthex_promql_syntax::ParserOptions,
}

/// How a target does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    Unknown,
    /// The last scrape succeeded.
    Up,
    /// The last scrape failed.
    Down,
}

impl Health {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Up => "up",
            Health::Down => "down",
        }
    }
}

/// A target that is scraped.
#[derive(Clone, Debug)]
pub struct ActiveTarget {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// Labels of its series.
    pub labels: Labels,
    /// The job it belongs to.
    pub scrape_pool: String,
    /// The address that is scraped.
    pub scrape_url: String,
    /// The same as seen from outside this machine.
    pub global_url: String,
    /// Why the last scrape failed; empty when it did not.
    pub last_error: String,
    /// When the last scrape began, nanoseconds since the epoch; `None` before the first.
    pub last_scrape_ns: Option<i64>,
    /// How long it took.
    pub last_scrape_duration: Duration,
    /// How it does.
    pub health: Health,
    /// How often it is scraped, in milliseconds.
    pub interval_ms: i64,
    /// How long a scrape may take, in milliseconds.
    pub timeout_ms: i64,
}

/// A target that relabelling dropped.
#[derive(Clone, Debug)]
pub struct DroppedTarget {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// The job it belongs to.
    pub scrape_pool: String,
}

/// What one target says about one metric family.
#[derive(Clone, Debug)]
pub struct TargetMetadata {
    /// Labels of the target's series.
    pub target: Labels,
    /// The family's name.
    pub family: String,
    /// What it says.
    pub metadata: Metadata,
}

/// Knows what is scraped.
pub trait Targets: Send + Sync {
    /// The jobs, sorted.
    fn pools(&self) -> Vec<String>;
    /// The targets that are scraped, by job, then in the pool's order.
    fn active(&self) -> Vec<ActiveTarget>;
    /// The targets that relabelling dropped, as far as they are kept.
    fn dropped(&self) -> Vec<DroppedTarget>;
    /// How many targets of each job were dropped.
    fn dropped_counts(&self) -> BTreeMap<String, usize>;
    /// Calls `visit` for what targets say about their families (of one name, if
    /// given), until it returns false.
    fn metadata(&self, family: Option<&str>, visit: &mut dyn FnMut(TargetMetadata) -> bool);
}

/// Whether the server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet.
    Starting,
    /// Yes.
    Ready,
    /// Not any more.
    Stopping,
}

/// Knows and decides whether the server runs, and with which configuration.
pub trait Control: Send + Sync {
    /// Whether it serves now.
    fn readiness(&self) -> Readiness;
    /// Applies the configuration as it is now. Blocks until it is applied.
    ///
    /// # Errors
    /// Why it was not; the old one then stays.
    fn reload(&self) -> Result<(), String>;
    /// Asks the program to end; false when that was asked before.
    fn quit(&self) -> bool;
}

/// What this build is.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct BuildInfo {
    pub version: String,
    pub revision: String,
    pub branch: String,
    pub build_user: String,
    pub build_date: String,
    pub go_version: String,
}

/// How the server runs.
#[derive(Clone, Debug, Default)]
pub struct RuntimeInfo {
    /// Nanoseconds since the epoch.
    pub start_time_ns: i64,
    /// Working directory.
    pub cwd: String,
    /// This machine's name.
    pub hostname: String,
    /// Whether the last reload succeeded.
    pub is_reload_successful: bool,
    /// When the configuration was last applied, milliseconds since the epoch.
    pub last_config_time_ms: i64,
    /// Corruptions found in the log.
    pub corruption_count: u64,
    /// Threads of the process.
    pub threads: u64,
    /// Processors the server may use.
    pub processors: u64,
    /// How long samples are kept: `15d`.
    pub storage_retention: String,
}

/// A name with a number.
#[derive(Clone, Debug)]
pub struct TsdbCount {
    /// What is counted.
    pub name: String,
    /// How many.
    pub value: u64,
}

/// What is in the head.
#[derive(Clone, Debug, Default)]
pub struct TsdbStatus {
    /// Series.
    pub series: u64,
    /// Distinct label pairs.
    pub label_pairs: u64,
    /// Chunks.
    pub chunks: u64,
    /// The first and last time, milliseconds; `None` when there are no samples.
    pub time_range_ms: Option<(i64, i64)>,
    /// Series by metric name, most first.
    pub series_by_metric_name: Vec<TsdbCount>,
    /// Values by label name, most first.
    pub values_by_label_name: Vec<TsdbCount>,
    /// Bytes by label name, most first.
    pub bytes_by_label_name: Vec<TsdbCount>,
    /// Series by label pair, most first.
    pub series_by_label_pair: Vec<TsdbCount>,
}

/// Knows what the server says of itself.
pub trait Status: Send + Sync {
    /// The configuration in force as YAML, secrets masked.
    fn config_yaml(&self) -> String;
    /// All flags with their values.
    fn flags(&self) -> BTreeMap<String, String>;
    /// What this build is.
    fn build_info(&self) -> BuildInfo;
    /// How it runs.
    fn runtime_info(&self) -> RuntimeInfo;
    /// What is in the head, the top lists cut at `limit`.
    fn tsdb(&self, limit: usize) -> TsdbStatus;
    /// What this build can do: category, name, whether.
    fn features(&self) -> BTreeMap<String, BTreeMap<String, bool>>;
    /// Our own metrics in text form (media type and body), as the client's
    /// `Accept` header asks for.
    fn metrics(&self, accept: Option<&str>) -> (String, Vec<u8>);
}

/// Is told about every request that an endpoint answered.
pub trait RequestObserver: Send + Sync {
    /// `handler` is the endpoint's path as registered.
    fn observe(&self, handler: &'static str, status: u16, took: Duration, response_bytes: usize);
    /// Called once per endpoint at start, so that its metrics exist from then on.
    fn register(&self, handler: &'static str);
}
