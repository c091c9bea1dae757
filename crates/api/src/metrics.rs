//! What the server counts about its requests, under upstream's names.

use std::time::Instant;

use http::StatusCode;
use narthex_client::{CounterVec, Gauge, HistogramVec, InProgress, Opts, RegisterError, Registry, exponential_buckets};

/// Upper bounds of durations, in seconds.
const DURATION_BOUNDS: [f64; 9] = [0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0];

/// The metrics of all requests.
#[derive(Clone, Debug)]
pub(crate) struct HttpMetrics {
    requests: CounterVec,
    durations: HistogramVec,
    sizes: HistogramVec,
    scrapes: CounterVec,
    scrapes_in_flight: Gauge,
}

impl HttpMetrics {
    /// Registers them; each of `handlers` starts with no request.
    pub(crate) fn register<'h>(
        registry: &Registry,
        handlers: impl IntoIterator<Item = &'h str>,
    ) -> Result<HttpMetrics, RegisterError> {
        let http = |name, help| Opts::new(name, help).namespace("prometheus").subsystem("http");
        let scrape = |name, help| Opts::new(name, help).namespace("promhttp").subsystem("metric_handler");
        let metrics = HttpMetrics {
            requests: registry.counter_vec(http("requests_total", "Requests answered."), &["handler", "code"])?,
            durations: registry.histogram_vec(
                http("request_duration_seconds", "Time until an answer was written."),
                &["handler"],
                &DURATION_BOUNDS,
            )?,
            sizes: registry.histogram_vec(
                http("response_size_bytes", "Sizes of answers as they were sent."),
                &["handler"],
                &exponential_buckets(100.0, 10.0, 8),
            )?,
            scrapes: registry.counter_vec(scrape("requests_total", "Scrapes of this server answered."), &["code"])?,
            scrapes_in_flight: registry
                .gauge(scrape("requests_in_flight", "Scrapes of this server being answered."))?,
        };
        for handler in handlers {
            metrics.requests.with(&[handler, "200"]);
        }
        for code in ["200", "500", "503"] {
            metrics.scrapes.with(&[code]);
        }
        Ok(metrics)
    }

    /// Begins to watch a request.
    pub(crate) fn watch(&self, handler: &str) -> Watch {
        Watch { metrics: self.clone(), handler: handler.into(), start: Instant::now() }
    }

    /// Begins to watch a scrape, for as long as the guard lives.
    pub(crate) fn scrape(&self) -> InProgress {
        self.scrapes_in_flight.track()
    }

    /// Counts a scrape.
    pub(crate) fn scraped(&self, status: StatusCode) {
        self.scrapes.with(&[status.as_str()]).inc();
    }
}

/// One request being answered.
#[derive(Debug)]
pub(crate) struct Watch {
    metrics: HttpMetrics,
    handler: Box<str>,
    start: Instant,
}

impl Watch {
    /// Counts the request, whose answer of `len` bytes is out.
    pub(crate) fn done(self, status: StatusCode, len: u64) {
        self.metrics.requests.with(&[&self.handler, status.as_str()]).inc();
        self.metrics.durations.with(&[&*self.handler]).observe_duration(self.start.elapsed());
        self.metrics.sizes.with(&[&*self.handler]).observe(len as f64);
    }
}
