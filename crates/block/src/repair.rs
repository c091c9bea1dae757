//! Blocks of Prometheus 2.1, which wrote the wrong version twice.
//!
//! Its `meta.json` says 2 and its index 1, though the first is of version 1 and the
//! second of format 2.

use std::path::Path;

use narthex_env::Files;

use crate::dir::write_file;
use crate::error::{Result, corrupt, io_error};
use crate::index::{HEADER_LEN, INDEX_FILE};
use crate::meta::{Meta, VERSION_OF_2_1};

/// Repairs the block in `dir` if it is one of these; returns whether it was. To be
/// done before blocks are opened.
///
/// # Errors
/// When the files cannot be read or written; the meta is written last, so that an
/// interrupted repair is done again.
pub fn repair_index_version(files: &dyn Files, dir: &Path) -> Result<bool> {
    let meta = Meta::read_any_version(files, dir)?;
    if meta.version != VERSION_OF_2_1 {
        return Ok(false);
    }
    let path = dir.join(INDEX_FILE);
    let file = files.open_read(&path).map_err(io_error("open", &path))?;
    // Files only grow here, so the whole of it is written anew; such blocks are small
    // enough to be held.
    let mut bytes = file.read_all().map_err(io_error("read", &path))?;
    if (bytes.len() as u64) < HEADER_LEN {
        return Err(corrupt(&path, 0, "invalid size"));
    }
    bytes[4] = 2;
    write_file(files, dir, INDEX_FILE, &bytes)?;
    meta.write(files, dir)?;
    Ok(true)
}
