//! `metadata`, `targets/metadata`.

use std::collections::BTreeMap;

use narthex_model::{Labels, Matcher, Metadata};
use narthex_promql_syntax::parse_metric_selector;

use crate::context::{Context, Success, parse_int};
use crate::error::ApiError;
use crate::json::Json;
use crate::targets::Family;

/// A count of at most so many; `None` for any number.
fn count(context: &Context, name: &str) -> Result<Option<usize>, ApiError> {
    match context.params.get(name) {
        "" => Ok(None),
        text => match parse_int(text) {
            Ok(count) => Ok(usize::try_from(count).ok()),
            Err(_) => Err(ApiError::bad_data(format_args!("{name} must be a number"))),
        },
    }
}

pub(crate) fn metadata(context: &Context) -> Result<Success, ApiError> {
    let limit = count(context, "limit")?;
    let limit_per_metric = count(context, "limit_per_metric")?.filter(|limit| *limit > 0);
    let metric = Some(context.params.get("metric")).filter(|metric| !metric.is_empty());
    let mut families: BTreeMap<String, Vec<Metadata>> = BTreeMap::new();
    context.state.handles.targets.visit_metadata(metric, &mut |_, found| {
        for Family { name, metadata } in found {
            if !families.contains_key(name) {
                families.insert(name.clone(), Vec::new());
            }
            let known = families.get_mut(name).expect("it was put there");
            if limit_per_metric.is_none_or(|limit| known.len() < limit) && !known.contains(metadata) {
                known.push(metadata.clone());
            }
        }
        true
    });
    let data = move |json: &mut Json<'_>| {
        json.object(|json| {
            for (name, all) in families.iter().take(limit.unwrap_or(usize::MAX)) {
                json.key(name);
                json.array(|json| all.iter().for_each(|metadata| write_metadata(json, metadata)));
            }
        });
    };
    Ok(Success::new(data))
}

fn write_metadata(json: &mut Json<'_>, metadata: &Metadata) {
    json.object(|json| {
        json.key("type");
        json.string(metadata.metric_type.as_str());
        json.key("unit");
        json.string(&metadata.unit);
        json.key("help");
        json.string(&metadata.help);
    });
}

pub(crate) fn by_target(context: &Context) -> Result<Success, ApiError> {
    let limit = count(context, "limit")?;
    let matchers: Vec<Matcher> = match context.params.get("match_target") {
        "" => Vec::new(),
        text => parse_metric_selector(text).map_err(|error| ApiError::parameter("match_target", error))?,
    };
    let metric = Some(context.params.get("metric")).filter(|metric| !metric.is_empty());
    let mut found: Vec<(Labels, Family)> = Vec::new();
    context.state.handles.targets.visit_metadata(metric, &mut |labels, families| {
        // Asked per target, so that the answer may have more.
        if limit.is_some_and(|limit| found.len() >= limit) {
            return false;
        }
        if matchers.iter().all(|matcher| matcher.matches(labels.value(matcher.name()))) {
            found.extend(families.iter().map(|family| (labels.clone(), family.clone())));
        }
        true
    });
    let names_metric = metric.is_none();
    let data = move |json: &mut Json<'_>| {
        json.array(|json| {
            for (labels, family) in &found {
                json.object(|json| {
                    json.key("target");
                    json.labels(labels);
                    if names_metric {
                        json.key("metric");
                        json.string(&family.name);
                    }
                    json.key("type");
                    json.string(family.metadata.metric_type.as_str());
                    json.key("help");
                    json.string(&family.metadata.help);
                    json.key("unit");
                    json.string(&family.metadata.unit);
                });
            }
        });
    };
    Ok(Success::new(data))
}
