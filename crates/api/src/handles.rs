//! What answers are made of.

use std::fmt;
use std::sync::Arc;

use narthex_client::Registry;
use narthex_env::Clock;
use narthex_promql::Engine;
use narthex_storage::Storage;

use crate::notifications::Notifications;
use crate::status::Status;
use crate::targets::Targets;

/// Everything the endpoints ask.
#[derive(Clone)]
pub struct Handles {
    /// Runs queries.
    pub engine: Arc<Engine>,
    /// What they and the label endpoints read.
    pub storage: Arc<dyn Storage>,
    /// Targets and their metadata.
    pub targets: Arc<dyn Targets>,
    /// What the server says about itself.
    pub status: Arc<dyn Status>,
    /// Readiness, reload, end.
    pub control: Arc<dyn Control>,
    /// The server's own metrics.
    pub metrics: Registry,
    /// What time it is when a request names none.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handles")
    }
}

/// Whether the server answers queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet.
    Starting,
    /// It does.
    Ready,
    /// No longer.
    Stopping,
}

/// The server's life. Called from blocking threads, but for
/// [`readiness`](Control::readiness), which must not wait.
pub trait Control: Send + Sync {
    /// Asked at every request.
    fn readiness(&self) -> Readiness;

    /// Loads the configuration anew and waits until it is applied.
    ///
    /// # Errors
    /// The text after `failed to reload config: `.
    fn reload(&self) -> Result<(), String>;

    /// What is to be told about this, to be kept up to date by it.
    fn notifications(&self) -> &Notifications;

    /// Begins the end of the process, once the answer is out. Says whether this
    /// call was the first.
    fn quit(&self) -> bool;
}
