//! Against Go: `testdata/go.jsonl` holds what Go 1.26 says to each pattern. Its
//! rows are
//!
//! - `["refused", pattern, error]`: for a matcher,
//! - `["refused wrapped", pattern, error]`: for relabelling,
//! - `["only", pattern, texts]`, `["all but", pattern, texts]`: which of
//!   `testdata/texts.json` match,
//! - `["nested", before, n, middle, after, m, error]`: `before` n times, then
//!   `middle`, then `after` m times; error `""` when it is accepted,
//! - `["expand", pattern, text, template, result]`; result `null` without a match.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn rows(kind: &str) -> Vec<Vec<Value>> {
    let table = include_str!("../../testdata/go.jsonl");
    let rows = table.lines().map(|line| serde_json::from_str::<Vec<Value>>(line).unwrap());
    let rows: Vec<_> = rows.filter(|row| row[0] == kind).collect();
    assert!(!rows.is_empty(), "no rows of {kind}");
    rows
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn automaton_of(pattern: &str) -> meta::Regex {
    let Parsed { hir, height, .. } = parse(pattern, false).unwrap();
    automaton(hir, height, WhichCaptures::Implicit).ok().expect("small")
}

/// Fails with all rows on which we differ.
#[track_caller]
fn none_differ(differences: Vec<String>) {
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    let mut differences = Vec::new();
    for row in rows("refused").into_iter().chain(rows("refused wrapped")) {
        let compile = if row[0] == "refused" { Anchored::new } else { Anchored::wrapped };
        let ours = compile(text(&row[1])).map_or_else(|e| e.to_string(), |_| "accepted".into());
        if ours != text(&row[2]) {
            differences.push(format!("{}: Go {} ours {ours}", row[1], row[2]));
        }
    }
    none_differ(differences);
}

#[test]
fn what_go_matches_is_matched() {
    let texts: Vec<String> = serde_json::from_str(include_str!("../../testdata/texts.json")).unwrap();
    let mut differences = Vec::new();
    for row in rows("only").into_iter().chain(rows("all but")) {
        let pattern = text(&row[1]);
        let listed: Vec<&str> = row[2].as_array().unwrap().iter().map(text).collect();
        let (matcher, relabel) = match (Anchored::new(pattern), Anchored::wrapped(pattern)) {
            (Ok(matcher), Ok(relabel)) => (matcher, relabel),
            (Err(e), _) | (_, Err(e)) => {
                differences.push(format!("{pattern:?}: {e}"));
                continue;
            }
        };
        let by_automaton = automaton_of(pattern);
        for candidate in &texts {
            let go = listed.contains(&candidate.as_str()) == (row[0] == "only");
            let by_groups = relabel.captures(candidate).is_some();
            let ours = [
                ("matcher", matcher.is_match(candidate)),
                ("relabel", relabel.is_match(candidate)),
                ("groups", by_groups),
                ("automaton", by_automaton.is_match(Input::new(candidate).anchored(Side::Yes))),
                ("prefix", go && candidate.starts_with(matcher.prefix())),
            ];
            let wrong = ours.iter().filter(|(_, ours)| *ours != go).map(|(by, _)| *by);
            differences.extend(wrong.map(|by| format!("{pattern:?} {candidate:?}: Go {go}, by {by} {}", !go)));
        }
    }
    none_differ(differences);
}

#[test]
fn nesting_and_size_end_where_gos_do() {
    let mut differences = Vec::new();
    for row in rows("nested") {
        let times = |at: usize| text(&row[at]).repeat(row[at + 1].as_u64().unwrap() as usize);
        let pattern = format!("{}{}{}", times(1), text(&row[3]), times(4));
        let ours = parser::parse(&pattern, true).map_or_else(|e| e.kind.to_string(), |_| String::new());
        if ours != text(&row[6]) {
            differences.push(format!("{} × {}: Go {} ours {ours:?}", row[1], row[2], row[6]));
        }
    }
    none_differ(differences);
}

#[test]
fn templates_expand_as_gos() {
    let mut differences = Vec::new();
    for row in rows("expand") {
        let ours = Anchored::wrapped(text(&row[1])).unwrap().expand(text(&row[2]), text(&row[3]));
        if ours.as_deref() != row[4].as_str() {
            differences.push(format!("{} {} {}: Go {} ours {ours:?}", row[1], row[2], row[3], row[4]));
        }
    }
    none_differ(differences);
}

#[test]
fn few_strings_are_listed() {
    let literals = |pattern: &str| Anchored::new(pattern).unwrap().literals().map(<[String]>::to_vec);
    assert_eq!(literals("b|a|b").unwrap(), ["a", "b"]);
    assert_eq!(literals("^fo[ob](ar)?$").unwrap(), ["fob", "fobar", "foo", "fooar"]);
    assert_eq!(literals("").unwrap(), [""]);
    assert_eq!(literals(r"[^\x00-\x{10FFFF}]"), Some(vec![]));
    assert_eq!(literals("[a-z]{3}"), None);
    assert_eq!(literals("a.*"), None);
    let many: Vec<String> = (1000..3000).map(|n| n.to_string()).collect();
    assert_eq!(literals(&many.join("|")), Some(many));
}

#[test]
fn a_certain_beginning_is_known() {
    let prefix = |pattern: &str| Anchored::new(pattern).unwrap().prefix().to_owned();
    assert_eq!(prefix("foo.*"), "foo");
    assert_eq!(prefix("foo[0-9]+"), "foo");
    assert_eq!(prefix("(foobar|fooé.*).*x"), "foo");
    assert_eq!(prefix("(?:ab)+c"), "ab");
    assert_eq!(prefix("foo|fob"), "fo");
    assert_eq!(prefix("a?b"), "");
    assert_eq!(prefix(".*"), "");
}

#[test]
fn everything_is_recognised() {
    for pattern in [".*", "(.*)", "^.*$", "(?s).*", "(?:.*).*"] {
        assert!(Anchored::new(pattern).unwrap().is_everything(), "{pattern}");
    }
    for pattern in ["", ".+", "a.*", "(?-s).*", ".*a"] {
        assert!(!Anchored::new(pattern).unwrap().is_everything(), "{pattern}");
    }
}

#[test]
fn a_pattern_too_large_to_compile_is_refused() {
    let pattern = r"\pL{1000}".repeat(20);
    assert_eq!(Anchored::new(&pattern).unwrap_err().kind, ErrorKind::Large);
    // Deep ones compile on an ordinary stack.
    assert!(Anchored::new(&format!("{}[ab]+{}", "(".repeat(990), ")".repeat(990))).unwrap().is_match("ab"));
    assert!(Anchored::new(&format!("{}[ab]{}", "(?:x?".repeat(490), ")*".repeat(490))).unwrap().is_match("ab"));
}

proptest! {
    #[test]
    fn no_pattern_panics(pattern in r"([a-c(){}\[\]|*+?.^$\\0-9,:\-iPpQE<>=!xn]|\PC){0,24}", text in "[a-c\n]{0,6}") {
        for compile in [Anchored::new, Anchored::wrapped] {
            if let Ok(anchored) = compile(&pattern) {
                anchored.is_match(&text);
                anchored.expand(&text, &pattern);
            }
        }
    }

    #[test]
    fn the_shape_agrees_with_the_automaton(
        pattern in r"(a|b|ab|\.\*|\.\+|\(a\|b\)|a\?|\|){0,6}".prop_map(|p| p.replace('\\', "")),
        text in "[ab]{0,6}",
    ) {
        if let Ok(anchored) = Anchored::new(&pattern) {
            prop_assert_eq!(anchored.is_match(&text), automaton_of(&pattern).is_match(Input::new(&text).anchored(Side::Yes)));
        }
    }
}
