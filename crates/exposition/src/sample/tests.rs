use narthex_model::labels;

use super::*;

fn sample(series: &str, last_type: MetricType) -> Sample<'_> {
    Sample { series: series.as_bytes(), point: Point { value: 1.0, timestamp_ms: None, exemplar: None }, last_type }
}

#[track_caller]
fn check(series: &str, last_type: MetricType, want: Labels) {
    let mut out = labels! { "left" => "over" }.to_builder();
    sample(series, last_type).labels(&mut out).expect("a proper set");
    assert_eq!(out.labels(), want);
}

#[test]
fn labels_of_a_series() {
    let unknown = MetricType::Unknown;
    check("up", unknown, labels! { "__name__" => "up" });
    check("up{}", unknown, labels! { "__name__" => "up" });
    check(r#"up{b="c",a="{\"\\\n}",}"#, unknown, labels! { "__name__" => "up", "a" => "{\"\\\n}", "b" => "c" });
    check(r#"{"my {metric}","l \"1\""="x"}"#, unknown, labels! { "__name__" => "my {metric}", "l \"1\"" => "x" });
    check("up { a = \"b\" , c=\"\" }", unknown, labels! { "__name__" => "up", "a" => "b" });
}

#[test]
fn bounds_are_normalised_for_their_type_only() {
    let series = r#"h{le="1",quantile="0.50"}"#;
    check(series, MetricType::Histogram, labels! { "__name__" => "h", "le" => "1.0", "quantile" => "0.50" });
    check(series, MetricType::Summary, labels! { "__name__" => "h", "le" => "1", "quantile" => "0.5" });
    check(series, MetricType::GaugeHistogram, labels! { "__name__" => "h", "le" => "1", "quantile" => "0.50" });
    for (le, want) in
        [("+inf", "+Inf"), ("1_0", "10.0"), ("0x1p3", "8.0"), ("1e6", "1e+06"), ("-0", "0.0"), ("1e999", "1e999")]
    {
        let series = format!("h{{le=\"{le}\"}}");
        check(&series, MetricType::Histogram, labels! { "__name__" => "h", "le" => want });
    }
    check(r#"h{le="x"}"#, MetricType::Histogram, labels! { "__name__" => "h", "le" => "x" });
}

#[test]
fn a_name_without_building_labels() {
    assert_eq!(sample("up{a=\"b\"}", MetricType::Unknown).name(), b"up");
    assert_eq!(sample("{a=\"b\",\"x y\"}", MetricType::Unknown).name(), b"x y");
}

#[test]
fn a_line_of_very_many_labels_is_read_as_a_short_one_is() {
    // A label in its place among 200,000 by moving the others took minutes.
    let mut series = "m{twice=\"1\",late=\"\",late=\"1\",".to_owned();
    (0..200_000).rev().for_each(|i| series.push_str(&format!("l{i}=\"v\",")));
    let mut out = labels! { "left" => "over" }.to_builder();
    sample(&format!("{series}}}"), MetricType::Unknown).labels(&mut out).expect("no label is there twice");
    assert_eq!(out.iter().count(), 200_003);
    assert_eq!((out.value("l7"), out.value("late"), out.value("left"), out.value("__name__")), ("v", "1", "", "m"));
    let text = format!("{series}twice=\"2\",zz=\"1\",zz=\"2\"}}");
    let twice = sample(&text, MetricType::Unknown).labels(&mut out);
    assert_eq!(twice, Err(LabelsError::Duplicate("twice".to_owned())));
}
