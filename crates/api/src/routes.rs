//! The table of endpoints.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use http::Method;

use crate::context::Context;
use crate::handles::Handles;
use crate::reply::Reply;
use crate::serve::{not_found, options_everywhere, serve};
use crate::{ApiError, management, metadata, query, series, status, targets};

pub(crate) type Handler = fn(Context) -> Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

/// One endpoint.
pub(crate) struct Endpoint {
    /// Its path; `{name}` stands for the variable part.
    pub(crate) path: &'static str,
    /// The name in our metrics.
    pub(crate) metric: &'static str,
    /// The methods it takes; OPTIONS comes with the API's own.
    pub(crate) methods: &'static [Method],
    /// Whether it answers only when the server is ready.
    pub(crate) is_gated: bool,
    /// What answers.
    pub(crate) handler: Handler,
}

const GET: &[Method] = &[Method::GET];
const GET_POST: &[Method] = &[Method::GET, Method::POST];
const GET_HEAD: &[Method] = &[Method::GET, Method::HEAD];
const CHANGE: &[Method] = &[Method::POST, Method::PUT];

macro_rules! endpoints {
    ($($path:literal $methods:ident $gate:ident $handler:path;)*) => {
        &[$(Endpoint {
            path: $path,
            metric: $path,
            methods: $methods,
            is_gated: endpoints!(@$gate),
            handler: |context| Box::pin($handler(context)),
        }),*]
    };
    (@gated) => { true };
    (@open) => { false };
}

pub(crate) const ENDPOINTS: &[Endpoint] = endpoints! {
    "/api/v1/query" GET_POST gated query::query;
    "/api/v1/query_range" GET_POST gated query::query_range;
    "/api/v1/format_query" GET_POST gated query::format_query;
    "/api/v1/parse_query" GET_POST gated query::parse_query;
    "/api/v1/series" GET_POST gated series::series;
    "/api/v1/labels" GET_POST gated series::labels;
    "/api/v1/label/{name}/values" GET gated series::label_values;
    "/api/v1/metadata" GET gated metadata::metadata;
    "/api/v1/targets" GET gated targets::targets;
    "/api/v1/targets/metadata" GET gated metadata::target_metadata;
    "/api/v1/scrape_pools" GET gated targets::scrape_pools;
    "/api/v1/status/config" GET gated status::config;
    "/api/v1/status/flags" GET gated status::flags;
    "/api/v1/status/buildinfo" GET gated status::build_info;
    "/api/v1/status/runtimeinfo" GET gated status::runtime_info;
    "/api/v1/status/tsdb" GET gated status::tsdb;
    "/api/v1/features" GET gated status::features;
    "/-/healthy" GET_HEAD open management::healthy;
    "/-/ready" GET_HEAD gated management::ready;
    "/-/reload" CHANGE open management::reload;
    "/-/quit" CHANGE open management::quit;
    "/version" GET open management::version;
    "/metrics" GET open management::metrics;
};

/// Everything below `prefix` (`/` or `/path`): the endpoints, and `pages` for
/// whatever else there is. Outside the prefix only `/` leads anywhere.
pub fn router(handles: Arc<Handles>, prefix: &str, pages: Router) -> Router {
    let mut inner = pages;
    for endpoint in ENDPOINTS {
        let handles = Arc::clone(&handles);
        handles.observer.register(endpoint.metric);
        inner = inner.route(endpoint.path, any(move |request| serve(endpoint, handles, request)));
    }
    let cors = Arc::clone(&handles);
    inner = inner.route("/api/{*path}", any(move |request| options_everywhere(cors, request)));
    let inner = inner.fallback(not_found);
    if prefix == "/" {
        return inner;
    }
    let target = format!("{prefix}/");
    Router::new()
        .nest(prefix, inner)
        .route("/", any(move || async move { axum::response::Redirect::to(&target) }))
        .fallback(not_found)
}
