//! What holds for any text.

use proptest::prelude::*;

use crate::json::to_json;
use crate::series::{parse_metric, parse_series};
use crate::{ParserOptions, parse_expr, parse_metric_selector, pretty};

/// Texts that look like queries: pieces of them in any order.
fn almost_query() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "foo",
        "a:b",
        "sum",
        "by",
        "without",
        "on",
        "group_left",
        "ignoring",
        "bool",
        "offset",
        "anchored",
        "smoothed",
        "rate",
        "abs",
        "step",
        "range",
        "min_of",
        "start",
        "fill",
        "fill_left",
        "topk",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "@",
        "+",
        "-",
        "*",
        "/",
        "^",
        "%",
        "==",
        "</",
        ">",
        "=",
        "=~",
        "and",
        "or",
        "atan2",
        "5",
        "5m",
        "1e3",
        "0x1F",
        ".5",
        "1_0",
        "nan",
        "\"s\"",
        "'q\\n'",
        "`r`",
        "a=\"b\"",
        "[5m]",
        "[5m:1m]",
        "(foo)",
        "#c\n",
        "é",
        "\\",
        "\"",
    ]);
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.join(" "))
}

/// Queries that parse, as a rule. Infinity is left out: upstream prints it with a
/// sign, which binds less tightly than the power.
fn query() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "foo",
        "foo{a=\"b\",c!~'d'}",
        "{\"x\",\"y z\"=\"1\"}",
        "1",
        "5m",
        "-3",
        "NaN",
        "foo @ 5 offset 1m",
        "foo offset (1m) + 2m",
        "foo anchored",
        "time()",
        "sum",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let op = prop::sample::select(vec![
            "+",
            "-",
            "^",
            "*",
            "atan2",
            "or",
            "unless",
            "== bool",
            "> on (a)",
            "* on (a) group_left (b)",
            "+ fill (1)",
            "</",
        ]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
            inner.clone().prop_map(|e| format!("({e})")),
            inner.clone().prop_map(|e| format!("-{e}")),
            inner.clone().prop_map(|e| format!("sum by (a, \"b c\") ({e})")),
            inner.clone().prop_map(|e| format!("topk(2, {e})")),
            inner.clone().prop_map(|e| format!("rate(({e})[5m + step():] offset -range())")),
            inner.prop_map(|e| format!("abs({e})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = parse_expr(&text, &ParserOptions::ALL);
        let _ = parse_metric_selector(&text);
        let _ = parse_metric(&text);
        let _ = parse_series(&text);
    }

    #[test]
    fn no_points_panic(text in "[x_+0-9.{}: a-ez\\[\\]-]{0,24}") {
        let _ = parse_series(&format!("x {text}"));
    }

    #[test]
    fn what_is_printed_is_read_again(text in prop_oneof![almost_query(), query()]) {
        match parse_expr(&text, &ParserOptions::ALL) {
            Err(errors) => prop_assert!(errors.to_string().contains("parse error: ")),
            Ok(expr) => {
                let _ = to_json(&expr);
                let printed = expr.to_string();
                let again = parse_expr(&printed, &ParserOptions::ALL);
                let again = again.map_err(|e| TestCaseError::fail(format!("{text} ⇒ {printed}: {e}")))?;
                prop_assert_eq!(again.to_string(), printed.clone());
                let pretty = pretty(&expr);
                let again = parse_expr(&pretty, &ParserOptions::ALL);
                let again = again.map_err(|e| TestCaseError::fail(format!("{text} ⇒ {pretty}: {e}")))?;
                prop_assert_eq!(again.to_string(), printed);
            }
        }
    }
}
