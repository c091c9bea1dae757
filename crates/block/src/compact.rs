//! Several blocks into one, or one without what is deleted.
//!
//! Everything streams: symbols of all parents are merged first, and each parent
//! keeps a table from its numbers to the new ones (4 bytes per symbol), so that
//! series are compared and written without their texts. Then series by series:
//! chunks that touch nothing are copied, others go through `merge`. Parents are
//! read in sequence, past the page cache.

use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use narthex_chunkenc::{FloatEncoding, rewrite};
use narthex_env::Files;

use crate::Ulid;
use crate::block::Block;
use crate::chunks::ChunkData;
use crate::chunks::reader::ChunkCursor;
use crate::error::{BlockError, Result};
use crate::index::reader::{SeriesRun, SymbolsRun};
use crate::index::{Index, SeriesEntry};
use crate::merge::ChunkSet;
use crate::meta::{HINT_FROM_OUT_OF_ORDER, HINT_FROM_SELECTED_SERIES, HINT_FROM_STALE_SERIES, Meta};
use crate::tombstones::Tombstones;
use crate::writer::BlockWriter;

/// Bytes of chunks between two calls of [`CompactOptions::progress`].
const PROGRESS_STRIDE: u64 = 1 << 20;

/// How blocks are compacted.
pub struct CompactOptions<'a> {
    /// How floats are written where they must be written anew.
    pub floats: FloatEncoding,
    /// Called for about every mebibyte of chunks written, with their number so far:
    /// may wait, to leave the disk to others, and says whether to go on.
    pub progress: &'a mut dyn FnMut(u64) -> bool,
}

/// Compacts `parents`, ascending in time, into the block `ulid` in `dir`. `None`
/// when no sample is left; then nothing is written.
///
/// The caller marks the parents: `deletable` when nothing is left, `failed` after an
/// error other than [`BlockError::Canceled`].
///
/// # Errors
/// When a parent is damaged, the new block cannot be written, or the caller
/// canceled; then there is no such block.
pub fn compact_blocks(
    files: &Arc<dyn Files>,
    dir: &Path,
    parents: &[Arc<Block>],
    ulid: Ulid,
    options: CompactOptions<'_>,
) -> Result<Option<Meta>> {
    let metas: Vec<Arc<Meta>> = parents.iter().map(|parent| parent.meta()).collect();
    write_merged(files, dir, parents, merged_meta(&metas, ulid), options)
}

/// Writes `block` anew as `ulid` in `dir`, without what is deleted in it: level 1, its
/// own source, with the old one as its parent. `None` when no sample is left; then
/// nothing is written and the old block may go.
///
/// # Errors
/// As [`compact_blocks`].
pub fn rewrite_block(
    files: &Arc<dyn Files>,
    dir: &Path,
    block: &Arc<Block>,
    ulid: Ulid,
    options: CompactOptions<'_>,
) -> Result<Option<Meta>> {
    let old = block.meta();
    let mut meta = Meta::new(ulid, old.min_time, old.max_time);
    meta.compaction.parents = vec![old.as_parent()];
    meta.compaction.hints = old.compaction.hints.clone();
    write_merged(files, dir, std::slice::from_ref(block), meta, options)
}

/// What the merged block says of itself.
fn merged_meta(parents: &[Arc<Meta>], ulid: Ulid) -> Meta {
    let min_time = parents.iter().map(|parent| parent.min_time).min().unwrap_or_default();
    let max_time = parents.iter().map(|parent| parent.max_time).max().unwrap_or_default();
    let mut meta = Meta::new(ulid, min_time, max_time);
    let compaction = &mut meta.compaction;
    compaction.level = parents.iter().map(|parent| parent.compaction.level).max().unwrap_or_default().saturating_add(1);
    compaction.sources = parents.iter().flat_map(|parent| parent.compaction.sources.clone()).collect();
    compaction.sources.sort_unstable();
    compaction.sources.dedup();
    compaction.parents = parents.iter().map(|parent| parent.as_parent()).collect();
    if parents.iter().all(|parent| parent.compaction.has_hint(HINT_FROM_OUT_OF_ORDER)) {
        compaction.add_hint(HINT_FROM_OUT_OF_ORDER);
    }
    for hint in [HINT_FROM_SELECTED_SERIES, HINT_FROM_STALE_SERIES] {
        if parents.iter().any(|parent| parent.compaction.has_hint(hint)) {
            compaction.add_hint(hint);
        }
    }
    meta
}

/// A parent's symbols in order, each with its number there.
enum ParentSymbols<'a> {
    Run {
        run: SymbolsRun<'a>,
        next: u32,
    },
    /// Of format 1, whose writers did not promise an order.
    Sorted(std::vec::IntoIter<(u32, String)>),
}

impl<'a> ParentSymbols<'a> {
    fn new(index: &'a Index) -> Result<ParentSymbols<'a>> {
        let mut run = index.all_symbols()?;
        if index.has_numbered_symbols() {
            return Ok(ParentSymbols::Run { run, next: 0 });
        }
        let mut all = Vec::new();
        while let Some(symbol) = run.next()? {
            all.push(symbol);
        }
        all.sort_unstable_by(|a, b| a.1.cmp(&b.1));
        Ok(ParentSymbols::Sorted(all.into_iter()))
    }

    fn next(&mut self) -> Result<Option<(u32, String)>> {
        match self {
            ParentSymbols::Sorted(symbols) => Ok(symbols.next()),
            ParentSymbols::Run { run, next } => {
                let number = *next;
                *next += 1;
                Ok(run.next()?.map(|(_, text)| (number, text)))
            }
        }
    }
}

/// From a parent's symbols to the new ones.
enum SymbolMap {
    Numbered(Vec<u32>),
    Placed(HashMap<u32, u32>),
}

impl SymbolMap {
    fn insert(&mut self, old: u32, new: u32) {
        match self {
            SymbolMap::Numbered(numbers) => numbers.push(new),
            SymbolMap::Placed(places) => {
                places.insert(old, new);
            }
        }
    }

    fn get(&self, old: u32) -> Option<u32> {
        match self {
            SymbolMap::Numbered(numbers) => numbers.get(old as usize).copied(),
            SymbolMap::Placed(places) => places.get(&old).copied(),
        }
    }
}

/// Writes the union of the parents' symbols.
fn merge_symbols(parents: &[Arc<Block>], writer: &mut BlockWriter) -> Result<Vec<SymbolMap>> {
    let mut maps: Vec<SymbolMap> = Vec::with_capacity(parents.len());
    let mut runs = Vec::with_capacity(parents.len());
    let mut current = Vec::with_capacity(parents.len());
    for parent in parents {
        let is_numbered = parent.index.has_numbered_symbols();
        maps.push(if is_numbered { SymbolMap::Numbered(Vec::new()) } else { SymbolMap::Placed(HashMap::new()) });
        let mut run = ParentSymbols::new(&parent.index)?;
        current.push(run.next()?);
        runs.push(run);
    }
    // Old indexes may lack the empty symbol.
    let mut least = Some(String::new());
    while let Some(text) = least.take() {
        let number = writer.add_symbol(&text)?;
        for ((current, run), map) in current.iter_mut().zip(&mut runs).zip(&mut maps) {
            while let Some((old, _)) = current.take_if(|symbol| symbol.1 == text) {
                map.insert(old, number);
                *current = run.next()?;
            }
        }
        least = current.iter().flatten().map(|symbol| &symbol.1).min().cloned();
    }
    Ok(maps)
}

/// A parent as its series are read in sequence.
struct Source<'a> {
    block: &'a Block,
    run: SeriesRun<'a>,
    map: SymbolMap,
    tombstones: Arc<Tombstones>,
    entry: SeriesEntry,
    /// The id of the series in `entry`; `None` behind the last.
    id: Option<u64>,
    /// Its labels in new symbols.
    labels: Vec<(u32, u32)>,
    cursor: ChunkCursor,
}

impl Source<'_> {
    fn advance(&mut self) -> Result<()> {
        self.id = self.run.next(&mut self.entry)?.map(|id| u64::from(id.0));
        self.labels.clear();
        if self.id.is_none() {
            return Ok(());
        }
        for &(name, value) in &self.entry.labels {
            let (Some(name), Some(value)) = (self.map.get(name), self.map.get(value)) else {
                return Err(self.block.index.file.corrupt(0, "a series has a symbol that the table lacks"));
            };
            self.labels.push((name, value));
        }
        Ok(())
    }

    /// Adds what is left of the current series' chunks to `set`.
    fn gather(&mut self, set: &mut ChunkSet) -> Result<()> {
        let deleted = self.id.map_or(&[][..], |id| self.tombstones.of(id));
        let chunks = &self.entry.chunks;
        for (number, meta) in chunks.iter().enumerate() {
            let contains = |timestamp| deleted.iter().any(|interval| interval.contains(timestamp));
            if deleted.iter().any(|i| i.contains(meta.min_ms) && i.contains(meta.max_ms)) {
                continue;
            }
            let chunk = self.cursor.chunk(&self.block.chunks, chunks, number)?;
            if deleted.iter().any(|i| i.min_ms <= meta.max_ms && meta.min_ms <= i.max_ms) {
                let left = rewrite(chunk.encoding, chunk.data, |timestamp| !contains(timestamp))
                    .map_err(|error| self.block.chunks.bad(meta.reference, error))?;
                left.iter().for_each(|chunk| set.push_encoded(chunk));
            } else {
                set.push(meta.min_ms, meta.max_ms, chunk.encoding, chunk.data);
            }
        }
        Ok(())
    }
}

fn write_merged(
    files: &Arc<dyn Files>,
    dir: &Path,
    parents: &[Arc<Block>],
    meta: Meta,
    options: CompactOptions<'_>,
) -> Result<Option<Meta>> {
    let mut writer = BlockWriter::create(files, dir, meta)?;
    let maps = merge_symbols(parents, &mut writer)?;
    let mut sources = Vec::with_capacity(parents.len());
    for (block, map) in parents.iter().zip(maps) {
        let mut source = Source {
            block,
            run: block.index.all_series()?,
            map,
            tombstones: block.tombstones(),
            entry: SeriesEntry::default(),
            id: None,
            labels: Vec::new(),
            cursor: ChunkCursor::default(),
        };
        source.advance()?;
        sources.push(source);
    }
    let mut set = ChunkSet::default();
    let mut labels = Vec::new();
    let mut told = 0;
    while let Some(least) = sources.iter().filter(|s| s.id.is_some()).map(|s| &s.labels).min() {
        labels.clone_from(least);
        set.clear();
        let mut reference = 0;
        for source in &mut sources {
            while source.id.is_some() && source.labels == labels {
                reference = source.entry.chunks.first().map_or(0, |chunk| chunk.reference);
                source.gather(&mut set)?;
                source.advance()?;
            }
        }
        if set.is_empty() {
            continue;
        }
        set.settle(options.floats).map_err(|error| parents[0].chunks.bad(reference, error))?;
        let chunks: Vec<ChunkData<'_>> = set
            .iter()
            .map(|(chunk, data)| ChunkData {
                min_ms: chunk.min_ms,
                max_ms: chunk.max_ms,
                encoding: chunk.encoding,
                data,
            })
            .collect();
        writer.add_series(&labels, &chunks)?;
        if writer.chunk_bytes() - told >= PROGRESS_STRIDE {
            told = writer.chunk_bytes();
            if !(options.progress)(told) {
                return Err(BlockError::Canceled);
            }
        }
    }
    writer.finish()
}
