//! Ingestion, reading and replay of the database on real files.
//!
//! `cargo bench -p narthex-tsdb` runs the timed ones. `NARTHEX_TSDB_SIZES=1 cargo
//! bench -p narthex-tsdb` also prints bytes per series and the time of a replay
//! for `NARTHEX_TSDB_TARGETS` × 1,000 series (default 100).
//!
//! 2026-11-20, two vCPUs of an EPYC, others at work beside, 1,000 targets: commit
//! 13–19 ns per sample (log included), new series 0.4 µs, read 14 ns per sample
//! (three quarters from files), 253 bytes per series with 60 open samples, 310
//! after 160, log 2.1 bytes per sample, full chunks 1.9; select of all 1 M series
//! 16 ms (the first time, unsorted: 354 ms); start after a clean end 0.33 s, after
//! a kill with 20 scrapes since the checkpoint 0.77 s, with 160 M samples of log
//! and no checkpoint at all 2.6 s.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use narthex_env::{RealFiles, SystemClock};
use narthex_model::{Labels, MatchOp, Matcher, labels};
use narthex_storage::{Appender, Batch, GroupKey, SelectHints, SeriesColumns, SeriesRef, Storage};
use narthex_tsdb::{Db, Options};

/// The program's allocator, so that bytes per series are those of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SERIES: usize = 1000;
const START_MS: i64 = 1_700_000_000_000;
const INTERVAL_MS: i64 = 15_000;

fn open(dir: &Path) -> Db {
    let options = Options { background: false, ..Options::new(dir) };
    Db::open(options, Arc::new(RealFiles), Arc::new(SystemClock::new())).expect("a fresh directory opens")
}

fn line(instance: &str, i: usize) -> Labels {
    let (name, code, path) = (format!("app_requests_total_{}", i / 20), i % 4, i % 5);
    labels! {
        "__name__" => &name, "code" => &code.to_string(), "path" => &format!("/api/v{path}"),
        "shard" => &(i % 20).to_string(), "job" => "bench", "instance" => instance
    }
}

struct Target {
    appender: Box<dyn Appender>,
    refs: Vec<SeriesRef>,
    values: Vec<f64>,
    batch: Batch,
    rng: fastrand::Rng,
    time: i64,
}

impl Target {
    fn new(db: &Db, number: usize) -> Target {
        let instance = format!("10.0.{}.{}:9100", number / 250, number % 250);
        let key = GroupKey::Target(labels! { "job" => "bench", "instance" => &instance });
        let mut appender = db.appender(&key).expect("the database is open");
        let refs = (0..SERIES).map(|i| appender.series(&line(&instance, i)).expect("no limit is set")).collect();
        Target {
            appender,
            refs,
            values: (0..SERIES).map(|i| i as f64).collect(),
            batch: Batch::default(),
            rng: fastrand::Rng::with_seed(number as u64),
            time: START_MS + (number as i64 * 37) % INTERVAL_MS,
        }
    }

    /// Of ten series six are counters that grow, one is a gauge of fractions, three stand still.
    fn next_values(&mut self) {
        self.time += INTERVAL_MS;
        self.batch.clear(self.time);
        for (i, (value, &series)) in self.values.iter_mut().zip(&self.refs).enumerate() {
            match i % 10 {
                0..6 => *value += f64::from(self.rng.u32(0..200)),
                6 => *value = f64::from(self.rng.u32(0..100_000)) / 1000.0,
                _ => {}
            }
            self.batch.push(series, *value);
        }
    }

    fn scrape(&mut self) {
        self.next_values();
        self.commit();
    }

    fn commit(&mut self) {
        let report = self.appender.commit(&self.batch).expect("the disk has room");
        assert!(report.rejected.is_empty());
    }
}

/// One commit of 1,000 samples, log and full chunks included.
#[divan::bench(sample_count = 1500, sample_size = 1)]
fn commit_1000_samples(bencher: divan::Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let db = open(dir.path());
    let target = std::cell::RefCell::new(Target::new(&db, 0));
    bencher
        .counter(divan::counter::ItemsCount::new(SERIES))
        .with_inputs(|| target.borrow_mut().next_values())
        .bench_local_values(|()| target.borrow_mut().commit());
}

/// 1,000 series of a target like others that are known.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn new_series_1000(bencher: divan::Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let db = open(dir.path());
    let _first = Target::new(&db, 0);
    let number = std::cell::Cell::new(0);
    bencher
        .counter(divan::counter::ItemsCount::new(SERIES))
        .with_inputs(|| {
            number.set(number.get() + 1);
            let instance = format!("10.1.{}.{}:9100", number.get() / 250, number.get() % 250);
            let key = GroupKey::Target(labels! { "job" => "bench", "instance" => &instance });
            let appender = db.appender(&key).expect("the database is open");
            (appender, (0..SERIES).map(|i| line(&instance, i)).collect::<Vec<_>>())
        })
        .bench_local_values(|(mut appender, lines)| {
            for labels in &lines {
                appender.series(labels).expect("no limit is set");
            }
            appender
        });
}

/// 480 samples of each of 1,000 series, three quarters of them from disk.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn read_480_samples_of_1000_series(bencher: divan::Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let db = open(dir.path());
    let mut target = Target::new(&db, 0);
    (0..480).for_each(|_| target.scrape());
    let all = Matcher::new(MatchOp::Regex, "__name__", ".+").expect("the pattern is valid");
    bencher.counter(divan::counter::ItemsCount::new(480 * SERIES)).bench_local(|| {
        let querier = db.querier(0, i64::MAX).expect("the database is open");
        let set = querier.select(&SelectHints::default(), std::slice::from_ref(&all)).expect("the head reads");
        let (mut columns, mut count) = (SeriesColumns::default(), 0);
        for i in 0..set.len() {
            columns.clear();
            set.read(i, &mut columns).expect("the chunks are good");
            count += columns.floats.values.len();
        }
        assert_eq!(count, 480 * SERIES);
    });
}

fn anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
fn sizes() {
    let targets = std::env::var("NARTHEX_TSDB_TARGETS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let series = (targets * SERIES) as f64;
    let timed = |what: &str, per: f64, work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        let time = start.elapsed();
        println!("{what}: {time:?}, {:.1} ns each", time.as_nanos() as f64 / per);
    };
    let before = anonymous_bytes();
    let db = open(dir.path());
    let mut list: Vec<Target> = Vec::new();
    timed("first scrapes, labels included", series, &mut || {
        for number in 0..targets {
            let mut target = Target::new(&db, number);
            target.scrape();
            list.push(target);
        }
    });
    // What the writers here hold for themselves: references, values, batches.
    let writers = series * (8.0 + 8.0 + 16.0);
    let per_series = || (anonymous_bytes().saturating_sub(before) as f64 - writers) / series;
    println!("bytes per series after 1 scrape: {:.0}", per_series());
    let position = db.metrics().wal_bytes_written;
    timed("59 scrapes", 59.0 * series, &mut || {
        (0..59).for_each(|_| list.iter_mut().for_each(Target::scrape));
    });
    println!("bytes per series after 60 scrapes: {:.0}", per_series());
    let log_bytes = (db.metrics().wal_bytes_written - position) as f64;
    println!("log bytes per sample: {:.2}", log_bytes / (59.0 * series));
    timed("100 scrapes, one seal", 100.0 * series, &mut || {
        (0..100).for_each(|_| list.iter_mut().for_each(Target::scrape));
    });
    println!("bytes per series after 160 scrapes: {:.0}", per_series());
    println!("chunk bytes per sample: {:.2}", db.metrics().head_chunks_storage_bytes as f64 / (120.0 * series));
    let all = [Matcher::new(MatchOp::Regex, "__name__", ".+").expect("the pattern is valid")];
    for what in ["first select of all", "select of all again"] {
        timed(what, series, &mut || {
            let querier = db.querier(0, i64::MAX).expect("the database is open");
            assert_eq!(querier.select(&SelectHints::default(), &all).expect("the head reads").len(), series as usize);
        });
    }
    println!("bytes per series with the order: {:.0}", per_series());
    drop((list, db));
    let reopened = |what: &str| {
        let start = Instant::now();
        let db = open(dir.path());
        let time: Duration = start.elapsed();
        println!("{what}: {time:?} for {} series", db.metrics().head_series);
        db
    };
    let db = reopened("replay of 160 scrapes without checkpoint");
    timed("checkpoint", series, &mut || db.checkpoint().expect("the disk has room"));
    let mut list: Vec<Target> = (0..targets).map(|number| Target::new(&db, number)).collect();
    list.iter_mut().for_each(|target| target.time += 160 * INTERVAL_MS);
    (0..20).for_each(|_| list.iter_mut().for_each(Target::scrape));
    drop((list, db));
    let db = reopened("replay of a checkpoint and 20 scrapes");
    timed("close", series, &mut || db.close().expect("the disk has room"));
    drop(db);
    drop(reopened("start after a clean end"));
}

fn main() {
    if std::env::var_os("NARTHEX_TSDB_SIZES").is_some() {
        sizes();
    }
    divan::main();
}
