//! Warnings and infos that a query collects while it is computed.
//!
//! [`Annotations`] is a set keyed by text; every entry remembers where in the
//! query the expression at fault begins. Parts of a query computed apart collect
//! apart and are joined with [`Annotations::merge`] in the order of evaluation.
//! [`Annotations::render`] makes the texts that users see.
//!
//! Source: the catalogue of Prometheus `util/annotations` and the places in
//! `promql` that raise it.

use std::collections::BTreeMap;
use std::fmt::Write;

use narthex_model::float::format_g;
use narthex_model::quote::quote;

/// How many annotations of each kind an API answer lists.
pub const ANNOTATIONS_LISTED_MAX: usize = 10;

/// Where an annotated expression begins: its byte offset in the query text.
///
/// The argument of a function that is a subquery counts as offset 0 wherever it
/// stands, an upstream quirk that [`position_of`] knows.
pub type Position = usize;

/// The position at which annotations about `expr` are shown.
pub fn position_of(expr: &narthex_promql_syntax::ast::Expr) -> Position {
    match expr {
        narthex_promql_syntax::ast::Expr::Subquery(_) => 0,
        other => other.span().start,
    }
}

/// Whether users should act on an annotation or only know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The result is likely not what was asked for.
    Warning,
    /// The result may surprise.
    Info,
}

/// Which operation conflicting resets or reconciled bounds belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HistogramOperation {
    /// `+`
    Addition,
    /// `-`
    Subtraction,
    /// `sum`, `avg` and their `_over_time` forms.
    Aggregation,
}

impl HistogramOperation {
    fn as_str(self) -> &'static str {
        match self {
            HistogramOperation::Addition => "addition",
            HistogramOperation::Subtraction => "subtraction",
            HistogramOperation::Aggregation => "aggregation",
        }
    }
}

/// How the buckets of a classic histogram had to be changed to be monotonic.
///
/// Bounds, difference and times are the extremes over all occurrences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForcedMonotonicity {
    /// Lowest upper bound that was changed.
    pub bucket_min: f64,
    /// Highest upper bound that was changed.
    pub bucket_max: f64,
    /// Largest amount by which a count was raised.
    pub diff_max: f64,
    /// How many samples needed it, as upstream counts them.
    pub samples: i64,
    /// First evaluation time.
    pub timestamp_min: i64,
    /// Last evaluation time.
    pub timestamp_max: i64,
}

impl ForcedMonotonicity {
    /// Takes in what another occurrence saw; the numbers of samples add up.
    pub fn merge(&mut self, other: &ForcedMonotonicity) {
        self.bucket_min = self.bucket_min.min(other.bucket_min);
        self.bucket_max = self.bucket_max.max(other.bucket_max);
        self.diff_max = self.diff_max.max(other.diff_max);
        self.samples = self.samples.wrapping_add(other.samples);
        self.timestamp_min = self.timestamp_min.min(other.timestamp_min);
        self.timestamp_max = self.timestamp_max.max(other.timestamp_max);
    }
}

/// One thing to tell the user. `name` is a metric name, possibly empty.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Annotation<'a> {
    /// φ is NaN, below 0 or above 1.
    InvalidQuantile(f64),
    /// The ratio of limit_ratio lies beyond ±1.
    InvalidRatio { ratio: f64, capped: f64 },
    /// The `le` of a classic bucket cannot be read.
    BadBucketLabel { le: &'a str, name: &'a str },
    /// A classic and a native histogram have the same labels.
    MixedClassicNative { name: &'a str },
    /// A range holds floats and histograms.
    MixedFloatsHistograms { name: &'a str },
    /// An aggregation group holds floats and histograms.
    MixedFloatsHistogramsAggregation,
    /// A counter function met a gauge histogram.
    NativeHistogramNotCounter { name: &'a str },
    /// A gauge function met a counter histogram.
    NativeHistogramNotGauge { name: &'a str },
    /// Exponential and custom buckets in one series or group.
    MixedExponentialCustom { name: &'a str },
    /// The operands of a binary operator cannot be brought together.
    IncompatibleBucketLayout { operator: &'a str },
    /// A reset and a not-reset hint met.
    CounterResetCollision(HistogramOperation),
    /// A sort function in a range query.
    SortInRangeQuery,
    /// A sample says that it began before the previous one ended.
    StartTimeOverlap { name: &'a str, occurrences: u64 },
    /// The name of a counter does not end as counters' names do.
    PossibleNonCounter { name: &'a str },
    /// The type label does not say counter or histogram.
    PossibleNonCounterType { name: &'a str, type_label: &'a str },
    /// Classic buckets had to be made monotonic.
    ForcedMonotonicity { name: &'a str, fix: ForcedMonotonicity },
    /// An operator does not apply to the types of its operands.
    IncompatibleTypes { left: &'a str, operator: &'a str, right: &'a str },
    /// An aggregation skipped histograms.
    HistogramIgnoredInAggregation { aggregation: &'a str },
    /// A range function skipped histograms beside floats.
    HistogramIgnoredInMixedRange { name: &'a str },
    /// A quantile fell among observations of NaN.
    NativeQuantileNan { name: &'a str },
    /// Observations of NaN push a quantile up.
    NativeQuantileSkewed { name: &'a str },
    /// Observations of NaN count in no fraction.
    NativeFractionNan { name: &'a str },
    /// Custom buckets were reduced to their common bounds.
    CustomBucketsReconciled(HistogramOperation),
    /// What storage, a limit or the like has to say, without prefix and position.
    Plain(&'a str),
}

/// The set of annotations of a query or of a part of it.
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    severity: Severity,
    /// `None` for plain texts.
    position: Option<Position>,
    detail: Detail,
}

#[derive(Clone, Copy, Debug)]
enum Detail {
    None,
    Monotonicity(ForcedMonotonicity),
    Occurrences(u64),
}

/// The texts for users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Things to act on.
    pub warnings: Vec<String>,
    /// Things to know.
    pub infos: Vec<String>,
}

impl Annotations {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds one about the expression that begins at `position`.
    ///
    /// The same text again takes the new position, but for those that count
    /// occurrences, which keep the first.
    pub fn add(&mut self, annotation: &Annotation<'_>, position: Position) {
        let (severity, detail) = (severity_of(annotation), detail_of(annotation));
        let position = (!matches!(annotation, Annotation::Plain(_))).then_some(position);
        self.insert(text_of(annotation), Entry { severity, position, detail });
    }

    /// Adds a warning of storage or of a limit, which has no position.
    pub fn add_plain_warning(&mut self, text: &str) {
        self.add(&Annotation::Plain(text), 0);
    }

    /// Takes in all of `later`, which was collected after what is here.
    pub fn merge(&mut self, later: Annotations) {
        if self.entries.is_empty() {
            self.entries = later.entries;
            return;
        }
        for (text, entry) in later.entries {
            self.insert(text, entry);
        }
    }

    fn insert(&mut self, text: String, new: Entry) {
        match self.entries.entry(text) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(new);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                let known = slot.get_mut();
                match (&mut known.detail, &new.detail) {
                    (Detail::Monotonicity(a), Detail::Monotonicity(b)) => a.merge(b),
                    (Detail::Occurrences(a), Detail::Occurrences(b)) => *a = a.saturating_add(*b),
                    _ => *known = new,
                }
            }
        }
    }

    /// The texts, warnings and infos apart, positions made from `query`.
    ///
    /// Of each kind at most `listed_max` are listed (0 for all), then the number
    /// of the others is told.
    pub fn render(&self, query: &str, listed_max: usize) -> Rendered {
        let mut rendered = Rendered::default();
        let mut omitted = (0_usize, 0_usize);
        for (text, entry) in &self.entries {
            let (list, omitted) = match entry.severity {
                Severity::Warning => (&mut rendered.warnings, &mut omitted.0),
                Severity::Info => (&mut rendered.infos, &mut omitted.1),
            };
            if listed_max > 0 && list.len() == listed_max {
                *omitted += 1;
            } else {
                list.push(entry.render(text, query));
            }
        }
        if omitted.0 > 0 {
            rendered.warnings.push(format!("{} more warning annotations omitted", omitted.0));
        }
        if omitted.1 > 0 {
            rendered.infos.push(format!("{} more info annotations omitted", omitted.1));
        }
        rendered
    }
}

impl Entry {
    fn render(&self, text: &str, query: &str) -> String {
        let Some(position) = self.position else {
            return text.to_owned();
        };
        let mut out = match self.severity {
            Severity::Warning => String::from("PromQL warning: "),
            Severity::Info => String::from("PromQL info: "),
        };
        out.push_str(text);
        match &self.detail {
            Detail::None | Detail::Occurrences(..=1) => {}
            Detail::Occurrences(n) => write!(out, " ({n} occurrences)").expect("a String takes it"),
            Detail::Monotonicity(fix) => write!(
                out,
                ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                format_g(fix.bucket_min),
                format_g(fix.bucket_max),
                format_two_digits(fix.diff_max),
                fix.samples,
                rfc3339_seconds(fix.timestamp_min),
                rfc3339_seconds(fix.timestamp_max),
            )
            .expect("a String takes it"),
        }
        let (line, column) = line_and_column(query, position);
        write!(out, " ({line}:{column})").expect("a String takes it");
        out
    }
}

/// Go's `%.2g`: `0.5`, `12`, `1.2e+02`.
fn format_two_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    if !rounded.is_finite() || rounded == 0.0 {
        return format_g(rounded);
    }
    let scientific = format!("{rounded:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        -4..=1 => format_g(rounded),
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
    }
}

/// Line and column, both from 1 and counted in bytes.
fn line_and_column(query: &str, position: Position) -> (usize, usize) {
    let before = &query.as_bytes()[..position.min(query.len())];
    let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
    let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
    (line, column)
}

/// A time in UTC with whole seconds: `1970-01-01T00:05:00Z`.
fn rfc3339_seconds(timestamp_ms: i64) -> String {
    let seconds = timestamp_ms.div_euclid(1000);
    let date = crate::elementwise::CivilDate::of_unix_seconds(seconds);
    let in_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
    format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.year, date.month, date.day)
}

fn severity_of(annotation: &Annotation<'_>) -> Severity {
    match annotation {
        Annotation::PossibleNonCounter { .. }
        | Annotation::PossibleNonCounterType { .. }
        | Annotation::ForcedMonotonicity { .. }
        | Annotation::IncompatibleTypes { .. }
        | Annotation::HistogramIgnoredInAggregation { .. }
        | Annotation::HistogramIgnoredInMixedRange { .. }
        | Annotation::NativeQuantileNan { .. }
        | Annotation::NativeQuantileSkewed { .. }
        | Annotation::NativeFractionNan { .. }
        | Annotation::CustomBucketsReconciled(_) => Severity::Info,
        _ => Severity::Warning,
    }
}

fn detail_of(annotation: &Annotation<'_>) -> Detail {
    match annotation {
        Annotation::ForcedMonotonicity { fix, .. } => Detail::Monotonicity(*fix),
        Annotation::StartTimeOverlap { occurrences, .. } => Detail::Occurrences(*occurrences),
        _ => Detail::None,
    }
}

/// The text that is the key of the set: without prefix, position and counts.
fn text_of(annotation: &Annotation<'_>) -> String {
    match annotation {
        Annotation::InvalidQuantile(q) => {
            format!("quantile value should be between 0 and 1, got {}", format_g(*q))
        }
        Annotation::InvalidRatio { ratio, capped } => format!(
            "ratio value should be between -1 and 1, got {}, capping to {}",
            format_g(*ratio),
            format_g(*capped)
        ),
        Annotation::BadBucketLabel { le, name } => {
            let le = quote(le);
            format!("bucket label \"le\" is missing or has a malformed value of {le}{}", for_metric(name))
        }
        Annotation::MixedClassicNative { name } => {
            format!("vector contains a mix of classic and native histograms{}", for_metric(name))
        }
        Annotation::MixedFloatsHistograms { name } => {
            format!("encountered a mix of histograms and floats for metric name {}", quote(name))
        }
        Annotation::MixedFloatsHistogramsAggregation => {
            "encountered a mix of histograms and floats for aggregation".to_owned()
        }
        Annotation::NativeHistogramNotCounter { name } => {
            format!("this native histogram metric is not a counter: {}", quote(name))
        }
        Annotation::NativeHistogramNotGauge { name } => {
            format!("this native histogram metric is not a gauge: {}", quote(name))
        }
        Annotation::MixedExponentialCustom { name } => format!(
            "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
            quote(name)
        ),
        Annotation::IncompatibleBucketLayout { operator } => {
            format!("incompatible bucket layout encountered for binary operator {operator}")
        }
        Annotation::CounterResetCollision(operation) => {
            format!("conflicting counter resets during histogram {}", operation.as_str())
        }
        Annotation::SortInRangeQuery => {
            "sort is ineffective for range queries since results are always ordered by labels".to_owned()
        }
        Annotation::StartTimeOverlap { name, .. } => {
            format!("sample has start time that overlaps with previous sample timestamp for metric {}", quote(name))
        }
        Annotation::PossibleNonCounter { name } => {
            format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}", quote(name))
        }
        Annotation::PossibleNonCounterType { name, type_label } => format!(
            "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
            quote(type_label),
            quote(name)
        ),
        Annotation::ForcedMonotonicity { name, .. } => format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}",
            for_metric(name)
        ),
        Annotation::IncompatibleTypes { left, operator, right } => format!(
            "incompatible sample types encountered for binary operator {}: {left} {operator} {right}",
            quote(operator)
        ),
        Annotation::HistogramIgnoredInAggregation { aggregation } => {
            format!("ignored histogram in {aggregation} aggregation")
        }
        Annotation::HistogramIgnoredInMixedRange { name } => format!(
            "ignored histograms in a range containing both floats and histograms for metric name {}",
            quote(name)
        ),
        Annotation::NativeQuantileNan { name } => {
            format!("input to histogram_quantile has NaN observations, result is NaN{}", for_metric(name))
        }
        Annotation::NativeQuantileSkewed { name } => {
            format!("input to histogram_quantile has NaN observations, result is skewed higher{}", for_metric(name))
        }
        Annotation::NativeFractionNan { name } => format!(
            "input to histogram_fraction has NaN observations, which are excluded from all fractions{}",
            for_metric(name)
        ),
        Annotation::CustomBucketsReconciled(operation) => {
            format!("mismatched custom buckets were reconciled during {}", operation.as_str())
        }
        Annotation::Plain(text) => (*text).to_owned(),
    }
}

fn for_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {}", quote(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_again_keeps_the_later_position() {
        let mut all = Annotations::default();
        all.add(&Annotation::InvalidQuantile(1.5), 3);
        let mut later = Annotations::default();
        later.add(&Annotation::InvalidQuantile(1.5), 7);
        all.merge(later);
        assert_eq!(
            all.render("a + \nb + c", 0).warnings,
            ["PromQL warning: quantile value should be between 0 and 1, got 1.5 (2:3)"]
        );
    }

    #[test]
    fn overlaps_are_counted_and_stay_where_they_were_first_seen() {
        let mut all = Annotations::default();
        let overlap = Annotation::StartTimeOverlap { name: "m", occurrences: 2 };
        all.add(&overlap, 1);
        all.add(&overlap, 5);
        assert_eq!(
            all.render("rate(m[5m])", 0).warnings,
            [
                "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric \"m\" (4 occurrences) (1:2)"
            ]
        );
    }

    #[test]
    fn monotonicity_shows_the_extremes_of_all_occurrences() {
        let mut all = Annotations::default();
        let mut fix = ForcedMonotonicity {
            bucket_min: 0.1,
            bucket_max: 1.0,
            diff_max: 0.5,
            samples: 1,
            timestamp_min: 60_000,
            timestamp_max: 60_000,
        };
        all.add(&Annotation::ForcedMonotonicity { name: "", fix }, 24);
        fix =
            ForcedMonotonicity { bucket_min: 0.2, bucket_max: 1000.0, diff_max: 123.0, timestamp_max: 120_999, ..fix };
        all.add(&Annotation::ForcedMonotonicity { name: "", fix }, 0);
        assert_eq!(
            all.render("histogram_quantile(0.5, x)", 0).infos,
            [
                "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile), from buckets 0.1 to 1000, with a max diff of 1.2e+02, over 2 samples from 1970-01-01T00:01:00Z to 1970-01-01T00:02:00Z (1:25)"
            ]
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let mut all = Annotations::default();
        for i in 0..12 {
            all.add(&Annotation::PossibleNonCounter { name: &format!("m{i}") }, 0);
        }
        all.add_plain_warning("results truncated");
        let rendered = all.render("rate(m[5m])", ANNOTATIONS_LISTED_MAX);
        assert_eq!(rendered.infos.len(), 11);
        assert_eq!(rendered.infos[10], "2 more info annotations omitted");
        assert_eq!(rendered.warnings, ["results truncated"]);
    }
}
