//! What queries leave in files, as observers of the engine.
//!
//! - [`query_log`]: [`QueryLog`], one JSON line for each query that ended.
//! - [`active`]: [`ActiveQueries`], the file `queries.active` with the queries that
//!   run, so that after a crash one can see which they were.

pub mod active;
pub mod query_log;

pub use active::ActiveQueries;
pub use query_log::QueryLog;
