//! The whole file.

use std::sync::Arc;

use crate::{GlobalConfig, ScrapeConfig};

/// The configuration file, checked, with defaults and inherited values filled in
/// and paths joined to the directory of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// What holds for all jobs.
    pub global: GlobalConfig,
    /// Settings of the process.
    pub runtime: RuntimeConfig,
    /// Patterns of rule files, as paths.
    pub rule_files: Vec<String>,
    /// Patterns of files with more jobs, as paths.
    pub scrape_config_files: Vec<String>,
    /// The jobs of this very file.
    pub scrape_configs: Vec<Arc<ScrapeConfig>>,
    /// Settings of the database.
    pub storage: StorageConfig,
}

/// The `runtime` block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// Go's garbage collection target in percent. Kept and shown; there is no
    /// garbage to collect here.
    pub gogc: i64,
}

impl Default for RuntimeConfig {
    fn default() -> RuntimeConfig {
        RuntimeConfig { gogc: 75 }
    }
}

/// The `storage` block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StorageConfig {
    /// Settings of the database itself.
    pub tsdb: TsdbConfig,
    /// Settings of the exemplar store, when given.
    pub exemplars: Option<ExemplarsConfig>,
}

/// The `storage.tsdb` block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TsdbConfig {
    /// How late a sample may come, in milliseconds; 0 takes none out of order.
    pub out_of_order_time_window_ms: i64,
    /// Share of stale series from which the head is compacted early; 0 for never.
    pub stale_series_compaction_threshold: f64,
    /// How long data is kept, when the file says so; flags count otherwise.
    pub retention: Option<TsdbRetentionConfig>,
}

/// The `storage.tsdb.retention` block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TsdbRetentionConfig {
    /// Age in milliseconds; 0 for no limit.
    pub time_ms: i64,
    /// Bytes; 0 for no limit.
    pub size: i64,
    /// Percentage of the disk; 0 for no limit. Makes `size` ignored.
    pub percentage: f64,
}

/// The `storage.exemplars` block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExemplarsConfig {
    /// How many exemplars are kept; none when 0 or less.
    pub max_exemplars: i64,
}
