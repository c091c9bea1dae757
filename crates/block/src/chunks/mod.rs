//! `chunks/NNNNNN`: chunks one behind the other.
//!
//! ```text
//! 85BD40DD │ 1 │ 0 0 0 │ chunk │ chunk │ …
//! chunk: uvarint length of data │ encoding │ data │ CRC-32C of encoding and data
//! ```
//!
//! The index refers to a chunk by the number of its file, from 0, in the high 32
//! bits and the place of its length in the low ones. The chunks of a series
//! follow each other. Source: specification §8.2.
//!
//! - [`reader`]: [`ChunkFiles`]; [`writer`]: [`ChunkWriter`].

pub mod reader;
pub mod writer;

pub use reader::ChunkFiles;
pub use writer::{ChunkData, ChunkWriter};

/// The directory's name in the block's.
pub const CHUNKS_DIR: &str = "chunks";
pub(crate) const MAGIC: u32 = 0x85BD_40DD;
pub(crate) const VERSION: u8 = 1;
/// Magic, version, padding.
pub(crate) const HEADER_LEN: u64 = 8;

/// The name of the file with this number, from 0.
pub(crate) fn file_name(number: usize) -> String {
    format!("{:06}", number + 1)
}
