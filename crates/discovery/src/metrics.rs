//! What the program shows of discovery. Names are without `prometheus_sd_`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counts of one [`crate::Manager`], whose name is their label `name`.
#[derive(Debug, Default)]
pub struct Metrics {
    /// `failed_configs`: configurations that could not be started by the last reload.
    pub failed_configs: Count,
    /// `received_updates_total`: updates from providers.
    pub received_updates: Count,
    /// `updates_total`: updates handed on.
    pub updates: Count,
    /// `updates_delayed_total`: always 0. Upstream's receiver may be busy; ours
    /// is left a newer update in place of the older one.
    pub updates_delayed: Count,
    /// `discovered_targets{config}`: targets by job.
    pub discovered_targets: ByLabel,
    /// `last_update_timestamp_seconds{config}`: when a provider last reported, by job.
    pub last_update_seconds: ByLabel,
    /// `refresh_failures_total{mechanism,config}`; the key is both, with a `/` between.
    pub refresh_failures: ByLabel,
    /// `file_read_errors_total`
    pub file_read_errors: Count,
    /// `file_watcher_errors_total`
    pub file_watcher_errors: Count,
    /// `file_scan_duration_seconds`, its count and sum.
    pub file_scan_duration: Durations,
    /// `file_mtime_seconds{filename}`
    pub file_mtime_seconds: ByLabel,
}

/// A number that goes up, or is set.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds one.
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// How long something took.
#[derive(Debug, Default)]
pub struct Durations {
    count: AtomicU64,
    sum_ns: AtomicU64,
}

impl Durations {
    /// Adds one.
    pub fn observe(&self, took: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How long they took together, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_ns.load(Ordering::Relaxed) as f64 / 1e9
    }
}

/// A value for each value of a label.
#[derive(Debug, Default)]
pub struct ByLabel {
    /// Guards the values; held for one look-up at a time.
    values: Mutex<BTreeMap<String, f64>>,
}

impl ByLabel {
    fn locked<T>(&self, with: impl FnOnce(&mut BTreeMap<String, f64>) -> T) -> T {
        with(&mut self.values.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets the value of one.
    pub fn set(&self, label: &str, value: f64) {
        self.locked(|values| values.insert(label.into(), value));
    }

    /// Adds one to the value of one.
    pub fn increment(&self, label: &str) {
        self.locked(|values| *values.entry(label.into()).or_default() += 1.0);
    }

    /// Forgets those for which `keep` says no.
    pub fn retain(&self, mut keep: impl FnMut(&str) -> bool) {
        self.locked(|values| values.retain(|label, _| keep(label)));
    }

    /// The value of one.
    pub fn get(&self, label: &str) -> Option<f64> {
        self.locked(|values| values.get(label).copied())
    }

    /// All of them, by label.
    pub fn all(&self) -> Vec<(String, f64)> {
        self.locked(|values| values.iter().map(|(label, value)| (label.clone(), *value)).collect())
    }
}
