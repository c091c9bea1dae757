use narthex_model::ValidationScheme;
use narthex_model::labels;
use narthex_model::relabel::{self, Action};

use super::*;

fn group(targets: Vec<Labels>, labels: Labels) -> Arc<TargetGroup> {
    Arc::new(TargetGroup { source: "0".into(), targets, labels })
}

fn config(set: impl FnOnce(&mut ScrapeConfig)) -> Arc<ScrapeConfig> {
    let mut config = ScrapeConfig { job_name: "j".into(), ..ScrapeConfig::default() };
    set(&mut config);
    Arc::new(config)
}

fn rule(source: &str, regex: &str, target: &str, replacement: &str, action: Action) -> relabel::Config {
    let fields = relabel::Fields {
        source_labels: vec![source.into()],
        regex: Some(narthex_regex::Anchored::wrapped(regex).unwrap()),
        target_label: target.into(),
        replacement: replacement.into(),
        action: Some(action),
        ..relabel::Fields::default()
    };
    relabel::Config::new(fields, ValidationScheme::Utf8).unwrap()
}

fn one(labels: Labels, config: &Arc<ScrapeConfig>) -> Arc<Target> {
    let made = from_group(&group(vec![labels], Labels::empty()), config);
    assert_eq!(made.errors, []);
    made.active.into_iter().next().expect("is not dropped")
}

#[track_caller]
fn check_error(labels: Labels, set: impl FnOnce(&mut ScrapeConfig), want: &str) {
    let made = from_group(&group(vec![labels], Labels::empty()), &config(set));
    assert_eq!(made.errors.len(), 1);
    assert_eq!(made.errors[0].to_string(), format!("instance 0 in group 0: {want}"));
}

#[track_caller]
fn check_url(labels: Labels, params: &[(&str, &[&str])], want: &str) {
    let params = params.iter().map(|(k, v)| ((*k).to_owned(), v.iter().map(|v| (*v).to_owned()).collect())).collect();
    assert_eq!(one(labels, &config(|c| c.params = params)).url(), want);
}

#[test]
fn a_target_gets_what_the_job_says() {
    let config = config(|c| {
        c.scrape_interval_ms = 90_000;
        c.params = [("module".to_owned(), vec!["x".to_owned(), "y".to_owned()])].into();
    });
    let target = one(labels! { "__address__" => "a:1", "__meta_x" => "m", "custom" => "c" }, &config);
    assert_eq!(*target.labels(), labels! { "instance" => "a:1", "job" => "j", "custom" => "c" });
    assert_eq!(
        target.discovered_labels(),
        labels! {
            "__address__" => "a:1", "__meta_x" => "m", "custom" => "c", "job" => "j",
            "__scrape_interval__" => "1m30s", "__scrape_timeout__" => "10s",
            "__metrics_path__" => "/metrics", "__scheme__" => "http", "__param_module" => "x",
            "__convert_classic_histograms_to_nhcb__" => "false",
            "__always_scrape_classic_histograms__" => "false",
            "__scrape_native_histograms__" => "false",
        }
    );
    assert_eq!((target.interval_ms(), target.timeout_ms()), (90_000, 10_000));
    assert_eq!(target.last_scrape().health.as_str(), "unknown");
}

#[test]
fn a_targets_own_labels_win_over_the_groups_and_the_jobs() {
    let group = group(
        vec![labels! { "__address__" => "a:1", "x" => "own", "__scrape_timeout__" => "2s" }],
        labels! { "x" => "group", "y" => "group", "job" => "other" },
    );
    let made = from_group(&group, &config(|_| ()));
    let target = &made.active[0];
    assert_eq!(*target.labels(), labels! { "instance" => "a:1", "job" => "other", "x" => "own", "y" => "group" });
    assert_eq!(target.timeout_ms(), 2_000);
}

#[test]
fn a_bad_target_says_what_is_wrong() {
    let address = labels! { "__address__" => "a" };
    let with = |name: &str, value: &str| address.to_builder().set(name, value).labels();
    check_error(labels! { "x" => "y" }, |_| (), "no address");
    check_error(labels! { "__address__" => "http://a/b" }, |_| (), r#""http://a/b" is not a valid hostname"#);
    check_error(
        with("__scrape_interval__", "x"),
        |_| (),
        r#"error parsing scrape interval: not a valid duration string: "x""#,
    );
    check_error(with("__scrape_interval__", "0s"), |_| (), "scrape interval cannot be 0");
    check_error(with("__scrape_timeout__", "0"), |_| (), "scrape timeout cannot be 0");
    check_error(
        with("__scrape_interval__", "5s"),
        |_| (),
        r#"scrape timeout cannot be greater than scrape interval ("10s" > "5s")"#,
    );
    check_error(
        with("__scrape_native_histograms__", "maybe"),
        |_| (),
        r#"error parsing scrape native histograms: strconv.ParseBool: parsing "maybe": invalid syntax"#,
    );
}

#[test]
fn one_bad_target_does_not_spoil_its_group() {
    let group = group(vec![labels! { "x" => "y" }, labels! { "__address__" => "a" }], Labels::empty());
    let made = from_group(&group, &config(|_| ()));
    assert_eq!((made.active.len(), made.errors.len(), made.dropped.len()), (1, 1, 0));
}

#[test]
fn relabelling_decides() {
    let rules = vec![
        rule("__meta_keep", "no", "", "$1", Action::Drop),
        rule("__address__", "(.*):.*", "__address__", "${1}:9100", Action::Replace),
        rule("__address__", "(.*):.*", "instance", "$1", Action::Replace),
    ];
    let config = config(|c| c.relabel_configs = rules);
    let group = group(
        vec![labels! { "__address__" => "a:1" }, labels! { "__address__" => "b:1", "__meta_keep" => "no" }],
        labels! { "zone" => "z" },
    );
    let made = from_group(&group, &config);
    assert_eq!(*made.active[0].labels(), labels! { "instance" => "a", "job" => "j", "zone" => "z" });
    assert_eq!(made.active[0].url(), "http://a:9100/metrics");
    assert_eq!(made.dropped.len(), 1);
    assert_eq!(made.dropped[0].pool(), "j");
    assert_eq!(made.dropped[0].labels().value("__address__"), "b:1");
}

#[test]
fn the_address_is_written_as_go_writes_it() {
    let target = |pairs: &[(&str, &str)]| Labels::from_pairs([("__address__", "a:1")].iter().chain(pairs).copied());
    check_url(target(&[]), &[], "http://a:1/metrics");
    check_url(target(&[("__metrics_path__", "x?y z%;,(ü)")]), &[], "http://a:1/x%3Fy%20z%25;,%28%C3%BC%29");
    check_url(
        target(&[("__scheme__", "https")]),
        &[("b", &["1", "2 &"]), ("a", &["x"])],
        "https://a:1/metrics?a=x&b=1&b=2+%26",
    );
    check_url(
        target(&[("__param_b", "new"), ("__param_c", "/~")]),
        &[("b", &["1", "2"]), ("empty", &[])],
        "http://a:1/metrics?b=new&b=2&c=%2F~",
    );
    check_url(labels! { "__address__" => "[::1]:9090" }, &[], "http://[::1]:9090/metrics");
    check_url(labels! { "__address__" => "a b" }, &[], "http://a%20b/metrics");
}

#[test]
fn inner_labels_make_another_target() {
    let config = config(|_| ());
    let target = |timeout: &str| one(labels! { "__address__" => "a", "__scrape_timeout__" => timeout }, &config);
    assert_ne!(target("1s").hash(), target("2s").hash());
    assert_eq!(target("1s").hash(), target("1s").hash());
    assert_eq!(target("1s").labels(), target("2s").labels());
    // What discovery alone knows does not count.
    let found = |x: &str| one(labels! { "__address__" => "a", "__meta_x" => x }, &config);
    assert_eq!(found("1").hash(), found("2").hash());
}

#[test]
fn the_hash_is_fnv1a() {
    assert_eq!(fnv1a(&[]), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a(&[b"foo", b"bar"]), 0x8594_4171_f739_67e8);
}
