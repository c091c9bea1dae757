//! Checkpoints: a file that, with the log segments from its number on, is the
//! whole head.
//!
//! A group is written under its lock, one after the other, while commits go on:
//! a group's image carries the number of its last log record, and replay passes
//! over those it has. The file is complete, synced and named before old segments
//! are removed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_env::{File, Files};
use narthex_model::Labels;
use narthex_storage::{GroupKey, StorageError};

use super::frame::{self, FILE_HEADER_LEN, FileKind};
use super::record::{SLOT_MAX, get_key, part, put_key};
use super::writer::NUMBER_MAX;
use crate::codec::{Cursor, Decoded, Malformed, put_bytes, put_uvarint, put_varint};
use crate::head::group::{Group, GroupData, GroupId};
use crate::head::image::{live_slots, put_states};
use crate::index::{HalfId, Index, Symbol};

const HEADER: u8 = 16;
const HALVES: u8 = 17;
const GROUP: u8 = 18;
const STATES: u8 = 19;
const END: u8 = 20;

/// Bytes that are collected before they are written.
const BUFFER_LEN: usize = 1 << 20;

/// What a checkpoint says of the whole database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckpointHeader {
    /// Samples before it do not count any more.
    pub(crate) floor: i64,
    /// The next group's id.
    pub(crate) next_group: u32,
}

pub(crate) fn checkpoint_name(number: u64) -> String {
    format!("checkpoint.{number:08}")
}

/// The number of the checkpoint with this file name; `None` when none is named so.
pub(crate) fn checkpoint_number(file_name: &str) -> Option<u64> {
    let number = file_name.strip_prefix("checkpoint.")?.parse().ok()?;
    (number <= NUMBER_MAX && checkpoint_name(number) == file_name).then_some(number)
}

/// Whether a checkpoint that is being written is named so.
pub(crate) fn is_temporary(file_name: &str) -> bool {
    file_name.strip_suffix(".tmp").and_then(checkpoint_number).is_some()
}

/// Writes a checkpoint. Halves and texts are written when a group first needs them.
pub(crate) struct CheckpointWriter {
    files: Arc<dyn Files>,
    dir: PathBuf,
    number: u64,
    file: Arc<dyn File>,
    written: u64,
    buffer: Vec<u8>,
    frame: Vec<u8>,
    /// By half: its number in the file, plus 1.
    half_numbers: Vec<u32>,
    symbol_numbers: Vec<u32>,
    halves: u32,
    symbols: u32,
    groups: u64,
}

impl CheckpointWriter {
    fn temporary(&self) -> PathBuf {
        self.dir.join(format!("{}.tmp", checkpoint_name(self.number)))
    }

    /// Begins checkpoint `number`, the first log segment that is not in it.
    pub(crate) fn create(
        files: Arc<dyn Files>,
        dir: &Path,
        number: u64,
        header: CheckpointHeader,
    ) -> Result<CheckpointWriter, StorageError> {
        let path = dir.join(format!("{}.tmp", checkpoint_name(number)));
        let file = files.create(&path).map_err(|source| StorageError::Io { action: "create", path, source })?;
        let mut this = CheckpointWriter {
            files,
            dir: dir.to_path_buf(),
            number,
            file,
            written: 0,
            buffer: frame::file_header(FileKind::Checkpoint, number).to_vec(),
            frame: Vec::new(),
            half_numbers: Vec::new(),
            symbol_numbers: Vec::new(),
            halves: 0,
            symbols: 0,
            groups: 0,
        };
        frame::begin(&mut this.frame);
        part(&mut this.frame, HEADER, |out| {
            put_varint(out, header.floor);
            put_uvarint(out, u64::from(header.next_group));
        });
        this.end_frame()?;
        Ok(this)
    }

    fn error(&self, action: &'static str) -> impl FnOnce(io::Error) -> StorageError {
        let path = self.temporary();
        move |source| StorageError::Io { action, path, source }
    }

    fn end_frame(&mut self) -> Result<(), StorageError> {
        frame::finish(&mut self.frame, self.number, self.written + self.buffer.len() as u64);
        self.buffer.extend_from_slice(&self.frame);
        if self.buffer.len() >= BUFFER_LEN { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file.append(&self.buffer).map_err(self.error("write"))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn number_of(numbers: &mut Vec<u32>, next: &mut u32, limit: usize, id: u32) -> (u32, bool) {
        if numbers.len() < limit {
            numbers.resize(limit, 0);
        }
        let number = &mut numbers[id as usize];
        let is_new = *number == 0;
        if is_new {
            *next += 1;
            *number = *next;
        }
        (*number - 1, is_new)
    }

    /// Writes a group's image, and before it the halves that are new.
    pub(crate) fn group(&mut self, group: &Group, data: &GroupData, index: &Index) -> Result<(), StorageError> {
        let (first_symbol, first_half) = (self.symbols, self.halves);
        let (mut texts, mut halves, mut series) = (Vec::new(), Vec::new(), Vec::new());
        let (mut count, mut last, mut new_texts, mut new_halves) = (0u64, 0, 0u64, 0u64);
        for slot in live_slots(data) {
            let place = index.place(data.ids[slot as usize]);
            let (half, is_new) =
                Self::number_of(&mut self.half_numbers, &mut self.halves, index.halves.limit(), place.metric.0);
            if is_new {
                new_halves += 1;
                let pairs = index.halves.pairs(place.metric);
                put_uvarint(&mut halves, pairs.len() as u64);
                for Symbol(symbol) in pairs.iter().flat_map(|pair| [pair.0, pair.1]) {
                    let limit = index.symbols.limit();
                    let (number, is_new) = Self::number_of(&mut self.symbol_numbers, &mut self.symbols, limit, symbol);
                    if is_new {
                        new_texts += 1;
                        put_bytes(&mut texts, index.symbols.text(Symbol(symbol)).as_bytes());
                    }
                    put_uvarint(&mut halves, u64::from(number));
                }
            }
            let in_target = place.target == group.target && place.target != HalfId::EMPTY;
            put_uvarint(&mut series, u64::from(slot - last));
            put_uvarint(&mut series, u64::from(half) << 1 | u64::from(in_target));
            last = slot;
            count += 1;
        }
        if new_halves > 0 {
            frame::begin(&mut self.frame);
            part(&mut self.frame, HALVES, |out| {
                put_uvarint(out, u64::from(first_symbol));
                put_uvarint(out, new_texts);
                out.extend_from_slice(&texts);
                put_uvarint(out, u64::from(first_half));
                put_uvarint(out, new_halves);
                out.extend_from_slice(&halves);
            });
            self.end_frame()?;
        }
        frame::begin(&mut self.frame);
        part(&mut self.frame, GROUP, |out| {
            put_uvarint(out, u64::from(group.id.0));
            put_key(out, &group.key);
            put_uvarint(out, count);
            out.extend_from_slice(&series);
        });
        part(&mut self.frame, STATES, |out| put_states(out, data));
        self.groups += 1;
        self.end_frame()
    }

    /// Completes the file and gives it its name, durably.
    pub(crate) fn finish(mut self) -> Result<u64, StorageError> {
        frame::begin(&mut self.frame);
        let groups = self.groups;
        part(&mut self.frame, END, |out| put_uvarint(out, groups));
        self.end_frame()?;
        self.flush()?;
        self.file.sync_data().map_err(self.error("sync"))?;
        let path = self.dir.join(checkpoint_name(self.number));
        self.files.rename(&self.temporary(), &path).map_err(self.error("rename"))?;
        self.files.sync_dir(&self.dir).map_err(self.error("sync the directory of"))?;
        Ok(self.written)
    }
}

/// A series in a checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageSeries {
    pub(crate) slot: u32,
    pub(crate) in_target: bool,
    /// The number of its other half.
    pub(crate) half: usize,
}

/// A part of a checkpoint.
pub(crate) enum Image<'a> {
    Header(CheckpointHeader),
    Halves {
        first_text: usize,
        texts: Vec<&'a str>,
        first_half: usize,
        halves: Vec<Vec<(usize, usize)>>,
    },
    Group {
        id: GroupId,
        key: GroupKey,
        series: Vec<ImageSeries>,
    },
    /// States of the group before.
    States(&'a [u8]),
    End {
        groups: u64,
    },
    Unknown,
}

pub(crate) fn decode_image(kind: u8, content: &[u8]) -> Decoded<Image<'_>> {
    let mut cursor = Cursor::new(content);
    let size = |value: u64| usize::try_from(value).map_err(|_| Malformed);
    match kind {
        HEADER => Ok(Image::Header(CheckpointHeader { floor: cursor.varint()?, next_group: cursor.uvarint32()? })),
        HALVES => {
            let first_text = size(cursor.uvarint()?)?;
            let count = cursor.count(1)?;
            let texts = (0..count).map(|_| cursor.text()).collect::<Decoded<_>>()?;
            let first_half = size(cursor.uvarint()?)?;
            let count = cursor.count(1)?;
            let mut halves = Vec::with_capacity(count);
            for _ in 0..count {
                let pairs = cursor.count(2)?;
                let mut number = || size(cursor.uvarint()?);
                halves.push((0..pairs).map(|_| Ok((number()?, number()?))).collect::<Decoded<_>>()?);
            }
            Ok(Image::Halves { first_text, texts, first_half, halves })
        }
        GROUP => {
            let id = GroupId(cursor.uvarint32()?);
            let key = get_key(&mut cursor)?;
            let count = cursor.count(2)?;
            let mut slot = 0u32;
            let mut series = Vec::with_capacity(count);
            for _ in 0..count {
                slot = slot.checked_add(cursor.uvarint32()?).filter(|&slot| slot < SLOT_MAX).ok_or(Malformed)?;
                let half = cursor.uvarint()?;
                series.push(ImageSeries { slot, in_target: half & 1 != 0, half: size(half >> 1)? });
            }
            Ok(Image::Group { id, key, series })
        }
        STATES => Ok(Image::States(content)),
        END => Ok(Image::End { groups: cursor.uvarint()? }),
        _ => Ok(Image::Unknown),
    }
}

/// The shortest file that can be a checkpoint.
pub(crate) const CHECKPOINT_LEN_MIN: usize = FILE_HEADER_LEN;

/// The labels of a half whose texts are known.
pub(crate) fn half_labels(pairs: &[(usize, usize)], texts: &[Option<String>]) -> Option<Labels> {
    let text = |number: usize| texts.get(number)?.as_deref();
    let pairs = pairs.iter().map(|&(name, value)| Some((text(name)?, text(value)?))).collect::<Option<Vec<_>>>()?;
    Some(Labels::from_pairs(pairs))
}
