//! What a caller hands in and gets back: [`Request`], [`Answer`], [`QueryError`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use narthex_model::{FloatHistogram, Labels};

use crate::memory::HeldMemory;

/// The switches of `--enable-feature` that concern queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// `promql-experimental-functions`
    pub experimental_functions: bool,
    /// `promql-delayed-name-removal`
    pub delayed_name_removal: bool,
    /// `promql-extended-range-selectors`
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`
    pub fill_modifiers: bool,
    /// `use-start-timestamps`
    pub use_start_timestamps: bool,
    /// `type-and-unit-labels`
    pub type_and_unit_labels: bool,
    /// `promql-per-step-stats`
    pub per_step_stats: bool,
}

/// Settings of an engine, fixed for its life but for the sub-query step.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The most samples a query may hold at a time (`--query.max-samples`).
    pub max_samples: usize,
    /// How long a query may take (`--query.timeout`), waiting included.
    pub timeout: Duration,
    /// How far back an instant selector looks (`--query.lookback-delta`).
    pub lookback_delta_ms: i64,
    /// The step of sub-queries that name none: `global.evaluation_interval`.
    pub default_subquery_step_ms: i64,
    /// How many queries run at a time (`--query.max-concurrency`); more wait.
    pub max_concurrency: usize,
    /// How many threads one query may use.
    pub threads: usize,
    /// The most bytes a query may hold at a time, as far as the engine can tell.
    pub max_bytes: usize,
    /// The most bytes all queries together may hold, results that are still
    /// being sent included.
    pub max_bytes_total: usize,
    /// Feature switches.
    pub features: Features,
}

impl Default for EngineOptions {
    /// Upstream's defaults, one thread per query and two gigabytes.
    fn default() -> EngineOptions {
        EngineOptions {
            max_samples: 50_000_000,
            timeout: Duration::from_secs(120),
            lookback_delta_ms: 5 * 60 * 1000,
            default_subquery_step_ms: 60 * 1000,
            max_concurrency: 20,
            threads: 1,
            max_bytes: 2 << 30,
            max_bytes_total: 4 << 30,
            features: Features::default(),
        }
    }
}

/// The times a query is evaluated at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryRange {
    /// Once.
    Instant {
        /// Milliseconds since the epoch.
        time_ms: i64,
    },
    /// At start, start + step … as long as it is not after end.
    Range {
        /// The first time, milliseconds since the epoch.
        start_ms: i64,
        /// The last possible time, milliseconds since the epoch.
        end_ms: i64,
        /// Distance in milliseconds, above 0.
        step_ms: i64,
    },
}

/// A switch by which the caller ends a query early. Clones share the switch.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks the query to end. It notices at the next batch of series.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the query was asked to end.
    pub fn is_canceled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A request to the HTTP API.
    Http {
        /// The address it came from, without the port.
        client_ip: String,
        /// `GET` or `POST`.
        method: String,
        /// The path of its URL.
        path: String,
    },
    /// The rules of a group.
    RuleGroup {
        /// The file of the group.
        file: String,
        /// The group's name.
        name: String,
    },
}

/// One query.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its text.
    pub query: String,
    /// When it is evaluated.
    pub range: QueryRange,
    /// Overrides the engine's lookback when above 0.
    pub lookback_delta_ms: Option<i64>,
    /// Shortens the engine's timeout.
    pub timeout: Option<Duration>,
    /// Ends it early.
    pub cancel: CancelToken,
    /// Whether [`Stats`] shall hold the numbers of every step; needs
    /// [`Features::per_step_stats`] too.
    pub per_step_stats: bool,
    /// Who asks, for the query log.
    pub origin: Option<Origin>,
}

impl Request {
    /// A query at one time, with the engine's own limits.
    pub fn instant(query: impl Into<String>, time_ms: i64) -> Request {
        Request::new(query, QueryRange::Instant { time_ms })
    }

    /// A query over a range, with the engine's own limits.
    pub fn range(query: impl Into<String>, start_ms: i64, end_ms: i64, step_ms: i64) -> Request {
        Request::new(query, QueryRange::Range { start_ms, end_ms, step_ms })
    }

    /// A query with the engine's own limits.
    pub fn new(query: impl Into<String>, range: QueryRange) -> Request {
        Request {
            query: query.into(),
            range,
            lookback_delta_ms: None,
            timeout: None,
            cancel: CancelToken::default(),
            per_step_stats: false,
            origin: None,
        }
    }
}

/// The value of one sample.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// Its labels.
    pub labels: Labels,
    /// The evaluation time, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Its value.
    pub value: SampleValue,
}

/// One series of a range vector or of a range query's result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatrixSeries {
    /// Its labels.
    pub labels: Labels,
    /// Times of the float samples, ascending.
    pub float_timestamps: Vec<i64>,
    /// As many values.
    pub float_values: Vec<f64>,
    /// Native histogram samples by ascending time.
    pub histograms: Vec<(i64, Arc<FloatHistogram>)>,
}

impl MatrixSeries {
    /// Whether it has no samples.
    pub fn is_empty(&self) -> bool {
        self.float_timestamps.is_empty() && self.histograms.is_empty()
    }
}

/// What a query evaluates to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number.
    Scalar {
        /// The evaluation time, milliseconds since the epoch.
        timestamp_ms: i64,
        /// The number.
        value: f64,
    },
    /// One text.
    String {
        /// The evaluation time, milliseconds since the epoch.
        timestamp_ms: i64,
        /// The text.
        value: String,
    },
    /// One sample per series, in the order the query gives.
    Vector(Vec<VectorSample>),
    /// Samples of series, sorted by labels: every range query, and range vectors.
    Matrix(Vec<MatrixSeries>),
}

/// Where the time of a query went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// All but waiting.
    pub eval_total: Duration,
    /// Sorting the result.
    pub result_sort: Duration,
    /// Parsing, planning, finding series.
    pub query_preparation: Duration,
    /// Reading and computing.
    pub inner_eval: Duration,
    /// Waiting for a free place.
    pub exec_queue: Duration,
    /// Everything.
    pub exec_total: Duration,
}

/// What a query cost.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Where the time went.
    pub timings: Timings,
    /// Samples that the query's steps looked at, each as often as it was in view.
    pub total_queryable_samples: i64,
    /// Samples that had to be read, each once per selector.
    pub samples_read: i64,
    /// The most samples that were held at a time.
    pub peak_samples: i64,
    /// `total_queryable_samples` by step, when asked for.
    pub total_queryable_samples_per_step: Option<Vec<(i64, i64)>>,
    /// `samples_read` by step, when asked for.
    pub samples_read_per_step: Option<Vec<(i64, i64)>>,
}

/// A query's result with what should be told about it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The result.
    pub value: Value,
    /// Warnings, whole texts: `PromQL warning: … (1:5)`, and those of the store.
    pub warnings: Vec<String>,
    /// Remarks, whole texts: `PromQL info: … (1:5)`.
    pub infos: Vec<String>,
    /// What it cost.
    pub stats: Stats,
    /// Keep it as long as the value: what the value takes then counts in
    /// [`EngineOptions::max_bytes_total`].
    pub memory: HeldMemory,
}

/// Why a query has no result. Texts are upstream's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is no query, or not one that can be run over a range.
    #[error("{0}")]
    BadQuery(String),
    /// It took too long; the field says where that was noticed.
    #[error("query timed out in {0}")]
    Timeout(&'static str),
    /// The caller ended it.
    #[error("query was canceled in {0}")]
    Canceled(&'static str),
    /// It would hold too many samples.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// It would hold too many bytes.
    #[error("query processing would need more than {limit_bytes} bytes of memory")]
    TooManyBytes {
        /// The engine's limit.
        limit_bytes: usize,
    },
    /// It would hold more bytes than other queries have left.
    #[error("query processing would need more memory than other queries leave of {limit_bytes} bytes, try again later")]
    NoMemoryLeft {
        /// The engine's limit for all queries.
        limit_bytes: usize,
    },
    /// It cannot be computed on these data.
    #[error("{0}")]
    Execution(String),
    /// Time was up, or the caller gave up, while series were being read.
    #[error("expanding series: {}", if *.canceled { "context canceled" } else { "context deadline exceeded" })]
    ExpandingInterrupted {
        /// Whether the caller gave up.
        canceled: bool,
    },
    /// The store failed.
    #[error("expanding series: {0}")]
    Storage(#[from] narthex_storage::StorageError),
}

/// What sort of failure a [`QueryError`] is; the HTTP API answers by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// `bad_data`, 400: the query itself.
    BadData,
    /// `execution`, 422: these data, or a limit.
    Execution,
    /// `timeout`, 503.
    Timeout,
    /// `canceled`, 499.
    Canceled,
}

impl QueryError {
    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            QueryError::BadQuery(_) => ErrorKind::BadData,
            QueryError::Timeout(_) => ErrorKind::Timeout,
            QueryError::Canceled(_) | QueryError::ExpandingInterrupted { canceled: true } => ErrorKind::Canceled,
            QueryError::TooManySamples
            | QueryError::TooManyBytes { .. }
            | QueryError::NoMemoryLeft { .. }
            | QueryError::Execution(_)
            | QueryError::ExpandingInterrupted { canceled: false }
            | QueryError::Storage(_) => ErrorKind::Execution,
        }
    }
}

impl ErrorKind {
    /// The name in the HTTP API.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::BadData => "bad_data",
            ErrorKind::Execution => "execution",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Canceled => "canceled",
        }
    }
}
