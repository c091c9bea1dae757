//! Chunks into single samples, for those who write chunks anew.

use narthex_model::Histogram;
use narthex_model::histogram::CounterResetHint;

use crate::encoding::{Encoding, sample_count};
use crate::histogram::reader::{FloatReader, IntReader};
use crate::{ChunkError, TimeRange, decode_into};

/// The value of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// A float, any bits.
    Float(f64),
    /// A histogram with the counts it was written with.
    Histogram(Histogram),
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// When its counter started; 0 when unknown.
    pub start_timestamp_ms: i64,
    /// Its value.
    pub value: SampleValue,
}

/// Appends all samples of a chunk to `out`, integer counts staying integers.
///
/// # Errors
/// When the data is not such a chunk; `out` may have some of its samples then.
pub fn decode_samples(encoding: Encoding, data: &[u8], out: &mut Vec<Sample>) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Xor | Encoding::Xor2 => {
            let mut columns = narthex_storage::SeriesColumns::default();
            decode_into(encoding, data, TimeRange::ALL, &mut columns)?;
            let floats = columns.floats;
            let starts = floats.start_timestamps.into_iter().chain(std::iter::repeat(0));
            let samples = floats.timestamps.into_iter().zip(floats.values).zip(starts);
            out.extend(samples.map(|((timestamp_ms, value), start_timestamp_ms)| Sample {
                timestamp_ms,
                start_timestamp_ms,
                value: SampleValue::Float(value),
            }));
        }
        Encoding::Histogram | Encoding::HistogramSt => {
            let mut reader = IntReader::new(data, encoding == Encoding::HistogramSt)?;
            while reader.next()? {
                let value = SampleValue::Histogram(Histogram::Int(reader.histogram()));
                out.push(Sample { timestamp_ms: reader.timestamp(), start_timestamp_ms: reader.start(), value });
            }
        }
        Encoding::FloatHistogram | Encoding::FloatHistogramSt => {
            let mut reader = FloatReader::new(data, encoding == Encoding::FloatHistogramSt)?;
            while reader.next()? {
                let value = SampleValue::Histogram(Histogram::Float(reader.histogram()));
                out.push(Sample { timestamp_ms: reader.timestamp(), start_timestamp_ms: reader.start(), value });
            }
        }
    }
    Ok(())
}

/// Whether a chunk is one of gauge histograms.
///
/// # Errors
/// When the data has no such header.
pub fn is_gauge(encoding: Encoding, data: &[u8]) -> Result<bool, ChunkError> {
    sample_count(encoding, data)?;
    Ok(match encoding {
        Encoding::Xor | Encoding::Xor2 => false,
        Encoding::Histogram | Encoding::HistogramSt => {
            IntReader::new(data, encoding == Encoding::HistogramSt)?.is_gauge()
        }
        Encoding::FloatHistogram | Encoding::FloatHistogramSt => {
            FloatReader::new(data, encoding == Encoding::FloatHistogramSt)?.is_gauge()
        }
    })
}

impl Sample {
    /// What its histogram says of its relation to the one before; `None` for floats.
    pub fn hint_mut(&mut self) -> Option<&mut CounterResetHint> {
        match &mut self.value {
            SampleValue::Float(_) => None,
            SampleValue::Histogram(Histogram::Int(h)) => Some(&mut h.counter_reset_hint),
            SampleValue::Histogram(Histogram::Float(h)) => Some(&mut h.counter_reset_hint),
        }
    }
}
