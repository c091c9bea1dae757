//! The syntax tree as JSON: the answer of `/api/v1/parse_query`.

use narthex_model::Matcher;
use narthex_model::float::format_f;
use serde_json::{Map, Value, json};

use crate::ast::*;
use crate::functions::Variadic;

/// The tree in the form upstream's web interface reads. Durations are in
/// milliseconds, numbers are texts, keys are in alphabetical order.
pub fn to_json(expr: &Expr) -> Value {
    match expr {
        Expr::Aggregate(e) => json!({
            "expr": to_json(&e.expr),
            "grouping": e.grouping,
            "op": e.op.as_str(),
            "param": e.param.as_deref().map(to_json),
            "type": "aggregation",
            "without": e.without,
        }),
        Expr::Binary(e) => json!({
            "bool": e.return_bool,
            "lhs": to_json(&e.lhs),
            "matching": e.matching.as_ref().map(matching),
            "op": e.op.as_str(),
            "rhs": to_json(&e.rhs),
            "type": "binaryExpr",
        }),
        Expr::Call(e) => json!({
            "args": e.args.iter().map(to_json).collect::<Vec<_>>(),
            "func": {
                "argTypes": e.function.args.iter().map(|t| t.as_str()).collect::<Vec<_>>(),
                "name": e.function.name,
                "returnType": e.function.returns.as_str(),
                "variadic": variadic(e.function.variadic),
            },
            "type": "call",
        }),
        Expr::Number(e) => json!({ "type": "numberLiteral", "val": format_f(e.value) }),
        Expr::Paren(e) => json!({ "expr": to_json(&e.expr), "type": "parenExpr" }),
        Expr::Matrix(e) => {
            let mut object = selector(&e.selector);
            let (range, range_expr) = duration(&e.range);
            object.insert("range".into(), range);
            object.insert("rangeExpr".into(), range_expr);
            object.insert("type".into(), "matrixSelector".into());
            object.sort_keys();
            Value::Object(object)
        }
        Expr::String(e) => json!({ "type": "stringLiteral", "val": e.value }),
        Expr::Subquery(e) => {
            let (offset, offset_expr) = duration(&e.offset);
            let (range, range_expr) = duration(&e.range);
            let (step, step_expr) = e.step.as_ref().map_or((0.into(), Value::Null), duration);
            let (start_or_end, timestamp) = at(e.at);
            json!({
                "expr": to_json(&e.expr),
                "offset": offset,
                "offsetExpr": offset_expr,
                "range": range,
                "rangeExpr": range_expr,
                "startOrEnd": start_or_end,
                "step": step,
                "stepExpr": step_expr,
                "timestamp": timestamp,
                "type": "subquery",
            })
        }
        Expr::Unary(e) => json!({ "expr": to_json(&e.expr), "op": e.sign(), "type": "unaryExpr" }),
        Expr::Vector(e) => {
            let mut object = selector(e);
            object.insert("type".into(), "vectorSelector".into());
            object.sort_keys();
            Value::Object(object)
        }
    }
}

fn selector(selector: &VectorSelector) -> Map<String, Value> {
    let (offset, offset_expr) = duration(&selector.offset);
    let (start_or_end, timestamp) = at(selector.at);
    let mut object = Map::new();
    for (key, value) in [
        ("anchored", (selector.mode == RangeMode::Anchored).into()),
        ("matchers", selector.matchers.iter().map(matcher).collect::<Vec<_>>().into()),
        ("name", selector.name.as_str().into()),
        ("offset", offset),
        ("offsetExpr", offset_expr),
        ("smoothed", (selector.mode == RangeMode::Smoothed).into()),
        ("startOrEnd", start_or_end),
        ("timestamp", timestamp),
    ] {
        object.insert(key.to_owned(), value);
    }
    object
}

fn matcher(matcher: &Matcher) -> Value {
    json!({ "name": matcher.name(), "type": matcher.op().as_str(), "value": matcher.value() })
}

fn matching(matching: &Matching) -> Value {
    let fill = |value: Option<f64>| value.map(format_f);
    json!({
        "card": matching.cardinality.as_str(),
        "fillValues": { "lhs": fill(matching.fill_left), "rhs": fill(matching.fill_right) },
        "include": matching.include,
        "labels": matching.labels,
        "on": matching.on,
    })
}

/// How many arguments more than listed: upstream's numbers.
fn variadic(variadic: Variadic) -> i64 {
    match variadic {
        Variadic::No => 0,
        Variadic::UpTo(more) => i64::try_from(more).unwrap_or(i64::MAX),
        Variadic::Any => -1,
    }
}

/// `startOrEnd` and `timestamp`.
fn at(at: Option<AtModifier>) -> (Value, Value) {
    match at {
        None => (Value::Null, Value::Null),
        Some(AtModifier::Start) => ("start".into(), Value::Null),
        Some(AtModifier::End) => ("end".into(), Value::Null),
        Some(AtModifier::Ms(ms)) => (Value::Null, ms.into()),
    }
}

/// The milliseconds of a duration (0 if computed), and the expression that computes it.
fn duration(value: &DurationValue) -> (Value, Value) {
    match value {
        DurationValue::Ms(ms) => ((*ms).into(), Value::Null),
        DurationValue::Expr(expr) => (0.into(), duration_expr(expr)),
    }
}

fn duration_expr(expr: &DurationExpr) -> Value {
    let node = |op: &str, lhs: Value, rhs: Value| json!({ "lhs": lhs, "op": op, "rhs": rhs, "type": "durationExpr", "wrapped": expr.wrapped });
    match &expr.kind {
        DurationExprKind::Number { seconds, is_duration } => {
            json!({ "duration": is_duration, "type": "numberLiteral", "val": format_f(*seconds) })
        }
        DurationExprKind::Step => node("step", Value::Null, Value::Null),
        DurationExprKind::Range => node("range", Value::Null, Value::Null),
        DurationExprKind::Unary { negative, operand } => {
            node(if *negative { "-" } else { "+" }, Value::Null, duration_expr(operand))
        }
        DurationExprKind::Binary { op, lhs, rhs } => node(op.as_str(), duration_expr(lhs), duration_expr(rhs)),
    }
}

#[cfg(test)]
mod tests {
    use crate::{ParserOptions, parse_expr};

    #[track_caller]
    fn check(query: &str, want: &str) {
        let expr = parse_expr(query, &ParserOptions::ALL).unwrap();
        assert_eq!(super::to_json(&expr).to_string(), want, "{query}");
    }

    /// `up` with the given members before and after its matchers.
    fn up(range: &str, start_or_end: &str, timestamp: &str, kind: &str) -> String {
        format!(
            "{{\"anchored\":false,\"matchers\":[{{\"name\":\"__name__\",\"type\":\"=\",\"value\":\"up\"}}],\
             \"name\":\"up\",\"offset\":0,\"offsetExpr\":null,{range}\"smoothed\":false,\
             \"startOrEnd\":{start_or_end},\"timestamp\":{timestamp},\"type\":\"{kind}\"}}"
        )
    }

    #[test]
    fn selectors() {
        check("up", &up("", "null", "null", "vectorSelector"));
        check("up @ 100", &up("", "null", "100000", "vectorSelector"));
        check("up @ start()", &up("", "\"start\"", "null", "vectorSelector"));
        check("up[5m]", &up("\"range\":300000,\"rangeExpr\":null,", "null", "null", "matrixSelector"));
        let step = "{\"lhs\":null,\"op\":\"step\",\"rhs\":null,\"type\":\"durationExpr\",\"wrapped\":false}";
        let sum = format!(
            "{{\"lhs\":{{\"duration\":true,\"type\":\"numberLiteral\",\"val\":\"300\"}},\"op\":\"+\",\
             \"rhs\":{step},\"type\":\"durationExpr\",\"wrapped\":false}}"
        );
        let range = format!("\"range\":0,\"rangeExpr\":{sum},");
        check("up[5m+step()]", &up(&range, "null", "null", "matrixSelector"));
    }

    #[test]
    fn operations() {
        let five = "{\"type\":\"numberLiteral\",\"val\":\"300\"}";
        check("5m", five);
        check(
            "-(5m)",
            &format!("{{\"expr\":{{\"expr\":{five},\"type\":\"parenExpr\"}},\"op\":\"-\",\"type\":\"unaryExpr\"}}"),
        );
        check("'s'", "{\"type\":\"stringLiteral\",\"val\":\"s\"}");
        let up = up("", "null", "null", "vectorSelector");
        check(
            "up * on (b) group_left (c) up",
            &format!(
                "{{\"bool\":false,\"lhs\":{up},\"matching\":{{\"card\":\"many-to-one\",\
                 \"fillValues\":{{\"lhs\":null,\"rhs\":null}},\"include\":[\"c\"],\"labels\":[\"b\"],\"on\":true}},\
                 \"op\":\"*\",\"rhs\":{up},\"type\":\"binaryExpr\"}}"
            ),
        );
        check(
            "sum by (a) (up)",
            &format!(
                "{{\"expr\":{up},\"grouping\":[\"a\"],\"op\":\"sum\",\"param\":null,\"type\":\"aggregation\",\
                 \"without\":false}}"
            ),
        );
        check(
            "round(up)",
            &format!(
                "{{\"args\":[{up}],\"func\":{{\"argTypes\":[\"vector\",\"scalar\"],\"name\":\"round\",\
                 \"returnType\":\"vector\",\"variadic\":1}},\"type\":\"call\"}}"
            ),
        );
        check(
            "(up)[10m:1m] offset 5m",
            &format!(
                "{{\"expr\":{{\"expr\":{up},\"type\":\"parenExpr\"}},\"offset\":300000,\"offsetExpr\":null,\
                 \"range\":600000,\"rangeExpr\":null,\"startOrEnd\":null,\"step\":60000,\"stepExpr\":null,\
                 \"timestamp\":null,\"type\":\"subquery\"}}"
            ),
        );
    }
}
