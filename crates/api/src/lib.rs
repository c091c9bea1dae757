//! The HTTP API and the management endpoints.
//!
//! Nothing is computed here: requests are read, handed to those who know, and
//! their answers written in upstream's form.
//!
//! - [`handles`]: [`Handles`], what the program hands in.
//! - [`router()`]: everything as one router; the table of endpoints is in `routes`.
//! - [`error`]: [`ApiError`], the kinds of failures and their status codes.
//! - [`json`]: writing JSON as upstream does.
//!
//! One file per family of endpoints: `query`, `series`, `targets`, `metadata`,
//! `status`, `management`. To add an endpoint, write a function from
//! [`Context`](context::Context) to [`Reply`](reply::Reply) in its family's file
//! and add its line to the table.

pub mod context;
pub mod error;
pub mod handles;
pub mod json;
mod management;
mod metadata;
pub mod params;
mod query;
pub mod reply;
mod routes;
mod series;
mod serve;
mod status;
mod targets;
mod time;

pub use error::{ApiError, ErrorKind};
pub use handles::{
    ActiveTarget, BuildInfo, Control, DroppedTarget, Handles, Health, RequestObserver, RuntimeInfo, Status,
    TargetMetadata, Targets, TsdbCount, TsdbStatus,
};
pub use routes::router;

#[cfg(test)]
mod tests;
