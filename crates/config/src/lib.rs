//! `prometheus.yml` as checked, typed values.
//!
//! - [`config`]: [`Config`], the whole file.
//! - [`global`]: [`GlobalConfig`], what holds for all jobs.
//! - [`scrape`]: [`ScrapeConfig`], one job with everything it inherits filled in.
//! - [`discovery`]: where a job's targets come from.
//! - [`http_client`]: how targets are spoken to.
//! - [`protocol`]: exposition formats to ask for, and name schemes.
//! - [`secret`]: [`Secret`], text that never prints.
//!
//! This crate does not know what uses the values, and reads no environment:
//! the look-up for external labels is handed in.

pub mod config;
pub mod discovery;
pub mod global;
pub mod http_client;
pub mod protocol;
pub mod scrape;
pub mod secret;

pub use config::{Config, ExemplarsConfig, RuntimeConfig, StorageConfig, TsdbConfig, TsdbRetentionConfig};
pub use discovery::{FileSdConfig, StaticConfig};
pub use global::GlobalConfig;
pub use http_client::HttpClientConfig;
pub use protocol::{EscapingScheme, ScrapeProtocol, ValidationScheme};
pub use scrape::ScrapeConfig;
pub use secret::Secret;
