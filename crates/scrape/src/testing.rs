//! What the tests of this crate share: a store in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use narthex_env::{Clock, Random};
use narthex_model::Labels;
use narthex_model::value::is_stale_nan;
use narthex_storage::append::TimedSample;
use narthex_storage::{
    Appender, Batch, GroupKey, Querier, RejectReason, Rejected, Report, SampleIndex, SeriesRef, Storage, StorageError,
};

use crate::context::Context;
use crate::metrics::ScrapeMetrics;

/// A store that remembers every commit.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    labels: Vec<Labels>,
    by_labels: HashMap<Labels, SeriesRef>,
    newest: HashMap<SeriesRef, (i64, f64)>,
    commits: Vec<Vec<(i64, SeriesRef, f64)>>,
    released: Vec<SeriesRef>,
    is_closed: bool,
    series_max: Option<usize>,
    panics_next: bool,
}

impl Memory {
    /// From now on it takes nothing.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
    }

    /// From now on it takes no more than so many series.
    pub(crate) fn set_series_max(&self, max: usize) {
        self.lock().series_max = Some(max);
    }

    /// The next commit panics.
    pub(crate) fn panic_next(&self) {
        self.lock().panics_next = true;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn commit_count(&self) -> usize {
        self.lock().commits.len()
    }

    /// The samples of the last commit.
    pub(crate) fn last_commit(&self) -> Vec<String> {
        let inner = self.lock();
        inner.commits.last().map(|commit| commit.iter().map(|sample| inner.print(sample)).collect()).unwrap_or_default()
    }

    /// All samples of the series with this metric name, as `value@time`.
    pub(crate) fn samples_of(&self, name: &str) -> Vec<String> {
        let inner = self.lock();
        let of_name = |s: &&(i64, SeriesRef, f64)| inner.labels[s.1.0 as usize].metric_name() == name;
        inner.commits.iter().flatten().filter(of_name).map(|s| format!("{}@{}", print_value(s.2), s.0)).collect()
    }

    /// The series that were released, as metrics.
    pub(crate) fn released(&self) -> Vec<String> {
        let inner = self.lock();
        inner.released.iter().map(|series| inner.labels[series.0 as usize].as_metric().to_string()).collect()
    }
}

fn print_value(value: f64) -> String {
    if is_stale_nan(value) { "stale".into() } else { value.to_string() }
}

impl Inner {
    fn print(&self, (timestamp_ms, series, value): &(i64, SeriesRef, f64)) -> String {
        format!("{} {}@{timestamp_ms}", self.labels[series.0 as usize].as_metric(), print_value(*value))
    }
}

impl Storage for Memory {
    fn appender(&self, _group: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        if self.lock().is_closed {
            return Err(StorageError::NotReady);
        }
        Ok(Box::new(self.clone()))
    }

    fn querier(&self, _min_ms: i64, _max_ms: i64) -> Result<Arc<dyn Querier>, StorageError> {
        Err(StorageError::Closed)
    }
}

impl Appender for Memory {
    fn series(&mut self, labels: &Labels) -> Result<SeriesRef, StorageError> {
        let mut inner = self.lock();
        if let Some(series) = inner.by_labels.get(labels) {
            return Ok(*series);
        }
        if inner.series_max.is_some_and(|max| inner.labels.len() >= max) {
            return Err(StorageError::Limit("too many series".into()));
        }
        let series = SeriesRef(inner.labels.len() as u64);
        inner.labels.push(labels.clone());
        inner.by_labels.insert(labels.clone(), series);
        Ok(series)
    }

    fn release(&mut self, series: SeriesRef) {
        self.lock().released.push(series);
    }

    fn commit(&mut self, batch: &Batch) -> Result<Report, StorageError> {
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(StorageError::Closed);
        }
        assert!(!std::mem::take(&mut inner.panics_next), "a test wanted this panic");
        let shared = batch.series.iter().zip(&batch.values).enumerate();
        let shared = shared.map(|(i, (s, v))| (SampleIndex::Shared(i), *s, batch.timestamp_ms, *v));
        let timed = batch.timed.iter().enumerate();
        let timed = timed.map(|(i, TimedSample { series, timestamp_ms, value, .. })| {
            (SampleIndex::Timed(i), *series, *timestamp_ms, *value)
        });
        let (mut commit, mut rejected) = (Vec::new(), Vec::new());
        for (index, series, timestamp_ms, value) in shared.chain(timed) {
            match inner.newest.get(&series) {
                Some((newest, _)) if timestamp_ms < *newest => {
                    rejected.push(Rejected { index, reason: RejectReason::OutOfOrder });
                }
                Some((newest, last)) if timestamp_ms == *newest => {
                    if last.to_bits() != value.to_bits() {
                        rejected.push(Rejected { index, reason: RejectReason::Duplicate });
                    }
                }
                _ => {
                    inner.newest.insert(series, (timestamp_ms, value));
                    commit.push((timestamp_ms, series, value));
                }
            }
        }
        inner.commits.push(commit);
        Ok(Report { committed: true, rejected })
    }
}

/// What loops share, over this store and clock.
pub(crate) fn context(memory: &Memory, clock: Arc<dyn Clock>) -> Arc<Context> {
    let metrics = Arc::new(ScrapeMetrics::unregistered());
    let user_agent = http::HeaderValue::from_static("test");
    let context = Context::new(Arc::new(memory.clone()), clock, &Random::from_seed(1), metrics, user_agent);
    Arc::new(context.expect("threads can be started"))
}

/// Whether a printed sample belongs to the report of a scrape.
pub(crate) fn is_report(sample: &str) -> bool {
    sample.starts_with("up{") || sample.starts_with("scrape_")
}
