//! The task that scrapes one target again and again.
//!
//! Each loop lives on one of the `shards`. Small bodies are parsed and written
//! right there; large ones, and all while the store is slow, on blocking threads,
//! as many at a time as there are cores, so that timers keep their time. While it
//! waits, a loop costs its task, its writer and a socket: what a running scrape
//! needs is allocated for the scrape.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use narthex_config::ScrapeConfig;
use narthex_http::{BodyError, Client, Endpoint, HeldMemory, Url};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::error::ScrapeError;
use crate::metrics::IntervalMetrics;
use crate::schedule::{Schedule, offset};
use crate::target::{Health, LastScrape, Target};
use crate::writer::{Fetched, TargetWriter, Times};

/// What the loops of one pool share.
#[derive(Debug, Default)]
pub(crate) struct PoolLimit {
    /// How many targets the pool has, when that is too many; else 0.
    pub(crate) targets_over_limit: AtomicUsize,
}

/// What a loop leaves behind when it is stopped.
pub(crate) struct Remains {
    /// What it knew; `None` when it was lost in a panic.
    pub(crate) writer: Option<Box<TargetWriter>>,
    /// Its times; `None` when it never scraped.
    pub(crate) schedule: Option<Schedule>,
}

/// A running loop. Dropping it does not end it.
pub(crate) struct LoopHandle {
    pub(crate) target: Arc<Target>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<Remains>,
}

/// A loop about to start.
pub(crate) struct ScrapeLoop {
    pub(crate) context: Arc<Context>,
    pub(crate) config: Arc<ScrapeConfig>,
    pub(crate) target: Arc<Target>,
    pub(crate) headers: Arc<HeaderMap>,
    pub(crate) limit: Arc<PoolLimit>,
}

impl ScrapeLoop {
    /// Starts it. It takes over from `predecessor`, once that has stopped.
    pub(crate) fn start(self, predecessor: Option<JoinHandle<Remains>>) -> LoopHandle {
        let stop = self.context.shutdown.child_token();
        let target = Arc::clone(&self.target);
        let context = Arc::clone(&self.context);
        let running = self.run(stop.clone(), predecessor);
        let task = context.tasks.spawn_on(running, context.shards.of(target.hash()));
        LoopHandle { target, stop, task }
    }

    async fn run(self, stop: CancellationToken, predecessor: Option<JoinHandle<Remains>>) -> Remains {
        let inherited = match predecessor {
            Some(task) => task.await.ok().and_then(|remains| remains.writer),
            None => None,
        };
        let writer = match inherited {
            Some(mut writer) => {
                writer.go_on(Arc::clone(&self.config), Arc::clone(&self.target));
                writer
            }
            None => Box::new(self.new_writer()),
        };
        let mut running = Running {
            client: Client::new(self.endpoint(), self.config.http_client.follow_redirects),
            url: Url::parse(self.target.url()),
            writer: Some(writer),
            last_body_len: 0,
            last_started: None,
            interval_metrics: self.context.metrics.of_interval(self.target.interval_ms()),
            on: self,
        };
        let clock = Arc::clone(&running.on.context.clock);
        let interval_ms = running.on.target.interval_ms();
        if running.on.context.scrapes_at_once && !stop.is_cancelled() {
            let now_ns = clock.now_ns();
            Box::pin(running.scrape(now_ns)).await;
        }
        let seed = running.on.context.offset_seed.load(Ordering::Relaxed);
        let first = offset(interval_ms, running.on.target.hash(), seed, clock.now_ns());
        let mut schedule: Option<Schedule> = None;
        let mut wait = first;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep(wait) => {}
            }
            let now_ns = clock.now_ns();
            let schedule = schedule.get_or_insert_with(|| Schedule::new(interval_ms, now_ns));
            let at_ns = schedule.scrape_time_ns(now_ns);
            // Boxed: its memory is needed only while it runs.
            Box::pin(running.scrape(at_ns)).await;
            wait = schedule.wait(clock.now_ns());
        }
        Remains { writer: running.writer, schedule }
    }

    fn new_writer(&self) -> TargetWriter {
        TargetWriter::new(Arc::clone(&self.context), Arc::clone(&self.config), Arc::clone(&self.target))
    }

    fn endpoint(&self) -> Endpoint {
        match self.target.inner_label("__unix_socket__") {
            "" => Endpoint::Address,
            path => Endpoint::UnixSocket(PathBuf::from(path)),
        }
    }
}

struct Running {
    on: ScrapeLoop,
    client: Client,
    url: Result<Url, narthex_http::UrlError>,
    writer: Option<Box<TargetWriter>>,
    last_body_len: usize,
    last_started: Option<Duration>,
    interval_metrics: IntervalMetrics,
}

/// The answer of a target; the body is in the buffer.
struct Answer {
    content_type: String,
    /// What the body takes of the memory for long ones.
    _memory: HeldMemory,
}

impl Running {
    /// Scrapes once. Samples get the time `at_ns`.
    async fn scrape(&mut self, at_ns: i64) {
        let context = Arc::clone(&self.on.context);
        let started_ns = context.clock.now_ns();
        let started = context.clock.monotonic();
        if let Some(last) = self.last_started.replace(started) {
            self.interval_metrics.observe(started.saturating_sub(last));
        }
        let mut body = context.bodies.take();
        let answer = tokio::select! {
            biased;
            () = context.shutdown.cancelled() => return,
            answer = self.fetch(&mut body) => answer,
        };
        self.last_body_len = body.len();
        let scrape = Scrape {
            context: Arc::clone(&context),
            config: Arc::clone(&self.on.config),
            target: Arc::clone(&self.on.target),
            writer: self.writer.take().unwrap_or_else(|| Box::new(self.on.new_writer())),
            times: Times { at_ms: at_ns.div_euclid(1_000_000), started },
            answer,
            body,
        };
        let written = if context.may_write_here(self.last_body_len) {
            let start = context.clock.monotonic();
            let written = catch_unwind(AssertUnwindSafe(|| scrape.write())).ok();
            context.wrote_here(context.clock.monotonic().saturating_sub(start));
            written
        } else {
            let Ok(permit) = Arc::clone(&context.cores).acquire_owned().await else { return };
            let writing = tokio::task::spawn_blocking(move || {
                let written = scrape.write();
                drop(permit);
                written
            });
            writing.await.ok()
        };
        let error = match written {
            Some((writer, error)) => {
                self.writer = Some(writer);
                error
            }
            // Our own mistake, told as the panic it was on stderr. It costs this scrape
            // and what was known of the target, nothing else.
            None => Some(ScrapeError::Panic),
        };
        let duration = context.clock.monotonic().saturating_sub(started);
        context.metrics.observe_scrape(duration);
        self.on.target.set_last_scrape(LastScrape {
            health: if error.is_none() { Health::Up } else { Health::Down },
            error: error.map(|error| error.to_string()).unwrap_or_default(),
            started_ns: Some(started_ns),
            duration_seconds: duration.as_secs_f64(),
        });
    }

    /// Asks the target; its body goes into `body`.
    async fn fetch(&mut self, body: &mut Vec<u8>) -> Result<Answer, ScrapeError> {
        body.clear();
        let config = &self.on.config;
        let targets = self.on.limit.targets_over_limit.load(Ordering::Relaxed);
        if targets > 0 {
            return Err(ScrapeError::TargetLimit { targets, limit: config.target_limit });
        }
        let url = self.url.as_ref().map_err(|error| ScrapeError::Url(error.clone()))?;
        let deadline = Instant::now() + Duration::from_millis(self.on.target.timeout_ms().unsigned_abs());
        let response = self.client.get(url, &self.on.headers, deadline).await.map_err(ScrapeError::Request)?;
        if response.status() != StatusCode::OK {
            let status = response.status_text();
            response.discard().await;
            return Err(ScrapeError::Status(status));
        }
        let content_type = response.content_type().to_owned();
        body.reserve(self.last_body_len + self.last_body_len / 8);
        let len_max = match config.body_size_limit {
            0 => None,
            limit => Some(usize::try_from(limit).unwrap_or(usize::MAX)),
        };
        match response.read_body(body, len_max, &self.on.context.body_budget).await {
            Ok(memory) => Ok(Answer { content_type, _memory: memory }),
            Err(error) => {
                // Before its memory counts as free.
                *body = Vec::new();
                Err(ScrapeError::Body(error))
            }
        }
    }
}

/// A scrape that has been fetched.
struct Scrape {
    context: Arc<Context>,
    config: Arc<ScrapeConfig>,
    target: Arc<Target>,
    writer: Box<TargetWriter>,
    times: Times,
    answer: Result<Answer, ScrapeError>,
    body: Vec<u8>,
}

impl Scrape {
    /// Parses and writes it. Gives the writer back, and says why the scrape failed if it did.
    fn write(self) -> (Box<TargetWriter>, Option<ScrapeError>) {
        let Scrape { context, config, target, mut writer, times, answer, body } = self;
        let fetched = match answer {
            Ok(Answer { ref content_type, .. }) => Fetched::Body { body: &body, content_type },
            Err(error) => {
                tell_failure(&context, &config, &target, &error);
                let body_size = if matches!(error, ScrapeError::Body(BodyError::TooLarge)) { -1 } else { 0 };
                Fetched::Failed { error, body_size }
            }
        };
        let mut scratch = context.scratches.take();
        let error = writer.write(fetched, times, &mut scratch);
        context.scratches.put(scratch);
        context.put_body(body);
        (writer, error)
    }
}

/// Writes down, where the operator wants it, that a target could not be fetched.
fn tell_failure(context: &Context, config: &ScrapeConfig, target: &Target, error: &ScrapeError) {
    tracing::debug!(scrape_pool = %config.job_name, target = %target.url(), err = %error, "Scrape failed");
    if matches!(error, ScrapeError::Body(BodyError::TooLarge)) {
        context.metrics.scrapes_exceeded_body_size_limit.inc();
    }
    if !config.scrape_failure_log_file.is_empty() && !matches!(error, ScrapeError::TargetLimit { .. }) {
        let now_ns = context.clock.now_ns();
        context.failure_logs.log(&config.scrape_failure_log_file, now_ns, &config.job_name, target.url(), error);
    }
}

/// Writes the staleness markers of a target that is gone, unless the server stops
/// before. Waits until a successor under the same labels would have been scraped:
/// markers that are older than its samples are void.
pub(crate) async fn end_of_run(context: Arc<Context>, task: JoinHandle<Remains>) {
    let Ok(Remains { writer: Some(writer), schedule: Some(mut schedule) }) = task.await else { return };
    let clock = Arc::clone(&context.clock);
    let waiting = async {
        sleep(schedule.wait(clock.now_ns())).await;
        let gone_ns = clock.now_ns();
        schedule.skip();
        sleep(schedule.wait(clock.now_ns())).await;
        sleep(schedule.interval() / 10).await;
        gone_ns
    };
    let gone_ns = tokio::select! {
        biased;
        () = context.shutdown.cancelled() => return,
        gone_ns = waiting => gone_ns,
    };
    let Ok(permit) = Arc::clone(&context.cores).acquire_owned().await else { return };
    let writing = tokio::task::spawn_blocking(move || {
        let mut scratch = context.scratches.take();
        writer.end(gone_ns.div_euclid(1_000_000), &mut scratch);
        context.scratches.put(scratch);
        drop(permit);
    });
    let _ = writing.await;
}
