//! The store before it is open: readers and writers hold this one from the start.

use std::sync::{Arc, OnceLock};

use narthex_storage::{Appender, GroupKey, Querier, Storage, StorageError};

/// Says "not ready" until the store behind it is there.
#[derive(Default)]
pub(crate) struct LateStorage {
    inner: OnceLock<Arc<dyn Storage>>,
}

impl LateStorage {
    /// The store is open. Only the first call counts.
    pub(crate) fn open(&self, storage: Arc<dyn Storage>) {
        let _ = self.inner.set(storage);
    }

    fn get(&self) -> Result<&Arc<dyn Storage>, StorageError> {
        self.inner.get().ok_or(StorageError::NotReady)
    }
}

impl Storage for LateStorage {
    fn appender(&self, group: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        self.get()?.appender(group)
    }

    fn querier(&self, min_ms: i64, max_ms: i64) -> Result<Arc<dyn Querier>, StorageError> {
        self.get()?.querier(min_ms, max_ms)
    }
}
