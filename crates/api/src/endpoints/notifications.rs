//! `notifications`, `notifications/live`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::context::{Context, Success};
use crate::error::ApiError;
use crate::json::{Json, Text};
use crate::notifications::Notification;
use crate::router::{State, empty};
use crate::time::format_local;

pub(crate) fn list(context: &Context) -> Result<Success, ApiError> {
    let active = context.state.handles.control.notifications().active();
    Ok(Success::new(move |json| json.array(|json| active.iter().for_each(|one| write(json, one)))))
}

/// Server-sent events: what is active now, then every change.
pub(crate) fn live(state: &Arc<State>, _: &Parts) -> Response {
    let Some((now, mut changes)) = state.handles.control.notifications().subscribe() else {
        return empty(StatusCode::NO_CONTENT);
    };
    let mut now = VecDeque::from(now);
    let events = futures_util::stream::poll_fn(move |cx| match now.pop_front() {
        Some(one) => std::task::Poll::Ready(Some(one)),
        None => changes.poll_recv(cx),
    });
    let lines = futures_util::StreamExt::map(events, |one| Ok::<Bytes, Infallible>(event(&one)));
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn event(notification: &Notification) -> Bytes {
    let mut text = Text::default();
    text.0.extend_from_slice(b"data: ");
    let mut json = Json::new(&mut text);
    write(&mut json, notification);
    json.flush();
    text.0.extend_from_slice(b"\n\n");
    text.0.into()
}

fn write(json: &mut Json<'_>, notification: &Notification) {
    json.object(|json| {
        json.key("text");
        json.string(&notification.text);
        json.key("date");
        json.string(&format_local(Some(notification.date_ns)));
        json.key("active");
        json.bool(notification.active);
    });
}
