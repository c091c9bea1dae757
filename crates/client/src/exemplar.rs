//! Exemplars: examples of what was counted, usually with the id of a trace.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

pub use narthex_exposition::{Exemplar, LabelPairs};

/// How many characters the labels of an exemplar may have, names and values together.
pub const EXEMPLAR_CHARS_MAX: usize = 128;

/// Why labels cannot be those of an exemplar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExemplarError {
    /// A label name is empty or starts with `__`.
    #[error("{0:?} is not a valid label name of an exemplar")]
    LabelName(String),
    /// A label name occurs twice.
    #[error("label name {0:?} occurs twice in an exemplar")]
    DuplicateLabel(String),
    /// There are more than [`EXEMPLAR_CHARS_MAX`] characters.
    #[error("exemplar labels have {0} characters, exceeding the limit of {EXEMPLAR_CHARS_MAX}")]
    TooLong(usize),
}

/// The labels of an exemplar, checked.
///
/// # Errors
/// See [`ExemplarError`].
pub fn exemplar_labels(pairs: &[(&str, &str)]) -> Result<LabelPairs, ExemplarError> {
    let mut chars = 0;
    for (i, (name, value)) in pairs.iter().enumerate() {
        if name.is_empty() || name.starts_with("__") {
            return Err(ExemplarError::LabelName((*name).to_owned()));
        }
        if pairs[..i].iter().any(|(other, _)| other == name) {
            return Err(ExemplarError::DuplicateLabel((*name).to_owned()));
        }
        chars += name.chars().count() + value.chars().count();
    }
    if chars > EXEMPLAR_CHARS_MAX {
        return Err(ExemplarError::TooLong(chars));
    }
    Ok(LabelPairs::new(pairs.iter().copied()))
}

type Provider = Box<dyn Fn() -> Option<LabelPairs> + Send + Sync>;

static PROVIDER: OnceLock<Provider> = OnceLock::new();

/// Says where the exemplars of metrics come from that take them from their
/// surroundings ([`crate::Histogram::observe_in_context`], [`crate::Counter::inc_in_context`]):
/// usually the trace of the current span, if it is sampled. Says `false` and
/// changes nothing when that was said before.
pub fn set_exemplar_provider(provider: impl Fn() -> Option<LabelPairs> + Send + Sync + 'static) -> bool {
    PROVIDER.set(Box::new(provider)).is_ok()
}

/// What the surroundings give.
pub(crate) fn from_context() -> Option<LabelPairs> {
    PROVIDER.get()?()
}

/// Place for one exemplar; costs two words until there is one.
#[derive(Debug, Default)]
pub(crate) struct Slot(OnceLock<Box<Mutex<Exemplar>>>);

impl Slot {
    pub(crate) fn set(&self, exemplar: Exemplar) {
        let mut new = Some(exemplar);
        let slot = self.0.get_or_init(|| Box::new(Mutex::new(new.take().expect("not taken before"))));
        if let Some(exemplar) = new {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = exemplar;
        }
    }

    pub(crate) fn get(&self) -> Option<Box<Exemplar>> {
        Some(Box::new(self.0.get()?.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}

/// How many exemplars a native histogram keeps and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Keep {
    pub(crate) count_max: usize,
    pub(crate) age_max: Duration,
}

/// The exemplars of a native histogram, spread over its values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    /// By value.
    exemplars: Vec<Exemplar>,
}

/// A scale on which equal factors are equal distances, both signs and zero included.
/// Upstream takes the logarithm of the bare value, which negative values lack.
fn position(value: f64) -> f64 {
    // 2^-128, below which everything is zero.
    const ZERO_LN: f64 = -88.722_839_111_673;
    let distance = (value.abs().ln() - ZERO_LN).max(0.0);
    if value < 0.0 { -distance } else { distance }
}

fn distance(a: &Exemplar, b: &Exemplar) -> f64 {
    let distance = (position(a.value) - position(b.value)).abs();
    // Of two infinities.
    if distance.is_nan() { 0.0 } else { distance }
}

impl Spread {
    pub(crate) fn exemplars(&self) -> &[Exemplar] {
        &self.exemplars
    }

    pub(crate) fn clear(&mut self) {
        self.exemplars.clear();
    }

    /// Takes in an exemplar. When there are enough: the oldest goes if it is too
    /// old, else the older one of the two that are closest to each other.
    pub(crate) fn add(&mut self, exemplar: Exemplar, keep: Keep) {
        if keep.count_max == 0 || exemplar.value.is_nan() {
            return;
        }
        let at = self.exemplars.partition_point(|other| other.value <= exemplar.value);
        self.exemplars.insert(at, exemplar);
        if self.exemplars.len() <= keep.count_max {
            return;
        }
        let others = || self.exemplars.iter().enumerate().filter(|(i, _)| *i != at);
        let oldest = others().min_by_key(|(_, exemplar)| exemplar.timestamp).map(|(i, _)| i).expect("one was there");
        let age = |old: &Exemplar, new: &Exemplar| match (old.timestamp, new.timestamp) {
            (Some(old), Some(new)) => new.duration_since(old).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let gone = if keep.count_max == 1 || age(&self.exemplars[oldest], &self.exemplars[at]) > keep.age_max {
            oldest
        } else {
            let pairs = self.exemplars.windows(2).enumerate();
            let (first, _) = pairs
                .min_by(|(_, a), (_, b)| distance(&a[0], &a[1]).total_cmp(&distance(&b[0], &b[1])))
                .expect("there are two at least");
            match (first == at, first + 1 == at) {
                // The new one stays.
                (true, _) => first + 1,
                (_, true) => first,
                _ if self.exemplars[first].timestamp <= self.exemplars[first + 1].timestamp => first,
                _ => first + 1,
            }
        };
        self.exemplars.remove(gone);
    }
}

/// An exemplar of now.
pub(crate) fn now(labels: LabelPairs, value: f64) -> Exemplar {
    Exemplar { labels, value, timestamp: Some(SystemTime::now()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(value: f64, seconds: u64) -> Exemplar {
        let timestamp = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Exemplar { labels: [].into(), value, timestamp }
    }

    #[track_caller]
    fn check(count_max: usize, given: &[(f64, u64)], want: &[f64]) {
        let mut spread = Spread::default();
        for &(value, seconds) in given {
            spread.add(exemplar(value, seconds), Keep { count_max, age_max: Duration::from_secs(300) });
        }
        assert_eq!(spread.exemplars().iter().map(|exemplar| exemplar.value).collect::<Vec<_>>(), want);
    }

    #[test]
    fn close_ones_and_old_ones_go() {
        check(3, &[(4.0, 1), (1.0, 2), (16.0, 3)], &[1.0, 4.0, 16.0]);
        check(3, &[(4.0, 1), (1.0, 2), (16.0, 3), (15.0, 4)], &[1.0, 4.0, 15.0]);
        // The new one is far from all; the older of the closest pair goes.
        check(3, &[(4.0, 1), (5.0, 2), (16.0, 3), (400.0, 4)], &[5.0, 16.0, 400.0]);
        check(3, &[(-4.0, 1), (0.0, 2), (4.0, 3), (-4.5, 4)], &[-4.5, 0.0, 4.0]);
        check(2, &[(1.0, 1), (100.0, 200), (101.0, 302)], &[100.0, 101.0]);
        check(1, &[(1.0, 1), (9.0, 2)], &[9.0]);
        check(0, &[(1.0, 1)], &[]);
        check(2, &[(f64::INFINITY, 1), (f64::INFINITY, 2), (f64::NAN, 3), (1.0, 4)], &[1.0, f64::INFINITY]);
    }

    #[test]
    fn labels_are_checked() {
        assert_eq!(exemplar_labels(&[("trace_id", "x")]).unwrap().to_string(), "{trace_id=\"x\"}");
        assert!(matches!(exemplar_labels(&[("__x", "")]), Err(ExemplarError::LabelName(_))));
        assert!(matches!(exemplar_labels(&[("x", ""), ("x", "")]), Err(ExemplarError::DuplicateLabel(_))));
        assert!(exemplar_labels(&[("x", &"\u{e4}".repeat(127))]).is_ok());
        assert_eq!(exemplar_labels(&[("x", &"\u{e4}".repeat(128))]).unwrap_err(), ExemplarError::TooLong(129));
    }
}
