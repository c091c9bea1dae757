//! The PromQL engine: a query is planned, then evaluated series by series over
//! all steps, in columns.
//!
//! - [`api`]: [`Request`], [`Answer`], [`QueryError`].
//! - [`engine`]: [`Engine`], which runs queries.
//! - `plan`: the syntax tree made ready; `eval`: its evaluation; `gate`: how many
//!   queries run at a time; `metrics`: what is counted about them.
//! - [`observer`]: [`QueryObserver`], who is told about queries.
//! - [`explain`]: [`Explanation`], how a query is answered and at what cost.
//! - [`annotations`]: warnings and infos.
//! - [`range_functions`], [`histogram_functions`], [`elementwise`], [`math`]: what
//!   functions compute.
//! - [`script`]: the language of upstream's test scripts.
//!
//! What a query costs: a selector 3 ns per step and what the store takes for
//! decoding; a range function the same and its kernel, O(samples + steps) per
//! series; an aggregation over either 1–2 ns per point and 8 to 32 bytes per
//! group and step, whatever the number of series; other operators 8 bytes per
//! series and step. Labels are made for series that appear in a result, not for
//! those that are folded away.

pub mod annotations;
pub mod api;
pub mod elementwise;
pub mod engine;
mod eval;
pub mod explain;
mod gate;
pub mod histogram_functions;
pub mod math;
mod memory;
mod metrics;
pub mod observer;
mod plan;
pub mod range_functions;
pub mod script;
#[cfg(test)]
mod testing;

pub use api::{
    Answer, CancelToken, EngineOptions, ErrorKind, Features, MatrixSeries, Origin, QueryError, QueryRange, Request,
    SampleValue, Stats, Timings, Value, VectorSample,
};
pub use engine::Engine;
pub use explain::{ExplainedNode, Explanation, NodeCost};
pub use memory::HeldMemory;
pub use observer::{QueryObserver, QueryReport};
