//! The instrumentation library: metrics a program counts in, and how it shows them.
//!
//! Make a registry, make metrics in it, keep the handles, count, and answer a
//! scrape with what the registry gathers:
//!
//! ```
//! use narthex_client::{Opts, Registry};
//! use narthex_exposition::negotiate;
//!
//! let registry = Registry::new();
//! let jobs = registry.counter_vec(Opts::new("jobs_total", "Jobs done."), &["kind"])?;
//! let mail = jobs.with(&["mail"]); // Keep it: counting takes a few nanoseconds and no lock.
//! mail.inc();
//! let answer = negotiate(None); // From the request's Accept header.
//! let body = registry.gather().encode(answer, &[]);
//! assert_eq!(body, "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total{kind=\"mail\"} 1\n");
//! assert_eq!(answer.content_type(), "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
//! # Ok::<(), narthex_client::RegisterError>(())
//! ```
//!
//! # In ten minutes
//!
//! **Which kind?** What only rises is a [`Counter`]: requests, bytes, errors. What goes up and down
//! is a [`Gauge`]: tasks under way, a temperature, the time of the last success. What you want to know
//! the distribution of is a [`Histogram`]: how long requests take. A [`Summary`] computes
//! quantiles in the program, which cannot be put together over several programs: take a histogram
//! unless you know better.
//!
//! **Names.** A name says what is counted and in which base unit, `http_request_duration_seconds`;
//! a counter ends in `_total`. [`lint`] judges names as `promtool` does, in a test of yours.
//!
//! **Labels** tell apart what you will want to add up: `code`, `method`, a route. Each
//! combination of values is a series that costs memory here and in Prometheus, so none of them may be
//! a user, a path or an id. [`VecOpts`] keeps the number in bounds. Where a struct fits better than a
//! row of texts, see [`family`].
//!
//! **Histograms.** Native ones need no bounds, only a factor; with classic buckets besides, every
//! scraper is served:
//!
//! ```
//! use narthex_client::{HistogramOpts, Opts, Registry};
//!
//! let registry = Registry::new();
//! let opts = HistogramOpts::native(1.1).max_buckets(160).with_classic(&[0.1, 1.0, 10.0]);
//! let seconds = registry.histogram(Opts::new("job_seconds", "How long jobs took."), opts)?;
//! seconds.time(|| { /* the job */ });
//! # Ok::<(), narthex_client::RegisterError>(())
//! ```
//!
//! **Exposing.** Without a server of your own: [`Server`]. With axum, hyper or another of tower:
//! `http::Handler` (feature `http`), and `instrument::InstrumentLayer` counts the requests themselves.
//! What is over before it is scraped is pushed: [`push`].
//!
//! **In libraries**, take a [`Registry`] as a parameter, or make metrics without one ([`Counter::new`]) and let
//! the program register them ([`Single`]). Programs may have them all in [`Registry::global`].
//!
//! **In tests**, compare what is exposed with a text: [`testutil`].
//!
//! What client_golang has, and where it is here, is listed in `docs/ledger.md`; programs that run are in `examples/`.
//!
//! # Modules
//!
//! - [`counter`], [`gauge`], [`histogram`], [`summary`], [`info`]: the kinds of metric.
//! - [`vector`]: metrics of one name, told apart by label values.
//! - [`family`]: the same with a struct's fields as labels.
//! - [`desc`]: [`Opts`], with which a metric is described, and [`Desc`].
//! - [`exemplar`]: examples of what was counted.
//! - [`collector`]: [`Collector`], for values that are read when they are asked for.
//! - [`constant`]: values made elsewhere, native histograms among them.
//! - [`wrap`]: prefixes and labels for what others made.
//! - [`registry`]: [`Registry`], which checks and holds them.
//! - [`gather`]: what it gathers, and how several are one.
//! - [`scrape`]: answering a scrape, whatever the server is made of; [`server`]: one that needs nothing.
//! - `http` (feature `http`): the same as a tower service; `instrument`: layers for servers and clients.
//! - [`observer`]: what can be observed into, and a timer for it.
//! - [`push`], [`graphite`]: metrics that are sent, not scraped.
//! - [`testutil`], [`lint`]: for tests of metrics, and of their names.
//! - `runtime` (feature `tokio`): what a tokio runtime is doing.
//! - [`process`]: [`ProcessCollector`], memory, CPU and files of this process.
//! - [`error`]: what can be wrong.
//!
//! This crate knows nothing of our servers.

// The derives write this name.
#[cfg(test)]
extern crate self as narthex_client;

mod atomic;
mod clock;
pub mod collector;
pub mod constant;
pub mod counter;
pub mod desc;
pub mod error;
pub mod exemplar;
pub mod family;
pub mod gather;
pub mod gauge;
pub mod graphite;
pub mod histogram;
#[cfg(feature = "http")]
pub mod http;
pub mod info;
#[cfg(feature = "http")]
pub mod instrument;
pub mod lint;
pub mod observer;
pub mod process;
pub mod push;
pub mod registry;
#[cfg(feature = "tokio")]
pub mod runtime;
pub mod scrape;
pub mod server;
mod shard;
pub mod summary;
mod sync;
pub mod testutil;
pub mod vector;
pub mod wrap;

#[cfg(feature = "derive")]
pub use narthex_client_derive::{LabelSet, LabelValue};
pub use narthex_exposition as exposition;
pub use narthex_model::MetricType;

pub use collector::{Collector, FnCollector, Single, Sink, describe_by_collect};
pub use counter::{Counter, LocalCounter, misuse_count};
pub use desc::{Desc, Opts, build_name};
pub use error::{CardinalityError, CurryError, GatherError, RegisterError};
pub use exemplar::{ExemplarError, set_exemplar_provider};
pub use family::{CounterFamily, Family, GaugeFamily, HistogramFamily, LabelSet, LabelValue, SummaryFamily};
pub use gather::{FnGatherer, Gathered, Gatherer, Gatherers};
pub use gauge::{Gauge, InProgress};
pub use histogram::{
    Histogram, HistogramOpts, HistogramTimer, LocalHistogram, exponential_buckets, exponential_buckets_range,
    linear_buckets,
};
pub use info::{Info, StateSet, Unknown};
pub use observer::{FnObserver, Observer, ObserverVec, Timer};
pub use process::ProcessCollector;
pub use registry::{CollectorId, Registry};
pub use server::Server;
pub use summary::{Summary, SummaryOpts};
pub use vector::{CounterVec, GaugeVec, HistogramVec, MetricVec, SummaryVec, UnknownVec, VecOpts};
pub use wrap::Wrapped;
