//! What the tree says.

use crate::ast::*;
use crate::{ParserOptions, parse_expr};

fn parse(query: &str) -> Expr {
    parse_expr(query, &ParserOptions::ALL).unwrap_or_else(|errors| panic!("{query}: {errors}"))
}

/// The tree with all operations in brackets.
fn shape(expr: &Expr) -> String {
    match expr {
        Expr::Binary(b) => format!("[{} {} {}]", shape(&b.lhs), b.op.as_str(), shape(&b.rhs)),
        Expr::Unary(u) => format!("[{}{}]", u.sign(), shape(&u.expr)),
        other => other.to_string(),
    }
}

#[test]
fn operators_bind_as_upstream_says() {
    for (query, want) in [
        ("a or b and c == d + e * f ^ g", "[a or [b and [c == [d + [e * [f ^ g]]]]]]"),
        ("a - b - c", "[[a - b] - c]"),
        ("2 ^ 3 ^ 2", "[2 ^ [3 ^ 2]]"),
        ("-2 ^ 2", "[-[2 ^ 2]]"),
        ("2 ^ -1 * 3", "[[2 ^ -1] * 3]"),
        ("-a atan2 b", "[[-a] atan2 b]"),
        ("--1", "1"),
        ("-(1)", "[-(1)]"),
        ("a unless b and c", "[[a unless b] and c]"),
        ("a </ b >/ c", "[[a </ b] >/ c]"),
        ("foo offset 1m + 2m", "[foo offset 1m + 2m]"),
        ("foo offset -2^2", "[foo offset -2s ^ 2]"),
        ("foo offset -(1m + 1m) + 2", "[foo offset -(1m + 1m) + 2]"),
        ("-foo offset 1m", "[-foo offset 1m]"),
    ] {
        assert_eq!(shape(&parse(query)), want);
    }
}

#[test]
fn a_parenthesis_after_offset_takes_what_follows() {
    let Expr::Vector(vector) = parse("foo offset (1m) + 2m") else { panic!("one selector") };
    let DurationValue::Expr(offset) = vector.offset else { panic!("computed") };
    assert_eq!(offset.to_string(), "1m + 2m");
    assert_eq!(shape(&parse("foo offset (1m) == 2")), "[foo offset 1m == 2]");
}

#[test]
fn the_name_before_the_braces_is_the_last_matcher() {
    let Expr::Vector(vector) = parse("foo{a=\"b\", \"c d\"!~'e'}") else { panic!("one selector") };
    let matchers: Vec<String> = vector.matchers.iter().map(|m| m.to_string()).collect();
    assert_eq!(matchers, ["a=\"b\"", "\"c d\"!~\"e\"", "__name__=\"foo\""]);
    assert_eq!(vector.name, "foo");
}

#[test]
fn words_are_metrics_where_they_cannot_be_anything_else() {
    for word in ["sum", "and", "offset", "by", "start", "STEP", "min_of", "anchored", "fill", "limitk", "fill_left"] {
        let Expr::Vector(vector) = parse(word) else { panic!("{word}") };
        assert_eq!(vector.name, word);
    }
    assert!(matches!(parse("SUM(x)"), Expr::Aggregate(_)));
    assert!(matches!(parse("start() + end() + step() + range() + min_of(1, 2)"), Expr::Binary(_)));
    let Expr::Aggregate(sum) = parse("sum by (bool, on, Sum, start, a:b, \"c d\", atan2,) (x)") else {
        panic!("an aggregation")
    };
    assert_eq!(sum.grouping, ["bool", "on", "Sum", "start", "a:b", "c d", "atan2"]);
}

#[test]
fn times_are_whole_milliseconds() {
    let Expr::Subquery(subquery) = parse("x[1d2h:0.0015] @ 1.0005 offset -1m30s") else { panic!() };
    assert_eq!(subquery.range, DurationValue::Ms(26 * 3_600_000));
    assert_eq!(subquery.step, Some(DurationValue::Ms(1)));
    assert_eq!(subquery.at, Some(AtModifier::Ms(1001)));
    assert_eq!(subquery.offset, DurationValue::Ms(-90_000));
    let Expr::Number(number) = parse("-5m") else { panic!() };
    assert_eq!((number.value, number.is_duration), (-300.0, true));
}

#[test]
fn modifiers_of_a_range_stand_on_its_selector() {
    let Expr::Matrix(matrix) = parse("x[5m] offset 1m @ end() smoothed") else { panic!() };
    assert_eq!(matrix.selector.offset, DurationValue::Ms(60_000));
    assert_eq!(matrix.selector.at, Some(AtModifier::End));
    assert_eq!(matrix.selector.mode, RangeMode::Smoothed);
    assert_eq!(matrix.span, 0..32);
    assert_eq!(parse("x @ start()[5m]").to_string(), "x[5m] @ start()");
    assert_eq!(parse("x anchored[5m]").to_string(), parse("x[5m] anchored").to_string());
}

#[test]
fn vectors_match_and_scalars_do_not() {
    let matching = |query: &str| match parse(query) {
        Expr::Binary(binary) => binary.matching,
        _ => panic!("{query}"),
    };
    assert_eq!(matching("a + on() 1"), None);
    assert_eq!(matching("a or b").unwrap().cardinality, Cardinality::ManyToMany);
    let filled = matching("a * ignoring(x) group_right fill_right(-1) fill_left(5m) b").unwrap();
    assert_eq!(filled.cardinality, Cardinality::OneToMany);
    assert_eq!((filled.fill_left, filled.fill_right), (Some(300.0), Some(-1.0)));
    assert_eq!(matching("a * on(x) group_left fill").unwrap().include, [""; 0]);
}

#[test]
fn spans_are_the_bytes_of_the_query() {
    let query = "sum by (a) ( rate(x[5m]) ) / on (b) -y";
    let Expr::Binary(binary) = parse(query) else { panic!() };
    let text = |expr: &Expr| &query[expr.span().clone()];
    assert_eq!(text(&binary.lhs), "sum by (a) ( rate(x[5m]) )");
    assert_eq!(text(&binary.rhs), "-y");
    let Expr::Aggregate(sum) = *binary.lhs else { panic!() };
    assert_eq!(text(&sum.expr), "rate(x[5m])");
}

#[test]
fn comments_and_blanks_are_skipped() {
    assert_eq!(parse("sum( # what\n x{ # which\n a='b' } ) # end").to_string(), "sum(x{a=\"b\"})");
}
