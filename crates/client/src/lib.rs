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
//! - [`counter`], [`gauge`], [`histogram`], [`summary`]: the kinds of metric.
//! - [`vector`]: metrics of one name, told apart by label values.
//! - [`desc`]: [`Opts`], with which a metric is described, and [`Desc`].
//! - [`collector`]: [`Collector`], for values that are read when they are asked for.
//! - [`registry`]: [`Registry`], which checks, holds and gathers them.
//! - [`process`]: [`ProcessCollector`], memory, CPU and files of this process.
//! - [`error`]: what can be wrong.
//!
//! This crate knows nothing of HTTP and of our servers.

mod atomic;
pub mod collector;
pub mod counter;
pub mod desc;
pub mod error;
pub mod gauge;
pub mod histogram;
pub mod process;
pub mod registry;
pub mod summary;
pub mod vector;

pub use collector::{Collector, Sink};
pub use counter::Counter;
pub use desc::{Desc, Opts};
pub use error::{CardinalityError, GatherError, RegisterError};
pub use gauge::{Gauge, InProgress};
pub use histogram::{Histogram, HistogramTimer, exponential_buckets, linear_buckets};
pub use process::ProcessCollector;
pub use registry::{CollectorId, Gathered, Registry};
pub use summary::{Summary, SummaryOpts};
pub use vector::{CounterVec, GaugeVec, HistogramVec, MetricVec, SummaryVec};
