//! The inside of scraping, open to benchmarks; not for programs.

use std::sync::Arc;

use narthex_config::ScrapeConfig;
use narthex_discovery::TargetGroup;
use narthex_env::{Clock, ManualClock, Random};
use narthex_model::Labels;
use narthex_storage::{Appender, Batch, GroupKey, Querier, Report, SeriesRef, Storage, StorageError};

use crate::context::Context;
use crate::metrics::ScrapeMetrics;
use crate::target::from_group;
use crate::writer::{Fetched, Scratch, TargetWriter, Times};

/// Parses bodies of one target and writes them to nowhere.
pub struct Bench {
    writer: TargetWriter,
    scratch: Scratch,
    clock: Arc<ManualClock>,
}

impl Bench {
    /// A target that was never scraped.
    ///
    /// # Panics
    /// When no target can be made for the job.
    pub fn new(config: ScrapeConfig) -> Bench {
        let clock = Arc::new(ManualClock::new(1_000));
        let shared: Arc<dyn Clock> = clock.clone();
        let context = Context::new(
            Arc::new(Nowhere(0)),
            shared,
            &Random::from_seed(1),
            Arc::new(ScrapeMetrics::unregistered()),
            http::HeaderValue::from_static("bench"),
        )
        .expect("threads can be started");
        let targets = vec![Labels::from_pairs([("__address__", "127.0.0.1:9100")])];
        let group = TargetGroup { source: "0".into(), targets, labels: Labels::empty() };
        let config = Arc::new(config);
        let target = from_group(&Arc::new(group), &config).active.remove(0);
        let writer = TargetWriter::new(Arc::new(context), config, target);
        Bench { writer, scratch: Scratch::default(), clock }
    }

    /// Writes one scrape of text.
    ///
    /// # Panics
    /// When it fails.
    pub fn scrape(&mut self, body: &[u8]) {
        self.clock.advance(std::time::Duration::from_secs(1));
        let times = Times { at_ms: self.clock.now_ms(), started: self.clock.monotonic() };
        let error = self.writer.write(Fetched::Body { body, content_type: "text/plain" }, times, &mut self.scratch);
        assert!(error.is_none(), "{error:?}");
    }
}

/// A store that keeps nothing; counts series.
#[derive(Clone)]
struct Nowhere(u64);

impl Storage for Nowhere {
    fn appender(&self, _group: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        Ok(Box::new(self.clone()))
    }

    fn querier(&self, _min_ms: i64, _max_ms: i64) -> Result<Arc<dyn Querier>, StorageError> {
        Err(StorageError::Closed)
    }
}

impl Appender for Nowhere {
    fn series(&mut self, _labels: &Labels) -> Result<SeriesRef, StorageError> {
        self.0 += 1;
        Ok(SeriesRef(self.0))
    }

    fn release(&mut self, _series: SeriesRef) {}

    fn commit(&mut self, _batch: &Batch) -> Result<Report, StorageError> {
        Ok(Report { committed: true, rejected: Vec::new() })
    }
}
