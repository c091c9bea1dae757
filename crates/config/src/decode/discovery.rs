//! `static_configs`, `file_sd_configs`.

use std::collections::BTreeMap;

use narthex_model::quote::quote;
use narthex_yaml::values::decode_map;
use narthex_yaml::{Abort, Decode, Decoder, Node};

use super::decode_field;
use super::scalars::Millis;
use crate::{FileSdConfig, StaticConfig};

/// The name Go prints for the structure without a name that upstream decodes into.
const GROUP_TYPE: &str =
    "struct { Targets []string \"yaml:\\\"targets\\\"\"; Labels model.LabelSet \"yaml:\\\"labels\\\"\" }";

/// Labels by name; names are checked.
#[derive(Default)]
struct LabelSet(BTreeMap<String, String>);

impl Decode for LabelSet {
    fn type_name() -> String {
        "model.LabelSet".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let good = decode_map(&mut self.0, "model.LabelSet", node, decoder)?;
        if self.0.contains_key("") {
            return Err(Abort(format!("{} is not a valid label name", quote(""))));
        }
        Ok(good)
    }
}

impl Decode for StaticConfig {
    fn type_name() -> String {
        "targetgroup.Group".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        let mut labels = LabelSet::default();
        decoder.structure(node, GROUP_TYPE, &mut |decoder, field| {
            Ok(decode_field!(decoder, field; "targets" => self.targets, "labels" => labels))
        })?;
        self.labels = labels.0;
        Ok(!decoder.failed_since(mark))
    }
}

/// One entry of `file_sd_configs` as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileSd {
    files: Vec<String>,
    refresh_interval: Millis,
}

impl Decode for FileSd {
    fn type_name() -> String {
        "file.SDConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        self.refresh_interval = Millis(FileSdConfig::default().refresh_interval_ms);
        decoder.structure(node, "file.plain", &mut |decoder, field| {
            Ok(decode_field!(decoder, field; "files" => self.files, "refresh_interval" => self.refresh_interval))
        })?;
        if decoder.failed_since(mark) {
            return Ok(false);
        }
        if self.files.is_empty() {
            return Err(Abort("file service discovery config must contain at least one path name".into()));
        }
        if let Some(bad) = self.files.iter().find(|name| !is_discovery_file(name)) {
            return Err(Abort(format!("path name {} is not valid for file discovery", quote(bad))));
        }
        Ok(true)
    }
}

impl FileSd {
    pub(crate) fn resolve(self) -> FileSdConfig {
        FileSdConfig { files: self.files, refresh_interval_ms: self.refresh_interval.0 }
    }
}

/// `^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$`
fn is_discovery_file(name: &str) -> bool {
    const EXTENSIONS: [&str; 6] = [".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"];
    EXTENSIONS.iter().filter_map(|extension| name.strip_suffix(extension)).any(crate::paths::is_file_pattern)
}
