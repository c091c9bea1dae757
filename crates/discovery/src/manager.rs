//! Runs providers and hands their targets on.
//!
//! Providers report into one state under a lock that is held for moments; a
//! task looks at it when something changed and puts the targets of all jobs
//! into a `watch` channel, so that nothing queues up: who receives slowly sees
//! the newest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use narthex_env::Clock;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::group::TargetGroup;
use crate::metrics::Metrics;
use crate::provider::{Context, ProviderConfig, Updates};

/// The target groups of all jobs, by job. A job without targets is there, empty.
pub type Targets = Arc<HashMap<String, Vec<Arc<TargetGroup>>>>;

/// How long changes are gathered before they are handed on, so that providers
/// started together arrive together.
const GATHER: Duration = Duration::from_millis(5);

/// What a manager works with.
pub struct Options {
    /// What it is for, in log lines: `scrape` or `notify`.
    pub name: &'static str,
    /// Where it and its providers get the time of day from.
    pub clock: Arc<dyn Clock>,
    /// Where it and its providers count.
    pub metrics: Arc<Metrics>,
    /// The shortest pause between two updates. While updates follow each other it
    /// grows by half each time,
    pub pause_min: Duration,
    /// up to this, the longest; after a rest of this length it is short again.
    pub pause_max: Duration,
}

impl Options {
    /// Upstream's pauses: 100 ms to 5 s.
    pub fn new(name: &'static str, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Options {
        Options { name, clock, metrics, pause_min: Duration::from_millis(100), pause_max: Duration::from_secs(5) }
    }
}

/// Runs the providers of all jobs. Dropping it ends them and closes the channel.
pub struct Manager {
    shared: Arc<Shared>,
    /// Where the providers run.
    runtime: Handle,
    sender: AbortHandle,
}

struct Shared {
    /// Guards the providers and what they reported; never held over an `.await`.
    state: Mutex<State>,
    changed: Notify,
    name: &'static str,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    jobs: BTreeSet<String>,
    /// In the order in which the jobs name them.
    providers: Vec<Running>,
    next_id: u64,
}

struct Running {
    id: u64,
    config: ProviderConfig,
    jobs: BTreeSet<String>,
    /// By source; none is empty.
    groups: BTreeMap<String, Arc<TargetGroup>>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Manager {
    /// Starts a manager without jobs, and gives what it will find. The first
    /// update comes at once.
    ///
    /// # Panics
    /// Outside of a tokio runtime with timers.
    pub fn start(options: Options) -> (Manager, watch::Receiver<Targets>) {
        let Options { name, clock, metrics, pause_min, pause_max } = options;
        let state = Mutex::default();
        let shared = Arc::new(Shared { state, changed: Notify::new(), name, clock, metrics });
        let (sender, receiver) = watch::channel(Targets::default());
        let runtime = Handle::current();
        let task = runtime.spawn(hand_on(Arc::clone(&shared), sender, Pauses::new(pause_min, pause_max)));
        (Manager { shared, runtime, sender: task.abort_handle() }, receiver)
    }

    /// Replaces all jobs and their configurations. A provider whose configuration
    /// is still asked for runs on, and what it found goes to new jobs at once; the
    /// others end, and what they found is forgotten.
    pub fn apply(&self, jobs: impl IntoIterator<Item = (String, Vec<ProviderConfig>)>) {
        let shared = &self.shared;
        let mut guard = shared.locked();
        let state = &mut *guard;
        let mut old = std::mem::take(&mut state.providers);
        for running in &mut old {
            running.jobs.clear();
        }
        state.jobs.clear();
        let mut failed = 0;
        for (job, configs) in jobs {
            state.jobs.insert(job.clone());
            for config in configs {
                if let Some(running) = state.providers.iter_mut().find(|running| running.config == config) {
                    running.jobs.insert(job.clone());
                } else if let Some(at) = old.iter().position(|running| running.config == config) {
                    let mut running = old.swap_remove(at);
                    running.jobs.insert(job.clone());
                    state.providers.push(running);
                } else {
                    state.next_id += 1;
                    match self.run(state.next_id, &config, &job) {
                        Some(task) => state.providers.push(Running {
                            id: state.next_id,
                            config,
                            jobs: BTreeSet::from([job.clone()]),
                            groups: BTreeMap::new(),
                            task,
                        }),
                        None => failed += 1,
                    }
                }
            }
        }
        shared.metrics.failed_configs.set(failed);
        shared.metrics.discovered_targets.retain(|job| state.jobs.contains(job));
        shared.metrics.last_update_seconds.retain(|job| state.jobs.contains(job));
        shared.changed.notify_one();
    }

    fn run(&self, id: u64, config: &ProviderConfig, job: &str) -> Option<AbortHandle> {
        let shared = &self.shared;
        let context =
            Context { config_name: job.into(), metrics: Arc::clone(&shared.metrics), clock: Arc::clone(&shared.clock) };
        match config.provider(&context) {
            Ok(provider) => {
                let shared: Weak<Shared> = Arc::downgrade(shared);
                let updates = Updates::new(move |groups| {
                    if let Some(shared) = shared.upgrade() {
                        shared.update(id, groups);
                    }
                });
                Some(self.runtime.spawn(provider.run(updates)).abort_handle())
            }
            Err(error) => {
                let (manager, mechanism) = (shared.name, config.mechanism());
                tracing::error!(manager, discovery = mechanism, config = job, err = %error, "Cannot create service discovery");
                None
            }
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.sender.abort();
        self.shared.locked().providers.clear();
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, provider: u64, groups: Vec<TargetGroup>) {
        let mut state = self.locked();
        let Some(running) = state.providers.iter_mut().find(|running| running.id == provider) else { return };
        self.metrics.received_updates.increment();
        let now_seconds = self.clock.now_ns() as f64 / 1e9;
        for job in &running.jobs {
            self.metrics.last_update_seconds.set(job, now_seconds);
        }
        let mut is_changed = false;
        for group in groups {
            if group.targets.is_empty() {
                is_changed |= running.groups.remove(&group.source).is_some();
            } else if running.groups.get(&group.source).is_none_or(|old| **old != group) {
                running.groups.insert(group.source.clone(), Arc::new(group));
                is_changed = true;
            }
        }
        drop(state);
        if is_changed {
            self.changed.notify_one();
        }
    }

    fn targets(&self) -> Targets {
        let state = self.locked();
        let mut targets: HashMap<String, Vec<Arc<TargetGroup>>> =
            state.jobs.iter().map(|job| (job.clone(), Vec::new())).collect();
        for running in &state.providers {
            for job in &running.jobs {
                targets.entry(job.clone()).or_default().extend(running.groups.values().cloned());
            }
        }
        for (job, groups) in &targets {
            let count: usize = groups.iter().map(|group| group.targets.len()).sum();
            self.metrics.discovered_targets.set(job, count as f64);
        }
        Arc::new(targets)
    }
}

/// Hands the targets on after changes, with pauses in between.
async fn hand_on(shared: Arc<Shared>, sender: watch::Sender<Targets>, mut pauses: Pauses) {
    let mut earliest = Instant::now();
    loop {
        shared.changed.notified().await;
        tokio::time::sleep_until(earliest.max(Instant::now() + GATHER)).await;
        sender.send_replace(shared.targets());
        shared.metrics.updates.increment();
        let now = Instant::now();
        earliest = now + pauses.after_update(now);
    }
}

/// How long to wait after an update.
struct Pauses {
    min: Duration,
    max: Duration,
    next: Duration,
    last_update: Option<Instant>,
}

impl Pauses {
    fn new(min: Duration, max: Duration) -> Pauses {
        Pauses { min, max, next: min, last_update: None }
    }

    fn after_update(&mut self, now: Instant) -> Duration {
        let is_rested = self.last_update.is_none_or(|last| now - last > self.max);
        self.last_update = Some(now);
        let pause = if is_rested { self.min } else { self.next };
        self.next = pause.mul_f64(1.5).min(self.max);
        pause.min(self.max)
    }
}

#[cfg(test)]
mod tests;
