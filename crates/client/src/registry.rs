//! The registry: what a program exposes.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use narthex_exposition::{Encoder, LabelPairs, MetricFamily, MetricValue, Negotiated};
use narthex_model::MetricType;

use crate::collector::{Collector, Function, Single, Sink};
use crate::desc::{Desc, Opts};
use crate::error::{GatherError, RegisterError};
use crate::vector::{Bounds, Child, CounterVec, GaugeVec, HistogramVec, MetricVec, SummaryVec};
use crate::{Counter, Gauge, Histogram, Summary, SummaryOpts};

/// Names a registered collector, for [`Registry::unregister`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CollectorId(u64);

struct Registered {
    id: CollectorId,
    descs: Vec<Desc>,
    collector: Arc<dyn Collector>,
}

#[derive(Default)]
struct State {
    collectors: Vec<Registered>,
    /// For each name ever registered, what its family must look like.
    families: BTreeMap<String, Desc>,
    next_id: u64,
}

/// Holds the collectors of a program and asks them for metrics. A handle: clones
/// share the collectors.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<State>>);

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("collectors", &self.state().collectors.len()).finish()
    }
}

/// The metrics of one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// The families, by name; metrics by label values.
    pub families: Vec<MetricFamily>,
    /// What could not be gathered.
    pub errors: Vec<GatherError>,
}

impl Gathered {
    /// The body of an answer to a scrape. If `names` is not empty, only the families of
    /// those names.
    pub fn encode(&self, negotiated: Negotiated, names: &[&str]) -> String {
        let encoder = Encoder::new(negotiated.format, negotiated.escaping);
        let mut out = String::with_capacity(self.families.len() * 256);
        for family in self.families.iter().filter(|family| names.is_empty() || names.contains(&family.name.as_str())) {
            encoder.family(family, &mut out);
        }
        encoder.finish(&mut out);
        out
    }
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Registry {
        Registry::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a collector.
    ///
    /// # Errors
    /// When one of its metrics is registered, or does not fit one of the same name
    /// that is or was. Nothing is added then.
    pub fn register(&self, collector: Arc<dyn Collector>) -> Result<CollectorId, RegisterError> {
        let descs = collector.describe();
        let mut state = self.state();
        for (i, desc) in descs.iter().enumerate() {
            let registered = state.collectors.iter().flat_map(|registered| &registered.descs);
            if registered.chain(&descs[..i]).any(|other| other.is_same_metric(desc)) {
                return Err(RegisterError::Duplicate(desc.name().to_owned()));
            }
            let earlier =
                state.families.get(desc.name()).or_else(|| descs[..i].iter().find(|d| d.name() == desc.name()));
            if earlier.is_some_and(|earlier| !earlier.is_consistent_with(desc)) {
                return Err(RegisterError::Inconsistent(desc.name().to_owned()));
            }
        }
        for desc in &descs {
            state.families.entry(desc.name().to_owned()).or_insert_with(|| desc.clone());
        }
        let id = CollectorId(state.next_id);
        state.next_id += 1;
        state.collectors.push(Registered { id, descs, collector });
        Ok(id)
    }

    /// Removes a collector and says whether it was there. Its names stay bound to
    /// their help, kind and labels.
    pub fn unregister(&self, id: CollectorId) -> bool {
        let mut state = self.state();
        let before = state.collectors.len();
        state.collectors.retain(|registered| registered.id != id);
        state.collectors.len() < before
    }

    /// Asks all collectors. One that fails leaves the others alone.
    pub fn gather(&self) -> Gathered {
        // Collectors may take their time, and may want to register something.
        let collectors: Vec<(Arc<dyn Collector>, Vec<Desc>)> = self
            .state()
            .collectors
            .iter()
            .map(|registered| (Arc::clone(&registered.collector), registered.descs.clone()))
            .collect();
        let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
        let mut errors = Vec::new();
        for (collector, descs) in collectors {
            let mut sink = Sink::default();
            if catch_unwind(AssertUnwindSafe(|| collector.collect(&mut sink))).is_err() {
                let names: Vec<&str> = descs.iter().map(Desc::name).collect();
                errors.push(GatherError::Panicked(names.join(", ")));
            }
            errors.extend(sink.wrong_cardinality.into_iter().map(GatherError::Undescribed));
            for (desc, metric) in sink.metrics {
                if !descs.contains(&desc) {
                    errors.push(GatherError::Undescribed(desc.name().to_owned()));
                } else if !fits(desc.metric_type(), &metric.value) {
                    errors.push(GatherError::WrongValue(desc.name().to_owned()));
                } else {
                    let family = families.entry(desc.name().to_owned()).or_insert_with(|| MetricFamily {
                        name: desc.name().to_owned(),
                        help: desc.help().to_owned(),
                        unit: desc.unit().to_owned(),
                        metric_type: desc.metric_type(),
                        metrics: Vec::new(),
                    });
                    family.metrics.push(metric);
                }
            }
        }
        let mut families: Vec<MetricFamily> = families.into_values().collect();
        for family in &mut families {
            sort_and_check(family, &mut errors);
        }
        Gathered { families, errors }
    }

    fn single<M: Child>(&self, opts: Opts, metric: M) -> Result<M, RegisterError> {
        let desc = opts.desc(M::METRIC_TYPE, &[])?;
        let pairs = constant_pairs(&desc);
        self.register(Arc::new(Single { desc, pairs, metric: metric.clone() }))?;
        Ok(metric)
    }

    fn vector<M: Child>(&self, opts: Opts, labels: &[&str], config: M::Config) -> Result<MetricVec<M>, RegisterError> {
        let vector = MetricVec::new(opts.desc(M::METRIC_TYPE, labels)?, config);
        self.register(Arc::new(vector.clone()))?;
        Ok(vector)
    }

    fn function(
        &self,
        opts: Opts,
        metric_type: MetricType,
        function: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<CollectorId, RegisterError> {
        let desc = opts.desc(metric_type, &[])?;
        let pairs = constant_pairs(&desc);
        self.register(Arc::new(Function { desc, pairs, function }))
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

    /// Makes and registers a histogram with these upper bounds; none means
    /// [`crate::histogram::DEFAULT_BUCKETS`].
    ///
    /// # Errors
    /// See [`Registry::counter`]; bounds that do not rise.
    pub fn histogram(&self, opts: Opts, bounds: &[f64]) -> Result<Histogram, RegisterError> {
        let bounds = checked_bounds(&opts, bounds)?;
        self.single(opts, Histogram::create(&bounds))
    }

    /// Makes and registers a summary.
    ///
    /// # Errors
    /// See [`Registry::counter`]; quantiles or errors not within 0 and 1.
    pub fn summary(&self, opts: Opts, summary: SummaryOpts) -> Result<Summary, RegisterError> {
        check_quantiles(&opts, &summary)?;
        self.single(opts, Summary::new(summary))
    }

    /// Makes and registers a vector of counters with these label names.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn counter_vec(&self, opts: Opts, labels: &[&str]) -> Result<CounterVec, RegisterError> {
        self.vector(opts, labels, ())
    }

    /// Makes and registers a vector of gauges with these label names.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn gauge_vec(&self, opts: Opts, labels: &[&str]) -> Result<GaugeVec, RegisterError> {
        self.vector(opts, labels, ())
    }

    /// Makes and registers a vector of histograms with these label names and bounds.
    ///
    /// # Errors
    /// See [`Registry::histogram`].
    pub fn histogram_vec(&self, opts: Opts, labels: &[&str], bounds: &[f64]) -> Result<HistogramVec, RegisterError> {
        let bounds = checked_bounds(&opts, bounds)?;
        self.vector(opts, labels, bounds)
    }

    /// Makes and registers a vector of summaries with these label names.
    ///
    /// # Errors
    /// See [`Registry::summary`].
    pub fn summary_vec(&self, opts: Opts, labels: &[&str], summary: SummaryOpts) -> Result<SummaryVec, RegisterError> {
        check_quantiles(&opts, &summary)?;
        self.vector(opts, labels, summary)
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
}

fn constant_pairs(desc: &Desc) -> LabelPairs {
    desc.pairs(&[]).expect("the descriptor was made without variable labels")
}

fn checked_bounds(opts: &Opts, bounds: &[f64]) -> Result<Bounds, RegisterError> {
    match Histogram::new(bounds) {
        Ok(histogram) => Ok(Bounds(histogram.bounds().into())),
        Err(bounds) => Err(RegisterError::Buckets { metric: opts.name().to_owned(), bounds: format!("{bounds:?}") }),
    }
}

fn check_quantiles(opts: &Opts, summary: &SummaryOpts) -> Result<(), RegisterError> {
    let within = |value: &f64| (0.0..=1.0).contains(value);
    match summary.quantiles.iter().find(|(quantile, error)| !within(quantile) || !within(error)) {
        Some((quantile, error)) => Err(RegisterError::Quantile {
            metric: opts.name().to_owned(),
            quantile: quantile.to_string(),
            error: error.to_string(),
        }),
        None => Ok(()),
    }
}

fn fits(metric_type: MetricType, value: &MetricValue) -> bool {
    match metric_type {
        MetricType::Histogram | MetricType::GaugeHistogram => matches!(value, MetricValue::Histogram(_)),
        MetricType::Summary => matches!(value, MetricValue::Summary(_)),
        _ => matches!(value, MetricValue::Single(_)),
    }
}

/// Sorts by label values, fewer labels first; drops what is there twice.
fn sort_and_check(family: &mut MetricFamily, errors: &mut Vec<GatherError>) {
    fn values(labels: &LabelPairs) -> impl Iterator<Item = &str> {
        labels.iter().map(|(_, value)| value.as_str())
    }
    family.metrics.sort_by(|a, b| {
        let order = a.labels.len().cmp(&b.labels.len());
        order.then_with(|| values(&a.labels).cmp(values(&b.labels))).then(a.timestamp_ms.cmp(&b.timestamp_ms))
    });
    let mut seen = HashSet::with_capacity(family.metrics.len());
    let name = &family.name;
    family.metrics.retain(|metric| {
        let new = seen.insert((LabelPairs::clone(&metric.labels), metric.timestamp_ms));
        if !new {
            errors.push(GatherError::Duplicate { name: name.clone(), labels: format!("{:?}", metric.labels) });
        }
        new
    });
}

#[cfg(test)]
mod tests;
