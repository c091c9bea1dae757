//! Answering a scrape: 10,000 counters in 10 families, and 900 histograms.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use narthex_client::exposition::{EscapingScheme, Format, Negotiated};
use narthex_client::{Opts, Registry};
use prometheus::Encoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::ALLOCATED;

const FAMILIES: usize = 10;
const SERIES: usize = 1000;
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
static METADATA: Metadata<'static> = Metadata::new("", Level::INFO, None);

/// Prints nanoseconds and allocated bytes per line of text, the best of some rounds.
fn report(name: &str, works: &mut [(&str, Box<dyn FnMut() -> usize>)], series: usize) {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if !name.contains(&wanted) {
        return;
    }
    let mut best = vec![(f64::INFINITY, 0, 0); works.len()];
    for _ in 0..15 {
        for ((_, work), best) in works.iter_mut().zip(&mut best) {
            let before = ALLOCATED.load(Relaxed);
            let start = Instant::now();
            let len = work();
            let nanos = start.elapsed().as_nanos() as f64 / series as f64;
            if nanos < best.0 {
                *best = (nanos, ALLOCATED.load(Relaxed) - before, len);
            }
        }
    }
    let cells: Vec<String> = works
        .iter()
        .zip(best)
        .map(|((library, _), (nanos, bytes, len))| {
            format!("{library} {nanos:.1} ns, {} B ({} B of text)", bytes / series as u64, len / series)
        })
        .collect();
    println!("| {name}, per series | 1 | {} |", cells.join(" | "));
}

pub(crate) fn run() {
    let ours = Registry::new();
    let theirs = prometheus::Registry::new();
    let mut client = prometheus_client::registry::Registry::default();
    let recorder = PrometheusBuilder::new().build_recorder();
    for family in 0..FAMILIES {
        let name = format!("requests_{family}_total");
        let our_vec = ours.counter_vec(Opts::new(&name, "Requests."), &["code", "path"]).expect("valid");
        let opts = prometheus::Opts::new(&name, "Requests.");
        let their_vec = prometheus::IntCounterVec::new(opts, &["code", "path"]).expect("valid");
        theirs.register(Box::new(their_vec.clone())).expect("new");
        let client_family = Family::<Vec<(String, String)>, Counter>::default();
        client.register(format!("requests_{family}"), "Requests", client_family.clone());
        for series in 0..SERIES {
            let path = format!("/api/v1/{series}");
            let count = (series * 37) as u64;
            our_vec.with(&["200", &path]).inc_by(count);
            their_vec.with_label_values(&["200", &path]).inc_by(count);
            client_family.get_or_create(&vec![("code".into(), "200".into()), ("path".into(), path.clone())]).inc_by(count);
            let labels = vec![Label::new("code", "200"), Label::new("path", path)];
            recorder.register_counter(&Key::from_parts(name.clone(), labels), &METADATA).increment(count);
        }
    }
    let handle = recorder.handle();
    let text = Negotiated { format: Format::Text004, escaping: EscapingScheme::Underscores };
    let protobuf = Negotiated { format: Format::Protobuf, escaping: EscapingScheme::Underscores };
    let (our_text, our_protobuf) = (ours.clone(), ours);
    report(
        "encode 10,000 counters",
        &mut [
            ("ours", Box::new(move || our_text.gather().encode(text, &[]).len())),
            ("ours, protobuf", Box::new(move || our_protobuf.gather().body(protobuf, &[], false).len())),
            (
                "prometheus",
                Box::new(move || {
                    let mut out = Vec::new();
                    prometheus::TextEncoder::new().encode(&theirs.gather(), &mut out).expect("in memory");
                    out.len()
                }),
            ),
            (
                "prometheus-client",
                Box::new(move || {
                    let mut out = String::new();
                    prometheus_client::encoding::text::encode(&mut out, &client).expect("in memory");
                    out.len()
                }),
            ),
            ("metrics", Box::new(move || handle.render().len())),
        ],
        FAMILIES * SERIES,
    );

    let ours = Registry::new();
    let theirs = prometheus::Registry::new();
    let mut client = prometheus_client::registry::Registry::default();
    let our_vec = ours.histogram_vec(Opts::new("seconds", "Seconds."), &["path"], &BOUNDS).expect("valid");
    let opts = prometheus::HistogramOpts::new("seconds", "Seconds.").buckets(BOUNDS.to_vec());
    let their_vec = prometheus::HistogramVec::new(opts, &["path"]).expect("valid");
    theirs.register(Box::new(their_vec.clone())).expect("new");
    let client_family = Family::<Vec<(String, String)>, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
    client.register("seconds", "Seconds", client_family.clone());
    for series in 0..900 {
        let path = format!("/api/v1/{series}");
        for value in [0.003, 0.3, 7.0, 70.0] {
            our_vec.with(&[&path]).observe(value);
            their_vec.with_label_values(&[&path]).observe(value);
            client_family.get_or_create(&vec![("path".into(), path.clone())]).observe(value);
        }
    }
    report(
        "encode 900 histograms of 14 lines",
        &mut [
            ("ours", Box::new(move || ours.gather().encode(text, &[]).len())),
            (
                "prometheus",
                Box::new(move || {
                    let mut out = Vec::new();
                    prometheus::TextEncoder::new().encode(&theirs.gather(), &mut out).expect("in memory");
                    out.len()
                }),
            ),
            (
                "prometheus-client",
                Box::new(move || {
                    let mut out = String::new();
                    prometheus_client::encoding::text::encode(&mut out, &client).expect("in memory");
                    out.len()
                }),
            ),
        ],
        900 * 14,
    );
}
