//! `tombstones`: what was deleted and not yet rewritten.
//!
//! ```text
//! 0130BA30 │ 1 │ rows {uvarint series id, varint first time, varint last time} │ CRC-32C of the rows
//! ```
//!
//! Intervals include both ends. Rows come in any order; intervals of one series
//! that overlap or touch are one. A missing file is an empty one. Source:
//! specification §8.9.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use narthex_env::Files;

use crate::codec::{Cursor, put_u32, put_uvarint, put_varint};
use crate::dir::write_file;
use crate::error::{Result, corrupt, io_error};

/// Its name in the block's directory.
pub const TOMBSTONES_FILE: &str = "tombstones";
const MAGIC: u32 = 0x0130_BA30;
const VERSION: u8 = 1;

/// Times from `min_ms` to `max_ms`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First deleted time.
    pub min_ms: i64,
    /// Last deleted time.
    pub max_ms: i64,
}

impl Interval {
    /// Whether `timestamp_ms` is deleted.
    #[inline]
    pub fn contains(self, timestamp_ms: i64) -> bool {
        self.min_ms <= timestamp_ms && timestamp_ms <= self.max_ms
    }
}

/// Adds an interval to sorted ones that neither overlap nor touch. An empty
/// interval (its end before its start) changes nothing.
pub fn add_interval(intervals: &mut Vec<Interval>, interval: Interval) {
    if interval.min_ms > interval.max_ms {
        return;
    }
    let touches_from = interval.min_ms.saturating_sub(1);
    let touches_to = interval.max_ms.saturating_add(1);
    let first = intervals.partition_point(|i| i.max_ms < touches_from);
    let end = intervals.partition_point(|i| i.min_ms <= touches_to);
    if first >= end {
        intervals.insert(first, interval);
        return;
    }
    let merged = Interval {
        min_ms: interval.min_ms.min(intervals[first].min_ms),
        max_ms: interval.max_ms.max(intervals[end - 1].max_ms),
    };
    intervals.splice(first..end, [merged]);
}

/// The deleted intervals of a block, by series id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tombstones {
    by_series: BTreeMap<u64, Vec<Interval>>,
}

impl Tombstones {
    /// Whether nothing is deleted.
    pub fn is_empty(&self) -> bool {
        self.by_series.is_empty()
    }

    /// How many intervals there are.
    pub fn len(&self) -> u64 {
        self.by_series.values().map(|intervals| intervals.len() as u64).sum()
    }

    /// The intervals of a series, sorted.
    pub fn of(&self, series: u64) -> &[Interval] {
        self.by_series.get(&series).map_or(&[], Vec::as_slice)
    }

    /// Deletes an interval of a series.
    pub fn add(&mut self, series: u64, interval: Interval) {
        if interval.min_ms <= interval.max_ms {
            add_interval(self.by_series.entry(series).or_default(), interval);
        }
    }

    /// Reads the file of the block in `dir`.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn read(files: &dyn Files, dir: &Path) -> Result<Tombstones> {
        let path = dir.join(TOMBSTONES_FILE);
        let file = match files.open_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tombstones::default()),
            opened => opened.map_err(io_error("open", &path))?,
        };
        let bytes = file.read_all().map_err(io_error("read", &path))?;
        Tombstones::from_bytes(&bytes).map_err(|(offset, what)| corrupt(&path, offset as u64, what))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> std::result::Result<Tombstones, (usize, String)> {
        let mut cursor = Cursor::new(bytes);
        let short = |_| (bytes.len(), "invalid size".to_owned());
        let magic = cursor.u32().map_err(short)?;
        if magic != MAGIC {
            return Err((0, format!("invalid magic number {magic:x}")));
        }
        let version = cursor.u8().map_err(short)?;
        if version != VERSION {
            return Err((4, format!("invalid tombstone format {version:x}")));
        }
        let rows_len = cursor.remaining().checked_sub(4).ok_or((bytes.len(), "invalid size".to_owned()))?;
        let rows = cursor.take(rows_len).map_err(short)?;
        let expected = cursor.u32().map_err(short)?;
        if crc32c::crc32c(rows) != expected {
            return Err((5, "checksum did not match".into()));
        }
        let mut tombstones = Tombstones::default();
        let mut rows = Cursor::new(rows);
        while !rows.is_empty() {
            let at = 5 + rows_len - rows.remaining();
            let row = (rows.uvarint(), rows.varint(), rows.varint());
            let (Ok(series), Ok(min_ms), Ok(max_ms)) = row else { return Err((at, "a row is cut off".into())) };
            tombstones.add(series, Interval { min_ms, max_ms });
        }
        Ok(tombstones)
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_u32(&mut out, MAGIC);
        out.push(VERSION);
        for (&series, intervals) in &self.by_series {
            for interval in intervals {
                put_uvarint(&mut out, series);
                put_varint(&mut out, interval.min_ms);
                put_varint(&mut out, interval.max_ms);
            }
        }
        let crc = crc32c::crc32c(&out[5..]);
        put_u32(&mut out, crc);
        out
    }

    /// Writes the file of the block in `dir` and makes it durable; returns its length.
    ///
    /// # Errors
    /// The system's; an old file then stays as it was.
    pub fn write(&self, files: &dyn Files, dir: &Path) -> Result<u64> {
        let bytes = self.to_bytes();
        write_file(files, dir, TOMBSTONES_FILE, &bytes)?;
        Ok(bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interval(min_ms: i64, max_ms: i64) -> Interval {
        Interval { min_ms, max_ms }
    }

    #[test]
    fn the_bytes_are_upstreams() {
        let mut tombstones = Tombstones::default();
        let hex = |t: &Tombstones| t.to_bytes().iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(&tombstones), "0130ba300100000000");
        tombstones.add(2, interval(1000, 2000));
        assert_eq!(hex(&tombstones), "0130ba300102d00fa01fa3963694");
        assert_eq!(Tombstones::from_bytes(&tombstones.to_bytes()), Ok(tombstones));
    }

    #[test]
    fn touching_intervals_are_one() {
        let mut intervals = vec![];
        for i in [interval(5, 6), interval(1, 2), interval(9, 9), interval(8, 7), interval(3, 4), interval(11, 12)] {
            add_interval(&mut intervals, i);
        }
        assert_eq!(intervals, [interval(1, 6), interval(9, 9), interval(11, 12)]);
        add_interval(&mut intervals, interval(i64::MIN, i64::MAX));
        assert_eq!(intervals, [interval(i64::MIN, i64::MAX)]);
    }

    #[test]
    fn damage_is_told_in_upstreams_words() {
        let good = Tombstones::default().to_bytes();
        for (at, want) in
            [(3, "invalid magic number 130ba31"), (4, "invalid tombstone format 0"), (8, "checksum did not match")]
        {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert_eq!(Tombstones::from_bytes(&bytes).unwrap_err().1, want);
        }
        assert_eq!(Tombstones::from_bytes(&good[..8]).unwrap_err().1, "invalid size");
    }

    proptest! {
        #[test]
        fn a_time_is_deleted_when_some_interval_has_it(all in prop::collection::vec((-30i64..30, 0i64..8), 0..20)) {
            let mut intervals = vec![];
            all.iter().for_each(|&(start, len)| add_interval(&mut intervals, interval(start, start + len)));
            for t in -40..50 {
                let want = all.iter().any(|&(start, len)| (start..=start + len).contains(&t));
                prop_assert_eq!(intervals.iter().any(|i| i.contains(t)), want);
            }
            prop_assert!(intervals.windows(2).all(|pair| pair[0].max_ms + 1 < pair[1].min_ms));
        }

        #[test]
        fn any_bytes_end_in_an_answer(rows: Vec<u8>) {
            let mut bytes = vec![0x01, 0x30, 0xba, 0x30, 1];
            bytes.extend(&rows);
            bytes.extend(crc32c::crc32c(&rows).to_be_bytes());
            let _ = Tombstones::from_bytes(&bytes);
            let _ = Tombstones::from_bytes(&rows);
        }
    }
}
