//! The targets and loops of one job.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::HeaderMap;
use narthex_config::ScrapeConfig;
use narthex_discovery::TargetGroup;
use narthex_model::Labels;

use crate::context::Context;
use crate::negotiation;
use crate::scrape_loop::{LoopHandle, PoolLimit, ScrapeLoop, end_of_run};
use crate::target::{Discovered, Target, from_group};

/// The targets and loops of one job.
pub(crate) struct Pool {
    context: Arc<Context>,
    config: Arc<ScrapeConfig>,
    groups: Vec<Arc<TargetGroup>>,
    is_synced: bool,
    /// By the hash of their targets.
    loops: HashMap<u64, LoopHandle>,
    limit: Arc<PoolLimit>,
    dropped: Vec<Discovered>,
    dropped_count: usize,
    /// Request headers by timeout.
    headers: HashMap<i64, Arc<HeaderMap>>,
}

impl Pool {
    pub(crate) fn new(context: Arc<Context>, config: Arc<ScrapeConfig>) -> Pool {
        Pool {
            context,
            config,
            groups: Vec::new(),
            is_synced: false,
            loops: HashMap::new(),
            limit: Arc::default(),
            dropped: Vec::new(),
            dropped_count: 0,
            headers: HashMap::new(),
        }
    }

    pub(crate) fn config(&self) -> &Arc<ScrapeConfig> {
        &self.config
    }

    /// The targets, by their labels.
    pub(crate) fn active(&self) -> Vec<Arc<Target>> {
        let mut targets: Vec<_> = self.loops.values().map(|running| Arc::clone(&running.target)).collect();
        targets.sort_by(|a, b| a.labels().cmp(b.labels()).then_with(|| a.url().cmp(b.url())));
        targets
    }

    /// Discovered targets that relabelling dropped, as many as are remembered, and
    /// how many there are.
    pub(crate) fn dropped(&self) -> (&[Discovered], usize) {
        (&self.dropped, self.dropped_count)
    }

    /// Goes on with these target groups. Loops of targets that stay are not touched.
    pub(crate) fn sync(&mut self, groups: &[Arc<TargetGroup>]) {
        let is_same = |(a, b): (&Arc<TargetGroup>, &Arc<TargetGroup>)| Arc::ptr_eq(a, b);
        if self.is_synced && groups.len() == self.groups.len() && groups.iter().zip(&self.groups).all(is_same) {
            return;
        }
        self.is_synced = true;
        self.groups = groups.to_vec();
        self.apply(&mut Stopped::default());
    }

    /// Goes on under another configuration: all loops start anew, after a running
    /// scrape is done. They keep what they know where the configuration lets them.
    pub(crate) fn reload(&mut self, config: Arc<ScrapeConfig>) {
        let mut stopped = Stopped { keeps_caches: is_same_storing(&self.config, &config), loops: HashMap::new() };
        self.config = config;
        self.headers.clear();
        for (_, running) in self.loops.drain() {
            running.stop.cancel();
            stopped.loops.entry(Key::of(&running.target)).or_default().push(running);
        }
        self.apply(&mut stopped);
        for running in stopped.loops.into_values().flatten() {
            end(&self.context, running);
        }
    }

    /// Ends the pool and all loops; their series get staleness markers in a while.
    pub(crate) fn stop(mut self) {
        self.context.metrics.forget_pool(&self.config.job_name);
        for (_, running) in self.loops.drain() {
            running.stop.cancel();
            end(&self.context, running);
        }
    }

    /// Makes the loops fit the groups. New ones take over from those in `stopped`.
    fn apply(&mut self, stopped: &mut Stopped) {
        let started = self.context.clock.monotonic();
        self.dropped.clear();
        self.dropped_count = 0;
        let mut wanted: HashSet<u64> = HashSet::new();
        for group in std::mem::take(&mut self.groups) {
            let made = from_group(&group, &self.config);
            for error in &made.errors {
                self.context.metrics.sync_failed.with(&[&self.config.job_name]).inc();
                tracing::error!(scrape_pool = %self.config.job_name, err = %error, "Creating target failed");
            }
            self.dropped_count += made.dropped.len();
            let room = match self.config.keep_dropped_targets {
                0 => usize::MAX,
                max => usize::try_from(max).unwrap_or(usize::MAX).saturating_sub(self.dropped.len()),
            };
            self.dropped.extend(made.dropped.into_iter().take(room));
            for target in made.active {
                if !wanted.insert(target.hash()) {
                    continue;
                }
                match self.loops.get(&target.hash()) {
                    Some(running) => running.target.set_discovered(target.take_discovered()),
                    None => self.start(target, stopped),
                }
            }
            self.groups.push(group);
        }
        let gone: Vec<u64> = self.loops.keys().copied().filter(|hash| !wanted.contains(hash)).collect();
        for hash in gone {
            if let Some(running) = self.loops.remove(&hash) {
                running.stop.cancel();
                end(&self.context, running);
            }
        }
        self.check_limit();
        let took = self.context.clock.monotonic().saturating_sub(started);
        self.context.metrics.synced(&self.config, self.loops.len(), took);
    }

    fn start(&mut self, target: Arc<Target>, stopped: &mut Stopped) {
        let timeout_ms = target.timeout_ms();
        let headers = self
            .headers
            .entry(timeout_ms)
            .or_insert_with(|| Arc::new(negotiation::headers(&self.config, timeout_ms, &self.context.user_agent)));
        let predecessor = stopped.loops.get_mut(&Key::of(&target)).and_then(Vec::pop);
        let predecessor = predecessor.and_then(|running| {
            target.set_last_scrape(running.target.last_scrape());
            if stopped.keeps_caches {
                return Some(running.task);
            }
            end(&self.context, running);
            None
        });
        let starting = ScrapeLoop {
            context: Arc::clone(&self.context),
            config: Arc::clone(&self.config),
            target: Arc::clone(&target),
            headers: Arc::clone(headers),
            limit: Arc::clone(&self.limit),
        };
        let running = starting.start(predecessor);
        self.loops.insert(target.hash(), running);
    }

    /// With more targets than allowed none is scraped: half of them would be a riddle.
    fn check_limit(&mut self) {
        let limit = self.config.target_limit;
        let count = self.loops.len();
        let is_over = limit > 0 && count as u64 > limit;
        if is_over {
            self.context.metrics.scrape_pool_exceeded_target_limit.inc();
        }
        self.limit.targets_over_limit.store(if is_over { count } else { 0 }, Ordering::Relaxed);
    }
}

/// Loops that were told to stop.
#[derive(Default)]
struct Stopped {
    /// Whether their successors may go on with what they know.
    keeps_caches: bool,
    loops: HashMap<Key, Vec<LoopHandle>>,
}

/// Sees a stopped loop to its end.
fn end(context: &Arc<Context>, stopped: LoopHandle) {
    let shard = context.shards.of(stopped.target.hash());
    context.tasks.spawn_on(end_of_run(Arc::clone(context), stopped.task), shard);
}

/// Targets that give their series the same labels and expose the same lines, even
/// if they are scraped at another pace.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    labels: Labels,
    url: String,
}

impl Key {
    fn of(target: &Target) -> Key {
        Key { labels: target.labels().clone(), url: target.url().to_owned() }
    }
}

/// Whether under both configurations the same lines become the same series.
fn is_same_storing(a: &ScrapeConfig, b: &ScrapeConfig) -> bool {
    let mut a = a.clone();
    a.scrape_interval_ms = b.scrape_interval_ms;
    a.scrape_timeout_ms = b.scrape_timeout_ms;
    a.sample_limit = b.sample_limit;
    a.http_client = b.http_client.clone();
    a == *b
}
