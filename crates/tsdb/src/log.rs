//! The write-ahead log: what was committed, before it is in memory.
//! The layout is described in `docs/formats/log.md`.
//!
//! - [`frame`]: records with length and checksum in a file; finding them again.
//! - [`record`]: what a record says: groups, series, samples.
//! - [`value`]: sample values as differences.
//! - [`writer`]: segments, syncing.
//! - [`checkpoint`]: everything that is not on disk otherwise, so that old segments can go.
//! - [`recovery`]: from checkpoint and segments to a head.

pub(crate) mod checkpoint;
pub(crate) mod frame;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod value;
pub(crate) mod writer;
