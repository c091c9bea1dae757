//! Target groups: what is found, where, and kept up to date.
//!
//! A [`Manager`] runs one [`Provider`] for each discovery configuration (equal
//! ones share one), keeps the groups they report, and hands the targets of all
//! jobs on as a whole, not more often than it is told.
//!
//! - [`group`]: [`TargetGroup`], and reading groups from JSON and YAML.
//! - [`provider`]: [`Provider`], one way to find targets; [`ProviderConfig`].
//! - [`fixed`]: targets written in the configuration.
//! - [`file`]: targets written in files of their own.
//! - [`manager`]: [`Manager`], which runs them.
//! - [`metrics`]: [`Metrics`], what the program shows of it.
//!
//! A further way to find targets is one more module with a [`Provider`], and one
//! more variant of [`ProviderConfig`]. This crate knows nothing of scraping.

pub mod file;
pub mod fixed;
pub mod group;
pub mod manager;
pub mod metrics;
pub mod provider;

pub use group::TargetGroup;
pub use manager::{Manager, Options, Targets};
pub use metrics::Metrics;
pub use provider::{Context, Provider, ProviderConfig, Updates};
