use std::sync::Arc;

use narthex_model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};
use narthex_model::value::STALE_NAN;
use narthex_model::{FloatHistogram, Labels};

use super::native::{self, NanEffect};
use super::*;
use crate::annotations::Annotations;

/// `{count:10, sum:20, [-0.001,0.001]:2, (0.5,1]:3, (1,2]:4, (4,8]:1}`
fn exponential() -> FloatHistogram {
    FloatHistogram {
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 10.0,
        sum: 20.0,
        positive_spans: vec![Span { offset: 0, length: 2 }, Span { offset: 1, length: 1 }],
        positive_buckets: vec![3.0, 4.0, 1.0],
        ..FloatHistogram::default()
    }
}

fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
    FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: counts.iter().sum(),
        positive_spans: vec![Span { offset: 0, length: counts.len() as u32 }],
        positive_buckets: counts.to_vec(),
        custom_values: bounds.to_vec(),
        ..FloatHistogram::default()
    }
}

#[track_caller]
fn check_quantile(h: &FloatHistogram, q: f64, want: (f64, NanEffect)) {
    let got = native::quantile(q, h);
    assert_eq!((got.0.to_bits(), got.1), (want.0.to_bits(), want.1), "{}, not {}", got.0, want.0);
}

#[test]
fn native_quantiles_are_interpolated_on_the_scale_of_the_buckets() {
    let h = exponential();
    check_quantile(&h, 0.05, (0.00025, NanEffect::None));
    check_quantile(&h, 0.5, (1.0, NanEffect::None));
    check_quantile(&h, 0.9, (4.0, NanEffect::None));
    check_quantile(&h, -1.0, (f64::NEG_INFINITY, NanEffect::None));
    check_quantile(&h, 2.0, (f64::INFINITY, NanEffect::None));
    check_quantile(&custom(&[1.0, 5.0], &[2.0, 5.0, 3.0]), 0.5, (3.4, NanEffect::None));
    assert!(native::quantile(0.5, &FloatHistogram::default()).0.is_nan());
    // A single bucket from −Inf to +Inf, seen from 0 on.
    check_quantile(&custom(&[], &[10.0]), 0.5, (f64::INFINITY, NanEffect::None));
    assert!(native::quantile(0.0, &custom(&[], &[10.0])).0.is_nan());
}

#[test]
fn observations_of_nan_are_in_no_bucket() {
    let mut h = exponential();
    h.sum = f64::NAN;
    h.zero_count = 0.0;
    h.zero_threshold = 0.0;
    h.positive_spans = vec![Span { offset: 0, length: 2 }];
    h.positive_buckets = vec![4.0, 4.0];
    check_quantile(&h, 0.2, (std::f64::consts::SQRT_2.next_down(), NanEffect::Skewed));
    let (value, effect) = native::quantile(0.9, &h);
    assert!(value.is_nan());
    assert_eq!(effect, NanEffect::Result);
    assert_eq!(native::fraction(0.5, 1.0, &h), (0.4, NanEffect::Excluded));
}

#[test]
fn native_fractions() {
    let h = custom(&[1.0, 5.0], &[2.0, 5.0, 3.0]);
    assert_eq!(native::fraction(0.0, 3.0, &h), (0.45, NanEffect::None));
    assert_eq!(native::fraction(3.0, 0.0, &h).0, 0.0);
    assert_eq!(native::fraction(f64::NEG_INFINITY, f64::INFINITY, &h).0, 1.0);
    assert_eq!(native::fraction(1.0, 2.0, &exponential()).0, 0.4);
    assert!(native::fraction(f64::NAN, 2.0, &exponential()).0.is_nan());
}

#[test]
fn moments_take_observations_in_the_middle_of_their_buckets() {
    let h = custom(&[2.0, 4.0], &[0.0, 2.0]);
    assert_eq!(moment(Moment::Count, &h), 2.0);
    let h = FloatHistogram { sum: 4.0, ..h };
    assert_eq!(moment(Moment::Avg, &h), 2.0);
    assert_eq!(moment(Moment::Stdvar, &h), 1.0);
    assert_eq!(moment(Moment::Stddev, &h), 1.0);
}

#[test]
fn trimming_estimates_what_lies_on_either_side() {
    let trimmed = |mut h: FloatHistogram, value: f64, below: bool| {
        if below {
            trim_upper(&mut h, value)
        } else {
            trim_lower(&mut h, value)
        };
        h.to_string()
    };
    let h = || custom(&[5.0], &[1.0, 100.0]);
    assert_eq!(trimmed(h(), 2.0, true), "{count:0.4, sum:0.4, [-Inf,5]:0.4}");
    assert_eq!(trimmed(h(), 10.0, true), "{count:1, sum:2.5, [-Inf,5]:1}");
    assert_eq!(trimmed(h(), 10.0, false), "{count:100, sum:1000, (5,+Inf]:100}");
    assert_eq!(trimmed(h(), 0.0, false), "{count:101, sum:0, [-Inf,5]:1, (5,+Inf]:100}");
    assert_eq!(trimmed(exponential(), 2.0, false), "{count:1, sum:5.656854249492381, (4,8]:1}");
}

/// Series of a vector at one step or more.
struct Input(Vec<InputRow>);

type InputRow = (Labels, Vec<f64>, Vec<(u32, Arc<FloatHistogram>)>);

impl Input {
    fn buckets(name: &str, rows: &[(&str, &[f64])]) -> Input {
        let labels = |le: &str| Labels::from_pairs([("__name__", name), ("le", le)]);
        Input(rows.iter().map(|(le, counts)| (labels(le), counts.to_vec(), Vec::new())).collect())
    }

    fn evaluate(&self, function: &BucketFunction<'_>, annotations: &mut Annotations) -> Vec<BucketRow> {
        let series: Vec<_> =
            self.0.iter().map(|(labels, floats, histograms)| BucketSeries { labels, floats, histograms }).collect();
        let timestamps: Vec<i64> = (0..series[0].floats.len() as i64).map(|i| i * 60_000).collect();
        let call = BucketCall { timestamps: &timestamps, position: 24, delayed_name_removal: false };
        evaluate(function, &series, &call, annotations)
    }
}

#[track_caller]
fn check_classic(rows: &[(&str, f64)], q: f64, want: f64) {
    let rows: Vec<(&str, Vec<f64>)> = rows.iter().map(|(le, count)| (*le, vec![*count])).collect();
    let rows: Vec<(&str, &[f64])> = rows.iter().map(|(le, counts)| (*le, counts.as_slice())).collect();
    let input = Input::buckets("m", &rows);
    let function = BucketFunction::Quantile { q: &[q], position: 19 };
    let got = input.evaluate(&function, &mut Annotations::default())[0].floats[0];
    assert!(got == want || (got.is_nan() && want.is_nan()), "{got}, not {want}");
}

#[test]
fn classic_quantiles_are_linear_within_buckets() {
    let buckets = &[("1", 10.0), ("2", 20.0), ("+Inf", 30.0)];
    check_classic(buckets, 0.5, 1.5);
    check_classic(buckets, 0.1, 0.3);
    check_classic(buckets, 0.9, 2.0);
    check_classic(buckets, -0.1, f64::NEG_INFINITY);
    check_classic(buckets, f64::NAN, f64::NAN);
    check_classic(&[("1", 10.0), ("2", 20.0)], 0.5, f64::NAN);
    check_classic(&[("+Inf", 20.0)], 0.5, f64::NAN);
    check_classic(&[("-1", 10.0), ("+Inf", 20.0)], 0.1, -1.0);
    // The same bound spelled twice, in any order.
    check_classic(&[("+Inf", 30.0), ("1", 4.0), ("2", 20.0), ("1.0", 6.0)], 0.5, 1.5);
}

#[test]
fn classic_fractions_are_linear_within_buckets() {
    let input = Input::buckets("m", &[("1", &[10.0]), ("2", &[20.0]), ("+Inf", &[40.0])]);
    let fraction = |lower: f64, upper: f64| {
        let function = BucketFunction::Fraction { lower: &[lower], upper: &[upper] };
        input.evaluate(&function, &mut Annotations::default())[0].floats[0]
    };
    assert_eq!(fraction(0.0, 1.5), 0.375);
    assert_eq!(fraction(f64::NEG_INFINITY, f64::INFINITY), 1.0);
    assert_eq!(fraction(2.0, 1.0), 0.0);
}

#[test]
fn forced_monotonicity_is_counted_as_upstream_counts() {
    let input = Input::buckets("m", &[("1", &[10.0; 3]), ("2", &[5.0, 15.0, 4.0]), ("+Inf", &[30.0; 3])]);
    let mut annotations = Annotations::default();
    let function = BucketFunction::Quantile { q: &[0.5; 3], position: 19 };
    input.evaluate(&function, &mut annotations);
    let infos = annotations.render("histogram_quantile(0.5, m)", 0).infos;
    // 1 at the first step, (1 + 0)·2 at the second, (2 + 1)·2 at the third.
    assert!(
        infos[0].ends_with(
            ", from buckets 2 to 2, with a max diff of 6, over 6 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:02:00Z (1:25)"
        ),
        "{infos:?}"
    );
}

#[test]
fn malformed_bounds_and_mixes_are_told() {
    let mut input = Input::buckets("m", &[("1", &[10.0]), ("+Inf", &[30.0]), ("x", &[1.0])]);
    let native = Labels::from_pairs([("__name__", "m")]);
    input.0.push((native, vec![STALE_NAN], vec![(0, Arc::new(exponential()))]));
    let mut annotations = Annotations::default();
    let function = BucketFunction::Quantile { q: &[1.5], position: 19 };
    let rows = input.evaluate(&function, &mut annotations);
    assert!(rows.is_empty(), "{rows:?}");
    assert_eq!(
        annotations.render("histogram_quantile(1.5, m)", 0).warnings,
        [
            "PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" (1:25)",
            "PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:20)",
            "PromQL warning: vector contains a mix of classic and native histograms (1:25)",
        ]
    );
}

#[test]
fn several_quantiles_are_told_apart_by_a_label() {
    let input = Input::buckets("m", &[("1", &[10.0]), ("+Inf", &[10.0])]);
    let function = BucketFunction::Quantiles { label: "q", qs: vec![(&[0.5], 0), (&[1.0], 0)] };
    let rows = input.evaluate(&function, &mut Annotations::default());
    let labels: Vec<_> = rows.iter().map(|row| (row.labels.value("q"), row.floats[0])).collect();
    assert_eq!(labels, [("0.5", 0.5), ("1.0", 1.0)]);
}

#[test]
fn averages_of_histograms_survive_the_overflow_of_their_sum() {
    let large = custom(&[1.0], &[1.7e308]);
    let mut notes = SumNotes::default();
    let mut mean = HistogramMean::new(&large, &mut notes);
    for _ in 0..2 {
        mean.add(&large, &mut notes).unwrap();
    }
    let mean = mean.finish().unwrap();
    assert_eq!((mean.count, mean.positive_buckets[0]), (1.7e308, 1.7e308));
}
