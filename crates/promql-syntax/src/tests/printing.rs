//! One-line and pretty form.

use crate::{ParserOptions, parse_expr, pretty};

#[track_caller]
fn check(query: &str, want: &str) {
    let expr = parse_expr(query, &ParserOptions::ALL).unwrap_or_else(|errors| panic!("{query}: {errors}"));
    assert_eq!(expr.to_string(), want, "{query}");
    let again = parse_expr(want, &ParserOptions::ALL).unwrap_or_else(|errors| panic!("{want}: {errors}"));
    assert_eq!(again.to_string(), want);
}

#[test]
fn selectors() {
    check("x{}", "x");
    check("x{b='2',a!=\"1\"}", "x{a!=\"1\",b=\"2\"}");
    check("{__name__='x'}", "{__name__=\"x\"}");
    check("{'x', 'y.z', \"a-b\"=~'c'}", "{\"a-b\"=~\"c\",__name__=\"x\",__name__=\"y.z\"}");
    check("x offset 5m @ 1 smoothed", "x @ 1.000 smoothed offset 5m");
    check("x[5m] offset -1h30m @ start() anchored", "x[5m] anchored @ start() offset -1h30m");
    check("x[30m:1m] offset 5m @ -0.001", "x[30m:1m] @ -0.001 offset 5m");
    check("sum(x)[30m:]", "sum(x)[30m:]");
    check("x[300] offset 0", "x[5m]");
}

#[test]
fn literals() {
    check("1e3", "1000");
    check("0x1F + 1e-7 + Inf - -inf", "31 + 0.0000001 + +Inf - -Inf");
    check("NaN", "NaN");
    check("400d + 2w - -5m", "400d + 2w - -5m");
    check("\"a\\xc5z\"", "\"a\\xc5z\"");
    check("'a\"b\\n'", "\"a\\\"b\\n\"");
}

#[test]
fn operations() {
    check("a+b", "a + b");
    check("(a+b)*-c", "(a + b) * -c");
    check("a == bool on() b", "a == bool on () b");
    check("a + ignoring() b", "a + b");
    check("a * ignoring(x) group_left b", "a * ignoring (x) group_left () b");
    check("a * ignoring() group_right(y,\"z z\") b", "a * ignoring () group_right (y, \"z z\") b");
    check("a + fill(1e6) b", "a + fill (1e+06) b");
    check("a + fill_right(2) fill_left(2) b", "a + fill (2) b");
    check("a + on(x) fill_right(-2) fill_left(.5) b", "a + on (x) fill_left (0.5) fill_right (-2) b");
    check("a + fill_right(2) b", "a + fill_right (2) b");
}

#[test]
fn calls_and_aggregations() {
    check("SUM(x)", "sum(x)");
    check("sum(x) by (a, 'b-c')", "sum by (a, \"b-c\") (x)");
    check("sum by () (x)", "sum(x)");
    check("sum without () (x)", "sum without () (x)");
    check("topk(5,x)", "topk(5, x)");
    check("round(x,5)", "round(x, 5)");
    check("time()", "time()");
}

#[test]
fn duration_expressions() {
    check("x[5m+step()*2]", "x[5m + step() * 2]");
    check(
        "x[-(step()-range())^2:min_of(1m,max_of(5,step()))]",
        "x[-(step() - range()) ^ 2:min_of(1m, max_of(5, step()))]",
    );
    check("x offset -step()", "x offset -step()");
    check("x[(5m)]", "x[5m]");
    check("x offset -(5m+1)", "x offset -(5m + 1)");
}

#[test]
fn long_expressions_are_split() {
    let long = "a_metric_with_a_rather_long_name{with=\"a label\",and=\"one more label\"}";
    let query = format!("-topk by (x) (5, rate({long}[5m]) + on (y) {long}) / (foo[5m:1m] offset 1m)[1h:]");
    let errors = parse_expr(&query, &ParserOptions::ALL).unwrap_err();
    assert!(errors.to_string().contains("subquery is only allowed"), "{errors}");
    let query = format!("-topk by (x) (5, rate({long}[5m]) + on (y) {long}) / rate(foo[5m:1m])");
    let expr = parse_expr(&query, &ParserOptions::ALL).unwrap();
    let selector = "a_metric_with_a_rather_long_name{and=\"one more label\",with=\"a label\"}";
    let want = format!(
        "  -topk by (x) (
    5,
      rate({selector}[5m])
    + on (y)
      {selector}
  )
/
  rate(foo[5m:1m])"
    );
    assert_eq!(pretty(&expr), want);
    let again = parse_expr(&want, &ParserOptions::ALL).unwrap();
    assert_eq!(again.to_string(), expr.to_string());
    // A sub-query that fits is not indented.
    let query = format!("max_over_time(x[5m:1m]) + rate({long}[5m]) + max_over_time(x[5m:1m] offset 5m)");
    let expr = parse_expr(&query, &ParserOptions::ALL).unwrap();
    assert_eq!(pretty(&expr).lines().count(), 5, "{}", pretty(&expr));
}
