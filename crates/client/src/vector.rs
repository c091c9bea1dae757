//! Vectors: metrics of one name, told apart by label values.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::{Equivalent, HashMap};
use narthex_exposition::{LabelPairs, Metric, MetricValue};
use narthex_model::MetricType;

use crate::collector::{Collector, Sink};
use crate::desc::Desc;
use crate::error::CardinalityError;
use crate::{Counter, Gauge, Histogram, Summary, SummaryOpts};

/// A kind of metric a vector can hold.
pub trait Child: Clone + Send + Sync + 'static {
    /// What a new child is made from.
    type Config: Send + Sync + 'static;
    /// How the family is exposed.
    const METRIC_TYPE: MetricType;
    /// A new child.
    fn create(config: &Self::Config) -> Self;
    /// Its value now.
    fn metric_value(&self) -> MetricValue;
}

impl Child for Counter {
    type Config = ();
    const METRIC_TYPE: MetricType = MetricType::Counter;
    fn create((): &()) -> Counter {
        Counter::new()
    }
    fn metric_value(&self) -> MetricValue {
        self.value()
    }
}

impl Child for Gauge {
    type Config = ();
    const METRIC_TYPE: MetricType = MetricType::Gauge;
    fn create((): &()) -> Gauge {
        Gauge::new()
    }
    fn metric_value(&self) -> MetricValue {
        self.value()
    }
}

/// The upper bounds of a histogram, found to rise.
#[derive(Clone, Debug)]
pub struct Bounds(pub(crate) Box<[f64]>);

impl Child for Histogram {
    type Config = Bounds;
    const METRIC_TYPE: MetricType = MetricType::Histogram;
    fn create(bounds: &Bounds) -> Histogram {
        Histogram::with_bounds(&bounds.0)
    }
    fn metric_value(&self) -> MetricValue {
        self.value()
    }
}

impl Child for Summary {
    type Config = SummaryOpts;
    const METRIC_TYPE: MetricType = MetricType::Summary;
    fn create(opts: &SummaryOpts) -> Summary {
        Summary::new(opts.clone())
    }
    fn metric_value(&self) -> MetricValue {
        self.value()
    }
}

/// Label values as they are looked up; equal to the owned ones with the same texts.
struct Values<'a>(&'a [&'a str]);

impl Hash for Values<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Box<[String]>> for Values<'_> {
    fn equivalent(&self, key: &Box<[String]>) -> bool {
        self.0.len() == key.len() && self.0.iter().zip(key.iter()).all(|(a, b)| a == b)
    }
}

struct Inner<M: Child> {
    desc: Desc,
    config: M::Config,
    children: RwLock<Children<M>>,
}

/// By label values, in the order of the vector's labels.
type Children<M> = HashMap<Box<[String]>, (LabelPairs, M)>;

/// Metrics of one name, told apart by label values. A handle: clones share the children.
///
/// A look-up hashes the label values and takes a read lock; where it matters,
/// keep the child that [`MetricVec::with`] returns.
pub struct MetricVec<M: Child>(Arc<Inner<M>>);

impl<M: Child> Clone for MetricVec<M> {
    fn clone(&self) -> MetricVec<M> {
        MetricVec(Arc::clone(&self.0))
    }
}

impl<M: Child> std::fmt::Debug for MetricVec<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricVec").field("desc", &self.0.desc).finish_non_exhaustive()
    }
}

/// A vector of counters.
pub type CounterVec = MetricVec<Counter>;
/// A vector of gauges.
pub type GaugeVec = MetricVec<Gauge>;
/// A vector of histograms.
pub type HistogramVec = MetricVec<Histogram>;
/// A vector of summaries.
pub type SummaryVec = MetricVec<Summary>;

impl<M: Child> MetricVec<M> {
    pub(crate) fn new(desc: Desc, config: M::Config) -> MetricVec<M> {
        MetricVec(Arc::new(Inner { desc, config, children: RwLock::default() }))
    }

    /// The child with these label values, in the order of the vector's labels; made if need be.
    ///
    /// # Panics
    /// When the number of values is not that of the labels: a mistake of the program.
    pub fn with(&self, values: &[&str]) -> M {
        match self.try_with(values) {
            Ok(child) => child,
            Err(err) => panic!("{}: {err}", self.0.desc.name()),
        }
    }

    /// As [`MetricVec::with`].
    ///
    /// # Errors
    /// When the number of values is not that of the labels.
    pub fn try_with(&self, values: &[&str]) -> Result<M, CardinalityError> {
        let children = self.0.children.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, child)) = children.get(&Values(values)) {
            return Ok(child.clone());
        }
        drop(children);
        let pairs = self.0.desc.pairs(values)?;
        let mut children = self.0.children.write().unwrap_or_else(PoisonError::into_inner);
        let key: Box<[String]> = values.iter().map(|&value| value.to_owned()).collect();
        let (_, child) = children.entry(key).or_insert_with(|| (pairs, M::create(&self.0.config)));
        Ok(child.clone())
    }

    /// Forgets the child with these label values and says whether there was one.
    /// Handles of it go on to work, unseen.
    pub fn remove(&self, values: &[&str]) -> bool {
        self.0.children.write().unwrap_or_else(PoisonError::into_inner).remove(&Values(values)).is_some()
    }

    /// Forgets the children whose label values `gone` says yes to, and says how many.
    pub fn remove_if(&self, mut gone: impl FnMut(&[String]) -> bool) -> usize {
        let mut children = self.0.children.write().unwrap_or_else(PoisonError::into_inner);
        let before = children.len();
        children.retain(|values, _| !gone(values));
        before - children.len()
    }

    /// Forgets all children.
    pub fn reset(&self) {
        self.0.children.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many children there are.
    pub fn len(&self) -> usize {
        self.0.children.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<M: Child> Collector for MetricVec<M> {
    fn describe(&self) -> Vec<Desc> {
        vec![self.0.desc.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        // Values are read without the lock: a snapshot of a histogram may have to wait.
        let children = self.0.children.read().unwrap_or_else(PoisonError::into_inner);
        let children: Vec<(LabelPairs, M)> = children.values().cloned().collect();
        for (pairs, child) in children {
            sink.push(&self.0.desc, Metric::new(pairs, child.metric_value()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Opts, Registry};

    fn counters() -> CounterVec {
        Registry::new().counter_vec(Opts::new("a_total", ""), &["x", "y"]).unwrap()
    }

    #[test]
    fn children_are_told_apart_by_all_values() {
        let counters = counters();
        counters.with(&["ab", "c"]).inc();
        counters.with(&["a", "bc"]).inc_by(2);
        counters.with(&["", ""]).inc_by(3);
        assert_eq!(counters.with(&["ab", "c"]).get(), 1.0);
        assert_eq!(counters.with(&["a", "bc"]).get(), 2.0);
        assert_eq!(counters.with(&["", ""]).get(), 3.0);
        assert_eq!(counters.len(), 3);
    }

    #[test]
    fn a_removed_child_begins_anew() {
        let counters = counters();
        let held = counters.with(&["a", "b"]);
        held.inc();
        assert!(counters.remove(&["a", "b"]));
        assert!(!counters.remove(&["a", "b"]));
        held.inc();
        assert_eq!(counters.with(&["a", "b"]).get(), 0.0);
        counters.with(&["c", "b"]);
        assert_eq!(counters.remove_if(|values| values[0] == "a"), 1);
        counters.reset();
        assert!(counters.is_empty());
    }

    #[test]
    fn the_number_of_values_is_checked() {
        let err = counters().try_with(&["a"]).unwrap_err();
        assert_eq!(err.to_string(), "inconsistent label cardinality: expected 2 label values but got 1 in [\"a\"]");
        assert!(!counters().remove(&["a"]));
    }

    #[test]
    #[should_panic(expected = "a_total: inconsistent label cardinality")]
    fn with_panics_on_a_wrong_number() {
        counters().with(&["a", "b", "c"]);
    }
}
