//! Reading one series: sealed chunks, then what is open.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use narthex_storage::{FloatColumn, SeriesColumns, StorageError};

use super::group::Group;
use super::series::SAMPLES_PER_CHUNK;
use crate::chunk::Encoding;
use crate::chunk::histogram::{HistogramSample, get_sample, to_float};
use crate::chunk::xor::decode_xor;
use crate::chunk_files::{ChunkView, ReadAhead};
use crate::codec::{Cursor, Decoded};
use crate::sync::read;

/// What a reader may see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadWindow {
    /// First time, included.
    pub(crate) min_ms: i64,
    /// Last time, included.
    pub(crate) max_ms: i64,
    /// The newest commit it sees.
    pub(crate) commit: u64,
    /// Whether samples before the newest in the window may be left out.
    pub(crate) newest_only: bool,
    /// The set of series that is read: what is read ahead is for it alone.
    pub(crate) set: SetNumber,
}

/// Names a set of series within the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SetNumber(u64);

impl SetNumber {
    /// A number that no other set has.
    pub(crate) fn new() -> SetNumber {
        static LAST: AtomicU64 = AtomicU64::new(0);
        SetNumber(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Frees what this thread has read ahead for the set.
    pub(crate) fn forget_ahead(self) {
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.ahead_of == self {
                scratch.ahead = ReadAhead::default();
            }
        });
    }
}

/// Appends samples that are in the window. They come in order of time, unless a
/// damaged log was replayed: then two chunks may overlap, which is noted.
struct Sink<'a> {
    out: &'a mut SeriesColumns,
    window: ReadWindow,
    last_float: i64,
    last_histogram: i64,
    is_ordered: bool,
}

impl<'a> Sink<'a> {
    fn new(out: &'a mut SeriesColumns, window: ReadWindow) -> Sink<'a> {
        Sink { out, window, last_float: i64::MIN, last_histogram: i64::MIN, is_ordered: true }
    }

    /// Takes a float sample; false says that no later one is wanted.
    #[inline]
    fn float(&mut self, timestamp: i64, value: u64) -> bool {
        if timestamp > self.window.max_ms {
            return false;
        }
        if timestamp >= self.window.min_ms {
            self.is_ordered &= timestamp > self.last_float;
            self.last_float = timestamp;
            self.out.floats.timestamps.push(timestamp);
            self.out.floats.values.push(f64::from_bits(value));
        }
        true
    }

    fn histogram(&mut self, sample: &HistogramSample) {
        let timestamp = sample.timestamp_ms;
        if timestamp < self.window.min_ms || timestamp > self.window.max_ms {
            return;
        }
        self.is_ordered &= timestamp > self.last_histogram;
        self.last_histogram = timestamp;
        let column = &mut self.out.histograms;
        if sample.start_timestamp_ms != 0 || !column.start_timestamps.is_empty() {
            column.start_timestamps.resize(column.timestamps.len(), 0);
            column.start_timestamps.push(sample.start_timestamp_ms);
        }
        column.timestamps.push(timestamp);
        column.values.push(Arc::new(to_float(&sample.histogram)));
    }

    /// Takes a chunk with these first and last times.
    fn chunk(&mut self, encoding: Encoding, min: i64, max: i64, data: &[u8]) -> Decoded<()> {
        match encoding {
            Encoding::Xor if min >= self.window.min_ms && max <= self.window.max_ms => {
                // All of it is wanted: nothing to ask per sample.
                self.is_ordered &= min > self.last_float;
                self.last_float = max;
                let FloatColumn { timestamps, values, .. } = &mut self.out.floats;
                let len = data.first_chunk::<2>().map_or(0, |len| usize::from(u16::from_be_bytes(*len)));
                timestamps.reserve(len.min(SAMPLES_PER_CHUNK));
                values.reserve(len.min(SAMPLES_PER_CHUNK));
                decode_xor(data, |timestamp, value| {
                    timestamps.push(timestamp);
                    values.push(f64::from_bits(value));
                    true
                })
            }
            Encoding::Xor => decode_xor(data, |timestamp, value| self.float(timestamp, value)),
            Encoding::Histograms => {
                let mut cursor = Cursor::new(data);
                while !cursor.is_empty() {
                    self.histogram(&get_sample(&mut cursor)?);
                }
                Ok(())
            }
        }
    }
}

/// Memory that a thread keeps from one read to the next.
#[derive(Default)]
struct Scratch {
    own: Vec<u8>,
    open: SeriesColumns,
    hidden: Vec<i64>,
    ahead: ReadAhead,
    ahead_of: SetNumber,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Group {
    /// Appends what `window` shows of the series in `slot`.
    ///
    /// # Errors
    /// When a chunk on disk cannot be read or is damaged.
    pub(crate) fn read(&self, slot: u32, window: ReadWindow, out: &mut SeriesColumns) -> Result<(), StorageError> {
        let (floats, histograms) = (out.floats.timestamps.len(), out.histograms.timestamps.len());
        SCRATCH.with_borrow_mut(|scratch| self.read_with(slot, window, out, scratch, (floats, histograms)))?;
        SCRATCH.with_borrow(|scratch| {
            if !scratch.hidden.is_empty() {
                hide(out, floats, histograms, &scratch.hidden);
            }
        });
        Ok(())
    }

    fn read_with(
        &self,
        slot: u32,
        window: ReadWindow,
        out: &mut SeriesColumns,
        scratch: &mut Scratch,
        (floats, histograms): (usize, usize),
    ) -> Result<(), StorageError> {
        scratch.open.clear();
        scratch.hidden.clear();
        let data = read(&self.data);
        if data.states.len() <= slot as usize {
            return Ok(());
        }
        data.marks.hidden(slot, window.commit, &mut scratch.hidden);
        let newest_only = window.newest_only && scratch.hidden.is_empty();
        if newest_only && let Some((timestamp, value)) = data.newest_of(slot).filter(|newest| newest.0 <= window.max_ms)
        {
            Sink::new(out, window).float(timestamp, value);
            return Ok(());
        }
        let mut sealed: Vec<_> =
            data.batches.iter().filter(|batch| batch.may_have(slot, window.min_ms, window.max_ms)).cloned().collect();
        let mut sink = Sink::new(if sealed.is_empty() { out } else { &mut scratch.open }, window);
        for chunk in data.closed.iter().filter(|chunk| chunk.slot == slot) {
            sink.chunk(chunk.encoding, chunk.min_timestamp, chunk.max_timestamp, &chunk.data)
                .expect("what the encoder wrote decodes");
        }
        if let Some(own) = data.own.get(&slot) {
            scratch.own.clear();
            own.encoder.copy_to(&mut scratch.own);
            sink.chunk(Encoding::Xor, own.first_timestamp, own.last_timestamp, &scratch.own)
                .expect("what the encoder wrote decodes");
        }
        let state = &data.states[slot as usize];
        if state.count > 0 && data.times[usize::from(state.first_column)] <= window.max_ms {
            data.open_samples_of(slot, |timestamp, value| {
                sink.float(timestamp, value);
            });
        }
        if let Some(column) = data.histograms.get(&slot) {
            column.samples.iter().for_each(|sample| sink.histogram(sample));
        }
        drop(data);
        if sealed.is_empty() {
            return Ok(());
        }
        if newest_only
            && scratch.open.histograms.timestamps.is_empty()
            && let Some(&newest) = scratch.open.floats.timestamps.last()
        {
            sealed.retain(|batch| batch.max_timestamp >= newest);
        }
        if scratch.ahead_of != window.set {
            scratch.ahead = ReadAhead::default();
            scratch.ahead_of = window.set;
        }
        let mut sink = Sink::new(out, window);
        for batch in &sealed {
            batch.read(slot, &mut scratch.ahead, |chunk: ChunkView<'_>| {
                if chunk.max_timestamp < window.min_ms || chunk.min_timestamp > window.max_ms {
                    return Ok(());
                }
                sink.chunk(chunk.encoding, chunk.min_timestamp, chunk.max_timestamp, chunk.data)
            })?;
        }
        sink.append(&scratch.open);
        if !sink.is_ordered {
            put_in_order(out, floats, histograms);
        }
        Ok(())
    }
}

impl Sink<'_> {
    fn append(&mut self, open: &SeriesColumns) {
        for (&timestamp, value) in open.floats.timestamps.iter().zip(&open.floats.values) {
            self.float(timestamp, value.to_bits());
        }
        let column = &open.histograms;
        for (i, (&timestamp, value)) in column.timestamps.iter().zip(&column.values).enumerate() {
            self.is_ordered &= timestamp > self.last_histogram;
            self.last_histogram = timestamp;
            let start = column.start_timestamps.get(i).copied().unwrap_or(0);
            let out = &mut self.out.histograms;
            if start != 0 || !out.start_timestamps.is_empty() {
                out.start_timestamps.resize(out.timestamps.len(), 0);
                out.start_timestamps.push(start);
            }
            out.timestamps.push(timestamp);
            out.values.push(value.clone());
        }
    }
}

/// Sorts the samples from `floats` and `histograms` on; of several at one time
/// the first stays.
fn put_in_order(out: &mut SeriesColumns, floats: usize, histograms: usize) {
    let column = &mut out.floats;
    let values = column.values.drain(floats..);
    let mut samples: Vec<(i64, f64)> = column.timestamps.drain(floats..).zip(values).collect();
    samples.sort_by_key(|sample| sample.0);
    samples.dedup_by_key(|sample| sample.0);
    column.timestamps.extend(samples.iter().map(|sample| sample.0));
    column.values.extend(samples.iter().map(|sample| sample.1));
    let column = &mut out.histograms;
    let has_starts = !column.start_timestamps.is_empty();
    column.start_timestamps.resize(column.timestamps.len(), 0);
    let starts = column.start_timestamps.drain(histograms..);
    let values = column.values.drain(histograms..);
    let mut samples: Vec<_> = column.timestamps.drain(histograms..).zip(values).zip(starts).collect();
    samples.sort_by_key(|sample| sample.0.0);
    samples.dedup_by_key(|sample| sample.0.0);
    for ((timestamp, value), start) in samples {
        column.timestamps.push(timestamp);
        column.values.push(value);
        column.start_timestamps.push(start);
    }
    if !has_starts {
        column.start_timestamps.clear();
    }
}

/// Takes the samples at `hidden` times out again, from `floats` and `histograms` on.
fn hide(out: &mut SeriesColumns, floats: usize, histograms: usize, hidden: &[i64]) {
    fn compact(times: &mut Vec<i64>, from: usize, hidden: &[i64], mut keep: impl FnMut(usize, usize)) -> usize {
        let mut to = from;
        for i in from..times.len() {
            if !hidden.contains(&times[i]) {
                times[to] = times[i];
                keep(i, to);
                to += 1;
            }
        }
        times.truncate(to);
        to
    }
    let column = &mut out.floats;
    let len = compact(&mut column.timestamps, floats, hidden, |from, to| column.values[to] = column.values[from]);
    column.values.truncate(len);
    let column = &mut out.histograms;
    let starts = &mut column.start_timestamps;
    let len = compact(&mut column.timestamps, histograms, hidden, |from, to| {
        column.values.swap(from, to);
        if !starts.is_empty() {
            starts.swap(from, to);
        }
    });
    column.values.truncate(len);
    starts.truncate(len);
}
