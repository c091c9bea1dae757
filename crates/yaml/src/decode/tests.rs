use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{Value, to_string};

/// A structure with one field of each kind.
#[derive(Debug, Default, PartialEq)]
struct Thing {
    name: String,
    count: u64,
    on: Option<bool>,
    ratio: f64,
    list: Vec<String>,
    map: BTreeMap<String, String>,
    inner: Vec<Option<Thing>>,
}

impl Decode for Thing {
    fn type_name() -> String {
        "test.Thing".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        let good = decoder.structure(node, "test.Thing", &mut |decoder, Field { name, value, .. }| {
            match name {
                "name" => decoder.decode(value, &mut self.name)?,
                "count" => decoder.decode(value, &mut self.count)?,
                "on" => decoder.decode(value, &mut self.on)?,
                "ratio" => decoder.decode(value, &mut self.ratio)?,
                "list" => decoder.decode(value, &mut self.list)?,
                "map" => decoder.decode(value, &mut self.map)?,
                "inner" => decoder.decode(value, &mut self.inner)?,
                _ => return Ok(false),
            };
            Ok(true)
        })?;
        if good && !decoder.failed_since(mark) && self.name == "forbidden" {
            return Err(Abort("name is forbidden".into()));
        }
        Ok(good)
    }
}

fn thing(text: &str) -> Result<Thing, Error> {
    let mut thing = Thing::default();
    decode(text, &mut thing).map(|()| thing)
}

#[track_caller]
fn check_error(text: &str, want: &str) {
    assert_eq!(thing(text).expect_err("is refused").to_string(), want);
}

#[test]
fn scalars_follow_yaml_1_1() {
    let got = thing("name: yes\ncount: 0x10\non: off\nratio: 3\nlist: [1, ~, 'no']\n").unwrap();
    assert_eq!(got.name, "yes");
    assert_eq!(got.count, 16);
    assert_eq!(got.on, Some(false));
    assert_eq!(got.ratio, 3.0);
    assert_eq!(got.list, ["1", "", "no"]);
    assert_eq!(thing("count: 1.5").unwrap().count, 1);
    assert_eq!(thing("count: 1e3").unwrap().count, 1000);
    assert_eq!(thing("count: 010").unwrap().count, 8);
}

#[test]
fn binary_is_a_text_in_base_64() {
    assert_eq!(thing("name: !!binary aMOpbGxv").unwrap().name, "héllo");
    assert_eq!(thing("name: !!binary YQ==").unwrap().name, "a");
    check_error("name: !!binary /w==", "\"\\xff\" is not valid UTF-8");
    check_error("name: !!binary x", "yaml: !!binary value contains invalid base64 data");
}

#[test]
fn null_writes_the_zero_value() {
    let mut got = Thing { name: "default".into(), count: 7, on: Some(true), ..Thing::default() };
    decode("name:\ncount: ~\non: null\n", &mut got).unwrap();
    assert_eq!(got, Thing::default());
}

#[test]
fn an_empty_document_changes_nothing_and_only_the_first_counts() {
    for text in ["", "# nothing\n", "---\n"] {
        assert_eq!(thing(text).unwrap(), Thing::default());
    }
    assert_eq!(thing("name: a\n---\nname: b\nbogus: [\n").unwrap().name, "a");
}

#[test]
fn all_misfits_are_told_with_their_lines() {
    check_error(
        "name: a\nbogus: 1\ncount: abc\nname: b\non: abcdefghijklm\nlist: x\nmap: [a]\ninner:\n- 5\n- {x: 1}\nratio: {}\n",
        "yaml: unmarshal errors:\n  \
         line 2: field bogus not found in type test.Thing\n  \
         line 3: cannot unmarshal !!str `abc` into uint\n  \
         line 4: field name already set in type test.Thing\n  \
         line 5: cannot unmarshal !!str `abcdefg...` into bool\n  \
         line 6: cannot unmarshal !!str `x` into []string\n  \
         line 7: cannot unmarshal !!seq into map[string]string\n  \
         line 9: cannot unmarshal !!int `5` into test.Thing\n  \
         line 10: field x not found in type test.Thing\n  \
         line 11: cannot unmarshal !!map into float64",
    );
    check_error("count: -1", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `-1` into uint");
    check_error("map:\n  a: 1\n  a: 2\n", "yaml: unmarshal errors:\n  line 3: key \"a\" already set in map");
    check_error("a", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `a` into test.Thing");
}

#[test]
fn a_failed_check_hides_collected_misfits() {
    check_error("bogus: 1\ninner:\n- name: forbidden\n", "name is forbidden");
}

#[test]
fn anchors_aliases_and_merges() {
    let got = thing("inner:\n- &base {name: a, count: 3}\n- <<: *base\n  count: 4\n- *base\n").unwrap();
    let inner: Vec<_> = got.inner.iter().flatten().map(|t| (t.name.as_str(), t.count)).collect();
    assert_eq!(inner, [("a", 3), ("a", 4), ("a", 3)]);
    check_error("<<: 5", "yaml: map merge requires map or sequence of maps as the value");
}

#[test]
fn texts_that_are_no_yaml_name_the_line() {
    check_error("a: b: c\n", "yaml: line 1: mapping values are not allowed in this context");
    check_error("name: a\nlist: @x\n", "yaml: line 2: found character that cannot start any token");
    check_error("name:\n\tx: 1\n", "yaml: line 2: found character that cannot start any token");
    check_error("a: \"x\n", "yaml: line 1: found unexpected end of stream");
    check_error("a:\n    b: 1\n  c: 2\n", "yaml: line 3: did not find expected key");
    check_error("a: 1\nb\nc: 2", "yaml: line 3: could not find expected ':'");
    check_error("a: *x", "yaml: line 1: found unknown anchor");
    check_error("&a [*a]", "yaml: line 1: anchor value contains itself");
}

#[test]
fn hostile_documents_are_refused_quickly() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let alias = format!("*a{}", i - 1);
        laughs += &format!("a{i}: &a{i} [{}]\n", vec![alias; 10].join(", "));
    }
    #[derive(Default)]
    struct Tree(Vec<Tree>);
    impl Decode for Tree {
        fn type_name() -> String {
            "tree".into()
        }
        fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
            if let Some(entries) = node.entries() {
                for (_, value) in entries {
                    let mut tree = Tree::default();
                    decoder.decode(value, &mut tree)?;
                    self.0.push(tree);
                }
            } else if node.elements().is_some() {
                decoder.decode(node, &mut self.0)?;
            }
            Ok(true)
        }
    }
    let error = decode(&laughs, &mut Tree::default()).expect_err("is refused");
    assert_eq!(error.to_string(), "yaml: document contains excessive aliasing");

    let deep = "[".repeat(100_000);
    let error = thing(&deep).unwrap_err().to_string();
    assert!(error.contains("recursion limit exceeded"), "{error}");
    let deep = "- ".repeat(100_000);
    let error = thing(&deep).unwrap_err().to_string();
    assert!(error.contains("exceeded max depth of 1000"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC*") {
        let _ = thing(&text);
    }

    #[test]
    fn any_yaml_like_text_is_answered(text in "([a-c]: ?|- |\\[|\\]|\\{|\\}|, |\n|  |&a |\\*a|<<: |'|\"|\\||>|!!str |\\? |#|~|1|x|---\n|\t)*") {
        let _ = thing(&text);
    }

    #[test]
    fn what_is_printed_is_read_back(texts in prop::collection::vec("[ -~\n\t:#é😀\u{85}\u{2028}]{0,100}", 0..5), key in "\\PC{0,30}") {
        let printed = to_string(&Value::Mapping(vec![
            ("list".into(), texts.clone().into()),
            ("map".into(), Value::Mapping(vec![(key.clone(), texts.concat().into())])),
        ]));
        let got = thing(&printed).map_err(|e| TestCaseError::fail(format!("{e}\n{printed}")))?;
        prop_assert_eq!(got.list, texts.clone(), "{}", printed);
        prop_assert_eq!(got.map.get(&key), Some(&texts.concat()), "{}", printed);
    }
}

#[test]
fn a_failed_check_says_where_it_stands() {
    #[derive(Debug, Default)]
    struct Even(u64);
    impl Decode for Even {
        fn type_name() -> String {
            "even".into()
        }

        fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
            let good = decoder.decode(node, &mut self.0)?;
            if self.0 % 2 == 1 { Err(Abort("odd".into())) } else { Ok(good) }
        }
    }
    #[derive(Debug, Default)]
    struct Outer {
        numbers: Vec<Even>,
        inner: Option<Box<Outer>>,
    }
    impl Decode for Outer {
        fn type_name() -> String {
            "outer".into()
        }

        fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
            let Outer { numbers, inner } = self;
            decoder.structure(node, "outer", &mut |decoder, field| match field.name {
                "numbers" => decoder.decode(field.value, numbers),
                "inner" => decoder.decode(field.value, &mut **inner.insert(Box::default())),
                _ => Ok(false),
            })
        }
    }
    let error = decode("inner:\n  numbers:\n  - 2\n  - 3\n", &mut Outer::default()).unwrap_err();
    let place = Some(crate::Place { line: 4, key: "inner.numbers[1]".into() });
    assert_eq!(error, crate::Error::Invalid { message: "odd".into(), place });
}
