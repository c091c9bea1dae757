//! Writing the series of one group.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLockWriteGuard};

use narthex_model::Labels;
use narthex_storage::{
    Appender, Batch, CommitMode, RejectReason, Rejected, Report, SampleIndex, SeriesRef, StorageError,
};

use crate::db::Shared;
use crate::head::commit::{Accepted, Judge};
use crate::head::group::{Group, GroupData, GroupId, Undefined};
use crate::head::series::LIVE;
use crate::index::SeriesId;
use crate::log::frame;
use crate::log::record::{put_group, put_samples, put_series};
use crate::log::writer::Appended;
use crate::stats::Counters;
use crate::sync::{lock, read, write};

/// A reference is the group's id and the slot there, so that a commit needs the
/// group alone.
fn reference(group: GroupId, slot: u32) -> SeriesRef {
    SeriesRef(u64::from(group.0) << 32 | u64::from(slot))
}

fn group_of(series: SeriesRef) -> GroupId {
    GroupId((series.0 >> 32) as u32)
}

fn slot_of(series: SeriesRef) -> u32 {
    series.0 as u32
}

/// Uses counted per slot beyond this stay until the appender is dropped.
const USES_MAX: u8 = u8::MAX;

/// A writer of one group. Keeps its series from being removed; 1 byte per series.
pub(crate) struct HeadAppender {
    shared: Arc<Shared>,
    group: Arc<Group>,
    /// By slot, how many references were given out and not released.
    uses: Vec<u8>,
    /// Series that exist already in another group.
    foreign: HashMap<GroupId, (Arc<Group>, HashMap<u32, u32>)>,
}

/// What a commit needs besides, kept per thread: there are far fewer threads than
/// appenders, and 50 bytes per series would be too many to keep.
#[derive(Default)]
struct Scratch {
    accepted: Accepted,
    frame: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// One group's share of a commit.
struct Share<'a> {
    group: &'a Group,
    data: RwLockWriteGuard<'a, GroupData>,
    accepted: &'a mut Accepted,
}

impl HeadAppender {
    pub(crate) fn new(shared: Arc<Shared>, group: Arc<Group>) -> HeadAppender {
        HeadAppender { shared, group, uses: Vec::new(), foreign: HashMap::new() }
    }

    /// Counts a use of the series in `slot` of `group`, whose lock `data` is.
    fn pin(&mut self, group: Arc<Group>, data: &mut GroupData, slot: u32) -> SeriesRef {
        let id = group.id;
        let is_first = if id == self.group.id {
            if self.uses.len() <= slot as usize {
                self.uses.resize(data.states.len(), 0);
            }
            let uses = &mut self.uses[slot as usize];
            *uses = uses.saturating_add(1);
            *uses == 1
        } else {
            let (_, slots) = self.foreign.entry(id).or_insert_with(|| {
                data.appenders += 1;
                (group, HashMap::new())
            });
            let uses = slots.entry(slot).or_insert(0);
            *uses += 1;
            *uses == 1
        };
        if is_first {
            let pins = &mut data.states[slot as usize].pins;
            *pins = pins.saturating_add(1);
        }
        reference(id, slot)
    }

    fn find(&mut self, labels: &Labels) -> Option<SeriesRef> {
        let shared = self.shared.clone();
        {
            let index = read(&shared.index);
            let id = index.find(&index.split(labels, &self.group.target_labels))?;
            let place = index.place(id);
            if place.group == self.group.id && !index.is_ended(id) {
                // Pinned before the index is let go: it cannot leave in between.
                let group = self.group.clone();
                let mut data = write(&group.data);
                return Some(self.pin(group.clone(), &mut data, place.slot()));
            }
        }
        // Rare ways: another group's series, or one that nobody wrote for a while.
        // The registry comes first in the order of locks.
        let groups = read(&shared.groups);
        let mut index = write(&shared.index);
        let id = index.find(&index.split(labels, &self.group.target_labels))?;
        let now = index.place(id);
        let group = groups.by_id.get(&now.group)?.clone();
        index.set_written(id);
        let mut data = write(&group.data);
        Some(self.pin(group.clone(), &mut data, now.slot()))
    }

    fn create(&mut self, labels: &Labels) -> Result<Option<SeriesRef>, StorageError> {
        let shared = self.shared.clone();
        let mut index = write(&shared.index);
        let split = index.split(labels, &self.group.target_labels);
        if index.find(&split).is_some() {
            // Another writer was faster.
            return Ok(None);
        }
        let max = shared.options.series_max;
        if max > 0 && index.len() >= max {
            return Err(StorageError::Limit(format!("series limit of {max} reached")));
        }
        let group = self.group.clone();
        let mut data = write(&group.data);
        let (mut block, len) = (data.id_block, data.live);
        let id = index.insert(&split, group.id, group.target, &group.target_labels, &mut block, len);
        data.id_block = block;
        let slot = data.add_series(id);
        index.settle(id, slot);
        data.undefined.push(Undefined { slot, labels: labels.clone(), in_target: split.in_target });
        shared.counters.series_created.fetch_add(1, Ordering::Relaxed);
        Ok(Some(self.pin(group.clone(), &mut data, slot)))
    }

    /// Judges the samples of `batch` that belong to `group`.
    fn judge(
        batch: &Batch,
        group: GroupId,
        data: &mut GroupData,
        floor: i64,
        accepted: &mut Accepted,
        rejected: &mut Vec<Rejected>,
    ) {
        accepted.clear(batch.timestamp_ms);
        let mut judge = Judge::new(data, floor, accepted, rejected);
        for (index, (&series, value)) in batch.series.iter().zip(&batch.values).enumerate() {
            if group_of(series) == group {
                judge.shared(index, slot_of(series), value.to_bits());
            }
        }
        for (index, sample) in batch.timed.iter().enumerate() {
            if group_of(sample.series) == group {
                judge.timed(index, slot_of(sample.series), sample);
            }
        }
        for (index, sample) in batch.histograms.iter().enumerate() {
            if group_of(sample.series) == group {
                judge.histogram(index, slot_of(sample.series), sample);
            }
        }
    }

    /// Stores what was accepted. On an error nothing is.
    fn store(shared: &Shared, frame: &mut Vec<u8>, shares: &mut [Share<'_>]) -> Result<(), StorageError> {
        let range = shared.options.chunk_range_ms;
        for share in &mut *shares {
            share.data.make_room(share.group.id, share.accepted, &shared.chunks, range)?;
        }
        let segment = loop {
            let segment = shared.log.segment();
            frame::begin(frame);
            for share in &*shares {
                let (id, data) = (share.group.id, &*share.data);
                if !data.is_defined {
                    put_group(frame, id, &share.group.key);
                }
                if !data.undefined.is_empty() {
                    put_series(frame, id, &share.group.target_labels, &data.undefined);
                }
                put_samples(frame, id, data.log_number + 1, segment, data, share.accepted);
            }
            match shared.log.append(segment, frame)? {
                Appended::Written => break segment,
                Appended::Moved => {}
            }
        };
        let seen_by_all = shared.commits.seen_by_all();
        let before: Vec<i64> = shares.iter().map(|share| share.data.max_timestamp).collect();
        for share in &mut *shares {
            let data = &mut *share.data;
            data.log_number += 1;
            data.begin_segment(segment);
            data.is_defined = true;
            data.undefined = Vec::new();
            data.apply(share.accepted, range);
            shared.max_timestamp.fetch_max(data.max_timestamp, Ordering::AcqRel);
            let floats = share.accepted.floats() as u64;
            shared.counters.floats_appended.fetch_add(floats, Ordering::Relaxed);
            let histograms = share.accepted.histograms.len() as u64;
            shared.counters.histograms_appended.fetch_add(histograms, Ordering::Relaxed);
        }
        let commit = shared.commits.next();
        for (share, before) in shares.iter_mut().zip(before) {
            share.data.mark(share.accepted, commit, before, seen_by_all);
        }
        Ok(())
    }

    /// Judges and stores a batch whose series all are in groups of `groups`, which
    /// are in ascending order.
    fn commit_to(
        shared: &Shared,
        frame: &mut Vec<u8>,
        groups: &[&Group],
        accepted: &mut [Accepted],
        batch: &Batch,
        rejected: &mut Vec<Rejected>,
    ) -> Result<bool, StorageError> {
        let floor = shared.commit_floor();
        let mut shares: Vec<Share<'_>> = Vec::with_capacity(groups.len());
        for (&group, accepted) in groups.iter().zip(accepted) {
            let mut data = write(&group.data);
            Self::judge(batch, group.id, &mut data, floor, accepted, rejected);
            shares.push(Share { group, data, accepted });
        }
        let refused = batch.mode == CommitMode::AllOrNothing && !rejected.is_empty();
        let result = if refused {
            Ok(false)
        } else if shares.iter().all(|share| share.accepted.is_empty()) {
            Ok(true)
        } else {
            shares.iter_mut().filter(|s| s.accepted.is_empty()).for_each(|s| s.data.unmark(s.accepted));
            shares.retain(|share| !share.accepted.is_empty());
            Self::store(shared, frame, &mut shares).map(|()| true)
        };
        if !matches!(result, Ok(true)) {
            shares.iter_mut().for_each(|share| share.data.unmark(share.accepted));
        }
        result
    }

    /// As [`HeadAppender::commit_to`], for batches with series of other groups.
    fn commit_wide(&mut self, batch: &Batch, rejected: &mut Vec<Rejected>) -> Result<bool, StorageError> {
        let mut groups: Vec<Arc<Group>> = self.foreign.values().map(|foreign| foreign.0.clone()).collect();
        groups.push(self.group.clone());
        groups.sort_by_key(|group| group.id);
        let known = |series: SeriesRef| groups.binary_search_by_key(&group_of(series), |group| group.id).is_ok();
        let mut reject = |index| rejected.push(Rejected { index, reason: RejectReason::OutOfBounds });
        let shared = batch.series.iter().enumerate().filter(|(_, series)| !known(**series));
        shared.for_each(|(index, _)| reject(SampleIndex::Shared(index)));
        let timed = batch.timed.iter().enumerate().filter(|(_, sample)| !known(sample.series));
        timed.for_each(|(index, _)| reject(SampleIndex::Timed(index)));
        let histograms = batch.histograms.iter().enumerate().filter(|(_, sample)| !known(sample.series));
        histograms.for_each(|(index, _)| reject(SampleIndex::Histogram(index)));
        let borrowed: Vec<&Group> = groups.iter().map(|group| &**group).collect();
        let mut accepted: Vec<Accepted> = groups.iter().map(|_| Accepted::default()).collect();
        let mut frame = Vec::new();
        Self::commit_to(&self.shared, &mut frame, &borrowed, &mut accepted, batch, rejected)
    }
}

impl Appender for HeadAppender {
    fn series(&mut self, labels: &Labels) -> Result<SeriesRef, StorageError> {
        self.shared.check_open()?;
        if labels.is_empty() {
            return Err(StorageError::InvalidLabels("empty labelset: invalid sample".to_owned()));
        }
        loop {
            if let Some(found) = self.find(labels) {
                return Ok(found);
            }
            if let Some(created) = self.create(labels)? {
                return Ok(created);
            }
        }
    }

    fn release(&mut self, series: SeriesRef) {
        let slot = slot_of(series);
        let group = if group_of(series) == self.group.id {
            let Some(uses) = self.uses.get_mut(slot as usize).filter(|uses| (1..USES_MAX).contains(*uses)) else {
                return;
            };
            *uses -= 1;
            if *uses > 0 {
                return;
            }
            self.group.clone()
        } else {
            let Some((group, slots)) = self.foreign.get_mut(&group_of(series)) else { return };
            let Some(uses) = slots.get_mut(&slot) else { return };
            *uses -= 1;
            if *uses > 0 {
                return;
            }
            slots.remove(&slot);
            group.clone()
        };
        unpin(&mut write(&group.data), slot);
    }

    fn commit(&mut self, batch: &Batch) -> Result<Report, StorageError> {
        self.shared.check_open()?;
        let mut rejected = Vec::new();
        let own = self.group.id;
        let is_own = batch.series.iter().all(|&series| group_of(series) == own)
            && batch.timed.iter().all(|sample| group_of(sample.series) == own)
            && batch.histograms.iter().all(|sample| group_of(sample.series) == own);
        let committed = if is_own {
            SCRATCH.with_borrow_mut(|Scratch { accepted, frame }| {
                let accepted = std::slice::from_mut(accepted);
                Self::commit_to(&self.shared, frame, &[&*self.group], accepted, batch, &mut rejected)
            })?
        } else {
            self.commit_wide(batch, &mut rejected)?
        };
        count(&self.shared.counters, &rejected);
        if committed && self.shared.options.sync_interval.is_zero() {
            self.shared.sync_log()?;
        }
        Ok(Report { committed, rejected })
    }
}

fn count(counters: &Counters, rejected: &[Rejected]) {
    for rejected in rejected {
        let counter = match rejected.reason {
            RejectReason::OutOfOrder | RejectReason::Duplicate => &counters.out_of_order,
            RejectReason::OutOfBounds => &counters.out_of_bounds,
            RejectReason::TooOld | RejectReason::ExemplarOutOfOrder => continue,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn unpin(data: &mut GroupData, slot: u32) {
    if let Some(state) = data.states.get_mut(slot as usize).filter(|state| state.has(LIVE)) {
        state.pins = state.pins.saturating_sub(1);
    }
}

impl Drop for HeadAppender {
    fn drop(&mut self) {
        let mut data = write(&self.group.data);
        for (slot, _) in self.uses.iter().enumerate().filter(|(_, uses)| **uses > 0) {
            unpin(&mut data, slot as u32);
        }
        data.appenders -= 1;
        drop(data);
        for (group, slots) in self.foreign.values() {
            let mut data = write(&group.data);
            slots.keys().for_each(|&slot| unpin(&mut data, slot));
            data.appenders -= 1;
        }
    }
}

impl Shared {
    /// Makes the log durable, measuring the time it takes.
    pub(crate) fn sync_log(&self) -> Result<(), StorageError> {
        let start = self.clock.monotonic();
        if self.log.sync()? {
            let elapsed = self.clock.monotonic().saturating_sub(start);
            lock(&self.counters.syncs).observe(elapsed);
        }
        Ok(())
    }

    /// The id of a live series in a slot.
    pub(crate) fn live_id(data: &GroupData, slot: u32) -> Option<SeriesId> {
        data.states[slot as usize].has(LIVE).then(|| data.ids[slot as usize])
    }
}
