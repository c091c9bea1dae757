//! What scraping says about itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only rises.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn inc(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Metrics of scraping.
#[derive(Debug, Default)]
pub struct ScrapeMetrics {
    pub(crate) scrapes_cache_flush_forced: Counter,
    pub(crate) scrapes_exceeded_sample_limit: Counter,
    pub(crate) scrapes_exceeded_body_size_limit: Counter,
    pub(crate) scrape_pool_exceeded_label_limits: Counter,
    pub(crate) scrapes_sample_duplicate_timestamp: Counter,
    pub(crate) scrapes_sample_out_of_order: Counter,
    pub(crate) scrapes_sample_out_of_bounds: Counter,
}

impl ScrapeMetrics {
    pub(crate) fn observe_interval(&self, _interval_ms: i64, _actual: std::time::Duration) {}

    pub(crate) fn observe_scrape(&self, _duration: std::time::Duration) {}

    pub(crate) fn sync_failed(&self, _job: &str) {}

    pub(crate) fn synced(&self, _config: &narthex_config::ScrapeConfig, _targets: usize, _took: std::time::Duration) {}

    pub(crate) fn exceeded_target_limit(&self) {}

    pub(crate) fn pool_gone(&self, _config: &narthex_config::ScrapeConfig) {}

    pub(crate) fn pool_created(&self) {}

    pub(crate) fn pool_reloaded(&self, _config: &narthex_config::ScrapeConfig, _took: std::time::Duration) {}
}
