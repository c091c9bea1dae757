//! All pools: what the program and the API speak to.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use narthex_client::{RegisterError, Registry};
use narthex_config::ScrapeConfig;
use narthex_discovery::{TargetGroup, Targets};
use narthex_env::{Clock, Random};
use narthex_model::Labels;
use narthex_storage::Storage;
use tokio::sync::watch;

use crate::context::Context;
use crate::metrics::{MetadataCollector, ScrapeMetrics};
use crate::pool::Pool;
use crate::target::{Discovered, Target, fnv1a};

/// What a manager needs to know once.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of this machine. Servers of different names scrape a target at
    /// different times.
    pub host_name: String,
    /// What targets are told about us: `Prometheus/<version>`.
    pub user_agent: String,
    /// Whether a new target is scraped at once, and only then waits for its place
    /// in the interval: somebody is watching who does not want to wait.
    pub scrapes_at_once: bool,
}

/// All scrape pools.
///
/// Start: [`Manager::new`], [`Manager::apply_config`], and a task with
/// [`Manager::run`] on what discovery finds. Reload: [`Manager::apply_config`]
/// before discovery is told. End: [`Manager::shutdown`].
pub struct Manager {
    context: Arc<Context>,
    options: Options,
    /// Guards pools and configuration. Held while targets are made and loops
    /// started or told to stop, never while something is waited for.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    configs: BTreeMap<String, Arc<ScrapeConfig>>,
    pools: BTreeMap<String, Pool>,
    is_shut_down: bool,
}

/// One pool, as the API shows it.
#[derive(Clone, Debug)]
pub struct PoolStatus {
    /// The job's name.
    pub name: String,
    /// The targets that are scraped, by their labels.
    pub active: Vec<Arc<Target>>,
    /// Discovered targets that relabelling dropped: at most `keep_dropped_targets`.
    pub dropped: Vec<Discovered>,
    /// How many were dropped.
    pub dropped_count: usize,
}

impl Manager {
    /// A manager without pools. Starts a thread for each core, on which the loops
    /// will run. They end with [`Manager::shutdown`], or when it is dropped.
    ///
    /// # Errors
    /// When the system refuses the threads.
    pub fn new(
        options: Options,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        random: &Random,
        metrics: Arc<ScrapeMetrics>,
    ) -> io::Result<Manager> {
        let user_agent =
            HeaderValue::from_str(&options.user_agent).unwrap_or_else(|_| HeaderValue::from_static("Prometheus"));
        let mut context = Context::new(storage, clock, random, metrics, user_agent)?;
        context.scrapes_at_once = options.scrapes_at_once;
        Ok(Manager { context: Arc::new(context), options, state: Mutex::default() })
    }

    /// Goes on with these jobs. Pools of jobs that are gone stop; those of changed
    /// jobs start anew with the targets they have; others are not touched. A new
    /// job gets its pool with its first target set.
    pub fn apply_config(&self, configs: &[Arc<ScrapeConfig>], external_labels: &BTreeMap<String, String>) {
        let external = Labels::from_pairs(external_labels);
        let seed = fnv1a(&[self.options.host_name.as_bytes(), external.to_string().as_bytes()]);
        self.context.offset_seed.store(seed, Ordering::Relaxed);
        self.context.failure_logs.reopen();

        let mut state = lock(&self.state);
        if state.is_shut_down {
            return;
        }
        let started = self.context.clock.monotonic();
        state.configs = configs.iter().map(|c| (c.job_name.clone(), Arc::clone(c))).collect();
        let State { configs, pools, .. } = &mut *state;
        let gone: Vec<String> = pools.keys().filter(|name| !configs.contains_key(*name)).cloned().collect();
        for pool in gone.iter().filter_map(|name| pools.remove(name)) {
            pool.stop();
        }
        for (name, pool) in pools.iter_mut() {
            let config = &configs[name];
            if pool.config() != config {
                pool.reload(Arc::clone(config));
                let took = self.context.clock.monotonic().saturating_sub(started);
                self.context.metrics.reloaded(config, took);
            }
        }
    }

    /// Applies what discovery finds, whenever it changes, until [`Manager::shutdown`]
    /// or until discovery ends.
    pub async fn run(&self, mut targets: watch::Receiver<Targets>) {
        loop {
            let now = Arc::clone(&targets.borrow_and_update());
            self.update_targets(&now);
            tokio::select! {
                biased;
                () = self.context.shutdown.cancelled() => return,
                changed = targets.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// Goes on with these targets: for each job all of its groups. Jobs that are not
    /// mentioned keep theirs; groups that are the same as before cost nothing.
    pub fn update_targets(&self, targets: &HashMap<String, Vec<Arc<TargetGroup>>>) {
        let mut state = lock(&self.state);
        if state.is_shut_down {
            return;
        }
        let State { configs, pools, .. } = &mut *state;
        // What discovery says may be older than the configuration that removed a job.
        for (name, config) in configs {
            let Some(groups) = targets.get(name) else { continue };
            let pool = pools.entry(name.clone()).or_insert_with(|| {
                self.context.metrics.scrape_pools.inc();
                Pool::new(Arc::clone(&self.context), Arc::clone(config))
            });
            pool.sync(groups);
        }
    }

    /// Ends all loops. A scrape that is being fetched is given up, one that is being
    /// written is finished; nothing else is written. After it, targets are gone.
    pub async fn shutdown(&self) {
        lock(&self.state).is_shut_down = true;
        self.context.shutdown.cancel();
        self.context.tasks.close();
        self.context.tasks.wait().await;
        lock(&self.state).pools.clear();
    }

    /// Adds to a registry how much is remembered about metric families, read when it
    /// is asked for: `prometheus_target_metadata_cache_*`.
    ///
    /// # Errors
    /// When the registry has these metrics already.
    pub fn register_metadata_metrics(self: &Arc<Manager>, registry: &Registry) -> Result<(), RegisterError> {
        registry.register(Arc::new(MetadataCollector::new(Arc::downgrade(self))?))?;
        Ok(())
    }

    /// The pools, by name.
    pub fn pools(&self) -> Vec<PoolStatus> {
        let state = lock(&self.state);
        let status = |(name, pool): (&String, &Pool)| {
            let (dropped, dropped_count) = pool.dropped();
            PoolStatus { name: name.clone(), active: pool.active(), dropped: dropped.to_vec(), dropped_count }
        };
        state.pools.iter().map(status).collect()
    }

    /// The names of the pools, in order.
    pub fn pool_names(&self) -> Vec<String> {
        lock(&self.state).pools.keys().cloned().collect()
    }

    /// The configuration of a pool.
    pub fn config(&self, pool: &str) -> Option<Arc<ScrapeConfig>> {
        lock(&self.state).configs.get(pool).cloned()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // Loops hold the context, and the context the threads they run on.
        self.context.shutdown.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
