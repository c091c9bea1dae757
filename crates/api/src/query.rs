//! `query`, `query_range`, `format_query`, `parse_query`.

use std::io::Write;
use std::time::Duration;

use narthex_promql::QueryError;
use narthex_promql::api::{Answer, CancelToken, QueryRange, Request, Stats, Value};
use narthex_promql_syntax::{parse_expr, pretty};
use serde_json::json;

use crate::context::Context;
use crate::json::{push_value, write_result};
use crate::reply::{Notes, Reply};
use crate::time::{parse_duration_param, parse_time};
use crate::{ApiError, ErrorKind};

/// The most points that a range query may ask of one series.
const POINTS_MAX: i64 = 11_000;

pub(crate) async fn query(context: Context) -> Result<Reply, ApiError> {
    let limit = limit(&context)?;
    let time_ms = match context.params.get("time") {
        "" => context.handles.clock.now_ms(),
        text => {
            parse_time(text).map_err(|e| ApiError::param("time", format_args!("invalid time value for 'time': {e}")))?
        }
    };
    run(context, QueryRange::Instant { time_ms }, limit).await
}

pub(crate) async fn query_range(context: Context) -> Result<Reply, ApiError> {
    let limit = limit(&context)?;
    let time = |name: &str| parse_time(context.params.get(name)).map_err(|e| ApiError::param(name, e));
    let (start_ms, end_ms) = (time("start")?, time("end")?);
    if end_ms < start_ms {
        return Err(ApiError::param("end", "end timestamp must not be before start time"));
    }
    let step_ms = parse_duration_param(context.params.get("step")).map_err(|e| ApiError::param("step", e))?;
    if parse_duration_param(context.params.get("step")).is_ok_and(|ms| ms < 0) || is_zero(context.params.get("step")) {
        return Err(ApiError::param(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if step_ms == 0 {
        return Err(ApiError {
            kind: ErrorKind::Execution,
            message: "unexpected error: runtime error: integer divide by zero".into(),
        });
    }
    if end_ms.saturating_sub(start_ms) / step_ms > POINTS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    run(context, QueryRange::Range { start_ms, end_ms, step_ms }, limit).await
}

/// Whether a step that parsed is nothing at all, and not merely below a millisecond.
fn is_zero(step: &str) -> bool {
    narthex_model::float::parse_float(step).map_or(step == "0" || step == "0s", |seconds| seconds == 0.0)
}

/// Ends a query whose client has gone away.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

async fn run(context: Context, range: QueryRange, limit: usize) -> Result<Reply, ApiError> {
    let params = &context.params;
    let mut request = Request::new(params.get("query"), range);
    if let text @ [_, ..] = params.get("timeout").as_bytes() {
        let text = String::from_utf8_lossy(text);
        let ms = parse_duration_param(&text).map_err(|e| ApiError::param("timeout", e))?;
        request.timeout = Some(Duration::from_millis(ms.max(0).unsigned_abs()));
    }
    if !params.get("lookback_delta").is_empty() {
        let ms = parse_duration_param(params.get("lookback_delta"))
            .map_err(|e| ApiError::bad_data(format_args!("error parsing lookback delta duration: {e}")))?;
        request.lookback_delta_ms = (ms > 0).then_some(ms);
    }
    let stats = params.get("stats").to_owned();
    request.per_step_stats = stats == "all";

    let _cancel = CancelOnDrop(request.cancel.clone());
    let handles = std::sync::Arc::clone(&context.handles);
    let answer: Result<Answer, QueryError> =
        Context::blocking(move || handles.engine.execute(&*handles.storage, &request)).await?;
    let mut answer = answer?;
    let mut warnings = Vec::new();
    if !matches!(stats.as_str(), "" | "true" | "all") {
        warnings.push(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\"",
            narthex_model::quote::quote(&stats)
        ));
    }
    if truncate(&mut answer.value, limit) {
        warnings.push("results truncated due to limit".into());
    }
    Ok(reply(answer, !stats.is_empty()).with_warnings(warnings))
}

fn reply(answer: Answer, with_stats: bool) -> Reply {
    let notes = Notes { warnings: answer.warnings, infos: answer.infos };
    let (value, stats) = (answer.value, answer.stats);
    let write = Box::new(move |to: &mut dyn Write| {
        let result_type = match value {
            Value::Scalar { .. } => "scalar",
            Value::String { .. } => "string",
            Value::Vector(_) => "vector",
            Value::Matrix(_) => "matrix",
        };
        write!(to, "{{\"resultType\":\"{result_type}\",\"result\":")?;
        write_result(to, &value)?;
        if with_stats {
            let mut out = b",\"stats\":".to_vec();
            push_value(&mut out, &stats_json(&stats));
            to.write_all(&out)?;
        }
        to.write_all(b"}")
    });
    Reply::Stream { write, notes }
}

fn stats_json(stats: &Stats) -> serde_json::Value {
    let timings = &stats.timings;
    let per_step = |list: &Option<Vec<(i64, i64)>>| {
        list.as_ref().map(|list| list.iter().map(|(ms, n)| json!([*ms as f64 / 1000.0, n])).collect::<Vec<_>>())
    };
    let mut samples = serde_json::Map::new();
    let mut put = |name: &str, total: i64, steps: Option<Vec<serde_json::Value>>| {
        if let Some(steps) = steps {
            samples.insert(format!("{name}PerStep"), steps.into());
        }
        samples.insert(name.into(), total.into());
    };
    put("totalQueryableSamples", stats.total_queryable_samples, per_step(&stats.total_queryable_samples_per_step));
    put("samplesRead", stats.samples_read, per_step(&stats.samples_read_per_step));
    put("peakSamples", stats.peak_samples, None);
    json!({
        "timings": {
            "evalTotalTime": timings.eval_total.as_secs_f64(),
            "resultSortTime": timings.result_sort.as_secs_f64(),
            "queryPreparationTime": timings.query_preparation.as_secs_f64(),
            "innerEvalTime": timings.inner_eval.as_secs_f64(),
            "execQueueTime": timings.exec_queue.as_secs_f64(),
            "execTotalTime": timings.exec_total.as_secs_f64(),
        },
        "samples": samples,
    })
}

fn truncate(value: &mut Value, limit: usize) -> bool {
    let len = match value {
        Value::Vector(list) => list.len(),
        Value::Matrix(list) => list.len(),
        Value::Scalar { .. } | Value::String { .. } => 0,
    };
    if limit == 0 || len <= limit {
        return false;
    }
    match value {
        Value::Vector(list) => list.truncate(limit),
        Value::Matrix(list) => list.truncate(limit),
        Value::Scalar { .. } | Value::String { .. } => {}
    }
    true
}

/// The parameter `limit`; 0 for none.
pub(crate) fn limit(context: &Context) -> Result<usize, ApiError> {
    match context.params.get("limit") {
        "" => Ok(0),
        text => {
            let limit: i64 = text.parse().map_err(|_| {
                ApiError::param(
                    "limit",
                    format_args!("strconv.Atoi: parsing {}: invalid syntax", narthex_model::quote::quote(text)),
                )
            })?;
            usize::try_from(limit).map_err(|_| ApiError::param("limit", "limit must be non-negative"))
        }
    }
}

pub(crate) async fn parse_query(context: Context) -> Result<Reply, ApiError> {
    let expr = parse_expr(context.params.get("query"), &context.handles.parser).map_err(|e| ApiError::param("query", e))?;
    Ok(Reply::value(&narthex_promql_syntax::json::to_json(&expr)))
}

pub(crate) async fn format_query(context: Context) -> Result<Reply, ApiError> {
    let expr =
        parse_expr(context.params.get("query"), &context.handles.parser).map_err(|e| ApiError::param("query", e))?;
    Ok(Reply::data(|out| crate::json::push_text(out, &pretty(&expr))))
}
