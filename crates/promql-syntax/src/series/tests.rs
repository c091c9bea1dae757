use narthex_model::histogram::CounterResetHint;
use narthex_model::value::is_stale_nan;

use super::*;

fn points(text: &str) -> Vec<Point> {
    parse_series(&format!("x {text}")).unwrap_or_else(|errors| panic!("{text}: {errors}")).points
}

fn floats(text: &str) -> Vec<f64> {
    let value = |point| match point {
        Point::Float(value) => value,
        other => panic!("{text}: {other:?}"),
    };
    points(text).into_iter().map(value).collect()
}

#[test]
fn series_are_names_and_labels() {
    for (text, want) in [
        ("x", "x"),
        ("x{}", "x"),
        ("x:y{a=\"b c\", d='}',}", "x:y{a=\"b c\",d=\"}\"}"),
        ("{a=\"b\"}", "{a=\"b\"}"),
        ("{\"any name\", \"any label\"=\"b\"}", "{\"any name\",\"any label\"=\"b\"}"),
        ("sum{by=\"1\"}", "sum{by=\"1\"}"),
    ] {
        assert_eq!(parse_metric(text).map(|labels| labels.as_metric().to_string()), Ok(want.to_owned()), "{text}");
    }
    for text in ["x{a!=\"b\"}", "x y", "x{a=\"b\"", "5", "x{\"a}"] {
        assert!(parse_metric(text).is_err(), "{text}");
    }
}

#[test]
fn float_points() {
    assert_eq!(floats("1 -2.5 +3 1e3"), [1.0, -2.5, 3.0, 1000.0]);
    assert_eq!(floats("0+10x3"), [0.0, 10.0, 20.0, 30.0]);
    assert_eq!(floats("1-1x2"), [1.0, 0.0, -1.0]);
    assert_eq!(floats("-1x2"), [-1.0, -1.0, -1.0]);
    assert_eq!(floats("5m 1m+1sx1 -1s"), [300.0, 60.0, 61.0, -1.0]);
    assert_eq!(floats("Inf -Inf"), [f64::INFINITY, f64::NEG_INFINITY]);
    assert_eq!(floats("0x3"), [0.0; 4]);
    assert!(floats("NaNx1").iter().all(|v| v.is_nan() && !is_stale_nan(*v)));
    assert!(is_stale_nan(floats("stale")[0]));
    assert_eq!(points("_ _x3 1")[..4], [Point::Absent, Point::Absent, Point::Absent, Point::Absent]);
    assert_eq!(points(""), []);
}

#[test]
fn histogram_points() {
    let text = "{{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 \
                n_buckets:[4.1 5] n_offset:2 counter_reset_hint:gauge}}";
    let [Point::Histogram { histogram, has_hint: true }] = &points(text)[..] else { panic!("one histogram") };
    assert_eq!((histogram.schema, histogram.sum, histogram.count), (1, -0.3, 3.1));
    assert_eq!((histogram.zero_count, histogram.zero_threshold), (7.1, 0.05));
    assert_eq!(histogram.positive_buckets, [5.1, 10.0, 7.0]);
    assert_eq!((histogram.positive_spans[0].offset, histogram.positive_spans[0].length), (-3, 3));
    assert_eq!((histogram.negative_spans[0].offset, histogram.negative_spans[0].length), (2, 2));
    assert_eq!(histogram.counter_reset_hint, CounterResetHint::Gauge);

    let sums = |text: &str| -> Vec<f64> {
        let sum = |point| match point {
            Point::Histogram { histogram, .. } => histogram.sum,
            other => panic!("{text}: {other:?}"),
        };
        points(text).into_iter().map(sum).collect()
    };
    assert_eq!(sums("{{sum:1}}x2"), [1.0, 1.0, 1.0]);
    assert_eq!(sums("{{sum:1}}+{{sum:2}}x2 {{}}"), [1.0, 3.0, 5.0, 0.0]);
    assert_eq!(sums("{{sum:1}}-{{sum:2}}x1"), [1.0, -1.0]);
}

#[test]
fn what_is_no_point_is_refused() {
    for text in [
        "1+2",
        "1x",
        "x1",
        "1 2z",
        "0x1F",
        "1+-1x2",
        "{{",
        "{{a:1}}",
        "{{sum:1 sum:2}}",
        "{{schema:1.5}}",
        "{{}}1",
        "{{schema:1}}+{{schema:0}}x1",
        "{{}}+{{}}",
        "1x99999999999",
        "stale1",
        "__",
        "5mm",
        "é",
    ] {
        let text = format!("x {text}");
        assert!(parse_series(&text).is_err(), "{text}");
    }
}
