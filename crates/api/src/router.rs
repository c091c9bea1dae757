//! Where a request goes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CONTENT_TYPE, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use narthex_client::RegisterError;
use narthex_promql::CancelToken;
use tower::ServiceExt;

use crate::body::Encoding;
use crate::context::Context;
use crate::handles::{Handles, Readiness};
use crate::management;
use crate::metrics::HttpMetrics;
use crate::openapi;
use crate::options::Options;
use crate::params::{Params, percent_decode};
use crate::redirect;
use crate::reply::{self, not_found, plain_error};
use crate::table::{self, ENTRIES, Entry, Found, Run};

/// The longest body of a request: Go's limit for forms.
const BODY_LEN_MAX: usize = 10 << 20;

/// What all requests share.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) handles: Handles,
    pub(crate) metrics: HttpMetrics,
}

/// The whole server: API, management endpoints, and `pages` for everything else.
/// `pages` gets paths without the route prefix; what it does not route is answered
/// by the 404 that all share.
///
/// # Errors
/// When the registry holds metrics of these names already.
pub fn router(options: Options, handles: Handles, pages: Router) -> Result<Router, RegisterError> {
    let entries = ENTRIES.iter().map(Entry::handler);
    let handlers: Vec<String> = entries.chain(management::PATHS.map(str::to_owned)).collect();
    let metrics = HttpMetrics::register(&handles.metrics, handlers.iter().map(String::as_str))?;
    let state = Arc::new(State { options, handles, metrics });
    let pages =
        pages.fallback(async || not_found()).method_not_allowed_fallback(async || method_not_allowed("GET, OPTIONS"));
    Ok(Router::new().fallback(move |request: Request| serve(Arc::clone(&state), pages.clone(), request)))
}

async fn serve(state: Arc<State>, pages: Router, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(target) = redirect::cleaned(&parts.uri) {
        return redirect::redirect(&parts.method, StatusCode::MOVED_PERMANENTLY, &target);
    }
    let prefix = &state.options.route_prefix;
    let Some(path) = below_prefix(prefix, parts.uri.path()) else {
        return match parts.uri.path() {
            "/" if parts.method == Method::GET => redirect::redirect(&parts.method, StatusCode::FOUND, prefix),
            path if path == prefix && parts.method == Method::GET => {
                redirect::redirect(&parts.method, StatusCode::MOVED_PERMANENTLY, &format!("{prefix}/"))
            }
            _ => not_found(),
        };
    };
    if let Some(path) = path.strip_prefix("/api/v1/") {
        let path = percent_decode(path, false).unwrap_or_default();
        return api(state, &path, parts, body).await;
    }
    if path == "/api/v1" {
        let target = redirect::target(&parts.uri, &format!("{}/", parts.uri.path()));
        return redirect::redirect(&parts.method, StatusCode::MOVED_PERMANENTLY, &target);
    }
    if let Some(response) = management::serve(&state, path, &parts).await {
        return response;
    }
    let Some(uri) = with_path(&parts.uri, path) else { return not_found() };
    let handler = if path.starts_with("/assets/") { "/assets/*filepath".into() } else { path.to_owned() };
    let watch = state.metrics.watch(&handler);
    let method = parts.method.clone();
    if matches!(method, Method::HEAD | Method::OPTIONS) {
        // Pages are for GET; whether there is one decides about the answer.
        parts.method = Method::GET;
    }
    let meant = path_meant(path);
    let old_uri = std::mem::replace(&mut parts.uri, uri);
    let other_pages = meant.is_some().then(|| pages.clone());
    let response = match pages.oneshot(Request::from_parts(parts, body)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let (StatusCode::NOT_FOUND, Some(meant), Some(pages)) = (response.status(), meant, other_pages)
        && (management::takes(&meant, &method) || (method == Method::GET && is_page(pages, &meant).await))
    {
        let target = redirect::target(&old_uri, &format!("{}{meant}", prefix.trim_end_matches('/')));
        return redirect::redirect(&method, redirect::forgiving_status(&method), &target);
    }
    // Paths that do not exist are as many as somebody likes.
    let is_known = !matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
    match method {
        Method::HEAD if is_known => method_not_allowed("GET, OPTIONS"),
        Method::OPTIONS if is_known => allows("GET, OPTIONS"),
        _ if is_known => reply::counted(watch, response),
        _ => response,
    }
}

/// The path below the route prefix, with its slash; `None` when it is elsewhere.
fn below_prefix<'p>(prefix: &str, path: &'p str) -> Option<&'p str> {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'))
}

/// The path that may be meant by one with a slash at its end or in the wrong case.
fn path_meant(path: &str) -> Option<String> {
    let meant = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path).to_ascii_lowercase();
    (meant != path).then_some(meant)
}

async fn is_page(pages: Router, path: &str) -> bool {
    let Ok(request) = Request::builder().uri(path).body(Body::empty()) else { return false };
    match pages.oneshot(request).await {
        Ok(response) => response.status() != StatusCode::NOT_FOUND,
        Err(never) => match never {},
    }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    match uri.query() {
        Some(query) => format!("{path}?{query}").parse().ok(),
        None => path.parse().ok(),
    }
}

async fn api(state: Arc<State>, path: &[u8], parts: Parts, body: Body) -> Response {
    let mut has_cors = true;
    let response = if parts.method == Method::OPTIONS {
        empty(StatusCode::NO_CONTENT)
    } else {
        match table::find(path, &parts.method) {
            Found::Nothing => {
                let meant = std::str::from_utf8(path).ok().and_then(|path| table::find_loosely(path, &parts.method));
                let Some(meant) = meant else { return not_found() };
                // Upstream's router for the API does not know what it is mounted under.
                let target = redirect::target(&parts.uri, &format!("/{meant}"));
                return redirect::redirect(&parts.method, redirect::forgiving_status(&parts.method), &target);
            }
            Found::Allows(methods) => return method_not_allowed(methods),
            Found::Entry(entry, _) if entry.is_gated && !is_ready(&state) => {
                reply::counted(state.metrics.watch(&entry.handler()), unavailable(&state))
            }
            Found::Entry(entry, path_param) => {
                let watch = state.metrics.watch(&entry.handler());
                has_cors = entry.has_cors();
                let run = match entry.run {
                    Run::Json(run) => run,
                    Run::Plain(run) => {
                        let response = reply::counted(watch, run(&state, &parts));
                        return with_cors(&state, &parts, response, has_cors);
                    }
                    Run::OpenApi => {
                        let response = reply::counted(watch, openapi::serve(&state, &parts));
                        return with_cors(&state, &parts, response, has_cors);
                    }
                };
                let url_params = Params::from_query(parts.uri.query().unwrap_or(""));
                match form(&parts.method, &parts.headers, body, state.options.read_timeout).await {
                    Ok(form) => {
                        let params = form.and(&url_params);
                        let cancel = CancelToken::default();
                        let context = Context { state: Arc::clone(&state), params, url_params, path_param, cancel };
                        reply::run(run, context, Encoding::accepted(&parts.headers), watch).await
                    }
                    Err(response) => reply::counted(watch, response),
                }
            }
        }
    };
    with_cors(&state, &parts, response, has_cors)
}

fn with_cors(state: &State, request: &Parts, mut response: Response, has_cors: bool) -> Response {
    if has_cors {
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        allow_origin(&state.options, &request.headers, headers);
    }
    response
}

/// The pairs in the body of a POST; none when it is no form.
async fn form(method: &Method, headers: &HeaderMap, body: Body, read_timeout: Duration) -> Result<Params, Response> {
    if *method != Method::POST {
        return Ok(Params::default());
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let read: fn(&str, &Bytes) -> Params = match media_type.as_str() {
        "application/x-www-form-urlencoded" => |_, body| Params::from_query(&String::from_utf8_lossy(body)),
        "multipart/form-data" => |content_type, body| Params::from_multipart(content_type, body),
        _ => return Ok(Params::default()),
    };
    match tokio::time::timeout(read_timeout, to_bytes(body, BODY_LEN_MAX)).await {
        Err(_) => Err(plain_error(StatusCode::REQUEST_TIMEOUT, "request body did not arrive in time\n")),
        Ok(Ok(body)) => Ok(read(content_type, &body)),
        Ok(Err(_)) => Err(plain_error(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large\n")),
    }
}

/// Says which pages may read the answer.
fn allow_origin(options: &Options, request: &HeaderMap, response: &mut HeaderMap) {
    response.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.get(ORIGIN) else { return };
    let fixed = [
        (ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ];
    for (name, value) in fixed {
        response.insert(name, HeaderValue::from_static(value));
    }
    if origin.to_str().is_ok_and(|origin| options.cors_origin.is_match(origin)) {
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

pub(crate) fn is_ready(state: &State) -> bool {
    state.handles.control.readiness() == Readiness::Ready
}

/// The answer of a server that is not ready.
pub(crate) fn unavailable(state: &State) -> Response {
    let mut response = reply::plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    let stopping = if state.handles.control.readiness() == Readiness::Stopping { "true" } else { "false" };
    response.headers_mut().insert("x-prometheus-stopping", HeaderValue::from_static(stopping));
    response
}

pub(crate) fn method_not_allowed(methods: &'static str) -> Response {
    let mut response = plain_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// The answer to OPTIONS.
pub(crate) fn allows(methods: &'static str) -> Response {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_taken_off_whole_elements_only() {
        for (prefix, path, want) in [
            ("/", "/a", Some("/a")),
            ("/", "/", Some("/")),
            ("/p", "/p", None),
            ("/p", "/p/", Some("/")),
            ("/p", "/p/a", Some("/a")),
            ("/p", "/pa", None),
            ("/p", "/", None),
        ] {
            assert_eq!(below_prefix(prefix, path), want, "{prefix} {path}");
        }
    }
}
