//! What is outside the API: `/-/…`, `/version`, `/metrics`.

use std::io::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use narthex_exposition::negotiate;

use crate::endpoints::status::write_build_info;
use crate::federate;
use crate::json::{Json, Text};
use crate::params::Params;
use crate::reply::{counted, plain, plain_error};
use crate::router::{State, allows, empty, is_ready, method_not_allowed, unavailable};

/// The paths answered here.
pub(crate) const PATHS: [&str; 8] =
    ["/-/healthy", "/-/ready", "/-/reload", "/-/quit", "/version", "/metrics", "/federate", "/consoles/*filepath"];

/// The methods that a management path takes, sorted; `None` when it is none.
fn allowed(path: &str) -> Option<&'static str> {
    match path {
        "/-/healthy" | "/-/ready" => Some("GET, HEAD, OPTIONS"),
        "/-/reload" | "/-/quit" => Some("GET, OPTIONS, POST, PUT"),
        "/version" | "/metrics" | "/federate" => Some("GET, OPTIONS"),
        path if path.starts_with("/consoles/") => Some("GET, OPTIONS"),
        _ => None,
    }
}

/// Whether a management path takes a method.
pub(crate) fn takes(path: &str, method: &Method) -> bool {
    allowed(path).is_some_and(|allowed| allowed.split(", ").any(|name| name == method.as_str()))
}

/// Answers a management path; `None` when it is none.
pub(crate) async fn serve(state: &Arc<State>, path: &str, request: &Parts) -> Option<Response> {
    let method = &request.method;
    let allowed = allowed(path)?;
    if *method == Method::OPTIONS {
        return Some(allows(allowed));
    }
    if !takes(path, method) {
        return Some(method_not_allowed(allowed));
    }
    let is_console = path.starts_with("/consoles/");
    let watch = state.metrics.watch(if is_console { "/consoles/*filepath" } else { path });
    let is_change = matches!(*method, Method::POST | Method::PUT);
    let response = match path {
        "/-/healthy" => plain(StatusCode::OK, "Prometheus Server is Healthy.\n"),
        "/-/ready" if !is_ready(state) => unavailable(state),
        "/-/ready" => plain(StatusCode::OK, "Prometheus Server is Ready.\n"),
        "/-/reload" | "/-/quit" if !is_change => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed")
        }
        "/-/reload" | "/-/quit" if !state.options.is_lifecycle_enabled => {
            plain(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.")
        }
        "/-/reload" => reload(state).await,
        "/-/quit" => quit(state).await,
        "/version" => version(state).await,
        "/federate" if is_ready(state) => return Some(federate::serve(state, request, watch).await),
        _ if (is_console || path == "/federate") && !is_ready(state) => unavailable(state),
        _ if is_console => plain_error(StatusCode::NOT_FOUND, "console templates are not served by this server yet\n"),
        _ => metrics(state, request).await,
    };
    let mut response = counted(watch, response);
    if *method == Method::HEAD && response.status() == StatusCode::OK {
        // Go has not looked at a body that is not written.
        response.headers_mut().remove(CONTENT_TYPE);
    }
    Some(response)
}

/// Runs what may wait on a blocking thread.
async fn blocking<T: Send + 'static>(
    state: &Arc<State>,
    run: impl FnOnce(&State) -> T + Send + 'static,
) -> Result<T, Response> {
    let state = Arc::clone(state);
    let failed = |_| plain_error(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be answered\n");
    tokio::task::spawn_blocking(move || run(&state)).await.map_err(failed)
}

async fn reload(state: &Arc<State>) -> Response {
    match blocking(state, |state| state.handles.control.reload()).await {
        Ok(Ok(())) => empty(StatusCode::OK),
        Ok(Err(error)) => plain_error(StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {error}\n")),
        Err(response) => response,
    }
}

async fn quit(state: &Arc<State>) -> Response {
    match blocking(state, |state| state.handles.control.quit()).await {
        Ok(true) => plain(StatusCode::OK, "Requesting termination... Goodbye!"),
        Ok(false) => plain(StatusCode::OK, "Termination already in progress."),
        Err(response) => response,
    }
}

async fn version(state: &Arc<State>) -> Response {
    let text = blocking(state, |state| {
        let mut text = Text::default();
        let mut json = Json::new(&mut text);
        write_build_info(&mut json, &state.handles.status.build_info());
        json.flush();
        text.0.push(b'\n');
        text.0
    });
    text.await.map_or_else(|response| response, |text| plain(StatusCode::OK, text))
}

async fn metrics(state: &Arc<State>, request: &Parts) -> Response {
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    let negotiated = negotiate(header(ACCEPT));
    let accepts_gzip = header(ACCEPT_ENCODING).unwrap_or("").split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && parts.all(|part| part != "q=0")
    });
    let params = Params::from_query(request.uri.query().unwrap_or(""));
    let names: Vec<String> = params.all("name[]").map(str::to_owned).collect();
    let body = blocking(state, move |state| {
        let _in_flight = state.metrics.scrape();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let gathered = state.handles.metrics.gather();
        for error in &gathered.errors {
            tracing::error!(%error, "error gathering metrics");
        }
        let text = gathered.encode(negotiated, &names);
        state.metrics.scraped(StatusCode::OK);
        if !accepts_gzip {
            return text.into_bytes();
        }
        let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
        compressed.write_all(text.as_bytes()).expect("writing to memory cannot fail");
        compressed.finish().expect("writing to memory cannot fail")
    });
    let body = match body.await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let mut response = ([(CONTENT_TYPE, negotiated.content_type())], Body::from(body)).into_response();
    if accepts_gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
