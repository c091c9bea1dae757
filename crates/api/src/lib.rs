//! The HTTP API and the management endpoints. It computes nothing: everything
//! comes through the handles it is given.
//!
//! - [`options`]: [`Options`], paths and switches.
//! - [`handles`]: [`Handles`], what answers are made of.
//! - [`targets`], [`status`]: the traits and plain data behind `/targets` and `/status`.
//! - [`notifications`]: [`Notifications`], which the program feeds.
//! - [`router`](mod@router): [`router()`](router::router), the whole as one axum router.
//! - `table`: every endpoint in one list. `endpoints`: one file per family.
//! - `params`, `time`: what a request says. `error`, `json`, `body`, `reply`: how
//!   it is answered, piece by piece from a blocking thread. `metrics`: what is
//!   counted about it. `openapi`: the table for programs.
//! - `management`, `federate`: what is not below `/api/v1`. `redirect`: where
//!   requests go whose paths are not written as they should be.
//!
//! Adding an endpoint takes a function in `endpoints` and a line in `table`.

mod body;
mod context;
mod endpoints;
mod error;
mod federate;
pub mod handles;
mod json;
mod management;
mod metrics;
pub mod notifications;
mod openapi;
pub mod options;
mod params;
mod redirect;
mod reply;
pub mod router;
pub mod status;
mod table;
pub mod targets;
mod time;

pub use handles::{Control, Handles, Readiness};
pub use notifications::{Notification, Notifications};
pub use options::{ExternalUrl, Options};
pub use router::router;
pub use status::{BuildInfo, HeadStats, NamedCount, RuntimeInfo, ScrapePoolConfig, Status, TsdbStats, WalReplay};
pub use targets::{ActiveTarget, DroppedTarget, DroppedTargets, Family, TargetHealth, Targets};

#[cfg(test)]
mod tests;
