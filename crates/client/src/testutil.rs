//! Help for tests of a program's metrics.
//!
//! ```
//! use std::sync::Arc;
//! use narthex_client::{Opts, Registry, testutil};
//!
//! let registry = Registry::pedantic();
//! let jobs = registry.counter_vec(Opts::new("jobs_total", "Jobs."), &["kind"])?;
//! jobs.with(&["mail"]).inc();
//! assert_eq!(testutil::to_f64(&jobs.with(&["mail"])), 1.0);
//! testutil::compare(&registry, "
//!     ## HELP jobs_total Jobs.
//!     ## TYPE jobs_total counter
//!     jobs_total{kind=\"mail\"} 1
//! ", &["jobs_total"])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use narthex_exposition::{EscapingScheme, Format, LabelPairs, MetricValue, Negotiated};

use crate::collector::Collector;
use crate::error::GatherError;
use crate::gather::{Gathered, Gatherer};
use crate::lint::{Problem, lint};
use crate::registry::Registry;
use crate::vector::Child;

/// Why metrics are not as expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// Not everything could be gathered.
    #[error("{}", crate::scrape::list(.0))]
    Gather(Vec<GatherError>),
    /// The collector cannot be registered.
    #[error(transparent)]
    Register(#[from] crate::RegisterError),
    /// They are different: lines that are expected begin with `-`, those there are with `+`.
    #[error("metrics are not as expected:\n{0}")]
    Different(String),
}

/// The value of a counter, gauge or unknown.
///
/// # Panics
/// When it is a histogram or summary.
pub fn to_f64(metric: &impl Child) -> f64 {
    match metric.metric(LabelPairs::default()).value {
        MetricValue::Single(value) => value,
        other => panic!("collected metric is not a counter, gauge or unknown: {other:?}"),
    }
}

/// What a collector collects, through a pedantic registry.
///
/// # Errors
/// When it cannot be registered, or something not be gathered.
pub fn collect(collector: impl Collector + 'static) -> Result<Gathered, CompareError> {
    let registry = Registry::pedantic();
    registry.register(Arc::new(collector))?;
    checked(registry.gather())
}

fn checked(gathered: Gathered) -> Result<Gathered, CompareError> {
    if gathered.errors.is_empty() { Ok(gathered) } else { Err(CompareError::Gather(gathered.errors)) }
}

/// How many series there are of the families of these names; of all, without names.
///
/// # Errors
/// When something could not be gathered.
pub fn count(gatherer: &impl Gatherer, names: &[&str]) -> Result<usize, CompareError> {
    let gathered = checked(gatherer.gather())?;
    let chosen = gathered.families.iter().filter(|family| names.is_empty() || names.contains(&family.name.as_str()));
    Ok(chosen.map(|family| family.metrics.len()).sum())
}

/// The metrics of these names as text; of all, without names.
///
/// # Errors
/// When something could not be gathered.
pub fn format(gatherer: &impl Gatherer, format: Format, names: &[&str]) -> Result<String, CompareError> {
    Ok(checked(gatherer.gather())?.encode(Negotiated { format, escaping: EscapingScheme::AllowUtf8 }, names))
}

/// Compares the metrics of these names (of all, without names) with text in the format
/// 0.0.4, in any order of families and series, and with any indentation.
///
/// # Errors
/// When they are different, or something could not be gathered.
pub fn compare(gatherer: &impl Gatherer, expected: &str, names: &[&str]) -> Result<(), CompareError> {
    let actual = format(gatherer, Format::Text004, names)?;
    let lines = |text: &str| {
        let mut lines: Vec<String> =
            text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        lines.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.cmp(b)));
        lines
    };
    let (expected, actual) = (lines(expected), lines(&actual));
    if expected == actual {
        return Ok(());
    }
    Err(CompareError::Different(difference(&expected, &actual)))
}

/// What lines are sorted by: the metric's name first, its metadata before its samples.
fn key(line: &str) -> (&str, u8) {
    let name = |text: &'static str| line.strip_prefix(text).and_then(|rest| rest.split_whitespace().next());
    match (name("# HELP "), name("# TYPE ")) {
        (Some(name), _) => (name, 0),
        (_, Some(name)) => (name, 1),
        _ => (line.split(['{', ' ']).next().unwrap_or_default(), 2),
    }
}

/// Both as one list of lines, those that only one has marked.
fn difference(expected: &[String], actual: &[String]) -> String {
    // The longest common subsequence, by the lengths of those of all ends.
    let mut lens = vec![vec![0usize; actual.len() + 1]; expected.len() + 1];
    for i in (0..expected.len()).rev() {
        for j in (0..actual.len()).rev() {
            lens[i][j] =
                if expected[i] == actual[j] { lens[i + 1][j + 1] + 1 } else { lens[i + 1][j].max(lens[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < expected.len() || j < actual.len() {
        let (mark, line) = if i < expected.len() && j < actual.len() && expected[i] == actual[j] {
            (i, j) = (i + 1, j + 1);
            (' ', &expected[i - 1])
        } else if j == actual.len() || (i < expected.len() && lens[i + 1][j] >= lens[i][j + 1]) {
            i += 1;
            ('-', &expected[i - 1])
        } else {
            j += 1;
            ('+', &actual[j - 1])
        };
        out.push(mark);
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// What could be better about names and descriptions.
///
/// # Errors
/// When something could not be gathered.
pub fn lint_all(gatherer: &impl Gatherer) -> Result<Vec<Problem>, CompareError> {
    Ok(lint(&checked(gatherer.gather())?.families))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counter, FnCollector, Histogram, MetricType, Opts, Single};

    fn registry() -> Registry {
        let registry = Registry::pedantic();
        let jobs = registry.counter_vec(Opts::new("jobs_total", "Jobs."), &["kind"]).unwrap();
        jobs.with(&["a"]).inc();
        jobs.with(&["b"]).inc_by(2);
        registry.gauge(Opts::new("busy", "Busy.")).unwrap();
        registry
    }

    #[test]
    fn the_difference_is_shown() {
        let text = "jobs_total{kind=\"b\"} 3\njobs_total{kind=\"a\"} 1\n# TYPE jobs_total counter";
        let error = compare(&registry(), text, &["jobs_total"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "metrics are not as expected:\n+# HELP jobs_total Jobs.\n # TYPE jobs_total counter\n jobs_total{kind=\"a\"} 1\n\
             -jobs_total{kind=\"b\"} 3\n+jobs_total{kind=\"b\"} 2\n"
        );
        compare(&registry(), "# HELP busy Busy.\n# TYPE busy gauge\nbusy 0", &["busy"]).unwrap();
        assert!(compare(&registry(), "", &[]).is_err());
    }

    #[test]
    fn series_are_counted_and_judged() {
        assert_eq!(count(&registry(), &["jobs_total"]).unwrap(), 2);
        assert_eq!(count(&registry(), &[]).unwrap(), 3);
        assert_eq!(format(&registry(), Format::Text004, &["busy"]).unwrap().lines().count(), 3);
        assert_eq!(lint_all(&registry()).unwrap(), []);
        let gathered = collect(Single::new(Opts::new("x", ""), Counter::new()).unwrap()).unwrap();
        assert_eq!(lint(&gathered.families).len(), 2);
        let desc = Opts::new("x", "").desc(MetricType::Gauge, &[]).unwrap();
        let twice = FnCollector::new(move |sink| (0..2).for_each(|_| sink.value(&desc, &[], 1.0)));
        assert!(matches!(collect(twice), Err(CompareError::Gather(_))));
    }

    #[test]
    #[should_panic(expected = "is not a counter, gauge or unknown")]
    fn a_histogram_has_no_single_value() {
        to_f64(&Histogram::new(&[]).unwrap());
    }
}
