//! What an endpoint gets: the request, read, and the handles.

use std::sync::Arc;

use crate::handles::Handles;
use crate::params::Params;

/// One request to one endpoint.
pub struct Context {
    /// Who knows the answers.
    pub handles: Arc<Handles>,
    /// Parameters of body and address.
    pub params: Params,
    /// Parameters of the address alone.
    pub url_params: Params,
    /// The variable part of the path: the label name of `label/<name>/values`.
    pub path_param: String,
    /// The `Accept` header.
    pub accept: Option<String>,
}

impl Context {
    /// Runs something that computes or reads files on a thread that may block.
    ///
    /// # Errors
    /// When it panicked; the panic stays there.
    pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, crate::ApiError> {
        tokio::task::spawn_blocking(work).await.map_err(|e| {
            tracing::error!(component = "web", err = %e, "A request failed unexpectedly");
            crate::ApiError::internal("unexpected error: see the server's log")
        })
    }
}
