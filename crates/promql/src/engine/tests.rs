//! What whole queries give and cost.

use std::time::Duration;

use crate::api::{EngineOptions, ErrorKind, QueryError, Request};
use crate::engine::Engine;
use crate::testing::{TestStorage, engine, instant, options, show};

/// Seven series with one sample each, at 0.
fn seven() -> TestStorage {
    let nan = f64::NAN;
    let values = [("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", nan), ("e", 3.0), ("f", 2.0), ("g", 1.0)];
    values
        .iter()
        .fold(TestStorage::default(), |storage, (i, value)| storage.load(1000, &format!("t{{i=\"{i}\"}}"), &[*value]))
}

fn counters() -> TestStorage {
    TestStorage::default()
        .load(60_000, r#"requests_total{job="a",code="200"}"#, &[0.0, 60.0, 120.0, 180.0, 240.0, 300.0])
        .load(60_000, r#"requests_total{job="a",code="500"}"#, &[0.0, 6.0, 12.0, 18.0, 24.0, 30.0])
        .load(60_000, r#"requests_total{job="b",code="200"}"#, &[0.0, 120.0, 240.0, 360.0, 480.0, 600.0])
        .load(60_000, r#"limit{job="a"}"#, &[10.0; 6])
        .load(60_000, r#"limit{job="b"}"#, &[20.0; 6])
}

#[track_caller]
fn check(storage: &TestStorage, query: &str, time_ms: i64, want: &str) {
    let answer = instant(storage, query, time_ms).unwrap_or_else(|error| panic!("{query}: {error}"));
    assert_eq!(show(&answer.value), want, "{query}");
}

#[track_caller]
fn check_range(storage: &TestStorage, query: &str, want: &str) {
    let answer = engine().execute(storage, &Request::range(query, 60_000, 180_000, 60_000));
    let answer = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
    assert_eq!(show(&answer.value), want, "{query}");
}

#[track_caller]
fn check_error(storage: &TestStorage, query: &str, want: &str) {
    let error = instant(storage, query, 300_000).expect_err(query);
    assert_eq!(error.to_string(), want, "{query}");
}

#[test]
fn samples_held_are_counted_as_upstream_counts_them() {
    let storage = seven();
    for (query, want) in [("t", 7), ("sum(t)", 7), ("abs(t)", 21), ("t + t", 35), ("topk(2, t)", 8), ("vector(1)", 3)] {
        assert_eq!(instant(&storage, query, 0).unwrap().stats.peak_samples, want, "{query}");
        let enough = Engine::new(EngineOptions { max_samples: want as usize, ..options() });
        assert!(enough.execute(&storage, &Request::instant(query, 0)).is_ok(), "{query}");
        let short = Engine::new(EngineOptions { max_samples: want as usize - 1, ..options() });
        let error = short.execute(&storage, &Request::instant(query, 0)).expect_err(query);
        assert!(matches!(error, QueryError::TooManySamples), "{query}: {error}");
        assert_eq!(error.kind(), ErrorKind::Execution);
    }
}

#[test]
fn equal_values_come_out_of_topk_in_upstreams_order() {
    let storage = seven();
    for (query, want) in [
        ("topk(3, t)", "e b c"),
        ("topk(10, t)", "e b f c a g d"),
        ("bottomk(3, t)", "a g c"),
        ("limitk(7, t)", "d a g b e f c"),
    ] {
        let answer = instant(&storage, query, 0).unwrap();
        let crate::Value::Vector(samples) = answer.value else { panic!("a vector") };
        let order: Vec<&str> = samples.iter().map(|sample| sample.labels.value("i")).collect();
        assert_eq!(order.join(" "), want, "{query}");
    }
}

#[test]
fn rates_fold_into_groups() {
    let storage = counters();
    check(&storage, "sum by (job) (rate(requests_total[5m]))", 300_000, "{job=\"a\"} 1.1\n{job=\"b\"} 2");
    check(&storage, "sum(rate(requests_total[5m])) / on() group_left sum(limit)", 300_000, "{} 0.10333333333333333");
    check(&storage, "count without (code) (requests_total)", 300_000, "{job=\"a\"} 2\n{job=\"b\"} 1");
}

#[test]
fn operators_with_numbers_are_applied_while_folding() {
    let storage = counters();
    check(&storage, "count by (job) (requests_total > 100)", 300_000, "{job=\"a\"} 1\n{job=\"b\"} 1");
    check(&storage, "sum(abs(1 - rate(requests_total[5m]) * 60))", 300_000, "{} 183");
    // As many samples are held as if all vectors in between were there.
    let stats = |query: &str| instant(&storage, query, 300_000).unwrap().stats.peak_samples;
    assert_eq!(stats("sum(limit * 2)"), stats("limit * 2"));
    // Of several metrics the names may be all that tells series apart.
    let storage = storage.load(60_000, r#"other{job="a"}"#, &[1.0; 6]);
    check_error(
        &storage,
        r#"sum({__name__=~"limit|other",job="a"} * 2)"#,
        "vector cannot contain metrics with the same labelset",
    );
}

#[test]
fn vectors_match_by_labels() {
    let storage = counters();
    check(
        &storage,
        "requests_total / on (job) group_left limit",
        300_000,
        "{code=\"200\",job=\"a\"} 30\n{code=\"200\",job=\"b\"} 30\n{code=\"500\",job=\"a\"} 3",
    );
    check(&storage, "limit and on (job) (requests_total > 500)", 300_000, "limit{job=\"b\"} 20");
    check(&storage, "limit unless on (job) (requests_total > 500)", 300_000, "limit{job=\"a\"} 10");
    check_error(
        &storage,
        "limit / on (job) requests_total",
        "found duplicate series for the match group {job=\"a\"} on the right hand-side of the operation: [{__name__=\"requests_total\", code=\"200\", job=\"a\"}, {__name__=\"requests_total\", code=\"500\", job=\"a\"}];many-to-many matching not allowed: matching labels must be unique on one side",
    );
    check_error(
        &storage,
        "requests_total / on (job) limit",
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
    );
}

#[test]
fn missing_partners_are_filled_in() {
    let storage = counters().load(60_000, r#"extra{job="c"}"#, &[7.0; 6]);
    check(&storage, "limit + fill (1) extra", 300_000, "{job=\"a\"} 11\n{job=\"b\"} 21\n{job=\"c\"} 8");
    check(&storage, "limit + fill_left (1) extra", 300_000, "{job=\"c\"} 8");
}

#[test]
fn ranges_are_sorted_and_have_gaps() {
    let storage = counters();
    check_range(
        &storage,
        "requests_total{job=\"a\"} >= 12",
        "requests_total{code=\"200\",job=\"a\"} 60@60 120@120 180@180\nrequests_total{code=\"500\",job=\"a\"} 12@120 18@180",
    );
    check_range(&storage, "limit @ 0", "limit{job=\"a\"} 10@60 10@120 10@180\nlimit{job=\"b\"} 20@60 20@120 20@180");
    check_range(&storage, "time() + 1", "{} 61@60 121@120 181@180");
    check_range(&storage, "max_over_time(sum(requests_total)[2m:1m])", "{} 186@60 372@120 558@180");
}

#[test]
fn modifiers_shift_and_fix_the_time() {
    let storage = counters();
    check(&storage, "sum(requests_total offset 1m)", 300_000, "{} 744");
    check(&storage, "sum(requests_total @ 60)", 300_000, "{} 186");
    check(&storage, "sum(requests_total @ 60 offset -1m)", 300_000, "{} 372");
    check(&storage, "timestamp(limit{job=\"a\"} offset 30s)", 300_000, "{job=\"a\"} 240");
    check(&storage, "limit{job=\"a\"}[2m:1m]", 300_000, "limit{job=\"a\"} 10@240 10@300");
    check(&storage, "limit{job=\"a\"}[2m]", 300_000, "limit{job=\"a\"} 10@240 10@300");
}

#[test]
fn labels_can_be_rewritten() {
    let storage = counters();
    check(
        &storage,
        r#"label_replace(limit, "team", "${1}x", "job", "(a).*")"#,
        300_000,
        "limit{job=\"a\",team=\"ax\"} 10\nlimit{job=\"b\"} 20",
    );
    check(&storage, r#"label_join(limit{job="b"}, "j", "-", "job", "job")"#, 300_000, "limit{j=\"b-b\",job=\"b\"} 20");
    check_error(
        &storage,
        r#"label_replace(limit, "job", "x", "job", ".*")"#,
        "vector cannot contain metrics with the same labelset",
    );
}

#[test]
fn what_is_absent_is_named_by_its_selector() {
    let storage = counters();
    check(&storage, r#"absent(nothing{a="1",d=~"x",d="2"})"#, 0, "{a=\"1\",d=\"2\"} 1");
    check(&storage, r#"absent(nothing{c="4",c="4"})"#, 0, "{} 1");
    check(&storage, "absent(limit)", 0, "");
    check(&storage, "absent_over_time(nothing{a=\"1\"}[5m])", 0, "{a=\"1\"} 1");
}

#[test]
fn bad_queries_and_limits_have_upstreams_texts() {
    let storage = counters();
    check_error(&storage, "limit[step()]", "6:12: duration must be greater than 0");
    check_error(&storage, "limit[range() + 1m / step()]", "16:27: division by zero");
    check_error(&storage, "limit[5m % range()]", "6:18: modulo by zero");
    check_error(&storage, "quantile(0.5, limit) + limit[1m", "1:32: parse error: unclosed left bracket");
    check_error(&storage, "topk(NaN, limit)", "Parameter value is NaN");
    check_error(&storage, "topk(1e30, limit)", "Scalar value 1e+30 overflows int64");
    check_error(&storage, "label_join(limit, \"\", \"\", \"job\")", "invalid destination label name in label_join(): ");
    check_error(&storage, "1 </ 2", "operator \"</\" not allowed for Scalar operations");
}

#[test]
fn a_query_over_a_range_must_be_an_instant_vector() {
    let request = Request::range("limit[5m]", 0, 60_000, 60_000);
    let error = engine().execute(&counters(), &request).expect_err("a range vector");
    assert_eq!(error.kind(), ErrorKind::BadData);
    assert_eq!(
        error.to_string(),
        "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"
    );
}

#[test]
fn queries_end_when_they_are_told_to() {
    let request = Request::instant("limit", 0);
    request.cancel.cancel();
    let error = engine().execute(&counters(), &request).expect_err("canceled");
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Canceled, "query was canceled in query execution".into())
    );

    let request = Request { timeout: Some(Duration::ZERO), ..Request::instant("limit", 0) };
    let error = engine().execute(&counters(), &request).expect_err("late");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Timeout, "query timed out in query execution".into()));
}

#[test]
fn several_threads_give_the_same_answer() {
    let values: Vec<f64> = (0..100).map(|i| f64::from(i) * 0.1).collect();
    let storage = (0..2000).fold(TestStorage::default(), |storage, i| {
        storage.load(1000, &format!("t{{i=\"{i}\",g=\"{}\"}}", i % 7), &values)
    });
    let answer = |threads: usize, query: &str| {
        let engine = Engine::new(EngineOptions { threads, ..options() });
        show(&engine.execute(&storage, &Request::range(query, 10_000, 90_000, 1000)).unwrap().value)
    };
    for query in ["max by (g) (t)", "count(t)", "avg by (g) (t)", "t{g=\"3\"}"] {
        assert_eq!(answer(1, query), answer(4, query), "{query}");
    }
    assert_eq!(answer(4, "sum by (g) (rate(t[10s]))"), answer(4, "sum by (g) (rate(t[10s]))"));
}

#[test]
fn a_part_that_stands_twice_counts_twice() {
    let storage = seven();
    let twice = instant(&storage, "abs(t) + abs(t)", 0).unwrap();
    let other = instant(&storage, "abs(t) + ceil(t)", 0).unwrap();
    assert_eq!(show(&twice.value), show(&other.value));
    let stats = |answer: &crate::Answer| (answer.stats.peak_samples, answer.stats.total_queryable_samples);
    assert_eq!(stats(&twice), stats(&other));
    // What is told about a part points to where it stands last.
    let warned = instant(&storage, "quantile(2, t) + quantile(2, t)", 0).unwrap();
    assert_eq!(warned.warnings, ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:27)"]);
}

#[test]
fn memory_is_bounded_before_it_is_taken() {
    let engine = Engine::new(EngineOptions { max_bytes: 1 << 20, ..options() });
    for query in ["max_over_time(vector(1)[100d:1s])", "t * scalar(t) + t", "t @ 0"] {
        let storage =
            (0..200).fold(TestStorage::default(), |storage, i| storage.load(1000, &format!("t{{i=\"{i}\"}}"), &[1.0]));
        let error = engine.execute(&storage, &Request::range(query, 0, 1_000_000, 1000)).expect_err(query);
        assert_eq!(error.to_string(), "query processing would need more than 1048576 bytes of memory", "{query}");
        assert_eq!(error.kind(), ErrorKind::Execution);
    }
}

#[test]
fn all_queries_share_memory_until_their_answers_are_gone() {
    let engine = Engine::new(EngineOptions { max_bytes_total: 70_000, ..options() });
    let storage =
        (0..5).fold(TestStorage::default(), |storage, i| storage.load(1000, &format!("t{{i=\"{i}\"}}"), &[1.0]));
    let ask = || engine.execute(&storage, &Request::range("t @ 0 + 1", 0, 1_000_000, 1000));
    let first = ask().expect("there is room for one");
    let error = ask().map(drop).expect_err("but not for two");
    assert_eq!(
        error.to_string(),
        "query processing would need more memory than other queries leave of 70000 bytes, try again later"
    );
    drop(first);
    assert!(ask().is_ok(), "what was held is free again");
    assert_eq!(engine.memory.used(), 0);
}

#[test]
fn labels_cannot_be_doubled_without_end() {
    let nested =
        (0..60).fold("limit".to_owned(), |inner, _| format!(r#"label_join({inner}, "job", "", "job", "job")"#));
    let engine = Engine::new(EngineOptions { max_bytes: 1 << 20, ..options() });
    let error = engine.execute(&counters(), &Request::instant(nested, 300_000)).expect_err("2⁶⁰ letters");
    assert!(matches!(error, QueryError::TooManyBytes { .. }), "{error}");
}

#[test]
fn a_label_is_counted_before_it_is_written() {
    // Each call alone multiplies by a million; the second would take terabytes.
    let refs = "$1".repeat(1_000_000);
    let replace = |inner: &str| format!(r#"label_replace({inner}, "job", "{refs}", "job", "(.*)")"#);
    let separator = "x".repeat(1_000_000);
    let join = |inner: &str| format!(r#"label_join({inner}, "job", "{separator}"{})"#, r#", "job""#.repeat(10_000));
    let engine = Engine::new(EngineOptions { max_bytes: 256 << 20, ..options() });
    for query in [replace(&replace("limit")), join("limit")] {
        let error = engine.execute(&counters(), &Request::instant(query, 300_000)).expect_err("too long a label");
        assert!(matches!(error, QueryError::TooManyBytes { .. }), "{error}");
    }
}

#[test]
fn an_aggregation_holds_its_groups_only() {
    let storage =
        (0..500).fold(TestStorage::default(), |storage, i| storage.load(1000, &format!("t{{i=\"{i}\"}}"), &[1.0]));
    let engine = Engine::new(EngineOptions { max_bytes: 256 << 10, ..options() });
    let answer = engine.execute(&storage, &Request::range("sum(t)", 0, 299_000, 1000)).unwrap();
    let crate::Value::Matrix(series) = answer.value else { panic!("a matrix") };
    assert_eq!((series.len(), series[0].float_values.len(), series[0].float_values[0]), (1, 300, 500.0));
}

#[test]
fn a_parameter_of_an_aggregation_moves_on_from_its_time() {
    // Upstream's quirk: `@` fixes only the first step there, and `@ start()` nothing.
    let storage = counters();
    let k = "scalar(limit{job=\"a\"} @ 60) - 8";
    check_range(&storage, &format!("count(topk({k}, requests_total))"), "{} 2@60 2@120 2@180");
}

#[test]
fn annotations_point_to_arguments_inside_their_parentheses() {
    let storage = counters();
    let answer = instant(&storage, "sum(\n  rate((limit[5m])))", 300_000).unwrap();
    assert_eq!(
        answer.infos,
        [
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"limit\" (2:9)"
        ]
    );
}

#[test]
fn sub_queries_without_step_take_the_default() {
    let storage = counters();
    let engine = engine();
    let request = Request::instant("count_over_time(limit{job=\"a\"}[3m:])", 300_000);
    assert_eq!(show(&engine.execute(&storage, &request).unwrap().value), "{job=\"a\"} 3");
    engine.set_default_subquery_step_ms(30_000);
    assert_eq!(show(&engine.execute(&storage, &request).unwrap().value), "{job=\"a\"} 6");
}

#[test]
fn info_adds_the_labels_of_its_metric() {
    let storage = TestStorage::default().load(60_000, r#"build{instance="i",job="j"}"#, &[5.0]).load(
        60_000,
        r#"target_info{instance="i",job="j",version="1"}"#,
        &[1.0],
    );
    check(&storage, "info(build)", 0, "build{instance=\"i\",job=\"j\",version=\"1\"} 5");
    check(&storage, "info(build, {version=\"2\"})", 0, "");
}

#[test]
fn long_chains_of_operators_do_not_exhaust_the_stack() {
    let query = vec!["1"; 900].join(" + ");
    check(&TestStorage::default(), &query, 0, "900");
}

#[test]
fn statistics_tell_what_was_looked_at() {
    let storage = counters();
    let request = Request::range("rate(limit{job=\"a\"}[2m])", 60_000, 180_000, 60_000);
    let stats = engine().execute(&storage, &request).unwrap().stats;
    assert_eq!((stats.total_queryable_samples, stats.samples_read), (6, 4));
}
