//! `scrape_configs`.

use std::collections::BTreeMap;

use narthex_model::quote::quote;
use narthex_yaml::values::decode_map;
use narthex_yaml::{Abort, Decode, Decoder, Node};

use super::discovery::FileSd;
use super::relabel::Relabel;
use super::scalars::{ByteSize, Millis, Validation};
use super::{decode_field, refuse_unsupported};
use crate::{
    EscapingScheme, GlobalConfig, HttpClientConfig, ScrapeConfig, ScrapeProtocol, StaticConfig, ValidationScheme,
};

/// A job as written; zero where nothing is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrape {
    pub(crate) job_name: String,
    honor_labels: bool,
    honor_timestamps: bool,
    track_timestamps_staleness: bool,
    params: Params,
    scrape_interval: Millis,
    scrape_timeout: Millis,
    scrape_protocols: Option<Vec<String>>,
    fallback_scrape_protocol: String,
    scrape_native_histograms: Option<bool>,
    always_scrape_classic_histograms: Option<bool>,
    convert_classic_histograms_to_nhcb: Option<bool>,
    extra_scrape_metrics: Option<bool>,
    scrape_failure_log_file: String,
    metrics_path: String,
    scheme: String,
    enable_compression: bool,
    body_size_limit: ByteSize,
    sample_limit: u64,
    target_limit: u64,
    label_limit: u64,
    label_name_length_limit: u64,
    label_value_length_limit: u64,
    native_histogram_bucket_limit: u64,
    native_histogram_min_bucket_factor: f64,
    keep_dropped_targets: u64,
    metric_name_validation_scheme: Validation,
    metric_name_escaping_scheme: String,
    follow_redirects: bool,
    enable_http2: bool,
    relabel_configs: Vec<Option<Relabel>>,
    metric_relabel_configs: Vec<Option<Relabel>>,
    static_configs: Vec<Option<StaticConfig>>,
    file_sd_configs: Vec<Option<FileSd>>,
}

#[derive(Clone, Debug, Default)]
struct Params(BTreeMap<String, Vec<String>>);

impl Decode for Params {
    fn type_name() -> String {
        "url.Values".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        decode_map(&mut self.0, "url.Values", node, decoder)
    }
}

/// The keys of the HTTP client that this build does not act on.
const HTTP_CLIENT_KEYS: [&str; 11] = [
    "basic_auth",
    "authorization",
    "oauth2",
    "bearer_token",
    "bearer_token_file",
    "tls_config",
    "http_headers",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
];

pub(crate) fn is_http_client_key(name: &str) -> bool {
    HTTP_CLIENT_KEYS.contains(&name) || matches!(name, "follow_redirects" | "enable_http2")
}

/// The mechanisms of discovery that upstream knows and this build does not.
const DISCOVERY_MECHANISMS: [&str; 36] = [
    "aws",
    "azure",
    "consul",
    "digitalocean",
    "dns",
    "docker",
    "dockerswarm",
    "ec2",
    "ecs",
    "elasticache",
    "eureka",
    "gce",
    "hetzner",
    "http",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "msk",
    "nerve",
    "nomad",
    "oci",
    "openstack",
    "outscale",
    "ovhcloud",
    "puppetdb",
    "rds",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
    "file",
];

pub(crate) fn is_discovery_key(name: &str) -> bool {
    name.strip_suffix("_sd_configs").is_some_and(|mechanism| DISCOVERY_MECHANISMS.contains(&mechanism))
}

impl Decode for Scrape {
    fn type_name() -> String {
        "config.ScrapeConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        let defaults = ScrapeConfig::default();
        *self = Scrape {
            honor_timestamps: defaults.honor_timestamps,
            metrics_path: defaults.metrics_path,
            scheme: defaults.scheme,
            enable_compression: defaults.enable_compression,
            follow_redirects: defaults.http_client.follow_redirects,
            enable_http2: defaults.http_client.enable_http2,
            ..Scrape::default()
        };
        decoder.structure(node, "config.ScrapeConfig", &mut |decoder, field| {
            let is_known = decode_field!(decoder, field;
                "job_name" => self.job_name,
                "honor_labels" => self.honor_labels,
                "honor_timestamps" => self.honor_timestamps,
                "track_timestamps_staleness" => self.track_timestamps_staleness,
                "params" => self.params,
                "scrape_interval" => self.scrape_interval,
                "scrape_timeout" => self.scrape_timeout,
                "scrape_protocols" => self.scrape_protocols,
                "fallback_scrape_protocol" => self.fallback_scrape_protocol,
                "scrape_native_histograms" => self.scrape_native_histograms,
                "always_scrape_classic_histograms" => self.always_scrape_classic_histograms,
                "convert_classic_histograms_to_nhcb" => self.convert_classic_histograms_to_nhcb,
                "extra_scrape_metrics" => self.extra_scrape_metrics,
                "scrape_failure_log_file" => self.scrape_failure_log_file,
                "metrics_path" => self.metrics_path,
                "scheme" => self.scheme,
                "enable_compression" => self.enable_compression,
                "body_size_limit" => self.body_size_limit,
                "sample_limit" => self.sample_limit,
                "target_limit" => self.target_limit,
                "label_limit" => self.label_limit,
                "label_name_length_limit" => self.label_name_length_limit,
                "label_value_length_limit" => self.label_value_length_limit,
                "native_histogram_bucket_limit" => self.native_histogram_bucket_limit,
                "native_histogram_min_bucket_factor" => self.native_histogram_min_bucket_factor,
                "keep_dropped_targets" => self.keep_dropped_targets,
                "metric_name_validation_scheme" => self.metric_name_validation_scheme,
                "metric_name_escaping_scheme" => self.metric_name_escaping_scheme,
                "follow_redirects" => self.follow_redirects,
                "enable_http2" => self.enable_http2,
                "relabel_configs" => self.relabel_configs,
                "metric_relabel_configs" => self.metric_relabel_configs,
                "static_configs" => self.static_configs,
                "file_sd_configs" => self.file_sd_configs,
            );
            if !is_known && (is_http_client_key(field.name) || is_discovery_key(field.name)) {
                return refuse_unsupported(decoder, field).map(|()| true);
            }
            Ok(is_known)
        })?;
        if decoder.failed_since(mark) {
            return Ok(false);
        }
        self.check().map_err(Abort)?;
        Ok(true)
    }
}

impl Scrape {
    /// The checks made while decoding, in upstream's order.
    fn check(&self) -> Result<(), String> {
        if self.static_configs.iter().any(Option::is_none) {
            return Err("empty or null section in static_configs".into());
        }
        if self.file_sd_configs.iter().any(Option::is_none) {
            return Err("empty or null section in file_sd_configs".into());
        }
        if self.job_name.is_empty() {
            return Err("job_name is empty".into());
        }
        if self.relabel_configs.is_empty() {
            let mut targets = self.static_configs.iter().flatten().flat_map(|group| &group.targets);
            if let Some(target) = targets.find(|target| target.contains('/')) {
                return Err(format!("{} is not a valid hostname", quote(target)));
            }
        }
        if self.relabel_configs.iter().any(Option::is_none) {
            return Err("empty or null target relabeling rule in scrape config".into());
        }
        if self.metric_relabel_configs.iter().any(Option::is_none) {
            return Err("empty or null metric relabeling rule in scrape config".into());
        }
        Ok(())
    }

    /// The typed job, with what it inherits from `global`.
    pub(crate) fn resolve(self, global: &GlobalConfig) -> Result<ScrapeConfig, String> {
        let for_job = format!("for scrape config with job name {}", quote(&self.job_name));
        let own_or = |own: u64, inherited: u64| if own == 0 { inherited } else { own };

        let scrape_interval_ms = match self.scrape_interval.0 {
            0 => global.scrape_interval_ms,
            own => own,
        };
        if self.scrape_timeout.0 > scrape_interval_ms {
            return Err(format!("scrape timeout greater than scrape interval {for_job}"));
        }
        let scrape_timeout_ms = match self.scrape_timeout.0 {
            0 => global.scrape_timeout_ms.min(scrape_interval_ms),
            own => own,
        };
        let scrape_native_histograms = self.scrape_native_histograms.unwrap_or(global.scrape_native_histograms);
        let scrape_protocols = match &self.scrape_protocols {
            Some(names) => parse_protocols(names).map_err(|error| format!("{error} {for_job}"))?,
            None if !global.scrape_protocols.is_empty() => global.scrape_protocols.clone(),
            None if scrape_native_histograms => ScrapeProtocol::PROTO_FIRST.to_vec(),
            None => ScrapeProtocol::DEFAULT.to_vec(),
        };
        let fallback_scrape_protocol = match self.fallback_scrape_protocol.as_str() {
            "" => None,
            name => Some(
                parse_protocol(name).map_err(|error| format!("invalid fallback_scrape_protocol {for_job}: {error}"))?,
            ),
        };
        let own_validation = self.metric_name_validation_scheme.0;
        let validation = own_validation.unwrap_or(global.metric_name_validation_scheme);
        let escaping = match self.metric_name_escaping_scheme.as_str() {
            "" if own_validation.is_some() => default_escaping(validation),
            "" => global
                .metric_name_escaping_scheme
                .unwrap_or_else(|| default_escaping(global.metric_name_validation_scheme)),
            name => parse_escaping(name, "scrape config")?,
        };
        if escaping == EscapingScheme::AllowUtf8 && validation == ValidationScheme::Legacy {
            return Err("utf8 metric names requested but validation scheme is not set to UTF8".into());
        }
        Ok(ScrapeConfig {
            job_name: self.job_name,
            scrape_interval_ms,
            scrape_timeout_ms,
            scrape_protocols,
            fallback_scrape_protocol,
            scrape_native_histograms,
            convert_classic_histograms_to_nhcb: self
                .convert_classic_histograms_to_nhcb
                .unwrap_or(global.convert_classic_histograms_to_nhcb),
            always_scrape_classic_histograms: self
                .always_scrape_classic_histograms
                .unwrap_or(global.always_scrape_classic_histograms),
            extra_scrape_metrics: self.extra_scrape_metrics.unwrap_or(global.extra_scrape_metrics),
            metrics_path: self.metrics_path,
            scheme: self.scheme,
            params: self.params.0,
            honor_labels: self.honor_labels,
            honor_timestamps: self.honor_timestamps,
            track_timestamps_staleness: self.track_timestamps_staleness,
            enable_compression: self.enable_compression,
            body_size_limit: own_or(u64::try_from(self.body_size_limit.0).unwrap_or(0), global.body_size_limit),
            sample_limit: own_or(self.sample_limit, global.sample_limit),
            target_limit: own_or(self.target_limit, global.target_limit),
            label_limit: own_or(self.label_limit, global.label_limit),
            label_name_length_limit: own_or(self.label_name_length_limit, global.label_name_length_limit),
            label_value_length_limit: own_or(self.label_value_length_limit, global.label_value_length_limit),
            native_histogram_bucket_limit: self.native_histogram_bucket_limit,
            native_histogram_min_bucket_factor: self.native_histogram_min_bucket_factor,
            keep_dropped_targets: own_or(self.keep_dropped_targets, global.keep_dropped_targets),
            metric_name_validation_scheme: validation,
            metric_name_escaping_scheme: escaping,
            scrape_failure_log_file: if self.scrape_failure_log_file.is_empty() {
                global.scrape_failure_log_file.clone()
            } else {
                self.scrape_failure_log_file
            },
            http_client: HttpClientConfig { follow_redirects: self.follow_redirects, enable_http2: self.enable_http2 },
            static_configs: self.static_configs.into_iter().flatten().collect(),
            file_sd_configs: self.file_sd_configs.into_iter().flatten().map(FileSd::resolve).collect(),
            relabel_configs: resolve_rules(self.relabel_configs, validation)?,
            metric_relabel_configs: resolve_rules(self.metric_relabel_configs, validation)?,
        })
    }
}

fn resolve_rules(
    rules: Vec<Option<Relabel>>,
    scheme: ValidationScheme,
) -> Result<Vec<narthex_model::relabel::Config>, String> {
    rules.into_iter().flatten().map(|rule| rule.resolve(scheme)).collect()
}

fn default_escaping(scheme: ValidationScheme) -> EscapingScheme {
    match scheme {
        ValidationScheme::Utf8 => EscapingScheme::AllowUtf8,
        ValidationScheme::Legacy => EscapingScheme::Underscores,
    }
}

pub(crate) fn parse_escaping(name: &str, whose: &str) -> Result<EscapingScheme, String> {
    EscapingScheme::from_name(name).ok_or_else(|| {
        format!(
            "unknown {whose} name escaping method specified, must be one of 'allow-utf-8', 'underscores', 'dots', or \
             'values', got {}",
            quote(name)
        )
    })
}

/// A list of protocols: not empty, each known and given once.
pub(crate) fn parse_protocols(names: &[String]) -> Result<Vec<ScrapeProtocol>, String> {
    if names.is_empty() {
        return Err("scrape_protocols cannot be empty".into());
    }
    let mut protocols = Vec::new();
    for (i, name) in names.iter().enumerate() {
        if names[..i].iter().any(|earlier| earlier.to_lowercase() == name.to_lowercase()) {
            return Err(format!("duplicated protocol in scrape_protocols, got [{}]", names.join(" ")));
        }
        protocols.push(parse_protocol(name).map_err(|error| format!("scrape_protocols: {error}"))?);
    }
    Ok(protocols)
}

fn parse_protocol(name: &str) -> Result<ScrapeProtocol, String> {
    ScrapeProtocol::from_name(name).ok_or_else(|| {
        let supported = ScrapeProtocol::ALL.map(ScrapeProtocol::as_str).join(" ");
        format!("unknown scrape protocol {name}, supported: [{supported}]")
    })
}
