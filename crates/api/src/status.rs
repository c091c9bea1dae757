//! `status/*` and `features`: what the server says of itself.

use serde_json::{Value, json};

use crate::ApiError;
use crate::context::Context;
use crate::handles::TsdbCount;
use crate::reply::Reply;
use crate::time::rfc3339_utc;

/// How long the lists of `status/tsdb` are unless asked otherwise, and at most.
const TOP_DEFAULT: usize = 10;
const TOP_MAX: usize = 10_000;

pub(crate) async fn config(context: Context) -> Result<Reply, ApiError> {
    Ok(Reply::value(&json!({ "yaml": context.handles.status.config_yaml() })))
}

pub(crate) async fn flags(context: Context) -> Result<Reply, ApiError> {
    Ok(Reply::value(&json!(context.handles.status.flags())))
}

pub(crate) async fn features(context: Context) -> Result<Reply, ApiError> {
    Ok(Reply::value(&json!(context.handles.status.features())))
}

pub(crate) fn build_info_json(context: &Context) -> Value {
    let build = context.handles.status.build_info();
    json!({
        "version": build.version,
        "revision": build.revision,
        "branch": build.branch,
        "buildUser": build.build_user,
        "buildDate": build.build_date,
        "goVersion": build.go_version,
    })
}

pub(crate) async fn build_info(context: Context) -> Result<Reply, ApiError> {
    Ok(Reply::value(&build_info_json(&context)))
}

pub(crate) async fn runtime_info(context: Context) -> Result<Reply, ApiError> {
    let info = context.handles.status.runtime_info();
    Ok(Reply::value(&json!({
        "startTime": rfc3339_utc(Some(info.start_time_ns)),
        "CWD": info.cwd,
        "hostname": info.hostname,
        "serverTime": rfc3339_utc(Some(context.handles.clock.now_ns())),
        "reloadConfigSuccess": info.is_reload_successful,
        "lastConfigTime": rfc3339_utc(Some(info.last_config_time_ms / 1000 * 1_000_000_000)),
        "corruptionCount": info.corruption_count,
        // There are no goroutines; threads come nearest to what the number is watched for.
        "goroutineCount": info.threads,
        "GOMAXPROCS": info.processors,
        "GOMEMLIMIT": i64::MAX,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": info.storage_retention,
    })))
}

pub(crate) async fn tsdb(context: Context) -> Result<Reply, ApiError> {
    let limit = match context.params.get("limit") {
        "" => TOP_DEFAULT,
        text => text
            .parse::<usize>()
            .ok()
            .filter(|limit| *limit > 0)
            .ok_or_else(|| ApiError::bad_data("limit must be a positive number"))?,
    };
    if limit > TOP_MAX {
        return Err(ApiError::bad_data(format_args!("limit must not exceed {TOP_MAX}")));
    }
    let handles = std::sync::Arc::clone(&context.handles);
    let status = Context::blocking(move || handles.status.tsdb(limit)).await?;
    let (min_time, max_time) = status.time_range_ms.unwrap_or((i64::MAX, i64::MIN));
    let list = |counts: &[TsdbCount]| {
        counts.iter().take(limit).map(|c| json!({ "name": c.name, "value": c.value })).collect::<Vec<_>>()
    };
    Ok(Reply::value(&json!({
        "headStats": {
            "numSeries": status.series,
            "numLabelPairs": status.label_pairs,
            "chunkCount": status.chunks,
            "minTime": min_time,
            "maxTime": max_time,
        },
        "seriesCountByMetricName": list(&status.series_by_metric_name),
        "labelValueCountByLabelName": list(&status.values_by_label_name),
        "memoryInBytesByLabelName": list(&status.bytes_by_label_name),
        "seriesCountByLabelValuePair": list(&status.series_by_label_pair),
    })))
}
