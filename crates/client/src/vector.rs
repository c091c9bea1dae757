//! Vectors: metrics of one name, told apart by label values.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime};

use hashbrown::{DefaultHashBuilder, HashTable};
use narthex_exposition::{LabelPairs, Metric};
use narthex_model::MetricType;

use crate::collector::{Collector, Sink};
use crate::desc::{Desc, Opts};
use crate::error::{CardinalityError, CurryError, RegisterError};
use crate::histogram::HistogramConfig;
use crate::{Counter, Gauge, Histogram, Summary, SummaryOpts, Unknown};

/// A kind of metric a vector can hold.
pub trait Child: Clone + Send + Sync + 'static {
    /// What a new child is made from.
    type Config: Send + Sync + 'static;
    /// How the family is exposed.
    const METRIC_TYPE: MetricType;
    /// A new child.
    fn create(config: &Self::Config) -> Self;
    /// Its value now, with these labels.
    fn metric(&self, labels: LabelPairs) -> Metric;
    /// How many handles of it there are.
    fn handles(&self) -> usize;
}

macro_rules! child {
    ($kind:ty, $config:ty, $metric_type:ident, $create:expr) => {
        impl Child for $kind {
            type Config = $config;
            const METRIC_TYPE: MetricType = MetricType::$metric_type;
            fn create(config: &$config) -> $kind {
                let create: fn(&$config) -> $kind = $create;
                create(config)
            }
            fn metric(&self, labels: LabelPairs) -> Metric {
                <$kind>::metric(self, labels)
            }
            fn handles(&self) -> usize {
                <$kind>::handles(self)
            }
        }
    };
}

child!(Counter, (), Counter, |()| Counter::new());
child!(Gauge, (), Gauge, |()| Gauge::new());
child!(Unknown, (), Unknown, |()| Unknown::new());
child!(Histogram, HistogramConfig, Histogram, |config| Histogram::create_at(config.clone(), SystemTime::now()));
child!(Summary, SummaryOpts, Summary, |opts| Summary::new(opts.clone()));

/// What becomes of the value of a label before it is looked up.
pub type Constraint = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What keeps the number of a vector's children in bounds.
#[derive(Clone, Default)]
#[must_use]
pub struct VecOpts {
    max_series: Option<(usize, String)>,
    ttl: Option<Duration>,
    constraints: Vec<(String, Constraint)>,
}

impl std::fmt::Debug for VecOpts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut f = f.debug_struct("VecOpts");
        f.field("max_series", &self.max_series).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl VecOpts {
    /// No bounds.
    pub fn new() -> VecOpts {
        VecOpts::default()
    }

    /// At most `count` children. What belongs to others is counted in one more, all of
    /// whose label values are `overflow`; [`MetricVec::overflows`] says how often.
    pub fn max_series(mut self, count: usize, overflow: &str) -> VecOpts {
        self.max_series = Some((count, overflow.to_owned()));
        self
    }

    /// Forgets children that were not looked up for so long and of which nobody has kept
    /// a handle. Whether it is time is seen when the vector is collected.
    pub fn ttl(mut self, ttl: Duration) -> VecOpts {
        self.ttl = Some(ttl);
        self
    }

    /// Puts the values of `label` through `constraint` first, such as one that makes
    /// lower case of them or `other` of those that are not known.
    pub fn constrain(mut self, label: &str, constraint: impl Fn(&str) -> String + Send + Sync + 'static) -> VecOpts {
        self.constraints.push((label.to_owned(), Arc::new(constraint)));
        self
    }
}

struct Entry<M> {
    labels: LabelPairs,
    metric: M,
    /// When it was last looked up, in seconds of the vector's age. Kept only with a time to live.
    touched: AtomicU32,
}

type Sorted<M> = Arc<[Arc<Entry<M>>]>;

struct Inner<M: Child> {
    desc: Desc,
    config: M::Config,
    /// Where the variable labels are among all, which are sorted by name.
    places: Box<[usize]>,
    hasher: DefaultHashBuilder,
    children: RwLock<HashTable<Arc<Entry<M>>>>,
    /// The children by label values; dropped when they change.
    sorted: Mutex<Option<Sorted<M>>>,
    /// For each variable label; empty when there are none.
    constraints: Box<[Option<Constraint>]>,
    max_series: Option<(usize, String)>,
    ttl: Option<Duration>,
    made: Instant,
    overflows: AtomicU64,
}

/// Metrics of one name, told apart by label values. A handle: clones share the children.
///
/// A look-up hashes the label values and takes a read lock; where it matters,
/// keep the child that [`MetricVec::with`] returns.
pub struct MetricVec<M: Child> {
    inner: Arc<Inner<M>>,
    /// The values that are fixed, by variable label; empty when none are.
    curried: Arc<[Option<String>]>,
}

impl<M: Child> Clone for MetricVec<M> {
    fn clone(&self) -> MetricVec<M> {
        MetricVec { inner: Arc::clone(&self.inner), curried: Arc::clone(&self.curried) }
    }
}

impl<M: Child> std::fmt::Debug for MetricVec<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricVec").field("desc", &self.inner.desc).finish_non_exhaustive()
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
/// A vector of unknowns.
pub type UnknownVec = MetricVec<Unknown>;

/// A look-up takes no memory up to so many labels.
const LABELS_INLINE: usize = 8;

impl<M: Child> MetricVec<M> {
    pub(crate) fn with_desc(desc: Desc, config: M::Config, opts: VecOpts) -> MetricVec<M> {
        let constraints = if opts.constraints.is_empty() {
            Box::default()
        } else {
            let of =
                |label: &String| opts.constraints.iter().find(|(name, _)| name == label).map(|(_, f)| Arc::clone(f));
            desc.variable_labels().iter().map(of).collect()
        };
        let inner = Inner {
            places: desc.places(),
            desc,
            config,
            hasher: DefaultHashBuilder::default(),
            children: RwLock::default(),
            sorted: Mutex::new(None),
            constraints,
            max_series: opts.max_series,
            ttl: opts.ttl,
            made: Instant::now(),
            overflows: AtomicU64::new(0),
        };
        MetricVec { inner: Arc::new(inner), curried: Arc::new([]) }
    }

    /// The child with these label values, in the order of the vector's labels; made if need be.
    ///
    /// # Panics
    /// When the number of values is not that of the labels: a mistake of the program.
    pub fn with(&self, values: &[&str]) -> M {
        match self.try_with(values) {
            Ok(child) => child,
            Err(err) => panic!("{}: {err}", self.inner.desc.name()),
        }
    }

    /// As [`MetricVec::with`].
    ///
    /// # Errors
    /// When the number of values is not that of the labels.
    pub fn try_with(&self, values: &[&str]) -> Result<M, CardinalityError> {
        self.lookup(values, M::clone)
    }

    /// As [`MetricVec::with`], with names: `[("code", "200"), ("method", "get")]`, in any order.
    ///
    /// # Errors
    /// When the names are not those of the labels.
    pub fn with_labels(&self, labels: &[(&str, &str)]) -> Result<M, CardinalityError> {
        self.try_with(&self.by_name(labels)?)
    }

    /// Uses the child with these label values without taking a handle of it: the
    /// quickest way to count once.
    ///
    /// `use_it` must not ask the vector for anything.
    ///
    /// # Panics
    /// As [`MetricVec::with`].
    #[inline]
    pub fn apply<R>(&self, values: &[&str], use_it: impl FnOnce(&M) -> R) -> R {
        match self.lookup(values, use_it) {
            Ok(result) => result,
            Err(err) => panic!("{}: {err}", self.inner.desc.name()),
        }
    }

    #[inline]
    fn lookup<R>(&self, values: &[&str], use_it: impl FnOnce(&M) -> R) -> Result<R, CardinalityError> {
        if self.curried.is_empty() && self.inner.constraints.is_empty() {
            return self.inner.lookup(values, use_it);
        }
        let full = self.full(values)?;
        let mut inline = [""; LABELS_INLINE];
        match inline.get_mut(..full.len()) {
            Some(inline) => {
                inline.iter_mut().zip(&full).for_each(|(slot, value)| *slot = value);
                self.inner.lookup(inline, use_it)
            }
            None => self.inner.lookup(&full.iter().map(|value| &**value).collect::<Vec<_>>(), use_it),
        }
    }

    /// The values of all variable labels, the fixed ones among them, through the constraints.
    fn full<'a>(&'a self, values: &[&'a str]) -> Result<Vec<Cow<'a, str>>, CardinalityError> {
        let expected = self.inner.places.len() - self.curried.iter().flatten().count();
        if values.len() != expected {
            return Err(wrong_number(expected, values));
        }
        let mut given = values.iter();
        let mut full = Vec::with_capacity(self.inner.places.len());
        for i in 0..self.inner.places.len() {
            full.push(match self.curried.get(i) {
                // Fixed values went through the constraints already.
                Some(Some(fixed)) => Cow::Borrowed(fixed.as_str()),
                _ => {
                    let value = given.next().copied().unwrap_or_default();
                    match self.inner.constraints.get(i) {
                        Some(Some(constraint)) => Cow::Owned(constraint(value)),
                        _ => Cow::Borrowed(value),
                    }
                }
            });
        }
        Ok(full)
    }

    fn by_name<'a>(&self, labels: &[(&str, &'a str)]) -> Result<Vec<&'a str>, CardinalityError> {
        let names = self.inner.desc.variable_labels().iter().enumerate();
        let free = names.filter(|(i, _)| !matches!(self.curried.get(*i), Some(Some(_)))).map(|(_, name)| name);
        let mut values = Vec::new();
        let mut expected = 0;
        for name in free {
            expected += 1;
            values.extend(labels.iter().find(|(label, _)| label == name).map(|(_, value)| *value));
        }
        if values.len() != expected || labels.len() != expected {
            let given: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
            return Err(wrong_number(expected, &given));
        }
        Ok(values)
    }

    /// A view of the vector with the values of some labels fixed, which sees and makes
    /// only children with these. Values are then given for the other labels only.
    ///
    /// # Errors
    /// When a label is fixed already or is none of the vector's.
    pub fn curry(&self, labels: &[(&str, &str)]) -> Result<MetricVec<M>, CurryError> {
        let names = self.inner.desc.variable_labels();
        let mut curried = self.curried.to_vec();
        curried.resize(names.len(), None);
        let mut unknown = 0;
        for (label, value) in labels {
            match names.iter().position(|name| name == label) {
                None => unknown += 1,
                Some(at) if curried[at].is_some() => return Err(CurryError::Twice((*label).to_owned())),
                Some(at) => {
                    curried[at] = Some(match self.inner.constraints.get(at) {
                        Some(Some(constraint)) => constraint(value),
                        _ => (*value).to_owned(),
                    });
                }
            }
        }
        if unknown > 0 {
            return Err(CurryError::Unknown(unknown));
        }
        Ok(MetricVec { inner: Arc::clone(&self.inner), curried: curried.into() })
    }

    /// Forgets the child with these label values and says whether there was one.
    /// Handles of it go on to work, unseen.
    pub fn remove(&self, values: &[&str]) -> bool {
        let Ok(full) = self.full(values) else { return false };
        let full: Vec<&str> = full.iter().map(|value| &**value).collect();
        self.inner.remove(&full)
    }

    /// Forgets the children that have all these labels, and says how many. In a view,
    /// a label that is fixed matches nothing.
    pub fn remove_matching(&self, labels: &[(&str, &str)]) -> usize {
        let names = self.inner.desc.variable_labels();
        let mut wanted = Vec::with_capacity(labels.len());
        for (label, value) in labels {
            match names.iter().position(|name| name == label) {
                Some(at) if !matches!(self.curried.get(at), Some(Some(_))) => {
                    let value = match self.inner.constraints.get(at) {
                        Some(Some(constraint)) => Cow::Owned(constraint(value)),
                        _ => Cow::Borrowed(*value),
                    };
                    wanted.push((self.inner.places[at], value));
                }
                _ => return 0,
            }
        }
        self.inner.retain(|entry| {
            !self.sees(&entry.labels) || wanted.iter().any(|(place, value)| value_at(&entry.labels, *place) != value)
        })
    }

    /// Forgets the children whose label values `gone` says yes to, and says how many.
    pub fn remove_if(&self, mut gone: impl FnMut(&[String]) -> bool) -> usize {
        self.inner.retain(|entry| !self.sees(&entry.labels) || !gone(&self.inner.values(&entry.labels)))
    }

    /// Forgets all children; in a view, those it sees.
    pub fn reset(&self) {
        self.inner.retain(|entry| !self.sees(&entry.labels));
    }

    /// Whether a child has the fixed values.
    fn sees(&self, labels: &LabelPairs) -> bool {
        let fixed = self.curried.iter().zip(&self.inner.places);
        fixed
            .filter_map(|(fixed, place)| Some((fixed.as_ref()?, *place)))
            .all(|(fixed, place)| value_at(labels, place) == fixed)
    }

    /// Label values and handle of each child.
    pub fn children(&self) -> Vec<(Vec<String>, M)> {
        let sorted = self.inner.sorted();
        let seen = sorted.iter().filter(|entry| self.sees(&entry.labels));
        seen.map(|entry| (self.inner.values(&entry.labels), entry.metric.clone())).collect()
    }

    /// How many children there are, seen by this view or not.
    pub fn len(&self) -> usize {
        self.inner.read().len()
    }

    /// Whether there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often there was no place for another child (see [`VecOpts::max_series`]).
    pub fn overflows(&self) -> u64 {
        self.inner.overflows.load(Relaxed)
    }

    /// The descriptor.
    pub fn desc(&self) -> &Desc {
        &self.inner.desc
    }

    /// Values of which labels are not fixed, in their order.
    pub fn free_labels(&self) -> Vec<&str> {
        let names = self.inner.desc.variable_labels().iter().enumerate();
        names.filter(|(i, _)| !matches!(self.curried.get(*i), Some(Some(_)))).map(|(_, name)| name.as_str()).collect()
    }
}

impl<M: Child<Config = ()>> MetricVec<M> {
    /// A vector with these label names, not registered anywhere.
    ///
    /// # Errors
    /// A name that cannot be.
    pub fn new(opts: Opts, labels: &[&str], bounds: VecOpts) -> Result<MetricVec<M>, RegisterError> {
        Ok(MetricVec::with_desc(opts.desc(M::METRIC_TYPE, labels)?, (), bounds))
    }
}

fn wrong_number(expected: usize, values: &[&str]) -> CardinalityError {
    let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
    CardinalityError { expected, got: values.len(), values }
}

fn value_at(labels: &LabelPairs, place: usize) -> &str {
    labels.value(place).unwrap_or_default()
}

impl<M: Child> Inner<M> {
    fn read(&self) -> RwLockReadGuard<'_, HashTable<Arc<Entry<M>>>> {
        self.children.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashTable<Arc<Entry<M>>>> {
        self.children.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn hash(&self, values: &[&str]) -> u64 {
        self.hasher.hash_one(values)
    }

    fn values(&self, labels: &LabelPairs) -> Vec<String> {
        self.places.iter().map(|&place| value_at(labels, place).to_owned()).collect()
    }

    #[inline]
    fn has_values(&self, labels: &LabelPairs, values: &[&str]) -> bool {
        self.places.len() == values.len()
            && self.places.iter().zip(values).all(|(&place, value)| value_at(labels, place) == *value)
    }

    fn age_seconds(&self) -> u32 {
        self.made.elapsed().as_secs().try_into().unwrap_or(u32::MAX)
    }

    #[inline]
    fn lookup<R>(&self, values: &[&str], use_it: impl FnOnce(&M) -> R) -> Result<R, CardinalityError> {
        let hash = self.hash(values);
        let children = self.read();
        if let Some(entry) = children.find(hash, |entry| self.has_values(&entry.labels, values)) {
            if self.ttl.is_some() {
                entry.touched.store(self.age_seconds(), Relaxed);
            }
            return Ok(use_it(&entry.metric));
        }
        drop(children);
        let entry = self.insert(hash, values)?;
        Ok(use_it(&entry.metric))
    }

    #[cold]
    fn insert(&self, hash: u64, values: &[&str]) -> Result<Arc<Entry<M>>, CardinalityError> {
        let mut labels = self.desc.pairs(values)?;
        let mut hash = hash;
        let overflow;
        let mut values = values;
        let mut children = self.write();
        if let Some(entry) = children.find(hash, |entry| self.has_values(&entry.labels, values)) {
            return Ok(Arc::clone(entry));
        }
        if let Some((max, other)) = &self.max_series
            && children.len() >= *max
        {
            self.overflows.fetch_add(1, Relaxed);
            overflow = vec![other.as_str(); values.len()];
            values = &overflow;
            hash = self.hash(values);
            if let Some(entry) = children.find(hash, |entry| self.has_values(&entry.labels, values)) {
                return Ok(Arc::clone(entry));
            }
            labels = self.desc.pairs(values)?;
        }
        let touched = AtomicU32::new(self.age_seconds());
        let entry = Arc::new(Entry { labels, metric: M::create(&self.config), touched });
        children.insert_unique(hash, Arc::clone(&entry), |entry| self.hash_of(&entry.labels));
        *self.sorted.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(entry)
    }

    fn hash_of(&self, labels: &LabelPairs) -> u64 {
        let mut inline = [""; LABELS_INLINE];
        match inline.get_mut(..self.places.len()) {
            Some(inline) => {
                inline.iter_mut().zip(&self.places).for_each(|(slot, &place)| *slot = value_at(labels, place));
                self.hash(inline)
            }
            None => self.hash(&self.places.iter().map(|&place| value_at(labels, place)).collect::<Vec<_>>()),
        }
    }

    fn remove(&self, values: &[&str]) -> bool {
        let mut children = self.write();
        let Ok(entry) = children.find_entry(self.hash(values), |entry| self.has_values(&entry.labels, values)) else {
            return false;
        };
        entry.remove();
        *self.sorted.lock().unwrap_or_else(PoisonError::into_inner) = None;
        true
    }

    /// Forgets the children for which `stays` says no, and says how many.
    fn retain(&self, mut stays: impl FnMut(&Entry<M>) -> bool) -> usize {
        let mut children = self.write();
        let before = children.len();
        children.retain(|entry| stays(entry));
        let gone = before - children.len();
        if gone > 0 {
            *self.sorted.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        gone
    }

    fn sorted(&self) -> Sorted<M> {
        // Lock order: children, then sorted.
        let children = self.read();
        let mut sorted = self.sorted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sorted) = &*sorted {
            return Arc::clone(sorted);
        }
        let mut entries: Vec<Arc<Entry<M>>> = children.iter().cloned().collect();
        entries.sort_unstable_by(|a, b| {
            a.labels.iter().map(|(_, value)| value).cmp(b.labels.iter().map(|(_, value)| value))
        });
        let entries: Sorted<M> = entries.into();
        *sorted = Some(Arc::clone(&entries));
        entries
    }

    fn forget_unused(&self) {
        let Some(ttl) = self.ttl else { return };
        let now = self.age_seconds();
        let ttl: u32 = ttl.as_secs().try_into().unwrap_or(u32::MAX);
        // The entry itself holds one handle.
        let is_unused =
            |entry: &Entry<M>| now.saturating_sub(entry.touched.load(Relaxed)) > ttl && entry.metric.handles() <= 1;
        if self.read().iter().any(|entry| is_unused(entry)) {
            self.retain(|entry| !is_unused(entry));
        }
    }
}

impl<M: Child> Collector for MetricVec<M> {
    fn describe(&self) -> Vec<Desc> {
        vec![self.inner.desc.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        self.inner.forget_unused();
        // Values are read without the lock: a snapshot of a histogram takes its time.
        let sorted = self.inner.sorted();
        sink.sorted(&self.inner.desc, sorted.iter().map(|entry| entry.metric.metric(entry.labels.clone())).collect());
    }
}

#[cfg(test)]
mod tests;
