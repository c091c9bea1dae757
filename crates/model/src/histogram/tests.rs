use super::*;

fn spans(list: &[(i32, u32)]) -> Vec<Span> {
    list.iter().map(|&(offset, length)| Span { offset, length }).collect()
}

/// `{count:10, sum:20, [-0.001,0.001]:2, (0.5,1]:3, (1,2]:4, (4,8]:1}`
fn example() -> FloatHistogram {
    FloatHistogram {
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 10.0,
        sum: 20.0,
        positive_spans: spans(&[(0, 2), (1, 1)]),
        positive_buckets: vec![3.0, 4.0, 1.0],
        ..FloatHistogram::default()
    }
}

fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
    FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: counts.iter().sum(),
        positive_spans: spans(&[(0, counts.len() as u32)]),
        positive_buckets: counts.to_vec(),
        custom_values: bounds.to_vec(),
        ..FloatHistogram::default()
    }
}

/// Buckets of one side from indices and counts.
fn positive(schema: i32, cells: &[(i32, f64)]) -> FloatHistogram {
    let cells: Vec<_> =
        cells.iter().map(|&(index, count)| super::cells::Cell { index, count, compensation: 0.0 }).collect();
    let mut h = FloatHistogram { schema, ..FloatHistogram::default() };
    let mut buckets = Vec::new();
    super::cells::write(&cells, 0, &mut h.positive_spans, |cell| buckets.push(cell.count));
    h.count = buckets.iter().sum();
    h.positive_buckets = buckets;
    h
}

#[test]
fn the_text_shows_populated_buckets_from_the_lowest_up() {
    assert_eq!(example().to_string(), "{count:10, sum:20, [-0.001,0.001]:2, (0.5,1]:3, (1,2]:4, (4,8]:1}");
    let mut h = example();
    h.negative_spans = spans(&[(0, 2)]);
    h.negative_buckets = vec![1.0, 2.0];
    assert_eq!(
        h.to_string(),
        "{count:10, sum:20, [-2,-1):2, [-1,-0.5):1, [-0.001,0.001]:2, (0.5,1]:3, (1,2]:4, (4,8]:1}"
    );
    let mut h = custom(&[1.0, 2.0], &[1.0, 3.0]);
    h.sum = 7.0;
    assert_eq!(h.to_string(), "{count:4, sum:7, [-Inf,1]:1, (1,2]:3}");
}

#[test]
fn size_counts_spans_and_buckets() {
    assert_eq!(FloatHistogram::default().size(), 11);
    assert_eq!(example().size(), (176 + 8 * 5) / 16);
}

#[test]
fn buckets_can_be_read_from_both_ends() {
    let mut h = example();
    h.negative_spans = spans(&[(-1, 1), (0, 0), (3, 1)]);
    h.negative_buckets = vec![5.0, 6.0];
    let up: Vec<_> = h.buckets().map(|b| (b.lower, b.upper, b.count)).collect();
    assert_eq!(
        up,
        [
            (-8.0, -4.0, 6.0),
            (-0.5, -0.25, 5.0),
            (-0.001, 0.001, 2.0),
            (0.5, 1.0, 3.0),
            (1.0, 2.0, 4.0),
            (4.0, 8.0, 1.0)
        ]
    );
    let mut down: Vec<_> = h.buckets().rev().map(|b| (b.lower, b.upper, b.count)).collect();
    down.reverse();
    assert_eq!(up, down);
}

#[test]
fn a_bucket_that_reaches_into_the_zero_bucket_ends_there() {
    let mut h = example();
    h.zero_threshold = 0.75;
    let lowers: Vec<_> = h.buckets().map(|b| b.lower).collect();
    assert_eq!(lowers, [-0.75, 0.75, 1.0, 4.0]);
}

#[test]
fn compacting_drops_empty_buckets_and_joins_spans() {
    let mut h = positive(0, &[(0, 0.0), (1, 1.0), (2, 0.0), (3, 2.0), (7, 0.0)]);
    h.positive_spans = spans(&[(0, 2), (0, 2), (3, 1)]);
    let mut kept = h.clone();
    kept.compact(1);
    assert_eq!(kept.positive_spans, spans(&[(1, 3)]));
    assert_eq!(kept.positive_buckets, [1.0, 0.0, 2.0]);
    h.compact(0);
    assert_eq!(h.positive_spans, spans(&[(1, 1), (1, 1)]));
    assert_eq!(h.positive_buckets, [1.0, 2.0]);
}

#[test]
fn adding_brings_schemas_and_layouts_together() {
    let mut a = positive(1, &[(1, 1.0), (2, 2.0), (3, 4.0)]);
    let outcome = a.add(&positive(0, &[(0, 8.0), (2, 16.0), (5, 32.0)])).unwrap();
    assert_eq!(outcome, Combined::default());
    assert_eq!(a.schema, 0);
    assert_eq!(a.positive_indexed().collect::<Vec<_>>(), [(0, 8.0), (1, 3.0), (2, 20.0), (5, 32.0)]);
    assert_eq!(a.count, 63.0);
    a.sub(&positive(0, &[(2, 20.0)])).unwrap();
    a.compact(0);
    assert_eq!(a.positive_indexed().collect::<Vec<_>>(), [(0, 8.0), (1, 3.0), (5, 32.0)]);
}

#[test]
fn the_narrower_zero_bucket_is_widened() {
    let mut a = example();
    let mut b = positive(0, &[(0, 1.0), (1, 1.0)]);
    b.zero_threshold = 0.75;
    b.zero_count = 7.0;
    // 0.75 lies inside a's populated bucket (0.5,1], so both widen to 1.
    a.add(&b).unwrap();
    assert_eq!((a.zero_threshold, a.zero_count), (1.0, 2.0 + 3.0 + 7.0 + 1.0));
    assert_eq!(a.positive_indexed().collect::<Vec<_>>(), [(1, 5.0), (3, 1.0)]);
}

#[test]
fn custom_bounds_are_reduced_to_those_in_common() {
    let mut a = custom(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]);
    let outcome = a.add(&custom(&[2.0, 4.0], &[10.0, 20.0, 30.0])).unwrap();
    assert!(outcome.bounds_reconciled);
    assert_eq!(a.custom_values, [2.0]);
    assert_eq!(a.positive_buckets, [13.0, 57.0]);
    assert_eq!(a.add(&example()), Err(IncompatibleSchemas));
}

#[test]
fn compensated_sums_keep_what_rounding_loses() {
    let amounts = [1.0, 1e100, 1.0, -1e100];
    let mut sum = positive(0, &[(0, amounts[0])]);
    let mut compensation = None;
    for amount in &amounts[1..] {
        sum.kahan_add(&positive(0, &[(0, *amount)]), &mut compensation).unwrap();
    }
    sum.add_compensation(compensation.as_ref().unwrap());
    assert_eq!((sum.count, sum.positive_buckets[0]), (2.0, 2.0));
}

#[test]
fn a_reset_hint_against_a_no_reset_hint_is_a_collision() {
    let (mut a, mut b) = (example(), example());
    a.counter_reset_hint = CounterResetHint::Reset;
    b.counter_reset_hint = CounterResetHint::NotReset;
    assert!(a.add(&b).unwrap().collision);
    assert_eq!(a.counter_reset_hint, CounterResetHint::Unknown);
    b.counter_reset_hint = CounterResetHint::Gauge;
    assert!(!a.add(&b).unwrap().collision);
    assert_eq!(a.counter_reset_hint, CounterResetHint::Gauge);
}

#[test]
fn resets_show_in_counts_layout_or_hint() {
    let before = example();
    let check = |change: &dyn Fn(&mut FloatHistogram), want: bool| {
        let mut now = example();
        change(&mut now);
        assert_eq!(now.detect_reset(&before), want, "{now}");
    };
    check(&|_| {}, false);
    check(&|h| h.count = 9.0, true);
    check(&|h| h.counter_reset_hint = CounterResetHint::Reset, true);
    check(
        &|h| {
            h.count = 9.0;
            h.counter_reset_hint = CounterResetHint::NotReset;
        },
        false,
    );
    check(&|h| h.positive_buckets[1] = 3.0, true);
    check(&|h| h.zero_threshold = 0.0001, true);
    check(
        &|h| {
            h.positive_spans = spans(&[(0, 2)]);
            h.positive_buckets = vec![30.0, 40.0];
        },
        true,
    );
    check(&|h| h.reduce_resolution(-1), false);
    check(&|h| h.schema = 1, true);
    // The zero bucket now takes in (0.5,1] whole, then only a part of (1,2].
    check(
        &|h| {
            h.zero_threshold = 1.0;
            h.zero_count = 5.0;
        },
        false,
    );
    check(
        &|h| {
            h.zero_threshold = 1.5;
            h.zero_count = 50.0;
        },
        true,
    );
    assert!(!custom(&[1.0, 2.0], &[4.0, 0.0, 1.0]).detect_reset(&custom(&[1.0, 3.0], &[4.0, 1.0, 0.0])));
    assert!(custom(&[1.0, 2.0], &[3.0, 1.0, 1.0]).detect_reset(&custom(&[1.0, 3.0], &[4.0, 1.0, 0.0])));
}

#[test]
fn equality_is_of_bits_and_layout() {
    let (mut a, mut b) = (example(), example());
    b.counter_reset_hint = CounterResetHint::Gauge;
    assert!(a.equals(&b));
    (a.sum, b.sum) = (f64::NAN, f64::NAN);
    assert!(a.equals(&b));
    b.positive_spans = spans(&[(0, 2), (0, 0), (1, 1)]);
    assert!(a.equals(&b));
    b.positive_spans = spans(&[(0, 2), (2, 1)]);
    assert!(!a.equals(&b));
    (a.sum, b) = (0.0, example());
    b.sum = -0.0;
    assert!(!a.equals(&b));
}

#[test]
fn integer_counts_are_read_as_floats() {
    let int = IntHistogram {
        zero_count: 2,
        count: 10,
        positive_spans: spans(&[(0, 2), (1, 1)]),
        positive_deltas: vec![3, 1, -3],
        ..IntHistogram::default()
    };
    assert_eq!(int.validate(), Ok(()));
    assert_eq!(int.to_float().positive_buckets, [3.0, 4.0, 1.0]);
}

#[test]
fn what_is_malformed_is_refused_in_upstreams_words() {
    let check = |change: &dyn Fn(&mut FloatHistogram), want: &str| {
        let mut h = example();
        change(&mut h);
        assert_eq!(h.validate().unwrap_err().to_string(), want);
    };
    check(
        &|h| h.schema = 9,
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema 9",
    );
    check(
        &|h| h.positive_spans[1].offset = -1,
        "positive side: span number 2 with offset -1: histogram has a span whose offset is negative",
    );
    check(
        &|h| h.positive_buckets.truncate(2),
        "positive side: spans need 3 buckets, have 2 buckets: histogram spans specify different number of buckets than provided",
    );
    check(
        &|h| h.positive_buckets[2] = -1.5,
        "positive side: bucket number 3 has observation count of -1.5: histogram has a bucket whose observation count is negative",
    );
    check(&|h| h.custom_values.push(1.0), "histogram with exponential schema must not have custom bounds");
    let mut h = custom(&[1.0], &[1.0, 2.0, 3.0]);
    assert_eq!(
        h.validate().unwrap_err().to_string(),
        "custom buckets: only 1 custom bounds defined which is insufficient to cover total span length of 3: histogram custom bounds are too few"
    );
    h.custom_values = vec![2.0, 1.0];
    assert_eq!(
        h.validate().unwrap_err().to_string(),
        "custom buckets: previous bound is 2.000000 and current is 1.000000: histogram custom bounds must be in strictly increasing order"
    );
    let int = IntHistogram { count: 3, zero_count: 2, ..IntHistogram::default() };
    assert_eq!(
        int.validate().unwrap_err().to_string(),
        "2 observations found in buckets, but the Count field is 3: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
    );
}

proptest::proptest! {
    /// A sum of histograms is the sum of their buckets, whatever the layouts.
    #[test]
    fn addition_agrees_with_a_map(
        a in proptest::collection::btree_map(-20..20_i32, 0..100_u32, 0..12),
        b in proptest::collection::btree_map(-20..20_i32, 0..100_u32, 0..12),
        schemas in (0..4_i32, 0..4_i32),
    ) {
        let histogram = |cells: &std::collections::BTreeMap<i32, u32>, schema| {
            let cells: Vec<_> = cells.iter().map(|(&i, &c)| (i, f64::from(c))).collect();
            positive(schema, &cells)
        };
        let mut sum = histogram(&a, schemas.0);
        sum.add(&histogram(&b, schemas.1)).unwrap();
        let schema = schemas.0.min(schemas.1);
        let mut want = std::collections::BTreeMap::<i32, f64>::new();
        for (cells, from) in [(&a, schemas.0), (&b, schemas.1)] {
            for (&index, &count) in cells {
                *want.entry(((index - 1) >> (from - schema)) + 1).or_default() += f64::from(count);
            }
        }
        proptest::prop_assert_eq!(sum.positive_indexed().collect::<Vec<_>>(), want.into_iter().collect::<Vec<_>>());
    }
}
