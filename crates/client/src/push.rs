//! Pushing metrics to a Pushgateway: for jobs that are over before they are scraped.
//!
//! A [`Pusher`] makes requests; sending them is left to a [`Transport`], of which
//! [`Plain`] is there: HTTP over the standard library, for gateways nearby. One made of an
//! HTTP client of your own is a few lines, and so is an asynchronous one: take the
//! [`PushRequest`] from [`Pusher::request`], send it, and give what comes back to
//! [`PushRequest::check`].
//!
//! ```no_run
//! use narthex_client::push::{Plain, Pusher};
//! use narthex_client::{Opts, Registry};
//!
//! let registry = Registry::new();
//! registry.gauge(Opts::new("backup_seconds", "How long it took."))?.set(7.0);
//! Pusher::new("http://localhost:9091", "backup").grouping("database", "orders").gatherer(registry).push(&Plain::default())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod base64;
mod plain;

use std::fmt::Write;
use std::sync::Arc;

use narthex_exposition::{EscapingScheme, Format, Negotiated};

pub use self::plain::Plain;
use crate::collector::Collector;
use crate::error::{GatherError, RegisterError};
use crate::gather::{Gatherer, Gatherers};
use crate::registry::Registry;

/// Why nothing was pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// There is no job name.
    #[error("job name is empty")]
    NoJob,
    /// The name of a grouping label is empty or reserved.
    #[error("grouping label has invalid name: {0:?}")]
    GroupingName(String),
    /// The URL is not one of HTTP.
    #[error("invalid URL: {0:?}")]
    Url(String),
    /// A collector does not fit the others.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// Not everything could be gathered.
    #[error("{}", crate::scrape::list(.0))]
    Gather(Vec<GatherError>),
    /// A metric has a label that only the group has.
    #[error("pushed metric {metric:?} already contains grouping label {label:?}")]
    GroupingLabel {
        /// The metric's name.
        metric: String,
        /// The label's name.
        label: String,
    },
    /// The gateway could not be asked.
    #[error("{method} {url}")]
    Transport {
        /// `PUT`, `POST` or `DELETE`.
        method: &'static str,
        /// Where to.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The gateway answered something else than that all is well.
    #[error("unexpected status code {status} while pushing to {url}: {body}")]
    Status {
        /// The status.
        status: u16,
        /// Where to.
        url: String,
        /// The answer.
        body: String,
    },
}

/// A request to be sent to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRequest {
    /// `PUT`, `POST` or `DELETE`.
    pub method: &'static str,
    /// The whole URL.
    pub url: String,
    /// Names (in lower case) and values.
    pub headers: Vec<(String, String)>,
    /// The metrics; empty for `DELETE`.
    pub body: Vec<u8>,
}

impl PushRequest {
    /// What the gateway's answer means.
    ///
    /// # Errors
    /// A status other than 202 (or 200, unless something was to be deleted).
    pub fn check(&self, status: u16, body: &str) -> Result<(), PushError> {
        if status == 202 || (status == 200 && self.method != "DELETE") {
            return Ok(());
        }
        Err(PushError::Status { status, url: self.url.clone(), body: body.to_owned() })
    }
}

/// Sends requests.
pub trait Transport {
    /// Sends one and returns status and body of the answer.
    ///
    /// # Errors
    /// When there is no answer.
    fn send(&self, request: &PushRequest) -> Result<(u16, String), Box<dyn std::error::Error + Send + Sync>>;
}

/// Pushes metrics of one group: a job and further grouping labels. What is wrong is
/// said by the call that pushes.
#[must_use]
pub struct Pusher {
    url: String,
    job: String,
    grouping: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    registry: Registry,
    gatherers: Gatherers,
    format: Format,
    error: Option<PushError>,
}

impl std::fmt::Debug for Pusher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pusher").field("url", &self.url).field("job", &self.job).finish_non_exhaustive()
    }
}

impl Pusher {
    /// Pushes to the gateway at `url` (with `http://`, if it says nothing else) for `job`.
    pub fn new(url: &str, job: &str) -> Pusher {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let url = url.strip_suffix('/').unwrap_or(&url).to_owned();
        Pusher {
            url,
            job: job.to_owned(),
            grouping: Vec::new(),
            headers: Vec::new(),
            registry: Registry::new(),
            gatherers: Gatherers::new(),
            format: Format::Protobuf,
            error: job.is_empty().then_some(PushError::NoJob),
        }
    }

    /// Adds a grouping label, or replaces its value.
    pub fn grouping(mut self, name: &str, value: &str) -> Pusher {
        if name.is_empty() || name.starts_with("__") || name == "job" {
            self.error.get_or_insert(PushError::GroupingName(name.to_owned()));
        }
        self.grouping.retain(|(other, _)| other != name);
        self.grouping.push((name.to_owned(), value.to_owned()));
        self.grouping.sort();
        self
    }

    /// Pushes what this gathers, too.
    pub fn gatherer(mut self, gatherer: impl Gatherer + 'static) -> Pusher {
        self.gatherers = self.gatherers.and(gatherer);
        self
    }

    /// Pushes what this collects, too.
    pub fn collector(mut self, collector: Arc<dyn Collector>) -> Pusher {
        if let Err(error) = self.registry.register(collector) {
            self.error.get_or_insert(error.into());
        }
        self
    }

    /// Sends this header along.
    pub fn header(mut self, name: &str, value: &str) -> Pusher {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Authenticates with user name and password.
    pub fn basic_auth(self, user: &str, password: &str) -> Pusher {
        let credentials = base64::encode(format!("{user}:{password}").as_bytes(), base64::Alphabet::Standard);
        self.header("authorization", &format!("Basic {credentials}"))
    }

    /// In which format to push; protobuf at first.
    pub fn format(mut self, format: Format) -> Pusher {
        self.format = format;
        self
    }

    /// Replaces all metrics of the group.
    ///
    /// # Errors
    /// See [`PushError`].
    pub fn push(self, transport: &impl Transport) -> Result<(), PushError> {
        self.send("PUT", transport)
    }

    /// Replaces the metrics of the group that have the same names.
    ///
    /// # Errors
    /// See [`PushError`].
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, transport: &impl Transport) -> Result<(), PushError> {
        self.send("POST", transport)
    }

    /// Deletes all metrics of the group.
    ///
    /// # Errors
    /// See [`PushError`].
    pub fn delete(self, transport: &impl Transport) -> Result<(), PushError> {
        self.send("DELETE", transport)
    }

    fn send(self, method: &'static str, transport: &impl Transport) -> Result<(), PushError> {
        let request = self.request(method)?;
        match transport.send(&request) {
            Ok((status, body)) => request.check(status, &body),
            Err(source) => Err(PushError::Transport { method, url: request.url, source }),
        }
    }

    /// The request that pushes (`PUT`), adds (`POST`) or deletes (`DELETE`), to be sent by
    /// whatever sends requests.
    ///
    /// # Errors
    /// See [`PushError`].
    pub fn request(self, method: &'static str) -> Result<PushRequest, PushError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut url = format!("{}/metrics", self.url);
        append_pair(&mut url, "job", &self.job);
        for (name, value) in &self.grouping {
            append_pair(&mut url, name, value);
        }
        let mut headers = self.headers;
        if method == "DELETE" {
            return Ok(PushRequest { method, url, headers, body: Vec::new() });
        }
        let gathered = self.gatherers.and(self.registry).gather();
        if !gathered.errors.is_empty() {
            return Err(PushError::Gather(gathered.errors));
        }
        for family in &gathered.families {
            let labels = family.metrics.iter().flat_map(|metric| metric.labels.iter());
            let is_grouping = |name: &str| name == "job" || self.grouping.iter().any(|(other, _)| other == name);
            if let Some((label, _)) = labels.into_iter().find(|(name, _)| is_grouping(name)) {
                return Err(PushError::GroupingLabel { metric: family.name.clone(), label: label.to_owned() });
            }
        }
        let negotiated = Negotiated { format: self.format, escaping: EscapingScheme::AllowUtf8 };
        headers.push(("content-type".to_owned(), negotiated.content_type()));
        Ok(PushRequest { method, url, headers, body: gathered.body(negotiated, &[], false) })
    }
}

/// Appends a label to the path. Values with a slash, and empty ones, are in base64.
fn append_pair(url: &mut String, name: &str, value: &str) {
    url.push('/');
    escape(name, url);
    if value.is_empty() {
        url.push_str("@base64/=");
    } else if value.contains('/') {
        url.push_str("@base64/");
        url.push_str(&base64::encode(value.as_bytes(), base64::Alphabet::UrlWithoutPadding));
    } else {
        url.push('/');
        escape(value, url);
    }
}

fn escape(text: &str, url: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
}

#[cfg(test)]
mod tests;
