//! Tests of the database as its users see it.

mod crash;

use std::path::Path;
use std::sync::Arc;

use narthex_env::{Files, ManualClock, RealFiles, SimFiles};
use narthex_model::histogram::{Histogram, IntHistogram, Span};
use narthex_model::value::{STALE_NAN, STALE_NAN_BITS};
use narthex_model::{Labels, MatchOp, Matcher, labels};
use narthex_storage::append::{TimedHistogram, TimedSample};
use narthex_storage::{
    Appender, Batch, CommitMode, GroupKey, Grouping, Querier, RejectReason, SampleIndex, SelectHints, SeriesColumns,
    SeriesRef, Storage, StorageError,
};

use crate::{Db, Notice, OpenError, Options};

const DIR: &str = "/data";

fn options() -> Options {
    Options { background: false, ..Options::new(DIR) }
}

fn open_with(options: Options, files: &SimFiles) -> Db {
    Db::open(options, Arc::new(files.clone()), Arc::new(ManualClock::new(0))).unwrap()
}

fn open(files: &SimFiles) -> Db {
    open_with(options(), files)
}

fn target(instance: &str) -> GroupKey {
    GroupKey::Target(labels! { "job" => "test", "instance" => instance })
}

fn series_of(instance: &str, name: &str) -> Labels {
    labels! { "__name__" => name, "job" => "test", "instance" => instance }
}

type Samples = Vec<(i64, u64)>;

fn matcher(op: MatchOp, name: &str, value: &str) -> Matcher {
    Matcher::new(op, name, value).unwrap()
}

/// All series that a querier sees, with their float samples.
fn read_all(querier: &dyn Querier, matchers: &[Matcher]) -> Vec<(Labels, Samples)> {
    let set = querier.select(&SelectHints::default(), matchers).unwrap();
    let mut all = Vec::new();
    for i in 0..set.len() {
        let mut columns = SeriesColumns::default();
        set.read(i, &mut columns).unwrap();
        let values = columns.floats.values.iter().map(|value| value.to_bits());
        all.push((set.labels(i), columns.floats.timestamps.into_iter().zip(values).collect()));
    }
    all
}

fn everything(db: &Db) -> Vec<(Labels, Samples)> {
    read_all(&*db.querier(i64::MIN, i64::MAX).unwrap(), &[])
}

fn bits(samples: &[(i64, f64)]) -> Samples {
    samples.iter().map(|&(timestamp, value)| (timestamp, value.to_bits())).collect()
}

/// Commits one scrape.
fn scrape(appender: &mut dyn Appender, timestamp_ms: i64, samples: &[(SeriesRef, f64)]) -> narthex_storage::Report {
    let mut batch = Batch { timestamp_ms, ..Batch::default() };
    samples.iter().for_each(|&(series, value)| batch.push(series, value));
    appender.commit(&batch).unwrap()
}

/// Opens a database with `series` series of one target and `scrapes` scrapes of them, 15 s apart.
fn filled(db: &Db, series: usize, scrapes: i64) -> (Box<dyn Appender>, Vec<SeriesRef>) {
    let mut appender = db.appender(&target("a")).unwrap();
    let refs: Vec<SeriesRef> =
        (0..series).map(|i| appender.series(&series_of("a", &format!("m{i:04}"))).unwrap()).collect();
    for t in 0..scrapes {
        let samples: Vec<_> = refs.iter().enumerate().map(|(i, &r)| (r, (i as i64 * t) as f64)).collect();
        assert_eq!(scrape(&mut *appender, t * 15_000, &samples).rejected, []);
    }
    (appender, refs)
}

#[test]
fn samples_come_back_over_sealed_and_open_chunks() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let _held = filled(&db, 20, 700);
    let all = everything(&db);
    assert_eq!(all.len(), 20);
    for (i, (labels, samples)) in all.iter().enumerate() {
        assert_eq!(*labels, series_of("a", &format!("m{i:04}")));
        let want: Samples = (0..700).map(|t| (t * 15_000, ((i as i64 * t) as f64).to_bits())).collect();
        assert_eq!(*samples, want);
    }
    assert!(db.metrics().head_chunks_storage_bytes > 0);
}

#[test]
fn a_range_is_read_exactly() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let _held = filled(&db, 2, 300);
    let hints = SelectHints { start_ms: 100 * 15_000, end_ms: 200 * 15_000 + 1, ..SelectHints::default() };
    let set = db.querier(0, i64::MAX).unwrap().select(&hints, &[Matcher::equal("__name__", "m0001")]).unwrap();
    let mut columns = SeriesColumns::default();
    set.read(0, &mut columns).unwrap();
    let want: Vec<i64> = (100..=200).map(|t| t * 15_000).collect();
    assert_eq!((set.len(), columns.floats.timestamps), (1, want));
}

#[test]
fn the_newest_sample_is_the_same_with_and_without_those_before() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let (mut appender, refs) = filled(&db, 3, 130);
    for t in 130..400 {
        // One series is there every time, one has gaps, one ends.
        let is_there = |i: usize| [true, t % 7 == 0, t < 300][i];
        let there = refs.iter().enumerate().filter(|(i, _)| is_there(*i));
        let samples: Vec<_> = there.map(|(i, &r)| (r, (t * (1 + i as i64)) as f64)).collect();
        scrape(&mut *appender, t * 15_000, &samples);
    }
    let newest = |start_ms, end_ms, newest_only| -> Vec<Option<(i64, f64)>> {
        let hints = SelectHints { start_ms, end_ms, newest_only, ..SelectHints::default() };
        let set = db.querier(0, i64::MAX).unwrap().select(&hints, &[Matcher::equal("job", "test")]).unwrap();
        let mut columns = SeriesColumns::default();
        let mut read = |index| {
            columns.clear();
            set.read(index, &mut columns).unwrap();
            columns.floats.timestamps.last().copied().zip(columns.floats.values.last().copied())
        };
        (0..set.len()).map(&mut read).collect()
    };
    for end_ms in (0..430).map(|t| t * 15_000 + 5) {
        for start_ms in [0, end_ms - 60_000, end_ms - 300_000] {
            assert_eq!(newest(start_ms, end_ms, true), newest(start_ms, end_ms, false), "{start_ms} to {end_ms}");
        }
    }
}

#[test]
fn a_clean_end_and_a_crash_keep_everything() {
    for clean in [true, false] {
        let files = SimFiles::new(1);
        let db = open(&files);
        let held = filled(&db, 10, 300);
        let before = everything(&db);
        drop(held);
        if clean {
            db.close().unwrap();
        }
        drop(db);
        let db = open(&files);
        let expected: &[Notice] = if clean { &[] } else { &[Notice::LockReplaced] };
        assert_eq!(db.notices(), expected);
        assert_eq!(everything(&db), before);
        // And it goes on where it was.
        let mut appender = db.appender(&target("a")).unwrap();
        let series = appender.series(&series_of("a", "m0003")).unwrap();
        scrape(&mut *appender, 300 * 15_000, &[(series, 1.5)]);
        let samples = &everything(&db)[3].1;
        assert_eq!((samples.len(), samples[300]), (301, (4_500_000, 1.5f64.to_bits())));
    }
}

#[test]
fn samples_are_judged_as_upstream_does() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let mut appender = db.appender(&target("a")).unwrap();
    let a = appender.series(&series_of("a", "a")).unwrap();
    let b = appender.series(&series_of("a", "b")).unwrap();
    let hour = 3_600_000;
    scrape(&mut *appender, 10 * hour, &[(a, 1.0), (b, f64::NAN)]);
    let mut reasons = |timestamp_ms, value| {
        let report = scrape(&mut *appender, timestamp_ms, &[(a, value)]);
        assert!(report.committed);
        report.rejected.first().map(|rejected| (rejected.index, rejected.reason))
    };
    let shared = |reason| Some((SampleIndex::Shared(0), reason));
    assert_eq!(reasons(10 * hour, 1.0), None);
    assert_eq!(reasons(10 * hour, 2.0), shared(RejectReason::Duplicate));
    assert_eq!(reasons(10 * hour - 1, 2.0), shared(RejectReason::OutOfOrder));
    assert_eq!(reasons(9 * hour - 1, 2.0), shared(RejectReason::OutOfBounds));
    assert_eq!(reasons(10 * hour + 1, 3.0), None);
    assert_eq!(everything(&db)[0].1, bits(&[(10 * hour, 1.0), (10 * hour + 1, 3.0)]));
    // The same NaN is the same value.
    assert_eq!(scrape(&mut *appender, 10 * hour, &[(b, f64::NAN)]).rejected, []);
    // A series that occurs twice in a batch.
    let report = scrape(&mut *appender, 11 * hour, &[(a, 1.0), (a, 2.0)]);
    assert_eq!(
        (report.rejected[0].index, report.rejected[0].reason),
        (SampleIndex::Shared(1), RejectReason::Duplicate)
    );
}

#[test]
fn all_or_nothing_stores_nothing_when_one_is_refused() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let (mut appender, refs) = filled(&db, 2, 2);
    let before = everything(&db);
    let mut batch = Batch { timestamp_ms: 30_000, mode: CommitMode::AllOrNothing, ..Batch::default() };
    batch.push(refs[0], 7.0);
    batch.timed.push(TimedSample { series: refs[1], timestamp_ms: 1, start_timestamp_ms: 0, value: 1.0 });
    let report = appender.commit(&batch).unwrap();
    assert!(!report.committed);
    assert_eq!(report.rejected[0].index, SampleIndex::Timed(0));
    assert_eq!(everything(&db), before);
    // The refused batch leaves no trace.
    assert_eq!(scrape(&mut *appender, 30_000, &[(refs[0], 7.0)]).rejected, []);
}

#[test]
fn a_querier_sees_what_was_committed_before_it() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let (mut appender, refs) = filled(&db, 3, 100);
    let mut seen = Vec::new();
    for t in 100..300 {
        seen.push((db.querier(0, i64::MAX).unwrap(), everything(&db)));
        scrape(&mut *appender, t * 15_000, &[(refs[0], 1.0), (refs[1], t as f64)]);
        // A second batch at the same time: only its own samples are hidden from the next querier.
        seen.push((db.querier(0, i64::MAX).unwrap(), everything(&db)));
        let mut batch = Batch { timestamp_ms: t * 15_000, ..Batch::default() };
        batch.push(refs[2], 2.0);
        let timed = TimedSample { series: refs[0], timestamp_ms: t * 15_000 + 7, start_timestamp_ms: 0, value: 0.5 };
        batch.timed.push(timed);
        assert_eq!(appender.commit(&batch).unwrap().rejected, []);
    }
    for (querier, before) in seen {
        assert!(read_all(&*querier, &[]) == before);
    }
}

#[test]
fn gaps_and_own_timestamps_are_kept() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let (mut appender, refs) = filled(&db, 8, 0);
    let mut want: Vec<Vec<(i64, f64)>> = vec![Vec::new(); 8];
    for t in 0..400i64 {
        let mut batch = Batch { timestamp_ms: t * 15_000, ..Batch::default() };
        for (i, &series) in refs.iter().enumerate() {
            if i == 1 && t % 7 == 3 || i == 2 && (100..250).contains(&t) {
                continue;
            }
            if i == 3 {
                let timestamp_ms = t * 15_000 - 20;
                batch.timed.push(TimedSample { series, timestamp_ms, start_timestamp_ms: 0, value: t as f64 });
                want[i].push((timestamp_ms, t as f64));
                continue;
            }
            let value = if i == 2 && t == 99 { STALE_NAN } else { (t * t) as f64 / 8.0 };
            batch.push(series, value);
            want[i].push((t * 15_000, value));
        }
        assert_eq!(appender.commit(&batch).unwrap().rejected, []);
    }
    let check = |db: &Db| {
        for (have, want) in everything(db).iter().zip(&want) {
            assert_eq!(have.1, bits(want));
        }
    };
    check(&db);
    drop((appender, db));
    let db = open(&files);
    check(&db);
    db.close().unwrap();
    check(&open(&files));
}

#[test]
fn histograms_come_back_and_go_stale_as_histograms() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let mut appender = db.appender(&target("a")).unwrap();
    let series = appender.series(&series_of("a", "h")).unwrap();
    let other = appender.series(&series_of("a", "f")).unwrap();
    for t in 0..300 {
        let histogram = Histogram::Int(IntHistogram {
            count: t,
            sum: t as f64,
            positive_spans: vec![Span { offset: 1, length: 2 }],
            positive_deltas: vec![t as i64, 1],
            ..IntHistogram::default()
        });
        let mut batch = Batch { timestamp_ms: t as i64 * 1000, ..Batch::default() };
        batch.push(other, 1.0);
        let timestamp_ms = batch.timestamp_ms;
        batch.histograms.push(TimedHistogram { series, timestamp_ms, start_timestamp_ms: 0, histogram });
        assert_eq!(appender.commit(&batch).unwrap().rejected, []);
    }
    scrape(&mut *appender, 300_000, &[(series, STALE_NAN)]);
    drop(appender);
    {
        let set = db.querier(0, i64::MAX).unwrap().select(&SelectHints::default(), &[Matcher::equal("__name__", "h")]);
        let mut columns = SeriesColumns::default();
        set.unwrap().read(0, &mut columns).unwrap();
        assert_eq!((columns.floats.timestamps.len(), columns.histograms.timestamps.len()), (0, 301));
        assert_eq!(columns.histograms.values[9].positive_buckets, [9.0, 10.0]);
        assert_eq!(columns.histograms.values[300].sum.to_bits(), STALE_NAN_BITS);
    }
    drop(db);
    let db = open(&files);
    let set = db.querier(0, i64::MAX).unwrap().select(&SelectHints::default(), &[Matcher::equal("__name__", "h")]);
    let mut columns = SeriesColumns::default();
    set.unwrap().read(0, &mut columns).unwrap();
    assert_eq!(columns.histograms.timestamps.len(), 301);
}

#[test]
fn a_series_of_another_group_is_one_series() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let (mut appender, refs) = filled(&db, 2, 1);
    let mut rules = db.appender(&GroupKey::Other("rules".to_owned())).unwrap();
    let foreign = rules.series(&series_of("a", "m0001")).unwrap();
    assert_eq!(foreign, refs[1]);
    let own = rules.series(&labels! { "__name__" => "rule" }).unwrap();
    scrape(&mut *rules, 20_000, &[(own, 5.0), (foreign, 6.0)]);
    scrape(&mut *appender, 30_000, &[(refs[0], 1.0), (refs[1], 2.0)]);
    let want = bits(&[(0, 0.0), (20_000, 6.0), (30_000, 2.0)]);
    drop((appender, rules));
    let check = |db: &Db| {
        let all = everything(db);
        assert_eq!(all.len(), 3);
        assert_eq!((all[1].1.clone(), all[2].1.clone()), (want.clone(), bits(&[(20_000, 5.0)])));
    };
    check(&db);
    drop(db);
    check(&open(&files));
}

#[test]
fn what_begins_after_the_range_is_not_listed() {
    let files = SimFiles::new(1);
    let db = open(&files);
    for (instance, timestamp_ms) in [("a", 1000), ("b", 5000)] {
        let mut appender = db.appender(&target(instance)).unwrap();
        let series = appender.series(&series_of(instance, "m")).unwrap();
        scrape(&mut *appender, timestamp_ms, &[(series, 1.0)]);
    }
    let hints = SelectHints { function: "series".into(), ..SelectHints::default() };
    for (max_ms, series, instances) in
        [(999, vec![], vec![]), (1000, vec!["a"], vec!["a", "b"]), (5000, vec!["a", "b"], vec!["a", "b"])]
    {
        let querier = db.querier(0, max_ms).unwrap();
        let set = querier.select(&hints, &[matcher(MatchOp::Equal, "__name__", "m")]).unwrap();
        let found: Vec<Labels> = (0..set.len()).map(|i| set.labels(i)).collect();
        let found: Vec<&str> = found.iter().map(|labels| labels.value("instance")).collect();
        assert_eq!(found, series, "until {max_ms}");
        // Names and values are those of the whole head as soon as it has begun.
        assert_eq!(querier.label_values("instance", &[], 0).unwrap(), instances);
        assert_eq!(querier.label_names(&[], 0).unwrap().is_empty(), instances.is_empty());
    }
}

#[test]
fn matchers_select_as_a_plain_filter_would() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let mut sets = Vec::new();
    for instance in ["a", "b", "c"] {
        let mut appender = db.appender(&target(instance)).unwrap();
        for i in 0..30 {
            let code = ["200", "404", "500", ""][i % 4];
            let name = format!("m{}", i % 5);
            let labels = labels! { "__name__" => &name, "job" => "test", "instance" => instance, "code" => code, "i" => &i.to_string() };
            appender.series(&labels).unwrap();
            sets.push(labels);
        }
        // One that takes the target's labels for its own.
        let odd = labels! { "__name__" => "odd", "job" => "other", "instance" => instance };
        appender.series(&odd).unwrap();
        sets.push(odd);
    }
    sets.sort();
    let patterns = ["", "a", "200", "5..|404", ".+", ".*", "m[12]", "x", "b|c", "test"];
    let querier = db.querier(0, 1).unwrap();
    let all_ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
    let mut rng = fastrand::Rng::with_seed(3);
    for round in 0..3000 {
        let matchers: Vec<Matcher> = (0..1 + round % 3)
            .map(|_| {
                let name = ["__name__", "job", "instance", "code", "i", "none"][rng.usize(0..6)];
                matcher(all_ops[rng.usize(0..4)], name, patterns[rng.usize(0..patterns.len())])
            })
            .collect();
        let want: Vec<&Labels> =
            sets.iter().filter(|labels| matchers.iter().all(|m| m.matches(labels.value(m.name())))).collect();
        let set = querier.select(&SelectHints::default(), &matchers).unwrap();
        let have: Vec<Labels> = (0..set.len()).map(|i| set.labels(i)).collect();
        assert!(have.iter().eq(want.iter().copied()), "{matchers:?}");
        let mut names: Vec<&str> = want.iter().flat_map(|labels| labels.iter().map(|pair| pair.0)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(querier.label_names(&matchers, 0).unwrap(), names);
        let mut codes: Vec<&str> = want.iter().filter_map(|labels| labels.get("code")).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(querier.label_values("code", &matchers, 0).unwrap(), codes);
    }
    assert_eq!(querier.label_values("instance", &[], 2).unwrap(), ["a", "b"]);
    assert_eq!(querier.label_values("none", &[], 0).unwrap(), Vec::<String>::new());
    assert_eq!(querier.label_names(&[], 3).unwrap(), ["__name__", "code", "i"]);
}

#[test]
fn groups_are_those_of_the_label_sets() {
    let files = SimFiles::new(1);
    let db = open(&files);
    for instance in ["a", "b"] {
        let mut appender = db.appender(&target(instance)).unwrap();
        for i in 0..700 {
            let code = ["200", "404"][i % 2];
            let labels = labels! { "__name__" => "m", "job" => "test", "instance" => instance, "code" => code, "i" => &i.to_string() };
            appender.series(&labels).unwrap();
        }
    }
    let set = db.querier(0, 1).unwrap().select(&SelectHints::default(), &[]).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for grouping in [
        Grouping::By(names(&["code"])),
        Grouping::By(names(&["instance", "code", "none"])),
        Grouping::By(Vec::new()),
        Grouping::Without(names(&["i"])),
        Grouping::Without(names(&["instance", "i", "code", "job"])),
    ] {
        let groups = set.group(&grouping);
        for (i, &group) in groups.group_of.iter().enumerate() {
            assert_eq!(groups.labels[group as usize], grouping.labels_of(&set.labels(i)));
        }
        let mut distinct = groups.labels.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((groups.group_of.len(), distinct.len()), (set.len(), groups.labels.len()));
    }
}

#[test]
fn series_stay_in_order_as_they_come_and_go() {
    let files = SimFiles::new(1);
    let db = open_with(Options { retention_ms: 1000, ..options() }, &files);
    let mut rng = fastrand::Rng::with_seed(5);
    for round in 0..30i64 {
        let mut appender = db.appender(&target(&format!("{}", round % 3))).unwrap();
        let mut batch = Batch { timestamp_ms: round * 600, ..Batch::default() };
        for _ in 0..if round % 10 == 0 { 3000 } else { 100 } {
            let labels = labels! { "__name__" => &format!("m{}", rng.u32(0..5000)), "job" => "test", "instance" => &(round % 3).to_string() };
            let series = appender.series(&labels).unwrap();
            if !batch.series.contains(&series) {
                batch.push(series, 1.0);
            }
        }
        appender.commit(&batch).unwrap();
        drop(appender);
        db.clean_up().unwrap();
        if round % 4 == 0 {
            db.checkpoint().unwrap();
        }
        let all = everything(&db);
        assert!(all.iter().map(|series| &series.0).is_sorted());
        assert_eq!(all.len() as u64, db.metrics().head_series);
        assert!(all.iter().all(|series| !series.1.is_empty()));
    }
}

#[test]
fn retention_drops_samples_series_and_files() {
    let files = SimFiles::new(1);
    let options = Options { retention_ms: 3_600_000, chunk_range_ms: 600_000, chunk_file_len_max: 4096, ..options() };
    let db = open_with(options.clone(), &files);
    let (mut appender, refs) = filled(&db, 10, 100);
    appender.release(refs[0]);
    for t in 100..1000 {
        let samples: Vec<_> = refs[1..].iter().map(|&r| (r, t as f64)).collect();
        scrape(&mut *appender, t * 15_000, &samples);
        if t % 50 == 0 {
            db.clean_up().unwrap();
        }
    }
    db.clean_up().unwrap();
    let floor = 999 * 15_000 - 3_600_000;
    let all = everything(&db);
    assert_eq!(all.len(), 9);
    assert!(all.iter().all(|series| series.1[0].0 >= floor && series.1.len() == 241));
    let metrics = db.metrics();
    assert_eq!((metrics.head_series, metrics.head_series_removed), (9, 1));
    assert!(metrics.time_retentions > 0 && metrics.head_min_time_ms >= floor);
    let names = db.querier(0, i64::MAX).unwrap().label_values("__name__", &[], 0).unwrap();
    assert_eq!(names[0], "m0001");
    // A new series takes the place of the old one and does not inherit from it.
    db.checkpoint().unwrap();
    let new = appender.series(&series_of("a", "new")).unwrap();
    assert_eq!(new, refs[0]);
    scrape(&mut *appender, 1000 * 15_000, &[(new, 1.0)]);
    drop((appender, db));
    let db = open_with(options, &files);
    assert_eq!(everything(&db).last().unwrap().1, bits(&[(1000 * 15_000, 1.0)]));
}

#[test]
fn a_group_that_nobody_writes_leaves_memory_and_is_still_read() {
    let files = SimFiles::new(1);
    let db = open(&files);
    drop(filled(&db, 10, 10));
    let mut other = db.appender(&target("b")).unwrap();
    let series = other.series(&series_of("b", "x")).unwrap();
    scrape(&mut *other, 2 * 3_600_000, &[(series, 1.0)]);
    let before = everything(&db);
    db.clean_up().unwrap();
    assert!(db.metrics().head_chunks_storage_bytes > 0);
    assert_eq!(everything(&db), before);
    // Such series are not found where they have no samples.
    let recent = db.querier(3_600_000, i64::MAX).unwrap();
    assert_eq!(read_all(&*recent, &[]).len(), 1);
    drop((other, db));
    let db = open(&files);
    assert_eq!(everything(&db), before);
    let mut appender = db.appender(&target("a")).unwrap();
    let series = appender.series(&series_of("a", "m0001")).unwrap();
    scrape(&mut *appender, 2 * 3_600_000, &[(series, 1.0)]);
    assert_eq!(read_all(&*db.querier(3_600_000, i64::MAX).unwrap(), &[]).len(), 11);
}

#[test]
fn a_series_limit_refuses_new_series_only() {
    let files = SimFiles::new(1);
    let db = open_with(Options { series_max: 2, ..options() }, &files);
    let (mut appender, refs) = filled(&db, 2, 1);
    let refused = appender.series(&series_of("a", "new"));
    assert!(matches!(refused, Err(StorageError::Limit(text)) if text == "series limit of 2 reached"));
    assert_eq!(appender.series(&series_of("a", "m0001")).unwrap(), refs[1]);
    assert!(matches!(appender.series(&Labels::empty()), Err(StorageError::InvalidLabels(_))));
}

#[test]
fn a_closed_database_refuses_with_a_clear_error() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let (mut appender, refs) = filled(&db, 1, 1);
    db.close().unwrap();
    db.close().unwrap();
    let mut batch = Batch { timestamp_ms: 1, ..Batch::default() };
    batch.push(refs[0], 1.0);
    assert!(matches!(appender.commit(&batch), Err(StorageError::Closed)));
    assert!(matches!(db.querier(0, 1), Err(StorageError::Closed)));
}

#[test]
fn damage_in_the_log_is_reported_and_isolated() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let (mut appender, refs) = filled(&db, 5, 20);
    let mut other = db.appender(&target("b")).unwrap();
    let lone = other.series(&series_of("b", "z")).unwrap();
    for t in 20..40 {
        let samples: Vec<_> = refs.iter().map(|&r| (r, t as f64 * 1.1)).collect();
        scrape(&mut *appender, t * 15_000, &samples);
        scrape(&mut *other, t * 15_000, &[(lone, t as f64)]);
    }
    let before = everything(&db);
    drop((appender, other, db));
    let path = Path::new("/data/head/log/00000001");
    let len = files.open(path).unwrap().len().unwrap() as usize;
    files.flip_bit(path, len * 2 / 3, 3).unwrap();
    let db = open(&files);
    let damaged = db.notices().iter().any(|n| matches!(n, Notice::LogDamaged { segment: 1, offset } if *offset > 0));
    assert!(damaged, "{:?}", db.notices());
    assert_eq!(db.metrics().wal_corruptions, db.notices().iter().filter(|n| n.is_corruption()).count() as u64);
    // Whatever is there is right: nothing is made up from differences to a lost value.
    let after = everything(&db);
    assert_eq!(after.len(), 6);
    let mut whole = 0;
    for (after, before) in after.iter().zip(&before) {
        assert!(after.1.iter().all(|sample| before.1.contains(sample)));
        whole += usize::from(after.1.len() == before.1.len());
    }
    assert!(whole >= 1, "the other group lost nothing");
}

/// The files below a directory of the data directory, by path.
fn paths(files: &SimFiles, dir: &str) -> Vec<std::path::PathBuf> {
    let list = files.list(Path::new(dir)).unwrap();
    list.into_iter().filter(|entry| !entry.is_dir).map(|entry| Path::new(dir).join(entry.name)).collect()
}

#[test]
fn a_damaged_head_of_a_file_costs_no_sample() {
    for (dir, clean) in [("/data/head/chunks", true), ("/data/head", true), ("/data/head/log", false)] {
        let files = SimFiles::new(1);
        let db = open(&files);
        let held = filled(&db, 5, 700);
        let before = everything(&db);
        if clean {
            db.close().unwrap();
        }
        drop((held, db));
        let damaged = paths(&files, dir);
        assert!(!damaged.is_empty());
        damaged.iter().for_each(|path| files.flip_bit(path, 1, 0).unwrap());
        let db = open(&files);
        assert!(db.notices().iter().any(Notice::is_corruption), "{:?}", db.notices());
        assert_eq!(everything(&db), before, "{dir}");
        drop(db);
        assert_eq!(everything(&open(&files)), before, "{dir}");
    }
}

#[test]
fn files_that_are_none_of_ours_harm_nothing() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let held = filled(&db, 5, 700);
    let before = everything(&db);
    drop((held, db));
    let copy = |from: &str, to: &str| {
        let dir = Path::new("/data/head");
        let bytes = files.open(&dir.join(from)).unwrap().read_all().unwrap();
        files.create(&dir.join(to)).unwrap().append(&bytes).unwrap();
    };
    // The last of these was taken for the newest, and 000001 then written anew.
    for name in ["+1", "3", "18446744073709551615", "18446744073709551614", "99999999999", "0"] {
        copy("chunks/000001", &format!("chunks/{name}"));
        copy("log/00000001", &format!("log/{name}"));
    }
    copy("log/00000001", "checkpoint.18446744073709551615");
    for dir in ["chunks/000009", "log/00000009", "checkpoint.00000009", "checkpoint.0000000a.tmp"] {
        files.create_dir_all(&Path::new("/data/head").join(dir)).unwrap();
    }
    let db = open(&files);
    assert_eq!(everything(&db), before);
    let mut appender = db.appender(&target("new")).unwrap();
    let series = appender.series(&series_of("new", "n")).unwrap();
    for t in 700..1000 {
        scrape(&mut *appender, t * 15_000, &[(series, 1.0)]);
    }
    db.checkpoint().unwrap();
    let grown = everything(&db);
    assert_eq!(grown.len(), before.len() + 1);
    drop((appender, db));
    let db = open(&files);
    assert_eq!(everything(&db), grown);
    let rest: Vec<_> = grown.into_iter().filter(|(labels, _)| labels.get("instance") == Some("a")).collect();
    assert_eq!(rest, before);
}

#[test]
fn a_last_segment_that_is_gone_is_missed() {
    let files = SimFiles::new(1);
    let db = open(&files);
    let held = filled(&db, 5, 20);
    db.checkpoint().unwrap();
    drop((held, db));
    files.remove_file(Path::new("/data/head/log/00000002")).unwrap();
    assert_eq!(
        open(&files).notices().iter().filter(|n| n.is_corruption()).collect::<Vec<_>>(),
        [&Notice::LogSegmentMissing { segment: 2 }]
    );
}

#[test]
fn a_second_process_is_refused_with_upstreams_words() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { background: false, ..Options::new(dir.path()) };
    let open = || Db::open(options.clone(), Arc::new(RealFiles), Arc::new(ManualClock::new(0)));
    let db = open().unwrap();
    let refused = open().unwrap_err();
    assert!(matches!(refused, OpenError::Locked));
    assert_eq!(refused.to_string(), "lock DB directory: resource temporarily unavailable");
    db.close().unwrap();
    assert!(!dir.path().join("lock").exists());
    assert_eq!(open().unwrap().notices(), []);
    // That one was not closed.
    assert_eq!(open().unwrap().notices(), [Notice::LockReplaced]);
}

#[test]
fn an_unusable_directory_is_one_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), b"").unwrap();
    let options = Options::new(dir.path().join("file"));
    let error = Db::open(options, Arc::new(RealFiles), Arc::new(ManualClock::new(0))).unwrap_err();
    assert!(error.to_string().starts_with("create data directory "), "{error}");
}

#[test]
fn prometheus_data_is_left_alone_and_told_of() {
    let files = SimFiles::new(1);
    files.create_dir_all(Path::new("/data/wal")).unwrap();
    files.create_dir_all(Path::new("/data/01ARZ3NDEKTSV4RRFFQ69G5FAV")).unwrap();
    let db = open(&files);
    let what = |what: &str| Notice::NotRead { what: what.to_owned() };
    assert_eq!(db.notices(), [what("01ARZ3NDEKTSV4RRFFQ69G5FAV"), what("wal")]);
}

#[test]
fn stats_count_series_pairs_and_bytes() {
    let files = SimFiles::new(1);
    let db = open(&files);
    assert_eq!((db.stats(10).min_time_ms, db.stats(10).max_time_ms), (i64::MAX, i64::MIN));
    let _held = filled(&db, 3, 2);
    let stats = db.stats(2);
    assert_eq!((stats.num_series, stats.num_label_pairs, stats.chunk_count), (3, 5, 3));
    assert_eq!((stats.min_time_ms, stats.max_time_ms), (0, 15_000));
    let pair = |name: &str, count| (name.to_owned(), count);
    assert_eq!(stats.series_count_by_metric_name, [pair("m0000", 1), pair("m0001", 1)]);
    assert_eq!(stats.label_value_count_by_label_name, [pair("__name__", 3), pair("instance", 1)]);
    assert_eq!(stats.memory_in_bytes_by_label_name, [pair("__name__", 45), pair("instance", 33)]);
    assert_eq!(stats.series_count_by_label_value_pair, [pair("instance=a", 3), pair("job=test", 3)]);
    let metrics = db.metrics();
    assert_eq!((metrics.head_series, metrics.head_float_samples_appended), (3, 6));
    assert_eq!(metrics.head_active_appenders, 1);
}

#[test]
fn readers_beside_writers_see_whole_commits_in_order() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let files = SimFiles::new(1);
    let options = Options { log_segment_len_max: 20_000, chunk_file_len_max: 50_000, ..options() };
    let db = open_with(options.clone(), &files);
    let is_done = AtomicBool::new(false);
    let write = |instance: &str| {
        let mut appender = db.appender(&target(instance)).unwrap();
        for t in 0..600i64 {
            let mut batch = Batch { timestamp_ms: t * 1000, ..Batch::default() };
            // Ever more series; all have the same value.
            for i in 0..10 + t / 20 {
                let series = appender.series(&series_of(instance, &format!("m{i:03}"))).unwrap();
                batch.push(series, t as f64);
            }
            assert_eq!(appender.commit(&batch).unwrap().rejected, []);
            if t % 3 == 0 {
                // Not before: a series without samples that nobody holds may be removed.
                batch.series.iter().for_each(|series| appender.release(*series));
            }
        }
    };
    let look = || {
        let mut last = 0;
        while !is_done.load(Ordering::Acquire) {
            let querier = db.querier(0, i64::MAX).unwrap();
            for instance in ["a", "b"] {
                let newest = |samples: &Samples| samples.last().map_or(-1.0, |sample| f64::from_bits(sample.1));
                let all = read_all(&*querier, &[Matcher::equal("instance", instance)]);
                let newest: Vec<f64> = all.iter().map(|series| newest(&series.1)).filter(|&v| v >= 0.0).collect();
                assert!(newest.iter().all(|&value| value == newest[0]), "{newest:?}");
                assert!(newest.is_empty() || newest.len() as i64 == 10 + newest[0] as i64 / 20);
            }
            let seen = db.metrics().isolation_high_watermark;
            assert!(seen >= last);
            last = seen;
        }
    };
    std::thread::scope(|scope| {
        let writers = ["a", "b"].map(|instance| scope.spawn(move || write(instance)));
        scope.spawn(look);
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                db.sync().unwrap();
                db.clean_up().unwrap();
                db.checkpoint().unwrap();
                db.stats(3);
            }
        });
        let results = writers.map(|writer| writer.join());
        is_done.store(true, Ordering::Release);
        assert!(results.iter().all(Result::is_ok));
    });
    let before = everything(&db);
    drop(db);
    assert_eq!(everything(&open_with(options, &files)), before);
}

#[test]
fn real_files_and_background_threads_keep_samples_too() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { sync_interval: std::time::Duration::from_millis(1), ..Options::new(dir.path()) };
    let open = || Db::open(options.clone(), Arc::new(RealFiles), Arc::new(ManualClock::new(0))).unwrap();
    let db = open();
    let held = filled(&db, 50, 300);
    let before = everything(&db);
    // Synced without being asked.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while db.metrics().wal_fsync_count == 0 && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(db.metrics().wal_fsync_count > 0);
    drop((held, db));
    let db = open();
    assert_eq!(everything(&db), before);
    db.close().unwrap();
    drop(db);
    let db = open();
    assert_eq!((db.notices(), everything(&db)), (&[][..], before));
}
