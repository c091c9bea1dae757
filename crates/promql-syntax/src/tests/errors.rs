//! Every error text upstream has, with its position.

use crate::{ParserOptions, parse_expr, parse_metric_selector};

#[track_caller]
fn check(query: &str, want: &str) {
    let got = match parse_expr(query, &ParserOptions::ALL) {
        Ok(expr) => format!("parsed: {expr}"),
        Err(errors) => errors.to_string().replace(" parse error:", ""),
    };
    assert_eq!(got, want, "{query}");
}

#[track_caller]
fn check_all(cases: &[(&str, &str)]) {
    for (query, want) in cases {
        check(query, want);
    }
}

#[test]
fn nothing_to_read() {
    check_all(&[
        ("", "unknown position: no expression found in input"),
        (" \n", "1:1: no expression found in input"),
        ("# hello", "1:1: no expression found in input"),
    ]);
}

#[test]
fn tokens_are_named() {
    check_all(&[
        ("foo bar", "1:5: unexpected identifier \"bar\""),
        ("foo a:b", "1:5: unexpected metric identifier \"a:b\""),
        ("foo 5", "1:5: unexpected number \"5\""),
        ("foo inf", "1:5: unexpected number \"inf\""),
        ("foo 1m", "1:5: unexpected duration \"1m\""),
        ("foo \"s\"", "1:5: unexpected string \"\\\"s\\\"\""),
        ("foo \"1234567890123\"", "1:5: unexpected string \"\\\"123456789\"..."),
        ("foo (", "1:6: unclosed left parenthesis"),
        ("a:b (1)", "1:5: unexpected \"(\""),
        ("* foo", "1:1: unexpected <op:*>"),
        ("foo + AND(1)", "1:10: unexpected \"(\""),
        ("foo + GROUP_LEFT", "1:7: unexpected <GROUP_LEFT>"),
        ("foo sum", "1:5: unexpected <aggr:sum>"),
        ("foo by (a)", "1:5: unexpected <by>"),
        ("foo start", "1:5: unexpected \"start\""),
        ("foo = bar", "1:5: unexpected \"=\""),
        ("1+", "1:3: unexpected end of input"),
        ("sum foo", "1:5: unexpected identifier \"foo\""),
        ("bool", "1:1: unexpected <bool>"),
        ("inf{a=\"b\"}", "1:4: unexpected \"{\""),
        ("1 2 # x\n3", "1:3: unexpected number \"2\""),
        ("1 +\n  ]", "2:3: unexpected right bracket ']'"),
        ("fill(1)", "1:1: unexpected <fill>"),
    ]);
}

#[test]
fn label_matching() {
    check_all(&[
        ("foo{,}", "1:5: unexpected \",\" in label matching, expected identifier or \"}\""),
        ("foo{a=\"b\",,}", "1:11: unexpected \",\" in label matching, expected identifier or \"}\""),
        ("foo{a}", "1:6: unexpected \"}\" in label matching, expected label matching operator"),
        ("sum(foo{a})", "1:10: unexpected \"}\" in label matching, expected label matching operator"),
        ("foo{a=b}", "1:7: unexpected identifier \"b\" in label matching, expected string"),
        ("foo{a=\"b\" c=\"d\"}", "1:11: unexpected identifier \"c\" in label matching, expected \",\" or \"}\""),
        ("{\"a\"\"b\"}", "1:5: unexpected string \"\\\"b\\\"\" in label matching, expected \",\" or \"}\""),
    ]);
}

#[test]
fn label_lists() {
    check_all(&[
        ("sum by x (foo)", "1:8: unexpected identifier \"x\" in grouping opts, expected \"(\""),
        ("sum(foo) by foo", "1:13: unexpected identifier \"foo\" in grouping opts, expected \"(\""),
        ("a + on b", "1:8: unexpected identifier \"b\" in grouping opts, expected \"(\""),
        ("a and on", "1:9: unexpected end of input in grouping opts, expected \"(\""),
        ("a * on(b) group_left bool c", "1:22: unexpected <bool> in grouping opts, expected \"(\""),
        ("sum(a * on(b) group_left ,)", "1:26: unexpected \",\" in grouping opts, expected \"(\""),
        ("sum by (,) (x)", "1:9: unexpected \",\" in grouping opts, expected label"),
        ("sum by (inf) (x)", "1:9: unexpected number \"inf\" in grouping opts, expected label"),
        ("sum by (without) (x)", "1:9: unexpected <without> in grouping opts, expected label"),
        ("sum by (a b) (x)", "1:11: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""),
        ("sum by (\"\") (x)", "1:9: invalid label name for grouping: \"\""),
    ]);
}

#[test]
fn offset_and_at() {
    const OFFSET: &str = "in offset, expected number, duration, step(), or range()";
    check_all(&[
        ("foo offset", &format!("1:11: unexpected end of input {OFFSET}")),
        ("foo offset bar", &format!("1:12: unexpected identifier \"bar\" {OFFSET}")),
        ("sum(foo offset bar)", &format!("1:16: unexpected identifier \"bar\" {OFFSET}")),
        ("foo offset (1m) * bar", &format!("1:19: unexpected identifier \"bar\" {OFFSET}")),
        ("foo offset (1m 2m)", &format!("1:16: unexpected duration \"2m\" {OFFSET}")),
        ("foo @ bar", "1:7: unexpected identifier \"bar\" in @, expected timestamp"),
        ("foo @ (1)", "1:7: unexpected \"(\" in @, expected timestamp"),
        ("foo @ start", "1:12: unexpected end of input in @, expected timestamp"),
        ("foo @ start(1)", "1:13: unexpected number \"1\" in @, expected timestamp"),
        (
            "a + 1 offset 5m",
            "1:5: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
        ),
        (
            "sum(x) @ 5",
            "1:1: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
        ),
        ("foo offset 5m offset 5m", "1:1: offset may not be set multiple times"),
        ("foo @ 1 @ 1", "1:1: @ <timestamp> may not be set multiple times"),
        ("foo @ Inf", "1:1: timestamp out of bounds for @ modifier: +Inf"),
        ("foo @ -NaN", "1:1: timestamp out of bounds for @ modifier: NaN"),
        ("foo @ 1e19", "1:1: timestamp out of bounds for @ modifier: 10000000000000000000.000000"),
        ("foo offset 1e20", "1:12: duration out of range"),
    ]);
}

#[test]
fn ranges_and_subqueries() {
    const RANGE: &str = "in subquery or range selector, expected number, duration, step(), or range()";
    const STEP: &str = "in subquery selector, expected number, duration, step(), range(), or \"]\"";
    check_all(&[
        ("foo[]", &format!("1:5: unexpected \"]\" {RANGE}")),
        ("foo[+]", &format!("1:6: unexpected \"]\" {RANGE}")),
        ("foo[5m +]", &format!("1:9: unexpected \"]\" {RANGE}")),
        ("foo[(5m 5m)]", &format!("1:9: unexpected duration \"5m\" {RANGE}")),
        ("foo[step(1)]", &format!("1:10: unexpected number \"1\" {RANGE}")),
        ("foo[5m 2m]", "1:8: unexpected duration \"2m\" in subquery or range, expected \":\" or \"]\""),
        ("foo[5m:+]", &format!("1:9: unexpected \"]\" {STEP}")),
        ("foo[5m:1m +]", &format!("1:12: unexpected \"]\" {STEP}")),
        ("foo[5m:1m 2m]", "1:11: unexpected duration \"2m\" in subquery selector, expected \"]\""),
        ("(foo)[5m]", "1:6: ranges only allowed for vector selectors"),
        ("foo[5m][5m]", "1:8: ranges only allowed for vector selectors"),
        ("foo offset 5m[5m]", "1:14: no offset modifiers allowed before range"),
        ("foo @ 5 [5m]", "1:9: no @ modifiers allowed before range"),
        ("foo[0]", "1:5: duration must be greater than 0"),
        ("foo[-5m]", "1:5: duration must be greater than 0"),
        ("foo[5m:0s]", "1:8: duration must be greater than 0"),
        ("foo[1e20]", "1:5: duration out of range"),
        ("foo[5m / 0]", "1:8: division by zero"),
        ("foo[5m % (0)]", "1:8: modulo by zero"),
        ("foo[5m:1m] anchored", "1:1: anchored modifier is not supported for subqueries"),
        ("abs(x) smoothed", "1:1: smoothed modifier not implemented"),
        ("x anchored smoothed", "1:1: anchored and smoothed modifiers cannot be used together"),
    ]);
}

#[test]
fn aggregations_and_calls() {
    check_all(&[
        ("sum(foo bar)", "1:9: unexpected identifier \"bar\" in aggregation"),
        ("sum(abs(foo bar))", "1:13: unexpected identifier \"bar\" in aggregation"),
        ("sum by (a) foo", "1:12: unexpected identifier \"foo\" in aggregation"),
        ("sum by (a) (foo) bar", "1:18: unexpected identifier \"bar\""),
        ("topk(,a)", "1:6: unexpected \",\" in aggregation"),
        ("sum() $", "1:7: unexpected character: '$'"),
        ("sum()", "1:1: no arguments for aggregate expression provided"),
        ("a + topk(b)", "1:5: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("sum(a,b)", "1:1: wrong number of arguments for aggregate expression provided, expected 1, got 2"),
        ("1 + f(x)", "1:5: unknown function with name \"f\""),
        ("Rate(x)", "1:1: unknown function with name \"Rate\""),
        ("STEP()", "1:1: unknown function with name \"STEP\""),
        ("abs(f,)", "1:6: trailing commas not allowed in function call args"),
        ("abs(f,,g)", "1:6: trailing commas not allowed in function call args"),
        ("sum(a,)", "1:6: trailing commas not allowed in function call args"),
        ("abs(,f)", "1:5: unexpected \",\""),
    ]);
}

#[test]
fn lexer() {
    check_all(&[
        ("(foo", "1:5: unclosed left parenthesis"),
        ("(foo[5m", "1:8: unclosed left parenthesis"),
        ("foo[5m", "1:7: unclosed left bracket"),
        ("foo)", "1:5: unexpected right parenthesis ')'"),
        ("foo]", "1:4: unexpected right bracket ']'"),
        ("foo[5m[", "1:7: unexpected left bracket '['"),
        ("foo{a=\"b\"", "1:10: unexpected end of input inside braces"),
        ("foo[", "1:5: unexpected end of input in duration expression"),
        ("foo{1}", "1:5: unexpected character inside braces: '1'"),
        ("foo{a:b=\"c\"}", "1:6: unexpected character inside braces: ':'"),
        ("foo{a!b}", "1:6: unexpected character after '!' inside braces: 'b'"),
        ("foo{{", "1:5: unexpected left brace '{'"),
        ("$", "1:1: unexpected character: '$'"),
        ("foo}", "1:4: unexpected character: '}'"),
        ("a =~ b", "1:3: unexpected character after '=': '~'"),
        ("!a", "1:1: unexpected character after '!': 'a'"),
        ("foo[\"5m\"]", "1:5: unexpected character in duration expression: '\"'"),
        ("foo[bar]", "1:5: unexpected character in duration expression: 'b'"),
        ("foo[5m x]", "1:8: unexpected character: 'x', expected ':'"),
        ("foo[:1m]", "1:6: unexpected colon before duration in duration expression"),
        ("foo[5m:1m:]", "1:10: unexpected colon ':'"),
        ("a < /1", "1:5: unexpected <op:/>"),
        ("1e", "1:1: bad number or duration syntax: \"1e\""),
        ("5mm", "1:1: bad number or duration syntax: \"5mm\""),
        ("1m1", "1:1: bad number or duration syntax: \"1m1\""),
        ("1.2.3", "1:1: bad number or duration syntax: \"1.2.\""),
        ("1__0", "1:1: bad number or duration syntax: \"1__\""),
        ("0b1", "1:1: bad number or duration syntax: \"0\""),
        ("\"a", "1:1: unterminated quoted string"),
        ("'a\nb'", "1:1: unterminated quoted string"),
        ("`a", "1:1: unterminated raw string"),
        ("\"\\q\"", "1:1: unknown escape sequence U+0071 'q'"),
        ("\"\\x1", "1:1: escape sequence not terminated"),
        ("\"\\x1.\"", "1:1: illegal character U+002E '.' in escape sequence"),
        ("\"\\400\"", "1:1: escape sequence is an invalid Unicode code point"),
        ("\"\\ud800\"", "1:1: escape sequence is an invalid Unicode code point"),
        ("\"\u{fffd}\"", "1:1: invalid UTF-8 rune"),
    ]);
}

#[test]
fn values() {
    check_all(&[
        ("0x", "1:1: error parsing number: strconv.ParseFloat: parsing \"0x\": invalid syntax"),
        (".5.5", "1:1: error parsing number: strconv.ParseFloat: parsing \".5.5\": invalid syntax"),
        ("1e400", "1:1: error parsing number: strconv.ParseFloat: parsing \"1e400\": value out of range"),
        ("1h5h", "1:1: not a valid duration string: \"1h5h\""),
        ("5y1hs", "1:1: unknown unit \"hs\" in duration \"5y1hs\""),
        ("0.1s", "1:1: unknown unit \".\" in duration \"0.1s\""),
        ("99999999999y", "1:1: duration out of range"),
        ("foo{a=~\"(\"}", "1:5: error parsing regexp: missing closing ): `(`"),
    ]);
}

#[test]
fn types() {
    check_all(&[
        ("rate()", "1:1: expected 1 argument(s) in call to \"rate\", got 0"),
        ("pi(1)", "1:1: expected 0 argument(s) in call to \"pi\", got 1"),
        ("1 + label_join(x, \"a\")", "1:5: expected at least 3 argument(s) in call to \"label_join\", got 2"),
        ("round(x, 1, 2)", "1:1: expected at most 2 argument(s) in call to \"round\", got 3"),
        ("rate(x)", "1:6: expected type range vector in call to function \"rate\", got instant vector"),
        ("info(x, y)", "1:9: expected label selectors only, got vector selector instead"),
        ("info(x, abs(y))", "1:9: expected label selectors only"),
        ("sum(1)", "1:5: expected type instant vector in aggregation expression, got scalar"),
        ("topk(1, 2)", "1:9: expected type instant vector in aggregation expression, got scalar"),
        ("topk(\"a\", x)", "1:6: expected type scalar in aggregation parameter, got string"),
        ("count_values(1, x)", "1:14: expected type string in aggregation parameter, got scalar"),
        ("a + bool b", "1:3: bool modifier can only be used on comparison operators"),
        ("a </ bool b", "1:3: bool modifier can only be used on comparison operators"),
        ("1 == 1", "1:3: comparisons between scalars must use BOOL modifier"),
        ("a\n== on(x) group_left(x) b", "2:1: label \"x\" must not occur in ON and GROUP clause at once"),
        ("1 + \"a\"", "1:5: binary expression must contain only scalar and instant vector types"),
        ("x[5m] + 1", "1:1: binary expression must contain only scalar and instant vector types"),
        ("1 + on(a) x", "1:1: vector matching only allowed between instant vectors"),
        ("2 + x + fill(1) 1", "1:1: filling in missing series only allowed between instant vectors"),
        ("a and on(b) group_left c", "1:1: no grouping allowed for \"and\" operation"),
        ("a or fill(1) b", "1:1: filling in missing series not allowed for set operators"),
        ("1 and x", "1:1: set operator \"and\" not allowed in binary scalar expression"),
        (
            "1 + -x[5m]",
            "1:5: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\"",
        ),
        ("x[5m][5m:1m]", "1:1: subquery is only allowed on instant vector, got matrix instead"),
        ("1[5m:1m]", "1:1: subquery is only allowed on instant vector, got scalar instead"),
        ("{}", "1:1: vector selector must contain at least one non-empty matcher"),
        ("{x=~\".*\"}", "1:1: vector selector must contain at least one non-empty matcher"),
        ("foo{__name__=\"bar\"}", "1:1: metric name must not be set twice: \"foo\" or \"bar\""),
        ("foo{\"bar\"}", "1:1: metric name must not be set twice: \"foo\" or \"bar\""),
    ]);
}

#[test]
fn every_type_error_is_reported() {
    let errors = parse_expr("rate(x) + {} + (1 == 1)", &ParserOptions::ALL).unwrap_err();
    let texts: Vec<String> = errors.errors().iter().map(|e| e.to_string()).collect();
    assert_eq!(texts.len(), 3, "{texts:#?}");
    assert_eq!(texts[2], "1:19: parse error: comparisons between scalars must use BOOL modifier");
}

#[test]
fn features_must_be_enabled() {
    let off = ParserOptions::default();
    for (query, want) in [
        (
            "1 + limitk(1, x)",
            "1:5: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
        ),
        ("1 + info(x)", "1:5: parse error: function \"info\" is not enabled"),
        ("1 + step()", "1:5: parse error: function \"step\" is not enabled"),
        ("1 + x anchored", "1:5: parse error: anchored modifier is experimental and not enabled"),
        ("1 + rate(x[5m] smoothed)", "1:10: parse error: smoothed modifier is experimental and not enabled"),
        ("a + fill(1) b", "1:5: parse error: binop fill modifiers are experimental and not enabled"),
    ] {
        assert_eq!(parse_expr(query, &off).unwrap_err().to_string(), want);
        assert!(parse_expr(query, &ParserOptions::ALL).is_ok(), "{query}");
    }
}

#[test]
fn bare_selectors() {
    for (selector, want) in [
        ("foo[5m]", "1:4: parse error: unexpected \"[\""),
        ("sum(foo)", "1:4: parse error: unexpected \"(\""),
        ("", "unknown position: parse error: unexpected end of input"),
        ("5", "1:1: parse error: unexpected number \"5\""),
        ("{a}", "1:3: parse error: unexpected \"}\" in label matching, expected label matching operator"),
    ] {
        assert_eq!(parse_metric_selector(selector).unwrap_err().to_string(), want);
    }
    let matchers = parse_metric_selector("up{a=~\"b\",}").unwrap();
    let texts: Vec<String> = matchers.iter().map(|m| m.to_string()).collect();
    assert_eq!(texts, ["a=~\"b\"", "__name__=\"up\""]);
    assert!(parse_metric_selector("{}").is_ok_and(|matchers| matchers.is_empty()));
}

#[test]
fn nesting_is_bounded() {
    for part in ["(", "-", "abs(", "sum(", "2^", "x[(", "x offset -(", "x[5m^", "x[-"] {
        let errors = parse_expr(&part.repeat(100_000), &ParserOptions::ALL).unwrap_err();
        assert!(!errors.errors().is_empty());
    }
    let deep = |n: usize| format!("{}x{}", "(".repeat(n), ")".repeat(n));
    assert!(parse_expr(&deep(120), &ParserOptions::ALL).is_ok());
    let text = parse_expr(&deep(100_000), &ParserOptions::ALL).unwrap_err().to_string();
    assert_eq!(text, "1:129: parse error: expression is nested too deeply");
    assert!(parse_expr(&vec!["x"; 500].join(" or "), &ParserOptions::ALL).is_ok());
    assert!(parse_expr(&vec!["x"; 5000].join(" or "), &ParserOptions::ALL).is_err());
    assert!(parse_expr(&format!("x{}", "[5m:1m]".repeat(5000)), &ParserOptions::ALL).is_err());
    assert!(parse_expr(&format!("x[{}1]", "1+".repeat(5000)), &ParserOptions::ALL).is_err());
}
