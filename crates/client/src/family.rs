//! Families: vectors whose labels are the fields of a struct.
//!
//! ```
//! use narthex_client::{LabelSet, LabelValue, Opts, Registry};
//!
//! #[derive(LabelValue)]
//! enum Method { Get, Post }
//!
//! #[derive(LabelSet)]
//! struct Request<'a> { method: Method, code: u16, #[label(rename = "handler")] path: &'a str }
//!
//! let registry = Registry::new();
//! let requests = registry.counter_family::<Request<'_>>(Opts::new("requests_total", "Requests."))?;
//! requests.apply(&Request { method: Method::Get, code: 200, path: "/" }, |counter| counter.inc());
//! # Ok::<(), narthex_client::RegisterError>(())
//! ```
//!
//! A set that is made of enums and booleans only is found by arithmetic: no hash, no
//! lock, a few nanoseconds.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock, OnceLock};

use crate::desc::Opts;
use crate::error::RegisterError;
use crate::histogram::HistogramOpts;
use crate::registry::Registry;
use crate::vector::{Child, MetricVec};
use crate::{Counter, Gauge, Histogram, Summary, SummaryOpts};

/// What a label's value is made from. Derived for enums.
pub trait LabelValue {
    /// How many values there are; 0 when nobody knows.
    const CARDINALITY: usize = 0;

    /// Which one it is, below the cardinality.
    fn index(&self) -> usize {
        0
    }

    /// Calls `use_it` with its text.
    fn with_text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R;
}

macro_rules! texts {
    ($($kind:ty),*) => {$(
        impl LabelValue for $kind {
            #[inline]
            fn with_text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
                use_it(self)
            }
        }
    )*};
}

texts!(str, String, Box<str>, Arc<str>, Cow<'_, str>);

impl<T: LabelValue + ?Sized> LabelValue for &T {
    const CARDINALITY: usize = T::CARDINALITY;

    #[inline]
    fn index(&self) -> usize {
        T::index(self)
    }

    #[inline]
    fn with_text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        T::with_text(self, use_it)
    }
}

/// Absent is the empty text.
impl<T: LabelValue> LabelValue for Option<T> {
    #[inline]
    fn with_text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        match self {
            Some(value) => value.with_text(use_it),
            None => use_it(""),
        }
    }
}

impl LabelValue for bool {
    const CARDINALITY: usize = 2;

    #[inline]
    fn index(&self) -> usize {
        usize::from(*self)
    }

    #[inline]
    fn with_text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        use_it(if *self { "true" } else { "false" })
    }
}

/// The numbers below this have their digits written already: status codes are among them.
const WRITTEN: u64 = 1000;

static DIGITS: LazyLock<Box<[Box<str>]>> =
    LazyLock::new(|| (0..WRITTEN).map(|number| number.to_string().into()).collect());

/// Calls `use_it` with a number's digits.
#[inline]
fn with_digits<R>(is_negative: bool, number: u64, use_it: impl FnOnce(&str) -> R) -> R {
    if number < WRITTEN && !is_negative {
        return use_it(&DIGITS[number as usize]);
    }
    let mut buffer = [b'-'; 21];
    let mut at = buffer.len();
    let mut rest = number;
    while rest > 0 || at == buffer.len() {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    at -= usize::from(is_negative);
    use_it(std::str::from_utf8(&buffer[at..]).expect("digits are ASCII"))
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl LabelValue for $kind {
            #[inline]
            #[allow(unused_comparisons, clippy::cast_lossless)]
            fn with_text<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
                let magnitude = if *self < 0 { (*self as i64).unsigned_abs() } else { *self as u64 };
                with_digits(*self < 0, magnitude, use_it)
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

/// Labels as the fields of a struct. Derived.
pub trait LabelSet {
    /// The names of the labels.
    const NAMES: &'static [&'static str];
    /// How many sets there are; 0 when nobody knows.
    const CARDINALITY: usize = 0;

    /// Which one it is, below the cardinality.
    fn index(&self) -> usize {
        0
    }

    /// Calls `use_it` with the values, in the order of the names.
    fn with_values<R>(&self, use_it: impl FnOnce(&[&str]) -> R) -> R;
}

/// Up to so many sets, children are found by arithmetic.
const DENSE_MAX: usize = 1024;

/// A vector whose labels are the fields of `L`. A handle: clones share the children,
/// which stay as long as the family.
pub struct Family<L, M: Child> {
    vector: MetricVec<M>,
    /// The children by index, if there are few enough.
    dense: Arc<[OnceLock<M>]>,
    labels: PhantomData<fn(&L)>,
}

impl<L, M: Child> Clone for Family<L, M> {
    fn clone(&self) -> Family<L, M> {
        Family { vector: self.vector.clone(), dense: Arc::clone(&self.dense), labels: PhantomData }
    }
}

impl<L, M: Child> std::fmt::Debug for Family<L, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Family").field(&self.vector).finish()
    }
}

impl<L: LabelSet, M: Child> Family<L, M> {
    fn new(vector: MetricVec<M>) -> Family<L, M> {
        let count = if L::CARDINALITY <= DENSE_MAX { L::CARDINALITY } else { 0 };
        Family { vector, dense: (0..count).map(|_| OnceLock::new()).collect(), labels: PhantomData }
    }

    /// The child with these labels; made if need be.
    pub fn get(&self, labels: &L) -> M {
        self.apply(labels, M::clone)
    }

    /// Uses the child with these labels without taking a handle of it: the quickest way
    /// to count once. `use_it` must not ask the family for anything.
    #[inline]
    pub fn apply<R>(&self, labels: &L, use_it: impl FnOnce(&M) -> R) -> R {
        match self.dense.get(labels.index()) {
            Some(slot) => use_it(slot.get_or_init(|| labels.with_values(|values| self.vector.with(values)))),
            None => labels.with_values(|values| self.vector.apply(values, use_it)),
        }
    }

    /// How many children there are.
    pub fn len(&self) -> usize {
        self.vector.len()
    }

    /// Whether there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A family of counters.
pub type CounterFamily<L> = Family<L, Counter>;
/// A family of gauges.
pub type GaugeFamily<L> = Family<L, Gauge>;
/// A family of histograms.
pub type HistogramFamily<L> = Family<L, Histogram>;
/// A family of summaries.
pub type SummaryFamily<L> = Family<L, Summary>;

impl Registry {
    /// Makes and registers a family of counters.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn counter_family<L: LabelSet>(&self, opts: Opts) -> Result<CounterFamily<L>, RegisterError> {
        self.counter_vec(opts, L::NAMES).map(Family::new)
    }

    /// Makes and registers a family of gauges.
    ///
    /// # Errors
    /// See [`Registry::counter`].
    pub fn gauge_family<L: LabelSet>(&self, opts: Opts) -> Result<GaugeFamily<L>, RegisterError> {
        self.gauge_vec(opts, L::NAMES).map(Family::new)
    }

    /// Makes and registers a family of histograms.
    ///
    /// # Errors
    /// See [`Registry::histogram`].
    pub fn histogram_family<L: LabelSet>(
        &self,
        opts: Opts,
        histogram: impl Into<HistogramOpts>,
    ) -> Result<HistogramFamily<L>, RegisterError> {
        self.histogram_vec(opts, L::NAMES, histogram).map(Family::new)
    }

    /// Makes and registers a family of summaries.
    ///
    /// # Errors
    /// See [`Registry::summary`].
    pub fn summary_family<L: LabelSet>(
        &self,
        opts: Opts,
        summary: SummaryOpts,
    ) -> Result<SummaryFamily<L>, RegisterError> {
        self.summary_vec(opts, L::NAMES, summary).map(Family::new)
    }
}

#[cfg(all(test, feature = "derive"))]
mod tests {
    use super::*;
    use crate::{LabelSet, LabelValue};

    #[derive(LabelValue, Clone, Copy)]
    enum Method {
        Get,
        #[label(rename = "PATCH")]
        Patch,
        NotFound,
    }

    #[derive(LabelSet)]
    struct Request<'a, T: LabelValue> {
        method: Method,
        code: u16,
        #[label(rename = "handler")]
        path: &'a str,
        r#type: Option<T>,
    }

    #[derive(LabelSet)]
    struct Few {
        method: Method,
        is_cached: bool,
    }

    #[derive(LabelSet)]
    struct None {}

    #[test]
    fn fields_are_labels() {
        let registry = Registry::pedantic();
        let requests = registry.counter_family::<Request<'_, i8>>(Opts::new("a_total", "")).unwrap();
        for (method, kind) in [(Method::Get, None::<i8>), (Method::Patch, Some(-128)), (Method::NotFound, Some(0))] {
            requests.apply(&Request { method, code: 200, path: "/", r#type: kind }, |counter| counter.inc());
        }
        let text = registry.gather().encode(narthex_exposition::negotiate(None), &[]);
        assert_eq!(
            text,
            "# TYPE a_total counter\na_total{code=\"200\",handler=\"/\",method=\"PATCH\",type=\"-128\"} 1\n\
             a_total{code=\"200\",handler=\"/\",method=\"get\",type=\"\"} 1\n\
             a_total{code=\"200\",handler=\"/\",method=\"not_found\",type=\"0\"} 1\n"
        );
    }

    #[test]
    fn few_sets_are_found_by_arithmetic() {
        assert_eq!((Few::CARDINALITY, Request::<i8>::CARDINALITY, None::CARDINALITY), (6, 0, 1));
        let registry = Registry::new();
        let few = registry.counter_family::<Few>(Opts::new("a_total", "")).unwrap();
        for (i, method) in [Method::Get, Method::Patch, Method::NotFound].into_iter().enumerate() {
            for is_cached in [false, true] {
                let labels = Few { method, is_cached };
                assert_eq!(labels.index(), 2 * i + usize::from(is_cached));
                few.get(&labels).inc_by(labels.index() as u64);
                few.clone().apply(&labels, |counter| counter.inc());
            }
        }
        assert_eq!(few.len(), 6);
        let text = registry.gather().encode(narthex_exposition::negotiate(None), &[]);
        assert!(text.contains("a_total{is_cached=\"true\",method=\"not_found\"} 6\n"), "{text}");
        let none = registry.gauge_family::<None>(Opts::new("b", "")).unwrap();
        none.get(&None {}).set(1.0);
        let wait = registry.histogram_family::<None>(Opts::new("c", ""), &[1.0]).unwrap();
        wait.get(&None {}).observe(1.0);
        assert!(!wait.is_empty());
    }

    #[test]
    fn numbers_are_written() {
        let text = |value: &dyn Fn(&mut String)| {
            let mut out = String::new();
            value(&mut out);
            out
        };
        assert_eq!(text(&|out| u64::MAX.with_text(|text| out.push_str(text))), u64::MAX.to_string());
        assert_eq!(text(&|out| i64::MIN.with_text(|text| out.push_str(text))), i64::MIN.to_string());
        for number in [0, 7, 999, 1000, -1, -1000] {
            assert_eq!(text(&|out| number.with_text(|text| out.push_str(text))), number.to_string());
        }
    }
}
