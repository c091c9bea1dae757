//! Fetching from one server over one kept connection.
//!
//! Ten thousand of these stand idle side by side, so each holds as little as it
//! can: no pool, no buffer of its own but hyper's read buffer (8 KiB, growing to
//! [`HEAD_LEN_MAX`] where answers are long). Bodies go into a buffer the caller
//! lends, inflated as they arrive, so a compressed body is never held whole and
//! a bomb costs the limit at most.

mod body;
mod dial;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION, REFERER};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::error::{BodyError, Failure, RequestError};
use crate::url::{Scheme, Url};

/// The longest status line with headers that we take. Go takes 10 MiB, which
/// with thousands of targets would be a promise nobody can keep.
pub const HEAD_LEN_MAX: usize = 32 * 1024;

/// The longest body that we take when no smaller limit is asked for, counted
/// after decompression.
pub const BODY_LEN_MAX: usize = 256 << 20;

/// How many requests a chain of redirects may take, the first included.
const REQUESTS_MAX: usize = 10;

/// What may be left of an unwanted body for it to be read to its end, so that
/// the connection can be kept; a longer one costs the connection.
const DISCARD_LEN_MAX: usize = 64 << 10;

/// Where connections go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// To host and port of the address.
    #[default]
    Address,
    /// To this Unix socket, whatever the address says.
    UnixSocket(PathBuf),
}

/// Fetches from one server, keeping one connection to it between requests.
///
/// A connection that turns out to be closed when it is used again is replaced
/// once without the caller noticing. Must be used on a tokio runtime with I/O
/// and time enabled. Dropping it closes the connection.
#[derive(Debug, Default)]
pub struct Client {
    endpoint: Endpoint,
    does_not_follow_redirects: bool,
    kept: Option<Connection>,
}

impl Client {
    /// A client without a connection yet.
    pub fn new(endpoint: Endpoint, follow_redirects: bool) -> Client {
        Client { endpoint, does_not_follow_redirects: !follow_redirects, kept: None }
    }

    /// Asks for `url` and waits for the head of the answer, at most until
    /// `deadline`. `headers` are sent as they are, plus `Host`, and `Referer`
    /// after a redirect. Follows redirects (301, 302, 303, 307, 308) as Go does:
    /// ten requests at most; an answer without `Location` is the answer.
    ///
    /// # Errors
    /// When there is no answer; the connection is then gone.
    pub async fn get(
        &mut self,
        url: &Url,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<Response<'_>, RequestError> {
        let mut current = url.clone();
        let mut referer: Option<HeaderValue> = None;
        for request in 1.. {
            let asked = match timeout_at(deadline, self.ask(&current, headers, referer.as_ref())).await {
                Ok(asked) => asked,
                Err(_) => Err(Failure::Deadline),
            };
            let (connection, head, body) =
                asked.map_err(|failure| RequestError { url: current.as_str().to_owned(), failure })?;
            let location = if self.does_not_follow_redirects { None } else { redirect(&head) };
            let Some(location) = location else {
                return Ok(Response { head, body, connection, kept: &mut self.kept, deadline });
            };
            let location = location.to_owned();
            if request >= REQUESTS_MAX {
                return Err(RequestError { url: location, failure: Failure::TooManyRedirects });
            }
            let next = current.join(&location).map_err(|source| RequestError {
                url: current.as_str().to_owned(),
                failure: Failure::Location { location: location.clone(), source },
            })?;
            if next.is_same_server(&current) {
                Response { head, body, connection, kept: &mut self.kept, deadline }.discard().await;
            }
            referer = HeaderValue::from_str(current.as_str()).ok();
            current = next;
        }
        unreachable!("the loop ends by its own count")
    }

    /// One request, over the kept connection if it is still good.
    async fn ask(
        &mut self,
        url: &Url,
        headers: &HeaderMap,
        referer: Option<&HeaderValue>,
    ) -> Result<(Connection, http::response::Parts, Incoming), Failure> {
        if url.scheme() == Scheme::Https {
            return Err(Failure::HttpsUnsupported);
        }
        if let Some(mut connection) = self.kept.take().filter(|c| c.leads_to(url)) {
            match connection.ask(url, headers, referer).await {
                Ok((head, body)) => return Ok((connection, head, body)),
                // The server closed it while it was idle: no news, and a GET may be repeated.
                Err(Failure::Closed | Failure::Io { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        let mut connection = self.connect(url).await?;
        let (head, body) = connection.ask(url, headers, referer).await?;
        Ok((connection, head, body))
    }

    async fn connect(&self, url: &Url) -> Result<Connection, Failure> {
        match &self.endpoint {
            Endpoint::Address => {
                let (stream, ends) = dial::tcp(url.host(), url.port()).await?;
                Connection::open(stream, ends, url).await
            }
            Endpoint::UnixSocket(path) => Connection::open(dial::unix(path).await?, None, url).await,
        }
    }
}

/// Where the answer sends us, if it is a redirect.
fn redirect(head: &http::response::Parts) -> Option<&str> {
    const FOLLOWED: [StatusCode; 5] = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !FOLLOWED.contains(&head.status) {
        return None;
    }
    head.headers.get(LOCATION)?.to_str().ok().filter(|location| !location.is_empty())
}

/// The head of an answer, with its body still to be read.
///
/// Dropping it before the body was read to its end closes the connection.
#[derive(Debug)]
pub struct Response<'a> {
    head: http::response::Parts,
    body: Incoming,
    connection: Connection,
    kept: &'a mut Option<Connection>,
    deadline: Instant,
}

impl Response<'_> {
    /// The status code.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Code and reason as the server wrote them: `404 Not Found`.
    pub fn status_text(&self) -> String {
        let code = self.head.status;
        let own = self.head.extensions.get::<hyper::ext::ReasonPhrase>().map(|r| String::from_utf8_lossy(r.as_bytes()));
        format!("{} {}", code.as_u16(), own.as_deref().unwrap_or(code.canonical_reason().unwrap_or_default()))
    }

    /// The `Content-Type` header, `""` when there is none or it is not text.
    pub fn content_type(&self) -> &str {
        self.head.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Reads the body into `out`, which is cleared first, inflating it when it is
    /// gzip. At most `len_max - 1` bytes are taken ([`BODY_LEN_MAX`] without a
    /// limit of the caller's), and none after the deadline of the request.
    ///
    /// # Errors
    /// When the body cannot be had whole; `out` then holds some part of it, or nothing.
    pub async fn read_body(mut self, out: &mut Vec<u8>, len_max: Option<usize>) -> Result<(), BodyError> {
        out.clear();
        let len_max = len_max.unwrap_or(BODY_LEN_MAX).min(BODY_LEN_MAX);
        let reading = body::read(&mut self.body, &self.head.headers, out, len_max, self.connection.ends);
        match timeout_at(self.deadline, reading).await {
            Ok(read) => read?,
            Err(_) => return Err(BodyError::Deadline),
        }
        *self.kept = Some(self.connection);
        Ok(())
    }

    /// Reads what is left of an unwanted body, if it is short, to keep the connection.
    pub async fn discard(mut self) {
        let reading = async {
            let mut len = 0;
            while let Some(frame) = self.body.frame().await {
                len += frame.ok()?.data_ref().map_or(0, Bytes::len);
                if len > DISCARD_LEN_MAX {
                    return None;
                }
            }
            Some(())
        };
        if let Ok(Some(())) = timeout_at(self.deadline, reading).await {
            *self.kept = Some(self.connection);
        }
    }
}

/// The two ends of a TCP connection, ours first.
type Ends = Option<(SocketAddr, SocketAddr)>;

/// An open connection; closed when dropped.
#[derive(Debug)]
struct Connection {
    host: String,
    port: u16,
    ends: Ends,
    sender: SendRequest<Empty<Bytes>>,
    /// The task that moves the bytes.
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    async fn open<S>(stream: S, ends: Ends, url: &Url) -> Result<Connection, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, moving) = http1::Builder::new()
            .max_buf_size(HEAD_LEN_MAX)
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure(&error, ends))?;
        // What goes wrong there is told to the request that waits for it.
        let task = tokio::spawn(async move {
            let _ = moving.await;
        });
        Ok(Connection { host: url.host().to_owned(), port: url.port(), ends, sender, task: task.abort_handle() })
    }

    fn leads_to(&self, url: &Url) -> bool {
        self.port == url.port() && self.host.eq_ignore_ascii_case(url.host()) && !self.sender.is_closed()
    }

    async fn ask(
        &mut self,
        url: &Url,
        headers: &HeaderMap,
        referer: Option<&HeaderValue>,
    ) -> Result<(http::response::Parts, Incoming), Failure> {
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
        self.sender.ready().await.map_err(|error| failure(&error, self.ends))?;
        let response = self.sender.send_request(request).await.map_err(|error| failure(&error, self.ends))?;
        Ok(response.into_parts())
    }
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
fn io_cause(error: &hyper::Error) -> Option<std::io::Error> {
    let source = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    Some(source.raw_os_error().map_or_else(|| source.kind().into(), std::io::Error::from_raw_os_error))
}
