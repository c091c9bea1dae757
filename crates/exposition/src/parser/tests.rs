use std::path::PathBuf;

use narthex_model::{Labels, LabelsBuilder};
use proptest::prelude::*;

use super::*;
use crate::SeriesHasher;

/// The slow model: the grammar's tokens only, no plain lines.
fn by_tokens(body: &[u8], format: Format) -> (Vec<Entry<'_>>, Option<ParseError>) {
    let mut parser = Parser::new(body, format);
    let mut entries = Vec::new();
    while !parser.finished {
        match parser.next_by_tokens() {
            Some(Ok(entry)) => entries.push(entry),
            Some(Err(err)) => return (entries, Some(err)),
            None => break,
        }
    }
    (entries, None)
}

fn by_next(body: &[u8], format: Format) -> (Vec<Entry<'_>>, Option<ParseError>) {
    let mut parser = Parser::new(body, format);
    let mut entries = Vec::new();
    while let Some(entry) = parser.next() {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(err) => {
                assert!(parser.next().is_none(), "nothing follows an error");
                return (entries, Some(err));
            }
        }
    }
    (entries, None)
}

/// The second scrape of `new` by a cache that holds the lines of `old`, in order.
/// Answers what it read, and how many lines it knew.
fn by_cache<'a>(old: &[u8], new: &'a [u8], format: Format) -> (Vec<Entry<'a>>, Option<ParseError>, usize) {
    let hasher = SeriesHasher::new([3, 4]);
    let lines: Vec<(usize, u64, bool)> = by_next(old, format)
        .0
        .into_iter()
        .map(|entry| match entry {
            Entry::Sample(sample) => (sample.series.len(), hasher.hash(sample.series), true),
            Entry::Help { line, .. }
            | Entry::Type { line, .. }
            | Entry::Unit { line, .. }
            | Entry::Comment { line } => (line.len(), hasher.hash(line), false),
        })
        .collect();
    let mut parser = Parser::new(new, format);
    let mut slow = Parser::new(new, format);
    let (mut entries, mut known) = (Vec::new(), 0);
    for i in 0.. {
        let rest = parser.rest();
        if let Some(&(len, hash, is_sample)) = lines.get(i)
            && rest.get(..len).is_some_and(|text| hasher.hash(text) == hash)
        {
            let mut took = false;
            if !is_sample {
                took = parser.known_line(len);
            } else if let Some(point) = parser.known_sample(len) {
                took = true;
                let sample = Sample { series: &rest[..len], point, last_type: parser.clone().current_type() };
                match slow.clone().next() {
                    Some(Ok(Entry::Sample(slow))) => assert_same(slow, sample, "a known sample"),
                    other => panic!("known sample {sample:?}, but {other:?}"),
                }
            }
            if took {
                known += 1;
                entries.extend(slow.next().map(|entry| entry.expect("a known line parses")));
                assert_eq!(parser.offset(), slow.offset());
                continue;
            }
        }
        let entry = parser.next();
        slow.next();
        match entry {
            None => return (entries, None, known),
            Some(Ok(entry)) => entries.push(entry),
            Some(Err(err)) => return (entries, Some(err), known),
        }
    }
    unreachable!()
}

/// Compares by print, where one NaN is like another.
#[track_caller]
fn assert_same(got: impl std::fmt::Debug, want: impl std::fmt::Debug, what: &str) {
    let (got, want) = (format!("{got:?}"), format!("{want:?}"));
    if got != want {
        let at = got.bytes().zip(want.bytes()).position(|(a, b)| a != b).unwrap_or(got.len().min(want.len()));
        let from = at.saturating_sub(200);
        let excerpt =
            |text: &str| String::from_utf8_lossy(&text.as_bytes()[from..text.len().min(at + 200)]).into_owned();
        panic!("{what}: got …{}\nwant …{}", excerpt(&got), excerpt(&want));
    }
}

fn unescape_case(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next().expect("an escape goes on") {
                'n' => b'\n',
                't' => b'\t',
                '\\' => b'\\',
                _ => {
                    let hex: String = chars.by_ref().take(2).collect();
                    u8::from_str_radix(&hex, 16).expect("two hex digits")
                }
            },
            c => u8::try_from(c).expect("ASCII"),
        });
    }
    out
}

#[test]
fn answers_what_prometheus_answers() {
    let mut failures = Vec::new();
    for line in include_str!("../../testdata/prometheus-3.5.tsv").lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        let format = if field() == "om" { Format::OpenMetrics100 } else { Format::Text004 };
        let body = unescape_case(field());
        let error = String::from_utf8_lossy(&unescape_case(field())).into_owned();
        let sets = field();
        let (entries, parse_error) = by_next(&body, format);
        let mut got_error = parse_error.map(|err| err.to_string()).unwrap_or_default();
        let mut got_sets = Vec::new();
        let mut builder = LabelsBuilder::default();
        for entry in entries {
            if let Entry::Sample(sample) = entry {
                match sample.labels(&mut builder) {
                    Ok(()) => got_sets.push(builder.labels().to_string()),
                    Err(err) if got_error.is_empty() => got_error = err.to_string(),
                    Err(_) => {}
                }
            }
        }
        got_sets.sort();
        let got_sets = got_sets.join(" ");
        let sets = String::from_utf8(unescape_case(sets)).expect("UTF-8");
        if got_error != error || (!sets.is_empty() && got_sets != sets) {
            failures.push(format!("{line}\n    got {got_error:?} {got_sets}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn an_unquoted_name_alone_in_braces_is_a_mistake() {
    for format in [Format::Text004, Format::OpenMetrics100] {
        for body in ["{a} 1\n# EOF\n", "{foo,a=\"b\"} 1\n# EOF\n", "a{b} 1\n# EOF\n"] {
            let err = by_next(body.as_bytes(), format).1.expect("does not parse").to_string();
            assert!(err.starts_with("expected equal, got "), "{body:?}: {err}");
        }
    }
}

fn only_sample(body: &[u8], format: Format) -> Sample<'_> {
    match by_next(body, format) {
        (entries, None) => match entries[..] {
            [Entry::Sample(sample)] => sample,
            ref other => panic!("{other:?}"),
        },
        (_, Some(err)) => panic!("{err}"),
    }
}

#[test]
fn values_and_timestamps() {
    let text = |body: &'static str| only_sample(body.as_bytes(), Format::Text004).point;
    assert_eq!(text("a{b=\"c\"} 1.5 1700000000123\n").value, 1.5);
    assert_eq!(text("a{b=\"c\"} 1.5 1700000000123\n").timestamp_ms, Some(1_700_000_000_123));
    assert_eq!(text("a NaN").value.to_bits(), narthex_model::value::NORMAL_NAN_BITS);
    assert_eq!(text("a -0").value.to_bits(), (-0.0f64).to_bits());
    assert_eq!(text("a\t+Inf\t7\t").timestamp_ms, Some(7));

    let om = |body: &'static str| only_sample(body.as_bytes(), Format::OpenMetrics100).point;
    assert_eq!(om("a 1 1234.5678\n# EOF\n").timestamp_ms, Some(1_234_567));
    assert_eq!(om("a 1 -2.5\n# EOF\n").timestamp_ms, Some(-2500));
    assert_eq!(om("a 1 1e30\n# EOF\n").timestamp_ms, Some(i64::MIN));
}

#[test]
fn exemplars() {
    let sample =
        only_sample(b"a_total{x=\"y\"} 1 2 # {id=\"a\\nb\",\"u v\"=\"w\"} 0.5 1.25\n# EOF\n", Format::OpenMetrics100);
    assert_eq!(sample.series, b"a_total{x=\"y\"}");
    let exemplar = sample.point.exemplar.expect("has one").to_exemplar();
    assert_eq!(exemplar.labels, Labels::from_pairs([("id", "a\\nb"), ("u v", "w")]));
    assert_eq!((exemplar.value, exemplar.timestamp_ms), (0.5, Some(1250)));
}

#[test]
fn metadata() {
    let body = b"# HELP a one\\ntwo \\\"\n# TYPE \"b c\" untyped\n\n# note\n";
    let (entries, err) = by_next(body, Format::Text004);
    assert_eq!(err, None);
    let parser = Parser::new(body, Format::Text004);
    let [
        Entry::Help { line, name, text },
        Entry::Type { name: type_name, metric_type, .. },
        Entry::Comment { line: note },
    ] = entries[..]
    else {
        panic!("{entries:?}")
    };
    assert_eq!((line, name), (&b"# HELP a one\\ntwo \\\""[..], &b"a"[..]));
    assert_eq!(parser.help_text(text), "one\ntwo \\\"");
    assert_eq!((type_name, metric_type), (&b"b c"[..], MetricType::Unknown));
    assert_eq!(note, b"# note");

    let body = b"# HELP a_s \\\"x\\\"\n# UNIT a_s s\n# EOF\n";
    let (entries, err) = by_next(body, Format::OpenMetrics001);
    assert_eq!(err, None);
    let [Entry::Help { text, .. }, Entry::Unit { line, unit, .. }] = entries[..] else { panic!("{entries:?}") };
    assert_eq!(Parser::new(body, Format::OpenMetrics001).help_text(text), "\"x\"");
    assert_eq!((line, unit), (&b"# UNIT a_s s"[..], &b"s"[..]));
}

#[test]
fn a_second_scrape_knows_its_lines() {
    let old = b"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nup 1\n\n# note\ngone 1\nlast 3\n";
    let new = b"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 5.5\nh_bucket{le=\"+Inf\"} NaN 17\nup 0\n\n# note\nnew{le=\"1\"} 1\nlast 3\n";
    let (entries, err, known) = by_cache(old, new, Format::Text004);
    assert_eq!((err, entries.len(), known), (None, 8, 7));
    let Entry::Sample(sample) = entries[6] else { panic!("{:?}", entries[6]) };
    assert_eq!(sample.last_type, MetricType::Histogram, "a TYPE line skipped as known counts");
}

#[test]
fn a_longer_name_is_another_series() {
    for new in ["foobar 1\n", "foo{a=\"b\"} 1\n", "foo {a=\"b\"} 1\n", "foo1 1\n"] {
        assert_eq!(Parser::new(new.as_bytes(), Format::Text004).known_sample(3), None, "{new}");
    }
    assert!(Parser::new(b"foo 1\n", Format::Text004).known_sample(3).is_some());
    assert_eq!(Parser::new(b"foo 1\n", Format::Text004).known_sample(usize::MAX), None);
}

/// Upstream's own bodies; `None` (said on stderr) when they are not at hand.
fn upstream_corpus() -> Option<PathBuf> {
    let root = std::env::var_os("NARTHEX_UPSTREAM")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream"), PathBuf::from);
    let found = [root.join("textparse"), root.join("model/textparse/testdata")].into_iter().find(|dir| dir.is_dir());
    if found.is_none() {
        #[expect(clippy::print_stderr, reason = "a test that skips says so")]
        {
            eprintln!("skipped: no upstream corpus (set NARTHEX_UPSTREAM)");
        }
    }
    found
}

#[test]
fn upstream_bodies_parse() {
    let Some(dir) = upstream_corpus() else { return };
    let mut count = 0;
    for file in std::fs::read_dir(dir).expect("readable").map(|entry| entry.expect("readable").path()) {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let format = match name.as_str() {
            name if name.ends_with(".om.txt") => Format::OpenMetrics100,
            name if name.ends_with(".prom.txt") => Format::Text004,
            _ => continue,
        };
        count += 1;
        let body = std::fs::read(&file).expect("readable");
        let (entries, err) = by_next(&body, format);
        // Upstream's files are pieces without the last line.
        assert!(matches!(err, None | Some(ParseError::NoEof)), "{name}: {err:?}");
        let samples = entries.iter().filter(|entry| matches!(entry, Entry::Sample(_))).count();
        let lines = body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#').count();
        assert_eq!(samples, lines, "{name}");
        assert_same(by_tokens(&body, format).0, &entries, &name);
        let (again, _, known) = by_cache(&body, &body, format);
        assert_same(again, &entries, &name);
        assert_eq!(known, entries.len(), "{name}: every line is known the second time");
        let mut builder = LabelsBuilder::default();
        for entry in entries {
            if let Entry::Sample(sample) = entry {
                sample.labels(&mut builder).expect("unique labels");
                assert!(!builder.value("__name__").is_empty());
            }
        }
    }
    assert!(count > 0);
}

/// Bodies near the grammar: pieces of lines in any order.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "a",
            "b_total",
            ":c",
            "{",
            "}",
            "a=\"b\"",
            "=",
            "\"",
            "\"x y\"",
            "\"x\\\"\"",
            "\\",
            "\\n",
            ",",
            " ",
            "  ",
            "\t",
            "\n",
            "\n",
            "\n",
            "1",
            "1.5e-7",
            "NaN",
            "+Inf",
            "12345678901",
            "-",
            "#",
            "# ",
            " # {",
            "# HELP a b\n",
            "# TYPE a histogram\n",
            "# TYPE a summary\n",
            "# UNIT a_s s\n",
            "# EOF\n",
            "# EOF",
            "\0",
            "a{le=\"1\"} 1\n",
            "a{b=\"c\",d=\"e\"} 2 3\n",
            "a 1\n",
            "b 2 # {x=\"y\"} 3\n",
            "\u{e4}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 1..3),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn plain_lines_agree_with_the_tokens(body in bodies(), openmetrics: bool) {
        let format = if openmetrics { Format::OpenMetrics100 } else { Format::Text004 };
        let (entries, err) = by_next(&body, format);
        assert_same((&entries, &err), by_tokens(&body, format), "plain against tokens");
        let mut builder = LabelsBuilder::default();
        for entry in entries {
            if let Entry::Sample(sample) = entry {
                let _ = sample.labels(&mut builder);
                sample.name();
                if let Some(exemplar) = sample.point.exemplar {
                    exemplar.to_exemplar();
                }
            }
        }
    }

    #[test]
    fn known_lines_agree_with_unknown_ones(old in bodies(), new in bodies(), openmetrics: bool) {
        let format = if openmetrics { Format::OpenMetrics100 } else { Format::Text004 };
        for old in [&old, &new] {
            let (entries, err, _) = by_cache(old, &new, format);
            let (slow, slow_err) = by_tokens(&new, format);
            assert_same((entries, err), (slow, slow_err), "known against unknown");
        }
    }

    #[test]
    fn any_bytes_are_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200), openmetrics: bool) {
        let format = if openmetrics { Format::OpenMetrics100 } else { Format::Text004 };
        assert_same(by_next(&body, format), by_tokens(&body, format), "plain against tokens");
    }
}
