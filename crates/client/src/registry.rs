//! The registry: what a program exposes.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use narthex_model::MetricType;

use crate::collector::{Collector, Function, Single, Sink};
use crate::desc::{Desc, Opts};
use crate::error::RegisterError;
use crate::gather::{Gathered, Gatherer, Gathering};
use crate::histogram::HistogramOpts;
use crate::info::{Info, StateSet};
use crate::process::ProcessCollector;
use crate::vector::{Child, CounterVec, GaugeVec, HistogramVec, MetricVec, SummaryVec, UnknownVec, VecOpts};
use crate::wrap::{Wrap, Wrapped};
use crate::{Counter, Gauge, Histogram, Summary, SummaryOpts, Unknown};

/// Names a registered collector, for [`Registry::unregister`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CollectorId(u64);

struct Registered {
    descs: Vec<Desc>,
    collector: Arc<dyn Collector>,
    /// The handle that was returned, if the registry made the metric.
    handle: Option<Box<dyn Any + Send + Sync>>,
}

/// What is known of a name that is or was registered.
struct Family {
    desc: Desc,
    /// Who has it now, by its constant labels.
    registered: BTreeMap<Vec<(String, String)>, CollectorId>,
}

#[derive(Default)]
struct State {
    collectors: BTreeMap<u64, Registered>,
    families: BTreeMap<String, Family>,
    next_id: u64,
    is_pedantic: bool,
}

/// Holds the collectors of a program and asks them for metrics. A handle: clones
/// share the collectors, and so do handles that put prefixes and labels on what is
/// registered through them.
#[derive(Clone, Default)]
pub struct Registry {
    state: Arc<Mutex<State>>,
    wrap: Arc<Wrap>,
    reuses: bool,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("collectors", &self.state().collectors.len()).finish_non_exhaustive()
    }
}

static GLOBAL: LazyLock<Registry> = LazyLock::new(|| {
    let registry = Registry::new();
    registry.register(Arc::new(ProcessCollector::new())).expect("the first one");
    registry
});

impl Registry {
    /// An empty registry.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// An empty registry that looks at every metric it gathers: its labels must be those
    /// that were described. For tests.
    pub fn pedantic() -> Registry {
        let registry = Registry::new();
        registry.state().is_pedantic = true;
        registry
    }

    /// The registry of the whole program, which holds the metrics of the process.
    pub fn global() -> &'static Registry {
        &GLOBAL
    }

    /// A handle that puts `prefix` before the names of what is registered through it.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Registry {
        let wrap = Wrap { prefix: format!("{}{prefix}", self.wrap.prefix), labels: self.wrap.labels.clone() };
        Registry { wrap: Arc::new(wrap), ..self.clone() }
    }

    /// A handle that puts these labels on what is registered through it.
    #[must_use]
    pub fn with_labels(&self, labels: &[(&str, &str)]) -> Registry {
        let mut wrap = Wrap::clone(&self.wrap);
        wrap.labels.extend(labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        Registry { wrap: Arc::new(wrap), ..self.clone() }
    }

    /// A handle through which a metric that is there already can be made again: the
    /// methods that make metrics then return the one that is there, if it is of the
    /// same kind, name, help, labels.
    #[must_use]
    pub fn reusing(&self) -> Registry {
        Registry { reuses: true, ..self.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a collector.
    ///
    /// # Errors
    /// When one of its metrics is registered, or does not fit one of the same name
    /// that is or was. Nothing is added then.
    pub fn register(&self, collector: Arc<dyn Collector>) -> Result<CollectorId, RegisterError> {
        let collector: Arc<dyn Collector> =
            if self.wrap.is_empty() { collector } else { Arc::new(Wrapped::with(collector, Wrap::clone(&self.wrap))?) };
        self.add(collector, None)
    }

    fn add(
        &self,
        collector: Arc<dyn Collector>,
        handle: Option<Box<dyn Any + Send + Sync>>,
    ) -> Result<CollectorId, RegisterError> {
        let descs = collector.describe();
        let mut state = self.state();
        for (i, desc) in descs.iter().enumerate() {
            let family = state.families.get(desc.name());
            if family.is_some_and(|family| family.registered.contains_key(desc.const_labels()))
                || descs[..i]
                    .iter()
                    .any(|other| other.name() == desc.name() && other.const_labels() == desc.const_labels())
            {
                return Err(RegisterError::Duplicate(desc.name().to_owned()));
            }
            let earlier =
                family.map(|family| &family.desc).or_else(|| descs[..i].iter().find(|d| d.name() == desc.name()));
            if earlier.is_some_and(|earlier| !earlier.is_consistent_with(desc)) {
                return Err(RegisterError::Inconsistent(desc.name().to_owned()));
            }
        }
        let id = CollectorId(state.next_id);
        state.next_id += 1;
        for desc in &descs {
            let new = || Family { desc: desc.clone(), registered: BTreeMap::new() };
            let family = state.families.entry(desc.name().to_owned()).or_insert_with(new);
            family.registered.insert(desc.const_labels().to_vec(), id);
        }
        state.collectors.insert(id.0, Registered { descs, collector, handle });
        Ok(id)
    }

    /// Removes a collector and says whether it was there. Its names stay bound to
    /// their help, kind and labels.
    pub fn unregister(&self, id: CollectorId) -> bool {
        let mut state = self.state();
        let Some(gone) = state.collectors.remove(&id.0) else { return false };
        for desc in gone.descs {
            if let Some(family) = state.families.get_mut(desc.name()) {
                family.registered.remove(desc.const_labels());
            }
        }
        true
    }

    /// The collector that has a metric of this name (prefix included) and these constant labels.
    pub fn find(&self, name: &str, const_labels: &[(&str, &str)]) -> Option<CollectorId> {
        let mut labels: Vec<(String, String)> =
            const_labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        labels.sort();
        self.state().families.get(name)?.registered.get(&labels).copied()
    }

    /// Removes all collectors, and forgets what their names were bound to.
    pub fn clear(&self) {
        let mut state = self.state();
        state.collectors.clear();
        state.families.clear();
    }

    /// How many collectors there are.
    pub fn len(&self) -> usize {
        self.state().collectors.len()
    }

    /// Whether there is no collector.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The descriptors of all collectors, by name: for lists of what a program exposes.
    pub fn descs(&self) -> Vec<Desc> {
        let state = self.state();
        let mut descs: Vec<Desc> =
            state.collectors.values().flat_map(|registered| registered.descs.iter().cloned()).collect();
        descs.sort_by(|a, b| (a.name(), a.const_labels()).cmp(&(b.name(), b.const_labels())));
        descs
    }

    /// Asks all collectors, those registered through other handles too. One that fails
    /// leaves the others alone.
    pub fn gather(&self) -> Gathered {
        // Collectors may take their time, and may want to register something.
        let (collectors, is_pedantic) = {
            let state = self.state();
            let collectors = state.collectors.values();
            let collectors: Vec<(Arc<dyn Collector>, Vec<Desc>)> =
                collectors.map(|registered| (Arc::clone(&registered.collector), registered.descs.clone())).collect();
            (collectors, state.is_pedantic)
        };
        let mut gathering = Gathering::new(is_pedantic);
        for (collector, descs) in collectors {
            gathering.collect(&*collector, &descs);
        }
        gathering.finish()
    }

    /// The metric that is registered as described, if the registry made it.
    fn existing<M: Clone + 'static>(&self, desc: &Desc) -> Option<M> {
        let state = self.state();
        let id = state.families.get(desc.name())?.registered.get(desc.const_labels())?;
        let registered = state.collectors.get(&id.0)?;
        let same = registered.descs.iter().any(|other| other == desc);
        registered.handle.as_ref().filter(|_| same)?.downcast_ref::<M>().cloned()
    }

    /// Registers what `make` makes of the descriptor, unless there is one to be reused.
    fn made<M: Clone + Send + Sync + 'static>(
        &self,
        opts: Opts,
        metric_type: MetricType,
        labels: &[&str],
        make: impl FnOnce(Desc) -> (M, Arc<dyn Collector>),
    ) -> Result<M, RegisterError> {
        let desc = self.wrap.desc(&opts.desc(metric_type, labels)?)?;
        if self.reuses
            && let Some(existing) = self.existing(&desc)
        {
            return Ok(existing);
        }
        let (metric, collector) = make(desc.clone());
        match self.add(collector, Some(Box::new(metric.clone()))) {
            // Another thread was quicker.
            Err(RegisterError::Duplicate(name)) if self.reuses => {
                self.existing(&desc).ok_or(RegisterError::Duplicate(name))
            }
            added => added.map(|_| metric),
        }
    }

    fn single<M: Child>(&self, opts: Opts, metric: M) -> Result<M, RegisterError> {
        self.made(opts, M::METRIC_TYPE, &[], |desc| {
            let single = Single::with_desc(desc, metric.clone());
            (metric, Arc::new(single))
        })
    }

    fn vector<M: Child>(
        &self,
        opts: Opts,
        labels: &[&str],
        config: M::Config,
        bounds: VecOpts,
    ) -> Result<MetricVec<M>, RegisterError> {
        self.made(opts, M::METRIC_TYPE, labels, |desc| {
            let vector = MetricVec::with_desc(desc, config, bounds);
            (vector.clone(), Arc::new(vector))
        })
    }

    fn function(
        &self,
        opts: Opts,
        metric_type: MetricType,
        function: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<CollectorId, RegisterError> {
        let desc = self.wrap.desc(&opts.desc(metric_type, &[])?)?;
        let pairs = desc.pairs(&[]).expect("there are no variable labels");
        self.add(Arc::new(Function { desc, pairs, function }), None)
    }

    /// Makes and registers a counter.
    ///
    /// # Errors
    /// As for all of these: a name that cannot be, or [`Registry::register`]'s.
    pub fn counter(&self, opts: Opts) -> Result<Counter, RegisterError> {
        self.single(opts, Counter::new())
    }

    /// Makes and registers a gauge.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn gauge(&self, opts: Opts) -> Result<Gauge, RegisterError> {
        self.single(opts, Gauge::new())
    }

    /// Makes and registers an unknown.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn unknown(&self, opts: Opts) -> Result<Unknown, RegisterError> {
        self.single(opts, Unknown::new())
    }

    /// Makes and registers a histogram; a slice of upper bounds makes a classic one, an
    /// empty one means [`crate::histogram::DEFAULT_BUCKETS`].
    ///
    /// # Errors
    /// See [`Registry::counter`]; bounds that do not rise.
    pub fn histogram(&self, opts: Opts, histogram: impl Into<HistogramOpts>) -> Result<Histogram, RegisterError> {
        let config = histogram.into().check(&opts.full_name())?;
        self.single(opts, Histogram::create(&config))
    }

    /// Makes and registers a summary.
    ///
    /// # Errors
    /// See [`Registry::counter`]; quantiles or errors not within 0 and 1.
    pub fn summary(&self, opts: Opts, summary: SummaryOpts) -> Result<Summary, RegisterError> {
        check_quantiles(&opts, &summary)?;
        self.single(opts, Summary::new(summary))
    }

    /// Registers facts that do not change. The name should end in `_info`.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn info(&self, opts: Opts, facts: &[(&str, &str)]) -> Result<CollectorId, RegisterError> {
        self.register(Arc::new(Info::new(opts, facts)?))
    }

    /// Makes and registers a state set, in the first of these states.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn state_set(&self, opts: Opts, states: &[&str]) -> Result<StateSet, RegisterError> {
        let set = StateSet::new(opts, states)?;
        self.register(Arc::new(set.clone()))?;
        Ok(set)
    }

    /// Makes and registers a vector of counters with these label names.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn counter_vec(&self, opts: Opts, labels: &[&str]) -> Result<CounterVec, RegisterError> {
        self.vector(opts, labels, (), VecOpts::new())
    }

    /// As [`Registry::counter_vec`], its size kept in bounds.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn bounded_counter_vec(
        &self,
        opts: Opts,
        labels: &[&str],
        bounds: VecOpts,
    ) -> Result<CounterVec, RegisterError> {
        self.vector(opts, labels, (), bounds)
    }

    /// Makes and registers a vector of gauges with these label names.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn gauge_vec(&self, opts: Opts, labels: &[&str]) -> Result<GaugeVec, RegisterError> {
        self.vector(opts, labels, (), VecOpts::new())
    }

    /// As [`Registry::gauge_vec`], its size kept in bounds.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn bounded_gauge_vec(&self, opts: Opts, labels: &[&str], bounds: VecOpts) -> Result<GaugeVec, RegisterError> {
        self.vector(opts, labels, (), bounds)
    }

    /// Makes and registers a vector of unknowns with these label names.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn unknown_vec(&self, opts: Opts, labels: &[&str]) -> Result<UnknownVec, RegisterError> {
        self.vector(opts, labels, (), VecOpts::new())
    }

    /// Makes and registers a vector of histograms with these label names.
    ///
    /// # Errors
    /// See [`Registry::histogram`].
    pub fn histogram_vec(
        &self,
        opts: Opts,
        labels: &[&str],
        histogram: impl Into<HistogramOpts>,
    ) -> Result<HistogramVec, RegisterError> {
        self.bounded_histogram_vec(opts, labels, histogram, VecOpts::new())
    }

    /// As [`Registry::histogram_vec`], its size kept in bounds.
    ///
    /// # Errors
    /// See [`Registry::histogram`].
    pub fn bounded_histogram_vec(
        &self,
        opts: Opts,
        labels: &[&str],
        histogram: impl Into<HistogramOpts>,
        bounds: VecOpts,
    ) -> Result<HistogramVec, RegisterError> {
        let config = histogram.into().check(&opts.full_name())?;
        self.vector(opts, labels, config, bounds)
    }

    /// Makes and registers a vector of summaries with these label names.
    ///
    /// # Errors
    /// See [`Registry::summary`].
    pub fn summary_vec(&self, opts: Opts, labels: &[&str], summary: SummaryOpts) -> Result<SummaryVec, RegisterError> {
        check_quantiles(&opts, &summary)?;
        self.vector(opts, labels, summary, VecOpts::new())
    }

    /// Registers a counter whose value `function` yields, which must never fall.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn counter_fn(
        &self,
        opts: Opts,
        function: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<CollectorId, RegisterError> {
        self.function(opts, MetricType::Counter, function)
    }

    /// Registers a gauge whose value `function` yields.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn gauge_fn(
        &self,
        opts: Opts,
        function: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<CollectorId, RegisterError> {
        self.function(opts, MetricType::Gauge, function)
    }

    /// Registers an unknown whose value `function` yields.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn unknown_fn(
        &self,
        opts: Opts,
        function: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<CollectorId, RegisterError> {
        self.function(opts, MetricType::Unknown, function)
    }
}

impl Gatherer for Registry {
    fn gather(&self) -> Gathered {
        Registry::gather(self)
    }
}

/// A registry within another one: what it gathers is checked when it is there.
impl Collector for Registry {
    fn describe(&self) -> Vec<Desc> {
        self.descs()
    }

    fn collect(&self, sink: &mut Sink) {
        let gathered = Registry::gather(self);
        gathered.families.into_iter().for_each(|family| sink.family(family));
        sink.errors.extend(gathered.errors);
    }
}

fn check_quantiles(opts: &Opts, summary: &SummaryOpts) -> Result<(), RegisterError> {
    let within = |value: &f64| (0.0..=1.0).contains(value);
    match summary.quantiles.iter().find(|(quantile, error)| !within(quantile) || !within(error)) {
        Some((quantile, error)) => Err(RegisterError::Quantile {
            metric: opts.full_name(),
            quantile: quantile.to_string(),
            error: error.to_string(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
