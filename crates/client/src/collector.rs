//! Collectors: whatever yields metrics when it is asked.

use std::sync::Arc;

use narthex_exposition::{LabelPairs, Metric, MetricFamily, MetricValue};

use crate::desc::Desc;
use crate::error::{GatherError, RegisterError};
use crate::vector::Child;

/// Yields metrics when it is asked. Implement it for groups of values that are
/// read together, such as the statistics of a store.
pub trait Collector: Send + Sync {
    /// Every descriptor of which [`Collector::collect`] may send metrics. Asked once, at
    /// registration. With none, nothing is checked before the metrics are there.
    fn describe(&self) -> Vec<Desc>;

    /// Sends the metrics of now. May be called by several threads at once.
    fn collect(&self, sink: &mut Sink);
}

impl<C: Collector + ?Sized> Collector for Arc<C> {
    fn describe(&self) -> Vec<Desc> {
        (**self).describe()
    }

    fn collect(&self, sink: &mut Sink) {
        (**self).collect(sink);
    }
}

/// What a collector would describe if it described what it collects now. Right
/// only for one that always collects the same metrics.
pub fn describe_by_collect(collect: impl FnOnce(&mut Sink)) -> Vec<Desc> {
    let mut sink = Sink::default();
    collect(&mut sink);
    let mut descs: Vec<Desc> = Vec::new();
    for batch in sink.batches {
        if !descs.contains(&batch.desc) {
            descs.push(batch.desc);
        }
    }
    descs
}

/// A collector made of a function, described by what the function sends at first.
pub struct FnCollector<F>(F);

impl<F: Fn(&mut Sink) + Send + Sync> FnCollector<F> {
    /// Collects what `function` sends.
    pub fn new(function: F) -> FnCollector<F> {
        FnCollector(function)
    }
}

impl<F> std::fmt::Debug for FnCollector<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FnCollector").finish_non_exhaustive()
    }
}

impl<F: Fn(&mut Sink) + Send + Sync> Collector for FnCollector<F> {
    fn describe(&self) -> Vec<Desc> {
        describe_by_collect(&self.0)
    }

    fn collect(&self, sink: &mut Sink) {
        (self.0)(sink);
    }
}

/// Metrics of one descriptor that came one after the other.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) desc: Desc,
    pub(crate) metrics: Vec<Metric>,
    /// Whether the metrics are known to fit the descriptor and to be sorted and unique.
    pub(crate) is_sorted: bool,
}

/// Takes the metrics of a collector.
#[derive(Debug, Default)]
pub struct Sink {
    pub(crate) batches: Vec<Batch>,
    pub(crate) families: Vec<MetricFamily>,
    pub(crate) errors: Vec<GatherError>,
}

impl Sink {
    /// Takes a counter's, gauge's or unknown's value.
    pub fn value(&mut self, desc: &Desc, label_values: &[&str], value: f64) {
        self.metric(desc, label_values, MetricValue::Single(value));
    }

    /// Takes a value of any kind.
    pub fn metric(&mut self, desc: &Desc, label_values: &[&str], value: MetricValue) {
        match desc.pairs(label_values) {
            Ok(pairs) => self.push(desc, Metric::new(pairs, value)),
            Err(_) => self.errors.push(GatherError::Undescribed(desc.name().to_owned())),
        }
    }

    /// Takes a metric whose labels were made by [`Desc::pairs`]. This is the way for
    /// metrics with a timestamp, a creation time or exemplars.
    pub fn push(&mut self, desc: &Desc, metric: Metric) {
        match self.batches.last_mut() {
            Some(batch) if batch.desc.is_clone_of(desc) && !batch.is_sorted => batch.metrics.push(metric),
            _ => self.batches.push(Batch { desc: desc.clone(), metrics: vec![metric], is_sorted: false }),
        }
    }

    /// Takes a whole family, such as another registry's.
    pub fn family(&mut self, family: MetricFamily) {
        self.families.push(family);
    }

    /// Takes the news that something could not be collected.
    pub fn error(&mut self, error: impl std::fmt::Display) {
        self.errors.push(GatherError::Collector(error.to_string()));
    }

    /// Takes metrics that fit the descriptor and are sorted and unique.
    pub(crate) fn sorted(&mut self, desc: &Desc, metrics: Vec<Metric>) {
        if !metrics.is_empty() {
            self.batches.push(Batch { desc: desc.clone(), metrics, is_sorted: true });
        }
    }
}

/// One metric with its descriptor: what makes an unregistered metric a collector.
///
/// ```
/// use std::sync::Arc;
/// use narthex_client::{Counter, Opts, Registry, Single};
///
/// let hits = Counter::new(); // Of a library that knows no registry.
/// let registry = Registry::new();
/// registry.register(Arc::new(Single::new(Opts::new("hits_total", "Hits."), hits.clone())?))?;
/// # Ok::<(), narthex_client::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Single<M> {
    pub(crate) desc: Desc,
    pub(crate) pairs: LabelPairs,
    pub(crate) metric: M,
}

impl<M: Child> Single<M> {
    /// This metric under this name.
    ///
    /// # Errors
    /// A name that cannot be.
    pub fn new(opts: crate::Opts, metric: M) -> Result<Single<M>, RegisterError> {
        Ok(Single::with_desc(opts.desc(M::METRIC_TYPE, &[])?, metric))
    }

    /// `desc` has no variable labels.
    pub(crate) fn with_desc(desc: Desc, metric: M) -> Single<M> {
        let pairs = desc.pairs(&[]).expect("there are no variable labels");
        Single { desc, pairs, metric }
    }

    /// The metric.
    pub fn metric(&self) -> &M {
        &self.metric
    }
}

impl<M: Child> Collector for Single<M> {
    fn describe(&self) -> Vec<Desc> {
        vec![self.desc.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        sink.sorted(&self.desc, vec![self.metric.metric(self.pairs.clone())]);
    }
}

/// A value that a function yields.
pub(crate) struct Function<F> {
    pub(crate) desc: Desc,
    pub(crate) pairs: LabelPairs,
    pub(crate) function: F,
}

impl<F: Fn() -> f64 + Send + Sync> Collector for Function<F> {
    fn describe(&self) -> Vec<Desc> {
        vec![self.desc.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        let value = MetricValue::Single((self.function)());
        sink.sorted(&self.desc, vec![Metric::new(self.pairs.clone(), value)]);
    }
}
