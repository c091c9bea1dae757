//! Instrumentation of HTTP servers and clients made of tower services.
//!
//! ```
//! use narthex_client::{Opts, Registry};
//! use narthex_client::instrument::InstrumentLayer;
//!
//! let registry = Registry::new();
//! let requests = registry.counter_vec(Opts::new("http_requests_total", "Requests."), &["code", "method"])?;
//! let seconds = registry.histogram_vec(Opts::new("http_request_seconds", "How long they took."), &["method"], &[])?;
//! let layer = InstrumentLayer::server().counter(requests)?.duration(seconds)?;
//! let app: axum::Router = axum::Router::new().layer(layer);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;

pub use self::body::InstrumentedBody;
use crate::Gauge;
use crate::gauge::InProgress;
use crate::observer::ObserverVec;
use crate::vector::CounterVec;

/// Why a vector cannot be used: it has a label that nothing gives a value for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metric partitioned with non-supported labels: {0:?}")]
pub struct UnsupportedLabel(pub String);

/// Yields a label's value from a request's head.
type Extract = Arc<dyn Fn(&Parts) -> String + Send + Sync>;

/// Where a label's value comes from.
#[derive(Clone, Copy)]
enum Source {
    Code,
    Method,
    Own(usize),
}

/// Something to count in, and where its label values come from.
#[derive(Clone)]
struct Target<T> {
    vector: T,
    sources: Arc<[Source]>,
}

/// Values of labels that are known when a request comes.
struct Known {
    method: String,
    own: Vec<String>,
}

impl<T> Target<T> {
    fn with<R>(&self, known: &Known, code: &str, f: impl FnOnce(&T, &[&str]) -> R) -> R {
        let value = |source: &Source| match source {
            Source::Code => code,
            Source::Method => known.method.as_str(),
            Source::Own(at) => known.own[*at].as_str(),
        };
        let values: Vec<&str> = self.sources.iter().map(value).collect();
        f(&self.vector, &values)
    }
}

type Observers = Target<Arc<dyn ObserverVec>>;

#[derive(Clone, Default)]
struct Config {
    is_client: bool,
    in_flight: Option<Gauge>,
    counter: Option<Target<CounterVec>>,
    duration: Option<Observers>,
    time_to_headers: Option<Observers>,
    request_size: Option<Observers>,
    response_size: Option<Observers>,
    own: Vec<(String, Extract)>,
    extra_methods: Vec<String>,
}

/// Counts and measures the requests that go through a service. Vectors may have the
/// labels `code` and `method`, and such as were named with [`InstrumentLayer::label`].
///
/// `code` is `500` when the service panicked and `canceled` when the request was
/// given up before there was an answer.
#[derive(Clone)]
#[must_use]
pub struct InstrumentLayer(Arc<Config>);

impl std::fmt::Debug for InstrumentLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstrumentLayer").field("is_client", &self.0.is_client).finish_non_exhaustive()
    }
}

/// The methods that are shown as they are.
const METHODS: [&str; 9] = ["get", "put", "head", "post", "delete", "connect", "options", "notify", "trace"];

impl InstrumentLayer {
    /// For a server: a request takes until the last byte of its answer was handed over, and
    /// those that fail are counted, too.
    pub fn server() -> InstrumentLayer {
        InstrumentLayer(Arc::default())
    }

    /// For a client: a request takes until the head of its answer is there, and only
    /// those with an answer are counted.
    pub fn client() -> InstrumentLayer {
        InstrumentLayer(Arc::new(Config { is_client: true, ..Config::default() }))
    }

    fn change(mut self, change: impl FnOnce(&mut Config)) -> InstrumentLayer {
        change(Arc::make_mut(&mut self.0));
        self
    }

    fn target<T>(&self, labels: Vec<String>, vector: T) -> Result<Target<T>, UnsupportedLabel> {
        let source = |label: String| match label.as_str() {
            "code" => Ok(Source::Code),
            "method" => Ok(Source::Method),
            other => {
                let own = self.0.own.iter().position(|(name, _)| name == other);
                own.map(Source::Own).ok_or_else(|| UnsupportedLabel(label.clone()))
            }
        };
        Ok(Target { vector, sources: labels.into_iter().map(source).collect::<Result<_, _>>()? })
    }

    fn observers(&self, vector: impl ObserverVec + 'static) -> Result<Observers, UnsupportedLabel> {
        self.target(vector.labels(), Arc::new(vector))
    }

    /// Has the label `name` get its value from the head of the request. To be called before
    /// the vectors are given. Beware of values without number, such as paths.
    pub fn label(self, name: &str, extract: impl Fn(&Parts) -> String + Send + Sync + 'static) -> InstrumentLayer {
        self.change(|config| config.own.push((name.to_owned(), Arc::new(extract))))
    }

    /// Shows this method in lower case, not as `unknown`.
    pub fn extra_method(self, method: &str) -> InstrumentLayer {
        self.change(|config| config.extra_methods.push(method.to_ascii_lowercase()))
    }

    /// Shows how many requests are under way.
    pub fn in_flight(self, gauge: Gauge) -> InstrumentLayer {
        self.change(|config| config.in_flight = Some(gauge))
    }

    /// Counts requests.
    ///
    /// # Errors
    /// As for all of these: the vector has a label that nothing gives a value for.
    pub fn counter(self, vector: CounterVec) -> Result<InstrumentLayer, UnsupportedLabel> {
        let labels = vector.free_labels().into_iter().map(str::to_owned).collect();
        let target = self.target(labels, vector)?;
        Ok(self.change(|config| config.counter = Some(target)))
    }

    /// Observes how many seconds requests take.
    ///
    /// # Errors
    /// See [`InstrumentLayer::counter`].
    pub fn duration(self, vector: impl ObserverVec + 'static) -> Result<InstrumentLayer, UnsupportedLabel> {
        let target = self.observers(vector)?;
        Ok(self.change(|config| config.duration = Some(target)))
    }

    /// Observes after how many seconds the head of the answer is there.
    ///
    /// # Errors
    /// See [`InstrumentLayer::counter`].
    pub fn time_to_headers(self, vector: impl ObserverVec + 'static) -> Result<InstrumentLayer, UnsupportedLabel> {
        let target = self.observers(vector)?;
        Ok(self.change(|config| config.time_to_headers = Some(target)))
    }

    /// Observes how many bytes requests have, approximately: URL, method, protocol, headers,
    /// and the body as far as its length is announced.
    ///
    /// # Errors
    /// See [`InstrumentLayer::counter`].
    pub fn request_size(self, vector: impl ObserverVec + 'static) -> Result<InstrumentLayer, UnsupportedLabel> {
        let target = self.observers(vector)?;
        Ok(self.change(|config| config.request_size = Some(target)))
    }

    /// Observes how many bytes the bodies of answers have.
    ///
    /// # Errors
    /// See [`InstrumentLayer::counter`].
    pub fn response_size(self, vector: impl ObserverVec + 'static) -> Result<InstrumentLayer, UnsupportedLabel> {
        let target = self.observers(vector)?;
        Ok(self.change(|config| config.response_size = Some(target)))
    }
}

impl<S> tower::Layer<S> for InstrumentLayer {
    type Service = Instrumented<S>;

    fn layer(&self, inner: S) -> Instrumented<S> {
        Instrumented { inner, config: Arc::clone(&self.0) }
    }
}

/// A service whose requests are counted and measured.
#[derive(Clone)]
pub struct Instrumented<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S: std::fmt::Debug> std::fmt::Debug for Instrumented<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instrumented").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, A, B> tower::Service<Request<A>> for Instrumented<S>
where
    S: tower::Service<Request<A>, Response = Response<B>>,
    B: http_body::Body,
{
    type Response = Response<InstrumentedBody<B>>;
    type Error = S::Error;
    type Future = InstrumentedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let call = Call::new(Arc::clone(&self.config), &parts);
        InstrumentedFuture { inner: self.inner.call(Request::from_parts(parts, body)), call: Some(call) }
    }
}

/// One request under way. Whatever becomes of it, it is counted once.
struct Call {
    config: Arc<Config>,
    known: Known,
    start: Instant,
    request_bytes: f64,
    response_bytes: u64,
    /// That of the answer, once its head is there.
    code: Option<String>,
    is_over: bool,
    _in_flight: Option<InProgress>,
}

impl Call {
    fn new(config: Arc<Config>, parts: &Parts) -> Call {
        let method = parts.method.as_str().to_ascii_lowercase();
        let is_known =
            METHODS.contains(&method.as_str()) || method == "patch" || config.extra_methods.contains(&method);
        let method = if is_known { method } else { "unknown".to_owned() };
        let own = config.own.iter().map(|(_, extract)| extract(parts)).collect();
        Call {
            known: Known { method, own },
            start: Instant::now(),
            request_bytes: if config.request_size.is_some() { size_of_head(parts) } else { 0.0 },
            response_bytes: 0,
            code: None,
            is_over: false,
            _in_flight: config.in_flight.as_ref().map(Gauge::track),
            config,
        }
    }

    fn head(&mut self, status: u16) {
        let code = status.to_string();
        self.observe(&self.config.time_to_headers, &code, self.start.elapsed().as_secs_f64());
        self.code = Some(code);
        if self.config.is_client {
            self.finish();
        }
    }

    fn observe(&self, target: &Option<Observers>, code: &str, value: f64) {
        if let Some(target) = target {
            let observed = target.with(&self.known, code, |vector, values| vector.observe_into(values, value));
            debug_assert!(observed.is_ok(), "there is a value for each label");
        }
    }

    /// Counts the request, unless that was done.
    fn finish(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let code = self.code.as_deref().unwrap_or(if std::thread::panicking() { "500" } else { "canceled" });
        if let Some(target) = &self.config.counter {
            target.with(&self.known, code, |vector, values| vector.apply(values, |requests| requests.inc()));
        }
        self.observe(&self.config.duration, code, self.start.elapsed().as_secs_f64());
        self.observe(&self.config.request_size, code, self.request_bytes);
        self.observe(&self.config.response_size, code, self.response_bytes as f64);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.config.is_client {
            self.finish();
        }
    }
}

fn size_of_head(parts: &Parts) -> f64 {
    let uri = &parts.uri;
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let host = uri.authority().map_or(0, |authority| authority.as_str().len());
    let headers: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let announced = parts.headers.get(http::header::CONTENT_LENGTH);
    let body: f64 = announced.and_then(|len| len.to_str().ok()?.parse().ok()).unwrap_or(0.0);
    // `HTTP/1.1`
    const PROTOCOL_LEN: usize = 8;
    (path + host + headers + parts.method.as_str().len() + PROTOCOL_LEN) as f64 + body
}

pin_project! {
    /// The answer to come of an [`Instrumented`] service.
    pub struct InstrumentedFuture<F> {
        #[pin]
        inner: F,
        call: Option<Call>,
    }
}

impl<F> std::fmt::Debug for InstrumentedFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstrumentedFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for InstrumentedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body,
{
    type Output = Result<Response<InstrumentedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        let mut call = this.call.take();
        Poll::Ready(match result {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                if let Some(call) = &mut call {
                    call.head(parts.status.as_u16());
                }
                Ok(Response::from_parts(parts, InstrumentedBody::new(body, call)))
            }
            Err(error) => {
                if let Some(call) = &mut call {
                    // A server has to answer something; servers take an error for this.
                    call.code = Some("500".to_owned());
                }
                Err(error)
            }
        })
    }
}

#[cfg(test)]
mod tests;
