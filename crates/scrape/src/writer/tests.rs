//! Scrapes written into a store in memory.

use narthex_config::ScrapeProtocol;
use narthex_discovery::TargetGroup;
use narthex_env::{Clock, ManualClock};
use narthex_model::relabel::{self, Action};
use narthex_model::{ValidationScheme, labels};
use proptest::prelude::*;

use super::*;
use crate::metadata::Family;
use crate::target::from_group;
use crate::testing::{Memory, context, is_report};

const TEXT: &str = "text/plain; version=0.0.4";

/// A target whose series get `instance="i"` and nothing else.
fn target(config: &Arc<ScrapeConfig>) -> Arc<Target> {
    let targets = vec![labels! { "__address__" => "i" }];
    let group = TargetGroup { source: "0".into(), targets, labels: Labels::empty() };
    from_group(&Arc::new(group), config).active.remove(0)
}

struct Harness {
    memory: Memory,
    clock: Arc<ManualClock>,
    writer: TargetWriter,
    scratch: Scratch,
}

impl Harness {
    fn new(set: impl FnOnce(&mut ScrapeConfig)) -> Harness {
        // Without a name, the job gives no label.
        let mut config = ScrapeConfig::default();
        set(&mut config);
        let memory = Memory::default();
        let clock = Arc::new(ManualClock::new(1_000_000));
        let shared: Arc<dyn Clock> = clock.clone();
        let config = Arc::new(config);
        let target = target(&config);
        let writer = TargetWriter::new(context(&memory, shared), config, target);
        Harness { memory, clock, writer, scratch: Scratch::default() }
    }

    /// Scrapes a body one second after the last one; the error's text, or `""`.
    fn scrape(&mut self, body: &str) -> String {
        self.scrape_typed(body, TEXT)
    }

    fn scrape_typed(&mut self, body: &str, content_type: &str) -> String {
        self.write(Fetched::Body { body: body.as_bytes(), content_type })
    }

    fn fail(&mut self) -> String {
        self.write(Fetched::Failed { error: ScrapeError::Status("500 Oops".into()), body_size: 0 })
    }

    fn write(&mut self, fetched: Fetched<'_>) -> String {
        self.clock.advance(Duration::from_secs(1));
        let times = Times { at_ms: self.clock.now_ms(), started: self.clock.monotonic() };
        self.writer.write(fetched, times, &mut self.scratch).map(|e| e.to_string()).unwrap_or_default()
    }

    /// The samples of the last scrape without its report, without the time when it
    /// is that of the scrape, without the target's label.
    fn samples(&self) -> Vec<String> {
        let own = format!("@{}", self.clock.now_ms());
        let short = |s: String| {
            s.replace("{instance=\"i\"}", "")
                .replace(",instance=\"i\"", "")
                .replace("instance=\"i\",", "")
                .replace(&own, "")
        };
        self.memory.last_commit().into_iter().filter(|s| !is_report(s)).map(short).collect()
    }

    /// Values of `up` and the three counts.
    fn report(&self) -> [String; 4] {
        let last = self.memory.last_commit();
        ["up", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added"].map(|name| {
            let line = last.iter().find(|s| s.starts_with(&format!("{name}{{"))).expect("is reported");
            line.split(' ').nth(1).unwrap().split('@').next().unwrap().to_owned()
        })
    }

    fn told(&self) -> Vec<String> {
        let print = |f: &Arc<Family>| format!("{} {} {}", f.name, f.metadata.metric_type, f.metadata.help);
        self.writer.target.families().iter().map(print).collect()
    }
}

/// Scrapes the bodies one after the other; what the last commit holds.
#[track_caller]
fn check(set: impl FnOnce(&mut ScrapeConfig), bodies: &[&str], want: &[&str]) -> Harness {
    let mut harness = Harness::new(set);
    for body in bodies {
        assert_eq!(harness.scrape(body), "");
    }
    assert_eq!(harness.samples(), want);
    harness
}

#[test]
fn a_scrape_is_one_commit_with_its_report() {
    let harness = check(|_| (), &["a 1\nb{c=\"d\"} 2\n"], &["a 1", "b{c=\"d\"} 2"]);
    assert_eq!(harness.memory.commit_count(), 1);
    assert_eq!(harness.report(), ["1", "2", "2", "2"]);
    let names: Vec<_> = harness.memory.last_commit().iter().map(|s| s.split('{').next().unwrap().to_owned()).collect();
    assert_eq!(
        names[2..],
        [
            "up",
            "scrape_duration_seconds",
            "scrape_samples_scraped",
            "scrape_samples_post_metric_relabeling",
            "scrape_series_added"
        ]
    );
}

#[test]
fn extra_metrics_come_on_demand() {
    let harness = check(
        |c| {
            c.extra_scrape_metrics = true;
            c.sample_limit = 9;
        },
        &["a 1\n"],
        &["a 1"],
    );
    let last = harness.memory.last_commit();
    let at = harness.clock.now_ms();
    assert_eq!(
        last[6..],
        [
            format!("scrape_timeout_seconds{{instance=\"i\"}} 10@{at}"),
            format!("scrape_sample_limit{{instance=\"i\"}} 9@{at}"),
            format!("scrape_body_size_bytes{{instance=\"i\"}} 4@{at}"),
        ]
    );
}

#[test]
fn known_lines_are_found_again() {
    let body = "# HELP a x\n# TYPE a counter\na 1\na{b=\"1\"} 2\n# a comment\na{b=\"2\"} 3\n";
    let harness = check(|_| (), &[body, body, body], &["a 1", "a{b=\"1\"} 2", "a{b=\"2\"} 3"]);
    assert_eq!(harness.report(), ["1", "3", "3", "0"]);
    assert_eq!(harness.writer.cache.len(), 6);
}

#[test]
fn what_is_missing_gets_one_marker() {
    check(|_| (), &["a 1\nb 1\nc 1\n", "a 2\nc 2\n"], &["a 2", "c 2", "b stale"]);
    let harness = check(|_| (), &["a 1\nb 1\nc 1\n", "a 2\nc 2\n", "a 3\nc 3\n"], &["a 3", "c 3"]);
    assert_eq!(harness.memory.released(), ["b{instance=\"i\"}"]);
    check(|_| (), &["a 1\nb 1\n", "a 2\n", "b 3\na 3\n"], &["b 3", "a 3"]);
    check(|_| (), &["a 1\nb 1\n", ""], &["a stale", "b stale"]);
}

#[test]
fn a_failed_scrape_marks_everything_once() {
    let mut harness = check(|_| (), &["a 1\nb 1\n"], &["a 1", "b 1"]);
    assert_eq!(harness.fail(), "server returned HTTP status 500 Oops");
    assert_eq!(harness.samples(), ["a stale", "b stale"]);
    assert_eq!(harness.report(), ["0", "0", "0", "0"]);
    harness.fail();
    assert_eq!(harness.samples(), Vec::<String>::new());
    // Known all the time: nothing is added.
    harness.scrape("a 2\nb 2\n");
    assert_eq!(
        (harness.samples(), harness.report()),
        (vec!["a 2".into(), "b 2".into()], ["1", "2", "2", "0"].map(String::from))
    );
}

#[test]
fn a_syntax_error_stores_nothing_and_spares_what_came_before_it() {
    let mut harness = check(|_| (), &["a 1\nb 1\nc 1\n"], &["a 1", "b 1", "c 1"]);
    let error = harness.scrape("a 2\nnew 1\nb{ 2\nc 2\n");
    assert!(error.contains("while parsing"), "{error}");
    // Upstream gives no marker to series seen before the error, although their samples are lost.
    assert_eq!(harness.samples(), ["b stale", "c stale"]);
    assert_eq!(harness.report(), ["0", "2", "2", "1"]);
    harness.fail();
    assert_eq!(harness.samples(), ["a stale", "new stale"]);
}

#[test]
fn a_repeated_series_counts_once() {
    let harness = check(|_| (), &["a 1\na 2\nb 1\n", "a 3\na 4\nb 2\n"], &["a 3", "b 2"]);
    assert_eq!(harness.report(), ["1", "3", "3", "0"]);
    assert_eq!(harness.writer.context.metrics.scrapes_sample_duplicate_timestamp.get(), 2.0);
    // Another spelling of the same series is dropped without a word.
    let harness = check(|_| (), &["a{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 2\n"], &["a{b=\"1\",c=\"2\"} 1"]);
    assert_eq!(harness.writer.context.metrics.scrapes_sample_duplicate_timestamp.get(), 0.0);
}

#[test]
fn a_series_with_two_spellings_is_released_with_the_second() {
    let (both, first) = ("a{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 1\n", "a{b=\"1\",c=\"2\"} 2\n");
    let harness = check(|_| (), &[both, first], &["a{b=\"1\",c=\"2\"} 2"]);
    assert_eq!(harness.memory.released(), Vec::<String>::new());
    let mut harness = harness;
    harness.scrape("x 1\n");
    assert_eq!(harness.memory.released(), ["a{b=\"1\",c=\"2\",instance=\"i\"}"]);
}

#[test]
fn timestamps_are_honoured_and_exempt_from_staleness() {
    check(|_| (), &["a 1 5000\nb 2\n"], &["b 2", "a 1@5000"]);
    check(|_| (), &["a 1 5000\nb 2\n", "b 3\n"], &["b 3"]);
    check(|c| c.track_timestamps_staleness = true, &["a 1 5000\nb 2\n", "b 3\n"], &["b 3", "a stale"]);
    check(|c| c.honor_timestamps = false, &["a 1 5000\nb 2\n"], &["a 1", "b 2"]);
    check(|c| c.honor_timestamps = false, &["a 1 5000\nb 2\n", "b 3\n"], &["b 3", "a stale"]);
    // It had none before, so it was expected.
    check(|_| (), &["a 1\n", "a 1 5000\n"], &["a stale"]);
    // Several samples of one series are no duplicates.
    let harness = check(|_| (), &["a 1 5000\na 2 6000\n"], &["a 1@5000", "a 2@6000"]);
    assert_eq!(harness.report(), ["1", "2", "2", "1"]);
}

#[test]
fn bad_timestamps_are_left_out_and_counted() {
    let harness = check(|_| (), &["a 1 5000\na 2 4000\n"], &["a 1@5000"]);
    assert_eq!(harness.writer.context.metrics.scrapes_sample_out_of_order.get(), 1.0);
    let future = "a 1 99000000\nb 1\n";
    let harness = check(|_| (), &[future, future], &["b 1"]);
    assert_eq!(harness.writer.context.metrics.scrapes_sample_out_of_bounds.get(), 2.0);
    assert_eq!(harness.report(), ["1", "2", "2", "0"]);
}

#[test]
fn relabelling_drops_and_rewrites() {
    let rule = |action, regex: &str, target: &str| {
        let fields = relabel::Fields {
            source_labels: vec!["__name__".into()],
            regex: Some(narthex_regex::Anchored::wrapped(regex).unwrap()),
            target_label: target.into(),
            action: Some(action),
            ..relabel::Fields::default()
        };
        relabel::Config::new(fields, ValidationScheme::Utf8).unwrap()
    };
    let body = "a 1\ndrop_me 2\nb 3\n";
    let drop = rule(Action::Drop, "drop_.*", "");
    let harness = check(|c| c.metric_relabel_configs = vec![drop], &[body, body], &["a 1", "b 3"]);
    assert_eq!(harness.report(), ["1", "3", "2", "0"]);
    check(|c| c.metric_relabel_configs = vec![rule(Action::Replace, "(.)", "x")], &["a 1\n"], &["a{x=\"a\"} 1"]);

    let fields = relabel::Fields {
        regex: Some(narthex_regex::Anchored::wrapped("__name__").unwrap()),
        action: Some(Action::LabelDrop),
        ..relabel::Fields::default()
    };
    let nameless = relabel::Config::new(fields, ValidationScheme::Utf8).unwrap();
    let mut harness = Harness::new(|c| c.metric_relabel_configs = vec![nameless]);
    assert_eq!(harness.scrape("a 1\n"), "missing metric name (__name__ label)");
}

#[test]
fn the_sample_limit_fails_the_scrape_but_counts_on() {
    let mut harness = check(|c| c.sample_limit = 3, &["a 1\nb 1\nc 1\n"], &["a 1", "b 1", "c 1"]);
    assert_eq!(harness.scrape("a 2\nb 2\nc 2\nd 2\ne 2\n"), "sample limit exceeded");
    assert_eq!(harness.samples(), Vec::<String>::new());
    assert_eq!(harness.report(), ["0", "5", "5", "0"]);
    assert_eq!(harness.scrape("d 2\ne 2\na 2\nb 2\nc 2\n"), "sample limit exceeded");
    // What is beyond the limit was not seen.
    assert_eq!(harness.samples(), ["b stale", "c stale"]);
    assert_eq!(harness.writer.context.metrics.scrapes_exceeded_sample_limit.get(), 2.0);
    assert_eq!(harness.scrape("a 1\nb 1\nc 1\n"), "");
}

#[test]
fn label_limits_fail_the_scrape() {
    let mut harness = Harness::new(|c| c.label_limit = 2);
    assert_eq!(harness.scrape("a 1\n"), "");
    assert_eq!(
        harness.scrape("a 1\na{b=\"c\"} 1\n"),
        "label_limit exceeded (metric: a, number of labels: 3, limit: 2)"
    );
    assert_eq!(harness.report(), ["0", "2", "1", "0"]);
    assert_eq!(harness.writer.context.metrics.scrape_pool_exceeded_label_limits.get(), 1.0);
}

#[test]
fn content_types_choose_the_parser() {
    let mut harness = Harness::new(|_| ());
    assert_eq!(harness.scrape_typed("a 1\n# EOF\n", "application/openmetrics-text; version=1.0.0"), "");
    assert_eq!(harness.samples(), ["a 1"]);
    assert!(harness.scrape_typed("a 1\n", "text/html").starts_with("received unsupported Content-Type"));
    assert_eq!(harness.samples(), ["a stale"]);
    let mut harness = Harness::new(|c| c.fallback_scrape_protocol = Some(ScrapeProtocol::PrometheusText0_0_4));
    assert_eq!(harness.scrape_typed("a 1\n", ""), "");
}

#[test]
fn a_store_that_refuses_fails_the_scrape() {
    let mut harness = Harness::new(|_| ());
    harness.memory.set_series_max(6);
    assert_eq!(harness.scrape("a 1\n"), "");
    assert_eq!(harness.scrape("a 2\nb 2\n"), "too many series");
    assert_eq!(harness.report()[0], "0");

    let mut harness = Harness::new(|_| ());
    harness.memory.close();
    assert_eq!(harness.scrape("a 1\n"), "TSDB not ready");
    assert_eq!(harness.fail(), "server returned HTTP status 500 Oops");
}

#[test]
fn failures_do_not_pile_up_lines_for_ever() {
    let mut harness = check(|_| (), &["a 1\n"], &["a 1"]);
    for round in 0..30 {
        let lines: String = (0..100).map(|i| format!("x{{round=\"{round}\",i=\"{i}\"}} 1\n")).collect();
        assert_ne!(harness.scrape(&format!("{lines}bad{{\n")), "");
        assert!(harness.writer.cache.len() <= 1002 + 100);
    }
    assert_eq!(harness.writer.context.metrics.scrapes_cache_flush_forced.get(), 2.0);
    assert_eq!(harness.scrape("a 2\n"), "");
    assert_eq!(harness.samples()[0], "a 2");
    assert_eq!(harness.writer.cache.len(), 1);
}

#[test]
fn metadata_follows_the_lines() {
    let mut harness = Harness::new(|_| ());
    harness.scrape("# HELP a first\n# TYPE a counter\na 1\n# HELP b of b\nb 1\n");
    assert_eq!(harness.told(), ["a counter first", "b unknown of b"]);
    harness.scrape("# HELP a second\n# TYPE a counter\na 1\n# HELP b of b\nb 1\n");
    assert_eq!(harness.told(), ["a counter second", "b unknown of b"]);
    for _ in 0..10 {
        harness.scrape("# HELP a second\n# TYPE a counter\na 1\n");
        assert_eq!(harness.told().len(), 2);
    }
    harness.scrape("# HELP a second\n# TYPE a counter\na 1\n");
    assert_eq!(harness.told(), ["a counter second"]);
    harness.scrape("# HELP b again\n# HELP a second\na 1\n");
    assert_eq!(harness.told(), ["a counter second", "b unknown again"]);
}

#[test]
fn the_end_marks_samples_and_report() {
    let mut harness = check(|_| (), &["a 1\nb 1 5000\n"], &["a 1", "b 1@5000"]);
    let at_ms = harness.clock.now_ms() + 1;
    harness.writer.end(at_ms, &mut harness.scratch);
    let last = harness.memory.last_commit();
    assert_eq!(last.len(), 6, "{last:?}");
    assert!(last.iter().all(|s| s.ends_with(&format!("stale@{at_ms}"))), "{last:?}");
}

#[test]
fn a_successor_goes_on_where_its_predecessor_stopped() {
    let mut harness = Harness::new(|_| ());
    harness.scrape("# HELP a first\na 1\nb 1\n");
    let config = Arc::new(ScrapeConfig { sample_limit: 5, ..ScrapeConfig::default() });
    let successor = target(&config);
    harness.writer.go_on(config, Arc::clone(&successor));
    assert_eq!(successor.families().len(), 1);
    harness.scrape("# HELP a first\na 2\n");
    assert_eq!(
        (harness.samples(), harness.report()),
        (vec!["a 2".into(), "b stale".into()], ["1", "1", "1", "0"].map(String::from))
    );
    assert_eq!(harness.told(), ["a unknown first"]);
}

/// What the cache must not change: the samples that a plain reading of the bodies gives.
struct Model {
    tracked: Vec<String>,
}

impl Model {
    /// Samples in order of the body, then markers in any order.
    fn scrape(&mut self, body: &str) -> (Vec<String>, Vec<String>) {
        let (mut samples, mut seen) = (Vec::new(), Vec::new());
        for line in body.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            if !seen.contains(&series.to_owned()) {
                seen.push(series.to_owned());
                samples.push(format!("{series} {value}"));
            }
        }
        let gone = |series: &String| (!seen.contains(series)).then(|| format!("{series} stale"));
        let mut stale: Vec<_> = self.tracked.iter().filter_map(gone).collect();
        stale.sort();
        self.tracked = seen;
        (samples, stale)
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, u16),
    Remove(usize, usize),
    Move(usize, usize),
    Repeat(usize),
    Shuffle(u64),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = 0..500_usize;
    prop_oneof![
        (at.clone(), 0..400_u16).prop_map(|(at, n)| Edit::Insert(at, n)),
        (at.clone(), 1..60_usize).prop_map(|(at, n)| Edit::Remove(at, n)),
        (at.clone(), at.clone()).prop_map(|(a, b)| Edit::Move(a, b)),
        at.prop_map(Edit::Repeat),
        any::<u64>().prop_map(Edit::Shuffle),
    ]
}

fn apply(lines: &mut Vec<String>, edit: &Edit) {
    let within = |at: usize, len: usize| if len == 0 { 0 } else { at % len };
    match *edit {
        Edit::Insert(at, n) => {
            let line = match n % 9 {
                0 => format!("# HELP m{n} about it"),
                1 => format!("m{n}"),
                _ => format!("m{}{{a=\"{n}\"}}", n % 7),
            };
            lines.insert(within(at, lines.len() + 1), line);
        }
        Edit::Remove(at, n) => {
            let at = within(at, lines.len());
            lines.drain(at..(at + n).min(lines.len()));
        }
        Edit::Move(from, to) if !lines.is_empty() => {
            let line = lines.remove(within(from, lines.len()));
            lines.insert(within(to, lines.len() + 1), line);
        }
        Edit::Repeat(at) if !lines.is_empty() => {
            let line = lines[within(at, lines.len())].clone();
            lines.insert(within(at / 2, lines.len() + 1), line);
        }
        Edit::Shuffle(seed) => fastrand::Rng::with_seed(seed).shuffle(lines),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_cache_changes_nothing(start in 0..300_usize, scrapes in proptest::collection::vec(proptest::collection::vec(edit(), 0..6), 1..12)) {
        let mut harness = Harness::new(|_| ());
        let mut model = Model { tracked: Vec::new() };
        let mut lines: Vec<String> = (0..start).map(|i| format!("s{}{{i=\"{i}\"}}", i % 5)).collect();
        for (round, edits) in scrapes.iter().enumerate() {
            edits.iter().for_each(|edit| apply(&mut lines, edit));
            let body: String = lines.iter().enumerate().map(|(i, line)| match line.starts_with('#') {
                true => format!("{line}\n"),
                false => format!("{line} {}\n", round * 1000 + i),
            }).collect();
            prop_assert_eq!(harness.scrape(&body), "");
            let (samples, stale) = model.scrape(&body);
            let got = harness.samples();
            prop_assert_eq!(&got[..samples.len()], &samples[..]);
            let mut markers = got[samples.len()..].to_vec();
            markers.sort();
            prop_assert_eq!(markers, stale);
            // In the order of the body, without repetitions: the next one costs nothing.
            let mut distinct = lines.clone();
            distinct.sort();
            distinct.dedup();
            if !lines.is_empty() {
                prop_assert_eq!(harness.writer.cache.len(), distinct.len());
            }
        }
    }
}

proptest! {
    #[test]
    fn no_body_panics(bodies in proptest::collection::vec(any::<Vec<u8>>(), 1..4), openmetrics in any::<bool>()) {
        let mut harness = Harness::new(|c| c.honor_labels = openmetrics);
        let content_type = if openmetrics { "application/openmetrics-text" } else { TEXT };
        for body in &bodies {
            harness.write(Fetched::Body { body, content_type });
        }
    }

    #[test]
    fn no_damaged_body_panics(at in 0..120_usize, byte in any::<u8>()) {
        let good = b"# HELP a x\n# TYPE a counter\na{b=\"c\",d=\"\\\"\"} 1 5000\n{\"x y\",e=\"\"} 2\n# UNIT f s\n# EOF\n";
        let mut bad = good.to_vec();
        let at = at % bad.len();
        bad[at] = byte;
        for content_type in [TEXT, "application/openmetrics-text"] {
            let mut harness = Harness::new(|c| c.honor_labels = true);
            for body in [&good[..], &bad, good, &bad] {
                harness.write(Fetched::Body { body, content_type });
            }
        }
    }
}
