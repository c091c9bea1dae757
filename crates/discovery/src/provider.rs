//! One way to find targets.

use std::pin::Pin;
use std::sync::Arc;

use narthex_config::{FileSdConfig, StaticConfig};
use narthex_env::Clock;

use crate::file::FileProvider;
use crate::fixed::StaticProvider;
use crate::group::TargetGroup;
use crate::metrics::Metrics;

/// Finds targets until it is dropped.
pub trait Provider: Send {
    /// Reports target groups through `updates` for as long as it is polled. It is
    /// dropped at any `.await` when its configuration is gone; returning early
    /// leaves what it reported as it is.
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The configuration of a provider. Equal ones share one provider.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProviderConfig {
    /// The `static_configs` of one job, all together.
    Static(Vec<StaticConfig>),
    /// One entry of `file_sd_configs`.
    File(FileSdConfig),
}

/// What a provider is given of its surroundings.
#[derive(Clone)]
pub struct Context {
    /// The first job that asked for it; what its metrics and log lines name.
    pub config_name: String,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// Where it gets its time from.
    pub clock: Arc<dyn Clock>,
}

/// Why a provider could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(pub String);

impl ProviderConfig {
    /// The name of the mechanism, as upstream registers it.
    pub fn mechanism(&self) -> &'static str {
        match self {
            ProviderConfig::Static(_) => "static",
            ProviderConfig::File(_) => "file",
        }
    }

    /// Sets the provider up; it does nothing yet.
    ///
    /// # Errors
    /// When it cannot work with this configuration; the others go on.
    pub fn provider(&self, context: &Context) -> Result<Box<dyn Provider>, SetupError> {
        Ok(match self {
            ProviderConfig::Static(groups) => Box::new(StaticProvider::new(groups)),
            ProviderConfig::File(config) => Box::new(FileProvider::new(config.clone(), context.clone())),
        })
    }
}

/// Where a provider reports to.
#[derive(Clone)]
pub struct Updates {
    report: Arc<dyn Fn(Vec<TargetGroup>) + Send + Sync>,
}

impl Updates {
    /// Hands what is reported to `report`, which must not block.
    pub fn new(report: impl Fn(Vec<TargetGroup>) + Send + Sync + 'static) -> Updates {
        Updates { report: Arc::new(report) }
    }

    /// Reports groups. Each replaces the one of its source; one without targets
    /// removes it; all others stay.
    pub fn send(&self, groups: Vec<TargetGroup>) {
        (self.report)(groups);
    }
}
