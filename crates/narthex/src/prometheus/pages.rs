//! The web interface's paths: pages, their files, and redirects to them.

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use narthex_ui::Asset;

/// Serves the pages below the route prefix, and sends `/` and old links to
/// them. Links that the browser follows start with `external_path`.
pub(crate) fn router(external_path: &str) -> Router {
    let to_query = |path: &str| {
        let target = format!("{path}/query");
        move |RawQuery(query): RawQuery| async move {
            redirect(&match query {
                Some(query) => format!("{target}?{query}"),
                None => target,
            })
        }
    };
    let old_target = format!("{external_path}/query");
    // The question mark comes along even when nothing follows it.
    let from_graph = move |RawQuery(query): RawQuery| async move {
        redirect(&format!("{old_target}?{}", query.unwrap_or_default()))
    };
    let mut router = Router::new()
        .route("/", get(to_query(external_path)))
        .route("/graph", get(from_graph))
        .route("/favicon.svg", get(|headers: HeaderMap| async move { file("favicon.svg", &headers) }))
        .route(
            "/assets/{*path}",
            get(
                |Path(path): Path<String>, headers: HeaderMap| async move { file(&format!("assets/{path}"), &headers) },
            ),
        );
    for page in narthex_ui::PAGES {
        router = router
            .route(&format!("/{page}"), get(|headers: HeaderMap| async move { serve(narthex_ui::index(), &headers) }));
    }
    router
}

/// Go's answer to a redirected GET, body included.
pub(crate) fn redirect(target: &str) -> Response {
    let body = format!(
        "<a href=\"{}\">Found</a>.\n\n",
        target.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;")
    );
    match http::HeaderValue::from_str(target) {
        Ok(location) => (
            StatusCode::FOUND,
            [
                (header::LOCATION, location),
                (header::CONTENT_TYPE, http::HeaderValue::from_static("text/html; charset=utf-8")),
            ],
            body,
        )
            .into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn file(path: &str, headers: &HeaderMap) -> Response {
    match narthex_ui::asset(path) {
        Some(asset) => serve(asset, headers),
        None => (StatusCode::NOT_FOUND, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], "404 page not found\n")
            .into_response(),
    }
}

fn serve(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let has = |name, wanted: &str| {
        headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.split(',').any(|part| part.trim() == wanted))
    };
    let common = [(header::ETAG, asset.etag()), (header::CACHE_CONTROL, "no-cache"), (header::VARY, "Accept-Encoding")];
    if has(header::IF_NONE_MATCH, asset.etag()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, asset.content_type), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    if has(header::ACCEPT_ENCODING, "gzip") {
        return (common, content_type, [(header::CONTENT_ENCODING, "gzip")], asset.gzip()).into_response();
    }
    (common, content_type, asset.bytes).into_response()
}
