//! `metadata`, `targets/metadata`.

use std::collections::BTreeMap;

use narthex_model::Metadata;
use narthex_promql_syntax::parse_metric_selector;
use serde_json::{Value, json};

use crate::ApiError;
use crate::context::Context;
use crate::json::{push_labels, push_list, push_text};
use crate::reply::Reply;

fn number(context: &Context, name: &str) -> Result<Option<i64>, ApiError> {
    match context.params.get(name) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| ApiError::bad_data(format_args!("{name} must be a number"))),
    }
}

fn entry(metadata: &Metadata) -> Value {
    json!({ "type": metadata.metric_type.as_str(), "unit": metadata.unit, "help": metadata.help })
}

/// What the targets say about each family, every different saying once.
pub(crate) async fn metadata(context: Context) -> Result<Reply, ApiError> {
    let limit = number(&context, "limit")?.unwrap_or(-1);
    let limit_per_metric = number(&context, "limit_per_metric")?.unwrap_or(-1);
    let family = Some(context.params.get("metric")).filter(|name| !name.is_empty());
    let mut families: BTreeMap<String, Vec<Metadata>> = BTreeMap::new();
    context.handles.targets.metadata(family, &mut |said| {
        let is_known = families.contains_key(&said.family);
        if !is_known && limit >= 0 && families.len() as i64 >= limit {
            return true;
        }
        let sayings = families.entry(said.family).or_default();
        if !sayings.contains(&said.metadata) && (limit_per_metric <= 0 || (sayings.len() as i64) < limit_per_metric) {
            sayings.push(said.metadata);
        }
        true
    });
    let data: serde_json::Map<String, Value> =
        families.iter().map(|(name, list)| (name.clone(), list.iter().map(entry).collect())).collect();
    Ok(Reply::value(&data.into()))
}

/// What each target says about its families.
pub(crate) async fn target_metadata(context: Context) -> Result<Reply, ApiError> {
    let limit = match context.params.get("limit") {
        "" => -1,
        text => text.parse::<i64>().map_err(|_| ApiError::bad_data("limit must be a number"))?,
    };
    let matchers = match context.params.get("match_target") {
        "" => Vec::new(),
        text => parse_metric_selector(text).map_err(|e| ApiError::bad_data(e.to_string()))?,
    };
    let family = Some(context.params.get("metric")).filter(|name| !name.is_empty());
    let mut found = Vec::new();
    context.handles.targets.metadata(family, &mut |said| {
        if limit >= 0 && found.len() as i64 >= limit {
            return false;
        }
        if matchers.iter().all(|m| m.matches(said.target.value(m.name()))) {
            found.push(said);
        }
        true
    });
    Ok(Reply::data(|out| {
        push_list(out, &found, |out, said| {
            out.extend_from_slice(b"{\"target\":");
            push_labels(out, &said.target);
            if family.is_none() {
                out.extend_from_slice(b",\"metric\":");
                push_text(out, &said.family);
            }
            for (name, text) in [
                ("type", said.metadata.metric_type.as_str()),
                ("help", &said.metadata.help),
                ("unit", &said.metadata.unit),
            ] {
                out.extend_from_slice(format!(",\"{name}\":").as_bytes());
                push_text(out, text);
            }
            out.push(b'}');
        });
    }))
}
