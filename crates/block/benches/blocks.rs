//! What blocks cost: written, compacted, searched and read, from a fresh directory.
//!
//! Prints processor seconds and rates once; run with `cargo bench -p narthex-block`.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use narthex_block::{
    Block, BlockWriter, ChunkData, CompactOptions, Meta, PageCache, SymbolTable, Ulid, compact_blocks,
};
use narthex_chunkenc::{CutRules, FloatEncoding, Sample, SampleValue, SeriesEncoder};
use narthex_env::{Files, Random, RealFiles};
use narthex_model::{Labels, MatchOp, Matcher};
use narthex_storage::{SelectHints, SeriesColumns};

const INSTANCES: usize = 500;
const METRICS: usize = 200;
/// Two hours, every 15 s.
const SAMPLES: i64 = 480;

/// Time that this process has spent on a processor: what others do does not count.
#[derive(Clone, Copy)]
struct Instant(f64);

impl Instant {
    fn now() -> Instant {
        let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
        let nanoseconds: f64 = stat.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or_default();
        Instant(nanoseconds / 1e9)
    }
}

fn say(what: &str, started: Instant, amount: f64, unit: &str) {
    let seconds = Instant::now().0 - started.0;
    let each = seconds / amount * 1e9;
    let _ = writeln!(std::io::stdout(), "{what:<34} {seconds:>8.3} s  {each:>9.1} ns per {unit}");
}

fn labels() -> Vec<Labels> {
    let mut all = Vec::new();
    for metric in 0..METRICS {
        for instance in 0..INSTANCES {
            all.push(Labels::from_pairs([
                ("__name__", format!("app_responses_total_{metric:03}")),
                ("code", ["200", "404", "500"][instance % 3].to_owned()),
                ("instance", format!("host-{instance:05}.example.org:9090")),
                ("job", format!("service-{}", instance % 20)),
                ("path", format!("/api/v1/resource/{}", metric % 17)),
                ("zone", format!("eu-{}", instance % 4)),
            ]));
        }
    }
    all.sort();
    all
}

fn write(files: &Arc<dyn Files>, dir: &Path, ulid: Ulid, start: i64, all: &[Labels]) -> Meta {
    let table = SymbolTable::of(all);
    let mut writer =
        BlockWriter::create(files, dir, Meta::new(ulid, start, start + SAMPLES * 15_000)).expect("created");
    writer.add_symbols(&table).expect("symbols are sorted");
    let random = Random::from_seed(1);
    for labels in all {
        let mut encoder = SeriesEncoder::new(CutRules::merged(FloatEncoding::Xor));
        let mut value = 0.0;
        for at in 0..SAMPLES {
            value += random.below(100) as f64;
            let timestamp_ms = start + at * 15_000;
            encoder.push(&Sample { timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(value) });
        }
        let chunks = encoder.finish();
        let chunks: Vec<ChunkData<'_>> = chunks.iter().map(ChunkData::from).collect();
        writer.add_series(&table.pairs(labels).expect("the table has all texts"), &chunks).expect("series are sorted");
    }
    writer.finish().expect("written").expect("it has samples")
}

fn main() {
    let dir = tempfile::tempdir().expect("a fresh directory");
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let random = Random::from_seed(7);
    let all = labels();
    let series = all.len() as f64;
    let cache = PageCache::new(16 << 20);
    let mut parents = Vec::new();
    for number in 0..3 {
        let ulid = Ulid::new(number, &random);
        let started = Instant::now();
        let meta = write(&files, dir.path(), ulid, number * SAMPLES * 15_000, &all);
        say("encode and write a block", started, meta.stats.num_samples as f64, "sample");
        let started = Instant::now();
        let block = Block::open(&files, &dir.path().join(ulid.to_string()), &cache).expect("opens");
        say("open", started, series, "series");
        parents.push(Arc::new(block));
    }
    let started = Instant::now();
    let mut progress = |_| true;
    let options = CompactOptions { floats: FloatEncoding::Xor, progress: &mut progress };
    let merged = compact_blocks(&files, dir.path(), &parents, Ulid::new(9, &random), options);
    let merged = merged.expect("compacts").expect("it has samples");
    say("compact three blocks", started, merged.stats.num_samples as f64, "sample");
    let place = dir.path().join(merged.ulid.to_string());
    let block = Arc::new(Block::open(&files, &place, &cache).expect("opens"));
    let _ = writeln!(
        std::io::stdout(),
        "bytes per sample {:.3}, of which index {:.3}",
        block.len_bytes() as f64 / merged.stats.num_samples as f64,
        block.index().len_bytes() as f64 / merged.stats.num_samples as f64
    );

    let querier = block.querier(i64::MIN, i64::MAX);
    let matcher = |op, name: &str, value: &str| Matcher::new(op, name, value).expect("a good pattern");
    for (what, matchers) in [
        ("select everything", vec![matcher(MatchOp::Regex, "__name__", ".+")]),
        ("select a metric", vec![Matcher::equal("__name__", "app_responses_total_100")]),
        (
            "select a metric, pattern on 1 in 10",
            vec![
                Matcher::equal("__name__", "app_responses_total_100"),
                matcher(MatchOp::Regex, "instance", ".+7\\..*"),
            ],
        ),
        (
            "select one",
            vec![
                Matcher::equal("__name__", "app_responses_total_100"),
                Matcher::equal("instance", "host-00007.example.org:9090"),
            ],
        ),
    ] {
        // The kernel counts in milliseconds: short ones are done often.
        let rounds = if what == "select everything" { 5 } else { 500 };
        let (started, mut found) = (Instant::now(), 0);
        for _ in 0..rounds {
            found += querier.select(&SelectHints::default(), &matchers).expect("selects").len();
        }
        say(what, started, found as f64, "series");
    }
    let set = querier.select(&SelectHints::default(), &[matcher(MatchOp::Regex, "__name__", ".+")]).expect("selects");
    let started = Instant::now();
    (0..set.len()).for_each(|index| drop(set.labels(index)));
    say("labels of everything", started, series, "series");
    let started = Instant::now();
    let groups = set.group(&narthex_storage::Grouping::By(vec!["job".into(), "code".into()]));
    say("group everything by two labels", started, series, "series");
    assert_eq!(groups.group_of.len(), set.len());
    let mut columns = SeriesColumns::default();
    let started = Instant::now();
    for index in 0..set.len() {
        columns.clear();
        set.read(index, &mut columns).expect("reads");
    }
    say("read everything", started, merged.stats.num_samples as f64, "sample");
    for name in ["__name__", "instance"] {
        let started = Instant::now();
        let values = querier.label_values(name, &[], 0).expect("reads").len();
        say(&format!("values of {name}"), started, values as f64, "value");
    }
}
