//! The database: takes scrapes, keeps them through a crash, gives them back.
//!
//! [`Db`] implements the traits of `narthex-storage`. It knows neither PromQL nor
//! HTTP; clock and files are handed in.
//!
//! - [`options`], [`error`]: how to open it, and what may be wrong then.
//! - [`db`]: [`Db`] itself and what its parts share.
//! - `appender`, `querier`: the two sides of the storage traits.
//! - `head`: groups of series and their open chunks. Begin reading there.
//! - `index`: label sets, postings, matchers, order.
//! - `chunk`: encodings. `chunk_files`: full chunks on disk.
//! - `log`: the write-ahead log, checkpoints, recovery.
//! - `upkeep`: syncing, checkpoints, retention, in the background.
//! - [`stats`]: numbers about the database, for the API and for its own metrics.
//!
//! Start timestamps of float samples, exemplars and metadata are accepted and not
//! kept, which is what upstream does unless features are switched on.

mod appender;
mod chunk;
mod chunk_files;
mod codec;
pub mod db;
pub mod error;
mod head;
mod index;
mod log;
pub mod options;
mod querier;
pub mod stats;
mod sync;
mod upkeep;

pub use db::Db;
pub use error::{Notice, OpenError};
pub use options::Options;
pub use stats::{HeadStats, Metrics};
