//! `status/self_metrics`: the server's own metrics in protobuf's JSON form.

use std::time::{SystemTime, UNIX_EPOCH};

use narthex_exposition::{LabelPairs, Metric, MetricFamily, MetricValue};
use narthex_model::MetricType;
use narthex_regex::Anchored;

use crate::context::{Context, Success};
use crate::error::ApiError;
use crate::json::Json;
use crate::time::format_utc;

pub(crate) fn self_metrics(context: &Context) -> Result<Success, ApiError> {
    let pattern = match context.params.get("metric_name_pattern") {
        "" => None,
        text => Some(Anchored::new(text).map_err(|error| ApiError::parameter("metric_name_pattern", error))?),
    };
    let mut families = context.state.handles.metrics.gather().families;
    families.retain(|family| pattern.as_ref().is_none_or(|pattern| pattern.is_match(&family.name)));
    Ok(Success::new(move |json| json.array(|json| families.iter().for_each(|family| write(json, family)))))
}

/// Protobuf's names: of the type, and of the field that holds its values.
fn names(metric_type: MetricType) -> (&'static str, &'static str) {
    match metric_type {
        MetricType::Counter => ("COUNTER", "counter"),
        MetricType::Gauge | MetricType::Info | MetricType::StateSet => ("GAUGE", "gauge"),
        MetricType::Summary => ("SUMMARY", "summary"),
        MetricType::Histogram => ("HISTOGRAM", "histogram"),
        MetricType::GaugeHistogram => ("GAUGE_HISTOGRAM", "histogram"),
        _ => ("UNTYPED", "untyped"),
    }
}

fn write(json: &mut Json<'_>, family: &MetricFamily) {
    let (type_name, field) = names(family.metric_type);
    json.object(|json| {
        for (key, text) in [("name", family.name.as_str()), ("help", &family.help), ("type", type_name)] {
            json.key(key);
            json.string(text);
        }
        json.key("metric");
        json.array(|json| family.metrics.iter().for_each(|metric| write_metric(json, metric, field)));
        if !family.unit.is_empty() {
            json.key("unit");
            json.string(&family.unit);
        }
    });
}

fn write_metric(json: &mut Json<'_>, metric: &Metric, field: &str) {
    json.object(|json| {
        if metric.labels != LabelPairs::default() {
            json.key("label");
            json.array(|json| {
                for (name, value) in metric.labels.iter() {
                    json.object(|json| {
                        json.key("name");
                        json.string(name);
                        json.key("value");
                        json.string(value);
                    });
                }
            });
        }
        json.key(field);
        json.object(|json| {
            write_value(json, &metric.value);
            if let Some(created) = metric.created {
                json.key("createdTimestamp");
                json.string(&format_utc(nanoseconds(created)));
            }
        });
        if let Some(timestamp_ms) = metric.timestamp_ms {
            count(json, "timestampMs", timestamp_ms);
        }
    });
}

fn write_value(json: &mut Json<'_>, value: &MetricValue) {
    match value {
        MetricValue::Single(value) => number(json, "value", *value),
        MetricValue::Histogram(value) => {
            count(json, "sampleCount", value.count);
            number(json, "sampleSum", value.sum);
            let buckets = value.buckets.iter().filter(|(upper, _)| upper.is_finite());
            json.key("bucket");
            json.array(|json| {
                for (upper, cumulative) in buckets {
                    json.object(|json| {
                        count(json, "cumulativeCount", *cumulative);
                        number(json, "upperBound", *upper);
                    });
                }
            });
        }
        MetricValue::FloatHistogram(value) => {
            number(json, "sampleCountFloat", value.count);
            number(json, "sampleSum", value.sum);
        }
        MetricValue::Summary(value) => {
            count(json, "sampleCount", value.count);
            number(json, "sampleSum", value.sum);
            if !value.quantiles.is_empty() {
                json.key("quantile");
                json.array(|json| {
                    for (quantile, estimate) in &value.quantiles {
                        json.object(|json| {
                            number(json, "quantile", *quantile);
                            number(json, "value", *estimate);
                        });
                    }
                });
            }
        }
    }
}

/// 64-bit integers are strings in protobuf's JSON.
fn count(json: &mut Json<'_>, key: &str, value: impl std::fmt::Display) {
    json.key(key);
    json.string(&value.to_string());
}

fn number(json: &mut Json<'_>, key: &str, value: f64) {
    json.key(key);
    match value {
        _ if value.is_nan() => json.string("NaN"),
        f64::INFINITY => json.string("Infinity"),
        f64::NEG_INFINITY => json.string("-Infinity"),
        value => json.number(value),
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}
