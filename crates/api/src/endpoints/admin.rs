//! What upstream answers where something is not switched on: `admin/tsdb/…`,
//! `search/…`, `write`, `otlp/v1/metrics`. No flag switches these on yet.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use crate::context::{Context, Success};
use crate::error::{ApiError, Kind};
use crate::reply::plain_error;
use crate::router::State;

pub(crate) fn tsdb(_: &Context) -> Result<Success, ApiError> {
    Err(ApiError::new(Kind::Unavailable, "admin APIs disabled"))
}

pub(crate) fn search(_: &Context) -> Result<Success, ApiError> {
    Err(ApiError::new(Kind::Unavailable, "search API disabled"))
}

pub(crate) fn remote_write(_: &Arc<State>, _: &Parts) -> Response {
    plain_error(
        StatusCode::NOT_FOUND,
        "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n",
    )
}

pub(crate) fn otlp(_: &Arc<State>, _: &Parts) -> Response {
    plain_error(StatusCode::NOT_FOUND, "otlp write receiver needs to be enabled with --web.enable-otlp-receiver\n")
}

/// Upstream has no flag for this one; a status that clients do not take for an empty answer.
pub(crate) fn remote_read(_: &Arc<State>, _: &Parts) -> Response {
    plain_error(StatusCode::NOT_IMPLEMENTED, "remote read is not supported by this server yet\n")
}
