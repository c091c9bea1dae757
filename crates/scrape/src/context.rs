//! What all loops share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use narthex_env::{Clock, Random};
use narthex_exposition::SeriesHasher;
use narthex_storage::Storage;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::failure_log::FailureLogs;
use crate::metadata::FamilyInterner;
use crate::metrics::ScrapeMetrics;
use crate::writer::Scratch;

/// How many bytes a buffer may have and still be kept for the next scrape.
const KEPT_BODY_CAPACITY_MAX: usize = 4 << 20;

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
    /// Spreads the scrapes of several servers; from host name and external labels.
    pub(crate) offset_seed: AtomicU64,
    /// As many permits as cores: how many scrapes are parsed and written at a time.
    pub(crate) cores: Arc<Semaphore>,
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
    ) -> Context {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Context {
            storage,
            clock,
            metrics,
            hasher: SeriesHasher::new([random.u64(), random.u64()]),
            families: FamilyInterner::default(),
            failure_logs: FailureLogs::default(),
            user_agent,
            offset_seed: AtomicU64::new(0),
            cores: Arc::new(Semaphore::new(cores)),
            bodies: Spares::new(KEPT_BODIES_MAX),
            scratches: Spares::new(cores),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
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
