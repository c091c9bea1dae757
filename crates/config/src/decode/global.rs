//! `global`, `runtime`.

use std::collections::BTreeMap;

use narthex_model::quote::quote;
use narthex_yaml::{Abort, Decode, Decoder, Node};

use super::decode_field;
use super::scalars::{ByteSize, Millis, Validation};
use super::scrape::{parse_escaping, parse_protocols};
use crate::{GlobalConfig, RuntimeConfig};

/// The `global` block as written; zero where nothing is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Global {
    scrape_interval: Millis,
    scrape_timeout: Millis,
    scrape_protocols: Option<Vec<String>>,
    evaluation_interval: Millis,
    rule_query_offset: Millis,
    query_log_file: String,
    scrape_failure_log_file: String,
    external_labels: BTreeMap<String, String>,
    body_size_limit: ByteSize,
    sample_limit: u64,
    target_limit: u64,
    label_limit: u64,
    label_name_length_limit: u64,
    label_value_length_limit: u64,
    keep_dropped_targets: u64,
    metric_name_validation_scheme: Validation,
    metric_name_escaping_scheme: String,
    scrape_native_histograms: bool,
    convert_classic_histograms_to_nhcb: bool,
    always_scrape_classic_histograms: bool,
    extra_scrape_metrics: bool,
}

impl Decode for Global {
    fn type_name() -> String {
        "config.plain".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        *self = Global::default();
        decoder.structure(node, "config.plain", &mut |decoder, field| {
            Ok(decode_field!(decoder, field;
                "scrape_interval" => self.scrape_interval,
                "scrape_timeout" => self.scrape_timeout,
                "scrape_protocols" => self.scrape_protocols,
                "evaluation_interval" => self.evaluation_interval,
                "rule_query_offset" => self.rule_query_offset,
                "query_log_file" => self.query_log_file,
                "scrape_failure_log_file" => self.scrape_failure_log_file,
                "external_labels" => self.external_labels,
                "body_size_limit" => self.body_size_limit,
                "sample_limit" => self.sample_limit,
                "target_limit" => self.target_limit,
                "label_limit" => self.label_limit,
                "label_name_length_limit" => self.label_name_length_limit,
                "label_value_length_limit" => self.label_value_length_limit,
                "keep_dropped_targets" => self.keep_dropped_targets,
                "metric_name_validation_scheme" => self.metric_name_validation_scheme,
                "metric_name_escaping_scheme" => self.metric_name_escaping_scheme,
                "scrape_native_histograms" => self.scrape_native_histograms,
                "convert_classic_histograms_to_nhcb" => self.convert_classic_histograms_to_nhcb,
                "always_scrape_classic_histograms" => self.always_scrape_classic_histograms,
                "extra_scrape_metrics" => self.extra_scrape_metrics,
            ))
        })?;
        if decoder.failed_since(mark) {
            return Ok(false);
        }
        self.check().map_err(Abort)?;
        Ok(true)
    }
}

impl Global {
    /// The checks made while decoding, in upstream's order.
    fn check(&mut self) -> Result<(), String> {
        let scheme = self.metric_name_validation_scheme.0.unwrap_or_default();
        for name in self.external_labels.keys() {
            if !scheme.is_label_name(name) {
                return Err(format!("{} is not a valid label name", quote(name)));
            }
        }
        let defaults = GlobalConfig::default();
        if self.scrape_interval.0 == 0 {
            self.scrape_interval.0 = defaults.scrape_interval_ms;
        }
        if self.scrape_timeout > self.scrape_interval {
            return Err("global scrape timeout greater than scrape interval".into());
        }
        if self.scrape_timeout.0 == 0 {
            self.scrape_timeout.0 = defaults.scrape_timeout_ms.min(self.scrape_interval.0);
        }
        if self.evaluation_interval.0 == 0 {
            self.evaluation_interval.0 = defaults.evaluation_interval_ms;
        }
        if let Some(protocols) = &self.scrape_protocols {
            parse_protocols(protocols).map_err(|error| format!("{error} for global config"))?;
        }
        Ok(())
    }

    /// The typed block. A block that says nothing is one that is not there.
    pub(crate) fn resolve(self) -> Result<GlobalConfig, String> {
        if self == Global::default() {
            return Ok(GlobalConfig::default());
        }
        let escaping = match self.metric_name_escaping_scheme.as_str() {
            "" => None,
            name => Some(parse_escaping(name, "global")?),
        };
        Ok(GlobalConfig {
            scrape_interval_ms: self.scrape_interval.0,
            scrape_timeout_ms: self.scrape_timeout.0,
            scrape_protocols: parse_protocols(&self.scrape_protocols.unwrap_or_default()).unwrap_or_default(),
            evaluation_interval_ms: self.evaluation_interval.0,
            rule_query_offset_ms: self.rule_query_offset.0,
            query_log_file: self.query_log_file,
            scrape_failure_log_file: self.scrape_failure_log_file,
            external_labels: self.external_labels,
            body_size_limit: u64::try_from(self.body_size_limit.0).unwrap_or(0),
            sample_limit: self.sample_limit,
            target_limit: self.target_limit,
            label_limit: self.label_limit,
            label_name_length_limit: self.label_name_length_limit,
            label_value_length_limit: self.label_value_length_limit,
            keep_dropped_targets: self.keep_dropped_targets,
            metric_name_validation_scheme: self.metric_name_validation_scheme.0.unwrap_or_default(),
            metric_name_escaping_scheme: escaping,
            scrape_native_histograms: self.scrape_native_histograms,
            convert_classic_histograms_to_nhcb: self.convert_classic_histograms_to_nhcb,
            always_scrape_classic_histograms: self.always_scrape_classic_histograms,
            extra_scrape_metrics: self.extra_scrape_metrics,
        })
    }
}

/// The `runtime` block as written; zero where nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Runtime {
    gogc: i64,
}

impl Decode for Runtime {
    fn type_name() -> String {
        "config.RuntimeConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        decoder.structure(node, "config.RuntimeConfig", &mut |decoder, field| {
            Ok(decode_field!(decoder, field; "gogc" => self.gogc))
        })
    }
}

impl Runtime {
    /// The typed block. A block that says nothing is one that is not there.
    pub(crate) fn resolve(self) -> RuntimeConfig {
        if self.gogc == 0 { RuntimeConfig::default() } else { RuntimeConfig { gogc: self.gogc } }
    }
}
