//! The handler of scrapes for servers made of tower services: axum, hyper, tonic.
//!
//! ```
//! # use narthex_client::{Opts, Registry};
//! use narthex_client::http::Handler;
//!
//! let registry = Registry::new();
//! let handler = Handler::new(registry.clone()).max_in_flight(4).instrumented(&registry)?;
//! let app: axum::Router = axum::Router::new().route_service("/metrics", handler);
//! # Ok::<(), narthex_client::RegisterError>(())
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::{OnceCell, Semaphore};

use crate::error::RegisterError;
use crate::gather::{Gathered, Gatherer};
use crate::scrape::{ScrapeAnswer, ScrapeOptions, ScrapeRequest, answer};
use crate::vector::CounterVec;
use crate::{Gauge, Opts, Registry};

/// How long before the scraper gives up an answer is sent, if it says when that is.
const ANSWER_BEFORE: Duration = Duration::from_millis(500);

/// Answers scrapes: a tower service for any method and path. Cheap to clone.
#[derive(Clone)]
pub struct Handler(Arc<Inner>);

struct Inner {
    gatherer: Arc<dyn Gatherer>,
    options: ScrapeOptions,
    in_flight: Option<(usize, Semaphore)>,
    timeout: Option<Duration>,
    coalesces: bool,
    /// The gathering that others may join.
    running: Mutex<Weak<OnceCell<Arc<Gathered>>>>,
    metrics: Option<HandlerMetrics>,
}

struct HandlerMetrics {
    requests: CounterVec,
    in_flight: Gauge,
    errors: CounterVec,
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler")
            .field("options", &self.0.options)
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

impl Handler {
    /// Answers with what `gatherer` gathers: a registry, or several.
    pub fn new(gatherer: impl Gatherer + 'static) -> Handler {
        Handler(Arc::new(Inner {
            gatherer: Arc::new(gatherer),
            options: ScrapeOptions::new(),
            in_flight: None,
            timeout: None,
            coalesces: false,
            running: Mutex::default(),
            metrics: None,
        }))
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Handler {
        let mut inner = Arc::into_inner(self.0).expect("handlers are built before they are cloned");
        change(&mut inner);
        Handler(Arc::new(inner))
    }

    /// Formats, compression, what to do about errors.
    ///
    /// # Panics
    /// This and the following, when the handler was cloned before.
    #[must_use]
    pub fn options(self, options: ScrapeOptions) -> Handler {
        self.change(|inner| inner.options = options)
    }

    /// Answers at most `count` scrapes at once, others with status 503.
    #[must_use]
    pub fn max_in_flight(self, count: usize) -> Handler {
        self.change(|inner| inner.in_flight = Some((count, Semaphore::new(count))))
    }

    /// Answers with status 503 when gathering takes longer. It then goes on in the background.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Handler {
        self.change(|inner| inner.timeout = Some(timeout))
    }

    /// Lets scrapes that come while another one gathers have what that one gathers.
    #[must_use]
    pub fn coalescing(self) -> Handler {
        self.change(|inner| inner.coalesces = true)
    }

    /// Counts the scrapes, those in flight, and the errors, in `promhttp_metric_handler_*`.
    ///
    /// # Errors
    /// When the names are taken by something else.
    pub fn instrumented(self, registry: &Registry) -> Result<Handler, RegisterError> {
        let registry = registry.reusing();
        let opts = |name: &str, help: &str| Opts::new(name, help).namespace("promhttp_metric_handler");
        let metrics = HandlerMetrics {
            requests: registry
                .counter_vec(opts("requests_total", "Total number of scrapes by HTTP status code."), &["code"])?,
            in_flight: registry.gauge(opts("requests_in_flight", "Current number of scrapes being served."))?,
            errors: registry.counter_vec(
                opts("errors_total", "Total number of internal errors encountered by the promhttp metric handler."),
                &["cause"],
            )?,
        };
        for code in ["200", "500", "503"] {
            metrics.requests.with(&[code]);
        }
        for cause in ["encoding", "gathering"] {
            metrics.errors.with(&[cause]);
        }
        Ok(self.change(|inner| inner.metrics = Some(metrics)))
    }

    /// Answers one scrape.
    pub async fn handle(&self, headers: &HeaderMap, query: Option<&str>) -> Response<Full<Bytes>> {
        let inner = &self.0;
        let _counted = inner.metrics.as_ref().map(|metrics| metrics.in_flight.track());
        let answer = inner.answer(headers, query).await;
        if let Some(metrics) = &inner.metrics {
            metrics.requests.apply(&[&answer.status.to_string()], |requests| requests.inc());
        }
        response(answer)
    }
}

impl Inner {
    async fn answer(self: &Arc<Self>, headers: &HeaderMap, query: Option<&str>) -> ScrapeAnswer {
        let _permit = match &self.in_flight {
            None => None,
            Some((count, semaphore)) => match semaphore.try_acquire() {
                Ok(permit) => Some(permit),
                Err(_) => {
                    let text = format!("Limit of concurrent requests reached ({count}), try again later.");
                    return ScrapeAnswer::text(503, text);
                }
            },
        };
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        // Several headers of a name are one, joined.
        let accept: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let accept = (!accept.is_empty()).then(|| accept.join(","));
        let encoding = text(ACCEPT_ENCODING).map(str::to_owned);
        let query = query.map(str::to_owned);
        let asked =
            headers.get("x-prometheus-scrape-timeout-seconds").and_then(|value| value.to_str().ok()?.parse().ok());
        let asked = asked.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
        let asked = asked.map(|timeout| timeout.saturating_sub(ANSWER_BEFORE)).filter(|timeout| !timeout.is_zero());
        let timeout = match (self.timeout, asked) {
            (Some(own), Some(asked)) => Some(own.min(asked)),
            (own, asked) => own.or(asked),
        };
        let work = async {
            let gathered = self.gather().await?;
            let inner = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                if let Some(metrics) = &inner.metrics {
                    let count = gathered.errors.len() as u64;
                    metrics.errors.apply(&["gathering"], |errors| errors.inc_by(count));
                }
                let request = ScrapeRequest {
                    accept: accept.as_deref(),
                    accept_encoding: encoding.as_deref(),
                    query: query.as_deref(),
                };
                answer(&gathered, request, &inner.options)
            })
            .await
        };
        let answered = match timeout {
            None => work.await,
            Some(timeout) => match tokio::time::timeout(timeout, work).await {
                Ok(answered) => answered,
                Err(_) => return ScrapeAnswer::text(503, format_args!("Exceeded configured timeout of {timeout:?}.")),
            },
        };
        match answered {
            Ok(answer) => answer,
            Err(error) => {
                if let Some(metrics) = &self.metrics {
                    metrics.errors.apply(&["encoding"], |errors| errors.inc());
                }
                ScrapeAnswer::text(500, format_args!("An error has occurred while serving metrics:\n\n{error}"))
            }
        }
    }

    async fn gather(&self) -> Result<Arc<Gathered>, tokio::task::JoinError> {
        let run = || {
            let gatherer = Arc::clone(&self.gatherer);
            tokio::task::spawn_blocking(move || Arc::new(gatherer.gather()))
        };
        if !self.coalesces {
            return run().await;
        }
        let cell = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.upgrade().unwrap_or_else(|| {
                let cell = Arc::new(OnceCell::new());
                *running = Arc::downgrade(&cell);
                cell
            })
        };
        // If the one who gathers goes away, the next one gathers.
        let gathered = cell.get_or_try_init(run).await.cloned();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if std::ptr::eq(running.as_ptr(), Arc::as_ptr(&cell)) {
            // Who comes from now on wants newer values.
            *running = Weak::new();
        }
        gathered
    }
}

fn response(answer: ScrapeAnswer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("is one of three");
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

impl<B> tower::Service<Request<B>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let handler = self.clone();
        let headers = request.headers().clone();
        let query = request.uri().query().map(str::to_owned);
        Box::pin(async move { Ok(handler.handle(&headers, query.as_deref()).await) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Condvar, Mutex};

    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::gather::FnGatherer;

    async fn get(handler: &Handler, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
        let mut request = Request::get("/metrics");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = handler.clone().oneshot(request.body(()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
    }

    /// Gathers when it is let.
    #[derive(Default)]
    struct Gate {
        is_open: Mutex<bool>,
        opened: Condvar,
        gathered: AtomicUsize,
    }

    impl Gate {
        fn open(&self) {
            *self.is_open.lock().unwrap() = true;
            self.opened.notify_all();
        }
    }

    fn gated(gate: &Arc<Gate>) -> Handler {
        let gate = Arc::clone(gate);
        Handler::new(FnGatherer(move || {
            gate.gathered.fetch_add(1, SeqCst);
            let is_open = gate.is_open.lock().unwrap();
            drop(gate.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
            Gathered::default()
        }))
    }

    #[test]
    fn answers_and_counts() {
        let registry = Registry::new();
        registry.counter(Opts::new("a_total", "")).unwrap().inc();
        let handler = Handler::new(registry.clone()).instrumented(&registry).unwrap();
        let again = Handler::new(registry.clone()).instrumented(&registry).unwrap();
        runtime().block_on(async {
            let (status, headers, body) = get(&handler, &[]).await;
            assert_eq!(
                (status, &headers["content-type"]),
                (200, &HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8; escaping=underscores"))
            );
            assert!(
                body.contains("a_total 1\n") && body.contains("promhttp_metric_handler_requests_in_flight 1\n"),
                "{body}"
            );
            for line in [
                "requests_total{code=\"200\"} 0",
                "requests_total{code=\"503\"} 0",
                "errors_total{cause=\"gathering\"} 0",
            ] {
                assert!(body.contains(&format!("promhttp_metric_handler_{line}\n")), "{body}");
            }
            let (_, _, body) = get(&again, &[]).await;
            assert!(body.contains("requests_total{code=\"200\"} 1\n"), "{body}");
            let (_, headers, body) = get(&handler, &[("accept-encoding", "gzip")]).await;
            assert_eq!(headers["content-encoding"], "gzip");
            assert!(body.starts_with("\u{1f}"));
        });
    }

    #[test]
    fn too_many_and_too_slow_are_turned_away() {
        let gate = Arc::new(Gate::default());
        let handler = gated(&gate).max_in_flight(1).timeout(Duration::from_millis(20));
        runtime().block_on(async {
            let first = tokio::spawn({
                let handler = handler.clone();
                async move { get(&handler, &[]).await }
            });
            while gate.gathered.load(SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            let (status, _, body) = get(&handler, &[]).await;
            if status != 200 {
                assert_eq!(status, 503);
                assert!(
                    body == "Limit of concurrent requests reached (1), try again later.\n"
                        || body.starts_with("Exceeded"),
                    "{body}"
                );
            }
            let (status, _, body) = first.await.unwrap();
            assert_eq!((status, body.as_str()), (503, "Exceeded configured timeout of 20ms.\n"));
            gate.open();
            let (status, ..) = get(&handler, &[("x-prometheus-scrape-timeout-seconds", "10")]).await;
            assert_eq!(status, 200);
        });
    }

    #[test]
    fn concurrent_scrapes_gather_once() {
        let gate = Arc::new(Gate::default());
        let handler = gated(&gate).coalescing();
        runtime().block_on(async {
            let scrapes: Vec<_> = (0..100)
                .map(|_| {
                    let handler = handler.clone();
                    tokio::spawn(async move { get(&handler, &[]).await.0 })
                })
                .collect();
            while gate.gathered.load(SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            gate.open();
            for scrape in scrapes {
                assert_eq!(scrape.await.unwrap(), 200);
            }
        });
        // Those that came after the gate was opened may have needed a gathering of their own.
        assert!(gate.gathered.load(SeqCst) < 100);
    }

    #[test]
    fn a_panic_is_answered() {
        let handler = Handler::new(FnGatherer(|| panic!("as asked")));
        let (status, _, body) = runtime().block_on(get(&handler, &[]));
        assert_eq!(status, 500);
        assert!(body.starts_with("An error has occurred while serving metrics:\n\n"), "{body}");
    }
}
