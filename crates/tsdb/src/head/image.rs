//! A group as a checkpoint holds it: everything that is not in chunk files.
//!
//! Two contents: the series (slots and halves), which the index needs, and the
//! states in the same order, which groups can decode side by side.

use super::group::{GroupData, HistogramColumn};
use super::own::{ClosedChunk, OwnChunk};
use super::series::{GAPPY, HISTOGRAM, LIVE, OWN, SAMPLES_PER_CHUNK, SeriesState, VALUES_LEN_MAX};
use super::slab::{BlockRef, Slab};
use crate::chunk::Encoding;
use crate::chunk::histogram::{get_sample, put_sample};
use crate::chunk::xor::{Window, decode_xor};
use crate::chunk_files::BatchHandle;
use crate::codec::{Cursor, Decoded, Malformed, put_bytes, put_u64, put_uvarint, put_varint};

/// Flags that mean something outside the process.
const KEPT_FLAGS: u8 = OWN | GAPPY | HISTOGRAM;

/// The slots in use, ascending: the order of the states.
pub(crate) fn live_slots(data: &GroupData) -> impl Iterator<Item = u32> + '_ {
    (0..data.states.len() as u32).filter(|&slot| data.states[slot as usize].has(LIVE))
}

/// Writes the states and open samples of a group.
pub(crate) fn put_states(out: &mut Vec<u8>, data: &GroupData) {
    put_uvarint(out, u64::from(data.next_batch));
    put_uvarint(out, data.batches.len() as u64);
    for (file, offset) in data.batches.iter().map(BatchHandle::identity) {
        put_uvarint(out, file);
        put_uvarint(out, offset);
    }
    put_uvarint(out, data.log_number);
    put_uvarint(out, u64::from(data.width));
    out.push(data.sparse_run);
    put_varint(out, data.max_timestamp);
    put_uvarint(out, data.open_samples);
    put_uvarint(out, data.times.len() as u64);
    let mut last = 0;
    for &time in &data.times {
        put_varint(out, time.wrapping_sub(last));
        last = time;
    }
    let mut buffer = [0; VALUES_LEN_MAX];
    for slot in live_slots(data) {
        let state = &data.states[slot as usize];
        out.push(state.flags & KEPT_FLAGS);
        put_varint(out, data.max_timestamp.wrapping_sub(state.last_timestamp));
        put_u64(out, state.last_value);
        out.push(state.count);
        if state.count == 0 {
            continue;
        }
        out.extend([state.first_column, state.window.lead, state.window.trail]);
        out.extend(state.bits.to_le_bytes());
        out.extend_from_slice(&state.values(&data.slab, &mut buffer)[..usize::from(state.bits).div_ceil(8)]);
        if state.has(GAPPY) {
            out.extend(data.gaps.get(&slot).copied().unwrap_or_default().to_le_bytes());
        }
    }
    put_uvarint(out, data.own.len() as u64);
    for (&slot, own) in &data.own {
        put_uvarint(out, u64::from(slot));
        put_bytes(out, &own.close(slot).data);
    }
    put_uvarint(out, data.closed.len() as u64);
    for chunk in &data.closed {
        put_uvarint(out, u64::from(chunk.slot));
        out.push(chunk.encoding.as_byte());
        put_varint(out, chunk.min_timestamp);
        put_varint(out, chunk.max_timestamp);
        put_uvarint(out, u64::from(chunk.samples));
        put_bytes(out, &chunk.data);
    }
    put_uvarint(out, data.histograms.len() as u64);
    for (&slot, column) in &data.histograms {
        put_uvarint(out, u64::from(slot));
        put_uvarint(out, column.samples.len() as u64);
        let (time, start) = (data.states[slot as usize].last_timestamp, 0);
        let last = crate::chunk::histogram::HistogramSample {
            timestamp_ms: time,
            start_timestamp_ms: start,
            histogram: column.last.clone(),
        };
        put_sample(out, &last);
        column.samples.iter().for_each(|sample| put_sample(out, sample));
    }
}

/// Reads what [`put_states`] wrote into a group whose series are in place.
///
/// # Errors
/// [`Malformed`]; the group's samples are then incomplete.
pub(crate) fn get_states(content: &[u8], data: &mut GroupData) -> Decoded<()> {
    let cursor = &mut Cursor::new(content);
    data.next_batch = cursor.uvarint32()?;
    for _ in 0..cursor.count(2)? {
        data.expected_batches.insert((cursor.uvarint()?, cursor.uvarint()?));
    }
    data.log_number = cursor.uvarint()?;
    data.width = cursor.uvarint32()?;
    data.sparse_run = cursor.u8()?;
    data.max_timestamp = cursor.varint()?;
    data.open_samples = cursor.uvarint()?;
    let columns = cursor.count(1)?;
    if columns > SAMPLES_PER_CHUNK {
        return Err(Malformed);
    }
    let mut last = 0i64;
    for _ in 0..columns {
        last = last.wrapping_add(cursor.varint()?);
        data.times.push(last);
    }
    let slots: Vec<u32> = live_slots(data).collect();
    for &slot in &slots {
        get_state(cursor, slot, data)?;
    }
    for _ in 0..cursor.count(2)? {
        let slot = known_slot(cursor, data)?;
        let mut own = OwnChunk::default();
        decode_xor(cursor.bytes()?, |timestamp, value| {
            own.append(timestamp, value);
            true
        })?;
        data.own.insert(slot, own);
    }
    for _ in 0..cursor.count(6)? {
        data.closed.push(ClosedChunk {
            slot: known_slot(cursor, data)?,
            encoding: Encoding::from_byte(cursor.u8()?).ok_or(Malformed)?,
            min_timestamp: cursor.varint()?,
            max_timestamp: cursor.varint()?,
            samples: cursor.uvarint32()?,
            data: cursor.bytes()?.into(),
        });
    }
    for _ in 0..cursor.count(4)? {
        let slot = known_slot(cursor, data)?;
        let count = cursor.count(4)?;
        let last = get_sample(cursor)?.histogram;
        let samples = (0..count).map(|_| get_sample(cursor)).collect::<Decoded<Vec<_>>>()?;
        data.open_histograms += count;
        data.histograms.insert(slot, HistogramColumn { samples, last });
    }
    Ok(())
}

fn known_slot(cursor: &mut Cursor<'_>, data: &GroupData) -> Decoded<u32> {
    let slot = cursor.uvarint32()?;
    data.states.get(slot as usize).filter(|state| state.has(LIVE)).map(|_| slot).ok_or(Malformed)
}

fn get_state(cursor: &mut Cursor<'_>, slot: u32, data: &mut GroupData) -> Decoded<()> {
    let mut state = SeriesState::new();
    state.flags = LIVE | (cursor.u8()? & KEPT_FLAGS);
    state.last_timestamp = data.max_timestamp.wrapping_sub(cursor.varint()?);
    state.last_value = cursor.u64()?;
    state.count = cursor.u8()?;
    if state.count > 0 {
        let [first_column, lead, trail] = cursor.array()?;
        state.first_column = first_column;
        state.window = Window { lead, trail };
        state.bits = cursor.u16()?;
        let values = cursor.take(usize::from(state.bits).div_ceil(8))?;
        if values.len() > VALUES_LEN_MAX {
            return Err(Malformed);
        }
        put_words(&mut state, values, &mut data.slab);
        let columns = if state.has(GAPPY) {
            let columns = u128::from_le_bytes(cursor.array()?);
            data.gaps.insert(slot, columns);
            (columns.count_ones(), 128 - columns.leading_zeros())
        } else {
            (u32::from(state.count), u32::from(first_column) + u32::from(state.count))
        };
        if columns.0 != u32::from(state.count) || columns.1 as usize > data.times.len() {
            return Err(Malformed);
        }
    }
    data.states[slot as usize] = state;
    Ok(())
}

fn put_words(state: &mut SeriesState, values: &[u8], slab: &mut Slab) {
    let mut block = BlockRef::NONE;
    for (i, word) in values.chunks(8).enumerate() {
        let mut bytes = [0; 8];
        bytes[..word.len()].copy_from_slice(word);
        let word = u64::from_be_bytes(bytes);
        if i < usize::from(state.bits / 64) {
            slab.push(&mut block, i, word);
        } else {
            state.tail = word;
        }
    }
    state.block = block;
}
