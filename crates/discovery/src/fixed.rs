//! Targets written in the configuration (`static_configs`).

use std::pin::Pin;

use narthex_config::StaticConfig;

use crate::group::TargetGroup;
use crate::provider::{Provider, Updates};

/// Reports its groups once. Their sources are their indexes.
#[derive(Debug)]
pub struct StaticProvider {
    groups: Vec<TargetGroup>,
}

impl StaticProvider {
    /// A provider of these groups.
    pub fn new(configs: &[StaticConfig]) -> StaticProvider {
        let group = |(index, config): (usize, &StaticConfig)| TargetGroup::from_config(index.to_string(), config);
        StaticProvider { groups: configs.iter().enumerate().map(group).collect() }
    }
}

impl Provider for StaticProvider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { updates.send(self.groups) })
    }
}
