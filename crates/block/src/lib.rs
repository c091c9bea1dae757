//! Prometheus' block directories: read, written, merged, deleted from.
//!
//! A block is a directory with all samples of some series over some hours, never
//! changed once it is there but for what is marked as deleted. The bytes are
//! upstream's, both ways; `docs/formats/block.md` draws them. Nothing here knows the
//! head, the log, or when a block is due: the database does.
//!
//! In reading order:
//! - [`meta`]: [`Meta`], what a block is about; [`ulid`]: its name.
//! - [`index`]: series by labels; [`chunks`]: their samples; [`tombstones`]: what is deleted.
//! - [`block`]: [`Block`], one open for reading; `querier`, `select`, `postings`: queries
//!   through the traits of `narthex-storage`; several blocks and the head are merged by
//!   `narthex_storage::merge`.
//! - [`store`]: [`BlockStore`], several blocks as a store that only reads.
//! - [`writer`]: [`BlockWriter`], a new block from sorted series.
//! - [`compact`]: several blocks into one, or one without what is deleted; `merge`: the
//!   chunks of one series.
//! - [`plan`]: which blocks to compact; [`retention`]: which to drop. Plain functions.
//! - [`load`]: what is in a data directory; [`repair`]: blocks of Prometheus 2.1.
//! - [`dir`]: removing and linking; `file`: how files are read.
//!
//! Memory: an open block holds 4 bytes per 32 symbols and every 32nd label value;
//! pages of all blocks share one [`PageCache`]. Writing and compacting stream: one
//! series at a time, 4 bytes per series and symbol, and a fixed budget for postings.

pub mod block;
pub mod chunks;
mod codec;
pub mod compact;
pub mod dir;
pub mod error;
mod file;
pub mod index;
pub mod load;
mod merge;
pub mod meta;
pub mod plan;
mod postings;
mod querier;
pub mod repair;
pub mod retention;
mod select;
pub mod store;
pub mod tombstones;
pub mod ulid;
pub mod writer;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use block::Block;
pub use chunks::ChunkData;
pub use compact::{CompactOptions, compact_blocks, rewrite_block};
pub use dir::{link_block, list_blocks, remove_block, remove_leftovers};
pub use error::BlockError;
pub use file::PageCache;
pub use load::{Loaded, load_blocks};
pub use meta::Meta;
pub use plan::{block_ranges, plan_compaction};
pub use repair::repair_index_version;
pub use store::BlockStore;
pub use tombstones::{Interval, Tombstones};
pub use ulid::Ulid;
pub use writer::{BlockWriter, SymbolTable};
