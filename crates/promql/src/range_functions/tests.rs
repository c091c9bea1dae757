use std::sync::Arc;

use narthex_model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Span};
use proptest::prelude::*;

use super::*;
use crate::annotations::Annotations;

/// A series to compute with: floats and histograms with their times.
#[derive(Clone, Debug, Default)]
struct Series {
    columns: SeriesColumns,
}

impl Series {
    fn floats(samples: &[(i64, f64)]) -> Series {
        let mut series = Series::default();
        for &(timestamp, value) in samples {
            series.columns.floats.timestamps.push(timestamp);
            series.columns.floats.values.push(value);
        }
        series
    }

    fn with_starts(mut self, starts: &[i64]) -> Series {
        self.columns.floats.start_timestamps = starts.to_vec();
        self
    }

    fn with_histograms(mut self, samples: Vec<(i64, FloatHistogram)>) -> Series {
        for (timestamp, histogram) in samples {
            self.columns.histograms.timestamps.push(timestamp);
            self.columns.histograms.values.push(Arc::new(histogram));
        }
        self
    }

    fn window(&self, mode: RangeMode, start_ms: i64, end_ms: i64, lookback_ms: i64) -> Window {
        let (after, upto) = window_bounds(mode, start_ms, end_ms, lookback_ms);
        let cut = |times: &[i64]| times.partition_point(|&t| t <= after)..times.partition_point(|&t| t <= upto);
        Window {
            floats: cut(&self.columns.floats.timestamps),
            histograms: cut(&self.columns.histograms.timestamps),
            range_start_ms: start_ms,
            range_end_ms: end_ms,
            eval_ms: end_ms,
        }
    }
}

const LOOKBACK_MS: i64 = 300_000;

/// What one function gives for one window, and what it had to tell.
fn call(name: &str, context: RangeContext, series: &Series, range: (i64, i64), args: &[f64]) -> (Out, Vec<String>) {
    let mut function = range_function(name, &context).unwrap().unwrap();
    let columns = RangeColumns::from(&series.columns);
    let window = series.window(context.mode, range.0, range.1, LOOKBACK_MS);
    let mut notes = SeriesNotes::default();
    function.begin(&columns);
    let out = function.at(&columns, &window, args, &mut notes).unwrap();
    let mut annotations = Annotations::default();
    let site = NoteSite { range: 0, first_argument: 0, metric_name: "m", type_label: None };
    notes.report(&site, &mut annotations);
    let rendered = annotations.render("m[1m]", 0);
    (out, rendered.warnings.into_iter().chain(rendered.infos).collect())
}

#[track_caller]
fn check_args(name: &str, series: &Series, range: (i64, i64), args: &[f64], want: Option<f64>) {
    let (out, _) = call(name, RangeContext::default(), series, range, args);
    match (want, &out) {
        (Some(want), Out::Float(got)) if want.to_bits() == got.to_bits() || (want.is_nan() && got.is_nan()) => {}
        (None, Out::None) => {}
        _ => panic!("{name}: {out:?}, not {want:?}"),
    }
}

#[track_caller]
fn check(name: &str, series: &Series, range: (i64, i64), want: f64) {
    check_args(name, series, range, &[], Some(want));
}

fn counter() -> Series {
    Series::floats(&[(60_000, 10.0), (75_000, 20.0), (90_000, 30.0), (105_000, 5.0), (120_000, 15.0)])
}

#[test]
fn rates_are_extrapolated_half_an_interval_when_the_border_is_far() {
    let range = (0, 120_000);
    check("increase", &counter(), range, 39.375);
    check("rate", &counter(), range, 0.328_125);
    check("delta", &counter(), range, 5.625);
    check("irate", &counter(), range, 10.0 / 15.0);
    check("idelta", &counter(), range, 10.0);
    check("resets", &counter(), range, 1.0);
    check("changes", &counter(), range, 4.0);
}

#[test]
fn a_counter_is_not_extrapolated_below_zero() {
    let series = Series::floats(&[(50_000, 1.0), (60_000, 101.0)]);
    // It was 0 a tenth of a second before its first sample, 10 s before which it ends.
    check("increase", &series, (45_000, 60_000), 100.0 * (10.0 + 0.1) / 10.0);
}

#[test]
fn one_sample_is_no_rate() {
    check_args("rate", &counter(), (0, 60_000), &[], None);
    check_args("deriv", &counter(), (0, 60_000), &[], None);
    check_args("irate", &counter(), (0, 60_000), &[], None);
}

#[test]
fn start_timestamps_tell_where_a_counter_began() {
    let context = RangeContext { use_start_timestamps: true, ..RangeContext::default() };
    let float = |series: &Series, name: &str| match call(name, context, series, (0, 60_000), &[]).0 {
        Out::Float(value) => value,
        other => panic!("{other:?}"),
    };
    // Deltas: every sample starts where the one before ended.
    let deltas = Series::floats(&[(20_000, 5.0), (40_000, 5.0), (60_000, 5.0)]).with_starts(&[1, 20_000, 40_000]);
    assert_eq!(float(&deltas, "increase"), 15.0);
    assert_eq!(float(&deltas, "resets"), 2.0);
    assert_eq!(float(&deltas, "irate"), 0.25);
    // One sample that began inside the range is enough.
    let single = Series::floats(&[(60_000, 7.0)]).with_starts(&[30_000]);
    assert_eq!(float(&single, "increase"), 7.0);
    let overlap = Series::floats(&[(20_000, 5.0), (40_000, 5.0)]).with_starts(&[1, 15_000]);
    let (_, notes) = call("rate", context, &overlap, (0, 60_000), &[]);
    assert!(notes[0].contains("overlaps with previous sample timestamp for metric \"m\""), "{notes:?}");
}

#[test]
fn names_that_are_no_counters_are_told() {
    let (_, notes) = call("rate", RangeContext::default(), &counter(), (0, 120_000), &[]);
    assert_eq!(
        notes,
        ["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"m\" (1:1)"]
    );
}

#[test]
fn anchored_ranges_begin_with_the_sample_before() {
    let context = RangeContext { mode: RangeMode::Anchored, ..RangeContext::default() };
    let float = |name, range| match call(name, context, &counter(), range, &[]).0 {
        Out::Float(value) => Some(value),
        _ => None,
    };
    // From 20 (the last sample at or before 80 s), with the reset after 30.
    assert_eq!(float("increase", (80_000, 120_000)), Some(15.0 - 20.0 + 30.0));
    assert_eq!(float("rate", (80_000, 120_000)), Some(25.0 / 40.0));
    assert_eq!(float("resets", (80_000, 120_000)), Some(1.0));
    assert_eq!(float("changes", (80_000, 120_000)), Some(3.0));
    assert_eq!(float("increase", (120_000, 150_000)), None);
    assert_eq!(float("changes", (120_000, 150_000)), None);
}

#[test]
fn smoothed_ranges_interpolate_at_both_ends() {
    let context = RangeContext { mode: RangeMode::Smoothed, ..RangeContext::default() };
    let float = |name, range| match call(name, context, &counter(), range, &[]).0 {
        Out::Float(value) => value,
        other => panic!("{other:?}"),
    };
    // 15 at 67.5 s, 25 at 82.5 s.
    assert_eq!(float("increase", (67_500, 82_500)), 10.0);
    // A third of the way to 5 after the reset, counted from 0: 30 − 25 + 5/3.
    assert_eq!(float("increase", (82_500, 95_000)), 5.0 / 3.0 - 25.0 + 30.0);
    assert_eq!(float("delta", (82_500, 97_500)), 17.5 - 25.0);
}

#[test]
fn modifiers_go_with_few_functions() {
    let error = |name, mode| range_function(name, &RangeContext { mode, ..RangeContext::default() }).err().unwrap();
    assert_eq!(
        error("sum_over_time", RangeMode::Anchored).to_string(),
        "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with sum_over_time"
    );
    assert_eq!(
        error("changes", RangeMode::Smoothed).to_string(),
        "smoothed modifier can only be used with: delta, increase, rate - not with changes"
    );
}

#[test]
fn sums_and_averages_are_compensated() {
    let series = Series::floats(&[(1, 1.0), (2, 1e100), (3, 1.0), (4, -1e100)]);
    check("sum_over_time", &series, (0, 4), 2.0);
    check("avg_over_time", &series, (0, 4), 0.5);
    let large = Series::floats(&[(1, 1.7e308), (2, 1.7e308), (3, 1.7e308)]);
    check("avg_over_time", &large, (0, 4), 1.7e308);
    check("sum_over_time", &large, (0, 4), f64::INFINITY);
    check("avg_over_time", &Series::floats(&[(1, -0.0)]), (0, 4), 0.0);
}

#[test]
fn extremes_pass_over_nan() {
    let series = Series::floats(&[(1000, f64::NAN), (2000, 3.0), (3000, 1.0), (4000, 3.0), (5000, f64::NAN)]);
    check("max_over_time", &series, (0, 5000), 3.0);
    check("min_over_time", &series, (0, 5000), 1.0);
    check("ts_of_max_over_time", &series, (0, 5000), 4.0);
    check("ts_of_min_over_time", &series, (0, 5000), 3.0);
    check("max_over_time", &series, (4000, 5000), f64::NAN);
    check("ts_of_max_over_time", &series, (4000, 5000), 5.0);
}

#[test]
fn other_functions_over_time() {
    let series = Series::floats(&[(1000, 1.0), (2000, 2.0), (3000, 4.0), (4000, 9.0)]);
    let all = (0, 4000);
    check("count_over_time", &series, all, 4.0);
    check("present_over_time", &series, all, 1.0);
    check("first_over_time", &series, all, 1.0);
    check("last_over_time", &series, all, 9.0);
    check("ts_of_first_over_time", &series, all, 1.0);
    check("ts_of_last_over_time", &series, all, 4.0);
    let pair = Series::floats(&[(1000, 1.0), (2000, 5.0)]);
    check("stdvar_over_time", &pair, all, 4.0);
    check("stddev_over_time", &pair, all, 2.0);
    check("mad_over_time", &series, all, 1.5);
    check_args("quantile_over_time", &series, all, &[0.5], Some(3.0));
    check_args("quantile_over_time", &series, all, &[2.0], Some(f64::INFINITY));
    check_args("last_over_time", &series, (10_000, 20_000), &[], None);
    check("deriv", &Series::floats(&[(0, 0.0), (10_000, 5.0), (20_000, 10.0)]), (-1, 20_000), 0.5);
    let line = Series::floats(&[(0, 0.0), (10_000, 5.0), (20_000, 10.0)]);
    check_args("predict_linear", &line, (-1, 20_000), &[60.0], Some(40.0));
    check_args("double_exponential_smoothing", &series, all, &[0.5, 0.5], Some(6.875));
}

#[test]
fn factors_of_smoothing_lie_between_0_and_1() {
    let mut function = range_function("double_exponential_smoothing", &RangeContext::default()).unwrap().unwrap();
    let series = counter();
    let columns = RangeColumns::from(&series.columns);
    let window = series.window(RangeMode::Plain, 0, 120_000, 0);
    let mut error =
        |args: &[f64]| function.at(&columns, &window, args, &mut SeriesNotes::default()).unwrap_err().to_string();
    assert_eq!(error(&[1.5, 0.5]), "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.500000");
    assert_eq!(error(&[0.5, 0.0]), "invalid trend factor. Expected: 0 < tf < 1, got: 0.000000");
}

fn histogram(hint: CounterResetHint, counts: [f64; 2]) -> FloatHistogram {
    FloatHistogram {
        counter_reset_hint: hint,
        count: counts[0] + counts[1],
        sum: counts[0] + 2.0 * counts[1],
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: counts.to_vec(),
        ..FloatHistogram::default()
    }
}

#[test]
fn histograms_have_rates_too() {
    use CounterResetHint::{Gauge, Unknown};
    let series = Series::default().with_histograms(vec![
        (0, histogram(Unknown, [1.0, 2.0])),
        (10_000, histogram(Unknown, [2.0, 4.0])),
        (20_000, histogram(Unknown, [1.0, 1.0])),
        (30_000, histogram(Unknown, [2.0, 3.0])),
    ]);
    let (out, notes) = call("increase", RangeContext::default(), &series, (-1, 30_000), &[]);
    let Out::Histogram(increase) = out else { panic!("{out:?}") };
    let factor = (30.0 + 0.001) / 30.0;
    assert_eq!(increase.positive_buckets, [3.0 * factor, 5.0 * factor]);
    assert_eq!((increase.counter_reset_hint, notes.len()), (Gauge, 0));

    let (_, notes) = call("delta", RangeContext::default(), &series, (-1, 30_000), &[]);
    assert_eq!(notes, ["PromQL warning: this native histogram metric is not a gauge: \"m\" (1:1)"]);

    let (out, _) = call("irate", RangeContext::default(), &series, (-1, 30_000), &[]);
    let Out::Histogram(rate) = out else { panic!("{out:?}") };
    assert_eq!(rate.positive_buckets, [0.1, 0.2]);

    let mixed = Series::floats(&[(5_000, 1.0)]).with_histograms(vec![(0, histogram(Unknown, [1.0, 2.0]))]);
    let (out, notes) = call("rate", RangeContext::default(), &mixed, (-1, 30_000), &[]);
    assert_eq!(out, Out::None);
    assert_eq!(notes, ["PromQL warning: encountered a mix of histograms and floats for metric name \"m\" (1:1)"]);
    assert!(matches!(call("changes", RangeContext::default(), &mixed, (-1, 30_000), &[]).0, Out::Float(1.0)));
}

#[test]
fn smoothed_instants_lie_between_the_samples_around() {
    let series = counter();
    let columns = RangeColumns::from(&series.columns);
    let at = |at_ms: i64| {
        let window = Window { range_end_ms: at_ms, ..series.window(RangeMode::Smoothed, at_ms, at_ms, LOOKBACK_MS) };
        smoothed_instant(&columns, &window, &mut SeriesNotes::default())
    };
    assert_eq!(at(75_000), Out::Float(20.0));
    assert_eq!(at(97_500), Out::Float(17.5));
    assert_eq!(at(200_000), Out::Float(15.0));
    assert_eq!(at(50_000), Out::None);
}

#[test]
fn extended_ranges_show_points_at_their_borders() {
    let series = counter();
    let columns = RangeColumns::from(&series.columns);
    let points = |mode| {
        let window = series.window(mode, 70_000, 110_000, LOOKBACK_MS);
        let mut out = Vec::new();
        extended_range_points(&columns, &window, mode == RangeMode::Smoothed, &mut out).unwrap();
        out
    };
    assert_eq!(
        points(RangeMode::Anchored),
        [(70_000, 10.0), (75_000, 20.0), (90_000, 30.0), (105_000, 5.0), (110_000, 5.0)]
    );
    let smoothed = points(RangeMode::Smoothed);
    assert_eq!(smoothed[0], (70_000, 10.0 + 10.0 * 10_000.0 / 15_000.0));
    assert_eq!(smoothed[4], (110_000, 5.0 + 10.0 * 5_000.0 / 15_000.0));
}

const FUNCTIONS: &[(&str, &[f64])] = &[
    ("avg_over_time", &[]),
    ("changes", &[]),
    ("count_over_time", &[]),
    ("delta", &[]),
    ("deriv", &[]),
    ("double_exponential_smoothing", &[0.3, 0.6]),
    ("first_over_time", &[]),
    ("idelta", &[]),
    ("increase", &[]),
    ("irate", &[]),
    ("last_over_time", &[]),
    ("mad_over_time", &[]),
    ("max_over_time", &[]),
    ("min_over_time", &[]),
    ("predict_linear", &[30.0]),
    ("present_over_time", &[]),
    ("quantile_over_time", &[0.9]),
    ("rate", &[]),
    ("resets", &[]),
    ("stddev_over_time", &[]),
    ("stdvar_over_time", &[]),
    ("sum_over_time", &[]),
    ("ts_of_first_over_time", &[]),
    ("ts_of_last_over_time", &[]),
    ("ts_of_max_over_time", &[]),
    ("ts_of_min_over_time", &[]),
];

/// The samples of a window alone, as a series.
fn cut_out(series: &Series, window: &Window) -> Series {
    let mut cut = Series::default();
    let (from, to) = (&series.columns, &mut cut.columns);
    to.floats.timestamps = from.floats.timestamps[window.floats.clone()].to_vec();
    to.floats.values = from.floats.values[window.floats.clone()].to_vec();
    to.floats.start_timestamps = from.floats.start_timestamps[window.floats.clone()].to_vec();
    to.histograms.timestamps = from.histograms.timestamps[window.histograms.clone()].to_vec();
    to.histograms.values = from.histograms.values[window.histograms.clone()].to_vec();
    cut
}

fn same(a: &Out, b: &Out) -> bool {
    match (a, b) {
        (Out::Float(a), Out::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Out::Histogram(a), Out::Histogram(b)) => a.equals(b),
        (a, b) => a == b,
    }
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-5..20_i32).prop_map(f64::from),
        4 => -10.0..10.0,
        1 => Just(f64::NAN),
        1 => Just(-0.0),
        1 => Just(f64::INFINITY),
    ]
}

fn any_histogram() -> impl Strategy<Value = FloatHistogram> {
    (0..4_u8, prop::bool::weighted(0.1), -1..2_i32, 0..3_i32, prop::collection::vec(0..5_u8, 1..4)).prop_map(
        |(hint, is_custom, schema, offset, counts)| {
            let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
            FloatHistogram {
                counter_reset_hint: match hint {
                    0 => CounterResetHint::Gauge,
                    1 => CounterResetHint::Reset,
                    2 => CounterResetHint::NotReset,
                    _ => CounterResetHint::Unknown,
                },
                schema: if is_custom { CUSTOM_BUCKETS_SCHEMA } else { schema },
                count: counts.iter().sum(),
                positive_spans: vec![Span { offset, length: counts.len() as u32 }],
                positive_buckets: counts,
                custom_values: if is_custom { vec![1.0, 2.0, 3.0, 4.0, 5.0] } else { Vec::new() },
                ..FloatHistogram::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What is kept between windows changes no bit of the result.
    #[test]
    fn sliding_gives_what_each_window_alone_gives(
        // Integers alone take another way in sums.
        values in prop_oneof![
            prop::collection::vec(any_value(), 0..40),
            prop::collection::vec((0..50_i32).prop_map(f64::from), 0..40),
        ],
        starts in prop::collection::vec(0..5_i64, 40),
        histograms in prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(any_histogram(), 0..20)],
        first_histogram in 0..30_i64,
        (step, range) in (1..8_i64, 1..20_i64),
        use_start_timestamps: bool,
    ) {
        let mut series = Series::default();
        for (i, value) in values.iter().enumerate() {
            series.columns.floats.timestamps.push(i as i64 * 1000);
            series.columns.floats.values.push(*value);
            let start = (i as i64 - starts[i]) * 1000;
            series.columns.floats.start_timestamps.push(if starts[i] == 4 { 0 } else { start });
        }
        let at = |i: usize| (first_histogram + i as i64) * 1000 + 500;
        let series = series.with_histograms(histograms.into_iter().enumerate().map(|(i, h)| (at(i), h)).collect());
        let columns = RangeColumns::from(&series.columns);
        for (name, args) in FUNCTIONS {
            let context = RangeContext { use_start_timestamps, ..RangeContext::default() };
            let mut sliding = range_function(name, &context).unwrap().unwrap();
            let mut alone = range_function(name, &context).unwrap().unwrap();
            sliding.begin(&columns);
            for end in (0..60_000_i64).step_by(step as usize * 1000) {
                let window = series.window(RangeMode::Plain, end - range * 1000, end, 0);
                let cut = cut_out(&series, &window);
                let cut_columns = RangeColumns::from(&cut.columns);
                let cut_window =
                    Window { floats: 0..window.floats.len(), histograms: 0..window.histograms.len(), ..window.clone() };
                alone.begin(&cut_columns);
                let (mut notes, mut want_notes) = (SeriesNotes::default(), SeriesNotes::default());
                let want = alone.at(&cut_columns, &cut_window, args, &mut want_notes).unwrap();
                let got = sliding.at(&columns, &window, args, &mut notes).unwrap();
                prop_assert!(same(&got, &want), "{} at {}: {:?}, alone {:?}", name, end, got, want);
                prop_assert_eq!(notes, want_notes, "{} at {}", name, end);
            }
        }
    }
}
