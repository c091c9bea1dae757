//! `alerting`: accepted only where it sends nothing to anybody, as in the
//! configuration that upstream is delivered with.

use narthex_yaml::{Abort, Decode, Decoder, Field, Node};

use super::{decode_field, refuse_unsupported};
use crate::StaticConfig;

/// The `alerting` block: nothing is kept of it.
#[derive(Default)]
pub(crate) struct Alerting;

impl Decode for Alerting {
    fn type_name() -> String {
        "config.plain".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        decoder.structure(node, "config.plain", &mut |decoder, field| match field.name {
            "alertmanagers" => check_alertmanagers(decoder, field).map(|()| true),
            "alert_relabel_configs" => refuse_unsupported(decoder, field).map(|()| true),
            _ => Ok(false),
        })
    }
}

fn check_alertmanagers(decoder: &mut Decoder, list: Field<'_>) -> Result<(), Abort> {
    let mut alertmanagers: Vec<Option<Alertmanager>> = Vec::new();
    decoder.decode(list.value, &mut alertmanagers)?;
    if alertmanagers.iter().any(Option::is_none) {
        return Err(Abort("empty or null Alertmanager config section".into()));
    }
    if alertmanagers.iter().flatten().any(|alertmanager| alertmanager.has_targets) {
        return refuse_unsupported(decoder, list);
    }
    Ok(())
}

#[derive(Default)]
struct Alertmanager {
    has_targets: bool,
}

impl Decode for Alertmanager {
    fn type_name() -> String {
        "config.AlertmanagerConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mut groups: Vec<Option<StaticConfig>> = Vec::new();
        decoder.structure(node, "config.AlertmanagerConfig", &mut |decoder, field| {
            if decode_field!(decoder, field; "static_configs" => groups) {
                return Ok(true);
            }
            let is_known = super::scrape::is_http_client_key(field.name)
                || super::scrape::is_discovery_key(field.name)
                || [
                    "sigv4",
                    "scheme",
                    "path_prefix",
                    "timeout",
                    "api_version",
                    "relabel_configs",
                    "alert_relabel_configs",
                ]
                .contains(&field.name);
            if is_known {
                refuse_unsupported(decoder, field)?;
            }
            Ok(is_known)
        })?;
        self.has_targets = groups.iter().flatten().any(|group| !group.targets.is_empty());
        Ok(true)
    }
}
