//! What all loops share.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use narthex_env::{Clock, Random};
use narthex_exposition::SeriesHasher;
use narthex_http::BodyBudget;
use narthex_storage::Storage;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::failure_log::FailureLogs;
use crate::metadata::FamilyInterner;
use crate::metrics::ScrapeMetrics;
use crate::shards::Shards;
use crate::writer::Scratch;

/// How many bytes a buffer may have and still be kept for the next scrape.
const KEPT_BODY_CAPACITY_MAX: usize = 4 << 20;

/// The longest body that is parsed and written on the thread that fetched it: some
/// 2,500 samples, a quarter of a millisecond. Handing it to another thread and
/// waiting for the answer takes longer.
const HERE_LEN_MAX: usize = 256 << 10;

/// If writing such a body takes longer, the store is busy or its disk stands still,
const HERE_TIME_MAX: Duration = Duration::from_millis(5);

/// and for so long other threads wait for it.
const SLOW_TIME: Duration = Duration::from_secs(1);

/// What bodies of all targets together may have beyond their first 8 MiB each:
/// enough for one of the longest and some others.
const LONG_BODIES_LEN_MAX: usize = 512 << 20;

/// How many buffers are kept.
const KEPT_BODIES_MAX: usize = 64;

/// What all loops share.
pub(crate) struct Context {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<ScrapeMetrics>,
    pub(crate) hasher: SeriesHasher,
    pub(crate) families: FamilyInterner,
    pub(crate) failure_logs: FailureLogs,
    pub(crate) user_agent: HeaderValue,
    /// See [`crate::Options::scrapes_at_once`].
    pub(crate) scrapes_at_once: bool,
    /// Spreads the scrapes of several servers; from host name and external labels.
    pub(crate) offset_seed: AtomicU64,
    pub(crate) shards: Shards,
    /// As many permits as cores: how many large scrapes are parsed and written at a time.
    pub(crate) cores: Arc<Semaphore>,
    /// Until this monotonic time, in nanoseconds, the store is taken for slow, and
    /// nothing is written on a thread that has timers to serve.
    slow_until_ns: AtomicU64,
    /// What long bodies of all targets together may take of memory.
    pub(crate) body_budget: Arc<BodyBudget>,
    pub(crate) bodies: Spares<Vec<u8>>,
    pub(crate) scratches: Spares<Box<Scratch>>,
    /// Ends everything; what was not written yet stays unwritten.
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Context {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        random: &Random,
        metrics: Arc<ScrapeMetrics>,
        user_agent: HeaderValue,
    ) -> io::Result<Context> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Context {
            storage,
            clock,
            metrics,
            hasher: SeriesHasher::new([random.u64(), random.u64()]),
            families: FamilyInterner::default(),
            failure_logs: FailureLogs::default(),
            user_agent,
            scrapes_at_once: false,
            offset_seed: AtomicU64::new(0),
            shards: Shards::start(cores)?,
            cores: Arc::new(Semaphore::new(cores)),
            slow_until_ns: AtomicU64::new(0),
            body_budget: Arc::new(BodyBudget::new(LONG_BODIES_LEN_MAX)),
            bodies: Spares::new(KEPT_BODIES_MAX),
            scratches: Spares::new(cores),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Whether so large a body may be written on the thread that fetched it.
    pub(crate) fn may_write_here(&self, body_len: usize) -> bool {
        body_len <= HERE_LEN_MAX
            && self.clock.monotonic().as_nanos() as u64 >= self.slow_until_ns.load(Ordering::Relaxed)
    }

    /// Notes how long it took.
    pub(crate) fn wrote_here(&self, took: Duration) {
        if took > HERE_TIME_MAX {
            let until = self.clock.monotonic() + SLOW_TIME;
            self.slow_until_ns.store(until.as_nanos() as u64, Ordering::Relaxed);
        }
    }

    /// Gives a body's buffer back, unless it has grown too large to be kept.
    pub(crate) fn put_body(&self, body: Vec<u8>) {
        if body.capacity() <= KEPT_BODY_CAPACITY_MAX {
            self.bodies.put(body);
        }
    }
}

/// Things to be used again, whose making is dear.
#[derive(Debug)]
pub(crate) struct Spares<T> {
    /// Guards the spare things; held for one push or pop.
    inner: Mutex<Vec<T>>,
    len_max: usize,
}

impl<T: Default> Spares<T> {
    fn new(len_max: usize) -> Spares<T> {
        Spares { inner: Mutex::new(Vec::new()), len_max }
    }

    /// A used one, or a new one.
    pub(crate) fn take(&self) -> T {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn put(&self, thing: T) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.len() < self.len_max {
            inner.push(thing);
        }
    }
}
