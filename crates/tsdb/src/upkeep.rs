//! What is done beside commits and queries: syncing the log, checkpoints, retention.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use narthex_storage::StorageError;

use crate::db::Shared;
use crate::head::group::Group;
use crate::head::series::{LIVE, NO_TIMESTAMP};
use crate::log::checkpoint::{CheckpointHeader, CheckpointWriter, checkpoint_name};
use crate::log::frame;
use crate::log::record::{put_group, put_seal, put_series};
use crate::log::writer::Appended;
use crate::sync::{lock, read, write};

/// How often clean-up and checkpoint are considered.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(10);
/// A group that nobody writes is sealed when its last sample is so much older than the newest of all.
const IDLE_MS: i64 = 5 * 60 * 1000;
/// Series that wait for their place in the order before upkeep sorts them in.
const UNSORTED_MAX: usize = 1000;

/// What upkeep remembers.
#[derive(Debug)]
pub(crate) struct Upkeep {
    /// Log position at the last checkpoint.
    checkpoint_position: u64,
    checkpoint_time: Duration,
    /// The log from before the start is long enough to be worth a checkpoint.
    is_due: bool,
}

impl Upkeep {
    pub(crate) fn new(now: Duration, is_due: bool) -> Upkeep {
        Upkeep { checkpoint_position: 0, checkpoint_time: now, is_due }
    }
}

impl Shared {
    /// Writes a checkpoint and removes the log before it.
    pub(crate) fn checkpoint(&self) -> Result<(), StorageError> {
        let mut upkeep = lock(&self.upkeep);
        let position = self.log.written();
        let result = self.write_checkpoint();
        match result {
            Ok(()) => {
                *upkeep =
                    Upkeep { checkpoint_position: position, checkpoint_time: self.clock.monotonic(), is_due: false };
                self.counters.checkpoints.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                self.counters.checkpoints_failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        result
    }

    fn write_checkpoint(&self) -> Result<(), StorageError> {
        // From here on commits go to a segment that the checkpoint does not replace.
        // One that was under way holds its group's lock until it is in memory, so
        // that the group's image below has it.
        let number = self.log.roll()?;
        let (groups, next_group): (Vec<Arc<Group>>, u32) = {
            let groups = read(&self.groups);
            (groups.by_id.values().cloned().collect(), groups.next)
        };
        let header = CheckpointHeader { floor: self.floor(), next_group };
        let dir = self.head_dir();
        let mut writer = CheckpointWriter::create(self.files.clone(), &dir, number, header)?;
        let mut freed = Vec::with_capacity(groups.len());
        for group in &groups {
            let index = read(&self.index);
            let data = read(&group.data);
            freed.push(data.freed.len());
            writer.group(group, &data, &index)?;
        }
        // The images count on the batches that their groups have sealed.
        self.chunks.sync()?;
        writer.finish()?;
        // No record that is replayed mentions these slots now.
        for (group, count) in groups.iter().zip(freed) {
            if count > 0 {
                let mut data = write(&group.data);
                let freed: Vec<u32> = data.freed.drain(..count).collect();
                data.free.extend(freed);
            }
        }
        self.log.remove_before(number)?;
        let newest = checkpoint_name(number);
        let io = |action| move |path: &std::path::Path, source| StorageError::Io { action, path: path.into(), source };
        for entry in self.files.list(&dir).map_err(|e| io("list")(&dir, e))? {
            if !entry.is_dir && entry.name.starts_with("checkpoint.") && entry.name != newest {
                let path = dir.join(&entry.name);
                self.files.remove_file(&path).map_err(|e| io("remove")(&path, e))?;
            }
        }
        Ok(())
    }

    fn is_checkpoint_due(&self) -> bool {
        let upkeep = lock(&self.upkeep);
        let log_len = self.log.written() - upkeep.checkpoint_position;
        let age = self.clock.monotonic().saturating_sub(upkeep.checkpoint_time);
        upkeep.is_due
            || log_len >= self.options.checkpoint_log_len
            || log_len > 0 && age >= self.options.checkpoint_interval
    }

    /// Raises the floor by the retention, drops what is below it, seals groups that
    /// nobody writes, forgets groups and series without samples.
    pub(crate) fn clean_up(&self) -> Result<(), StorageError> {
        let _upkeep = lock(&self.upkeep);
        let max = self.max_timestamp.load(Ordering::Acquire);
        if max == NO_TIMESTAMP {
            return Ok(());
        }
        if self.options.retention_ms > 0 {
            self.floor.fetch_max(max.saturating_sub(self.options.retention_ms), Ordering::AcqRel);
        }
        let groups: Vec<Arc<Group>> = read(&self.groups).by_id.values().cloned().collect();
        for group in &groups {
            self.seal_idle(group, max)?;
            self.clean_group(group, max);
        }
        self.forget_groups(&groups);
        let oldest = self.commits.seen_by_all();
        write(&self.index).forget_leaving(oldest);
        let floor = self.floor();
        if !self.chunks.has_before(floor) {
            return Ok(());
        }
        // The last checkpoint may count on what is removed now.
        self.write_checkpoint()?;
        let removed = self.chunks.remove_before(floor)?;
        self.counters.files_retired.fetch_add(removed as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Writes the open chunks of a group that nobody writes to disk.
    fn seal_idle(&self, group: &Group, max: i64) -> Result<(), StorageError> {
        let is_idle = |data: &crate::head::group::GroupData| {
            data.appenders == 0 && data.has_open_samples() && data.max_timestamp < max.saturating_sub(IDLE_MS)
        };
        if !is_idle(&read(&group.data)) {
            return Ok(());
        }
        let mut data = write(&group.data);
        if !is_idle(&data) {
            return Ok(());
        }
        // Logged first: a replay must seal at the same point.
        let mut record = Vec::new();
        loop {
            let segment = self.log.segment();
            frame::begin(&mut record);
            if !data.is_defined {
                put_group(&mut record, group.id, &group.key);
            }
            if !data.undefined.is_empty() {
                put_series(&mut record, group.id, &group.target_labels, &data.undefined);
            }
            put_seal(&mut record, group.id, data.log_number + 1);
            if self.log.append(segment, &mut record)? == Appended::Written {
                break;
            }
        }
        data.log_number += 1;
        data.is_defined = true;
        data.undefined = Vec::new();
        data.seal(group.id, &self.chunks)
    }

    /// Drops old batches; takes series without samples out; notes which have ended.
    fn clean_group(&self, group: &Group, max: i64) {
        let floor = self.floor();
        let ended = max.saturating_sub(self.options.chunk_range_ms / 2);
        let (has_old, removable, newly_ended) = {
            let index = read(&self.index);
            let data = read(&group.data);
            let has_old = data.batches.iter().any(|batch| batch.max_timestamp < floor);
            let removable = (0..data.states.len()).any(|slot| data.is_removable(slot, floor));
            let newly_ended = data.states.iter().zip(&data.ids).any(|(state, &id)| {
                state.has(LIVE) && state.pins == 0 && state.last_timestamp < ended && !index.is_ended(id)
            });
            (has_old, removable, newly_ended)
        };
        if !has_old && !removable && !newly_ended {
            return;
        }
        let mut index = write(&self.index);
        let mut data = write(&group.data);
        data.batches.retain(|batch| batch.max_timestamp >= floor);
        let commit = self.commits.newest();
        for slot in 0..data.states.len() as u32 {
            let Some(id) = Shared::live_id(&data, slot) else { continue };
            let state = &data.states[slot as usize];
            if data.is_removable(slot as usize, floor) {
                index.remove(id, commit);
                data.remove_series(slot);
                self.counters.series_removed.fetch_add(1, Ordering::Relaxed);
            } else if state.pins == 0 && state.last_timestamp < ended && !index.is_ended(id) {
                index.set_ended(id, state.last_timestamp);
            }
        }
    }

    /// Removes groups without series that nobody writes.
    fn forget_groups(&self, candidates: &[Arc<Group>]) {
        for group in candidates {
            let is_empty = |data: &crate::head::group::GroupData| data.live == 0 && data.appenders == 0;
            if !is_empty(&read(&group.data)) {
                continue;
            }
            let mut groups = write(&self.groups);
            let mut index = write(&self.index);
            let mut data = write(&group.data);
            if !is_empty(&data) {
                continue;
            }
            groups.by_key.remove(&group.key);
            groups.by_id.remove(&group.id);
            index.release_half(group.target);
            let mut block = data.id_block;
            index.release_block(&mut block);
            data.id_block = block;
        }
    }

    fn refresh_order(&self) {
        let index = read(&self.index);
        let unsorted = lock(&index.order).unsorted();
        if unsorted >= UNSORTED_MAX {
            index.refresh_order();
        }
    }
}

/// The background threads; dropping them ends them.
pub(crate) struct Threads {
    stop: Arc<Stop>,
    handles: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    is_stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits; true when it is time to end.
    fn wait(&self, time: Duration) -> bool {
        let stopped = lock(&self.is_stopped);
        let waited = self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Threads {
    pub(crate) fn start(shared: &Arc<Shared>) -> Threads {
        let stop = Arc::new(Stop::default());
        let mut handles = Vec::new();
        let mut spawn = |name: &str, interval: Duration, work: fn(&Shared)| {
            let (stop, shared) = (stop.clone(), shared.clone());
            let run = move || {
                while !stop.wait(interval) {
                    work(&shared);
                }
            };
            // A process that cannot start a thread has worse worries; commits go on.
            handles.extend(std::thread::Builder::new().name(name.to_owned()).spawn(run));
        };
        // Errors are counted where they happen, and tried again the next time.
        let sync_interval = shared.options.sync_interval;
        if !sync_interval.is_zero() {
            spawn("tsdb-sync", sync_interval, |shared| {
                if shared.log.is_unsynced() && shared.sync_log().is_err() {
                    shared.log.writes_failed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        spawn("tsdb-upkeep", UPKEEP_INTERVAL, |shared| {
            let _ = shared.clean_up();
            if shared.is_checkpoint_due() {
                let _ = shared.checkpoint();
            }
            shared.refresh_order();
        });
        Threads { stop, handles }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        *lock(&self.stop.is_stopped) = true;
        self.stop.changed.notify_all();
        for handle in self.handles.drain(..) {
            let _ = handle.join();
        }
    }
}
