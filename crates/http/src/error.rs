//! What may go wrong while something is fetched.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::client::HEAD_LEN_MAX;

/// Why an address cannot be fetched from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is not an address.
    #[error("parse {}: {what}", Quoted(.text))]
    Invalid {
        /// The address.
        text: String,
        /// What is wrong with it.
        what: String,
    },
    /// Its scheme is neither `http` nor `https`.
    #[error("unsupported protocol scheme {}", Quoted(.0))]
    Scheme(String),
}

/// Why there is no answer. Prints as Go's `url.Error`: `Get "<url>": <failure>`.
#[derive(Debug, thiserror::Error)]
#[error("Get {}: {failure}", Quoted(.url))]
pub struct RequestError {
    /// The address that was asked last; after too many redirects the next one,
    /// as the server wrote it.
    pub url: String,
    /// What happened.
    pub failure: Failure,
}

/// What kept a request from being answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The deadline passed before the head of the answer was there.
    #[error("context deadline exceeded")]
    Deadline,
    /// The name of the server has no address.
    #[error("dial tcp: lookup {host}: {}", GoIoError(.source))]
    Lookup {
        /// The name.
        host: String,
        /// The resolver's answer.
        source: io::Error,
    },
    /// The server could not be reached.
    #[error("dial {network} {address}: {}", DialCause(.source))]
    Dial {
        /// `tcp` or `unix`.
        network: &'static str,
        /// Address and port, or path.
        address: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The connection broke before the head of the answer was there.
    #[error("{ends}{}", GoIoError(.source))]
    Io {
        /// Between whom.
        ends: ReadFrom,
        /// The system's answer.
        source: io::Error,
    },
    /// The server closed the connection without an answer.
    #[error("EOF")]
    Closed,
    /// What the server sent is not HTTP/1. Holds its first line.
    #[error("net/http: HTTP/1.x transport connection broken: malformed HTTP response {}", Quoted(.0))]
    Malformed(String),
    /// The head of the answer is larger than we take.
    #[error(
        "net/http: HTTP/1.x transport connection broken: \
         net/http: server response headers exceeded {HEAD_LEN_MAX} bytes; aborted"
    )]
    HeadTooLarge,
    /// The server sent us from one place to the next for too long.
    #[error("stopped after 10 redirects")]
    TooManyRedirects,
    /// The server sent us to a place that is no address.
    #[error("failed to parse Location header {}: {source}", Quoted(.location))]
    Location {
        /// What it said.
        location: String,
        /// What is wrong with it.
        source: UrlError,
    },
    /// Encrypted connections are not built in yet.
    #[error("scheme https is not supported by this version")]
    HttpsUnsupported,
}

/// Why the body of an answer could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The deadline passed.
    #[error("context deadline exceeded")]
    Deadline,
    /// It is as large as the limit or larger.
    #[error("body size limit exceeded")]
    TooLarge,
    /// Together with the bodies of other servers it needs more memory than there
    /// is for all of them.
    #[error("body too large: no memory left for it beside the bodies of other targets")]
    NoMemory,
    /// The server closed the connection in the middle of it.
    #[error("unexpected EOF")]
    UnexpectedEof,
    /// The connection broke.
    #[error("{ends}{}", GoIoError(.source))]
    Io {
        /// Between whom.
        ends: ReadFrom,
        /// The system's answer.
        source: io::Error,
    },
    /// Its framing is not HTTP.
    #[error("malformed chunked encoding")]
    Malformed,
    /// It says it is gzip, but it does not begin like that.
    #[error("gzip: invalid header")]
    GzipHeader,
    /// Its compressed data are damaged.
    #[error("flate: corrupt input")]
    GzipCorrupt,
    /// Its compressed data end early, or their checksum is wrong.
    #[error("gzip: unexpected EOF or invalid checksum")]
    GzipEnd,
}

/// The two ends of a broken connection, as Go names them: `read tcp a->b: read: `.
#[derive(Clone, Copy, Debug)]
pub struct ReadFrom(Option<(SocketAddr, SocketAddr)>);

impl From<Option<(SocketAddr, SocketAddr)>> for ReadFrom {
    fn from(ends: Option<(SocketAddr, SocketAddr)>) -> ReadFrom {
        ReadFrom(ends)
    }
}

impl fmt::Display for ReadFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((ours, theirs)) => write!(f, "read tcp {ours}->{theirs}: read: "),
            None => f.write_str("read: "),
        }
    }
}

/// Text in Go's double quotes. What stands in an address is printable, so only
/// quotes and backslashes need care.
pub(crate) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                c if c.is_control() => write!(f, "\\x{:02x}", c as u32)?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

/// A system error as Go prints it: `connection refused`, without capital and number.
struct GoIoError<'a>(&'a io::Error);

impl fmt::Display for GoIoError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text);
        // glibc's texts for failed look-ups come with a prefix of the standard library's.
        let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
        if text == "Name or service not known" || text == "No address associated with hostname" {
            return f.write_str("no such host");
        }
        let mut chars = text.chars();
        match chars.next() {
            Some(first) => write!(f, "{}{}", first.to_lowercase(), chars.as_str()),
            None => f.write_str("unknown error"),
        }
    }
}

/// Go names the system call that failed, but not for a timeout of its own.
struct DialCause<'a>(&'a io::Error);

impl fmt::Display for DialCause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.kind() == io::ErrorKind::TimedOut && self.0.raw_os_error().is_none() {
            return f.write_str("i/o timeout");
        }
        write!(f, "connect: {}", GoIoError(self.0))
    }
}
