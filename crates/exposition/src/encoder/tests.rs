use narthex_model::LabelsBuilder;
use proptest::prelude::*;

use super::*;
use std::time::Duration;

use crate::family::SummaryValue;
use crate::{Entry, Parser};

fn family(name: &str, metric_type: MetricType, labels: &[(&str, &str)], value: MetricValue) -> MetricFamily {
    MetricFamily {
        name: name.into(),
        help: "a \"b\"\n\\".into(),
        unit: String::new(),
        metric_type,
        metrics: vec![Metric::new(LabelPairs::new(labels.iter().copied()), value)],
    }
}

fn encode(family: &MetricFamily, format: Format, escaping: EscapingScheme) -> String {
    let mut out = String::new();
    let encoder = Encoder::new(format, escaping);
    encoder.family(family, &mut out);
    encoder.finish(&mut out);
    out
}

fn histogram() -> MetricValue {
    MetricValue::Histogram(HistogramValue {
        count: 3,
        sum: 4.5,
        buckets: vec![(0.5, 1), (1.0, 2)],
        ..HistogramValue::default()
    })
}

#[test]
fn a_histogram() {
    let family = family("h", MetricType::Histogram, &[("a", "b")], histogram());
    assert_eq!(
        encode(&family, Format::Text004, EscapingScheme::Underscores),
        "# HELP h a \"b\"\\n\\\\\n# TYPE h histogram\nh_bucket{a=\"b\",le=\"0.5\"} 1\nh_bucket{a=\"b\",le=\"1\"} 2\n\
         h_bucket{a=\"b\",le=\"+Inf\"} 3\nh_sum{a=\"b\"} 4.5\nh_count{a=\"b\"} 3\n"
    );
    assert_eq!(
        encode(&family, Format::OpenMetrics100, EscapingScheme::Underscores),
        "# HELP h a \\\"b\\\"\\n\\\\\n# TYPE h histogram\nh_bucket{a=\"b\",le=\"0.5\"} 1\nh_bucket{a=\"b\",le=\"1.0\"} 2\n\
         h_bucket{a=\"b\",le=\"+Inf\"} 3\nh_sum{a=\"b\"} 4.5\nh_count{a=\"b\"} 3\n# EOF\n"
    );
}

#[test]
fn a_summary_and_its_empty_quantile() {
    let value = SummaryValue { count: 1_000_000, sum: 2.0, quantiles: vec![(0.5, f64::NAN), (0.99, 1e-7)] };
    let mut family = family("s", MetricType::Summary, &[], MetricValue::Summary(value));
    family.help.clear();
    assert_eq!(
        encode(&family, Format::Text004, EscapingScheme::Underscores),
        "# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns{quantile=\"0.99\"} 1e-07\ns_sum 2\ns_count 1e+06\n"
    );
}

#[test]
fn openmetrics_counters_end_in_total() {
    let mut counter = family("jobs_seconds_total", MetricType::Counter, &[], MetricValue::Single(17.0));
    counter.help = "x".into();
    counter.unit = "seconds".into();
    counter.metrics[0].timestamp_ms = Some(1_520_879_607_789);
    assert_eq!(
        encode(&counter, Format::OpenMetrics100, EscapingScheme::Underscores),
        "# HELP jobs_seconds x\n# TYPE jobs_seconds counter\n# UNIT jobs_seconds seconds\n\
         jobs_seconds_total 17.0 1520879607.789\n# EOF\n"
    );
    counter.name = "jobs".into();
    counter.unit.clear();
    counter.metrics[0].timestamp_ms = None;
    assert_eq!(
        encode(&counter, Format::OpenMetrics100, EscapingScheme::Underscores),
        "# HELP jobs x\n# TYPE jobs unknown\njobs 17.0\n# EOF\n"
    );
}

#[test]
fn exemplars_and_creation_times_are_in_openmetrics_only() {
    let time = |seconds, nanos| Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
    let exemplar = |value| Exemplar { labels: [("trace_id", "x\"y")].into(), value, timestamp: time(12, 500_000_000) };
    let mut counter = family("jobs_total", MetricType::Counter, &[("a", "b")], MetricValue::Single(2.0));
    counter.help = "x".into();
    counter.metrics[0].exemplar = Some(Box::new(exemplar(1.0)));
    counter.metrics[0].created = time(1_700_000_000, 123_456_789);
    assert_eq!(
        encode(&counter, Format::Text004, EscapingScheme::Underscores),
        "# HELP jobs_total x\n# TYPE jobs_total counter\njobs_total{a=\"b\"} 2\n"
    );
    let encoder = Encoder::new(Format::OpenMetrics100, EscapingScheme::Underscores).with_created(true);
    let mut out = String::new();
    encoder.family(&counter, &mut out);
    assert_eq!(
        out,
        "# HELP jobs x\n# TYPE jobs counter\njobs_total{a=\"b\"} 2.0 # {trace_id=\"x\\\"y\"} 1.0 12.5\n\
         jobs_created{a=\"b\"} 1700000000.123456789\n"
    );
    let value = HistogramValue {
        count: 1_000_000,
        sum: 1.0,
        buckets: vec![(0.5, 1), (1.0, 2)],
        exemplars: vec![(1, exemplar(0.75)), (2, exemplar(9.0))],
        native: None,
    };
    let mut histogram = family("h", MetricType::Histogram, &[], MetricValue::Histogram(value));
    histogram.help = "x".into();
    histogram.metrics[0].created = time(5, 0);
    let mut out = String::new();
    encoder.family(&histogram, &mut out);
    assert_eq!(
        out,
        "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\n\
         h_bucket{le=\"1.0\"} 2 # {trace_id=\"x\\\"y\"} 0.75 12.5\n\
         h_bucket{le=\"+Inf\"} 1000000 # {trace_id=\"x\\\"y\"} 9.0 12.5\nh_sum 1.0\nh_count 1000000\nh_created 5.0\n"
    );
}

#[test]
fn infos_lose_their_suffix_in_openmetrics() {
    let mut info = family("build_info", MetricType::Info, &[("v", "1")], MetricValue::Single(1.0));
    info.help = "x".into();
    assert_eq!(
        encode(&info, Format::OpenMetrics100, EscapingScheme::Underscores),
        "# HELP build x\n# TYPE build info\nbuild_info{v=\"1\"} 1.0\n# EOF\n"
    );
    assert_eq!(
        encode(&info, Format::Text004, EscapingScheme::Underscores),
        "# HELP build_info x\n# TYPE build_info gauge\nbuild_info{v=\"1\"} 1\n"
    );
}

#[test]
fn names_beyond_legacy() {
    let mut family = family("http.status", MetricType::Unknown, &[("a.b", "c")], MetricValue::Single(0.0));
    family.help = "x".into();
    family.metrics[0].timestamp_ms = Some(5);
    assert_eq!(
        encode(&family, Format::Text100, EscapingScheme::AllowUtf8),
        "# HELP \"http.status\" x\n# TYPE \"http.status\" untyped\n{\"http.status\",\"a.b\"=\"c\"} 0 5\n"
    );
    assert_eq!(
        encode(&family, Format::Text004, EscapingScheme::Underscores),
        "# HELP http_status x\n# TYPE http_status untyped\nhttp_status{a_b=\"c\"} 0 5\n"
    );
    family.help.clear();
    family.metrics[0].labels = [("a:b_", "c")].into();
    assert_eq!(
        encode(&family, Format::Text004, EscapingScheme::Dots),
        "# TYPE http_dot_status untyped\nhttp_dot_status{a_b__=\"c\"} 0 5\n"
    );
}

#[test]
fn a_family_without_metrics_is_left_out() {
    let mut empty = family("a", MetricType::Gauge, &[], MetricValue::Single(1.0));
    empty.metrics.clear();
    assert_eq!(encode(&empty, Format::Text004, EscapingScheme::Underscores), "");
}

proptest! {
    #[test]
    fn the_parser_reads_what_was_written(
        name in "[a-z.\"\\\\\n\u{e4}]{1,8}", label in "[a-z.\" ]{1,8}", value in "\\PC{0,12}", help in "\\PC{0,12}",
        number: f64, openmetrics: bool,
    ) {
        let format = if openmetrics { Format::OpenMetrics100 } else { Format::Text004 };
        let mut family = family(&name, MetricType::Gauge, &[(&label, &value)], MetricValue::Single(number));
        family.help = help.clone();
        let body = encode(&family, format, EscapingScheme::AllowUtf8);
        let mut parser = Parser::new(body.as_bytes(), format);
        let mut samples = 0;
        while let Some(entry) = parser.next() {
            match entry.expect("what we write parses") {
                Entry::Help { text, .. } => {
                    let text = parser.help_text(text).into_owned();
                    prop_assert!(text == help || help.trim().is_empty());
                }
                Entry::Sample(sample) => {
                    samples += 1;
                    let mut builder = LabelsBuilder::default();
                    sample.labels(&mut builder).expect("unique names");
                    prop_assert_eq!(builder.value("__name__"), &name);
                    prop_assert_eq!(builder.value(&label), &value);
                    prop_assert!(sample.point.value == number || number.is_nan());
                }
                _ => {}
            }
        }
        prop_assert_eq!(samples, 1);
    }
}
