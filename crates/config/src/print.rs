//! The configuration as `/api/v1/status/config` shows it: upstream's order of
//! keys, defaults and inherited values filled in, what is zero left out.

use std::collections::BTreeMap;

use narthex_model::duration::format_duration;
use narthex_model::relabel;
use narthex_model::size::format_size;
use narthex_yaml::Value;

use crate::{
    Config, FileSdConfig, GlobalConfig, ScrapeConfig, ScrapeProtocol, StaticConfig, StorageConfig, TsdbRetentionConfig,
};

impl Config {
    /// The configuration as YAML. Jobs of `scrape_config_files` are not in it.
    pub fn to_yaml(&self) -> String {
        let mut top = Entries::default();
        top.always("global", self.global.to_value());
        top.always("runtime", Value::Mapping(vec![("gogc".into(), self.runtime.gogc.into())]));
        top.unless_zero("rule_files", self.rule_files.clone());
        top.unless_zero("scrape_config_files", self.scrape_config_files.clone());
        let jobs: Vec<Value> = self.scrape_configs.iter().map(|job| job.to_value()).collect();
        top.unless_zero("scrape_configs", Value::Sequence(jobs));
        top.always("storage", self.storage.to_value());
        top.always("otlp", otlp_defaults());
        narthex_yaml::to_string(&top.into_value())
    }
}

/// The defaults of a section that cannot be set yet; upstream always shows them.
fn otlp_defaults() -> Value {
    let mut otlp = Entries::default();
    otlp.always("translation_strategy", "UnderscoreEscapingWithSuffixes");
    otlp.always("label_name_underscore_sanitization", true);
    otlp.always("label_name_preserve_multiple_underscores", true);
    otlp.into_value()
}

/// The entries of a mapping under construction.
#[derive(Default)]
struct Entries(Vec<(String, Value)>);

impl Entries {
    fn always(&mut self, key: &str, value: impl Into<Value>) {
        self.0.push((key.into(), value.into()));
    }

    fn unless_zero(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        if !value.is_zero() {
            self.0.push((key.into(), value));
        }
    }

    fn duration(&mut self, key: &str, duration_ms: i64) {
        if duration_ms != 0 {
            self.always(key, format_duration(duration_ms));
        }
    }

    fn size(&mut self, key: &str, size: u64) {
        if size != 0 {
            self.always(key, format_size(i64::try_from(size).unwrap_or(i64::MAX)));
        }
    }

    fn into_value(self) -> Value {
        Value::Mapping(self.0)
    }
}

fn protocols(protocols: &[ScrapeProtocol]) -> Value {
    protocols.iter().map(|protocol| protocol.as_str()).collect::<Vec<_>>().into()
}

fn map(map: &BTreeMap<String, String>) -> Value {
    Value::Mapping(map.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect())
}

impl GlobalConfig {
    fn to_value(&self) -> Value {
        let mut out = Entries::default();
        out.duration("scrape_interval", self.scrape_interval_ms);
        out.duration("scrape_timeout", self.scrape_timeout_ms);
        out.unless_zero("scrape_protocols", protocols(&self.scrape_protocols));
        out.duration("evaluation_interval", self.evaluation_interval_ms);
        out.duration("rule_query_offset", self.rule_query_offset_ms);
        out.unless_zero("query_log_file", self.query_log_file.as_str());
        out.unless_zero("scrape_failure_log_file", self.scrape_failure_log_file.as_str());
        out.unless_zero("external_labels", map(&self.external_labels));
        out.size("body_size_limit", self.body_size_limit);
        out.unless_zero("sample_limit", self.sample_limit);
        out.unless_zero("target_limit", self.target_limit);
        out.unless_zero("label_limit", self.label_limit);
        out.unless_zero("label_name_length_limit", self.label_name_length_limit);
        out.unless_zero("label_value_length_limit", self.label_value_length_limit);
        out.unless_zero("keep_dropped_targets", self.keep_dropped_targets);
        out.always("metric_name_validation_scheme", self.metric_name_validation_scheme.as_str());
        if let Some(scheme) = self.metric_name_escaping_scheme {
            out.always("metric_name_escaping_scheme", scheme.as_str());
        }
        out.always("scrape_native_histograms", self.scrape_native_histograms);
        out.always("convert_classic_histograms_to_nhcb", self.convert_classic_histograms_to_nhcb);
        out.always("always_scrape_classic_histograms", self.always_scrape_classic_histograms);
        out.always("extra_scrape_metrics", self.extra_scrape_metrics);
        out.into_value()
    }
}

impl ScrapeConfig {
    /// The job as YAML, as it stands in a list of jobs but alone.
    pub fn to_yaml(&self) -> String {
        narthex_yaml::to_string(&self.to_value())
    }

    fn to_value(&self) -> Value {
        let mut out = Entries::default();
        out.always("job_name", self.job_name.as_str());
        out.unless_zero("honor_labels", self.honor_labels);
        out.always("honor_timestamps", self.honor_timestamps);
        out.always("track_timestamps_staleness", self.track_timestamps_staleness);
        let params = self.params.iter().map(|(name, values)| (name.clone(), values.clone().into())).collect();
        out.unless_zero("params", Value::Mapping(params));
        out.duration("scrape_interval", self.scrape_interval_ms);
        out.duration("scrape_timeout", self.scrape_timeout_ms);
        out.unless_zero("scrape_protocols", protocols(&self.scrape_protocols));
        out.unless_zero("fallback_scrape_protocol", self.fallback_scrape_protocol.map_or("", |p| p.as_str()));
        out.always("scrape_native_histograms", self.scrape_native_histograms);
        out.always("always_scrape_classic_histograms", self.always_scrape_classic_histograms);
        out.always("convert_classic_histograms_to_nhcb", self.convert_classic_histograms_to_nhcb);
        out.always("extra_scrape_metrics", self.extra_scrape_metrics);
        out.unless_zero("scrape_failure_log_file", self.scrape_failure_log_file.as_str());
        out.unless_zero("metrics_path", self.metrics_path.as_str());
        out.unless_zero("scheme", self.scheme.as_str());
        out.always("enable_compression", self.enable_compression);
        out.size("body_size_limit", self.body_size_limit);
        out.unless_zero("sample_limit", self.sample_limit);
        out.unless_zero("target_limit", self.target_limit);
        out.unless_zero("label_limit", self.label_limit);
        out.unless_zero("label_name_length_limit", self.label_name_length_limit);
        out.unless_zero("label_value_length_limit", self.label_value_length_limit);
        out.unless_zero("native_histogram_bucket_limit", self.native_histogram_bucket_limit);
        out.unless_zero("native_histogram_min_bucket_factor", self.native_histogram_min_bucket_factor);
        out.unless_zero("keep_dropped_targets", self.keep_dropped_targets);
        out.always("metric_name_validation_scheme", self.metric_name_validation_scheme.as_str());
        out.always("metric_name_escaping_scheme", self.metric_name_escaping_scheme.as_str());
        out.always("follow_redirects", self.http_client.follow_redirects);
        out.always("enable_http2", self.http_client.enable_http2);
        out.unless_zero("relabel_configs", Value::Sequence(self.relabel_configs.iter().map(rule_to_value).collect()));
        out.unless_zero(
            "metric_relabel_configs",
            Value::Sequence(self.metric_relabel_configs.iter().map(rule_to_value).collect()),
        );
        let file_sd = self.file_sd_configs.iter().map(FileSdConfig::to_value).collect();
        out.unless_zero("file_sd_configs", Value::Sequence(file_sd));
        let groups = self.static_configs.iter().map(StaticConfig::to_value).collect();
        out.unless_zero("static_configs", Value::Sequence(groups));
        out.into_value()
    }
}

fn rule_to_value(rule: &relabel::Config) -> Value {
    let fields = rule.fields();
    let mut out = Entries::default();
    let sources = fields.source_labels.iter().map(|name| name.as_str().into()).collect();
    out.unless_zero("source_labels", Value::FlowSequence(sources));
    out.unless_zero("separator", fields.separator.as_str());
    match fields.regex.as_ref().map(|regex| regex.as_str()) {
        Some("") => out.always("regex", Value::Null),
        Some(pattern) => out.always("regex", pattern),
        None => {}
    }
    out.unless_zero("modulus", fields.modulus);
    out.unless_zero("target_label", fields.target_label.as_str());
    out.unless_zero("replacement", fields.replacement.as_str());
    out.always("action", rule.action().as_str());
    out.into_value()
}

impl StaticConfig {
    fn to_value(&self) -> Value {
        let mut out = Entries::default();
        out.always("targets", self.targets.clone());
        out.unless_zero("labels", map(&self.labels));
        out.into_value()
    }
}

impl FileSdConfig {
    fn to_value(&self) -> Value {
        let mut out = Entries::default();
        out.always("files", self.files.clone());
        out.duration("refresh_interval", self.refresh_interval_ms);
        out.into_value()
    }
}

impl StorageConfig {
    fn to_value(&self) -> Value {
        let mut tsdb = Entries::default();
        // Upstream's internal field has no name of its own in YAML, so it shows.
        tsdb.always("outofordertimewindow", self.tsdb.out_of_order_time_window_ms);
        tsdb.duration("out_of_order_time_window", self.tsdb.out_of_order_time_window_ms);
        tsdb.unless_zero("stale_series_compaction_threshold", self.tsdb.stale_series_compaction_threshold);
        if let Some(retention) = &self.tsdb.retention {
            tsdb.always("retention", retention.to_value());
        }
        let mut out = Entries::default();
        out.always("tsdb", tsdb.into_value());
        if let Some(exemplars) = self.exemplars {
            let max = ("max_exemplars".into(), exemplars.max_exemplars.into());
            out.always("exemplars", Value::Mapping(vec![max]));
        }
        out.into_value()
    }
}

impl TsdbRetentionConfig {
    fn to_value(&self) -> Value {
        let mut out = Entries::default();
        out.duration("time", self.time_ms);
        out.size("size", u64::try_from(self.size).unwrap_or(0));
        out.unless_zero("percentage", self.percentage);
        out.into_value()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What Prometheus prints for this file, but for keys that came after 3.5.
    #[test]
    fn prints_as_upstream() {
        let text = r#"
global:
  scrape_interval: 15s
  query_log_file: query.log
  external_labels: {monitor: "yes"}
  body_size_limit: 15MB
  sample_limit: 1500
rule_files: ["my/*.rules"]
storage: {tsdb: {out_of_order_time_window: 30m}}
scrape_configs:
  - job_name: prometheus
    honor_labels: true
    params: {b: [x, y], a: ["1", "x y"]}
    fallback_scrape_protocol: PrometheusText0.0.4
    file_sd_configs:
      - files: [foo/*.json]
    static_configs:
      - targets: ["localhost:9090"]
        labels: {my: label, your: ""}
      - labels: {a: b}
    relabel_configs:
      - source_labels: [job, "a,b"]
        regex: (.*)some-[regex]
        target_label: job
        replacement: foo-${1}
      - {regex: , replacement: static, target_label: abc}
      - {action: LowerCase, source_labels: [a], target_label: b, separator: ""}
  - job_name: "12"
    scrape_interval: 50s
    scrape_timeout: 5s
    scrape_protocols: ["PrometheusText0.0.4"]
    native_histogram_min_bucket_factor: 1.1
    metric_name_validation_scheme: legacy
    enable_compression: false
    follow_redirects: false
"#;
        let want = r#"global:
  scrape_interval: 15s
  scrape_timeout: 10s
  evaluation_interval: 1m
  query_log_file: query.log
  external_labels:
    monitor: "yes"
  body_size_limit: 15MiB
  sample_limit: 1500
  metric_name_validation_scheme: utf8
  scrape_native_histograms: false
  convert_classic_histograms_to_nhcb: false
  always_scrape_classic_histograms: false
  extra_scrape_metrics: false
runtime:
  gogc: 75
rule_files:
- my/*.rules
scrape_configs:
- job_name: prometheus
  honor_labels: true
  honor_timestamps: true
  track_timestamps_staleness: false
  params:
    a:
    - "1"
    - x y
    b:
    - x
    - "y"
  scrape_interval: 15s
  scrape_timeout: 10s
  scrape_protocols:
  - OpenMetricsText1.0.0
  - OpenMetricsText0.0.1
  - PrometheusText1.0.0
  - PrometheusText0.0.4
  fallback_scrape_protocol: PrometheusText0.0.4
  scrape_native_histograms: false
  always_scrape_classic_histograms: false
  convert_classic_histograms_to_nhcb: false
  extra_scrape_metrics: false
  metrics_path: /metrics
  scheme: http
  enable_compression: true
  body_size_limit: 15MiB
  sample_limit: 1500
  metric_name_validation_scheme: utf8
  metric_name_escaping_scheme: allow-utf-8
  follow_redirects: true
  enable_http2: true
  relabel_configs:
  - source_labels: [job, 'a,b']
    separator: ;
    regex: (.*)some-[regex]
    target_label: job
    replacement: foo-${1}
    action: replace
  - separator: ;
    regex: null
    target_label: abc
    replacement: static
    action: replace
  - source_labels: [a]
    target_label: b
    replacement: $1
    action: lowercase
  file_sd_configs:
  - files:
    - foo/*.json
    refresh_interval: 5m
  static_configs:
  - targets:
    - localhost:9090
    labels:
      my: label
      your: ""
  - targets: []
    labels:
      a: b
- job_name: "12"
  honor_timestamps: true
  track_timestamps_staleness: false
  scrape_interval: 50s
  scrape_timeout: 5s
  scrape_protocols:
  - PrometheusText0.0.4
  scrape_native_histograms: false
  always_scrape_classic_histograms: false
  convert_classic_histograms_to_nhcb: false
  extra_scrape_metrics: false
  metrics_path: /metrics
  scheme: http
  enable_compression: false
  body_size_limit: 15MiB
  sample_limit: 1500
  native_histogram_min_bucket_factor: 1.1
  metric_name_validation_scheme: legacy
  metric_name_escaping_scheme: underscores
  follow_redirects: false
  enable_http2: true
storage:
  tsdb:
    outofordertimewindow: 1800000
    out_of_order_time_window: 30m
otlp:
  translation_strategy: UnderscoreEscapingWithSuffixes
  label_name_underscore_sanitization: true
  label_name_preserve_multiple_underscores: true
"#;
        let config = Config::load_str(text, Path::new(""), &|_| None).unwrap();
        assert_eq!(config.to_yaml(), want);
    }
}
