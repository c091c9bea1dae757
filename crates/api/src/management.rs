//! Health, readiness, reload, quit, version, our own metrics.

use http::StatusCode;

use crate::ApiError;
use crate::context::Context;
use crate::reply::Reply;
use crate::status::build_info_json;

pub(crate) async fn healthy(_: Context) -> Result<Reply, ApiError> {
    Ok(Reply::text(StatusCode::OK, "Prometheus Server is Healthy.\n"))
}

pub(crate) async fn ready(_: Context) -> Result<Reply, ApiError> {
    Ok(Reply::text(StatusCode::OK, "Prometheus Server is Ready.\n"))
}

pub(crate) async fn version(context: Context) -> Result<Reply, ApiError> {
    Ok(Reply::text(StatusCode::OK, format!("{}\n", build_info_json(&context))))
}

pub(crate) async fn metrics(context: Context) -> Result<Reply, ApiError> {
    let (content_type, body) = context.handles.status.metrics(context.accept.as_deref());
    Ok(Reply::Plain { status: StatusCode::OK, content_type, body })
}

pub(crate) async fn reload(context: Context) -> Result<Reply, ApiError> {
    if !context.handles.is_lifecycle_enabled {
        return Ok(disabled());
    }
    let handles = std::sync::Arc::clone(&context.handles);
    Ok(match Context::blocking(move || handles.control.reload()).await? {
        Ok(()) => Reply::text(StatusCode::OK, ""),
        Err(why) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {why}\n")),
    })
}

pub(crate) async fn quit(context: Context) -> Result<Reply, ApiError> {
    if !context.handles.is_lifecycle_enabled {
        return Ok(disabled());
    }
    let text = if context.handles.control.quit() {
        "Requesting termination... Goodbye!"
    } else {
        "Termination already in progress."
    };
    Ok(Reply::text(StatusCode::OK, text))
}

pub(crate) async fn only_post(_: Context) -> Result<Reply, ApiError> {
    Ok(Reply::text(StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed"))
}

fn disabled() -> Reply {
    Reply::text(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.\n")
}
