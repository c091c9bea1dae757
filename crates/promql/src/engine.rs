//! [`Engine`]: runs queries.

use std::sync::atomic::{AtomicI64, Ordering};

use narthex_storage::Storage;

use crate::api::{Answer, EngineOptions, QueryError, Request};

/// Runs queries against any store.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    default_subquery_step_ms: AtomicI64,
}

impl Engine {
    /// An engine with these settings.
    pub fn new(options: EngineOptions) -> Engine {
        let default_subquery_step_ms = AtomicI64::new(options.default_subquery_step_ms);
        Engine { options, default_subquery_step_ms }
    }

    /// Its settings.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Sets the step of sub-queries that name none, for queries that start later.
    pub fn set_default_subquery_step_ms(&self, step_ms: i64) {
        self.default_subquery_step_ms.store(step_ms, Ordering::Relaxed);
    }

    /// Runs a query on the caller's thread and blocks until it is done.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn execute(&self, storage: &dyn Storage, request: &Request) -> Result<Answer, QueryError> {
        let _ = (storage, request);
        Err(QueryError::Execution("the engine is not built yet".into()))
    }
}
