//! From an HTTP request to an endpoint and back: methods, readiness, parameters,
//! envelope, CORS, compression, what is told about requests. One place for all endpoints.

use std::convert::Infallible;
use std::io::{self, Write};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures_util::{FutureExt, stream};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use tokio::sync::mpsc;

use crate::context::Context;
use crate::handles::{Handles, Readiness};
use crate::params::Params;
use crate::reply::{Data, HEAD, Notes, Reply, WriteData, error_json, tail};
use crate::routes::Endpoint;
use crate::{ApiError, ErrorKind, management};

/// The longest form that is read.
const FORM_LEN_MAX: usize = 10 << 20;
/// Pieces of an answer that wait for a slow client.
const PIECES_MAX: usize = 4;
/// The size of a piece.
const PIECE_LEN: usize = 64 * 1024;

pub(crate) async fn serve(endpoint: &'static Endpoint, handles: Arc<Handles>, request: Request) -> Response {
    let began = Instant::now();
    let is_api = endpoint.path.starts_with("/api/");
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS {
        return options(endpoint, &handles, &parts.headers, is_api);
    }
    let is_change = endpoint.methods.contains(&Method::PUT);
    if !endpoint.methods.contains(&parts.method) && !(is_change && parts.method == Method::GET) {
        return with_allow(endpoint, plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n"), is_api);
    }
    if endpoint.is_gated
        && let state @ (Readiness::Starting | Readiness::Stopping) = handles.control.readiness()
    {
        let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        let stopping = if state == Readiness::Stopping { "true" } else { "false" };
        response.headers_mut().insert("x-prometheus-stopping", HeaderValue::from_static(stopping));
        return response;
    }
    let handler = if is_change && parts.method == Method::GET {
        (|context| Box::pin(management::only_post(context))) as crate::routes::Handler
    } else {
        endpoint.handler
    };
    let reply = match context(&handles, &mut parts, body).await {
        Ok(context) => AssertUnwindSafe(handler(context)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(component = "web", handler = endpoint.metric, "A request failed unexpectedly");
            Err(ApiError::internal("unexpected error: see the server's log"))
        }),
        Err(error) => Err(error),
    };
    let coding = if is_api || endpoint.path == "/metrics" { Coding::of(&parts.headers) } else { Coding::Identity };
    let observer = Arc::clone(&handles);
    let mut response = respond(reply, coding, move |status, len| {
        observer.observer.observe(endpoint.metric, status.as_u16(), began.elapsed(), len);
    });
    if is_api {
        add_cors(&handles, &parts.headers, response.headers_mut());
    }
    response
}

/// Reads what the endpoint needs of the request.
async fn context(handles: &Arc<Handles>, parts: &mut Parts, body: Body) -> Result<Context, ApiError> {
    let query = parts.uri.query().unwrap_or("").to_owned();
    let form = if parts.method == Method::POST { form(&parts.headers, body).await? } else { String::new() };
    let path_param = match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => {
            params.iter().find(|(name, _)| *name == "name").map_or_else(String::new, |(_, value)| value.to_owned())
        }
        Err(_) => return Err(ApiError::bad_data("invalid label name: the path is not valid UTF-8")),
    };
    let accept = parts.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).map(str::to_owned);
    Ok(Context {
        handles: Arc::clone(handles),
        url_params: Params::parse(&query, ""),
        params: Params::parse(&query, &form),
        path_param,
        accept,
    })
}

async fn form(headers: &HeaderMap, body: Body) -> Result<String, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or("").trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(String::new());
    }
    let bytes = Limited::new(body, FORM_LEN_MAX)
        .collect()
        .await
        .map_err(|_| ApiError::bad_data("error parsing form values: http: POST too large"))?
        .to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn respond(
    reply: Result<Reply, ApiError>,
    coding: Coding,
    observe: impl FnOnce(StatusCode, usize) + Send + 'static,
) -> Response {
    match reply {
        Ok(Reply::Data(Data { json, notes })) => {
            let mut body = HEAD.to_vec();
            body.extend_from_slice(&json);
            body.extend_from_slice(&tail(&notes));
            whole(StatusCode::OK, "application/json", body, coding, observe)
        }
        Ok(Reply::Stream { write, notes }) => streamed(write, notes, coding, observe),
        Ok(Reply::NoContent) => {
            observe(StatusCode::NO_CONTENT, 0);
            response(StatusCode::NO_CONTENT, None, Body::empty(), Coding::Identity)
        }
        Ok(Reply::Plain { status, content_type, body }) => {
            let mut response = whole(status, &content_type, body, coding, observe);
            if status.is_client_error() || status.is_server_error() {
                response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            }
            response
        }
        Err(error) => whole(error.kind.status(), "application/json", error_json(&error), coding, observe),
    }
}

/// A response whose body is at hand.
fn whole(
    status: StatusCode,
    content_type: &str,
    body: Vec<u8>,
    coding: Coding,
    observe: impl FnOnce(StatusCode, usize),
) -> Response {
    let mut encoded = Vec::new();
    let written = coding.write(&mut encoded, |to| to.write_all(&body));
    let (status, body) = match written {
        Ok(()) => (status, encoded),
        // Writing to memory does not fail; if it ever does, the client shall know.
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, error_json(&ApiError::internal(e))),
    };
    observe(status, body.len());
    response(status, Some(content_type), Body::from(body), coding)
}

/// A response that is written by a blocking thread while it is sent. When the
/// client goes away, the next write fails and the thread ends.
fn streamed(
    write: WriteData,
    notes: Notes,
    coding: Coding,
    observe: impl FnOnce(StatusCode, usize) + Send + 'static,
) -> Response {
    let (pieces, receiver) = mpsc::channel(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let mut to = Pieces { pieces, buffer: Vec::with_capacity(PIECE_LEN), written: 0 };
        let result = coding
            .write(&mut to, |to| {
                to.write_all(HEAD)?;
                write(to)?;
                to.write_all(&tail(&notes))
            })
            .and_then(|()| to.flush());
        match result {
            Ok(()) => observe(StatusCode::OK, to.written),
            Err(_) => observe(ErrorKind::Canceled.status(), to.written),
        }
    });
    let body = stream::unfold(receiver, |mut receiver: mpsc::Receiver<Bytes>| async move {
        receiver.recv().await.map(|piece| (Ok::<_, Infallible>(piece), receiver))
    });
    response(StatusCode::OK, Some("application/json"), Body::from_stream(body), coding)
}

/// Gathers what is written into pieces and sends them.
struct Pieces {
    pieces: mpsc::Sender<Bytes>,
    buffer: Vec<u8>,
    written: usize,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_LEN {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.written += self.buffer.len();
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE_LEN));
        self.pieces.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    /// zlib, in truth, as everybody does.
    Deflate,
}

impl Coding {
    /// The first coding of the list that is exactly one of ours: no weights, no
    /// wildcards, as upstream reads it.
    fn of(headers: &HeaderMap) -> Coding {
        let list = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("");
        list.split(',')
            .find_map(|coding| match coding.trim() {
                "gzip" => Some(Coding::Gzip),
                "deflate" => Some(Coding::Deflate),
                _ => None,
            })
            .unwrap_or(Coding::Identity)
    }

    fn write(self, to: &mut dyn Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        match self {
            Coding::Identity => write(to),
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(to, Compression::fast());
                write(&mut encoder)?;
                encoder.finish().map(drop)
            }
            Coding::Deflate => {
                let mut encoder = ZlibEncoder::new(to, Compression::fast());
                write(&mut encoder)?;
                encoder.finish().map(drop)
            }
        }
    }
}

fn response(status: StatusCode, content_type: Option<&str>, body: Body, coding: Coding) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(value) = content_type.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    let name = match coding {
        Coding::Identity => return response,
        Coding::Gzip => "gzip",
        Coding::Deflate => "deflate",
    };
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = response(status, Some("text/plain; charset=utf-8"), Body::from(text), Coding::Identity);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn with_allow(endpoint: &Endpoint, mut response: Response, is_api: bool) -> Response {
    let mut methods: Vec<&str> = endpoint.methods.iter().map(Method::as_str).collect();
    if is_api {
        methods.push("OPTIONS");
    }
    methods.sort_unstable();
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

fn options(endpoint: &Endpoint, handles: &Handles, headers: &HeaderMap, is_api: bool) -> Response {
    if !is_api {
        return with_allow(endpoint, response(StatusCode::OK, None, Body::empty(), Coding::Identity), is_api);
    }
    let mut answer = response(StatusCode::NO_CONTENT, None, Body::empty(), Coding::Identity);
    add_cors(handles, headers, answer.headers_mut());
    answer
}

fn add_cors(handles: &Handles, request: &HeaderMap, answer: &mut HeaderMap) {
    const FIXED: [(HeaderName, &str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ];
    answer.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.get(header::ORIGIN) else { return };
    for (name, value) in FIXED {
        answer.insert(name, HeaderValue::from_static(value));
    }
    if origin.to_str().is_ok_and(|text| handles.cors_origin.is_match(text)) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

/// Any other path of the API: only OPTIONS has an answer.
pub(crate) async fn options_everywhere(handles: Arc<Handles>, request: Request) -> Response {
    if request.method() != Method::OPTIONS {
        return not_found().await;
    }
    let mut answer = response(StatusCode::NO_CONTENT, None, Body::empty(), Coding::Identity);
    add_cors(&handles, request.headers(), answer.headers_mut());
    answer
}

pub(crate) async fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}
