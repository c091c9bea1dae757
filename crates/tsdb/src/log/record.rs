//! What a record says. A record is a sequence of parts: type byte, u32 length,
//! content; a reader passes over types it does not know.
//!
//! A commit is one record, whatever groups it touches, so that it is there as a
//! whole or not at all. Series are defined in the first record that has samples
//! of them. Values are differences to the series' last value in the same segment
//! (to 0 at first), so that a segment can be read without those before it.

use std::collections::HashMap;

use narthex_model::Labels;
use narthex_storage::GroupKey;

use super::value::{get_value, put_value};
use crate::chunk::histogram::{HistogramSample, get_sample, put_sample};
use crate::codec::{Cursor, Decoded, Malformed, put_bytes, put_uvarint, put_varint};
use crate::head::commit::Accepted;
use crate::head::group::{GroupData, GroupId, Undefined};
use crate::head::series::IN_SEGMENT;

const GROUP: u8 = 1;
const SERIES: u8 = 2;
const SAMPLES: u8 = 3;
const SEAL: u8 = 4;

/// Slots that a log may name, against memory exhaustion by a damaged one.
pub(crate) const SLOT_MAX: u32 = 1 << 28;

/// Writes a part: type, room for the length, content.
pub(crate) fn part(out: &mut Vec<u8>, kind: u8, content: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let at = out.len();
    out.extend([0; 4]);
    content(out);
    let len = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&len.to_le_bytes());
}

/// The parts of a record: type and content.
pub(crate) fn parts(record: &[u8]) -> impl Iterator<Item = Decoded<(u8, &[u8])>> {
    let mut cursor = Cursor::new(record);
    std::iter::from_fn(move || {
        if cursor.is_empty() {
            return None;
        }
        let mut next = || {
            let kind = cursor.u8()?;
            let len = cursor.u32()?;
            Ok((kind, cursor.take(len as usize)?))
        };
        let part = next();
        if part.is_err() {
            cursor = Cursor::new(&[]);
        }
        Some(part)
    })
}

pub(crate) fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    put_uvarint(out, labels.len() as u64);
    for (name, value) in labels {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

pub(crate) fn get_labels(cursor: &mut Cursor<'_>) -> Decoded<Labels> {
    let count = cursor.count(2)?;
    let pairs = (0..count).map(|_| Ok((cursor.text()?, cursor.text()?))).collect::<Decoded<Vec<_>>>()?;
    Ok(Labels::from_pairs(pairs))
}

pub(crate) fn put_key(out: &mut Vec<u8>, key: &GroupKey) {
    match key {
        GroupKey::Target(labels) => {
            out.push(0);
            put_labels(out, labels);
        }
        GroupKey::Other(name) => {
            out.push(1);
            put_bytes(out, name.as_bytes());
        }
    }
}

pub(crate) fn get_key(cursor: &mut Cursor<'_>) -> Decoded<GroupKey> {
    match cursor.u8()? {
        0 => Ok(GroupKey::Target(get_labels(cursor)?)),
        1 => Ok(GroupKey::Other(cursor.text()?.to_owned())),
        _ => Err(Malformed),
    }
}

/// Says which group an id means.
pub(crate) fn put_group(out: &mut Vec<u8>, id: GroupId, key: &GroupKey) {
    part(out, GROUP, |out| {
        put_uvarint(out, u64::from(id.0));
        put_key(out, key);
    });
}

/// Says which series the slots of a group mean. The texts come first, each once;
/// labels that the group's target gives are left out.
pub(crate) fn put_series(out: &mut Vec<u8>, id: GroupId, target_labels: &Labels, series: &[Undefined]) {
    fn own_pairs<'a>(labels: &'a Labels, target_labels: &'a Labels) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut targets = target_labels.iter().peekable();
        labels.iter().filter(move |pair| targets.next_if_eq(pair).is_none())
    }
    let none = Labels::empty();
    let mut texts: Vec<&str> = Vec::new();
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut list = Vec::new();
    let mut last = 0;
    for undefined in series {
        put_varint(&mut list, i64::from(undefined.slot) - last);
        last = i64::from(undefined.slot) + 1;
        let targets = if undefined.in_target { target_labels } else { &none };
        let count = own_pairs(&undefined.labels, targets).count() as u64;
        put_uvarint(&mut list, count << 1 | u64::from(undefined.in_target));
        for text in own_pairs(&undefined.labels, targets).flat_map(|(name, value)| [name, value]) {
            let number = *numbers.entry(text).or_insert_with(|| {
                texts.push(text);
                (texts.len() - 1) as u64
            });
            put_uvarint(&mut list, number);
        }
    }
    part(out, SERIES, |out| {
        put_uvarint(out, u64::from(id.0));
        put_uvarint(out, texts.len() as u64);
        texts.iter().for_each(|text| put_bytes(out, text.as_bytes()));
        put_uvarint(out, series.len() as u64);
        out.extend_from_slice(&list);
    });
}

/// Says that all open chunks of a group were sealed.
pub(crate) fn put_seal(out: &mut Vec<u8>, id: GroupId, number: u64) {
    part(out, SEAL, |out| {
        put_uvarint(out, u64::from(id.0));
        put_uvarint(out, number);
    });
}

/// The samples of a commit in one group: the record with this number there, in
/// `segment`. Its values refer to what the segment has before.
pub(crate) fn put_samples(
    out: &mut Vec<u8>,
    id: GroupId,
    number: u64,
    segment: u64,
    data: &GroupData,
    accepted: &Accepted,
) {
    let is_first = data.log_segment != segment;
    let before = |slot: u32| {
        let state = &data.states[slot as usize];
        if is_first || !state.has(IN_SEGMENT) { 0 } else { state.last_value }
    };
    part(out, SAMPLES, |out| {
        put_uvarint(out, u64::from(id.0));
        put_uvarint(out, number);
        out.push(u8::from(is_first));
        put_varint(out, accepted.timestamp);
        put_slots(out, &accepted.shared);
        let changes = out.len();
        out.resize(changes + accepted.shared.len().div_ceil(8), 0);
        for (i, &(slot, value)) in accepted.shared.iter().enumerate() {
            let before = before(slot);
            if before != value {
                out[changes + i / 8] |= 1 << (i % 8);
                put_value(out, before, value);
            }
        }
        put_uvarint(out, accepted.timed.len() as u64);
        if !accepted.timed.is_empty() {
            let mut newest: HashMap<u32, u64> = accepted.shared.iter().copied().collect();
            for &(slot, timestamp, value) in &accepted.timed {
                put_uvarint(out, u64::from(slot));
                put_varint(out, timestamp.wrapping_sub(accepted.timestamp));
                let before = newest.insert(slot, value).unwrap_or_else(|| before(slot));
                put_value(out, before, value);
            }
        }
        put_uvarint(out, accepted.histograms.len() as u64);
        for (slot, sample) in &accepted.histograms {
            put_uvarint(out, u64::from(*slot));
            put_sample(out, sample);
        }
    });
}

/// Slots in the order of the batch, as runs of neighbours.
fn put_slots(out: &mut Vec<u8>, shared: &[(u32, u64)]) {
    let runs = || shared.chunk_by(|a, b| a.0 + 1 == b.0);
    put_uvarint(out, runs().count() as u64);
    let mut last = 0;
    for run in runs() {
        put_varint(out, i64::from(run[0].0) - last);
        put_uvarint(out, run.len() as u64);
        last = i64::from(run[0].0) + run.len() as i64;
    }
}

/// A series as a record defines it.
#[derive(Debug)]
pub(crate) struct DefinedSeries<'a> {
    pub(crate) slot: u32,
    pub(crate) in_target: bool,
    /// Without those of the target.
    pub(crate) pairs: Vec<(&'a str, &'a str)>,
}

/// A part, taken apart as far as is needed to know whom it concerns.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    Group { id: GroupId, key: GroupKey },
    Series { id: GroupId, series: Vec<DefinedSeries<'a>> },
    Samples { id: GroupId, number: u64, samples: Cursor<'a> },
    Seal { id: GroupId, number: u64 },
    Unknown,
}

pub(crate) fn decode_part(kind: u8, content: &[u8]) -> Decoded<Part<'_>> {
    let mut cursor = Cursor::new(content);
    if !matches!(kind, GROUP | SERIES | SAMPLES | SEAL) {
        return Ok(Part::Unknown);
    }
    let id = GroupId(cursor.uvarint32()?);
    match kind {
        GROUP => Ok(Part::Group { id, key: get_key(&mut cursor)? }),
        SERIES => Ok(Part::Series { id, series: get_series(&mut cursor)? }),
        SAMPLES => Ok(Part::Samples { id, number: cursor.uvarint()?, samples: cursor }),
        _ => Ok(Part::Seal { id, number: cursor.uvarint()? }),
    }
}

fn slot(at: i64) -> Decoded<u32> {
    u32::try_from(at).ok().filter(|&slot| slot < SLOT_MAX).ok_or(Malformed)
}

fn get_series<'a>(cursor: &mut Cursor<'a>) -> Decoded<Vec<DefinedSeries<'a>>> {
    let count = cursor.count(1)?;
    let texts = (0..count).map(|_| cursor.text()).collect::<Decoded<Vec<_>>>()?;
    let count = cursor.count(2)?;
    let mut last = 0i64;
    let mut series = Vec::with_capacity(count);
    for _ in 0..count {
        let slot = slot(last.checked_add(cursor.varint()?).ok_or(Malformed)?)?;
        last = i64::from(slot) + 1;
        let head = cursor.uvarint()?;
        if head >> 1 > cursor.remaining() as u64 {
            return Err(Malformed);
        }
        let mut text = || texts.get(cursor.uvarint()? as usize).copied().ok_or(Malformed);
        let pairs = (0..head >> 1).map(|_| Ok((text()?, text()?))).collect::<Decoded<Vec<_>>>()?;
        series.push(DefinedSeries { slot, in_target: head & 1 != 0, pairs });
    }
    Ok(series)
}

/// What a reader of a segment knows of one group: the last value of each slot.
#[derive(Debug, Default)]
pub(crate) struct LastValues {
    values: Vec<u64>,
    /// Number of the last record read; `None` when a record is missing since
    /// the group's first one in the segment.
    number: Option<u64>,
}

impl LastValues {
    /// Begins another segment.
    pub(crate) fn clear(&mut self) {
        self.number = None;
    }

    /// A slot was given to a series that has no values yet.
    pub(crate) fn reset(&mut self, slot: u32) {
        if let Some(value) = self.values.get_mut(slot as usize) {
            *value = 0;
        }
    }

    fn get(&mut self, slot: u32) -> &mut u64 {
        if self.values.len() <= slot as usize {
            self.values.resize(slot as usize + 1, 0);
        }
        &mut self.values[slot as usize]
    }

    /// Counts a record without values.
    pub(crate) fn pass(&mut self, number: u64) {
        self.number = self.number.filter(|&last| last + 1 == number).map(|_| number);
    }

    /// Reads the samples of a record. `false` when they refer to a record that is missing.
    ///
    /// # Errors
    /// [`Malformed`] when the content is none.
    pub(crate) fn decode(&mut self, number: u64, mut cursor: Cursor<'_>, out: &mut Accepted) -> Decoded<bool> {
        let is_first = cursor.u8()? != 0;
        if is_first {
            self.values.clear();
        } else if self.number.is_none_or(|last| last + 1 != number) {
            self.number = None;
            return Ok(false);
        }
        self.number = None;
        out.clear(cursor.varint()?);
        let runs = cursor.count(2)?;
        let mut last = 0i64;
        for _ in 0..runs {
            let start = slot(last.checked_add(cursor.varint()?).ok_or(Malformed)?)?;
            let len = cursor.uvarint32()?;
            // Each sample takes a bit of what follows.
            if len as usize > cursor.remaining().saturating_mul(8) {
                return Err(Malformed);
            }
            last = i64::from(start) + i64::from(len);
            slot(last)?;
            out.shared.extend((start..start + len).map(|slot| (slot, 0)));
        }
        let changes = cursor.take(out.shared.len().div_ceil(8))?;
        for (i, (slot, value)) in out.shared.iter_mut().enumerate() {
            let last = self.get(*slot);
            if changes[i / 8] >> (i % 8) & 1 != 0 {
                *last = get_value(&mut cursor, *last)?;
            }
            *value = *last;
        }
        let timed = cursor.count(3)?;
        for _ in 0..timed {
            let slot = slot(i64::from(cursor.uvarint32()?))?;
            let timestamp = out.timestamp.wrapping_add(cursor.varint()?);
            let last = self.get(slot);
            *last = get_value(&mut cursor, *last)?;
            out.timed.push((slot, timestamp, *last));
        }
        let histograms = cursor.count(3)?;
        for _ in 0..histograms {
            let slot = slot(i64::from(cursor.uvarint32()?))?;
            let sample: HistogramSample = get_sample(&mut cursor)?;
            out.histograms.push((slot, sample));
        }
        self.number = Some(number);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(kind in 0u8..6, bytes: Vec<u8>) {
            for part in parts(&bytes) {
                let Ok((kind, content)) = part else { break };
                let _ = decode_part(kind, content);
            }
            if let Ok(Part::Samples { number, samples, .. }) = decode_part(kind, &bytes) {
                let _ = LastValues::default().decode(number, samples, &mut Accepted::default());
            }
        }
    }
}
