//! Reading a block through the traits of `narthex-storage`.
//!
//! Cost of a series: at selection one look at its entry (150 ns from the cache),
//! which also drops series without chunks in the range; on reading, its entry
//! again and one call for all its chunks.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;
use narthex_chunkenc::{TimeRange, decode_into};
use narthex_model::{Labels, METRIC_NAME, Matcher};
use narthex_storage::{Grouping, Groups, Querier, SelectHints, SeriesColumns, SeriesSet, StorageError};

use crate::block::Block;
use crate::chunks::reader::ChunkCursor;
use crate::error::{Result, corrupt};
use crate::file::Window;
use crate::index::{ChunkMeta, SeriesEntry, SeriesId};
use crate::select::{label_names, label_values, select};
use crate::tombstones::{Interval, Tombstones};

/// Finds series of one block.
pub(crate) struct BlockQuerier {
    block: Arc<Block>,
    tombstones: Arc<Tombstones>,
    range: TimeRange,
}

impl BlockQuerier {
    pub(crate) fn new(block: Arc<Block>, min_ms: i64, max_ms: i64) -> BlockQuerier {
        let tombstones = block.tombstones();
        BlockQuerier { block, tombstones, range: TimeRange { min_ms, max_ms } }
    }
}

impl Querier for BlockQuerier {
    fn select(
        &self,
        hints: &SelectHints,
        matchers: &[Matcher],
    ) -> std::result::Result<Arc<dyn SeriesSet>, StorageError> {
        let mut range = self.range;
        // Hints without a range leave the querier's.
        if (hints.start_ms, hints.end_ms) != (0, 0) {
            range.min_ms = range.min_ms.max(hints.start_ms);
            range.max_ms = range.max_ms.min(hints.end_ms);
        }
        let mut ids = select(&self.block.index, matchers)?;
        self.keep_with_samples(&mut ids, range, hints.limit)?;
        Ok(Arc::new(BlockSeries { block: self.block.clone(), tombstones: self.tombstones.clone(), ids, range }))
    }

    fn label_names(&self, matchers: &[Matcher], limit: usize) -> std::result::Result<Vec<String>, StorageError> {
        Ok(label_names(&self.block.index, matchers, limit)?)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        limit: usize,
    ) -> std::result::Result<Vec<String>, StorageError> {
        Ok(label_values(&self.block.index, name, matchers, limit)?)
    }
}

impl BlockQuerier {
    /// Drops series without chunks in the range. An entry that is damaged is found
    /// here, where it can be told.
    fn keep_with_samples(&self, ids: &mut Vec<u32>, range: TimeRange, limit: usize) -> Result<()> {
        let mut window = Window::default();
        let mut entry = SeriesEntry::default();
        let mut kept = 0;
        for at in 0..ids.len() {
            let id = ids[at];
            self.block.index.series(&mut window, SeriesId(id), &mut entry)?;
            let deleted = self.tombstones.of(u64::from(id));
            if entry.chunks.iter().any(|chunk| is_wanted(chunk, range, deleted)) {
                ids[kept] = id;
                kept += 1;
                if limit > 0 && kept == limit {
                    break;
                }
            }
        }
        ids.truncate(kept);
        Ok(())
    }
}

/// Whether a chunk may have samples in the range that are not deleted.
fn is_wanted(chunk: &ChunkMeta, range: TimeRange, deleted: &[Interval]) -> bool {
    range.overlaps(chunk.min_ms, chunk.max_ms)
        && !deleted.iter().any(|i| i.contains(chunk.min_ms) && i.contains(chunk.max_ms))
}

/// Series found in a block: 4 bytes each.
struct BlockSeries {
    block: Arc<Block>,
    tombstones: Arc<Tombstones>,
    ids: Vec<u32>,
    range: TimeRange,
}

thread_local! {
    /// What reading a series needs, kept by each thread.
    static BUFFERS: RefCell<(SeriesEntry, ChunkCursor)> = RefCell::default();
}

impl SeriesSet for BlockSeries {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn labels(&self, index: usize) -> Labels {
        let (mut window, mut entry) = (Window::default(), SeriesEntry::default());
        let block = &self.block.index;
        let labels = block
            .series(&mut window, SeriesId(self.ids[index]), &mut entry)
            .and_then(|()| block.labels(&mut window, &entry.labels));
        // The entry was good at selection; a file that fails since then fails the
        // read of this series too, and there it is told.
        labels.unwrap_or_default()
    }

    fn read(&self, index: usize, out: &mut SeriesColumns) -> std::result::Result<(), StorageError> {
        BUFFERS.with_borrow_mut(|(entry, chunks)| {
            *chunks = ChunkCursor::reusing(std::mem::take(chunks));
            Ok(self.read_series(SeriesId(self.ids[index]), entry, chunks, out)?)
        })
    }

    /// Works on symbols; label sets are made once per group.
    fn group(&self, grouping: &Grouping) -> Groups {
        let mut groups = Groups { group_of: Vec::with_capacity(self.ids.len()), labels: Vec::new() };
        let mut is_kept: HashMap<u32, bool> = HashMap::new();
        let mut known: HashMap<Box<[(u32, u32)]>, u32> = HashMap::new();
        let (mut window, mut texts) = (Window::default(), Window::default());
        let mut entry = SeriesEntry::default();
        let index = &self.block.index;
        for &id in &self.ids {
            if index.series(&mut window, SeriesId(id), &mut entry).is_err() {
                entry.labels.clear();
            }
            entry.labels.retain(|&(name, _)| {
                *is_kept.entry(name).or_insert_with(|| {
                    let name = index.symbol(&mut texts, name).unwrap_or_default();
                    match grouping {
                        Grouping::By(names) => names.iter().any(|n| *n == name),
                        Grouping::Without(names) => name != METRIC_NAME && !names.iter().any(|n| *n == name),
                    }
                })
            });
            let group = match known.get(entry.labels.as_slice()) {
                Some(&group) => group,
                None => {
                    let group = groups.labels.len() as u32;
                    known.insert(entry.labels.as_slice().into(), group);
                    groups.labels.push(index.labels(&mut texts, &entry.labels).unwrap_or_default());
                    group
                }
            };
            groups.group_of.push(group);
        }
        groups
    }
}

impl BlockSeries {
    fn read_series(
        &self,
        id: SeriesId,
        entry: &mut SeriesEntry,
        chunks: &mut ChunkCursor,
        out: &mut SeriesColumns,
    ) -> Result<()> {
        self.block.index.series(&mut Window::default(), id, entry)?;
        let deleted = self.tombstones.of(u64::from(id.0));
        entry.chunks.retain(|chunk| is_wanted(chunk, self.range, deleted));
        for (number, meta) in entry.chunks.iter().enumerate() {
            let chunk = chunks.chunk(&self.block.chunks, &entry.chunks, number)?;
            let before = (out.floats.timestamps.len(), out.histograms.timestamps.len());
            decode_into(chunk.encoding, chunk.data, self.range, out)
                .map_err(|error| self.block.chunks.bad(meta.reference, error))?;
            let is_ascending = |timestamps: &[i64], before: usize| {
                before == 0 || timestamps.get(before).is_none_or(|&first| timestamps[before - 1] < first)
            };
            if !is_ascending(&out.floats.timestamps, before.0) || !is_ascending(&out.histograms.timestamps, before.1) {
                return Err(corrupt(&self.block.dir().join("chunks"), meta.reference, "chunks are out of order"));
            }
            if deleted.iter().any(|i| i.min_ms <= meta.max_ms && meta.min_ms <= i.max_ms) {
                remove_deleted(out, before, deleted);
            }
        }
        Ok(())
    }
}

/// Takes what is deleted out of what was appended behind `before` floats and histograms.
fn remove_deleted(out: &mut SeriesColumns, before: (usize, usize), deleted: &[Interval]) {
    let is_deleted = |timestamp: i64| {
        let after = deleted.partition_point(|interval| interval.max_ms < timestamp);
        deleted.get(after).is_some_and(|interval| interval.contains(timestamp))
    };
    let (floats, histograms) = (&mut out.floats, &mut out.histograms);
    compact(&mut floats.timestamps, &mut floats.values, &mut floats.start_timestamps, before.0, is_deleted);
    let values = &mut histograms.values;
    compact(&mut histograms.timestamps, values, &mut histograms.start_timestamps, before.1, is_deleted);
}

fn compact<T>(
    timestamps: &mut Vec<i64>,
    values: &mut Vec<T>,
    starts: &mut Vec<i64>,
    from: usize,
    is_deleted: impl Fn(i64) -> bool,
) {
    let mut kept = from;
    for at in from..timestamps.len() {
        if !is_deleted(timestamps[at]) {
            timestamps[kept] = timestamps[at];
            values.swap(kept, at);
            if !starts.is_empty() {
                starts[kept] = starts[at];
            }
            kept += 1;
        }
    }
    timestamps.truncate(kept);
    values.truncate(kept);
    starts.truncate(kept);
}
