//! Collectors: whatever yields metrics when it is asked.

use narthex_exposition::{LabelPairs, Metric, MetricValue};

use crate::desc::Desc;
use crate::vector::Child;

/// Yields metrics when it is asked. Implement it for groups of values that are
/// read together, such as the statistics of a store.
pub trait Collector: Send + Sync {
    /// Every descriptor of which [`Collector::collect`] may send metrics. Asked once, at registration.
    fn describe(&self) -> Vec<Desc>;

    /// Sends the metrics of now. May be called by several threads at once.
    fn collect(&self, sink: &mut Sink);
}

/// Takes the metrics of a collector.
#[derive(Debug, Default)]
pub struct Sink {
    pub(crate) metrics: Vec<(Desc, Metric)>,
    pub(crate) wrong_cardinality: Vec<String>,
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
            Err(_) => self.wrong_cardinality.push(desc.name().to_owned()),
        }
    }

    /// Takes a metric whose labels were made by [`Desc::pairs`].
    pub fn push(&mut self, desc: &Desc, metric: Metric) {
        self.metrics.push((desc.clone(), metric));
    }
}

/// One metric with its descriptor.
pub(crate) struct Single<M> {
    pub(crate) desc: Desc,
    pub(crate) pairs: LabelPairs,
    pub(crate) metric: M,
}

impl<M: Child> Collector for Single<M> {
    fn describe(&self) -> Vec<Desc> {
        vec![self.desc.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        sink.push(&self.desc, Metric::new(LabelPairs::clone(&self.pairs), self.metric.metric_value()));
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
        sink.push(&self.desc, Metric::new(LabelPairs::clone(&self.pairs), value));
    }
}
