//! `/federate`: the latest samples as another server scrapes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use narthex_exposition::{
    Encoder, HistogramValue, LabelPairs, Metric, MetricFamily, MetricValue, Negotiated, negotiate,
};
use narthex_model::value::is_stale_nan;
use narthex_model::{FloatHistogram, Labels, METRIC_NAME, Matcher, MetricType};
use narthex_promql_syntax::parse_metric_selector;
use narthex_storage::{SelectHints, SeriesColumns, StorageError};
use tokio::sync::oneshot;

use crate::body::{BodyWriter, Encoding};
use crate::metrics::Watch;
use crate::params::Params;
use crate::reply::plain_error;
use crate::router::State;

/// The label that names a target.
const INSTANCE_LABEL: &str = "instance";
/// When the text of this many bytes is together it goes to the body.
const FLUSH_LEN: usize = 32 * 1024;

/// What a series has last.
struct Latest {
    labels: Labels,
    timestamp_ms: i64,
    value: MetricValue,
}

/// Why there is no answer: status and text.
type Refusal = (StatusCode, String);

pub(crate) async fn serve(state: &Arc<State>, request: &Parts, watch: Watch) -> Response {
    let header = |name| request.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let negotiated = negotiate(header(ACCEPT));
    let encoding = Encoding::accepted(&request.headers);
    let params = Params::from_query(request.uri.query().unwrap_or(""));
    let state = Arc::clone(state);
    let (reply, answer) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let found = selectors(&params)
            .map_err(|text| (StatusCode::BAD_REQUEST, text))
            .and_then(|selectors| latest(&state, &selectors));
        let status = found.as_ref().map_or_else(|(status, _)| *status, |_| StatusCode::OK);
        let mut body = BodyWriter::new(encoding, status, reply);
        match found {
            Ok(found) => write(&found, &state.handles.status.external_labels(), negotiated, &mut body),
            Err((_, text)) => {
                body.write(text.as_bytes());
                body.write(b"\n");
            }
        }
        body.finish(|len| watch.done(status, len));
    });
    let Ok((status, body)) = answer.await else {
        return plain_error(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be answered\n");
    };
    let mut response = match status {
        StatusCode::OK => {
            let mut response = Response::new(body);
            if let Ok(content_type) = HeaderValue::from_str(&negotiated.content_type()) {
                response.headers_mut().insert(CONTENT_TYPE, content_type);
            }
            response
        }
        status => plain_error(status, body),
    };
    if let Some(name) = encoding.name() {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

fn selectors(params: &Params) -> Result<Vec<Vec<Matcher>>, String> {
    if let Some(problem) = params.problem() {
        return Err(format!("error parsing form values: {problem}"));
    }
    params.all("match[]").map(|text| parse_metric_selector(text).map_err(|errors| errors.to_string())).collect()
}

/// The last sample of each series, by labels; none that is stale or older than queries look back.
fn latest(state: &State, selectors: &[Vec<Matcher>]) -> Result<Vec<Latest>, Refusal> {
    let refuse = |error: StorageError| {
        let status = match error {
            StorageError::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, error.to_string())
    };
    let end_ms = state.handles.clock.now_ms();
    let start_ms = end_ms - state.handles.engine.options().lookback_delta_ms;
    let querier = state.handles.storage.querier(start_ms, end_ms).map_err(refuse)?;
    let hints = SelectHints { start_ms, end_ms, ..SelectHints::default() };
    let mut found = BTreeMap::new();
    let mut columns = SeriesColumns::default();
    // `{}` is allowed and finds nothing.
    for matchers in selectors.iter().filter(|matchers| !matchers.is_empty()) {
        let set = querier.select(&hints, matchers).map_err(refuse)?;
        for index in 0..set.len() {
            columns.clear();
            set.read(index, &mut columns).map_err(refuse)?;
            if let Some((timestamp_ms, value)) = last_of(&columns) {
                found.insert(set.labels(index), (timestamp_ms, value));
            }
        }
    }
    let mut found: Vec<Latest> =
        found.into_iter().map(|(labels, (timestamp_ms, value))| Latest { labels, timestamp_ms, value }).collect();
    // Other labels may sort before the name; a family has to be in one place.
    found.sort_by(|a, b| a.labels.metric_name().cmp(b.labels.metric_name()));
    Ok(found)
}

fn last_of(columns: &SeriesColumns) -> Option<(i64, MetricValue)> {
    let float = columns.floats.timestamps.last().copied();
    let histogram = columns.histograms.timestamps.last().copied();
    if histogram > float {
        let value = columns.histograms.values.last()?;
        if is_stale_nan(value.sum) {
            return None;
        }
        return Some((histogram?, classic(value)?));
    }
    let value = *columns.floats.values.last()?;
    (!is_stale_nan(value)).then_some((float?, MetricValue::Single(value)))
}

/// A histogram with custom buckets as a classic one. Others have no form in text.
fn classic(histogram: &FloatHistogram) -> Option<MetricValue> {
    if !histogram.uses_custom_buckets() {
        return None;
    }
    let mut sum = 0.0;
    let buckets = histogram.buckets().map(|bucket| {
        sum += bucket.count;
        (bucket.upper, sum as u64)
    });
    let buckets = buckets.filter(|(upper, _)| upper.is_finite()).collect();
    Some(MetricValue::Histogram(HistogramValue {
        count: histogram.count as u64,
        sum: histogram.sum,
        buckets,
        ..HistogramValue::default()
    }))
}

fn write<T>(
    found: &[Latest],
    external_labels: &BTreeMap<String, String>,
    negotiated: Negotiated,
    body: &mut BodyWriter<T>,
) {
    // Who scrapes this must not take its own address for the series' instance.
    let mut external: BTreeMap<&str, &str> = external_labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    external.entry(INSTANCE_LABEL).or_insert("");
    let encoder = Encoder::new(negotiated.format, negotiated.escaping);
    let mut text = String::new();
    let kind = |latest: &Latest| matches!(latest.value, MetricValue::Histogram(_));
    for family in found.chunk_by(|a, b| a.labels.metric_name() == b.labels.metric_name() && kind(a) == kind(b)) {
        let metric = |latest: &Latest| {
            let own = latest.labels.iter().filter(|(name, _)| *name != METRIC_NAME);
            let lacking = external.iter().filter(|(name, _)| latest.labels.get(name).is_none());
            let labels = LabelPairs::new(own.chain(lacking.map(|(name, value)| (*name, *value))));
            let mut metric = Metric::new(labels, latest.value.clone());
            metric.timestamp_ms = Some(latest.timestamp_ms);
            metric
        };
        let family = MetricFamily {
            name: family[0].labels.metric_name().to_owned(),
            help: String::new(),
            unit: String::new(),
            metric_type: if kind(&family[0]) { MetricType::Histogram } else { MetricType::Unknown },
            metrics: family.iter().map(metric).collect(),
        };
        encoder.family(&family, &mut text);
        if text.len() >= FLUSH_LEN {
            body.write(text.as_bytes());
            text.clear();
        }
        if body.is_broken() {
            return;
        }
    }
    encoder.finish(&mut text);
    body.write(text.as_bytes());
}
