//! A block, open for reading.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use narthex_env::Files;
use narthex_model::Matcher;
use narthex_storage::Querier;

use crate::chunks::ChunkFiles;
use crate::error::Result;
use crate::file::{PageCache, Window};
use crate::index::{Index, SeriesEntry, SeriesId};
use crate::meta::Meta;
use crate::querier::BlockQuerier;
use crate::select::select;
use crate::tombstones::{Interval, Tombstones};

/// A block, open for reading. Its files stay readable for as long as somebody has
/// it, also when its directory is removed.
pub struct Block {
    files: Arc<dyn Files>,
    dir: PathBuf,
    meta: RwLock<Arc<Meta>>,
    pub(crate) index: Index,
    pub(crate) chunks: ChunkFiles,
    tombstones: RwLock<Arc<Tombstones>>,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Block {
    /// Opens the block in `dir`. Contents of the index, symbols, postings table and
    /// tombstones are checked now, everything else when it is used.
    ///
    /// # Errors
    /// When something is missing, damaged or of an unknown version.
    pub fn open(files: &Arc<dyn Files>, dir: &Path, cache: &Arc<PageCache>) -> Result<Block> {
        let meta = Meta::read(&**files, dir)?;
        let chunks = ChunkFiles::open(&**files, dir)?;
        let index = Index::open(&**files, dir, cache)?;
        let tombstones = Tombstones::read(&**files, dir)?;
        Ok(Block {
            files: files.clone(),
            dir: dir.to_path_buf(),
            meta: RwLock::new(Arc::new(meta)),
            index,
            chunks,
            tombstones: RwLock::new(Arc::new(tombstones)),
        })
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it is about.
    pub fn meta(&self) -> Arc<Meta> {
        self.meta.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is deleted in it.
    pub fn tombstones(&self) -> Arc<Tombstones> {
        self.tombstones.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Its length on disk in bytes, as retention counts it: chunks, index,
    /// tombstones and meta.
    pub fn len_bytes(&self) -> u64 {
        let small = self.meta().to_json().len() + self.tombstones().to_bytes().len();
        self.chunks.len_bytes() + self.index.len_bytes() + small as u64
    }

    /// A reader of its samples in `[min_ms, max_ms]`, both included. Sees what was
    /// deleted until now as deleted.
    pub fn querier(self: &Arc<Self>, min_ms: i64, max_ms: i64) -> Arc<dyn Querier> {
        Arc::new(BlockQuerier::new(self.clone(), min_ms, max_ms))
    }

    /// Deletes the samples in `[min_ms, max_ms]` of the series that satisfy all
    /// matchers: readers opened from now on do not see them, and the next rewrite
    /// leaves them out. Returns how many series had chunks there.
    ///
    /// # Errors
    /// When the block cannot be read, or tombstones and meta not be written; then
    /// nothing is deleted, or everything but the number in `meta.json` is right.
    pub fn delete(&self, matchers: &[Matcher], min_ms: i64, max_ms: i64) -> Result<usize> {
        let mut tombstones = Tombstones::clone(&self.tombstones());
        let mut window = Window::default();
        let mut entry = SeriesEntry::default();
        let mut touched = 0;
        for id in select(&self.index, matchers)? {
            self.index.series(&mut window, SeriesId(id), &mut entry)?;
            let has_some = entry.chunks.iter().any(|chunk| chunk.min_ms <= max_ms && min_ms <= chunk.max_ms);
            let (Some(first), Some(last)) = (entry.chunks.first(), entry.chunks.last()) else { continue };
            if has_some {
                let interval = Interval { min_ms: min_ms.max(first.min_ms), max_ms: max_ms.min(last.max_ms) };
                tombstones.add(u64::from(id), interval);
                touched += 1;
            }
        }
        if touched == 0 {
            return Ok(0);
        }
        tombstones.write(&*self.files, &self.dir)?;
        let mut meta = Meta::clone(&self.meta());
        meta.stats.num_tombstones = tombstones.len();
        *self.tombstones.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tombstones);
        meta.write(&*self.files, &self.dir)?;
        *self.meta.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(meta);
        Ok(touched)
    }

    /// Rewrites `meta.json` with what `change` does to it.
    ///
    /// # Errors
    /// When it cannot be written; it is then as it was.
    pub fn change_meta(&self, change: impl FnOnce(&mut Meta)) -> Result<()> {
        let mut meta = Meta::clone(&self.meta());
        change(&mut meta);
        meta.write(&*self.files, &self.dir)?;
        *self.meta.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(meta);
        Ok(())
    }
}
