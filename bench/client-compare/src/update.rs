//! Updates: increments, additions, look-ups, observations.

use std::hint::black_box;
use std::sync::atomic::AtomicU64;

use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use narthex_client::{HistogramOpts, LabelSet, Opts, Registry, SummaryOpts};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::NativeHistogramConfig;

use crate::{row, times};

const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const TARGETS: [(f64, f64); 3] = [(0.5, 0.05), (0.9, 0.01), (0.99, 0.001)];
static METADATA: Metadata<'static> = Metadata::new("", Level::INFO, None);

#[derive(LabelSet)]
struct Ours<'a> {
    code: u16,
    path: &'a str,
}

#[derive(narthex_client::LabelValue, Clone, Copy)]
enum OurMethod {
    Get,
    Post,
}

#[derive(LabelSet)]
struct OurEnums {
    method: OurMethod,
    cached: bool,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Theirs {
    code: u16,
    path: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
enum TheirMethod {
    Get,
    Post,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TheirEnums {
    method: TheirMethod,
    cached: bool,
}

pub(crate) fn run() {
    let registry = Registry::new();
    let recorder = PrometheusBuilder::new().build_recorder();
    let bucketed = PrometheusBuilder::new().set_buckets(&BOUNDS).expect("not empty").build_recorder();

    let ours = registry.counter(Opts::new("a_total", "")).expect("valid");
    let theirs = prometheus::IntCounter::new("a", "a").expect("valid");
    let client = prometheus_client::metrics::counter::Counter::<u64>::default();
    let facade = recorder.register_counter(&Key::from_name("a"), &METADATA);
    row(
        "counter inc",
        300_000,
        vec![
            ("ours", Box::new(|n| times(n, || ours.inc()))),
            ("prometheus", Box::new(|n| times(n, || theirs.inc()))),
            ("prometheus-client", Box::new(|n| times(n, || drop(client.inc())))),
            ("metrics", Box::new(|n| times(n, || facade.increment(1)))),
        ],
    );

    let theirs = prometheus::Counter::new("a", "a").expect("valid");
    let client = prometheus_client::metrics::counter::Counter::<f64, AtomicU64>::default();
    let facade = recorder.register_gauge(&Key::from_name("g"), &METADATA);
    row(
        "float add 0.5",
        300_000,
        vec![
            ("ours", Box::new(|n| times(n, || ours.add(black_box(0.5))))),
            ("prometheus", Box::new(|n| times(n, || theirs.inc_by(black_box(0.5))))),
            ("prometheus-client", Box::new(|n| times(n, || drop(client.inc_by(black_box(0.5)))))),
            ("metrics (gauge)", Box::new(|n| times(n, || facade.increment(black_box(0.5))))),
        ],
    );

    let ours = registry.counter_vec(Opts::new("v_total", ""), &["code", "path"]).expect("valid");
    let theirs = prometheus::IntCounterVec::new(prometheus::Opts::new("v", "v"), &["code", "path"]).expect("valid");
    let client = Family::<Vec<(String, String)>, prometheus_client::metrics::counter::Counter>::default();
    for i in 0..1000 {
        let path = format!("/api/{i}");
        ours.with(&["200", &path]).inc();
        theirs.with_label_values(&["200", &path]).inc();
        client.get_or_create(&vec![("code".into(), "200".into()), ("path".into(), path)]).inc();
    }
    row(
        "dynamic look-up (2 labels, 1000 series) + inc",
        60_000,
        vec![
            ("ours", Box::new(|n| times(n, || ours.apply(black_box(&["200", "/api/7"]), |counter| counter.inc())))),
            ("ours, handle", Box::new(|n| times(n, || ours.with(black_box(&["200", "/api/7"])).inc()))),
            (
                "prometheus",
                Box::new(|n| times(n, || theirs.with_label_values(black_box(&["200", "/api/7"])).inc())),
            ),
            (
                "prometheus-client",
                Box::new(|n| {
                    times(n, || {
                        let labels = vec![("code".to_owned(), "200".to_owned()), ("path".to_owned(), "/api/7".to_owned())];
                        client.get_or_create(black_box(&labels)).inc();
                    });
                }),
            ),
            (
                "metrics",
                Box::new(|n| {
                    times(n, || {
                        let labels = vec![Label::from_static_parts("code", "200"), Label::from_static_parts("path", "/api/7")];
                        recorder.register_counter(black_box(&Key::from_parts("v", labels)), &METADATA).increment(1);
                    });
                }),
            ),
        ],
    );

    let ours = registry.counter_family::<Ours<'_>>(Opts::new("t_total", "")).expect("valid");
    let client = Family::<Theirs, prometheus_client::metrics::counter::Counter>::default();
    row(
        "typed look-up (number, text) + inc",
        60_000,
        vec![
            ("ours", Box::new(|n| times(n, || ours.apply(&Ours { code: black_box(200), path: black_box("/api/7") }, |c| c.inc())))),
            (
                "prometheus-client",
                Box::new(|n| {
                    times(n, || {
                        client.get_or_create(&Theirs { code: black_box(200), path: black_box("/api/7").to_owned() }).inc();
                    });
                }),
            ),
        ],
    );

    let ours = registry.counter_family::<OurEnums>(Opts::new("e_total", "")).expect("valid");
    let client = Family::<TheirEnums, prometheus_client::metrics::counter::Counter>::default();
    ours.get(&OurEnums { method: OurMethod::Get, cached: false }).inc();
    client.get_or_create(&TheirEnums { method: TheirMethod::Get, cached: false }).inc();
    row(
        "typed look-up (enums) + inc",
        200_000,
        vec![
            (
                "ours",
                Box::new(|n| {
                    times(n, || {
                        ours.apply(&OurEnums { method: black_box(OurMethod::Post), cached: black_box(true) }, |c| c.inc());
                    });
                }),
            ),
            (
                "prometheus-client",
                Box::new(|n| {
                    times(n, || {
                        client.get_or_create(&TheirEnums { method: black_box(TheirMethod::Post), cached: black_box(true) }).inc();
                    });
                }),
            ),
        ],
    );

    let ours = registry.histogram(Opts::new("h", ""), &BOUNDS).expect("valid");
    let opts = prometheus::HistogramOpts::new("h", "h").buckets(BOUNDS.to_vec());
    let theirs = prometheus::Histogram::with_opts(opts).expect("valid");
    let client = prometheus_client::metrics::histogram::Histogram::new(BOUNDS);
    let facade = bucketed.register_histogram(&Key::from_name("h"), &METADATA);
    let drain = bucketed.handle();
    row(
        "classic observe (11 bounds)",
        100_000,
        vec![
            ("ours", Box::new(|n| times(n, || ours.observe(black_box(0.3))))),
            ("prometheus", Box::new(|n| times(n, || theirs.observe(black_box(0.3))))),
            ("prometheus-client", Box::new(|n| times(n, || client.observe(black_box(0.3))))),
            (
                "metrics (+ upkeep)",
                Box::new(|n| {
                    times(n, || facade.record(black_box(0.3)));
                    drain.run_upkeep();
                }),
            ),
        ],
    );

    let native = registry.histogram(Opts::new("n", ""), HistogramOpts::native(1.1).max_buckets(160)).expect("valid");
    let client = prometheus_client::metrics::histogram::Histogram::new_native(NativeHistogramConfig::new(1.1));
    row(
        "native observe (factor 1.1)",
        300_000,
        vec![
            ("ours", Box::new(|n| spread(n, |value| native.observe(value)))),
            ("prometheus-client", Box::new(|n| spread(n, |value| client.observe(value)))),
        ],
    );

    let ours = registry.summary(Opts::new("s", ""), SummaryOpts::quantiles(&TARGETS)).expect("valid");
    let facade = recorder.register_histogram(&Key::from_name("s"), &METADATA);
    let drain = recorder.handle();
    row(
        "summary observe",
        300_000,
        vec![
            ("ours", Box::new(|n| spread(n, |value| ours.observe(value)))),
            (
                "metrics (+ upkeep)",
                Box::new(|n| {
                    spread(n, |value| facade.record(value));
                    drain.run_upkeep();
                }),
            ),
        ],
    );
}

/// Values over some powers of ten, in no order.
fn spread(count: u64, mut work: impl FnMut(f64)) {
    let mut state = 1u64;
    for _ in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        work(black_box(1.0 / (1.0 + (state >> 44) as f64)));
    }
}
