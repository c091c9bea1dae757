//! The PromQL test language: scripts that load series, evaluate queries and say
//! what must come out.
//!
//! ```text
//! load 1m
//!   requests{job="a"} 0+10x10
//!
//! eval instant at 5m rate(requests[5m])
//!   {job="a"} 0.16666666666666666
//! ```
//!
//! - [`run`]: [`run_file`] and [`run_text`], the entries.
//! - `command`, `reader`, `expectation`: what a script says.
//! - [`store`]: [`MemoryStorage`], the data set of a script.
//! - `load`, `classic`: how series get there.
//! - `evaluate`, `again`: runs an `eval`, and runs it again in other ways.
//! - `compare`: whether a result is the expected one.
//!
//! Source: `promql/promqltest` of Prometheus.

mod again;
mod classic;
mod command;
mod compare;
mod evaluate;
mod expectation;
mod load;
mod reader;
pub mod run;
pub mod store;

pub use run::{Failure, ScriptError, ScriptOptions, Summary, run_file, run_text};
pub use store::MemoryStorage;
