//! The same query with its times pinned, to be evaluated at other times.

use narthex_promql_syntax::ast::{AtModifier, Expr};

/// Functions whose value depends on when they are evaluated.
const TIME_DEPENDENT: [&str; 15] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];

/// Sets `@ time_ms` on each selector and sub-query that has no fixed time; the
/// content of sub-queries stays as it is. `false` when the query then still
/// depends on the evaluation time.
pub(super) fn pin(expr: &mut Expr, time_ms: i64) -> bool {
    let mut pinned = true;
    let set = |at: &mut Option<AtModifier>| {
        // For an instant query, start and end are its time.
        if !matches!(at, Some(AtModifier::Ms(_))) {
            *at = Some(AtModifier::Ms(time_ms));
        }
    };
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(vector) => set(&mut vector.at),
        Expr::Matrix(matrix) => set(&mut matrix.selector.at),
        Expr::Subquery(subquery) => set(&mut subquery.at),
        Expr::Paren(paren) => pinned = pin(&mut paren.expr, time_ms),
        Expr::Unary(unary) => pinned = pin(&mut unary.expr, time_ms),
        Expr::Binary(binary) => {
            let left = pin(&mut binary.lhs, time_ms);
            pinned = pin(&mut binary.rhs, time_ms) && left;
        }
        Expr::Aggregate(aggregate) => {
            pinned = pin(&mut aggregate.expr, time_ms);
            if let Some(param) = &mut aggregate.param {
                pinned &= pin(param, time_ms);
            }
        }
        Expr::Call(call) => {
            pinned = !TIME_DEPENDENT.contains(&call.function.name);
            for arg in &mut call.args {
                pinned &= pin(arg, time_ms);
            }
        }
    }
    pinned
}

/// The other times at which a pinned query is evaluated.
pub(super) fn other_times(time_ms: i64) -> Vec<i64> {
    if time_ms == 0 {
        return vec![-1000, 0, 1000];
    }
    vec![time_ms.saturating_mul(-10), 0, time_ms / 5, time_ms, time_ms.saturating_mul(10)]
}

#[cfg(test)]
mod tests {
    use narthex_promql_syntax::{ParserOptions, parse_expr};

    use super::*;

    #[test]
    fn selectors_and_subqueries_are_pinned() {
        for (query, want) in [
            ("x + on() y offset 1m", Some("x @ 60.000 + on () y @ 60.000 offset 1m")),
            ("rate(x[5m] @ 5)", Some("rate(x[5m] @ 5.000)")),
            ("max_over_time(rate(x[5m])[30m:] @ start())", Some("max_over_time(rate(x[5m])[30m:] @ 60.000)")),
            ("sum_over_time(vector(time())[30m:1m])", Some("sum_over_time(vector(time())[30m:1m] @ 60.000)")),
            ("topk(scalar(k), x)", Some("topk(scalar(k @ 60.000), x @ 60.000)")),
            ("timestamp(x)", None),
            ("hour()", None),
        ] {
            let mut expr = parse_expr(query, &ParserOptions::ALL).unwrap();
            let pinned = pin(&mut expr, 60_000).then(|| expr.to_string());
            assert_eq!(pinned.as_deref(), want, "{query}");
        }
    }
}
