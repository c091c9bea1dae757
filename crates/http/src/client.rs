//! Fetching from one server over one kept connection.
//!
//! Ten thousand of these stand idle side by side, so an idle one holds a socket
//! and nothing else: hyper's connection, with its buffers, is made anew around the
//! socket for each request. (With it kept, ten thousand targets cost 19 kB each;
//! so, 3 kB.) It is polled in the task that waits for the answer; a task of its own
//! would cost two switches for each piece of the body.
//!
//! Bodies go into a buffer the caller lends, inflated as they arrive, so a
//! compressed body is never held whole and a bomb costs the limit at most. Long
//! bodies share a [`BodyBudget`], so many bombs cost no more than that.

mod body;
mod budget;
mod dial;
mod exchange;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::error::{BodyError, Failure, RequestError};
use crate::url::{Scheme, Url};
pub use budget::{BodyBudget, HeldMemory};
use exchange::{Exchange, Parked};

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
    kept: Option<Parked>,
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
            let (exchange, head, body) =
                asked.map_err(|failure| RequestError { url: current.as_str().to_owned(), failure })?;
            let location = if self.does_not_follow_redirects { None } else { redirect(&head) };
            let Some(location) = location else {
                return Ok(Response { head, body, exchange, kept: &mut self.kept, deadline });
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
                Response { head, body, exchange, kept: &mut self.kept, deadline }.discard().await;
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
    ) -> Result<(Exchange, http::response::Parts, Incoming), Failure> {
        if url.scheme() == Scheme::Https {
            return Err(Failure::HttpsUnsupported);
        }
        if let Some(parked) = self.kept.take().filter(|parked| parked.leads_to(url)) {
            match Exchange::begin(parked, url, headers, referer).await {
                // The server closed it while it was idle: no news, and a GET may be repeated.
                Err(Failure::Closed | Failure::Io { .. }) => {}
                done => return done,
            }
        }
        Exchange::begin(self.connect(url).await?, url, headers, referer).await
    }

    async fn connect(&self, url: &Url) -> Result<Parked, Failure> {
        match &self.endpoint {
            Endpoint::Address => {
                let (stream, ends) = dial::tcp(url.host(), url.port()).await?;
                Ok(Parked::new(Box::new(stream), ends, url))
            }
            Endpoint::UnixSocket(path) => Ok(Parked::new(Box::new(dial::unix(path).await?), None, url)),
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
    exchange: Exchange,
    kept: &'a mut Option<Parked>,
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
    /// limit of the caller's), and none after the deadline of the request. What it
    /// takes of `budget` counts until the result is dropped.
    ///
    /// # Errors
    /// When the body cannot be had whole; `out` then holds some part of it, or nothing.
    pub async fn read_body(
        mut self,
        out: &mut Vec<u8>,
        len_max: Option<usize>,
        budget: &Arc<BodyBudget>,
    ) -> Result<HeldMemory, BodyError> {
        out.clear();
        let len_max = len_max.unwrap_or(BODY_LEN_MAX).min(BODY_LEN_MAX);
        let mut held = budget.hold();
        let bounds = body::Bounds { len_max, held: &mut held };
        let ends = self.exchange.ends();
        let reading = self.exchange.drive(body::read(&mut self.body, &self.head.headers, out, bounds, ends));
        match timeout_at(self.deadline, reading).await {
            Ok(read) => read?,
            Err(_) => return Err(BodyError::Deadline),
        }
        *self.kept = self.exchange.park().await;
        Ok(held)
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
        if let Ok(Some(())) = timeout_at(self.deadline, self.exchange.drive(reading)).await {
            *self.kept = self.exchange.park().await;
        }
    }
}
