use proptest::prelude::*;

use super::*;
use crate::{EscapingScheme, ScrapeProtocol, ValidationScheme};

fn no_env(_: &str) -> Option<String> {
    None
}

fn load(text: &str) -> Result<Config, String> {
    Config::load_str(text, Path::new("/etc/narthex"), &no_env).map_err(|error| error.to_string())
}

#[track_caller]
fn job(text: &str) -> ScrapeConfig {
    let config = load(text).expect("loads");
    ScrapeConfig::clone(&config.scrape_configs[0])
}

#[track_caller]
fn check_error(text: &str, want: &str) {
    assert_eq!(load(text).expect_err("is refused"), want);
}

#[test]
fn an_empty_file_is_the_default() {
    for text in ["", "# nothing\n", "global:\n", "runtime:\n"] {
        assert_eq!(load(text).unwrap(), Config::default(), "{text}");
    }
}

#[test]
fn upstreams_own_first_configuration_loads() {
    let config = load(
        "global:\n  scrape_interval: 15s\n  evaluation_interval: 15s\n\
         alerting:\n  alertmanagers:\n    - static_configs:\n        - targets:\n          # - alertmanager:9093\n\
         rule_files:\n  # - \"first_rules.yml\"\n\
         scrape_configs:\n  - job_name: \"prometheus\"\n    static_configs:\n      - targets: [\"localhost:9090\"]\n        \
         labels:\n          app: \"prometheus\"\n",
    )
    .unwrap();
    assert_eq!(config.scrape_configs[0].static_configs[0].labels["app"], "prometheus");
}

#[test]
fn a_job_inherits_what_it_does_not_set() {
    let text = "global:\n  scrape_interval: 5s\n  sample_limit: 10\n  body_size_limit: 1KB\n  scrape_native_histograms: true\n  \
                scrape_failure_log_file: f.log\nscrape_configs:\n- job_name: a\n";
    let inherited = job(text);
    assert_eq!((inherited.scrape_interval_ms, inherited.scrape_timeout_ms), (5_000, 5_000));
    assert_eq!((inherited.sample_limit, inherited.body_size_limit), (10, 1024));
    assert_eq!(inherited.scrape_protocols, ScrapeProtocol::PROTO_FIRST);
    assert_eq!(inherited.scrape_failure_log_file, "/etc/narthex/f.log");

    let own = job(&format!(
        "{text}  scrape_interval: 50s\n  sample_limit: 20\n  scrape_protocols: [PrometheusText0.0.4]\n  \
         scrape_native_histograms: false\n"
    ));
    assert_eq!((own.scrape_interval_ms, own.scrape_timeout_ms), (50_000, 5_000));
    assert_eq!(own.sample_limit, 20);
    assert_eq!(own.scrape_protocols, [ScrapeProtocol::PrometheusText0_0_4]);
    assert!(!own.scrape_native_histograms);
}

#[test]
fn the_escaping_scheme_follows_the_validation_scheme() {
    for (global, own, want) in [
        ("", "", EscapingScheme::AllowUtf8),
        ("metric_name_validation_scheme: legacy", "", EscapingScheme::Underscores),
        ("metric_name_validation_scheme: legacy", "metric_name_validation_scheme: utf8", EscapingScheme::AllowUtf8),
        ("metric_name_escaping_scheme: dots", "", EscapingScheme::Dots),
        ("metric_name_escaping_scheme: dots", "metric_name_validation_scheme: legacy", EscapingScheme::Underscores),
        ("", "metric_name_escaping_scheme: values", EscapingScheme::Values),
    ] {
        let text = format!("global: {{{global}}}\nscrape_configs:\n- {{job_name: a, {own}}}\n");
        assert_eq!(job(&text).metric_name_escaping_scheme, want, "{text}");
    }
    let legacy = job("scrape_configs:\n- {job_name: a, metric_name_validation_scheme: legacy}\n");
    assert_eq!(legacy.metric_name_validation_scheme, ValidationScheme::Legacy);
}

#[test]
fn null_writes_the_zero_value_over_the_default() {
    let job = job("scrape_configs:\n- job_name: a\n  honor_timestamps:\n  scheme: ~\n  scrape_interval:\n");
    assert!(!job.honor_timestamps);
    assert_eq!(job.scheme, "");
    assert_eq!(job.scrape_interval_ms, 60_000);
}

#[test]
fn external_labels_take_environment_variables() {
    let env = |name: &str| (name == "REGION").then(|| "eu".to_owned());
    let text = "global:\n  external_labels: {region: \"${REGION}-1\", none: $NONE, price: \"5$$\"}\n";
    let config = Config::load_str(text, Path::new(""), &env).unwrap();
    let labels: Vec<_> = config.global.external_labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(labels, [("none", ""), ("price", "5$"), ("region", "eu-1")]);
}

#[test]
fn paths_are_those_of_the_file() {
    let config = load(
        "rule_files: [rules/*.yml, /abs.yml]\nscrape_config_files: [../jobs/*.yml]\nscrape_configs:\n- job_name: a\n  \
         file_sd_configs:\n  - files: [targets/*.json]\n",
    )
    .unwrap();
    assert_eq!(config.rule_files, ["/etc/narthex/rules/*.yml", "/abs.yml"]);
    assert_eq!(config.scrape_config_files, ["/etc/jobs/*.yml"]);
    assert_eq!(config.scrape_configs[0].file_sd_configs[0].files, ["/etc/narthex/targets/*.json"]);
}

#[test]
fn what_this_build_does_not_act_on_is_refused_with_its_line() {
    for (text, line, key) in [
        ("global: {}\nremote_write:\n- url: http://x/\n", 2, "remote_write"),
        ("tracing:\n  endpoint: x\n", 1, "tracing"),
        ("alerting:\n  alertmanagers:\n  - static_configs:\n    - targets: [a]\n", 2, "alertmanagers"),
        ("scrape_configs:\n- job_name: a\n  basic_auth:\n    username: u\n", 3, "basic_auth"),
        ("scrape_configs:\n- job_name: a\n  dns_sd_configs:\n  - names: [x]\n", 3, "dns_sd_configs"),
    ] {
        check_error(text, &format!("line {line}: \"{key}\" is not supported by this build yet"));
    }
    // What asks for nothing needs nothing.
    load("remote_write:\nremote_read: []\nscrape_configs:\n- job_name: a\n  tls_config:\n").unwrap();
}

#[test]
fn wrong_settings_are_refused_in_upstreams_words() {
    let in_job = |setting: &str| format!("scrape_configs:\n- job_name: a\n  {setting}\n");
    check_error("global: {scrape_interval: 60}", "not a valid duration string: \"60\"");
    check_error(
        "global: {scrape_interval: 5s, scrape_timeout: 6s}",
        "global scrape timeout greater than scrape interval",
    );
    check_error("global: {scrape_protocols: []}", "scrape_protocols cannot be empty for global config");
    check_error("global: {external_labels: {'': x}}", "\"\" is not a valid label name");
    check_error(
        "global: {external_labels: {a.b: x}, metric_name_validation_scheme: legacy}",
        "\"a.b\" is not a valid label name",
    );
    check_error("rule_files: ['a/*/b']", "invalid rule file path \"a/*/b\"");
    check_error(
        &in_job("scrape_protocols: [PrometheusProto, prometheusproto]"),
        "duplicated protocol in scrape_protocols, got [PrometheusProto prometheusproto] for scrape config with job name \
         \"a\"",
    );
    check_error(
        &in_job("fallback_scrape_protocol: x"),
        "invalid fallback_scrape_protocol for scrape config with job name \"a\": unknown scrape protocol x, supported: \
         [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0]",
    );
    check_error(
        &in_job("metric_name_escaping_scheme: x"),
        "unknown scrape config name escaping method specified, must be one of 'allow-utf-8', 'underscores', 'dots', or \
         'values', got \"x\"",
    );
    check_error(&in_job("static_configs: [{targets: ['http://a']}]"), "\"http://a\" is not a valid hostname");
    check_error(
        &in_job("static_configs: [{targets: [a], label: {}}]"),
        "yaml: unmarshal errors:\n  line 3: field label not found in type struct { Targets []string \
         \"yaml:\\\"targets\\\"\"; Labels model.LabelSet \"yaml:\\\"labels\\\"\" }",
    );
    check_error(
        &in_job("file_sd_configs: [{files: []}]"),
        "file service discovery config must contain at least one path name",
    );
    check_error(&in_job("file_sd_configs: [{files: [a.txt]}]"), "path name \"a.txt\" is not valid for file discovery");
    check_error(&in_job("relabel_configs: [{action: x}]"), "unknown relabel action \"x\"");
    check_error(&in_job("relabel_configs: [{action: ~}]"), "relabel action cannot be empty");
    check_error(
        "scrape_configs:\n- job_name: a\n  honor_labels: 1\n  params: {a: b}\n- honor_label: true\n- []\n",
        "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!int `1` into bool\n  line 4: cannot unmarshal !!str `b` \
         into []string\n  line 5: field honor_label not found in type config.ScrapeConfig\n  line 6: cannot unmarshal !!seq \
         into config.ScrapeConfig",
    );
}

#[test]
fn errors_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.yml");
    let missing = Config::load_file(&path, &no_env).unwrap_err().to_string();
    assert_eq!(missing, format!("open {}: no such file or directory", path.display()));
    fs::write(&path, "a: [\n").unwrap();
    let broken = Config::load_file(&path, &no_env).unwrap_err().to_string();
    assert!(broken.starts_with(&format!("parsing YAML file {}: yaml: line ", path.display())), "{broken}");
}

#[test]
fn jobs_come_from_scrape_files_too() {
    let dir = tempfile::tempdir().unwrap();
    let main = dir.path().join("main.yml");
    let jobs = dir.path().join("jobs");
    fs::create_dir(&jobs).unwrap();
    fs::write(
        &main,
        "global: {scrape_interval: 7s}\nscrape_config_files: [jobs/*.yml]\nscrape_configs:\n- job_name: a\n",
    )
    .unwrap();
    fs::write(jobs.join("b.yml"), "scrape_configs:\n- job_name: b\n  file_sd_configs:\n  - files: [t.json]\n").unwrap();
    let config = Config::load_file(&main, &no_env).unwrap();
    let all = config.all_scrape_configs().unwrap();
    assert_eq!(all.iter().map(|job| job.job_name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(all[1].scrape_interval_ms, 7_000);
    assert_eq!(all[1].file_sd_configs[0].files, [jobs.join("t.json").to_string_lossy()]);

    fs::write(jobs.join("c.yml"), "scrape_configs:\n- job_name: a\n").unwrap();
    let twice = config.all_scrape_configs().unwrap_err().to_string();
    let file = quote(&jobs.join("c.yml").to_string_lossy());
    assert_eq!(
        twice,
        format!("{file}: found multiple scrape configs with job name \"a\", first found in main config file")
    );
    fs::write(jobs.join("c.yml"), "global: {}\n").unwrap();
    let unknown = config.all_scrape_configs().unwrap_err().to_string();
    assert_eq!(
        unknown,
        format!("{file}: yaml: unmarshal errors:\n  line 1: field global not found in type config.ScrapeConfigs")
    );
}

#[test]
fn byte_order_marks_and_carriage_returns_are_read() {
    let config = load("\u{feff}global:\r\n  scrape_interval: 5s\r\nscrape_configs:\r\n- job_name: a\r\n").unwrap();
    assert_eq!(config.scrape_configs[0].scrape_interval_ms, 5_000);
}

proptest! {
    #[test]
    fn any_file_is_answered(
        keys in prop::collection::vec(
            "(  ){0,4}(- )?(global|scrape_configs|job_name|static_configs|targets|labels|relabel_configs|regex|action\
             |params|storage|tsdb|rule_files|alerting|scrape_interval|sample_limit|a): \
             ?(~|1|-1|1e9|5s|10MB|\\[\\]|\\{\\}|\\[a, 'b'\\]|'x/\\*/y'|\\(|\\$\\{|true|keep|utf8)?",
            0..12,
        ),
    ) {
        let _ = load(&keys.join("\n"));
    }
}
