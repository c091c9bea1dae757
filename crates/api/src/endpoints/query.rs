//! `query`, `query_range`.

use std::time::Duration;

use narthex_model::quote::quote;
use narthex_promql::{Answer, MatrixSeries, QueryRange, Request, SampleValue, Stats, Value, VectorSample};

use crate::context::{Context, Success, TRUNCATED};
use crate::error::{ApiError, Kind};
use crate::json::Json;
use crate::time::{Moment, parse_duration, parse_moment};

/// How many steps a range query may have beside the first.
const STEPS_MAX: i128 = 11_000;

pub(crate) fn instant(context: &Context) -> Result<Success, ApiError> {
    let limit = context.limit()?;
    let now_ms = context.state.handles.clock.now_ms();
    let time = context.moment_or("time", Moment::from_ms(now_ms))?;
    run(context, limit, QueryRange::Instant { time_ms: time.query_ms() })
}

pub(crate) fn range(context: &Context) -> Result<Success, ApiError> {
    let limit = context.limit()?;
    let time = |name| parse_moment(context.params.get(name)).map_err(|error| ApiError::parameter(name, error));
    let (start, end) = (time("start")?, time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let (start_ms, end_ms) = (start.query_ms(), end.query_ms());
    let step_ns = parse_duration(context.params.get("step")).map_err(|error| ApiError::parameter("step", error))?;
    if step_ns <= 0 {
        return Err(ApiError::parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    let span_ns = (i128::from(end_ms) - i128::from(start_ms)) * 1_000_000;
    if span_ns / i128::from(step_ns) > STEPS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution \
             (?step=XX)",
        ));
    }
    let step_ms = step_ns / 1_000_000;
    if step_ms == 0 {
        // Upstream counts in milliseconds and divides by them.
        return Err(ApiError::new(Kind::Execution, "unexpected error: runtime error: integer divide by zero"));
    }
    run(context, limit, QueryRange::Range { start_ms, end_ms, step_ms })
}

fn run(context: &Context, limit: usize, range: QueryRange) -> Result<Success, ApiError> {
    let params = &context.params;
    let stats = params.get("stats");
    let mut request = Request::new(params.get("query"), range);
    request.cancel = context.cancel.clone();
    request.per_step_stats = stats == "all";
    if !params.get("timeout").is_empty() {
        let timeout_ns =
            parse_duration(params.get("timeout")).map_err(|error| ApiError::parameter("timeout", error))?;
        request.timeout = Some(Duration::from_nanos(u64::try_from(timeout_ns).unwrap_or(0)));
    }
    if !params.get("lookback_delta").is_empty() {
        let lookback_ns = parse_duration(params.get("lookback_delta"))
            .map_err(|error| ApiError::bad_data(format_args!("error parsing lookback delta duration: {error}")))?;
        request.lookback_delta_ms = Some(lookback_ns / 1_000_000).filter(|ms| *ms > 0);
    }
    let handles = &context.state.handles;
    let answer = handles.engine.execute(&*handles.storage, &request)?;
    let Answer { mut value, mut warnings, infos, stats: cost, memory } = answer;
    if !matches!(stats, "" | "true" | "all") {
        warnings.push(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" \
             or \"all\"",
            quote(stats)
        ));
    }
    if truncate(&mut value, limit) {
        warnings.push(TRUNCATED.into());
    }
    let cost = (!stats.is_empty()).then_some(cost);
    let data = move |json: &mut Json<'_>| {
        // In use until the last of it was written.
        let _memory = &memory;
        json.object(|json| {
            write_value(json, &value);
            if let Some(cost) = &cost {
                json.key("stats");
                write_stats(json, cost);
            }
        });
    };
    let mut success = Success::new(data).with_warnings(warnings);
    success.infos = infos;
    Ok(success)
}

/// Keeps the first `limit` series, all if it is 0; says whether some were cut.
fn truncate(value: &mut Value, limit: usize) -> bool {
    if limit == 0 {
        return false;
    }
    match value {
        Value::Vector(samples) if samples.len() > limit => samples.truncate(limit),
        Value::Matrix(series) if series.len() > limit => series.truncate(limit),
        _ => return false,
    }
    true
}

fn write_value(json: &mut Json<'_>, value: &Value) {
    let kind = match value {
        Value::Scalar { .. } => "scalar",
        Value::String { .. } => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    };
    json.key("resultType");
    json.string(kind);
    json.key("result");
    match value {
        Value::Scalar { timestamp_ms, value } => json.scalar(*timestamp_ms, *value),
        Value::String { timestamp_ms, value } => json.array(|json| {
            json.number(*timestamp_ms as f64 / 1000.0);
            json.string(value);
        }),
        Value::Vector(samples) => json.array(|json| {
            for sample in samples {
                if json.is_broken() {
                    break;
                }
                write_sample(json, sample);
            }
        }),
        Value::Matrix(all) => json.array(|json| {
            for series in all {
                if json.is_broken() {
                    break;
                }
                write_series(json, series);
            }
        }),
    }
}

fn write_sample(json: &mut Json<'_>, sample: &VectorSample) {
    json.object(|json| {
        json.key("metric");
        json.labels(&sample.labels);
        match &sample.value {
            SampleValue::Float(value) => {
                json.key("value");
                json.sample(sample.timestamp_ms, *value);
            }
            SampleValue::Histogram(histogram) => {
                json.key("histogram");
                json.histogram_sample(sample.timestamp_ms, histogram);
            }
        }
    });
}

fn write_series(json: &mut Json<'_>, series: &MatrixSeries) {
    json.object(|json| {
        json.key("metric");
        json.labels(&series.labels);
        if !series.float_timestamps.is_empty() {
            json.key("values");
            json.array(|json| {
                for (timestamp_ms, value) in series.float_timestamps.iter().zip(&series.float_values) {
                    json.sample(*timestamp_ms, *value);
                }
            });
        }
        if !series.histograms.is_empty() {
            json.key("histograms");
            json.array(|json| {
                for (timestamp_ms, histogram) in &series.histograms {
                    json.histogram_sample(*timestamp_ms, histogram);
                }
            });
        }
    });
}

fn write_stats(json: &mut Json<'_>, stats: &Stats) {
    let timings = &stats.timings;
    json.object(|json| {
        json.key("timings");
        json.object(|json| {
            for (key, duration) in [
                ("evalTotalTime", timings.eval_total),
                ("resultSortTime", timings.result_sort),
                ("queryPreparationTime", timings.query_preparation),
                ("innerEvalTime", timings.inner_eval),
                ("execQueueTime", timings.exec_queue),
                ("execTotalTime", timings.exec_total),
            ] {
                json.key(key);
                json.number(duration.as_secs_f64());
            }
        });
        json.key("samples");
        json.object(|json| {
            write_per_step(json, "totalQueryableSamplesPerStep", stats.total_queryable_samples_per_step.as_deref());
            json.key("totalQueryableSamples");
            json.int(stats.total_queryable_samples);
            write_per_step(json, "samplesReadPerStep", stats.samples_read_per_step.as_deref());
            json.key("samplesRead");
            json.int(stats.samples_read);
            json.key("peakSamples");
            json.int(stats.peak_samples);
        });
    });
}

fn write_per_step(json: &mut Json<'_>, key: &str, steps: Option<&[(i64, i64)]>) {
    let Some(steps) = steps else { return };
    json.key(key);
    json.array(|json| {
        for (timestamp_ms, count) in steps {
            json.array(|json| {
                json.number(*timestamp_ms as f64 / 1000.0);
                json.int(*count);
            });
        }
    });
}
