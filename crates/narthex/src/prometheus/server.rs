//! Start and end, in upstream's order.
//!
//! Configuration checked, listeners bound, web server answering, database
//! opened, configuration applied, ready; then the same backwards.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use narthex_api::{Control, Handles, Readiness};
use narthex_client::Registry;
use narthex_config::Config;
use narthex_discovery::ProviderConfig;
use narthex_env::{Clock, Random, RealFiles, SystemClock};
use narthex_promql::Engine;
use narthex_query_log::{ActiveQueries, QueryLog};
use narthex_scrape::{Manager as ScrapeManager, ScrapeMetrics};
use narthex_tsdb::Db;
use tokio::signal::unix::{SignalKind, signal};

use super::control::Controller;
use super::late_storage::LateStorage;
use super::listen::{Web, bind};
use super::metrics;
use super::settings::Settings;
use super::source::{Loaded, Source};
use super::status::ServerStatus;
use super::targets::ScrapedTargets;
use super::{host_name, pages};

/// How long samples are kept when nobody says otherwise.
const RETENTION_DEFAULT_MS: i64 = 15 * 86_400_000;

/// Why the server ended other than asked for; the message is for the log.
struct Fatal {
    message: &'static str,
    why: String,
}

fn fatal(message: &'static str) -> impl Fn(String) -> Fatal {
    move |why| Fatal { message, why }
}

/// Runs the server until it is told to stop. `announce` is called with the
/// addresses once it serves.
pub(crate) fn run(settings: Settings, source: Source, announce: impl FnOnce(&[SocketAddr])) -> ExitCode {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    for name in &settings.unknown_features {
        tracing::warn!(option = name, "Unknown option for --enable-feature");
    }
    let loaded = match source.load(None, settings.extra_scrape_metrics) {
        Ok(loaded) => loaded,
        Err(e) => {
            let file = std::path::absolute(&settings.config_file).unwrap_or_else(|_| settings.config_file.clone());
            let (line, key) = e.line_and_key();
            tracing::error!(file = %file.display(), err = %e.why, line, key, "{}", e.attempt);
            return ExitCode::from(2);
        }
    };
    tracing::info!(mode = "server", version = %crate::version::full(), "Starting Narthex");
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            tracing::error!(err = %e, "Fatal error");
            return ExitCode::from(1);
        }
    };
    let ended = runtime.block_on(serve(Arc::new(settings), source, loaded, clock, announce));
    // Everything is stored. A thread that hangs, in a query or on a file of a dead
    // server, must not keep the program.
    runtime.shutdown_background();
    match ended {
        Ok(()) => {
            tracing::info!("See you next time!");
            ExitCode::SUCCESS
        }
        Err(e) => {
            tracing::error!(err = %e.why, "{}", e.message);
            ExitCode::from(1)
        }
    }
}

async fn serve(
    settings: Arc<Settings>,
    source: Source,
    loaded: Loaded,
    clock: Arc<dyn Clock>,
    announce: impl FnOnce(&[SocketAddr]),
) -> Result<(), Fatal> {
    let mut listeners = Vec::new();
    for address in &settings.listen_addresses {
        listeners.push(bind(address).map_err(fatal("Unable to start web listener"))?);
    }
    let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|l| l.local_addr().ok()).collect();
    let loaded = match &source {
        Source::File(_) => loaded,
        // Made anew now that the address is known.
        Source::Embedded(_) => source
            .load(addresses.first().copied(), settings.extra_scrape_metrics)
            .map_err(|e| Fatal { message: "Fatal error", why: e.why })?,
    };
    let retention_ms = settings.retention_ms(&loaded.config);

    let registry = Registry::new();
    let control = Arc::new(Controller::new(source, loaded, settings.extra_scrape_metrics, Arc::clone(&clock)));
    if let Some(address) = addresses.first() {
        control.listening_on(*address);
    }
    let storage = Arc::new(LateStorage::default());
    let db: Arc<OnceLock<Arc<Db>>> = Arc::default();
    let engine = Engine::new(settings.engine.clone()).with_metrics(&registry);
    let engine = engine.map_err(|e| fatal("Fatal error")(e.to_string()))?;
    let query_log = Arc::new(QueryLog::new(Arc::clone(&clock)));
    let active_queries = Arc::new(ActiveQueries::new(Arc::clone(&clock)));
    let engine = engine.with_observer(Arc::clone(&query_log) as _).with_observer(Arc::clone(&active_queries) as _);
    let engine = Arc::new(engine);
    let queries = Queries { engine: Arc::clone(&engine), log: query_log };
    let parts = Parts::new(&settings, &registry, Arc::clone(&storage), queries, Arc::clone(&clock))
        .map_err(fatal("Fatal error"))?;
    metrics::register(&registry, &control, &db).map_err(|e| fatal("Fatal error")(e.to_string()))?;

    let handles = Handles {
        engine,
        storage: Arc::clone(&storage) as _,
        targets: Arc::new(ScrapedTargets(Arc::clone(&parts.scrape))),
        control: Arc::clone(&control) as _,
        status: Arc::new(ServerStatus {
            settings: Arc::clone(&settings),
            control: Arc::clone(&control),
            db: Arc::clone(&db),
            start_time_ns: clock.now_ns(),
        }),
        metrics: registry.clone(),
        clock: Arc::clone(&clock),
    };
    let options = narthex_api::Options {
        route_prefix: settings.route_prefix.clone(),
        external_url: settings.external_url.clone(),
        listen_address: addresses.first().map_or_else(String::new, SocketAddr::to_string),
        is_lifecycle_enabled: settings.is_lifecycle_enabled,
        read_timeout: settings.read_timeout,
        cors_origin: settings.cors_origin.clone(),
    };
    let router = narthex_api::router(options, handles, pages::router(&settings.external_url.path))
        .map_err(|e| fatal("Fatal error")(e.to_string()))?;
    let web = Web::start(listeners, router, settings.read_timeout, settings.connections_max)
        .map_err(|e| fatal("Unable to start web listener")(e.to_string()))?;
    for address in &addresses {
        tracing::info!(component = "web", address = %address, "Listening on");
    }
    // Registered before the database is opened, so that an early signal is not lost.
    let signals = Signals::new().map_err(fatal("Fatal error"))?;

    let opened = open_storage(&settings, retention_ms, Arc::clone(&clock)).await?;
    start_active_queries(&active_queries, &settings)?;
    storage.open(Arc::clone(&opened) as _);
    let _ = db.set(Arc::clone(&opened));
    parts.start(&control).map_err(fatal("Fatal error"))?;
    control.set_readiness(Readiness::Ready);
    tracing::info!("Server is ready to receive web requests.");
    announce(&addresses);

    signals.serve(&control).await;

    control.set_readiness(Readiness::Stopping);
    parts.scrape.shutdown().await;
    tracing::info!("Scrape manager stopped");
    let closed = tokio::task::spawn_blocking(move || opened.close()).await;
    match closed {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::error!(err = %crate::logging::with_causes(&e), "Closing the database failed"),
        Err(e) => tracing::error!(err = %e, "Closing the database failed"),
    }
    web.shut_down().await;
    Ok(())
}

impl Settings {
    /// How long samples are kept: by the configuration, the flag, or the default.
    pub(crate) fn retention_ms(&self, config: &Config) -> i64 {
        match &config.storage.tsdb.retention {
            Some(retention) => retention.time_ms,
            None => self.retention_ms.unwrap_or(RETENTION_DEFAULT_MS),
        }
    }
}

async fn open_storage(settings: &Arc<Settings>, retention_ms: i64, clock: Arc<dyn Clock>) -> Result<Arc<Db>, Fatal> {
    tracing::info!("Starting TSDB ...");
    let options = narthex_tsdb::Options {
        retention_ms,
        lock: settings.is_locked,
        ..narthex_tsdb::Options::new(settings.data_dir.clone())
    };
    let opened = tokio::task::spawn_blocking(move || Db::open(options, Arc::new(RealFiles), clock)).await;
    let db = match opened {
        Ok(Ok(db)) => db,
        Ok(Err(e)) => {
            return Err(fatal("Fatal error")(format!("opening storage failed: {}", crate::logging::with_causes(&e))));
        }
        Err(e) => return Err(fatal("Fatal error")(format!("opening storage failed: {e}"))),
    };
    for notice in db.notices() {
        tracing::warn!(component = "tsdb", "{notice}");
    }
    tracing::info!("TSDB started");
    Ok(Arc::new(db))
}

/// Starts the file of running queries; the directory is locked by now, so it is
/// no other server's.
fn start_active_queries(active: &ActiveQueries, settings: &Settings) -> Result<(), Fatal> {
    match active.open(&settings.data_dir, settings.engine.max_concurrency) {
        Ok(Some(queries)) => {
            tracing::info!(
                component = "activeQueryTracker",
                queries,
                "These queries didn't finish in prometheus' last run:"
            );
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(e) => Err(fatal("Unable to create active query log")(e.to_string())),
    }
}

/// What a configuration says about queries.
struct Queries {
    engine: Arc<Engine>,
    log: Arc<QueryLog>,
}

impl Queries {
    fn apply(&self, config: &Config) -> Result<(), String> {
        let global = &config.global;
        self.engine.set_default_subquery_step_ms(global.evaluation_interval_ms);
        let path = (!global.query_log_file.is_empty()).then(|| Path::new(&global.query_log_file));
        self.log.set_file(path).map_err(|e| format!("open query log file {}: {e}", global.query_log_file))?;
        self.engine.set_query_log_enabled(path.is_some());
        Ok(())
    }
}

/// The parts that a configuration is applied to.
struct Parts {
    scrape: Arc<ScrapeManager>,
    queries: Arc<Queries>,
    discovery_metrics: Arc<narthex_discovery::Metrics>,
    clock: Arc<dyn Clock>,
}

impl Parts {
    fn new(
        settings: &Settings,
        registry: &Registry,
        storage: Arc<LateStorage>,
        queries: Queries,
        clock: Arc<dyn Clock>,
    ) -> Result<Parts, String> {
        let options = narthex_scrape::Options {
            host_name: host_name(),
            user_agent: format!("Prometheus/{}", crate::version::UPSTREAM),
            scrapes_at_once: settings.scrapes_at_once,
        };
        let scrape_metrics = Arc::new(ScrapeMetrics::register(registry).map_err(|e| e.to_string())?);
        let scrape = ScrapeManager::new(options, storage, Arc::clone(&clock), &Random::from_machine(), scrape_metrics);
        let scrape = Arc::new(scrape.map_err(|e| format!("start scraping: {e}"))?);
        scrape.register_metadata_metrics(registry).map_err(|e| e.to_string())?;
        let discovery_metrics = Arc::new(narthex_discovery::Metrics::default());
        metrics::register_discovery(registry, "scrape", &discovery_metrics).map_err(|e| e.to_string())?;
        Ok(Parts { scrape, queries: Arc::new(queries), discovery_metrics, clock })
    }

    /// Starts scraping, with the configuration that is loaded, and connects reloads.
    fn start(&self, control: &Controller) -> Result<(), String> {
        let options =
            narthex_discovery::Options::new("scrape", Arc::clone(&self.clock), Arc::clone(&self.discovery_metrics));
        let (discovery, found) = narthex_discovery::Manager::start(options);
        let (scrape, queries) = (Arc::clone(&self.scrape), Arc::clone(&self.queries));
        control.connect(Box::new(move |loaded| {
            queries.apply(&loaded.config)?;
            scrape.apply_config(&loaded.jobs, &loaded.config.global.external_labels);
            discovery.apply(loaded.jobs.iter().map(|job| (job.job_name.clone(), providers_of(job))));
            Ok(())
        }))?;
        let scrape = Arc::clone(&self.scrape);
        tokio::spawn(async move { scrape.run(found).await });
        Ok(())
    }
}

fn providers_of(job: &narthex_config::ScrapeConfig) -> Vec<ProviderConfig> {
    let fixed = (!job.static_configs.is_empty()).then(|| ProviderConfig::Static(job.static_configs.clone()));
    fixed.into_iter().chain(job.file_sd_configs.iter().cloned().map(ProviderConfig::File)).collect()
}

struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Signals, String> {
        let on = |kind| signal(kind).map_err(|e| e.to_string());
        Ok(Signals {
            hangup: on(SignalKind::hangup())?,
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    /// Reloads when told to; returns when told to stop.
    async fn serve(mut self, control: &Arc<Controller>) {
        let mut reload: Option<tokio::task::JoinHandle<_>> = None;
        loop {
            let is_idle = reload.is_none();
            let reloaded = async {
                match &mut reload {
                    // The result is logged and counted where it happens.
                    Some(reload) => _ = reload.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = reloaded => reload = None,
                // One at a time; an end is heard meanwhile.
                _ = self.hangup.recv(), if is_idle => {
                    let control = Arc::clone(control);
                    reload = Some(tokio::task::spawn_blocking(move || control.reload()));
                }
                _ = self.interrupt.recv() => {
                    tracing::warn!(signal = "interrupt", "Received an OS signal, exiting gracefully...");
                    return;
                }
                _ = self.terminate.recv() => {
                    tracing::warn!(signal = "terminated", "Received an OS signal, exiting gracefully...");
                    return;
                }
                () = control.wait_for_quit() => {
                    tracing::warn!("Received termination request via web service, exiting gracefully...");
                    return;
                }
            }
        }
    }
}
