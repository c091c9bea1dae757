//! From a finished request to a response.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use narthex_promql::CancelToken;
use tokio::sync::oneshot;

use crate::body::{BodyWriter, Encoding};
use crate::context::{Context, Data, Success};
use crate::error::{ApiError, Kind};
use crate::json::{Json, Text};
use crate::metrics::Watch;
use crate::router::{State, empty};

/// A function that answers a request, on a blocking thread.
pub(crate) type Endpoint = fn(&Context) -> Result<Success, ApiError>;

/// A function that answers by itself and does not wait.
pub(crate) type PlainEndpoint = fn(&Arc<State>, &Parts) -> Response;

/// How many warnings, and how many infos, an answer lists; of the others it tells the number.
const ANNOTATIONS_MAX: usize = 10;

/// Throws a query's switch when the client goes away before the answer begins.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Runs an endpoint on a blocking thread and answers in upstream's envelope.
pub(crate) async fn run(endpoint: Endpoint, context: Context, encoding: Encoding, watch: Watch) -> Response {
    let _guard = CancelOnDrop(context.cancel.clone());
    let (reply, answer) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let result = endpoint(&context);
        let status = match &result {
            Ok(Success { data: Some(_), .. }) => StatusCode::OK,
            Ok(_) => StatusCode::NO_CONTENT,
            Err(error) => error.kind.status(),
        };
        let mut body = BodyWriter::new(encoding, status, reply);
        let mut json = Json::new(&mut body);
        match result {
            Ok(Success { data: None, .. }) => {}
            Ok(Success { data: Some(data), warnings, infos }) => write_success(&mut json, data, &warnings, &infos),
            Err(error) => write_error(&mut json, &error),
        }
        json.flush();
        body.finish(|len| watch.done(status, len));
    });
    let Ok((status, body)) = answer.await else {
        // The endpoint panicked; what it said went to standard error.
        return error(&ApiError::new(Kind::Internal, "the request could not be answered"));
    };
    // Upstream names the compression even of nothing.
    let mut response = if status == StatusCode::NO_CONTENT { empty(status) } else { json_response(status, body) };
    if let Some(name) = encoding.name() {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

fn json_response(status: StatusCode, body: Body) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// An error in upstream's envelope, uncompressed.
pub(crate) fn error(error: &ApiError) -> Response {
    let mut text = Text::default();
    let mut json = Json::new(&mut text);
    write_error(&mut json, error);
    json.flush();
    json_response(error.kind.status(), Body::from(text.0))
}

fn write_success(json: &mut Json<'_>, data: Data, warnings: &[String], infos: &[String]) {
    json.object(|json| {
        json.key("status");
        json.string("success");
        json.key("data");
        data(json);
        for (key, kind, texts) in [("warnings", "warning", warnings), ("infos", "info", infos)] {
            if !texts.is_empty() {
                json.key(key);
                let omitted = texts.len().saturating_sub(ANNOTATIONS_MAX);
                let rest = (omitted > 0).then(|| format!("{omitted} more {kind} annotations omitted"));
                json.strings(texts.iter().take(ANNOTATIONS_MAX).chain(&rest).map(String::as_str));
            }
        }
    });
}

fn write_error(json: &mut Json<'_>, error: &ApiError) {
    json.object(|json| {
        json.key("status");
        json.string("error");
        json.key("errorType");
        json.string(error.kind.as_str());
        json.key("error");
        json.string(&error.text);
    });
}

/// Counts a request whose answer is at hand as a whole, and passes that on.
pub(crate) fn counted(watch: Watch, response: Response) -> Response {
    watch.done(response.status(), response.body().size_hint().lower());
    response
}

/// A plain text that says why there is nothing else, as Go's `http.Error`.
pub(crate) fn plain_error(status: StatusCode, text: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, text.into()).into_response()
}

/// A plain text, written without more ado.
pub(crate) fn plain(status: StatusCode, text: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text.into()).into_response()
}

/// The answer for a path that is not there.
pub(crate) fn not_found() -> Response {
    plain_error(StatusCode::NOT_FOUND, "404 page not found\n")
}
