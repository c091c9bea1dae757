//! `index`: which series a block has, by labels, and where their chunks are.
//!
//! ```text
//! BAAAD700 │ version │ symbols │ series │ postings │ postings offset table │ contents
//! ```
//!
//! - [`reader`]: [`Index`], an index file open for reading (formats 1 and 2).
//! - [`writer`]: [`IndexWriter`], writes format 2.
//! - `toc`, `symbols`, `table`: the parts that are read at open.
//!
//! In memory is, per index: 4 bytes per 32 symbols, and per label name every 32nd
//! value with its place. All else is read when it is asked for. Source:
//! specification §8.8; drawn in `docs/formats/block.md`.

pub mod reader;
mod symbols;
mod table;
mod toc;
pub mod writer;

pub use reader::{ChunkMeta, Index, SeriesEntry, SeriesId};
pub use writer::IndexWriter;

/// Its name in the block's directory.
pub const INDEX_FILE: &str = "index";
pub(crate) const MAGIC: u32 = 0xBAAA_D700;
/// Where the symbols begin: behind magic and version.
pub(crate) const HEADER_LEN: u64 = 5;
/// What series are padded to in format 2; their ids count such units.
pub(crate) const SERIES_ALIGN: u64 = 16;
