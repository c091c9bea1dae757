//! Chunks into columns.

use std::sync::Arc;

use narthex_storage::{FloatColumn, HistogramColumn, SeriesColumns};

use crate::encoding::{Encoding, sample_count};
use crate::histogram::reader::{FloatReader, IntReader};
use crate::{ChunkError, xor, xor2};

/// Times from `min_ms` to `max_ms`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// First, in milliseconds.
    pub min_ms: i64,
    /// Last, in milliseconds.
    pub max_ms: i64,
}

impl TimeRange {
    /// All times.
    pub const ALL: TimeRange = TimeRange { min_ms: i64::MIN, max_ms: i64::MAX };

    /// Whether `timestamp_ms` is one of them.
    #[inline]
    pub fn contains(self, timestamp_ms: i64) -> bool {
        self.min_ms <= timestamp_ms && timestamp_ms <= self.max_ms
    }

    /// Whether some time is in both.
    pub fn overlaps(self, min_ms: i64, max_ms: i64) -> bool {
        self.min_ms <= max_ms && min_ms <= self.max_ms
    }
}

/// Appends the samples of a chunk that lie in `range` to `out`, behind what is
/// there already.
///
/// Histograms become histograms of floats. The first of a chunk has an unknown
/// relation to the one before; later ones are no resets, or gauges.
///
/// # Errors
/// When the data is not such a chunk; `out` is then as it was.
pub fn decode_into(
    encoding: Encoding,
    data: &[u8],
    range: TimeRange,
    out: &mut SeriesColumns,
) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Xor | Encoding::Xor2 => floats(encoding, data, range, &mut out.floats),
        Encoding::Histogram | Encoding::HistogramSt => {
            let mut reader = IntReader::new(data, encoding == Encoding::HistogramSt)?;
            histograms(&mut out.histograms, || {
                while reader.next()? {
                    if range.contains(reader.timestamp()) {
                        return Ok(Some((reader.timestamp(), reader.start(), reader.to_float())));
                    }
                }
                Ok(None)
            })
        }
        Encoding::FloatHistogram | Encoding::FloatHistogramSt => {
            let mut reader = FloatReader::new(data, encoding == Encoding::FloatHistogramSt)?;
            histograms(&mut out.histograms, || {
                while reader.next()? {
                    if range.contains(reader.timestamp()) {
                        return Ok(Some((reader.timestamp(), reader.start(), reader.histogram())));
                    }
                }
                Ok(None)
            })
        }
    }
}

/// All of the chunk is decoded and what lies outside is cut off: a comparison per
/// sample would cost more than the few samples that a query's ends waste.
fn floats(encoding: Encoding, data: &[u8], range: TimeRange, out: &mut FloatColumn) -> Result<(), ChunkError> {
    let count = usize::from(sample_count(encoding, data)?);
    // A sample takes two bits at least, in XOR2 one.
    if count > data.len() * 8 {
        return Err(ChunkError::Short);
    }
    let before = out.timestamps.len();
    out.timestamps.resize(before + count, 0);
    out.values.resize(before + count, 0.0);
    let (timestamps, values) = (&mut out.timestamps[before..], &mut out.values[before..]);
    let has_starts = encoding == Encoding::Xor2 && xor2::has_starts(data);
    let decoded = if encoding == Encoding::Xor {
        xor::decode(data, timestamps, values)
    } else if has_starts {
        fill_starts(&mut out.start_timestamps, before);
        out.start_timestamps.resize(before + count, 0);
        xor2::decode(data, timestamps, values, &mut out.start_timestamps[before..])
    } else {
        xor2::decode(data, timestamps, values, &mut [])
    };
    let kept = match decoded {
        Ok(()) => keep_range(out, before, range),
        Err(_) => before,
    };
    out.timestamps.truncate(kept);
    out.values.truncate(kept);
    settle_starts(&mut out.start_timestamps, kept);
    decoded
}

/// Moves the samples of `range` to the front of what was appended; returns the
/// new length.
fn keep_range(out: &mut FloatColumn, before: usize, range: TimeRange) -> usize {
    let len = out.timestamps.len();
    let tail = &out.timestamps[before..];
    let skipped = tail.iter().take_while(|&&t| t < range.min_ms).count();
    let cut = tail[skipped..].iter().rev().take_while(|&&t| t > range.max_ms).count();
    if skipped > 0 {
        let from = before + skipped;
        out.timestamps.copy_within(from..len - cut, before);
        out.values.copy_within(from..len - cut, before);
        if out.start_timestamps.len() == len {
            out.start_timestamps.copy_within(from..len - cut, before);
        }
    }
    len - skipped - cut
}

/// Makes an absent column of start timestamps one of `len` unknown ones.
fn fill_starts(starts: &mut Vec<i64>, len: usize) {
    if starts.is_empty() {
        starts.resize(len, 0);
    }
}

/// Gives the column of start timestamps the length `len`: absent as long as all
/// are unknown.
fn settle_starts(starts: &mut Vec<i64>, len: usize) {
    if !starts.is_empty() {
        starts.resize(len, 0);
        if starts.iter().all(|&start| start == 0) {
            starts.clear();
        }
    }
}

type NextHistogram = Result<Option<(i64, i64, narthex_model::FloatHistogram)>, ChunkError>;

fn histograms(out: &mut HistogramColumn, mut next: impl FnMut() -> NextHistogram) -> Result<(), ChunkError> {
    let before = out.timestamps.len();
    loop {
        match next() {
            Ok(Some((timestamp, start, histogram))) => {
                if start != 0 || !out.start_timestamps.is_empty() {
                    fill_starts(&mut out.start_timestamps, out.timestamps.len());
                    out.start_timestamps.push(start);
                }
                out.timestamps.push(timestamp);
                out.values.push(Arc::new(histogram));
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                out.timestamps.truncate(before);
                out.values.truncate(before);
                settle_starts(&mut out.start_timestamps, before);
                return Err(error);
            }
        }
    }
}
