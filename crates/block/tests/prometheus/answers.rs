//! Answers of both sides in one form: lines of text.

use std::collections::BTreeMap;

use narthex_block::BlockStore;
use narthex_model::float::append_json;
use narthex_model::{FloatHistogram, Labels};
use narthex_promql::{Engine, EngineOptions, Request, SampleValue, Value};
use serde_json::Value as Json;

/// By series, its samples: time and what it is.
pub(crate) type Answer = BTreeMap<String, Vec<(i64, String)>>;

fn text(value: f64) -> String {
    let mut out = String::new();
    append_json(&mut out, value);
    out
}

fn histogram(h: &FloatHistogram) -> String {
    let buckets = h.buckets().filter(|bucket| bucket.count != 0.0);
    let buckets = buckets.map(|b| format!("[{} {} {}]", text(b.lower), text(b.upper), text(b.count)));
    format!("count {} sum {} {}", text(h.count), text(h.sum), buckets.collect::<Vec<_>>().join(" "))
}

fn key(labels: &Labels) -> String {
    labels.to_string()
}

fn run(store: &BlockStore, request: &Request) -> Answer {
    let engine = Engine::new(EngineOptions::default());
    let answer = engine.execute(store, request).unwrap();
    let mut out = Answer::new();
    match answer.value {
        Value::Vector(samples) => {
            for sample in samples {
                let value = match &sample.value {
                    SampleValue::Float(value) => text(*value),
                    SampleValue::Histogram(h) => histogram(h),
                };
                out.entry(key(&sample.labels)).or_default().push((sample.timestamp_ms, value));
            }
        }
        Value::Matrix(series) => {
            for one in series {
                let samples = out.entry(key(&one.labels)).or_default();
                samples.extend(one.float_timestamps.iter().zip(&one.float_values).map(|(&t, &v)| (t, text(v))));
                samples.extend(one.histograms.iter().map(|(t, h)| (*t, histogram(h))));
                samples.sort();
            }
        }
        other => panic!("a query for series answered {other:?}"),
    }
    out
}

pub(crate) fn query_range(store: &BlockStore, query: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> Answer {
    run(store, &Request::range(query, start_ms, end_ms, step_ms))
}

pub(crate) fn query(store: &BlockStore, query: &str, time_ms: i64) -> Answer {
    run(store, &Request::instant(query, time_ms))
}

/// Their answer in our form.
fn of_json(result: &Json) -> Answer {
    let time = |json: &Json| (json.as_f64().unwrap() * 1000.0).round() as i64;
    let plain = |json: &Json| json.as_str().unwrap().to_owned();
    let histogram = |h: &Json| {
        let buckets = h["buckets"].as_array().into_iter().flatten();
        let buckets = buckets.map(|b| format!("[{} {} {}]", plain(&b[1]), plain(&b[2]), plain(&b[3])));
        format!("count {} sum {} {}", plain(&h["count"]), plain(&h["sum"]), buckets.collect::<Vec<_>>().join(" "))
    };
    let mut out = Answer::new();
    for series in result.as_array().unwrap() {
        let pairs = series["metric"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), plain(value)));
        let samples = out.entry(key(&Labels::from_pairs(pairs))).or_default();
        for row in series["values"].as_array().into_iter().flatten() {
            samples.push((time(&row[0]), plain(&row[1])));
        }
        for row in series["histograms"].as_array().into_iter().flatten() {
            samples.push((time(&row[0]), histogram(&row[1])));
        }
        samples.sort();
    }
    out
}

#[track_caller]
pub(crate) fn assert_same(query: &str, ours: &Answer, theirs: &Json) {
    let theirs = of_json(theirs);
    assert!(!theirs.is_empty(), "{query} finds nothing");
    let names = |answer: &Answer| answer.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(ours), names(&theirs), "{query}");
    for (series, theirs) in &theirs {
        let ours = &ours[series];
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours, theirs, "{query}: {series}");
        }
        assert_eq!(ours.len(), theirs.len(), "{query}: {series}");
    }
}
