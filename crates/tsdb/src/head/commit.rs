//! Deciding what of a batch is stored.

use std::collections::HashMap;
use std::sync::Arc;

use narthex_model::value::STALE_NAN_BITS;
use narthex_storage::append::{TimedHistogram, TimedSample};
use narthex_storage::{RejectReason, Rejected, SampleIndex};

use super::group::GroupData;
use super::series::{HISTOGRAM, IN_BATCH, LIVE};
use crate::chunk::histogram::{HistogramSample, same_histogram, stale_histogram};

/// The samples of one commit that one group stores.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    /// The time of the shared samples.
    pub(crate) timestamp: i64,
    /// Slot and value bits.
    pub(crate) shared: Vec<(u32, u64)>,
    /// Slot, time and value bits.
    pub(crate) timed: Vec<(u32, i64, u64)>,
    pub(crate) histograms: Vec<(u32, HistogramSample)>,
}

impl Accepted {
    pub(crate) fn clear(&mut self, timestamp: i64) {
        self.timestamp = timestamp;
        self.shared.clear();
        self.timed.clear();
        self.histograms.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.timed.is_empty() && self.histograms.is_empty()
    }

    /// How many float samples there are.
    pub(crate) fn floats(&self) -> usize {
        self.shared.len() + self.timed.len()
    }
}

/// A series' newest sample as the commit goes on.
#[derive(Clone)]
enum Newest {
    Float(u64),
    Histogram(Arc<narthex_model::Histogram>),
    /// A histogram that is on disk already.
    Unknown,
}

/// Judges the samples of one group; see [`Judge::shared`] for the rules.
pub(crate) struct Judge<'a> {
    data: &'a mut GroupData,
    /// Older samples are out of bounds.
    floor: i64,
    accepted: &'a mut Accepted,
    rejected: &'a mut Vec<Rejected>,
    /// The newest samples of series that have samples with their own times in this batch.
    newest: HashMap<u32, (i64, Newest)>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        data: &'a mut GroupData,
        floor: i64,
        accepted: &'a mut Accepted,
        rejected: &'a mut Vec<Rejected>,
    ) -> Judge<'a> {
        Judge { data, floor, accepted, rejected, newest: HashMap::new() }
    }

    fn reject(&mut self, index: SampleIndex, reason: RejectReason) {
        self.rejected.push(Rejected { index, reason });
    }

    /// A sample at the batch's time. In this order: a slot without series or a
    /// time before the floor is out of bounds; a series that the batch had
    /// already, and another value at the newest sample's time, is a duplicate;
    /// the same value there is passed over; older is out of order.
    ///
    /// Source: specification §8.15, without an out-of-order window.
    #[inline]
    pub(crate) fn shared(&mut self, index: usize, slot: u32, value: u64) {
        let timestamp = self.accepted.timestamp;
        let Some(state) = self.data.states.get_mut(slot as usize).filter(|state| state.has(LIVE)) else {
            return self.reject(SampleIndex::Shared(index), RejectReason::OutOfBounds);
        };
        if timestamp < self.floor {
            self.reject(SampleIndex::Shared(index), RejectReason::OutOfBounds);
        } else if state.has(IN_BATCH) {
            self.reject(SampleIndex::Shared(index), RejectReason::Duplicate);
        } else if timestamp > state.last_timestamp {
            state.flags |= IN_BATCH;
            if state.has(HISTOGRAM) && value == STALE_NAN_BITS {
                self.stale_histogram(slot, timestamp);
            } else {
                self.accepted.shared.push((slot, value));
            }
        } else if timestamp < state.last_timestamp {
            self.reject(SampleIndex::Shared(index), RejectReason::OutOfOrder);
        } else if state.has(HISTOGRAM) || state.last_value != value {
            self.reject(SampleIndex::Shared(index), RejectReason::Duplicate);
        }
    }

    /// The staleness marker of a series of histograms is a histogram.
    fn stale_histogram(&mut self, slot: u32, timestamp_ms: i64) {
        let histogram = match self.data.histograms.get(&slot) {
            Some(column) => stale_histogram(&column.last),
            None => narthex_model::Histogram::Float(stale_float()),
        };
        let sample = HistogramSample { timestamp_ms, start_timestamp_ms: 0, histogram: Arc::new(histogram) };
        self.accepted.histograms.push((slot, sample));
    }

    fn newest(&self, slot: u32) -> Option<(i64, Newest)> {
        let state = self.data.states.get(slot as usize).filter(|state| state.has(LIVE))?;
        if let Some(newest) = self.newest.get(&slot) {
            return Some(newest.clone());
        }
        if state.has(IN_BATCH) {
            let shared = self.accepted.shared.iter().find(|shared| shared.0 == slot);
            let value = shared.map_or(Newest::Unknown, |shared| Newest::Float(shared.1));
            return Some((self.accepted.timestamp, value));
        }
        let value = if state.has(HISTOGRAM) {
            let column = self.data.histograms.get(&slot);
            column.map_or(Newest::Unknown, |column| Newest::Histogram(column.last.clone()))
        } else {
            Newest::Float(state.last_value)
        };
        Some((state.last_timestamp, value))
    }

    /// Whether a sample is newer than all of its series; `Err` says why it is
    /// refused, `Ok(false)` that it is there already.
    fn is_new(&self, slot: u32, timestamp: i64, same: impl Fn(&Newest) -> bool) -> Result<bool, RejectReason> {
        let (last, value) = self.newest(slot).ok_or(RejectReason::OutOfBounds)?;
        if timestamp < self.floor {
            Err(RejectReason::OutOfBounds)
        } else if timestamp > last {
            Ok(true)
        } else if timestamp < last {
            Err(RejectReason::OutOfOrder)
        } else if same(&value) {
            Ok(false)
        } else {
            Err(RejectReason::Duplicate)
        }
    }

    /// A float sample with a time of its own; the rules are those of [`Judge::shared`].
    pub(crate) fn timed(&mut self, index: usize, slot: u32, sample: &TimedSample) {
        let (timestamp, value) = (sample.timestamp_ms, sample.value.to_bits());
        match self.is_new(slot, timestamp, |newest| matches!(newest, Newest::Float(bits) if *bits == value)) {
            Err(reason) => self.reject(SampleIndex::Timed(index), reason),
            Ok(false) => {}
            Ok(true) => {
                self.newest.insert(slot, (timestamp, Newest::Float(value)));
                self.accepted.timed.push((slot, timestamp, value));
            }
        }
    }

    /// A histogram; the rules are those of [`Judge::shared`].
    pub(crate) fn histogram(&mut self, index: usize, slot: u32, sample: &TimedHistogram) {
        let same = |newest: &Newest| matches!(newest, Newest::Histogram(h) if same_histogram(h, &sample.histogram));
        match self.is_new(slot, sample.timestamp_ms, same) {
            Err(reason) => self.reject(SampleIndex::Histogram(index), reason),
            Ok(false) => {}
            Ok(true) => {
                let histogram = Arc::new(sample.histogram.clone());
                self.newest.insert(slot, (sample.timestamp_ms, Newest::Histogram(histogram.clone())));
                let (timestamp_ms, start_timestamp_ms) = (sample.timestamp_ms, sample.start_timestamp_ms);
                let sample = HistogramSample { timestamp_ms, start_timestamp_ms, histogram };
                self.accepted.histograms.push((slot, sample));
            }
        }
    }
}

fn stale_float() -> narthex_model::FloatHistogram {
    narthex_model::FloatHistogram { sum: narthex_model::value::STALE_NAN, ..narthex_model::FloatHistogram::default() }
}
