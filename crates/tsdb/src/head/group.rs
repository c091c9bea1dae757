//! The series of one origin: their states, the times they share, their open chunks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock};

use narthex_model::{Histogram, Labels};
use narthex_storage::{GroupKey, StorageError};
use roaring::RoaringBitmap;

use super::commit::Accepted;
use super::marks::Marks;
use super::own::{ClosedChunk, OwnChunk};
use super::series::{
    GAPPY, HISTOGRAM, IN_BATCH, IN_SEGMENT, LIVE, NO_TIMESTAMP, OWN, SAMPLES_PER_CHUNK, SeriesState, VALUES_LEN_MAX,
};
use super::slab::Slab;
use crate::chunk::Encoding;
use crate::chunk::histogram::{HistogramSample, put_sample};
use crate::chunk::xor::{XorEncoder, decode_values};
use crate::chunk_files::{BatchBuilder, BatchHandle, ChunkFiles};
use crate::index::HalfId;
use crate::index::{IdBlock, SeriesId};

/// Names a group within one database; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupId(pub(crate) u32);

/// Closed chunks with their own times that are written together.
const CLOSED_MAX: usize = 256;
/// Columns of the shortest batch that is sealed for its length.
const COLUMNS_MIN: usize = 30;
/// A commit with fewer than this part of the column's samples gets no column of its own.
const SPARSE: usize = 4;
/// After so many commits without a column the group's open chunks are sealed, to begin anew.
const SPARSE_RUN_MAX: u8 = 8;

/// A group of series. `data` is the lock of everything that changes by commits.
/// It is taken after the index' lock, never before, and before those of the log
/// and of the chunk files. Two groups are locked in ascending order of their ids.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) key: GroupKey,
    /// The labels all series of the group are likely to have.
    pub(crate) target_labels: Labels,
    pub(crate) target: HalfId,
    pub(crate) data: RwLock<GroupData>,
}

/// Histogram samples of one series that are not on disk.
#[derive(Clone, Debug)]
pub(crate) struct HistogramColumn {
    pub(crate) samples: Vec<HistogramSample>,
    /// The newest histogram, also when it is on disk already.
    pub(crate) last: Arc<Histogram>,
}

/// A series that the log does not know yet.
#[derive(Clone, Debug)]
pub(crate) struct Undefined {
    pub(crate) slot: u32,
    pub(crate) labels: Labels,
    /// Whether the group's target labels are among them.
    pub(crate) in_target: bool,
}

/// What commits change.
#[derive(Debug, Default)]
pub(crate) struct GroupData {
    /// By slot.
    pub(crate) states: Vec<SeriesState>,
    /// By slot.
    pub(crate) ids: Vec<SeriesId>,
    /// Slots that a new series may take.
    pub(crate) free: Vec<u32>,
    /// Slots whose series is gone, but which the log still mentions; free after the next checkpoint.
    pub(crate) freed: Vec<u32>,
    pub(crate) id_block: IdBlock,
    /// Series in the group.
    pub(crate) live: u32,
    /// Appenders of the group.
    pub(crate) appenders: u32,

    /// The times of the open columns, ascending.
    pub(crate) times: Vec<i64>,
    pub(crate) slab: Slab,
    /// For [`GAPPY`] series the columns they have a value in.
    pub(crate) gaps: HashMap<u32, u128>,
    /// The open chunks of [`OWN`] series.
    pub(crate) own: HashMap<u32, OwnChunk>,
    pub(crate) closed: Vec<ClosedChunk>,
    pub(crate) histograms: HashMap<u32, HistogramColumn>,
    /// Samples in `histograms`.
    pub(crate) open_histograms: usize,
    /// Samples of the newest column.
    pub(crate) width: u32,
    /// Commits in a row that were too sparse for a column.
    pub(crate) sparse_run: u8,
    /// The greatest sample time.
    pub(crate) max_timestamp: i64,
    /// Samples in open chunks, of all kinds.
    pub(crate) open_samples: u64,

    /// Sealed batches, oldest first.
    pub(crate) batches: Vec<BatchHandle>,
    pub(crate) next_batch: u32,
    /// While recovering: the batches that the checkpoint counts on.
    pub(crate) expected_batches: HashSet<(u64, u64)>,

    /// Number of the group's last log record.
    pub(crate) log_number: u64,
    /// The segment that has it; 0 for none.
    pub(crate) log_segment: u64,
    pub(crate) undefined: Vec<Undefined>,
    /// Whether the log or a checkpoint has the group's key.
    pub(crate) is_defined: bool,

    pub(crate) marks: Marks,
}

/// Where the shared samples of a commit go.
enum Place {
    /// To a column that exists.
    Column,
    /// To a new column.
    NewColumn,
    /// To chunks with own times.
    Own,
}

impl Group {
    pub(crate) fn new(id: GroupId, key: GroupKey, target: HalfId) -> Group {
        let data = GroupData { max_timestamp: NO_TIMESTAMP, ..GroupData::default() };
        Group { id, target_labels: key.shared_labels(), key, target, data: RwLock::new(data) }
    }
}

/// The end of the chunk range that holds `timestamp`.
///
/// Source: specification §8.13 (division truncates).
pub(crate) fn range_end(timestamp: i64, range: i64) -> i64 {
    (timestamp / range).saturating_mul(range).saturating_add(range)
}

impl GroupData {
    /// Takes a slot for a new series.
    pub(crate) fn add_series(&mut self, id: SeriesId) -> u32 {
        self.live += 1;
        if let Some(slot) = self.free.pop() {
            self.states[slot as usize] = SeriesState::new();
            self.ids[slot as usize] = id;
            return slot;
        }
        if self.states.len() == self.states.capacity() {
            // Doubling would waste up to 44 bytes per series.
            let more = (self.states.len() / 8).max(16);
            self.states.reserve_exact(more);
            self.ids.reserve_exact(more);
        }
        self.states.push(SeriesState::new());
        self.ids.push(id);
        (self.states.len() - 1) as u32
    }

    /// Puts a series into a given slot, as a log or checkpoint says.
    pub(crate) fn place_series(&mut self, slot: u32, id: SeriesId) {
        while self.states.len() <= slot as usize {
            self.states.push(SeriesState::vacant());
            self.ids.push(SeriesId::NONE);
        }
        self.live += 1;
        self.states[slot as usize] = SeriesState::new();
        self.ids[slot as usize] = id;
    }

    /// Whether a slot holds a series without samples that nobody writes.
    pub(crate) fn is_removable(&self, slot: usize, floor: i64) -> bool {
        let state = &self.states[slot];
        state.has(LIVE) && state.pins == 0 && state.last_timestamp < floor
    }

    /// Takes the series out of a slot. It has no samples that count any more.
    pub(crate) fn remove_series(&mut self, slot: u32) {
        let state = &mut self.states[slot as usize];
        let words = usize::from(state.bits / 64);
        let mut block = state.block;
        *state = SeriesState::vacant();
        self.slab.release(&mut block, words);
        self.ids[slot as usize] = SeriesId::NONE;
        self.gaps.remove(&slot);
        self.own.remove(&slot);
        self.closed.retain(|chunk| chunk.slot != slot);
        if let Some(column) = self.histograms.remove(&slot) {
            self.open_histograms -= column.samples.len();
        }
        self.undefined.retain(|undefined| undefined.slot != slot);
        self.freed.push(slot);
        self.live -= 1;
    }

    fn place(&self, accepted: &Accepted) -> Place {
        match self.times.last() {
            Some(&last) if accepted.timestamp == last => Place::Column,
            Some(&last) if accepted.timestamp < last => Place::Own,
            Some(_) if accepted.shared.len() * SPARSE < self.width as usize => Place::Own,
            _ => Place::NewColumn,
        }
    }

    /// After how many columns the group is sealed. All groups are sealed when a
    /// chunk range ends; were they then in step until the next, they would all be
    /// full, and all be written, at once. So a group's first batch in a range is
    /// shorter, by its id.
    fn columns_max(&self, id: GroupId, range: i64) -> usize {
        let Some(&first) = self.times.first() else { return SAMPLES_PER_CHUNK };
        let end = range_end(first, range);
        if self.batches.last().is_some_and(|batch| range_end(batch.max_timestamp, range) == end) {
            return SAMPLES_PER_CHUNK;
        }
        let spread = SAMPLES_PER_CHUNK - COLUMNS_MIN + 1;
        // A step that has no divisor with the spread reaches all lengths.
        COLUMNS_MIN + id.0 as usize % spread * 37 % spread
    }

    /// Seals open chunks that a commit would otherwise overfill. Depends on the
    /// group and the commit alone, so that a replay of the log seals alike.
    ///
    /// # Errors
    /// When a batch cannot be written; the samples in memory are then unchanged.
    pub(crate) fn make_room(
        &mut self,
        id: GroupId,
        accepted: &Accepted,
        chunks: &ChunkFiles,
        range: i64,
    ) -> Result<(), StorageError> {
        let is_new = !accepted.shared.is_empty() && matches!(self.place(accepted), Place::NewColumn);
        let is_full = is_new
            && self.times.first().is_some_and(|&first| {
                self.times.len() >= self.columns_max(id, range) || accepted.timestamp >= range_end(first, range)
            });
        if is_full || self.sparse_run >= SPARSE_RUN_MAX {
            return self.seal(id, chunks);
        }
        if self.open_histograms >= SAMPLES_PER_CHUNK * self.histograms.len().max(1) {
            self.close_histograms();
        }
        if self.closed.len() >= CLOSED_MAX {
            self.write_closed(id, chunks)?;
        }
        Ok(())
    }

    /// Stores the samples of a commit, which were judged under the same lock.
    /// [`GroupData::make_room`] came before.
    pub(crate) fn apply(&mut self, accepted: &Accepted, range: i64) {
        self.open_samples += (accepted.floats() + accepted.histograms.len()) as u64;
        if !accepted.shared.is_empty() {
            let place = self.place(accepted);
            if matches!(place, Place::NewColumn) {
                self.times.push(accepted.timestamp);
                self.width = 0;
            }
            self.max_timestamp = self.max_timestamp.max(accepted.timestamp);
            if matches!(place, Place::Own) {
                if self.times.last().is_some_and(|&last| last < accepted.timestamp) {
                    self.sparse_run += 1;
                }
                for &(slot, value) in &accepted.shared {
                    self.append_own(slot, accepted.timestamp, value, range);
                }
            } else {
                self.sparse_run = 0;
                self.width += accepted.shared.len() as u32;
                self.append_column(accepted, range);
            }
        }
        for &(slot, timestamp, value) in &accepted.timed {
            self.max_timestamp = self.max_timestamp.max(timestamp);
            self.append_own(slot, timestamp, value, range);
        }
        for (slot, sample) in &accepted.histograms {
            self.max_timestamp = self.max_timestamp.max(sample.timestamp_ms);
            let state = &mut self.states[*slot as usize];
            state.last_timestamp = sample.timestamp_ms;
            state.flags = state.flags & !IN_BATCH | HISTOGRAM;
            self.open_histograms += 1;
            let column = self.histograms.entry(*slot);
            let last = sample.histogram.clone();
            let column = column.or_insert_with(|| HistogramColumn { samples: Vec::new(), last: last.clone() });
            column.samples.push(sample.clone());
            column.last = last;
        }
    }

    fn append_column(&mut self, accepted: &Accepted, range: i64) {
        let column = (self.times.len() - 1) as u8;
        for &(slot, value) in &accepted.shared {
            let state = &mut self.states[slot as usize];
            if state.has(OWN) {
                self.append_own(slot, accepted.timestamp, value, range);
                continue;
            }
            if state.count == 0 {
                state.first_column = column;
            } else if state.has(GAPPY) || state.first_column + state.count != column {
                let seen = self.gaps.entry(slot).or_insert_with(|| ((1 << state.count) - 1) << state.first_column);
                *seen |= 1 << column;
                state.flags |= GAPPY;
            }
            state.append_value(&mut self.slab, value);
            state.last_value = value;
            state.last_timestamp = accepted.timestamp;
            state.flags = state.flags & !(IN_BATCH | HISTOGRAM) | IN_SEGMENT;
        }
    }

    fn append_own(&mut self, slot: u32, timestamp: i64, value: u64, range: i64) {
        let state = &mut self.states[slot as usize];
        if !state.has(OWN) {
            let mut own = OwnChunk::default();
            self.open_samples_of(slot, |timestamp, value| own.append(timestamp, value));
            let state = &mut self.states[slot as usize];
            let words = usize::from(state.bits / 64);
            self.slab.release(&mut state.block, words);
            state.forget_chunk();
            state.flags |= OWN;
            self.gaps.remove(&slot);
            self.own.insert(slot, own);
        }
        let own = self.own.entry(slot).or_default();
        if own.encoder.len() > 0
            && (own.encoder.len() >= SAMPLES_PER_CHUNK || timestamp >= range_end(own.first_timestamp, range))
        {
            self.closed.push(own.close(slot));
            own.encoder.clear();
        }
        own.append(timestamp, value);
        let state = &mut self.states[slot as usize];
        state.last_value = value;
        state.last_timestamp = timestamp;
        state.flags = state.flags & !(IN_BATCH | HISTOGRAM) | IN_SEGMENT;
    }

    /// The samples of a series in columns, oldest first.
    pub(crate) fn open_samples_of(&self, slot: u32, mut sink: impl FnMut(i64, u64)) {
        let state = &self.states[slot as usize];
        if state.count == 0 {
            return;
        }
        let mut buffer = [0; VALUES_LEN_MAX];
        let values = state.values(&self.slab, &mut buffer);
        let decoded = if state.has(GAPPY) {
            let mut columns = self.gaps.get(&slot).copied().unwrap_or(0);
            decode_values(values, usize::from(state.count), |value| {
                let column = columns.trailing_zeros() as usize;
                columns &= columns.wrapping_sub(1);
                sink(self.times[column], value);
            })
        } else {
            let mut column = usize::from(state.first_column);
            decode_values(values, usize::from(state.count), |value| {
                sink(self.times[column], value);
                column += 1;
            })
        };
        decoded.expect("what append_value wrote decodes");
    }

    /// The newest sample of a series, if it is known without decoding: a float in
    /// columns, and nothing on disk is newer.
    pub(crate) fn newest_of(&self, slot: u32) -> Option<(i64, u64)> {
        let state = &self.states[slot as usize];
        if state.count == 0 || state.has(OWN | GAPPY | HISTOGRAM) {
            return None;
        }
        let timestamp = self.times[usize::from(state.first_column + state.count - 1)];
        let is_newest =
            state.last_timestamp == timestamp && self.batches.iter().all(|batch| batch.max_timestamp < timestamp);
        is_newest.then_some((timestamp, state.last_value))
    }

    /// Remembers a commit for queriers that must not see it.
    pub(crate) fn mark(&mut self, accepted: &Accepted, commit: u64, max_before: i64, seen_by_all: u64) {
        self.marks.forget_through(seen_by_all);
        let timestamp = (!accepted.shared.is_empty()).then_some(accepted.timestamp);
        let is_alone = accepted.timestamp > max_before;
        let slots: Option<RoaringBitmap> =
            (!is_alone && timestamp.is_some()).then(|| accepted.shared.iter().map(|shared| shared.0).collect());
        let timed = accepted.timed.iter().map(|timed| (timed.0, timed.1));
        let histograms = accepted.histograms.iter().map(|(slot, sample)| (*slot, sample.timestamp_ms));
        self.marks.push(commit, timestamp, slots, timed.chain(histograms).collect());
    }

    /// Takes back the marks that judging left on a batch that is not stored.
    pub(crate) fn unmark(&mut self, accepted: &Accepted) {
        let slots = accepted.shared.iter().map(|shared| shared.0);
        for slot in slots.chain(accepted.histograms.iter().map(|(slot, _)| *slot)) {
            self.states[slot as usize].flags &= !IN_BATCH;
        }
    }

    /// Begins a log segment: its reader knows no values yet.
    pub(crate) fn begin_segment(&mut self, segment: u64) {
        if self.log_segment != segment {
            self.log_segment = segment;
            self.states.iter_mut().for_each(|state| state.flags &= !IN_SEGMENT);
        }
    }

    fn close_histograms(&mut self) {
        for (&slot, column) in &mut self.histograms {
            let (Some(first), Some(last)) = (column.samples.first(), column.samples.last()) else { continue };
            let (min_timestamp, max_timestamp) = (first.timestamp_ms, last.timestamp_ms);
            let mut data = Vec::new();
            column.samples.iter().for_each(|sample| put_sample(&mut data, sample));
            self.closed.push(ClosedChunk {
                slot,
                encoding: Encoding::Histograms,
                min_timestamp,
                max_timestamp,
                samples: column.samples.len() as u32,
                data: data.into_boxed_slice(),
            });
            column.samples = Vec::new();
        }
        self.open_histograms = 0;
    }

    fn write_closed(&mut self, id: GroupId, chunks: &ChunkFiles) -> Result<(), StorageError> {
        let mut batch = BatchBuilder::new(id, self.next_batch);
        self.closed.iter().for_each(|chunk| batch.add_closed(chunk));
        self.write_batch(batch, chunks)?;
        Ok(())
    }

    fn write_batch(&mut self, batch: BatchBuilder, chunks: &ChunkFiles) -> Result<(), StorageError> {
        let samples = batch.samples();
        if let Some(handle) = chunks.write(batch)? {
            self.batches.push(handle);
            self.next_batch += 1;
        }
        self.closed = Vec::new();
        self.open_samples = self.open_samples.saturating_sub(samples);
        Ok(())
    }

    /// Writes all open chunks to disk and begins new ones.
    ///
    /// # Errors
    /// When the batch cannot be written; the samples in memory are then unchanged.
    pub(crate) fn seal(&mut self, id: GroupId, chunks: &ChunkFiles) -> Result<(), StorageError> {
        let mut batch = BatchBuilder::new(id, self.next_batch);
        self.close_histograms();
        self.closed.iter().for_each(|chunk| batch.add_closed(chunk));
        for (&slot, own) in &self.own {
            if own.encoder.len() > 0 {
                batch.add_closed(&own.close(slot));
            }
        }
        let mut encoder = XorEncoder::default();
        for slot in 0..self.states.len() as u32 {
            if self.states[slot as usize].count == 0 {
                continue;
            }
            encoder.clear();
            let (mut first, mut last) = (None, 0);
            self.open_samples_of(slot, |timestamp, value| {
                first.get_or_insert(timestamp);
                last = timestamp;
                encoder.append(timestamp, value);
            });
            batch.add_xor(slot, first.unwrap_or(last), last, &encoder);
        }
        self.write_batch(batch, chunks)?;
        for state in &mut self.states {
            state.forget_chunk();
            state.flags &= !OWN;
        }
        self.times = Vec::new();
        self.slab.clear();
        self.gaps = HashMap::new();
        self.own = HashMap::new();
        self.width = 0;
        self.sparse_run = 0;
        self.open_samples = 0;
        // A series that has no histograms any more need not know its last one.
        let states = &self.states;
        self.histograms.retain(|&slot, _| states[slot as usize].has(HISTOGRAM));
        Ok(())
    }

    /// Whether anything is open.
    pub(crate) fn has_open_samples(&self) -> bool {
        self.open_samples > 0
    }

    /// The time of the oldest sample in memory or on disk, if there is one.
    pub(crate) fn min_timestamp(&self) -> Option<i64> {
        let batches = self.batches.iter().map(|batch| batch.min_timestamp);
        let columns = self.times.first().copied();
        let own = self.own.values().filter(|own| own.encoder.len() > 0).map(|own| own.first_timestamp);
        let closed = self.closed.iter().map(|chunk| chunk.min_timestamp);
        let histograms = self.histograms.values().filter_map(|c| c.samples.first()).map(|s| s.timestamp_ms);
        batches.chain(columns).chain(own).chain(closed).chain(histograms).min()
    }

    /// How many chunks there are, on disk and open.
    pub(crate) fn chunk_count(&self) -> u64 {
        let sealed: u64 = self.batches.iter().map(|batch| u64::from(batch.chunks)).sum();
        let open = self.states.iter().filter(|state| state.count > 0).count();
        let histograms = self.histograms.values().filter(|column| !column.samples.is_empty()).count();
        sealed + (open + self.own.len() + self.closed.len() + histograms) as u64
    }
}
