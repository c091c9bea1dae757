//! The whole file.

use std::sync::Arc;

use narthex_model::quote::quote;
use narthex_yaml::{Abort, Decode, Decoder, Node};

use super::alerting::Alerting;
use super::global::{Global, Runtime};
use super::otlp::Otlp;
use super::scrape::Scrape;
use super::storage::Storage;
use super::{decode_field, refuse_unsupported};
use crate::Config;
use crate::paths::is_file_pattern;

/// The sections that this build does not act on.
const UNSUPPORTED: [&str; 3] = ["tracing", "remote_write", "remote_read"];

/// The main file.
#[derive(Default)]
pub(crate) struct Top {
    pub(crate) config: Config,
}

impl Decode for Top {
    fn type_name() -> String {
        "config.Config".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        let mut global = Global::default();
        let mut runtime = Runtime::default();
        let mut alerting = Alerting;
        let mut storage = Storage::default();
        let mut otlp = Otlp;
        let mut rule_files: Vec<String> = Vec::new();
        let mut scrape_config_files: Vec<String> = Vec::new();
        let mut scrape_configs: Vec<Option<Scrape>> = Vec::new();
        decoder.structure(node, "config.plain", &mut |decoder, field| {
            if UNSUPPORTED.contains(&field.name) {
                return refuse_unsupported(decoder, field).map(|()| true);
            }
            Ok(decode_field!(decoder, field;
                "global" => global,
                "runtime" => runtime,
                "alerting" => alerting,
                "rule_files" => rule_files,
                "scrape_config_files" => scrape_config_files,
                "scrape_configs" => scrape_configs,
                "storage" => storage,
                "otlp" => otlp,
            ))
        })?;
        if decoder.failed_since(mark) {
            return Ok(false);
        }
        check_patterns(&rule_files, "rule file").map_err(Abort)?;
        check_patterns(&scrape_config_files, "scrape config file").map_err(Abort)?;
        let global = global.resolve().map_err(Abort)?;
        let mut config = Config {
            runtime: runtime.resolve(),
            rule_files,
            scrape_config_files,
            storage: storage.resolve(),
            ..Config::default()
        };
        for job in scrape_configs {
            let job = job.ok_or_else(|| Abort("empty or null scrape config section".into()))?;
            let job = job.resolve(&global).map_err(Abort)?;
            if config.scrape_configs.iter().any(|other| other.job_name == job.job_name) {
                return Err(Abort(format!("found multiple scrape configs with job name {}", quote(&job.job_name))));
            }
            config.scrape_configs.push(Arc::new(job));
        }
        config.global = global;
        self.config = config;
        Ok(true)
    }
}

fn check_patterns(patterns: &[String], what: &str) -> Result<(), String> {
    match patterns.iter().find(|pattern| !is_file_pattern(pattern)) {
        Some(pattern) => Err(format!("invalid {what} path {}", quote(pattern))),
        None => Ok(()),
    }
}

/// A file named by `scrape_config_files`.
#[derive(Default)]
pub(crate) struct ScrapeFile {
    pub(crate) scrape_configs: Vec<Option<Scrape>>,
}

impl Decode for ScrapeFile {
    fn type_name() -> String {
        "config.ScrapeConfigs".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        decoder.structure(node, "config.ScrapeConfigs", &mut |decoder, field| {
            Ok(decode_field!(decoder, field; "scrape_configs" => self.scrape_configs))
        })
    }
}
