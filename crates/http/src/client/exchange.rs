//! One request and its answer over one socket.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, REFERER};
use http::{HeaderMap, Method};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::HEAD_LEN_MAX;
use crate::error::Failure;
use crate::url::Url;

/// The most that is read from the socket at once.
const READ_LEN_MAX: usize = 256 << 10;

/// How much of a line that is no status line is shown.
const LINE_SHOWN_LEN_MAX: usize = 256;

/// A connected socket of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// The two ends of a TCP connection, ours first.
pub(super) type Ends = Option<(SocketAddr, SocketAddr)>;

/// A connection on which nothing is under way.
pub(super) struct Parked {
    host: Box<str>,
    port: u16,
    ends: Ends,
    stream: Box<dyn Stream>,
}

impl fmt::Debug for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Parked {
    pub(super) fn new(stream: Box<dyn Stream>, ends: Ends, url: &Url) -> Parked {
        Parked { host: url.host().into(), port: url.port(), ends, stream }
    }

    /// Whether it is a connection to the server of this address.
    pub(super) fn leads_to(&self, url: &Url) -> bool {
        self.port == url.port() && self.host.eq_ignore_ascii_case(url.host())
    }
}

/// A connection on which an answer is under way. Dropping it closes the connection.
pub(super) struct Exchange {
    host: Box<str>,
    port: u16,
    ends: Ends,
    /// Kept because hyper takes its end for the end of the connection.
    _sender: SendRequest<Empty<Bytes>>,
    mover: Mover,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// When there is none; the connection is then closed.
    pub(super) async fn begin(
        parked: Parked,
        url: &Url,
        headers: &HeaderMap,
        referer: Option<&HeaderValue>,
    ) -> Result<(Exchange, http::response::Parts, Incoming), Failure> {
        let Parked { host, port, ends, stream } = parked;
        let (mut sender, moving) = http1::Builder::new()
            .max_buf_size(READ_LEN_MAX)
            .max_header_size(HEAD_LEN_MAX)
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure(&error, ends))?;
        let mut mover = Mover { moving: Some(moving), leftover: Bytes::new() };
        let sending = sender.send_request(request(url, headers, referer));
        let response = mover.drive(sending).await.map_err(|error| match failure(&error, ends) {
            Failure::Malformed(_) => Failure::Malformed(first_line(&mover.leftover)),
            failure => failure,
        })?;
        let (head, body) = response.into_parts();
        Ok((Exchange { host, port, ends, _sender: sender, mover }, head, body))
    }

    pub(super) fn ends(&self) -> Ends {
        self.ends
    }

    /// Waits for something that comes of the bytes on this connection, moving them meanwhile.
    pub(super) async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        self.mover.drive(future).await
    }

    /// After the whole body was read: the connection, if the server lets us keep it.
    pub(super) async fn park(self) -> Option<Parked> {
        let mut moving = self.mover.moving?;
        // Hyper has yet to notice the end of the exchange, and whether it is to close.
        let is_open = poll_fn(|cx| Poll::Ready(moving.poll_without_shutdown(cx).is_pending())).await;
        if !is_open {
            return None;
        }
        let parts = moving.into_parts();
        // What came unasked cannot be the answer to the next request.
        let stream = parts.read_buf.is_empty().then(|| parts.io.into_inner())?;
        Some(Parked { host: self.host, port: self.port, ends: self.ends, stream })
    }
}

/// Hyper's end of the socket.
struct Mover {
    /// `None` once the connection has ended.
    moving: Option<Moving>,
    /// The bytes that hyper could not make sense of when it ended.
    leftover: Bytes,
}

type Moving = http1::Connection<TokioIo<Box<dyn Stream>>, Empty<Bytes>>;

impl Mover {
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            // A failure reaches the future, which knows what it was about. So does the
            // end of a connection that is dropped.
            if self.moving.as_mut().is_some_and(|moving| moving.poll_without_shutdown(cx).is_ready()) {
                self.leftover = self.moving.take().map(|ended| ended.into_parts().read_buf).unwrap_or_default();
            }
            future.as_mut().poll(cx)
        })
        .await
    }
}

fn request(url: &Url, headers: &HeaderMap, referer: Option<&HeaderValue>) -> http::Request<Empty<Bytes>> {
    let mut request = http::Request::new(Empty::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = url.path_and_query().clone().into();
    let all = request.headers_mut();
    all.reserve(headers.len() + 2);
    all.insert(HOST, url.authority().clone());
    all.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    if let Some(referer) = referer {
        all.insert(REFERER, referer.clone());
    }
    request
}

/// What stands where a status line should.
fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = &line[..line.len().min(LINE_SHOWN_LEN_MAX)];
    String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()
}

fn failure(error: &hyper::Error, ends: Ends) -> Failure {
    if error.is_parse_too_large() {
        Failure::HeadTooLarge
    } else if error.is_parse() {
        Failure::Malformed(error.to_string())
    } else if let Some(source) = io_cause(error) {
        Failure::Io { ends: ends.into(), source }
    } else {
        // Incomplete, cancelled, closed: there was a connection, and there is no answer.
        Failure::Closed
    }
}

/// The system error behind a failure of hyper's, if there is one.
pub(super) fn io_cause(error: &hyper::Error) -> Option<std::io::Error> {
    let source = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    Some(source.raw_os_error().map_or_else(|| source.kind().into(), std::io::Error::from_raw_os_error))
}
