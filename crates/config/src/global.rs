//! What holds for all jobs.

use std::collections::BTreeMap;

use crate::{EscapingScheme, ScrapeProtocol, ValidationScheme};

/// The `global` block, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct GlobalConfig {
    /// How often targets are scraped, in milliseconds; never 0.
    pub scrape_interval_ms: i64,
    /// How long a scrape may take, in milliseconds; at most the interval.
    pub scrape_timeout_ms: i64,
    /// The formats to ask for, the most wanted first; empty when not given.
    pub scrape_protocols: Vec<ScrapeProtocol>,
    /// How often rules are evaluated, in milliseconds; never 0. Also the default
    /// step of sub-queries.
    pub evaluation_interval_ms: i64,
    /// How far in the past rules are evaluated, in milliseconds.
    pub rule_query_offset_ms: i64,
    /// Where queries are logged; empty for nowhere.
    pub query_log_file: String,
    /// Where failed scrapes are logged; empty for nowhere.
    pub scrape_failure_log_file: String,
    /// Labels for what leaves this server, environment variables expanded, by
    /// name. Values may be empty.
    pub external_labels: BTreeMap<String, String>,
    /// Longest body of a scrape in bytes, uncompressed; 0 for any.
    pub body_size_limit: u64,
    /// Most samples of a scrape after relabelling; 0 for any number.
    pub sample_limit: u64,
    /// Most targets of a job after relabelling; 0 for any number.
    pub target_limit: u64,
    /// Most labels of a sample; 0 for any number.
    pub label_limit: u64,
    /// Longest label name in bytes; 0 for any.
    pub label_name_length_limit: u64,
    /// Longest label value in bytes; 0 for any.
    pub label_value_length_limit: u64,
    /// Most dropped targets to remember for each job; 0 for all.
    pub keep_dropped_targets: u64,
    /// Which names metrics and labels may have.
    pub metric_name_validation_scheme: ValidationScheme,
    /// How targets are asked to write other names; `None` when a given block does
    /// not say: then as the validation scheme suggests.
    pub metric_name_escaping_scheme: Option<EscapingScheme>,
    /// Whether native histograms are scraped.
    pub scrape_native_histograms: bool,
    /// Whether classic histograms are stored as native ones with custom buckets.
    pub convert_classic_histograms_to_nhcb: bool,
    /// Whether a classic histogram is scraped beside its native one.
    pub always_scrape_classic_histograms: bool,
    /// Whether a scrape adds samples about its limits and body size.
    pub extra_scrape_metrics: bool,
}

impl Default for GlobalConfig {
    fn default() -> GlobalConfig {
        GlobalConfig {
            scrape_interval_ms: 60_000,
            scrape_timeout_ms: 10_000,
            scrape_protocols: Vec::new(),
            evaluation_interval_ms: 60_000,
            rule_query_offset_ms: 0,
            query_log_file: String::new(),
            scrape_failure_log_file: String::new(),
            external_labels: BTreeMap::new(),
            body_size_limit: 0,
            sample_limit: 0,
            target_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            keep_dropped_targets: 0,
            metric_name_validation_scheme: ValidationScheme::Utf8,
            metric_name_escaping_scheme: Some(EscapingScheme::AllowUtf8),
            scrape_native_histograms: false,
            convert_classic_histograms_to_nhcb: false,
            always_scrape_classic_histograms: false,
            extra_scrape_metrics: false,
        }
    }
}
