//! What is scraped, as the API asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use narthex_api::{ActiveTarget, DroppedTarget, DroppedTargets, Family, TargetHealth, Targets};
use narthex_model::Labels;
use narthex_scrape::{Discovered, Health, Manager, Target};

/// The scrape manager's targets.
pub(crate) struct ScrapedTargets(pub(crate) Arc<Manager>);

impl Targets for ScrapedTargets {
    fn scrape_pools(&self) -> Vec<String> {
        self.0.pool_names()
    }

    fn active(&self, scrape_pool: Option<&str>) -> BTreeMap<String, Vec<ActiveTarget>> {
        let pools = self.0.pools().into_iter().filter(|pool| scrape_pool.is_none_or(|name| name == pool.name));
        pools
            .map(|pool| {
                let targets = pool.active.iter().map(|target| describe(&pool.name, target)).collect();
                (pool.name, targets)
            })
            .collect()
    }

    fn dropped(&self) -> BTreeMap<String, DroppedTargets> {
        let describe = |discovered: &Discovered| DroppedTarget { discovered_labels: discovered.labels() };
        self.0
            .pools()
            .into_iter()
            .map(|pool| {
                let kept = pool.dropped.iter().map(describe).collect();
                (pool.name, DroppedTargets { count: pool.dropped_count as u64, kept })
            })
            .collect()
    }

    fn visit_metadata(&self, metric: Option<&str>, visit: &mut dyn FnMut(&Labels, &[Family]) -> bool) {
        for target in self.0.pools().into_iter().flat_map(|pool| pool.active) {
            let families = target.families();
            let wanted = families.iter().filter(|family| metric.is_none_or(|name| name == family.name));
            let families: Vec<Family> =
                wanted.map(|family| Family { name: family.name.clone(), metadata: family.metadata.clone() }).collect();
            if !visit(target.labels(), &families) {
                return;
            }
        }
    }
}

fn describe(scrape_pool: &str, target: &Target) -> ActiveTarget {
    let last = target.last_scrape();
    ActiveTarget {
        discovered_labels: target.discovered_labels(),
        labels: target.labels().clone(),
        scrape_pool: scrape_pool.to_owned(),
        scrape_url: target.url().to_owned(),
        last_error: last.error,
        last_scrape_ns: last.started_ns,
        last_scrape_duration_seconds: last.duration_seconds,
        health: match last.health {
            Health::Unknown => TargetHealth::Unknown,
            Health::Up => TargetHealth::Up,
            Health::Down => TargetHealth::Down,
        },
        scrape_interval_ms: target.interval_ms(),
        scrape_timeout_ms: target.timeout_ms(),
    }
}
