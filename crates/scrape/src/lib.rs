//! Targets, scrape loops, scrape caches, limits, staleness.
//!
//! - [`manager`]: [`Manager`], all pools; what the program and the API speak to.
//! - `pool`: the targets and loops of one job.
//! - [`target`]: [`Target`], made from a target group and a job.
//! - `scrape_loop`: the task that scrapes one target, at the times of `schedule`, on
//!   one of the threads of `shards`.
//! - `negotiation`: what a target is asked for.
//! - `writer`: from a body to one committed batch, through the `cache` of what the
//!   target exposed last; `sample_labels` for new lines; `report` for `up` and others.
//! - [`metadata`]: what targets say about their metrics.
//! - `failure_log`: failed scrapes, as JSON lines.
//! - [`metrics`]: what scraping says about itself.
//! - [`error`]: why a scrape failed.
//!
//! This crate does not know how samples are stored: it writes through
//! [`narthex_storage`], one commit per scrape.

#[cfg(feature = "bench")]
pub mod bench;
mod cache;
mod context;
pub mod error;
mod failure_log;
pub mod manager;
pub mod metadata;
pub mod metrics;
mod negotiation;
mod pool;
mod report;
mod sample_labels;
mod schedule;
mod scrape_loop;
mod shards;
pub mod target;
#[cfg(test)]
mod testing;
mod writer;

pub use error::ScrapeError;
pub use manager::{Manager, Options, PoolStatus};
pub use metadata::Family;
pub use metrics::ScrapeMetrics;
pub use target::{Discovered, Health, LastScrape, Target};
