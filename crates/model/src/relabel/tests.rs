use super::*;
use crate::{Labels, labels};

fn regex(pattern: &str) -> Option<Anchored> {
    Some(Anchored::wrapped(pattern).unwrap())
}

fn fields(action: Action) -> Fields {
    Fields { action: Some(action), ..Fields::default() }
}

fn sources(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

fn rule(fields: Fields) -> Config {
    Config::new(fields, ValidationScheme::Utf8).unwrap()
}

/// Applies the rules to `before`; `None` says that it is dropped.
#[track_caller]
fn check(before: Labels, rules: &[Fields], after: Option<Labels>) {
    let rules: Vec<Config> = rules.iter().cloned().map(rule).collect();
    let mut builder = before.to_builder();
    let kept = process(&mut builder, &rules);
    assert_eq!(kept.then(|| builder.labels()), after);
}

#[test]
fn replace_sets_what_the_template_says() {
    let replace = |source: &[&str], pattern: &str, target: &str, replacement: &str| Fields {
        source_labels: sources(source),
        regex: regex(pattern),
        target_label: target.into(),
        replacement: replacement.into(),
        ..Fields::default()
    };
    let before = || labels! { "a" => "foo", "b" => "bar", "c" => "baz" };
    check(before(), &[replace(&["a"], "f(.*)", "d", "ch${1}-ch${1}")], {
        Some(labels! { "a" => "foo", "b" => "bar", "c" => "baz", "d" => "choo-choo" })
    });
    check(before(), &[replace(&["a", "b"], "f(.*);(.*)r", "a", "b${1}${2}m")], {
        Some(labels! { "a" => "boobam", "b" => "bar", "c" => "baz" })
    });
    // No match, nothing done.
    check(before(), &[replace(&["a"], "x(.*)", "d", "$1")], Some(before()));
    // An empty result removes the label.
    check(before(), &[replace(&["a"], "f.*", "b", "$1")], Some(labels! { "a" => "foo", "c" => "baz" }));
    // The target is a template too, and skipped when its result is no name.
    check(before(), &[replace(&["a"], "(f)(.*)", "${1}x", "$2")], {
        Some(labels! { "a" => "foo", "b" => "bar", "c" => "baz", "fx" => "oo" })
    });
    check(before(), &[replace(&["a"], "f(x?).*", "$1", "v")], Some(before()));
    // Missing labels are empty, and join all the same.
    check(labels! { "a" => "1" }, &[replace(&["x", "a", "y"], ";1;", "a", "2")], Some(labels! { "a" => "2" }));
    // Without sources and pattern the replacement is set as it is.
    check(labels! {}, &[Fields { target_label: "a".into(), replacement: "v".into(), ..Fields::default() }], {
        Some(labels! { "a" => "v" })
    });
}

#[test]
fn keep_and_drop_look_at_the_joined_sources() {
    let with =
        |action, pattern: &str| Fields { source_labels: sources(&["a"]), regex: regex(pattern), ..fields(action) };
    let set = || labels! { "a" => "foo" };
    check(set(), &[with(Action::Keep, "fo+")], Some(set()));
    check(set(), &[with(Action::Keep, "fo")], None);
    check(set(), &[with(Action::Drop, "fo")], Some(set()));
    check(set(), &[with(Action::Drop, ".*o.*")], None);
    check(set(), &[with(Action::Keep, "no"), with(Action::Keep, "foo")], None);
}

#[test]
fn keepequal_and_dropequal_compare_with_the_target() {
    let with = |action| Fields { source_labels: sources(&["a"]), target_label: "b".into(), ..fields(action) };
    let (same, other) = (labels! { "a" => "x", "b" => "x" }, labels! { "a" => "x", "b" => "y" });
    check(same.clone(), &[with(Action::KeepEqual)], Some(same.clone()));
    check(other.clone(), &[with(Action::KeepEqual)], None);
    check(same, &[with(Action::DropEqual)], None);
    check(other.clone(), &[with(Action::DropEqual)], Some(other));
}

#[test]
fn hashmod_is_upstreams() {
    let hash =
        Fields { source_labels: sources(&["c"]), target_label: "d".into(), modulus: 1000, ..fields(Action::HashMod) };
    // The pair of upstream's own test.
    check(labels! { "c" => "baz" }, std::slice::from_ref(&hash), Some(labels! { "c" => "baz", "d" => "976" }));
    let lines = Fields { source_labels: sources(&["a"]), ..hash };
    check(labels! { "a" => "foo\nbar" }, &[lines], Some(labels! { "a" => "foo\nbar", "d" => "734" }));
}

#[test]
fn labels_are_mapped_dropped_and_kept_by_name() {
    let map =
        |pattern: &str, to: &str| Fields { regex: regex(pattern), replacement: to.into(), ..fields(Action::LabelMap) };
    check(labels! { "meta_a" => "1", "meta_b" => "2", "c" => "3" }, &[map("meta_(.+)", "$1")], {
        Some(labels! { "meta_a" => "1", "meta_b" => "2", "a" => "1", "b" => "2", "c" => "3" })
    });
    // All names are those of before the rule.
    check(labels! { "a" => "1", "b" => "2" }, &[map("(a|b)", "b")], Some(labels! { "a" => "1", "b" => "2" }));
    let by_name = |action, pattern: &str| Fields { regex: regex(pattern), ..fields(action) };
    check(labels! { "a" => "1", "ab" => "2" }, &[by_name(Action::LabelDrop, "a")], Some(labels! { "ab" => "2" }));
    check(labels! { "a" => "1", "ab" => "2" }, &[by_name(Action::LabelKeep, "a")], Some(labels! { "a" => "1" }));
}

#[test]
fn case_is_mapped() {
    let to =
        |action, target: &str| Fields { source_labels: sources(&["a"]), target_label: target.into(), ..fields(action) };
    check(labels! { "a" => "bAr123Foo" }, &[to(Action::Lowercase, "l"), to(Action::Uppercase, "u")], {
        Some(labels! { "a" => "bAr123Foo", "l" => "bar123foo", "u" => "BAR123FOO" })
    });
    check(labels! { "l" => "x" }, &[to(Action::Lowercase, "l")], Some(labels! {}));
}

#[test]
fn wrong_rules_are_refused_in_upstreams_words() {
    let refused = |fields: Fields, scheme| Config::new(fields, scheme).unwrap_err().to_string();
    let utf8 = |fields: Fields| refused(fields, ValidationScheme::Utf8);
    let legacy = |fields: Fields| refused(fields, ValidationScheme::Legacy);
    let targeted = |action, target: &str| Fields { target_label: target.into(), ..fields(action) };

    assert_eq!(utf8(Fields { action: None, ..Fields::default() }), "relabel action cannot be empty");
    assert_eq!(Action::from_name("x").unwrap_err().to_string(), "unknown relabel action \"x\"");
    assert_eq!(Action::from_name("KeepEqual"), Ok(Action::KeepEqual));
    assert_eq!(utf8(targeted(Action::HashMod, "a")), "relabel configuration for hashmod requires non-zero modulus");
    assert_eq!(
        utf8(Fields { modulus: 8, ..fields(Action::HashMod) }),
        "relabel configuration for hashmod action requires 'target_label' value"
    );
    assert_eq!(utf8(fields(Action::Replace)), "relabel configuration for replace action requires 'target_label' value");
    assert_eq!(legacy(targeted(Action::Replace, "a-b")), "\"a-b\" is invalid 'target_label' for replace action");
    assert_eq!(legacy(targeted(Action::Replace, "${1")), "\"${1\" is invalid 'target_label' for replace action");
    assert_eq!(legacy(targeted(Action::Lowercase, "${3}")), "\"${3}\" is invalid 'target_label' for lowercase action");
    assert_eq!(
        utf8(Fields { replacement: "x".into(), ..targeted(Action::Uppercase, "a") }),
        "'replacement' can not be set for uppercase action"
    );
    assert_eq!(
        legacy(Fields { replacement: "a b".into(), ..fields(Action::LabelMap) }),
        "\"a b\" is invalid 'replacement' for labelmap action"
    );
    assert_eq!(
        utf8(Fields { regex: regex("(.*)"), ..targeted(Action::KeepEqual, "a") }),
        "keepequal action requires only 'source_labels' and `target_label`, and no other fields"
    );
    assert_eq!(utf8(targeted(Action::LabelDrop, "a")), "labeldrop action requires only 'regex', and no other fields");
    assert_eq!(Anchored::wrapped("(").unwrap_err().to_string(), "error parsing regexp: missing closing ): `^(?s:()$`");
}

#[test]
fn legacy_templates_are_made_of_names_and_references() {
    for good in ["a", "a1", "$1", "${1}_a", "a_${name}1", "$a$b", "_$1"] {
        assert!(is_name_template(good, ValidationScheme::Legacy), "{good}");
    }
    for bad in ["", "1", "1$1", "$", "${}", "${1", "a-$1", "$-", "${a b}", "$1}"] {
        assert!(!is_name_template(bad, ValidationScheme::Legacy), "{bad}");
    }
}
