//! Rules for good names and descriptions of metrics, those of `promtool check metrics`.

use std::collections::HashSet;

use narthex_exposition::{MetricFamily, MetricValue};
use narthex_model::MetricType;

/// Something that could be better.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The metric's name.
    pub metric: String,
    /// What should be done about it.
    pub text: String,
}

/// A rule: appends what it finds wrong with a family.
pub type Rule = fn(&MetricFamily, &mut Vec<String>);

/// All rules for single families.
pub const RULES: [Rule; 8] = [
    help,
    metric_units,
    counter,
    histogram_summary_reserved,
    metric_type_in_name,
    reserved_chars,
    camel_case,
    unit_abbreviations,
];

/// Applies all rules; problems by metric, then by text.
pub fn lint(families: &[MetricFamily]) -> Vec<Problem> {
    lint_with(families, &RULES)
}

/// Applies these rules, and looks for metrics that are there twice.
pub fn lint_with(families: &[MetricFamily], rules: &[Rule]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for family in families {
        let mut texts = Vec::new();
        rules.iter().for_each(|rule| rule(family, &mut texts));
        duplicate_metric(family, &mut texts);
        problems.extend(texts.into_iter().map(|text| Problem { metric: family.name.clone(), text }));
    }
    problems.sort();
    problems
}

/// There is a help text.
pub fn help(family: &MetricFamily, texts: &mut Vec<String>) {
    if family.help.is_empty() {
        texts.push("no help text".to_owned());
    }
}

/// Names of units, and the base unit to be used instead. Prefixes come before.
const UNITS: [(&str, &str); 23] = [
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
];

const PREFIXES: [&str; 18] = [
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mibi", "mebi", "giga",
    "gibi", "tera", "tebi", "peta",
];

/// Units are base units.
pub fn metric_units(family: &MetricFamily, texts: &mut Vec<String>) {
    for word in family.name.split('_') {
        let stem = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(word);
        let stem = if stem == "ounces" { "pounds" } else { stem };
        let Some((_, base)) = UNITS.iter().find(|(unit, _)| *unit == stem) else { continue };
        if *base != word {
            texts.push(format!("use base unit {base:?} instead of {word:?}"));
        }
        // The first one is it.
        return;
    }
}

/// Counters end in `_total`, others do not.
pub fn counter(family: &MetricFamily, texts: &mut Vec<String>) {
    let is_counter = family.metric_type == MetricType::Counter;
    let has_suffix = family.name.ends_with("_total");
    if is_counter && !has_suffix {
        texts.push("counter metrics should have \"_total\" suffix".to_owned());
    }
    if !is_counter && has_suffix && family.metric_type != MetricType::Unknown {
        texts.push("non-counter metrics should not have \"_total\" suffix".to_owned());
    }
}

/// What histograms and summaries write themselves is left to them.
pub fn histogram_summary_reserved(family: &MetricFamily, texts: &mut Vec<String>) {
    if family.metric_type == MetricType::Unknown {
        return;
    }
    let is_histogram = matches!(family.metric_type, MetricType::Histogram | MetricType::GaugeHistogram);
    let is_summary = family.metric_type == MetricType::Summary;
    let has_label = |name: &str| family.metrics.iter().any(|metric| metric.labels.get(name).is_some());
    if !is_histogram && family.name.ends_with("_bucket") {
        texts.push("non-histogram metrics should not have \"_bucket\" suffix".to_owned());
    }
    for suffix in ["_count", "_sum"] {
        if !is_histogram && !is_summary && family.name.ends_with(suffix) {
            texts.push(format!("non-histogram and non-summary metrics should not have {suffix:?} suffix"));
        }
    }
    if !is_histogram && has_label("le") {
        texts.push("non-histogram metrics should not have \"le\" label".to_owned());
    }
    if !is_summary && has_label("quantile") {
        texts.push("non-summary metrics should not have \"quantile\" label".to_owned());
    }
}

/// The name does not say the type.
pub fn metric_type_in_name(family: &MetricFamily, texts: &mut Vec<String>) {
    if family.metric_type == MetricType::Unknown {
        return;
    }
    let own = family.metric_type.as_str();
    if family.name.to_ascii_lowercase().split('_').any(|word| word == own) {
        texts.push(format!("metric name should not include type {own:?}"));
    }
}

/// Colons are for recording rules.
pub fn reserved_chars(family: &MetricFamily, texts: &mut Vec<String>) {
    if family.name.contains(':') {
        texts.push("metric names should not contain ':'".to_owned());
    }
}

fn is_camel_case(name: &str) -> bool {
    name.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

/// Names are in snake case.
pub fn camel_case(family: &MetricFamily, texts: &mut Vec<String>) {
    if is_camel_case(&family.name) {
        texts.push("metric names should be written in 'snake_case' not 'camelCase'".to_owned());
    }
    if family.metrics.iter().any(|metric| metric.labels.iter().any(|(name, _)| is_camel_case(name))) {
        texts.push("label names should be written in 'snake_case' not 'camelCase'".to_owned());
    }
}

/// Units are written out.
pub fn unit_abbreviations(family: &MetricFamily, texts: &mut Vec<String>) {
    const ABBREVIATIONS: [&str; 14] = ["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];
    let name = family.name.to_ascii_lowercase();
    let is_abbreviated = |unit: &&str| name.contains(&format!("_{unit}_")) || name.ends_with(&format!("_{unit}"));
    if ABBREVIATIONS.iter().any(is_abbreviated) {
        texts.push("metric names should not contain abbreviated units".to_owned());
    }
}

/// No two metrics of a family are the same.
pub fn duplicate_metric(family: &MetricFamily, texts: &mut Vec<String>) {
    let mut seen = HashSet::new();
    if !family.metrics.iter().all(|metric| seen.insert((&metric.labels, metric.timestamp_ms))) {
        texts.push("metric not unique".to_owned());
    }
    let bounds = |value: &MetricValue| match value {
        MetricValue::Histogram(value) => value.buckets.windows(2).all(|pair| pair[0].0 < pair[1].0),
        _ => true,
    };
    if !family.metrics.iter().all(|metric| bounds(&metric.value)) {
        texts.push("bucket bounds not ascending".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use narthex_exposition::Metric;

    use super::*;

    #[track_caller]
    fn check(name: &str, metric_type: MetricType, labels: &[(&str, &str)], want: &[&str]) {
        let labels = narthex_exposition::LabelPairs::new(labels.iter().copied());
        let family = MetricFamily {
            name: name.into(),
            help: "h".into(),
            unit: String::new(),
            metric_type,
            metrics: vec![Metric::new(labels, MetricValue::Single(1.0))],
        };
        let problems = lint(&[family]);
        assert_eq!(problems.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>(), want, "{name}");
    }

    #[test]
    fn names_are_judged() {
        use MetricType::{Counter, Gauge, Histogram, Summary, Unknown};
        check("good_bytes_total", Counter, &[], &[]);
        check("temperature_celsius", Gauge, &[], &[]);
        check("size_kilobytes", Gauge, &[], &["use base unit \"bytes\" instead of \"kilobytes\""]);
        check("x_milliseconds", Gauge, &[], &["use base unit \"seconds\" instead of \"milliseconds\""]);
        check("x_hours_total", Counter, &[], &["use base unit \"seconds\" instead of \"hours\""]);
        check("weight_ounces", Gauge, &[], &["use base unit \"grams\" instead of \"ounces\""]);
        check("x", Counter, &[], &["counter metrics should have \"_total\" suffix"]);
        check("x_total", Gauge, &[], &["non-counter metrics should not have \"_total\" suffix"]);
        check("x_total", Unknown, &[], &[]);
        check("x_bucket", Gauge, &[], &["non-histogram metrics should not have \"_bucket\" suffix"]);
        check("x_sum", Gauge, &[], &["non-histogram and non-summary metrics should not have \"_sum\" suffix"]);
        check("x_count", Summary, &[], &[]);
        check(
            "x",
            Gauge,
            &[("le", "1"), ("quantile", "1")],
            &[
                "non-histogram metrics should not have \"le\" label",
                "non-summary metrics should not have \"quantile\" label",
            ],
        );
        check("x_histogram", Histogram, &[], &["metric name should not include type \"histogram\""]);
        check("a:b", Gauge, &[], &["metric names should not contain ':'"]);
        check(
            "someName",
            Gauge,
            &[("someLabel", "")],
            &[
                "label names should be written in 'snake_case' not 'camelCase'",
                "metric names should be written in 'snake_case' not 'camelCase'",
            ],
        );
        check("x_ms", Gauge, &[], &["metric names should not contain abbreviated units"]);
        check("x_sec_total", Counter, &[], &["metric names should not contain abbreviated units"]);
    }

    #[test]
    fn help_and_duplicates() {
        let metric = Metric::new([].into(), MetricValue::Single(1.0));
        let family = MetricFamily {
            name: "x".into(),
            help: String::new(),
            unit: String::new(),
            metric_type: MetricType::Gauge,
            metrics: vec![metric.clone(), metric],
        };
        let problems = lint(&[family]);
        assert_eq!(
            problems.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>(),
            ["metric not unique", "no help text"]
        );
        assert_eq!(problems[0].metric, "x");
    }
}
