//! Whether a result is the expected one.

use std::collections::HashMap;

use narthex_model::value::is_stale_nan;
use narthex_model::{FloatHistogram, Labels};
use narthex_promql_syntax::series::Point;

use super::command::StepTimes;
use super::expectation::ExpectedResult;
use crate::api::{MatrixSeries, SampleValue, Value, VectorSample};

/// How far two floats may be apart, relative to the sum of their absolute values.
const TOLERANCE: f64 = 1e-6;

/// Whether two floats are the same but for rounding.
pub(super) fn floats_agree(a: f64, b: f64) -> bool {
    if is_stale_nan(a) || is_stale_nan(b) {
        return is_stale_nan(a) && is_stale_nan(b);
    }
    if a.is_nan() || b.is_nan() {
        return a.is_nan() && b.is_nan();
    }
    if a == b {
        return true;
    }
    let (sum, distance) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return distance < TOLERANCE * f64::MIN_POSITIVE;
    }
    // Both summands may be finite and their sum not.
    distance / sum.min(f64::MAX) < TOLERANCE
}

fn histograms_agree(want: &FloatHistogram, has_hint: bool, got: &FloatHistogram) -> bool {
    let (mut want, mut got) = (want.clone(), got.clone());
    want.compact(0);
    got.compact(0);
    let lists_agree = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| floats_agree(*a, *b));
    want.schema == got.schema
        && want.zero_threshold == got.zero_threshold
        && want.custom_values == got.custom_values
        && want.positive_spans == got.positive_spans
        && want.negative_spans == got.negative_spans
        && floats_agree(want.count, got.count)
        && floats_agree(want.sum, got.sum)
        && floats_agree(want.zero_count, got.zero_count)
        && lists_agree(&want.positive_buckets, &got.positive_buckets)
        && lists_agree(&want.negative_buckets, &got.negative_buckets)
        && (!has_hint || want.counter_reset_hint == got.counter_reset_hint)
}

fn values_agree(want: &Point, got: &SampleValue) -> bool {
    match (want, got) {
        (Point::Float(want), SampleValue::Float(got)) => floats_agree(*want, *got),
        (Point::Histogram { histogram, has_hint }, SampleValue::Histogram(got)) => {
            histograms_agree(histogram, *has_hint, got)
        }
        _ => false,
    }
}

/// Compares the result of an instant query. `range_vector` are the times of the
/// points when a range vector is expected.
pub(super) fn instant(
    want: &ExpectedResult,
    ordered: bool,
    range_vector: Option<StepTimes>,
    got: &Value,
) -> Result<(), String> {
    match (want, got) {
        (ExpectedResult::Scalar(want), Value::Scalar { value, .. }) if floats_agree(*want, *value) => Ok(()),
        (ExpectedResult::String(want), Value::String { value, .. }) if want == value => Ok(()),
        (ExpectedResult::Series(want), Value::Vector(got)) if range_vector.is_none() => vector(want, ordered, got),
        (ExpectedResult::Series(want), Value::Matrix(got)) => match range_vector {
            Some(times) => matrix(want, times, got),
            None => Err("got a range vector without `expect range vector`".to_owned()),
        },
        _ => Err(format!("expected {}, got {}", show_expected(want), show_value(got))),
    }
}

fn vector(want: &[(Labels, Vec<Point>)], ordered: bool, got: &[VectorSample]) -> Result<(), String> {
    let mut places: HashMap<&Labels, usize> = HashMap::new();
    for (place, sample) in got.iter().enumerate() {
        let labels = &sample.labels;
        if places.insert(labels, place).is_some() {
            return Err(format!("got {labels} twice"));
        }
        let Some(wanted_place) = want.iter().position(|(wanted, _)| wanted == labels) else {
            return Err(format!("unexpected {labels} with {}", show_sample(&sample.value)));
        };
        if ordered && wanted_place != place {
            return Err(format!("expected {labels} at place {}, got it at {}", wanted_place + 1, place + 1));
        }
        let point = &want[wanted_place].1[0];
        if !values_agree(point, &sample.value) {
            let got = show_sample(&sample.value);
            return Err(format!("expected {labels} to be {}, got {got}", show_point(point)));
        }
    }
    match want.iter().find(|(labels, _)| !places.contains_key(labels)) {
        Some((labels, points)) => Err(format!("{labels} with {} is missing", show_point(&points[0]))),
        None => Ok(()),
    }
}

/// Compares the result of a range query, or a range vector.
pub(super) fn matrix(want: &[(Labels, Vec<Point>)], times: StepTimes, got: &[MatrixSeries]) -> Result<(), String> {
    if let Some(pair) = got.windows(2).find(|pair| pair[0].labels >= pair[1].labels) {
        return Err(format!("series are not sorted: {} before {}", pair[0].labels, pair[1].labels));
    }
    for series in got {
        let labels = &series.labels;
        let Some((_, points)) = want.iter().find(|(wanted, _)| wanted == labels) else {
            return Err(format!("unexpected series {labels} {}", show_series(series)));
        };
        if !series_agree(points, times, series) {
            let want = show_points(points, times);
            return Err(format!("expected {labels} {want}, got {}", show_series(series)));
        }
    }
    let missing = want.iter().find(|(labels, points)| {
        points.iter().any(|point| *point != Point::Absent) && !got.iter().any(|series| series.labels == *labels)
    });
    match missing {
        Some((labels, points)) => Err(format!("series {labels} {} is missing", show_points(points, times))),
        None => Ok(()),
    }
}

fn series_agree(points: &[Point], times: StepTimes, series: &MatrixSeries) -> bool {
    let mut floats = series.float_timestamps.iter().zip(&series.float_values);
    let mut histograms = series.histograms.iter();
    for (timestamp_ms, point) in timed(points, times) {
        let agrees = match point {
            Point::Absent => true,
            Point::Float(want) => {
                floats.next().is_some_and(|(at, got)| *at == timestamp_ms && floats_agree(*want, *got))
            }
            Point::Histogram { histogram, has_hint } => histograms
                .next()
                .is_some_and(|(at, got)| *at == timestamp_ms && histograms_agree(histogram, *has_hint, got)),
        };
        if !agrees {
            return false;
        }
    }
    floats.next().is_none() && histograms.next().is_none()
}

fn timed(points: &[Point], times: StepTimes) -> impl Iterator<Item = (i64, &Point)> {
    points
        .iter()
        .enumerate()
        .map(move |(k, point)| (times.start_ms.saturating_add((k as i64).saturating_mul(times.step_ms)), point))
}

/// The instant vector that a matrix holds at one time.
pub(super) fn at_time(matrix: &[MatrixSeries], timestamp_ms: i64) -> Vec<VectorSample> {
    let value = |series: &MatrixSeries| {
        if let Ok(index) = series.float_timestamps.binary_search(&timestamp_ms) {
            return Some(SampleValue::Float(series.float_values[index]));
        }
        let index = series.histograms.binary_search_by_key(&timestamp_ms, |(at, _)| *at).ok()?;
        Some(SampleValue::Histogram(series.histograms[index].1.clone()))
    };
    let sample = |series: &MatrixSeries| {
        Some(VectorSample { labels: series.labels.clone(), timestamp_ms, value: value(series)? })
    };
    matrix.iter().filter_map(sample).collect()
}

fn show_point(point: &Point) -> String {
    match point {
        Point::Absent => "_".to_owned(),
        Point::Float(value) => show_float(*value),
        Point::Histogram { histogram, has_hint } => show_histogram(histogram, *has_hint),
    }
}

fn show_sample(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => show_float(*value),
        SampleValue::Histogram(histogram) => show_histogram(histogram, true),
    }
}

fn show_float(value: f64) -> String {
    if is_stale_nan(value) { "stale".to_owned() } else { narthex_model::float::format_g(value) }
}

fn show_histogram(histogram: &FloatHistogram, has_hint: bool) -> String {
    let mut histogram = histogram.clone();
    histogram.compact(0);
    let mut text = format!(
        "{{{{schema:{} count:{} sum:{} z_bucket:{} z_bucket_w:{}",
        histogram.schema, histogram.count, histogram.sum, histogram.zero_count, histogram.zero_threshold
    );
    for (what, spans, buckets) in [
        ("", &histogram.positive_spans, &histogram.positive_buckets),
        ("n_", &histogram.negative_spans, &histogram.negative_buckets),
    ] {
        if !buckets.is_empty() {
            let spans: Vec<_> = spans.iter().map(|span| (span.offset, span.length)).collect();
            text += &format!(" {what}spans:{spans:?} {what}buckets:{buckets:?}");
        }
    }
    if !histogram.custom_values.is_empty() {
        text += &format!(" custom_values:{:?}", histogram.custom_values);
    }
    if has_hint {
        text += &format!(" counter_reset_hint:{:?}", histogram.counter_reset_hint);
    }
    text + "}}"
}

fn show_points(points: &[Point], times: StepTimes) -> String {
    let present = timed(points, times).filter(|(_, point)| **point != Point::Absent);
    let shown: Vec<String> = present.map(|(at, point)| format!("{}@{at}", show_point(point))).collect();
    format!("[{}]", shown.join(" "))
}

fn show_series(series: &MatrixSeries) -> String {
    let floats = series.float_timestamps.iter().zip(&series.float_values);
    let mut shown: Vec<(i64, String)> = floats.map(|(at, value)| (*at, show_float(*value))).collect();
    shown.extend(series.histograms.iter().map(|(at, histogram)| (*at, show_histogram(histogram, true))));
    shown.sort_by_key(|(at, _)| *at);
    let shown: Vec<String> = shown.into_iter().map(|(at, value)| format!("{value}@{at}")).collect();
    format!("[{}]", shown.join(" "))
}

fn show_expected(want: &ExpectedResult) -> String {
    match want {
        ExpectedResult::Scalar(value) => format!("the scalar {}", show_float(*value)),
        ExpectedResult::String(text) => format!("the string {text:?}"),
        ExpectedResult::Series(series) => format!("{} series", series.len()),
    }
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Scalar { value, .. } => format!("the scalar {}", show_float(*value)),
        Value::String { value, .. } => format!("the string {value:?}"),
        Value::Vector(samples) => format!("a vector of {} samples", samples.len()),
        Value::Matrix(series) => format!("a matrix of {} series", series.len()),
    }
}

#[cfg(test)]
mod tests {
    use narthex_model::value::{NORMAL_NAN, STALE_NAN};

    use super::*;

    #[test]
    fn floats_agree_within_a_millionth() {
        assert!(floats_agree(1.0, 1.0 + 1e-7));
        assert!(!floats_agree(1.0, 1.0 + 1e-5));
        assert!(!floats_agree(0.0, 1e-300));
        assert!(floats_agree(0.0, -0.0));
        assert!(floats_agree(f64::NAN, NORMAL_NAN));
        assert!(!floats_agree(STALE_NAN, NORMAL_NAN));
        assert!(floats_agree(STALE_NAN, STALE_NAN));
        assert!(!floats_agree(f64::INFINITY, f64::MAX));
        assert!(!floats_agree(f64::MAX, -f64::MAX));
    }

    #[test]
    fn histograms_agree_when_empty_buckets_are_left_out() {
        let parse = |text: &str| match narthex_promql_syntax::series::parse_series(&format!("x {text}"))
            .unwrap()
            .points
            .remove(0)
        {
            Point::Histogram { histogram, has_hint } => (histogram, has_hint),
            other => panic!("{other:?}"),
        };
        let (a, _) = parse("{{count:3 buckets:[1 0 2]}}");
        let (b, _) = parse("{{count:3 buckets:[0 1 0 2 0] offset:-1}}");
        assert!(histograms_agree(&a, false, &b));
        let (c, has_hint) = parse("{{count:3 buckets:[1 0 2] counter_reset_hint:gauge}}");
        assert!(has_hint && !histograms_agree(&c, true, &a) && histograms_agree(&c, false, &a));
    }
}
