//! What blocks a data directory has.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use narthex_env::Files;

use crate::Ulid;
use crate::block::Block;
use crate::dir::list_blocks;
use crate::error::{BlockError, Result};
use crate::file::PageCache;
use crate::meta::Meta;

/// The blocks of a data directory.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Those that could be opened, ascending by their first time; the deletable ones
    /// are among them.
    pub blocks: Vec<Arc<Block>>,
    /// Those whose `meta.json` could not be read: not finished, or not ours. They are
    /// left alone.
    pub skipped: Vec<(Ulid, BlockError)>,
    /// Those that have a meta and could not be opened.
    pub corrupt: Vec<(Ulid, BlockError)>,
    /// Those that may go: said to be deletable, or compacted into one that could be
    /// opened. Corrupt ones may be among them; the loss of the others must be told.
    pub deletable: BTreeSet<Ulid>,
}

impl Loaded {
    /// The blocks to read from: all but the deletable ones.
    pub fn live(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.blocks.iter().filter(|block| !self.deletable.contains(&block.meta().ulid))
    }

    /// The first block whose samples are lost: damaged, and compacted into no other.
    pub fn lost(&self) -> Option<&(Ulid, BlockError)> {
        self.corrupt.iter().find(|(ulid, _)| !self.deletable.contains(ulid))
    }
}

/// Opens the blocks of `dir`. Those of `open` are taken over as they are.
///
/// # Errors
/// When the directory cannot be read.
pub fn load_blocks(files: &Arc<dyn Files>, dir: &Path, cache: &Arc<PageCache>, open: &[Arc<Block>]) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    let there = list_blocks(&**files, dir)?;
    for &ulid in &there {
        if let Some(block) = open.iter().find(|block| block.meta().ulid == ulid) {
            loaded.blocks.push(block.clone());
            continue;
        }
        let path = dir.join(ulid.to_string());
        let meta = match Meta::read(&**files, &path) {
            Ok(meta) => meta,
            Err(error) => {
                loaded.skipped.push((ulid, error));
                continue;
            }
        };
        match Block::open(files, &path, cache) {
            Ok(block) => loaded.blocks.push(Arc::new(block)),
            Err(error) => loaded.corrupt.push((ulid, error)),
        }
        if meta.compaction.deletable {
            loaded.deletable.insert(ulid);
        }
    }
    for block in &loaded.blocks {
        let meta = block.meta();
        if meta.compaction.deletable {
            loaded.deletable.insert(meta.ulid);
        }
        let parents = meta.compaction.parents.iter().map(|parent| parent.ulid);
        loaded.deletable.extend(parents.filter(|parent| there.binary_search(parent).is_ok()));
    }
    loaded.blocks.sort_by_key(|block| (block.meta().min_time, block.meta().ulid));
    Ok(loaded)
}
