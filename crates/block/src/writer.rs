//! Writing a block.
//!
//! The block is built in `<ULID>.tmp-for-creation`: chunks and index as the series
//! come, then `meta.json` and `tombstones`, everything synced; then the directory gets
//! its name, and its parent is synced. A crash before that leaves a directory that
//! [`remove_leftovers`](crate::remove_leftovers) takes away, a crash after it a whole block.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_chunkenc::sample_count;
use narthex_env::Files;
use narthex_model::Labels;

use crate::chunks::{ChunkData, ChunkWriter};
use crate::dir::{FOR_CREATION, finish_dir, remove_all};
use crate::error::{BlockError, Result, io_error};
use crate::index::{ChunkMeta, IndexWriter};
use crate::meta::{Meta, Stats};
use crate::tombstones::Tombstones;

/// Writes one block: first all symbols, then all series.
pub struct BlockWriter {
    files: Arc<dyn Files>,
    dir: PathBuf,
    unfinished: PathBuf,
    meta: Meta,
    /// `None` once finished.
    parts: Option<(IndexWriter, ChunkWriter)>,
    metas: Vec<ChunkMeta>,
    written: u64,
}

impl BlockWriter {
    /// Begins the block that `meta` names, in the data directory `dir`. Of `meta`
    /// the statistics are filled in by what is written.
    ///
    /// # Errors
    /// The system's.
    pub fn create(files: &Arc<dyn Files>, dir: &Path, meta: Meta) -> Result<BlockWriter> {
        let unfinished = dir.join(format!("{}{FOR_CREATION}", meta.ulid));
        files.create_dir_all(&unfinished).map_err(io_error("create", &unfinished))?;
        let parts =
            (IndexWriter::create(files.clone(), &unfinished)?, ChunkWriter::create(files.clone(), &unfinished)?);
        Ok(BlockWriter {
            files: files.clone(),
            dir: dir.to_path_buf(),
            unfinished,
            meta: Meta { stats: Stats::default(), ..meta },
            parts: Some(parts),
            metas: Vec::new(),
            written: 0,
        })
    }

    fn parts(&mut self) -> &mut (IndexWriter, ChunkWriter) {
        self.parts.as_mut().expect("only finishing takes them")
    }

    /// Adds a symbol: `""` and every label name and value, ascending, each once.
    /// Returns its number; the first has 0.
    ///
    /// # Errors
    /// When it is out of order or comes after a series, or the system's.
    pub fn add_symbol(&mut self, symbol: &str) -> Result<u32> {
        self.parts().0.add_symbol(symbol)
    }

    /// Adds all symbols of a table.
    ///
    /// # Errors
    /// As [`BlockWriter::add_symbol`].
    pub fn add_symbols(&mut self, table: &SymbolTable) -> Result<()> {
        table.texts.iter().try_for_each(|text| self.add_symbol(text).map(drop))
    }

    /// Adds a series: the symbols of its names and values, ascending by name, and
    /// its chunks, ascending and not overlapping. Series come in ascending order of
    /// their label sets, which is that of the numbers. One without chunks is left out.
    ///
    /// # Errors
    /// When an order is broken, in upstream's words, or the system's.
    pub fn add_series(&mut self, labels: &[(u32, u32)], chunks: &[ChunkData<'_>]) -> Result<()> {
        if chunks.is_empty() {
            return Ok(());
        }
        let mut stats = self.meta.stats;
        for chunk in chunks {
            let count = sample_count(chunk.encoding, chunk.data)
                .map_err(|error| BlockError::Invalid(format!("chunk of a series: {error}")))?;
            let samples = u64::from(count);
            stats.num_samples += samples;
            if chunk.encoding.is_float() {
                stats.num_float_samples += samples;
            } else {
                stats.num_histogram_samples += samples;
            }
            self.written += chunk.data.len() as u64;
        }
        stats.num_chunks += chunks.len() as u64;
        stats.num_series += 1;
        let mut metas = std::mem::take(&mut self.metas);
        metas.clear();
        let (index, files) = self.parts();
        files.write(chunks, &mut metas)?;
        index.add_series(labels, &metas)?;
        self.metas = metas;
        self.meta.stats = stats;
        Ok(())
    }

    /// How many bytes of chunk data were written so far.
    pub fn chunk_bytes(&self) -> u64 {
        self.written
    }

    /// Finishes the block and puts it in its place. `None` when it has no samples:
    /// then nothing is left of it.
    ///
    /// # Errors
    /// The system's; then there is no such block.
    pub fn finish(mut self) -> Result<Option<Meta>> {
        if self.meta.stats.num_samples == 0 {
            return Ok(None);
        }
        let (index, chunks) = self.parts.take().expect("a writer is finished once");
        let finished = self.finish_parts(index, chunks);
        if finished.is_err() {
            let _ = remove_all(&*self.files, &self.unfinished);
        }
        finished.map(Some)
    }

    fn finish_parts(&self, index: IndexWriter, chunks: ChunkWriter) -> Result<Meta> {
        chunks.finish()?;
        index.finish()?;
        self.meta.write(&*self.files, &self.unfinished)?;
        Tombstones::default().write(&*self.files, &self.unfinished)?;
        finish_dir(&*self.files, &self.unfinished, &self.dir.join(self.meta.ulid.to_string()))?;
        Ok(self.meta.clone())
    }
}

impl Drop for BlockWriter {
    /// Takes away what was begun and not finished, as far as that is possible.
    fn drop(&mut self) {
        if self.parts.take().is_some() {
            let _ = remove_all(&*self.files, &self.unfinished);
        }
    }
}

/// Sorted texts with their numbers, for writers that have label sets and no
/// symbols of their own.
#[derive(Clone, Debug, Default)]
pub struct SymbolTable {
    /// Sorted, each once, `""` first.
    texts: Vec<Box<str>>,
}

impl SymbolTable {
    /// The texts of these label sets.
    pub fn of<'a>(sets: impl IntoIterator<Item = &'a Labels>) -> SymbolTable {
        let mut texts = std::collections::BTreeSet::from([Box::<str>::default()]);
        for text in sets.into_iter().flat_map(|set| set.iter()).flat_map(|(name, value)| [name, value]) {
            if !texts.contains(text) {
                texts.insert(text.into());
            }
        }
        SymbolTable { texts: texts.into_iter().collect() }
    }

    /// The number of a text.
    pub fn number(&self, text: &str) -> Option<u32> {
        self.texts.binary_search_by(|t| (**t).cmp(text)).ok().map(|at| at as u32)
    }

    /// The numbers of a label set; `None` when it has a text that is not here.
    pub fn pairs(&self, labels: &Labels) -> Option<Vec<(u32, u32)>> {
        labels.iter().map(|(name, value)| Some((self.number(name)?, self.number(value)?))).collect()
    }
}
