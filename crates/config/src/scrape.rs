//! One job.

use std::collections::BTreeMap;

use narthex_model::relabel;

use crate::{EscapingScheme, FileSdConfig, HttpClientConfig, ScrapeProtocol, StaticConfig, ValidationScheme};

/// One entry of `scrape_configs`. After loading nothing is left to inherit: what
/// the job does not set comes from `global` or the default. Two configurations
/// that compare equal need no restart of the job's scrape loops.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeConfig {
    /// The job's name, unique.
    pub job_name: String,
    /// How often targets are scraped, in milliseconds; never 0.
    pub scrape_interval_ms: i64,
    /// How long a scrape may take, in milliseconds; at most the interval.
    pub scrape_timeout_ms: i64,
    /// The formats to ask for, the most wanted first; never empty.
    pub scrape_protocols: Vec<ScrapeProtocol>,
    /// What an answer is taken for that does not say what it is.
    pub fallback_scrape_protocol: Option<ScrapeProtocol>,
    /// Whether native histograms are scraped.
    pub scrape_native_histograms: bool,
    /// Whether classic histograms are stored as native ones with custom buckets.
    pub convert_classic_histograms_to_nhcb: bool,
    /// Whether a classic histogram is scraped beside its native one.
    pub always_scrape_classic_histograms: bool,
    /// Whether a scrape adds samples about its limits and body size.
    pub extra_scrape_metrics: bool,
    /// The path to scrape.
    pub metrics_path: String,
    /// `http` or `https`; not checked.
    pub scheme: String,
    /// Parameters of the request, by name.
    pub params: BTreeMap<String, Vec<String>>,
    /// Whether a label of the target's own wins over ours of the same name; else
    /// it is kept as `exported_<name>`.
    pub honor_labels: bool,
    /// Whether timestamps of the target's own are taken over.
    pub honor_timestamps: bool,
    /// Whether series with timestamps of their own get staleness markers.
    pub track_timestamps_staleness: bool,
    /// Whether the target may answer with a compressed body.
    pub enable_compression: bool,
    /// Longest body in bytes, uncompressed; 0 for any.
    pub body_size_limit: u64,
    /// Most samples of a scrape after relabelling; 0 for any number.
    pub sample_limit: u64,
    /// Most targets after relabelling; 0 for any number.
    pub target_limit: u64,
    /// Most labels of a sample; 0 for any number.
    pub label_limit: u64,
    /// Longest label name in bytes; 0 for any.
    pub label_name_length_limit: u64,
    /// Longest label value in bytes; 0 for any.
    pub label_value_length_limit: u64,
    /// Most buckets of a native histogram; 0 for any number.
    pub native_histogram_bucket_limit: u64,
    /// Native histograms with finer buckets are coarsened to this growth factor; 0 for never.
    pub native_histogram_min_bucket_factor: f64,
    /// Most dropped targets to remember; 0 for all.
    pub keep_dropped_targets: u64,
    /// Which names metrics and labels may have.
    pub metric_name_validation_scheme: ValidationScheme,
    /// How the target is asked to write other names.
    pub metric_name_escaping_scheme: EscapingScheme,
    /// Where failed scrapes are logged; empty for nowhere.
    pub scrape_failure_log_file: String,
    /// How targets are spoken to.
    pub http_client: HttpClientConfig,
    /// Targets written out in the file. Together they are one provider; a
    /// group's source is its index.
    pub static_configs: Vec<StaticConfig>,
    /// Targets from files.
    pub file_sd_configs: Vec<FileSdConfig>,
    /// What is done to the labels of a target before it is scraped, or dropped.
    pub relabel_configs: Vec<relabel::Config>,
    /// What is done to the labels of a sample before it is stored, or dropped.
    pub metric_relabel_configs: Vec<relabel::Config>,
}

impl Default for ScrapeConfig {
    fn default() -> ScrapeConfig {
        ScrapeConfig {
            job_name: String::new(),
            scrape_interval_ms: 60_000,
            scrape_timeout_ms: 10_000,
            scrape_protocols: ScrapeProtocol::DEFAULT.to_vec(),
            fallback_scrape_protocol: None,
            scrape_native_histograms: false,
            convert_classic_histograms_to_nhcb: false,
            always_scrape_classic_histograms: false,
            extra_scrape_metrics: false,
            metrics_path: "/metrics".into(),
            scheme: "http".into(),
            params: BTreeMap::new(),
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            enable_compression: true,
            body_size_limit: 0,
            sample_limit: 0,
            target_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            native_histogram_bucket_limit: 0,
            native_histogram_min_bucket_factor: 0.0,
            keep_dropped_targets: 0,
            metric_name_validation_scheme: ValidationScheme::Utf8,
            metric_name_escaping_scheme: EscapingScheme::AllowUtf8,
            scrape_failure_log_file: String::new(),
            http_client: HttpClientConfig::default(),
            static_configs: Vec::new(),
            file_sd_configs: Vec::new(),
            relabel_configs: Vec::new(),
            metric_relabel_configs: Vec::new(),
        }
    }
}
