//! Readiness, reload, quit.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use narthex_api::notifications::{RELOAD_FAILED, STARTING, STOPPING};
use narthex_api::{Control, Notifications, Readiness};
use narthex_env::Clock;
use tokio::sync::Notify;

use super::source::{Loaded, Source};

/// Applies a configuration to the parts that are running.
pub(crate) type Apply = Box<dyn Fn(&Loaded) -> Result<(), String> + Send + Sync>;

/// Knows whether the server runs, and with which configuration.
pub(crate) struct Controller {
    source: Source,
    extra_scrape_metrics: bool,
    clock: Arc<dyn Clock>,
    readiness: AtomicU8,
    /// The configuration in force.
    loaded: ArcSwap<Loaded>,
    /// Set once the parts run.
    apply: OnceLock<Apply>,
    address: OnceLock<SocketAddr>,
    /// Held while a reload goes on, so that there is one at a time.
    reloading: Mutex<()>,
    is_last_reload_successful: AtomicBool,
    last_success_ms: AtomicI64,
    notifications: Notifications,
    has_quit: AtomicBool,
    quit: Notify,
}

impl Controller {
    pub(crate) fn new(source: Source, loaded: Loaded, extra_scrape_metrics: bool, clock: Arc<dyn Clock>) -> Controller {
        let now_ms = clock.now_ms();
        let notifications = Notifications::default();
        notifications.add(STARTING, clock.now_ns());
        Controller {
            source,
            extra_scrape_metrics,
            clock,
            readiness: AtomicU8::new(Readiness::Starting as u8),
            loaded: ArcSwap::from_pointee(loaded),
            apply: OnceLock::new(),
            address: OnceLock::new(),
            reloading: Mutex::new(()),
            // The configuration was checked before anything was started.
            is_last_reload_successful: AtomicBool::new(true),
            last_success_ms: AtomicI64::new(now_ms),
            notifications,
            has_quit: AtomicBool::new(false),
            quit: Notify::new(),
        }
    }

    /// The first address the server listens on; the embedded configuration is made for it.
    pub(crate) fn listening_on(&self, address: SocketAddr) {
        let _ = self.address.set(address);
    }

    /// The parts run: applies the first configuration and remembers how.
    pub(crate) fn connect(&self, apply: Apply) -> Result<(), String> {
        apply(&self.loaded.load())?;
        let _ = self.apply.set(apply);
        Ok(())
    }

    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        self.readiness.store(readiness as u8, Ordering::SeqCst);
        match readiness {
            Readiness::Starting => self.notifications.add(STARTING, self.clock.now_ns()),
            Readiness::Ready => self.notifications.remove(STARTING),
            Readiness::Stopping => {
                self.notifications.add(STOPPING, self.clock.now_ns());
                self.notifications.close();
            }
        }
    }

    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    pub(crate) fn is_last_reload_successful(&self) -> bool {
        self.is_last_reload_successful.load(Ordering::SeqCst)
    }

    pub(crate) fn last_success_ms(&self) -> i64 {
        self.last_success_ms.load(Ordering::SeqCst)
    }

    /// Returns when somebody asked the program to end.
    pub(crate) async fn wait_for_quit(&self) {
        loop {
            let notified = self.quit.notified();
            if self.has_quit.load(Ordering::SeqCst) {
                return;
            }
            notified.await;
        }
    }

    fn try_reload(&self) -> Result<(), String> {
        let name = self.source.name();
        let loaded = self.source.load(self.address.get().copied(), self.extra_scrape_metrics).map_err(|e| {
            let (line, key) = e.line_and_key();
            tracing::error!(err = %e.why, line, key, "{}", e.attempt);
            format!("couldn't load configuration (--config.file=\"{name}\"): {}", e.why)
        })?;
        if let Some(apply) = self.apply.get() {
            apply(&loaded).map_err(|why| {
                tracing::error!(err = %why, "Failed to apply configuration");
                format!("one or more errors occurred while applying the new configuration (--config.file=\"{name}\")")
            })?;
        }
        self.loaded.store(Arc::new(loaded));
        Ok(())
    }
}

impl Control for Controller {
    fn readiness(&self) -> Readiness {
        [Readiness::Starting, Readiness::Ready, Readiness::Stopping]
            .into_iter()
            .find(|state| *state as u8 == self.readiness.load(Ordering::SeqCst))
            .unwrap_or(Readiness::Starting)
    }

    fn reload(&self) -> Result<(), String> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        tracing::info!(filename = %self.source.name(), "Loading configuration file");
        let result = self.try_reload();
        self.is_last_reload_successful.store(result.is_ok(), Ordering::SeqCst);
        match &result {
            Ok(()) => {
                self.notifications.remove(RELOAD_FAILED);
                self.last_success_ms.store(self.clock.now_ms(), Ordering::SeqCst);
                tracing::info!(filename = %self.source.name(), "Completed loading of configuration file");
            }
            Err(why) => {
                self.notifications.add(RELOAD_FAILED, self.clock.now_ns());
                tracing::error!(err = %why, "Error reloading config");
            }
        }
        result
    }

    fn notifications(&self) -> &Notifications {
        &self.notifications
    }

    fn quit(&self) -> bool {
        let is_first = !self.has_quit.swap(true, Ordering::SeqCst);
        self.quit.notify_waiters();
        is_first
    }
}
