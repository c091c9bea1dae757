//! The PromQL engine: a query is planned, then evaluated series by series over
//! all steps, in columns.
//!
//! - [`api`]: [`Request`], [`Answer`], [`QueryError`].
//! - [`engine`]: [`Engine`], which runs queries.

pub mod api;
pub mod engine;

pub use api::{
    Answer, CancelToken, EngineOptions, ErrorKind, Features, MatrixSeries, QueryError, QueryRange, Request,
    SampleValue, Stats, Timings, Value, VectorSample,
};
pub use engine::Engine;
