//! Targets as the API shows them.

use std::collections::BTreeMap;

use narthex_model::{Labels, Metadata};

/// Whether the last scrape of a target went well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetHealth {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// It did.
    Up,
    /// It did not.
    Down,
}

impl TargetHealth {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            TargetHealth::Unknown => "unknown",
            TargetHealth::Up => "up",
            TargetHealth::Down => "down",
        }
    }
}

/// A target that is scraped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActiveTarget {
    /// Its labels before relabelling.
    pub discovered_labels: Labels,
    /// The labels it gives to its series.
    pub labels: Labels,
    /// Its job.
    pub scrape_pool: String,
    /// The address it is scraped at.
    pub scrape_url: String,
    /// Why the last scrape failed; `""` when it did not.
    pub last_error: String,
    /// When the last scrape began, in nanoseconds since the epoch; `None` before the first.
    pub last_scrape_ns: Option<i64>,
    /// How long it took, in seconds.
    pub last_scrape_duration_seconds: f64,
    /// How it went.
    pub health: TargetHealth,
    /// How often it is scraped, in milliseconds.
    pub scrape_interval_ms: i64,
    /// How long a scrape may take, in milliseconds.
    pub scrape_timeout_ms: i64,
}

/// A target that relabelling dropped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DroppedTarget {
    /// Its labels before relabelling.
    pub discovered_labels: Labels,
}

/// What relabelling dropped of one job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DroppedTargets {
    /// How many there are.
    pub count: u64,
    /// Those that are remembered: not more than `keep_dropped_targets`.
    pub kept: Vec<DroppedTarget>,
}

/// What a target says about a metric family.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The metric name.
    pub name: String,
    /// Type, unit and help.
    pub metadata: Metadata,
}

/// Knows the targets. Called from blocking threads.
pub trait Targets: Send + Sync {
    /// The names of all jobs, sorted.
    fn scrape_pools(&self) -> Vec<String>;

    /// The scraped targets by job; of one job only, when named.
    fn active(&self, scrape_pool: Option<&str>) -> BTreeMap<String, Vec<ActiveTarget>>;

    /// The dropped targets by job.
    fn dropped(&self) -> BTreeMap<String, DroppedTargets>;

    /// Calls `visit` with each scraped target's labels and what it says about its
    /// metrics (about `metric` only, when named), until that says to stop.
    fn visit_metadata(&self, metric: Option<&str>, visit: &mut dyn FnMut(&Labels, &[Family]) -> bool);
}
