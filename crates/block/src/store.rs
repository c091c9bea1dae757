//! Several blocks as a store that takes no samples.

use std::sync::Arc;

use narthex_storage::merge::merge_queriers;
use narthex_storage::{Appender, GroupKey, Querier, Storage, StorageError};

use crate::block::Block;

/// Blocks read together: for tools and tests. The database has the head besides.
#[derive(Clone, Debug, Default)]
pub struct BlockStore {
    /// Ascending by their first time.
    blocks: Vec<Arc<Block>>,
}

impl BlockStore {
    /// A store of these blocks.
    pub fn new(blocks: impl IntoIterator<Item = Arc<Block>>) -> BlockStore {
        let mut blocks: Vec<Arc<Block>> = blocks.into_iter().collect();
        blocks.sort_by_key(|block| block.meta().min_time);
        BlockStore { blocks }
    }
}

/// Queriers of the blocks that have times in `[min_ms, max_ms]`, in the order of
/// `blocks`, which should be that of their first times.
pub fn queriers(blocks: &[Arc<Block>], min_ms: i64, max_ms: i64) -> Vec<Arc<dyn Querier>> {
    let overlapping = blocks.iter().filter(|block| block.meta().overlaps(min_ms, max_ms));
    overlapping.map(|block| block.querier(min_ms, max_ms)).collect()
}

impl Storage for BlockStore {
    fn appender(&self, _: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        Err(StorageError::Closed)
    }

    fn querier(&self, min_ms: i64, max_ms: i64) -> Result<Arc<dyn Querier>, StorageError> {
        Ok(merge_queriers(queriers(&self.blocks, min_ms, max_ms)))
    }
}
