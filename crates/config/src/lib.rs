//! `prometheus.yml` as checked, typed values.
//!
//! - [`config`]: [`Config`], the whole file.
//! - [`global`]: [`GlobalConfig`], what holds for all jobs.
//! - [`scrape`]: [`ScrapeConfig`], one job with everything it inherits filled in.
//! - [`discovery`]: where a job's targets come from.
//! - [`http_client`]: how targets are spoken to.
//! - [`protocol`]: exposition formats to ask for.
//! - [`secret`]: [`Secret`], text that never prints.
//! - [`load`]: reading files; [`paths`]: joining and globbing as Go does.
//! - [`error`]: why a configuration was refused.
//! - `decode`: the file as it is written; `print`: the file as it is shown.
//!
//! This crate does not know what uses the values, and reads no environment:
//! the look-up for external labels is handed in.

pub mod config;
mod decode;
pub mod discovery;
pub mod error;
mod expand;
pub mod global;
pub mod http_client;
pub mod load;
pub mod paths;
mod print;
pub mod protocol;
pub mod scrape;
pub mod secret;

pub use config::{Config, ExemplarsConfig, RuntimeConfig, StorageConfig, TsdbConfig, TsdbRetentionConfig};
pub use discovery::{FileSdConfig, StaticConfig};
pub use error::Error;
pub use global::GlobalConfig;
pub use http_client::HttpClientConfig;
pub use load::EnvLookup;
pub use narthex_model::name::{EscapingScheme, ValidationScheme};
pub use narthex_yaml::Place;
pub use protocol::ScrapeProtocol;
pub use scrape::ScrapeConfig;
pub use secret::Secret;
