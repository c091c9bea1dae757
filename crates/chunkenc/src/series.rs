//! Samples of any kind into as many chunks as it takes.

use narthex_model::Histogram;

use crate::encoding::Encoding;
use crate::histogram::{CounterResetHeader, FloatHistogramEncoder, HistogramEncoder, IntHistogramEncoder, Kind};
use crate::sample::{Sample, SampleValue, decode_samples, is_gauge};
use crate::{ChunkError, Xor2Encoder, XorEncoder};

/// Samples of a chunk after which compaction begins a new one.
const MERGED_SAMPLES_MAX: u16 = 120;
/// Bytes of a float chunk after which one is begun when late samples are merged.
const LATE_FLOATS_LEN_MAX: usize = 1005;
/// Likewise for histograms, once there are some.
const LATE_HISTOGRAMS_LEN_MAX: usize = 1024;
const LATE_HISTOGRAMS_MIN: u16 = 10;

/// How floats are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FloatEncoding {
    /// As XOR, but XOR2 where there are start timestamps.
    #[default]
    Xor,
    /// As XOR2.
    Xor2,
}

/// When a [`SeriesEncoder`] begins a new chunk, besides where it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutRules {
    /// Samples in a chunk at most.
    pub samples_max: u16,
    /// A float chunk longer than this gets no further sample.
    pub float_len_max: usize,
    /// A histogram chunk longer than this and with more than ten samples neither.
    pub histogram_len_max: usize,
    /// How floats are written.
    pub floats: FloatEncoding,
}

impl CutRules {
    /// Those of block compaction. Source: specification §8.18.
    pub fn merged(floats: FloatEncoding) -> CutRules {
        CutRules { samples_max: MERGED_SAMPLES_MAX, float_len_max: usize::MAX, histogram_len_max: usize::MAX, floats }
    }

    /// Those for out-of-order samples leaving the head. Source: specification §8.16.
    pub fn out_of_order() -> CutRules {
        CutRules {
            samples_max: u16::MAX,
            float_len_max: LATE_FLOATS_LEN_MAX,
            histogram_len_max: LATE_HISTOGRAMS_LEN_MAX,
            floats: FloatEncoding::Xor,
        }
    }
}

/// A finished chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedChunk {
    /// Its encoding.
    pub encoding: Encoding,
    /// Its first timestamp in milliseconds.
    pub min_ms: i64,
    /// Its last.
    pub max_ms: i64,
    /// Its data, count and headers included.
    pub data: Vec<u8>,
}

enum Open {
    None,
    Xor(XorEncoder),
    Xor2(Xor2Encoder),
    Int(IntHistogramEncoder),
    Float(FloatHistogramEncoder),
}

/// Writes the samples of one series, ascending in time, as chunks.
pub struct SeriesEncoder {
    rules: CutRules,
    open: Open,
    min_ms: i64,
    max_ms: i64,
    done: Vec<EncodedChunk>,
}

impl SeriesEncoder {
    /// An encoder with nothing in it.
    pub fn new(rules: CutRules) -> SeriesEncoder {
        SeriesEncoder { rules, open: Open::None, min_ms: 0, max_ms: 0, done: Vec::new() }
    }

    /// Appends a sample, whose timestamp is greater than the last one.
    pub fn push(&mut self, sample: &Sample) {
        let (start, timestamp) = (sample.start_timestamp_ms, sample.timestamp_ms);
        match &sample.value {
            SampleValue::Float(value) => self.push_float(start, timestamp, *value),
            SampleValue::Histogram(Histogram::Int(h)) => {
                let (rules, with_starts) = (self.rules, start != 0);
                let open = match &mut self.open {
                    Open::Int(open) if has_room(open, rules, with_starts) => Some(open),
                    _ => None,
                };
                if let Some(header) = try_append(open, start, timestamp, h) {
                    let encoder = begun(header, with_starts, start, timestamp, h);
                    self.begin(Open::Int(encoder), timestamp);
                }
            }
            SampleValue::Histogram(Histogram::Float(h)) => {
                let (rules, with_starts) = (self.rules, start != 0);
                let open = match &mut self.open {
                    Open::Float(open) if has_room(open, rules, with_starts) => Some(open),
                    _ => None,
                };
                if let Some(header) = try_append(open, start, timestamp, h) {
                    let encoder = begun(header, with_starts, start, timestamp, h);
                    self.begin(Open::Float(encoder), timestamp);
                }
            }
        }
        self.max_ms = timestamp;
    }

    fn push_float(&mut self, start: i64, timestamp: i64, value: f64) {
        let rules = self.rules;
        let fits = |count: u16, len: usize| count < rules.samples_max && len <= rules.float_len_max;
        match &mut self.open {
            Open::Xor(open) if start == 0 && !open.is_full() && fits(open.count(), open.len_bytes()) => {
                open.append(timestamp, value);
            }
            Open::Xor2(open) if !open.is_full() && fits(open.count(), open.len_bytes()) => {
                open.append(start, timestamp, value);
            }
            _ if start == 0 && rules.floats == FloatEncoding::Xor => {
                let mut encoder = XorEncoder::default();
                encoder.append(timestamp, value);
                self.begin(Open::Xor(encoder), timestamp);
            }
            _ => {
                let mut encoder = Xor2Encoder::default();
                encoder.append(start, timestamp, value);
                self.begin(Open::Xor2(encoder), timestamp);
            }
        }
    }

    /// Finishes the open chunk; `open` has its first sample at `timestamp`.
    fn begin(&mut self, open: Open, timestamp: i64) {
        let finished = std::mem::replace(&mut self.open, open);
        let mut data = Vec::new();
        let encoding = match finished {
            Open::None => None,
            Open::Xor(encoder) => {
                encoder.copy_to(&mut data);
                Some(Encoding::Xor)
            }
            Open::Xor2(encoder) => {
                encoder.copy_to(&mut data);
                Some(Encoding::Xor2)
            }
            Open::Int(encoder) => {
                encoder.copy_to(&mut data);
                Some(encoder.encoding())
            }
            Open::Float(encoder) => {
                encoder.copy_to(&mut data);
                Some(encoder.encoding())
            }
        };
        if let Some(encoding) = encoding {
            self.done.push(EncodedChunk { encoding, min_ms: self.min_ms, max_ms: self.max_ms, data });
        }
        self.min_ms = timestamp;
    }

    /// The chunks, in order of time. The encoder is empty again.
    pub fn finish(&mut self) -> Vec<EncodedChunk> {
        self.begin(Open::None, 0);
        std::mem::take(&mut self.done)
    }
}

fn has_room<K: Kind>(open: &HistogramEncoder<K>, rules: CutRules, with_starts: bool) -> bool {
    let is_long = open.len_bytes() > rules.histogram_len_max && open.count() > LATE_HISTOGRAMS_MIN;
    open.has_starts() == with_starts && !open.is_full() && open.count() < rules.samples_max && !is_long
}

/// Appends to the open chunk, or gives the header of the chunk to begin.
fn try_append<K: Kind>(
    open: Option<&mut HistogramEncoder<K>>,
    start: i64,
    timestamp: i64,
    histogram: &K::Histogram,
) -> Option<CounterResetHeader> {
    let Some(open) = open else { return Some(CounterResetHeader::from_hint(K::hint(histogram))) };
    match open.append(start, timestamp, histogram) {
        Ok(()) => None,
        // Merging knows only of resets.
        Err(CounterResetHeader::NotReset) => Some(CounterResetHeader::Unknown),
        Err(header) => Some(header),
    }
}

fn begun<K: Kind>(
    header: CounterResetHeader,
    with_starts: bool,
    start: i64,
    timestamp: i64,
    histogram: &K::Histogram,
) -> HistogramEncoder<K> {
    let mut encoder = HistogramEncoder::new(header, with_starts);
    encoder.append(start, timestamp, histogram).expect("an empty chunk takes any histogram");
    encoder
}

/// Writes a chunk anew without the samples for which `keep` says no, in the same
/// encoding. `None` when nothing is left. The header keeps only that the
/// histograms are gauges.
///
/// # Errors
/// When the data is not such a chunk.
pub fn rewrite(
    encoding: Encoding,
    data: &[u8],
    mut keep: impl FnMut(i64) -> bool,
) -> Result<Option<EncodedChunk>, ChunkError> {
    let header = if is_gauge(encoding, data)? { CounterResetHeader::Gauge } else { CounterResetHeader::Unknown };
    let mut samples = Vec::new();
    decode_samples(encoding, data, &mut samples)?;
    samples.retain(|sample| keep(sample.timestamp_ms));
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Ok(None) };
    let (min_ms, max_ms) = (first.timestamp_ms, last.timestamp_ms);
    let mut written = Vec::new();
    match encoding {
        Encoding::Xor => {
            let mut encoder = XorEncoder::default();
            for sample in &samples {
                if let SampleValue::Float(value) = sample.value {
                    encoder.append(sample.timestamp_ms, value);
                }
            }
            encoder.copy_to(&mut written);
        }
        Encoding::Xor2 => {
            let mut encoder = Xor2Encoder::default();
            for sample in &samples {
                if let SampleValue::Float(value) = sample.value {
                    encoder.append(sample.start_timestamp_ms, sample.timestamp_ms, value);
                }
            }
            encoder.copy_to(&mut written);
        }
        Encoding::Histogram | Encoding::HistogramSt => {
            let mut encoder = IntHistogramEncoder::new(header, encoding.has_starts());
            for sample in &samples {
                if let SampleValue::Histogram(Histogram::Int(h)) = &sample.value {
                    encoder.append_unjudged(sample.start_timestamp_ms, sample.timestamp_ms, h);
                }
            }
            encoder.copy_to(&mut written);
        }
        Encoding::FloatHistogram | Encoding::FloatHistogramSt => {
            let mut encoder = FloatHistogramEncoder::new(header, encoding.has_starts());
            for sample in &samples {
                if let SampleValue::Histogram(Histogram::Float(h)) = &sample.value {
                    encoder.append_unjudged(sample.start_timestamp_ms, sample.timestamp_ms, h);
                }
            }
            encoder.copy_to(&mut written);
        }
    }
    Ok(Some(EncodedChunk { encoding, min_ms, max_ms, data: written }))
}
