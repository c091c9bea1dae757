//! What an update costs. Run: `cargo bench -p narthex-client`.

use divan::{Bencher, black_box};
use narthex_client::{Opts, Registry, SummaryOpts};

fn main() {
    divan::main();
}

#[divan::bench]
fn counter_inc(bencher: Bencher<'_, '_>) {
    let counter = Registry::new().counter(Opts::new("a_total", "")).expect("valid");
    bencher.bench(|| counter.inc());
}

#[divan::bench]
fn counter_add_float(bencher: Bencher<'_, '_>) {
    let counter = Registry::new().counter(Opts::new("a_total", "")).expect("valid");
    bencher.bench(|| counter.add(black_box(0.5)));
}

#[divan::bench]
fn vector_lookup_and_inc(bencher: Bencher<'_, '_>) {
    let counters = Registry::new().counter_vec(Opts::new("a_total", ""), &["code", "handler"]).expect("valid");
    bencher.bench(|| counters.with(black_box(&["200", "/api/v1/query"])).inc());
}

#[divan::bench]
fn histogram_observe(bencher: Bencher<'_, '_>) {
    let histogram = Registry::new().histogram(Opts::new("a", ""), &[]).expect("valid");
    bencher.bench(|| histogram.observe(black_box(0.3)));
}

#[divan::bench]
fn summary_observe(bencher: Bencher<'_, '_>) {
    let opts = SummaryOpts::quantiles(&[(0.5, 0.05), (0.9, 0.01), (0.99, 0.001)]);
    let summary = Registry::new().summary(Opts::new("a", ""), opts).expect("valid");
    bencher.bench(|| summary.observe(black_box(fastrand::f64())));
}
