//! Frames: records in log segments and checkpoints.
//!
//! A file begins with 4 bytes of magic, u32 version and u64 number. A frame is
//! u16 magic, u32 length and u32 CRC-32C, then as many bytes of record. The
//! checksum covers the file's number, the frame's offset, the length and the
//! record, so that nothing left over from elsewhere passes for a frame. All
//! integers are little endian.
//!
//! A reader that finds a damaged frame looks for the next good one. Damage with
//! nothing good behind it, in the last segment, is a torn tail.

use std::ops::Range;

pub(crate) const FILE_HEADER_LEN: usize = 16;
pub(crate) const FRAME_HEADER_LEN: usize = 10;
const VERSION: u32 = 1;
const FRAME_MAGIC: [u8; 2] = [0x9E, 0x4C];
/// Greatest length of a record.
pub(crate) const RECORD_LEN_MAX: usize = 1 << 30;

/// What kind of file holds the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Segment,
    Checkpoint,
}

impl FileKind {
    fn magic(self) -> [u8; 4] {
        match self {
            FileKind::Segment => *b"NXlg",
            FileKind::Checkpoint => *b"NXcp",
        }
    }
}

/// The head of a file.
pub(crate) fn file_header(kind: FileKind, number: u64) -> [u8; FILE_HEADER_LEN] {
    let mut out = [0; FILE_HEADER_LEN];
    out[..4].copy_from_slice(&kind.magic());
    out[4..8].copy_from_slice(&VERSION.to_le_bytes());
    out[8..].copy_from_slice(&number.to_le_bytes());
    out
}

fn checksum(number: u64, offset: u64, record: &[u8]) -> u32 {
    let mut place = [0; 20];
    place[..8].copy_from_slice(&number.to_le_bytes());
    place[8..16].copy_from_slice(&offset.to_le_bytes());
    place[16..].copy_from_slice(&(record.len() as u32).to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), record)
}

/// Begins a frame in `out`: room for its header. The record follows.
pub(crate) fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.resize(FRAME_HEADER_LEN, 0);
}

/// Fills in the header of the frame that `frame` is, for its place in its file.
pub(crate) fn finish(frame: &mut [u8], number: u64, offset: u64) {
    let (header, record) = frame.split_at_mut(FRAME_HEADER_LEN);
    header[..2].copy_from_slice(&FRAME_MAGIC);
    header[2..6].copy_from_slice(&(record.len() as u32).to_le_bytes());
    header[6..].copy_from_slice(&checksum(number, offset, record).to_le_bytes());
}

/// The frames of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// Where the good records are.
    pub(crate) records: Vec<Range<usize>>,
    /// Where damage begins that good frames follow.
    pub(crate) damaged: Vec<usize>,
    /// Where damage begins that nothing good follows.
    pub(crate) torn: Option<usize>,
}

/// The record of the frame at `at`, if it is undamaged.
fn record_at(bytes: &[u8], number: u64, at: usize) -> Option<Range<usize>> {
    let header = bytes.get(at..at + FRAME_HEADER_LEN)?;
    if header[..2] != FRAME_MAGIC {
        return None;
    }
    let len = u32::from_le_bytes(header[2..6].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(header[6..].try_into().ok()?);
    let start = at + FRAME_HEADER_LEN;
    let record = bytes.get(start..start.checked_add(len)?)?;
    (len <= RECORD_LEN_MAX && checksum(number, at as u64, record) == crc).then(|| start..start + len)
}

/// Finds the frames of a file. `None` when it is no such file: its head is another
/// and no frame is good. A damaged head before good frames is damage like any other.
pub(crate) fn find(bytes: &[u8], kind: FileKind, number: u64) -> Option<Frames> {
    let is_head_good = bytes.get(..FILE_HEADER_LEN)? == file_header(kind, number);
    let mut frames = find_behind_head(bytes, number);
    if !is_head_good {
        if frames.records.is_empty() {
            return None;
        }
        frames.damaged.insert(0, 0);
    }
    Some(frames)
}

fn find_behind_head(bytes: &[u8], number: u64) -> Frames {
    let mut frames = Frames::default();
    let mut at = FILE_HEADER_LEN;
    while at < bytes.len() {
        if let Some(record) = record_at(bytes, number, at) {
            at = record.end;
            frames.records.push(record);
            continue;
        }
        let next = (at + 1..bytes.len())
            .find(|&next| bytes[next] == FRAME_MAGIC[0] && record_at(bytes, number, next).is_some());
        match next {
            Some(next) => {
                frames.damaged.push(at);
                at = next;
            }
            None => {
                frames.torn = Some(at);
                break;
            }
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(records: &[&[u8]]) -> Vec<u8> {
        let mut bytes = file_header(FileKind::Segment, 7).to_vec();
        for record in records {
            let mut frame = Vec::new();
            begin(&mut frame);
            frame.extend_from_slice(record);
            finish(&mut frame, 7, bytes.len() as u64);
            bytes.extend(frame);
        }
        bytes
    }

    fn records(bytes: &[u8]) -> (Vec<&[u8]>, Frames) {
        let frames = find(bytes, FileKind::Segment, 7).unwrap();
        (frames.records.iter().map(|record| &bytes[record.clone()]).collect(), frames)
    }

    #[test]
    fn a_torn_tail_is_not_damage() {
        let bytes = file(&[b"one", b"two"]);
        for cut in bytes.len() - 12..bytes.len() {
            let (found, frames) = records(&bytes[..cut]);
            assert_eq!(found, [b"one"]);
            assert_eq!((frames.damaged.len(), frames.torn.is_some()), (0, cut > bytes.len() - 13));
        }
    }

    #[test]
    fn a_damaged_frame_is_passed_over() {
        let mut bytes = file(&[b"one", b"two", b"three"]);
        bytes[FILE_HEADER_LEN + 13 + 11] ^= 1;
        let (found, frames) = records(&bytes);
        assert_eq!(found, [b"one".as_slice(), b"three"]);
        assert_eq!(frames.damaged, [FILE_HEADER_LEN + 13]);
    }

    #[test]
    fn a_damaged_head_costs_no_frame() {
        let mut bytes = file(&[b"one", b"two"]);
        bytes[5] ^= 1;
        let (found, frames) = records(&bytes);
        assert_eq!(found, [b"one", b"two"]);
        assert_eq!((frames.damaged, frames.torn), (vec![0], None));
        // Frames of another file do not pass for this one's.
        assert_eq!(find(&bytes, FileKind::Segment, 8), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(mut tail: Vec<u8>) {
            let mut bytes = file(&[b"one"]);
            bytes.append(&mut tail);
            prop_assert!(find(&bytes, FileKind::Segment, 7).is_some());
        }
    }
}
