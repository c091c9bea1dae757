//! From checkpoint and log segments to a head.
//!
//! Definitions go to the index one after the other; samples wait in a list per
//! group and are then applied by several threads, group by group: commits of
//! different groups do not depend on each other. One segment is in memory at a time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;

use narthex_env::Files;
use narthex_model::Labels;
use narthex_storage::{GroupKey, StorageError};

use super::checkpoint::{CHECKPOINT_LEN_MIN, CheckpointHeader, Image, decode_image, half_labels};
use super::frame::{self, FileKind};
use super::record::{DefinedSeries, LastValues, Part, decode_part, parts};
use super::writer::{Replayed, segment_name, segment_number};
use crate::chunk_files::{BatchBuilder, ChunkFiles, FoundBatch, ReadAhead};
use crate::codec::Cursor;
use crate::error::Notice;
use crate::head::commit::Accepted;
use crate::head::group::{Group, GroupData, GroupId};
use crate::head::image::{get_states, live_slots};
use crate::head::series::LIVE;
use crate::index::{HalfId, Index};
use crate::sync::lock;

/// What waits for a group while a segment is read.
enum Step<'a> {
    States(&'a [u8]),
    /// The slot has a new series.
    Reset(u32),
    Samples {
        number: u64,
        samples: Cursor<'a>,
    },
    Seal {
        number: u64,
    },
}

/// A group being recovered.
struct Recovering {
    group: Group,
    last_values: LastValues,
    lost: u64,
    unknown: u64,
    /// The checkpoint's states did not decode.
    is_damaged: bool,
}

impl Recovering {
    /// Batches that the checkpoint counts on and that were not found.
    fn expected(&self) -> u64 {
        crate::sync::read(&self.group.data).expected_batches.len() as u64
    }

    fn data(&mut self) -> &mut GroupData {
        self.group.data.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The head as far as it is recovered.
pub(crate) struct Recovery<'c> {
    pub(crate) index: Index,
    groups: BTreeMap<GroupId, Recovering>,
    keys: HashMap<GroupKey, GroupId>,
    pub(crate) next_group: u32,
    pub(crate) floor: i64,
    pub(crate) notices: Vec<Notice>,
    chunks: &'c ChunkFiles,
    chunk_range_ms: i64,
    threads: usize,
}

impl<'c> Recovery<'c> {
    pub(crate) fn new(chunks: &'c ChunkFiles, chunk_range_ms: i64) -> Recovery<'c> {
        Recovery {
            index: Index::new(),
            groups: BTreeMap::new(),
            keys: HashMap::new(),
            next_group: 1,
            floor: i64::MIN,
            notices: Vec::new(),
            chunks,
            chunk_range_ms,
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(8),
        }
    }

    fn group(&mut self, id: GroupId, key: GroupKey) {
        if self.groups.contains_key(&id) {
            return;
        }
        let target = self.index.target(&key.shared_labels());
        let mut group = Group::new(id, key.clone(), target);
        group.data.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).is_defined = true;
        self.keys.insert(key, id);
        self.next_group = self.next_group.max(id.0 + 1);
        let recovering =
            Recovering { group, last_values: LastValues::default(), lost: 0, unknown: 0, is_damaged: false };
        self.groups.insert(id, recovering);
    }

    /// Reads a checkpoint. `false` when the file is none.
    pub(crate) fn checkpoint(&mut self, name: &str, number: u64, bytes: &[u8]) -> bool {
        let frames = (bytes.len() >= CHECKPOINT_LEN_MIN).then(|| frame::find(bytes, FileKind::Checkpoint, number));
        let Some(frames) = frames.flatten() else { return false };
        let damage = |offset: usize| Notice::CheckpointDamaged { file: name.to_owned(), offset: offset as u64 };
        self.notices.extend(frames.damaged.iter().chain(&frames.torn).map(|&offset| damage(offset)));
        let mut texts: Vec<Option<String>> = Vec::new();
        let mut halves: Vec<Option<HalfId>> = Vec::new();
        let mut steps: BTreeMap<GroupId, Vec<Step<'_>>> = BTreeMap::new();
        let (mut current, mut missing, mut is_complete) = (None, 0, false);
        for record in frames.records {
            for part in parts(&bytes[record.clone()]) {
                match part.and_then(|(kind, content)| decode_image(kind, content)) {
                    Ok(Image::Header(CheckpointHeader { floor, next_group })) => {
                        self.floor = floor;
                        self.next_group = self.next_group.max(next_group);
                    }
                    Ok(Image::Halves { first_text, texts: new, first_half, halves: new_halves }) => {
                        if first_text < texts.len() || first_half < halves.len() {
                            self.notices.push(damage(record.start));
                            continue;
                        }
                        if first_text > 1 << 28 || first_half > 1 << 28 {
                            continue;
                        }
                        texts.resize(first_text, None);
                        texts.extend(new.into_iter().map(|text| Some(text.to_owned())));
                        halves.resize(first_half, None);
                        for pairs in new_halves {
                            let labels = half_labels(&pairs, &texts);
                            halves.push(labels.map(|labels| self.index.target(&labels)));
                        }
                    }
                    Ok(Image::Group { id, key, series }) => {
                        current = Some(id);
                        self.group(id, key);
                        let Some(recovering) = self.groups.get_mut(&id) else { continue };
                        let target = recovering.group.target;
                        let data = recovering.data();
                        for series in series {
                            let target = if series.in_target { target } else { HalfId::EMPTY };
                            let half = halves.get(series.half).copied().flatten();
                            let Some(half) = half.filter(|&half| self.index.find_halves(target, half).is_none()) else {
                                missing += 1;
                                // Its state is in its place all the same, and dropped below.
                                data.place_series(series.slot, crate::index::SeriesId::NONE);
                                continue;
                            };
                            let (mut block, len) = (data.id_block, data.live);
                            let id = self.index.insert_halves(target, half, id, &mut block, len);
                            data.id_block = block;
                            self.index.settle(id, series.slot);
                            data.place_series(series.slot, id);
                        }
                    }
                    Ok(Image::States(content)) => {
                        if let Some(id) = current {
                            steps.entry(id).or_default().push(Step::States(content));
                        }
                    }
                    Ok(Image::End { groups }) => is_complete = groups == self.groups.len() as u64,
                    Ok(Image::Unknown) => {}
                    Err(_) => self.notices.push(damage(record.start)),
                }
            }
        }
        self.run(steps);
        for half in halves.into_iter().flatten() {
            self.index.release_half(half);
        }
        for recovering in self.groups.values_mut() {
            let data = recovering.data();
            let lost = |slot: &u32| {
                data.states[*slot as usize].has(LIVE) && data.ids[*slot as usize] == crate::index::SeriesId::NONE
            };
            let lost: Vec<u32> = (0..data.states.len() as u32).filter(lost).collect();
            lost.into_iter().for_each(|slot| data.remove_series(slot));
        }
        let is_damaged = self.groups.values().any(|recovering| recovering.is_damaged);
        if (missing > 0 || !is_complete || is_damaged) && !self.notices.iter().any(Notice::is_corruption) {
            self.notices.push(damage(bytes.len()));
        }
        true
    }

    /// Gives the groups the batches that the checkpoint knows, and the chunk files
    /// those that the log's replay may write again.
    pub(crate) fn attach(&mut self, found: Vec<FoundBatch>) {
        let mut again = Vec::new();
        for batch in found {
            let identity = batch.handle.identity();
            let mut data = self.groups.get_mut(&GroupId(batch.group)).map(Recovering::data);
            if data.as_mut().is_some_and(|data| data.expected_batches.remove(&identity)) {
                data.into_iter().for_each(|data| data.batches.push(batch.handle.clone()));
            } else if batch.handle.verify() {
                // Not synced for certain, so perhaps not there as a whole.
                again.push(batch);
            }
        }
        self.chunks.expect_again(again);
    }

    /// Replays the segments from `first` on.
    ///
    /// # Errors
    /// When a segment cannot be read at all, or a chunk cannot be written.
    pub(crate) fn segments(&mut self, dir: &Path, files: &dyn Files, first: u64) -> Result<Replayed, StorageError> {
        let io = |action, path: &Path| {
            let path = path.to_path_buf();
            move |source| StorageError::Io { action, path, source }
        };
        let entries = files.list(dir).map_err(io("list", dir))?;
        let numbered = entries.iter().filter_map(|entry| Some((segment_number(&entry.name)?, entry.is_dir)));
        let mut numbers: Vec<(u64, bool)> = numbered.collect();
        numbers.sort_unstable();
        let last = numbers.last().map(|&(number, _)| number);
        let mut expected = first;
        let last_number = last.unwrap_or(0).max(first.saturating_sub(1));
        let mut replayed = Replayed { last: last_number, bytes: 0, files: Vec::new() };
        for (number, is_dir) in numbers.into_iter().filter(|&(number, _)| number >= first) {
            if number != expected {
                self.notices.push(Notice::LogSegmentMissing { segment: expected });
            }
            expected = number + 1;
            if is_dir {
                self.notices.push(Notice::LogDamaged { segment: number, offset: 0 });
                continue;
            }
            let path = dir.join(segment_name(number));
            let file = files.open(&path).map_err(io("open", &path))?;
            let bytes = file.read_all().map_err(io("read", &path))?;
            replayed.bytes += bytes.len() as u64;
            if let Some(cut) = self.segment(number, &bytes, Some(number) == last)? {
                file.set_len(cut).map_err(io("cut", &path))?;
            }
            replayed.files.push(file);
        }
        // The one after a checkpoint was there before it.
        if first > 1 && expected == first {
            self.notices.push(Notice::LogSegmentMissing { segment: first });
        }
        Ok(replayed)
    }

    /// Replays one segment. Returns where a torn tail begins that should be cut off.
    fn segment(&mut self, number: u64, bytes: &[u8], is_last: bool) -> Result<Option<u64>, StorageError> {
        let Some(frames) = frame::find(bytes, FileKind::Segment, number) else {
            if bytes.is_empty() {
                // Cut to nothing by an earlier start.
                return Ok(None);
            }
            if bytes.len() < frame::FILE_HEADER_LEN || is_last && bytes.iter().all(|&byte| byte == 0) {
                // Created, but its head did not reach the disk.
                self.notices.push(Notice::LogTorn { segment: number, offset: 0 });
                return Ok(Some(0));
            }
            self.notices.push(Notice::LogDamaged { segment: number, offset: 0 });
            return Ok(None);
        };
        let damaged = frames.damaged.iter().map(|&at| Notice::LogDamaged { segment: number, offset: at as u64 });
        self.notices.extend(damaged);
        let cut = frames.torn.map(|at| at as u64);
        match cut {
            Some(offset) if is_last => self.notices.push(Notice::LogTorn { segment: number, offset }),
            Some(offset) => self.notices.push(Notice::LogDamaged { segment: number, offset }),
            None => {}
        }
        let mut steps: BTreeMap<GroupId, Vec<Step<'_>>> = BTreeMap::new();
        for record in frames.records {
            for part in parts(&bytes[record.clone()]) {
                match part.and_then(|(kind, content)| decode_part(kind, content)) {
                    Ok(Part::Group { id, key }) => self.group(id, key),
                    Ok(Part::Series { id, series }) => {
                        for series in series {
                            if self.define(id, &series) {
                                steps.entry(id).or_default().push(Step::Reset(series.slot));
                            }
                        }
                    }
                    Ok(Part::Samples { id, number, samples }) => {
                        steps.entry(id).or_default().push(Step::Samples { number, samples });
                    }
                    Ok(Part::Seal { id, number }) => steps.entry(id).or_default().push(Step::Seal { number }),
                    Ok(Part::Unknown) => {}
                    Err(_) => {
                        self.notices.push(Notice::LogDamaged { segment: number, offset: record.start as u64 });
                    }
                }
            }
        }
        self.run(steps);
        Ok(cut.filter(|_| is_last))
    }

    /// Enters a series. `true` when the slot holds a new one.
    fn define(&mut self, id: GroupId, series: &DefinedSeries<'_>) -> bool {
        let Some(recovering) = self.groups.get_mut(&id) else { return false };
        let (target, target_labels) = (recovering.group.target, recovering.group.target_labels.clone());
        let shared = series.in_target.then(|| target_labels.iter()).into_iter().flatten();
        let labels = Labels::from_pairs(shared.chain(series.pairs.iter().copied()));
        let split = self.index.split(&labels, &target_labels);
        if let Some(known) = self.index.find(&split) {
            let place = self.index.place(known);
            if place.group == id && place.slot() == series.slot {
                // Defined once more after a checkpoint.
                return false;
            }
            // It had been removed since the checkpoint and has begun again.
            self.remove(place.group, place.slot());
        }
        let Some(recovering) = self.groups.get_mut(&id) else { return false };
        if recovering.data().states.get(series.slot as usize).is_some_and(|state| state.has(LIVE)) {
            self.remove(id, series.slot);
        }
        let Some(recovering) = self.groups.get_mut(&id) else { return false };
        let data = recovering.data();
        let (mut block, len) = (data.id_block, data.live);
        let series_id = self.index.insert(&split, id, target, &target_labels, &mut block, len);
        data.id_block = block;
        self.index.settle(series_id, series.slot);
        data.place_series(series.slot, series_id);
        true
    }

    fn remove(&mut self, group: GroupId, slot: u32) {
        let Some(recovering) = self.groups.get_mut(&group) else { return };
        let data = recovering.data();
        self.index.remove(data.ids[slot as usize], 0);
        data.remove_series(slot);
    }

    /// Works off what waits for the groups.
    fn run(&mut self, mut steps: BTreeMap<GroupId, Vec<Step<'_>>>) {
        let mut work = Vec::new();
        for (id, recovering) in &mut self.groups {
            recovering.last_values.clear();
            if let Some(steps) = steps.remove(id) {
                work.push((recovering, steps));
            }
        }
        // What is left belongs to groups whose definition is lost.
        let orphans = steps.into_values().flatten().filter(|step| matches!(step, Step::Samples { .. })).count() as u64;
        let threads = self.threads.min(work.len());
        let (queue, chunks, range) = (Mutex::new(work), self.chunks, self.chunk_range_ms);
        let worker = || {
            loop {
                let Some((recovering, steps)) = lock(&queue).pop() else { break };
                recovering.work(steps, chunks, range);
            }
        };
        if threads < 2 {
            worker();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(worker);
                }
            });
        }
        if orphans > 0 {
            self.notices.push(Notice::CommitsLost { count: orphans });
        }
    }

    /// The finished groups. Batches that replay did not write again are of commits
    /// that did not reach the log, or of those that a damaged log has lost: only
    /// then are they of use.
    pub(crate) fn finish(mut self, left: Vec<FoundBatch>) -> (Index, Vec<Group>, Vec<Notice>) {
        let (lost, unknown) =
            self.groups.values().fold((0, 0), |sum, group| (sum.0 + group.lost, sum.1 + group.unknown));
        if lost > 0 {
            self.notices.push(Notice::CommitsLost { count: lost });
        }
        if unknown > 0 {
            self.notices.push(Notice::UnknownSeries { samples: unknown });
        }
        let missing: u64 = self.groups.values().map(|group| group.expected()).sum();
        if missing > 0 {
            self.notices.push(Notice::BatchesMissing { count: missing });
        }
        let is_damaged = self.notices.iter().any(Notice::is_corruption);
        let floor = self.floor;
        let left = left.into_iter().filter(|batch| is_damaged && batch.handle.max_timestamp >= floor);
        for batch in left {
            if let Some(recovering) = self.groups.get_mut(&GroupId(batch.group)) {
                recovering.take_over(&batch, self.chunks);
            }
        }
        let mut groups = Vec::with_capacity(self.groups.len());
        for (_, mut recovering) in std::mem::take(&mut self.groups) {
            let data = recovering.data();
            data.batches.sort_by_key(|batch| (batch.number, batch.max_timestamp));
            data.free = (0..data.states.len() as u32).filter(|&slot| !data.states[slot as usize].has(LIVE)).collect();
            data.freed.clear();
            data.expected_batches = HashSet::new();
            groups.push(recovering.group);
        }
        self.index.forget_leaving(u64::MAX);
        (self.index, groups, self.notices)
    }
}

impl Recovering {
    /// Copies what a batch has of the series that are known. A slot whose series'
    /// definition is lost may be given to another series, which must not inherit.
    fn take_over(&mut self, batch: &FoundBatch, chunks: &ChunkFiles) {
        let id = self.group.id;
        let data = self.data();
        let mut copy = BatchBuilder::new(id, data.next_batch);
        let mut ahead = ReadAhead::default();
        for slot in live_slots(data) {
            if batch.handle.may_have(slot, i64::MIN, i64::MAX) {
                // It was verified; a disk that fails since then is told of by queries.
                let _ = batch.handle.read(slot, &mut ahead, |chunk| {
                    copy.add_copy(slot, &chunk);
                    Ok(())
                });
            }
        }
        let Ok(Some(handle)) = chunks.write(copy) else { return };
        data.next_batch += 1;
        // The batch does not say which series has its newest sample.
        let newest = handle.max_timestamp;
        data.max_timestamp = data.max_timestamp.max(newest);
        data.batches.push(handle);
        for state in data.states.iter_mut().filter(|state| state.has(LIVE)) {
            state.last_timestamp = state.last_timestamp.max(newest);
        }
    }

    fn work(&mut self, steps: Vec<Step<'_>>, chunks: &ChunkFiles, range: i64) {
        let mut accepted = Accepted::default();
        for step in steps {
            match step {
                Step::States(content) => self.is_damaged |= get_states(content, self.data()).is_err(),
                Step::Reset(slot) => self.last_values.reset(slot),
                Step::Seal { number } => {
                    self.last_values.pass(number);
                    let id = self.group.id;
                    let data = self.data();
                    if number > data.log_number {
                        data.log_number = number;
                        // Chunks that cannot be written stay in memory.
                        let _ = data.seal(id, chunks);
                    }
                }
                Step::Samples { number, samples } => {
                    let decoded = self.last_values.decode(number, samples, &mut accepted);
                    let last = self.data().log_number;
                    if number <= last {
                        continue;
                    }
                    if decoded != Ok(true) {
                        self.lost += 1;
                        self.data().log_number = number;
                        continue;
                    }
                    self.lost += number - last - 1;
                    self.data().log_number = number;
                    self.apply(&mut accepted, chunks, range);
                }
            }
        }
    }

    fn apply(&mut self, accepted: &mut Accepted, chunks: &ChunkFiles, range: i64) {
        let id = self.group.id;
        let data = self.group.data.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let unknown = std::cell::Cell::new(0);
        let live = |slot: u32| {
            let is_live = data.states.get(slot as usize).is_some_and(|state| state.has(LIVE));
            // What was removed on purpose is not missed.
            if !is_live && !data.freed.contains(&slot) {
                unknown.set(unknown.get() + 1);
            }
            is_live
        };
        accepted.shared.retain(|shared| live(shared.0));
        accepted.timed.retain(|timed| live(timed.0));
        accepted.histograms.retain(|(slot, _)| live(*slot));
        self.unknown += unknown.get();
        // After damage a sample may be older than what a chunk holds already.
        let newer = |slot: u32, timestamp: i64| timestamp > data.states[slot as usize].last_timestamp;
        let timestamp = accepted.timestamp;
        accepted.shared.retain(|shared| newer(shared.0, timestamp));
        accepted.timed.retain(|timed| newer(timed.0, timed.1));
        accepted.histograms.retain(|(slot, sample)| newer(*slot, sample.timestamp_ms));
        // A full disk must not lose what the log has: the columns are then kept,
        // as chunks with own times.
        if data.make_room(id, accepted, chunks, range).is_err() {
            let timestamp = accepted.timestamp;
            let shared = std::mem::take(&mut accepted.shared);
            accepted.timed.splice(0..0, shared.into_iter().map(|(slot, value)| (slot, timestamp, value)));
        }
        data.apply(accepted, range);
    }
}
