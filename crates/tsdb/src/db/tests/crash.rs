//! Random runs against a model, ended by a process kill or a power cut in the
//! middle of any write.
//!
//! A run's seed decides everything; a failing one is printed. `NARTHEX_CRASH_SEEDS`
//! runs more of them than the default, `NARTHEX_CRASH_SEED` a single one.

use std::collections::{BTreeMap, HashSet};

use narthex_env::files::Crash;

use super::*;

const GROUPS: usize = 3;
const SERIES: usize = 6;
const RANGE_MS: i64 = 60_000;

/// Group and number of a series.
type Key = (usize, usize);

/// A float's bits, or a histogram's count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Float(u64),
    Histogram(u64),
}

type Contents = BTreeMap<(Key, i64), Value>;

struct Commit {
    samples: Vec<((Key, i64), Value)>,
    /// It was synced.
    is_safe: bool,
}

/// One run and its model.
struct Run {
    rng: fastrand::Rng,
    files: SimFiles,
    options: Options,
    now: i64,
    /// What was committed, oldest first.
    commits: Vec<Commit>,
    newest: BTreeMap<Key, (i64, Value)>,
    max: i64,
    floor: i64,
    had_cut: bool,
    /// All that was ever committed.
    ever: Contents,
}

fn key_labels(key: Key) -> Labels {
    series_of(&format!("i{}", key.0), &format!("m{}", key.1))
}

fn group_key(group: usize) -> GroupKey {
    if group == 0 { GroupKey::Other("rules".to_owned()) } else { target(&format!("i{group}")) }
}

fn histogram(count: u64) -> Histogram {
    Histogram::Int(IntHistogram { count, sum: count as f64, ..IntHistogram::default() })
}

fn contents(querier: &dyn Querier) -> Contents {
    let set = querier.select(&SelectHints::default(), &[matcher(MatchOp::Regex, "__name__", ".+")]).unwrap();
    let mut contents = Contents::new();
    for i in 0..set.len() {
        let labels = set.labels(i);
        let number = |name: &str| labels.value(name)[1..].parse::<usize>().unwrap();
        let key = (number("instance"), number("__name__"));
        assert_eq!(labels, key_labels(key));
        let mut columns = SeriesColumns::default();
        set.read(i, &mut columns).unwrap();
        assert!(columns.floats.timestamps.is_sorted() && columns.histograms.timestamps.is_sorted());
        for (&timestamp, value) in columns.floats.timestamps.iter().zip(&columns.floats.values) {
            contents.insert((key, timestamp), Value::Float(value.to_bits()));
        }
        for (&timestamp, value) in columns.histograms.timestamps.iter().zip(&columns.histograms.values) {
            contents.insert((key, timestamp), Value::Histogram(value.count as u64));
        }
    }
    contents
}

/// Names the first difference only.
fn check_same(found: &Contents, expected: &Contents) {
    let missing = expected.iter().find(|&(place, value)| found.get(place) != Some(value));
    let extra = found.iter().find(|(place, _)| !expected.contains_key(place));
    assert!(missing.is_none() && extra.is_none(), "missing {missing:?}, too much {extra:?}");
}

impl Run {
    fn value(&mut self, before: Option<Value>) -> f64 {
        let before = match before {
            Some(Value::Float(bits)) => f64::from_bits(bits),
            _ => 0.0,
        };
        match self.rng.u32(0..10) {
            0..3 => before,
            3..7 => before + f64::from(self.rng.u32(0..100)),
            7 => f64::from_bits(self.rng.u64(..)),
            8 => f64::from(self.rng.u32(0..1000)) / 16.0,
            _ => STALE_NAN,
        }
    }

    fn expected(&self) -> Contents {
        let samples = self.commits.iter().flat_map(|commit| &commit.samples).copied();
        samples.filter(|((_, timestamp), _)| *timestamp >= self.floor).collect()
    }

    /// Whether a sample is not refused; one that is stored goes to `stored`.
    fn judge(
        &mut self,
        key: Key,
        timestamp: i64,
        value: Value,
        floor: i64,
        stored: &mut Vec<((Key, i64), Value)>,
    ) -> bool {
        if timestamp < floor {
            return false;
        }
        match self.newest.get(&key) {
            Some(&(last, _)) if timestamp < last => false,
            Some(&(last, before)) if timestamp == last => before == value,
            _ => {
                self.newest.insert(key, (timestamp, value));
                stored.push(((key, timestamp), value));
                true
            }
        }
    }

    /// Commits a random batch of a group. `false` when the process was stopped in it.
    fn commit(&mut self, appender: &mut dyn Appender, group: usize) -> bool {
        let saved = self.newest.clone();
        let mut batch = Batch { timestamp_ms: self.now, ..Batch::default() };
        if self.rng.u32(0..8) == 0 {
            batch.timestamp_ms -= self.rng.i64(0..40_000);
        }
        let floor = self.floor.max(self.max.saturating_sub(RANGE_MS / 2));
        let (mut stored, mut refused) = (Vec::new(), 0);
        let is_sparse = self.rng.u32(0..5) == 0;
        let (mut timed, mut histograms) = (Vec::new(), Vec::new());
        for number in 0..SERIES {
            if is_sparse && self.rng.bool() || self.rng.u32(0..12) == 0 {
                continue;
            }
            // Now and then a series of another group.
            let key = (if self.rng.u32(0..30) == 0 { self.rng.usize(0..GROUPS) } else { group }, number);
            let series = appender.series(&key_labels(key)).unwrap();
            if number == 0 && self.rng.u32(0..3) == 0 {
                timed.push((key, series));
                continue;
            }
            if number == 1 && group == 1 {
                histograms.push((key, series));
                continue;
            }
            let before = self.newest.get(&key).map(|newest| newest.1);
            let mut value = self.value(before);
            if matches!(before, Some(Value::Histogram(_))) && value.to_bits() == STALE_NAN_BITS {
                // It would be stored as a histogram; that is another test's.
                value = 1.0;
            }
            batch.push(series, value);
            let ok = self.judge(key, batch.timestamp_ms, Value::Float(value.to_bits()), floor, &mut stored);
            refused += usize::from(!ok);
        }
        for (key, series) in timed {
            for _ in 0..self.rng.u32(1..4) {
                let timestamp_ms = batch.timestamp_ms + self.rng.i64(-3000..0);
                let value = self.value(None);
                batch.timed.push(TimedSample { series, timestamp_ms, start_timestamp_ms: 0, value });
                let ok = self.judge(key, timestamp_ms, Value::Float(value.to_bits()), floor, &mut stored);
                refused += usize::from(!ok);
            }
        }
        for (key, series) in histograms {
            let (count, timestamp_ms) = (self.rng.u64(0..5), batch.timestamp_ms);
            let histogram = histogram(count);
            batch.histograms.push(TimedHistogram { series, timestamp_ms, start_timestamp_ms: 0, histogram });
            let ok = self.judge(key, timestamp_ms, Value::Histogram(count), floor, &mut stored);
            refused += usize::from(!ok);
        }
        if self.rng.u32(0..6) == 0 {
            batch.mode = CommitMode::AllOrNothing;
            if refused > 0 {
                stored.clear();
                self.newest = saved;
            }
        }
        let result = appender.commit(&batch);
        self.max = stored.iter().map(|((_, timestamp), _)| *timestamp).fold(self.max, i64::max);
        self.ever.extend(stored.iter().copied());
        self.commits.push(Commit { samples: stored, is_safe: false });
        match result {
            Ok(report) => {
                assert_eq!(report.rejected.len(), refused, "{:?} of {batch:?}", report.rejected);
                true
            }
            Err(error) => {
                assert!(self.files.is_stopped(), "{error}");
                false
            }
        }
    }

    fn all_safe(&mut self) {
        self.commits.iter_mut().for_each(|commit| commit.is_safe = true);
    }

    fn clean_up(&mut self, db: &Db) {
        let _ = db.clean_up();
        if self.options.retention_ms > 0 && self.max > i64::MIN {
            self.floor = self.floor.max(self.max - self.options.retention_ms);
            let floor = self.floor;
            // A series that is gone may begin again.
            self.newest.retain(|_, newest| newest.0 >= floor);
        }
    }

    /// Works until the process is stopped or `steps` are done. Says whether the last
    /// commit was under way when it was stopped.
    fn work(&mut self, db: &Db, steps: usize) -> bool {
        let mut appenders: Vec<Option<Box<dyn Appender>>> = (0..GROUPS).map(|_| None).collect();
        let mut queriers = Vec::new();
        for _ in 0..steps {
            self.now += self.rng.i64(0..2000);
            match self.rng.u32(0..100) {
                0..3 => {
                    if db.checkpoint().is_ok() {
                        self.all_safe();
                    }
                }
                3..9 => {
                    if db.sync().is_ok() {
                        self.all_safe();
                    }
                }
                9..12 => self.clean_up(db),
                12..14 if self.options.retention_ms == 0 => {
                    queriers.push((db.querier(i64::MIN, i64::MAX).unwrap(), self.expected()));
                }
                14..16 => appenders[self.rng.usize(0..GROUPS)] = None,
                16..18 => {
                    // A restart forgets how far retention had come.
                    check_same(&contents(&*db.querier(self.floor, i64::MAX).unwrap()), &self.expected());
                }
                18 if self.options.retention_ms == 0 => self.now += self.rng.i64(0..1_000_000),
                _ => {
                    let group = self.rng.usize(0..GROUPS);
                    let known = appenders[group].take();
                    let mut appender = known.unwrap_or_else(|| db.appender(&group_key(group)).unwrap());
                    if !self.commit(&mut *appender, group) {
                        return true;
                    }
                    appenders[group] = Some(appender);
                }
            }
            if self.files.is_stopped() {
                return false;
            }
        }
        for (querier, expected) in queriers {
            check_same(&contents(&*querier), &expected);
        }
        false
    }

    /// Compares what is there after a crash with what must and may be there; the
    /// model then goes on from what is there.
    fn check(&mut self, db: &Db, crash: Option<Crash>, is_last_open: bool) {
        let found = contents(&*db.querier(i64::MIN, i64::MAX).unwrap());
        let last = self.commits.len().wrapping_sub(1);
        let is_cut = crash == Some(Crash::PowerCut);
        let mut commits = Vec::new();
        let mut known = HashSet::new();
        for (i, commit) in std::mem::take(&mut self.commits).into_iter().enumerate() {
            let (mut there, mut missing) = (0, 0);
            for (place, value) in commit.samples.iter().filter(|((_, timestamp), _)| *timestamp >= self.floor) {
                known.insert(*place);
                match found.get(place) {
                    Some(have) => {
                        assert_eq!(have, value, "{place:?}");
                        there += 1;
                    }
                    None => missing += 1,
                }
            }
            let may_miss = is_last_open && i == last || is_cut && !commit.is_safe;
            let context = || format!("commit {i} of {last}: {:?}, {:?}", commit.samples, db.notices());
            assert!(missing == 0 || may_miss, "lost {}", context());
            // Full chunks may be all that is left of a commit whose record is damaged.
            let is_damaged = db.notices().iter().any(Notice::is_corruption);
            assert!(there == 0 || missing == 0 || is_damaged, "there in part {}", context());
            let is_there = |sample: &((Key, i64), Value)| sample.0.1 < self.floor || found.contains_key(&sample.0);
            let samples = commit.samples.iter().copied().filter(is_there).collect();
            commits.push(Commit { is_safe: commit.is_safe || is_cut, samples });
        }
        let made_up = |place: &&(Key, i64)| place.1 >= self.floor && !known.contains(*place);
        let made_up: Vec<((Key, i64), Value)> =
            found.keys().filter(made_up).map(|place| (*place, found[place])).collect();
        // A sample that an earlier crash took may come back, out of full chunks, when damage makes us look there.
        let is_damaged = db.notices().iter().any(Notice::is_corruption);
        let was_committed = |sample: &((Key, i64), Value)| is_damaged && self.ever.get(&sample.0) == Some(&sample.1);
        assert!(made_up.iter().all(was_committed), "{made_up:?}");
        commits.push(Commit { samples: made_up, is_safe: is_cut });
        self.had_cut |= is_cut;
        // What a power cut damaged is told of until a checkpoint has replaced it.
        assert!(self.had_cut || !db.notices().iter().any(Notice::is_corruption), "{:?}", db.notices());
        self.commits = commits;
        self.newest.clear();
        self.max = i64::MIN;
        for &((key, timestamp), value) in self.commits.iter().flat_map(|commit| &commit.samples) {
            self.newest.insert(key, (timestamp, value));
            self.max = self.max.max(timestamp);
        }
        // Later than anything before: the model does not know what a lost commit left behind.
        self.now += 100_000;
    }
}

fn run(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let files = SimFiles::new(rng.u64(..));
    let options = Options {
        chunk_range_ms: RANGE_MS,
        log_segment_len_max: rng.u64(500..20_000),
        chunk_file_len_max: rng.u64(500..20_000),
        retention_ms: if rng.bool() { 0 } else { rng.i64(200_000..400_000) },
        ..super::options()
    };
    let mut run = Run {
        rng,
        files: files.clone(),
        options: options.clone(),
        now: 1_000_000,
        commits: Vec::new(),
        newest: BTreeMap::new(),
        max: i64::MIN,
        floor: i64::MIN,
        had_cut: false,
        ever: Contents::new(),
    };
    let mut db = open_with(options.clone(), &files);
    for _ in 0..3 {
        let steps = run.rng.usize(20..400);
        if run.rng.u32(0..8) != 0 {
            files.stop_after(run.rng.u64(0..steps as u64));
        }
        let is_last_open = run.work(&db, steps);
        let crash = if run.rng.bool() { Crash::Kill } else { Crash::PowerCut };
        let is_closed = !files.is_stopped() && run.rng.bool() && db.close().is_ok();
        if is_closed {
            run.all_safe();
        }
        drop(db);
        files.restart(crash);
        // The start itself may be cut off as well.
        if run.rng.u32(0..4) == 0 {
            files.stop_after(run.rng.u64(0..12));
            let _ = Db::open(options.clone(), Arc::new(files.clone()), Arc::new(ManualClock::new(0)));
            files.restart(Crash::Kill);
        }
        db = open_with(options.clone(), &files);
        run.check(&db, (!is_closed).then_some(crash), is_last_open);
    }
}

#[test]
fn what_was_committed_survives_any_crash() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("NARTHEX_CRASH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("NARTHEX_CRASH_SEEDS").unwrap_or(300),
    };
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            panic!("seed {seed}: {}", text.unwrap_or_default());
        }
    }
}
