//! What all queries of an engine hold of memory, together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes in use by all queries against the limit for all.
#[derive(Debug)]
pub(crate) struct Memory {
    max: usize,
    used: AtomicUsize,
}

impl Memory {
    pub(crate) fn new(max: usize) -> Arc<Memory> {
        Arc::new(Memory { max, used: AtomicUsize::new(0) })
    }

    /// The limit, in bytes.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Counts `bytes` more; false when that is more than there may be.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.max
    }

    /// Counts `bytes` less.
    pub(crate) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// Memory that counts as in use until this is dropped. A clone holds nothing.
#[derive(Debug, Default)]
pub struct HeldMemory {
    held: Option<(Arc<Memory>, usize)>,
}

impl HeldMemory {
    pub(crate) fn new(memory: Arc<Memory>, bytes: usize) -> HeldMemory {
        HeldMemory { held: Some((memory, bytes)) }
    }
}

impl Clone for HeldMemory {
    fn clone(&self) -> HeldMemory {
        HeldMemory::default()
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        if let Some((memory, bytes)) = self.held.take() {
            memory.give(bytes);
        }
    }
}
