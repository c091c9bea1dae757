//! `targets`, `scrape_pools`.

use std::collections::BTreeMap;
use std::time::Duration;

use narthex_model::duration::format_duration;
use serde_json::json;

use crate::ApiError;
use crate::context::Context;
use crate::handles::{ActiveTarget, DroppedTarget};
use crate::json::{push_labels, push_list, push_text, push_value};
use crate::reply::Reply;
use crate::time::rfc3339_local;

pub(crate) async fn targets(context: Context) -> Result<Reply, ApiError> {
    let state = context.url_params.get("state").to_lowercase();
    let pool = context.url_params.get("scrapePool");
    let wants = |kind: &str| matches!(state.as_str(), "" | "any") || state == kind;
    let targets = &context.handles.targets;
    let mut active = Vec::new();
    if wants("active") {
        active = targets.active();
        active.retain(|target| pool.is_empty() || target.scrape_pool == pool);
    }
    let mut dropped = Vec::new();
    let mut counts: Option<BTreeMap<String, usize>> = None;
    if wants("dropped") {
        dropped = targets.dropped();
        dropped.retain(|target| pool.is_empty() || target.scrape_pool == pool);
        counts = Some(targets.dropped_counts());
    }
    Ok(Reply::data(|out| {
        out.extend_from_slice(b"{\"activeTargets\":");
        push_list(out, &active, push_active);
        out.extend_from_slice(b",\"droppedTargets\":");
        push_list(out, &dropped, push_dropped);
        out.extend_from_slice(b",\"droppedTargetCounts\":");
        push_value(out, &json!(counts));
        out.push(b'}');
    }))
}

fn push_active(out: &mut Vec<u8>, target: &ActiveTarget) {
    out.extend_from_slice(b"{\"discoveredLabels\":");
    push_labels(out, &target.discovered_labels);
    out.extend_from_slice(b",\"labels\":");
    push_labels(out, &target.labels);
    for (name, text) in [
        ("scrapePool", target.scrape_pool.as_str()),
        ("scrapeUrl", &target.scrape_url),
        ("globalUrl", &target.global_url),
        ("lastError", &target.last_error),
        ("lastScrape", &rfc3339_local(target.last_scrape_ns)),
    ] {
        push_field(out, name, |out| push_text(out, text));
    }
    push_field(out, "lastScrapeDuration", |out| push_value(out, &seconds(target.last_scrape_duration)));
    push_field(out, "health", |out| push_text(out, target.health.as_str()));
    push_field(out, "scrapeInterval", |out| push_text(out, &format_duration(target.interval_ms)));
    push_field(out, "scrapeTimeout", |out| push_text(out, &format_duration(target.timeout_ms)));
    out.push(b'}');
}

fn push_field(out: &mut Vec<u8>, name: &str, push: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(format!(",\"{name}\":").as_bytes());
    push(out);
}

fn push_dropped(out: &mut Vec<u8>, target: &DroppedTarget) {
    out.extend_from_slice(b"{\"discoveredLabels\":");
    push_labels(out, &target.discovered_labels);
    push_field(out, "scrapePool", |out| push_text(out, &target.scrape_pool));
    out.push(b'}');
}

/// Seconds as a JSON number; whole ones without a decimal point, as Go prints them.
fn seconds(duration: Duration) -> serde_json::Value {
    if duration.subsec_nanos() == 0 { duration.as_secs().into() } else { duration.as_secs_f64().into() }
}

pub(crate) async fn scrape_pools(context: Context) -> Result<Reply, ApiError> {
    Ok(Reply::value(&json!({ "scrapePools": context.handles.targets.pools() })))
}
