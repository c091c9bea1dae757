//! Parsing and cache look-up of one scrape, without the store.
//!
//! `cargo bench -p narthex-scrape --features bench`; items are samples.

use divan::Bencher;
use divan::counter::ItemsCount;
use narthex_config::ScrapeConfig;
use narthex_scrape::bench::Bench;

fn main() {
    divan::main();
}

/// A body like those of `bench/loadgen.rs`: families of ten series with comments.
fn body(series: usize, round: usize, skip: Option<usize>) -> String {
    let mut out = String::new();
    for i in (0..series).filter(|i| Some(*i) != skip) {
        if i % 10 == 0 {
            out.push_str(&format!("# HELP load_metric_{} A counter of this and that.\n", i / 10));
            out.push_str(&format!("# TYPE load_metric_{} counter\n", i / 10));
        }
        let (path, code) = (i % 5, if i % 2 == 0 { 200 } else { 500 });
        let value = i * 1000 + round * 17;
        out.push_str(&format!(
            "load_metric_{}{{handler=\"/api/v1/path_{path}\",method=\"GET\",code=\"{code}\",shard=\"{i}\"}} {value}\n",
            i / 10
        ));
    }
    out
}

const SERIES: [usize; 3] = [100, 2_000, 100_000];

/// The same lines with other values: the case that counts.
#[divan::bench(args = SERIES)]
fn steady(bencher: Bencher<'_, '_>, series: usize) {
    let bodies = [body(series, 1, None), body(series, 2, None)];
    let mut bench = Bench::new(ScrapeConfig::default());
    bench.scrape(bodies[0].as_bytes());
    let mut round = 0;
    bencher.counter(ItemsCount::new(series)).bench_local(|| {
        round ^= 1;
        bench.scrape(bodies[round].as_bytes());
    });
}

/// A line comes and goes.
#[divan::bench(args = SERIES)]
fn one_line_changes(bencher: Bencher<'_, '_>, series: usize) {
    let bodies = [body(series, 1, None), body(series, 2, Some(series / 2))];
    let mut bench = Bench::new(ScrapeConfig::default());
    bench.scrape(bodies[0].as_bytes());
    let mut round = 0;
    bencher.counter(ItemsCount::new(series)).bench_local(|| {
        round ^= 1;
        bench.scrape(bodies[round].as_bytes());
    });
}

/// All lines in another order.
#[divan::bench(args = SERIES)]
fn reversed(bencher: Bencher<'_, '_>, series: usize) {
    let forward = body(series, 1, None);
    let mut lines: Vec<&str> = forward.lines().collect();
    lines.reverse();
    let backward = lines.join("\n") + "\n";
    let mut bench = Bench::new(ScrapeConfig::default());
    bench.scrape(forward.as_bytes());
    let mut round = 0;
    bencher.counter(ItemsCount::new(series)).bench_local(|| {
        round ^= 1;
        bench.scrape(if round == 1 { backward.as_bytes() } else { forward.as_bytes() });
    });
}

/// The first scrape of a target.
#[divan::bench(args = SERIES)]
fn first(bencher: Bencher<'_, '_>, series: usize) {
    let body = body(series, 1, None);
    bencher
        .counter(ItemsCount::new(series))
        .with_inputs(|| Bench::new(ScrapeConfig::default()))
        .bench_local_refs(|bench| bench.scrape(body.as_bytes()));
}
