//! Blocks go to and fro between us and the real Prometheus.
//!
//! The program is named by `NARTHEX_PROMETHEUS`; without it these tests skip,
//! saying so. Each starts it on a free loopback port in a fresh directory. Samples
//! come in by remote write with timestamps of long ago, so that blocks are cut at
//! once; queries are then answered by it and by our engine over the blocks, and the
//! answers are compared as texts.

mod answers;
mod server;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use narthex_block::{
    Block, BlockStore, BlockWriter, ChunkData, CompactOptions, Meta, PageCache, SymbolTable, Ulid, compact_blocks,
    load_blocks,
};
use narthex_chunkenc::{CutRules, FloatEncoding, Sample, SampleValue, SeriesEncoder};
use narthex_env::{Files, Random, RealFiles};
use narthex_model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, IntHistogram, Span};
use narthex_model::value::STALE_NAN;
use narthex_model::{Histogram, Labels, labels};

use crate::server::Server;

const HOUR: i64 = 3_600_000;
/// A multiple of 18 h, so that ranges are easy to see.
const START: i64 = 26_000 * 18 * HOUR;
const STEP: i64 = 60_000;
/// What is sent to the other program, and what there is in all.
const HOURS: i64 = 11;
const HOURS_MADE: i64 = 24;

/// A series as a test makes it.
type Series = (Labels, Vec<Sample>);

fn sample(timestamp_ms: i64, value: SampleValue) -> Sample {
    Sample { timestamp_ms, start_timestamp_ms: 0, value }
}

fn float(timestamp_ms: i64, value: f64) -> Sample {
    sample(timestamp_ms, SampleValue::Float(value))
}

/// An integer histogram that grows with `i`, gets new buckets and is reset at times.
/// It stays far from zero, near which older servers extrapolate rates otherwise.
fn histogram(i: i64) -> IntHistogram {
    let i = i % 300 + 1000;
    let buckets: Vec<i64> = (0..2 + (i - 1000) / 50).map(|bucket| i + bucket * (i / 7)).collect();
    let mut before = 0;
    IntHistogram {
        schema: 1,
        zero_threshold: 0.001,
        zero_count: i as u64,
        count: i as u64 + buckets.iter().sum::<i64>() as u64,
        sum: i as f64 * 1.5,
        positive_spans: vec![Span { offset: -1, length: 1 }, Span { offset: 1, length: buckets.len() as u32 - 1 }],
        positive_deltas: buckets.iter().map(|&b| b - std::mem::replace(&mut before, b)).collect(),
        ..IntHistogram::default()
    }
}

/// Series of every kind over a day, one sample a minute.
fn all_kinds() -> Vec<Series> {
    let times = || (0..HOURS_MADE * HOUR / STEP).map(|i| (i, START + i * STEP));
    let mut all: Vec<Series> = (0..10)
        .map(|n| {
            let labels = labels! { "__name__" => "requests_total", "instance" => format!("host-{n}"), "job" => "api" };
            let value = move |i: i64| ((i * (n + 3)) % (2000 + n)) as f64 + if n == 7 { 0.1 } else { 0.0 };
            // One has gaps and markers of the end.
            let keep = move |i: i64| n != 3 || i % 50 < 40;
            let at = move |(i, t)| float(t, if n == 3 && i % 50 == 39 { STALE_NAN } else { value(i) });
            (labels, times().filter(|&(i, _)| keep(i)).map(at).collect())
        })
        .collect();
    let int = |i| Histogram::Int(histogram(i));
    let as_float = |i: i64| Histogram::Float(histogram(i).to_float());
    let gauge =
        |i: i64| Histogram::Int(IntHistogram { counter_reset_hint: CounterResetHint::Gauge, ..histogram(i * 37 % 90) });
    let custom = |i: i64| {
        let i = i + 1000;
        Histogram::Int(IntHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            zero_threshold: 0.0,
            zero_count: 0,
            count: 3 * i as u64,
            sum: i as f64,
            positive_spans: vec![Span { offset: 0, length: 3 }],
            positive_deltas: vec![i, 0, 0],
            custom_values: vec![0.5, 1.0 / 3.0 + 1.0],
            ..IntHistogram::default()
        })
    };
    let kinds: [(&str, &dyn Fn(i64) -> Histogram); 4] =
        [("int", &int), ("float", &as_float), ("gauge", &gauge), ("custom", &custom)];
    for (kind, make) in kinds {
        let labels = labels! { "__name__" => "latency", "kind" => kind };
        all.push((labels, times().map(|(i, t)| sample(t, SampleValue::Histogram(make(i)))).collect()));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

const RANGE_QUERIES: [&str; 9] = [
    "requests_total",
    "sum by (job) (rate(requests_total[5m]))",
    r#"count({__name__=~".+"})"#,
    r#"max_over_time(requests_total{instance=~"host-[1-4]"}[30m])"#,
    "latency",
    "rate(latency[10m])",
    "histogram_quantile(0.9, latency)",
    r#"increase(latency{kind!="gauge"}[1h])"#,
    r#"histogram_count(sum(latency{kind=~"int|float"}))"#,
];

const INSTANT_QUERIES: [&str; 2] = ["requests_total[90m]", "latency[3h]"];

/// Compares all queries over `[start_ms, end_ms]`.
fn compare(server: &Server, store: &BlockStore, start_ms: i64, end_ms: i64) {
    for query in RANGE_QUERIES {
        for step_ms in [STEP, 7 * STEP + 1] {
            let theirs = server.query_range(query, start_ms, end_ms, step_ms);
            let ours = answers::query_range(store, query, start_ms, end_ms, step_ms);
            answers::assert_same(query, &ours, &theirs);
        }
    }
    for query in INSTANT_QUERIES {
        for time_ms in [start_ms + 2 * HOUR, (start_ms + end_ms) / 2, end_ms] {
            let theirs = server.query(query, time_ms);
            let ours = answers::query(store, query, time_ms);
            answers::assert_same(query, &ours, &theirs);
        }
    }
}

fn open_all(dir: &Path) -> Vec<Arc<Block>> {
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let loaded = load_blocks(&files, dir, &PageCache::new(1 << 20), &[]).unwrap();
    assert!(loaded.skipped.is_empty() && loaded.corrupt.is_empty(), "{loaded:?}");
    loaded.live().cloned().collect()
}

fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn write_block(dir: &Path, ulid: Ulid, from: i64, to: i64, series: &[Series]) {
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let table = SymbolTable::of(series.iter().map(|series| &series.0));
    let mut writer = BlockWriter::create(&files, dir, Meta::new(ulid, from, to)).unwrap();
    writer.add_symbols(&table).unwrap();
    for (labels, samples) in series {
        let mut encoder = SeriesEncoder::new(CutRules::merged(FloatEncoding::Xor));
        samples.iter().filter(|s| (from..to).contains(&s.timestamp_ms)).for_each(|sample| encoder.push(sample));
        let chunks = encoder.finish();
        let chunks: Vec<ChunkData<'_>> = chunks.iter().map(ChunkData::from).collect();
        writer.add_series(&table.pairs(labels).unwrap(), &chunks).unwrap();
    }
    writer.finish().unwrap().unwrap();
}

#[test]
fn our_blocks_are_answered_alike_by_prometheus() {
    let Some(program) = server::program() else { return };
    let dir = tempfile::tempdir().unwrap();
    let random = Random::from_seed(1);
    let name = |number: i64| Ulid::new(START + number, &random);
    let series = all_kinds();
    for number in 0..4 {
        write_block(dir.path(), name(number), START + number * 2 * HOUR, START + (number + 1) * 2 * HOUR, &series);
    }
    // One that overlaps: every third sample again, some of them late.
    let late: Vec<Series> = series
        .iter()
        .map(|(labels, samples)| (labels.clone(), samples.iter().skip(1).step_by(3).cloned().collect()))
        .collect();
    write_block(dir.path(), name(4), START + HOUR, START + 3 * HOUR, &late);
    let parents = open_all(dir.path());
    assert_eq!(parents.len(), 5);
    {
        let server = Server::start(&program, dir.path(), &["--storage.tsdb.max-block-duration=2h"]);
        compare(&server, &BlockStore::new(parents.clone()), START, START + 8 * HOUR - STEP);
    }
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let merged = tempfile::tempdir().unwrap();
    let mut progress = |_| true;
    let options = CompactOptions { floats: FloatEncoding::Xor, progress: &mut progress };
    let parents: Vec<Arc<Block>> = open_all(dir.path());
    compact_blocks(&files, merged.path(), &parents, name(5), options).unwrap().unwrap();
    let server = Server::start(&program, merged.path(), &["--storage.tsdb.max-block-duration=2h"]);
    let blocks = open_all(merged.path());
    assert_eq!(blocks.len(), 1);
    blocks[0].delete(&[narthex_model::Matcher::equal("instance", "host-9")], START, START + HOUR).unwrap();
    drop(server);
    let server = Server::start(&program, merged.path(), &["--storage.tsdb.max-block-duration=2h"]);
    compare(&server, &BlockStore::new(blocks), START, START + 8 * HOUR - STEP);
}

/// All chunk files of a block, one behind the other.
fn chunk_bytes(dir: &Path) -> Vec<u8> {
    let mut names: Vec<_> = std::fs::read_dir(dir.join("chunks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().flat_map(|name| std::fs::read(name).unwrap()).collect()
}

#[test]
fn compaction_gives_the_bytes_that_prometheus_gives() {
    let Some(program) = server::program() else { return };
    let (dir, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let random = Random::from_seed(3);
    let series = all_kinds();
    // Three that fill a range, one after; and three that overlap, far enough from the
    // others not to be joined with them later.
    let mut names = Vec::new();
    for number in [0, 1, 2, 3] {
        let ulid = Ulid::new(START + number, &random);
        write_block(dir.path(), ulid, START + number * 2 * HOUR, START + (number + 1) * 2 * HOUR, &series);
        names.push(ulid);
    }
    let some = |skip: usize| -> Vec<Series> {
        let some = |samples: &Vec<Sample>| samples.iter().skip(skip).step_by(3).cloned().collect();
        series.iter().skip(skip).map(|(labels, samples)| (labels.clone(), some(samples))).collect()
    };
    for (number, skip) in [(4, 0), (5, 1), (6, 2)] {
        let ulid = Ulid::new(START + number, &random);
        let from = START + 20 * HOUR + (number - 4) * HOUR / 2;
        write_block(dir.path(), ulid, from, from + 2 * HOUR, &some(skip));
        names.push(ulid);
    }
    let blocks = open_all(dir.path());
    let of = |names: &[Ulid]| -> Vec<Arc<Block>> {
        names.iter().map(|name| blocks.iter().find(|block| block.meta().ulid == *name).unwrap().clone()).collect()
    };
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let mut want = Vec::new();
    for (number, parents) in [(10, &names[..3]), (11, &names[4..])] {
        let ulid = Ulid::new(START + number, &random);
        let mut progress = |_| true;
        let options = CompactOptions { floats: FloatEncoding::Xor, progress: &mut progress };
        let meta = compact_blocks(&files, ours.path(), &of(parents), ulid, options).unwrap().unwrap();
        want.push(meta);
    }
    let flags = ["--storage.tsdb.max-block-duration=6h", "--web.enable-remote-write-receiver"];
    let server = Server::start(&program, dir.path(), &flags);
    // Cutting the head makes it look at the blocks.
    let labels = labels! { "__name__" => "trigger" };
    for part in 0..8 {
        let times = (0..60).map(|i| START + 40 * HOUR + (part * 60 + i) * STEP);
        server.write(&[(labels.clone(), times.map(|t| float(t, 1.0)).collect())]);
    }
    for meta in &want {
        let parents = &meta.compaction.parents;
        let theirs = wait_for("compaction", || {
            let found = load_blocks(&files, dir.path(), &PageCache::new(0), &[]).ok()?;
            found.blocks.into_iter().find(|block| block.meta().compaction.parents == *parents)
        });
        let mut meta = meta.clone();
        let ours = ours.path().join(meta.ulid.to_string());
        meta.ulid = theirs.meta().ulid;
        // Older servers do not tell floats from histograms.
        meta.stats.num_float_samples = theirs.meta().stats.num_float_samples;
        meta.stats.num_histogram_samples = theirs.meta().stats.num_histogram_samples;
        assert_eq!(*theirs.meta(), meta);
        assert!(chunk_bytes(&ours) == chunk_bytes(theirs.dir()), "the chunks of {meta:?} differ");
    }
}

#[test]
fn blocks_of_prometheus_are_answered_alike_by_us() {
    let Some(program) = server::program() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(
        &program,
        dir.path(),
        &[
            "--storage.tsdb.max-block-duration=6h",
            "--web.enable-remote-write-receiver",
            "--enable-feature=native-histograms",
        ],
    );
    let series = all_kinds();
    // In order of time, as from a sender; one series in ten minutes' bits comes late.
    let is_late = |labels: &Labels, s: &Sample| {
        labels.get("instance") == Some("host-2") && (s.timestamp_ms / (10 * STEP)) % 3 == 0
    };
    for hour in 0..HOURS {
        let from = START + hour * HOUR;
        let part = |late: bool| -> Vec<Series> {
            let in_part =
                |l: &Labels, s: &Sample| (from..from + HOUR).contains(&s.timestamp_ms) && is_late(l, s) == late;
            series
                .iter()
                .map(|(l, samples)| (l.clone(), samples.iter().filter(|s| in_part(l, s)).cloned().collect()))
                .collect()
        };
        server.write(&part(false));
        server.write(&part(true));
    }
    // Late data is cut after the rest; then four blocks of 2 h became one of 6 h and one of 2 h.
    let blocks = wait_for("blocks", || {
        let found = load_blocks(&(Arc::new(RealFiles) as Arc<dyn Files>), dir.path(), &PageCache::new(0), &[]);
        let found = found.ok()?;
        let metas: Vec<Arc<Meta>> = found.blocks.iter().map(|block| block.meta()).collect();
        let is_settled = found.corrupt.is_empty()
            && metas.iter().any(|meta| meta.max_time - meta.min_time > 2 * HOUR)
            && metas.iter().map(|meta| meta.max_time).max() >= Some(START + 8 * HOUR)
            && found.deletable.is_empty()
            && metas.windows(2).all(|pair| pair[0].max_time <= pair[1].min_time);
        is_settled.then_some(found.blocks)
    });
    // Of what comes after, blocks have only the late samples.
    let end = START + 8 * HOUR - 1;
    let store = BlockStore::new(blocks.clone());
    compare(&server, &store, START, end);

    // And once more after our own compaction, in another one of theirs.
    let merged = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let mut progress = |_| true;
    let options = CompactOptions { floats: FloatEncoding::Xor, progress: &mut progress };
    let ulid = Ulid::new(START, &Random::from_seed(2));
    compact_blocks(&files, merged.path(), &blocks, ulid, options).unwrap().unwrap();
    let other = Server::start(&program, merged.path(), &["--storage.tsdb.max-block-duration=2h"]);
    compare(&other, &BlockStore::new(open_all(merged.path())), START, end);
    compare(&other, &store, START, end);
}
