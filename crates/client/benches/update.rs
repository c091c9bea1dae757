//! What updates, look-ups and scrapes cost. Run: `cargo bench -p narthex-client`.
//! Beside other libraries: `bench/client-compare`.

use divan::{Bencher, black_box};
use narthex_client::exposition::{EscapingScheme, Format, Negotiated};
use narthex_client::{HistogramOpts, LabelSet, Opts, Registry, SummaryOpts};

fn main() {
    divan::main();
}

#[divan::bench(threads = [1, 2, 4])]
fn counter_inc(bencher: Bencher<'_, '_>) {
    let counter = Registry::new().counter(Opts::new("a_total", "")).expect("valid");
    bencher.bench(|| counter.inc());
}

#[divan::bench(threads = [1, 2])]
fn counter_add_float(bencher: Bencher<'_, '_>) {
    let counter = Registry::new().counter(Opts::new("a_total", "")).expect("valid");
    bencher.bench(|| counter.add(black_box(0.5)));
}

#[divan::bench(threads = [1, 2])]
fn vector_lookup_and_inc(bencher: Bencher<'_, '_>) {
    let counters = Registry::new().counter_vec(Opts::new("a_total", ""), &["code", "handler"]).expect("valid");
    bencher.bench(|| counters.with(black_box(&["200", "/api/v1/query"])).inc());
}

#[divan::bench(threads = [1, 2])]
fn vector_apply_inc(bencher: Bencher<'_, '_>) {
    let counters = Registry::new().counter_vec(Opts::new("a_total", ""), &["code", "handler"]).expect("valid");
    bencher.bench(|| counters.apply(black_box(&["200", "/api/v1/query"]), |counter| counter.inc()));
}

#[derive(LabelSet)]
struct Flags {
    is_cached: bool,
    is_local: bool,
}

#[divan::bench(threads = [1, 2])]
fn dense_family_inc(bencher: Bencher<'_, '_>) {
    let family = Registry::new().counter_family::<Flags>(Opts::new("a_total", "")).expect("valid");
    let labels = Flags { is_cached: true, is_local: false };
    bencher.bench(|| family.apply(black_box(&labels), |counter| counter.inc()));
}

#[divan::bench(threads = [1, 2, 4])]
fn classic_observe(bencher: Bencher<'_, '_>) {
    let histogram = Registry::new().histogram(Opts::new("a", ""), &[]).expect("valid");
    bencher.bench(|| histogram.observe(black_box(0.3)));
}

#[divan::bench(threads = [1, 2, 4])]
fn native_observe(bencher: Bencher<'_, '_>) {
    let opts = HistogramOpts::native(1.1).max_buckets(160);
    let histogram = Registry::new().histogram(Opts::new("a", ""), opts).expect("valid");
    bencher.bench(|| histogram.observe(black_box(0.3)));
}

#[divan::bench]
fn native_snapshot(bencher: Bencher<'_, '_>) {
    let histogram = Registry::new().histogram(Opts::new("a", ""), HistogramOpts::native(1.1)).expect("valid");
    (0..10_000).for_each(|_| histogram.observe(fastrand::f64()));
    bencher.bench(|| histogram.snapshot());
}

#[divan::bench(threads = [1, 2])]
fn summary_observe(bencher: Bencher<'_, '_>) {
    let opts = SummaryOpts::quantiles(&[(0.5, 0.05), (0.9, 0.01), (0.99, 0.001)]);
    let summary = Registry::new().summary(Opts::new("a", ""), opts).expect("valid");
    bencher.bench(|| summary.observe(black_box(fastrand::f64())));
}

#[divan::bench(args = [Format::Text004, Format::OpenMetrics100, Format::Protobuf])]
fn scrape_10_000_counters(bencher: Bencher<'_, '_>, format: Format) {
    let registry = Registry::new();
    for family in 0..10 {
        let name = format!("requests_{family}_total");
        let counters = registry.counter_vec(Opts::new(name, "Requests."), &["code", "path"]).expect("valid");
        (0..1000).for_each(|i| counters.with(&["200", &format!("/api/{i}")]).inc_by(i));
    }
    let negotiated = Negotiated { format, escaping: EscapingScheme::Underscores };
    bencher.bench(|| registry.gather().body(negotiated, &[], false));
}
