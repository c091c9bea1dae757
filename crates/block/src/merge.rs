//! The chunks of one series from several blocks, made one ascending row.
//!
//! A chunk that touches no other is copied as it is. Chunks that overlap are
//! decoded, merged by timestamp and written anew; of several samples for one
//! timestamp one is kept, by the rule of `narthex_storage::merge`, with the chunk that
//! begins first last in the list. Source: specification §8.18.

use narthex_chunkenc::{
    ChunkError, CutRules, EncodedChunk, Encoding, FloatEncoding, Sample, SeriesEncoder, decode_samples,
};
use narthex_model::histogram::CounterResetHint;
use narthex_storage::merge::{MergeOrder, MergeStart};

/// Chunks of one series, their data in one buffer. Reuse one for many series.
#[derive(Default)]
pub(crate) struct ChunkSet {
    data: Vec<u8>,
    chunks: Vec<Held>,
}

#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    pub(crate) encoding: Encoding,
    range: std::ops::Range<usize>,
}

impl ChunkSet {
    pub(crate) fn clear(&mut self) {
        self.data.clear();
        self.chunks.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn push(&mut self, min_ms: i64, max_ms: i64, encoding: Encoding, data: &[u8]) {
        let start = self.data.len();
        self.data.extend_from_slice(data);
        self.chunks.push(Held { min_ms, max_ms, encoding, range: start..self.data.len() });
    }

    pub(crate) fn push_encoded(&mut self, chunk: &EncodedChunk) {
        self.push(chunk.min_ms, chunk.max_ms, chunk.encoding, &chunk.data);
    }

    /// The chunks with their data.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Held, &[u8])> {
        self.chunks.iter().map(|chunk| (chunk, &self.data[chunk.range.clone()]))
    }

    /// Makes the chunks ascending and disjoint.
    pub(crate) fn settle(&mut self, floats: FloatEncoding) -> Result<(), ChunkError> {
        if self.chunks.windows(2).all(|pair| pair[0].max_ms < pair[1].min_ms) {
            return Ok(());
        }
        self.chunks.sort_by_key(|chunk| (chunk.min_ms, chunk.max_ms));
        let data = &self.data;
        self.chunks.dedup_by(|chunk, before| {
            (chunk.min_ms, chunk.max_ms) == (before.min_ms, before.max_ms)
                && chunk.encoding == before.encoding
                && data[chunk.range.clone()] == data[before.range.clone()]
        });
        let old = std::mem::take(&mut self.chunks);
        let mut rest = &old[..];
        while let Some(first) = rest.first() {
            let mut max_ms = first.max_ms;
            let mut len = 1;
            while let Some(next) = rest.get(len).filter(|next| next.min_ms <= max_ms) {
                max_ms = max_ms.max(next.max_ms);
                len += 1;
            }
            let (group, later) = rest.split_at(len);
            match group {
                [alone] => self.chunks.push(alone.clone()),
                _ => {
                    for chunk in self.merged(group, floats)? {
                        self.push_encoded(&chunk);
                    }
                }
            }
            rest = later;
        }
        Ok(())
    }

    /// Chunks that overlap, written anew.
    fn merged(&self, group: &[Held], floats: FloatEncoding) -> Result<Vec<EncodedChunk>, ChunkError> {
        let order = group[1..].iter().chain(&group[..1]);
        let mut sources: Vec<Vec<Sample>> = Vec::with_capacity(group.len());
        for chunk in order {
            let mut samples = Vec::new();
            decode_samples(chunk.encoding, &self.data[chunk.range.clone()], &mut samples)?;
            sources.push(samples);
        }
        let timestamps: Vec<Vec<i64>> =
            sources.iter().map(|samples| samples.iter().map(|sample| sample.timestamp_ms).collect()).collect();
        let timestamps: Vec<&[i64]> = timestamps.iter().map(Vec::as_slice).collect();
        let mut encoder = SeriesEncoder::new(CutRules::merged(floats));
        for merged in MergeOrder::new(&timestamps, MergeStart::Stepped) {
            let sample = &mut sources[merged.source][merged.index];
            if let Some(hint) = sample.hint_mut()
                && !merged.is_consecutive
                && *hint != CounterResetHint::Gauge
            {
                *hint = CounterResetHint::Unknown;
            }
            encoder.push(sample);
        }
        Ok(encoder.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_chunkenc::{SampleValue, XorEncoder};

    fn xor(samples: &[(i64, f64)]) -> (i64, i64, Vec<u8>) {
        let mut encoder = XorEncoder::default();
        samples.iter().for_each(|&(timestamp, value)| encoder.append(timestamp, value));
        let mut data = Vec::new();
        encoder.copy_to(&mut data);
        (samples[0].0, samples[samples.len() - 1].0, data)
    }

    /// Settles chunks; gives each with its samples.
    fn settled(chunks: &[&[(i64, f64)]]) -> Vec<Vec<(i64, f64)>> {
        let mut set = ChunkSet::default();
        for samples in chunks {
            let (min_ms, max_ms, data) = xor(samples);
            set.push(min_ms, max_ms, Encoding::Xor, &data);
        }
        set.settle(FloatEncoding::Xor).unwrap();
        let samples = set.iter().map(|(chunk, data)| {
            let mut samples = Vec::new();
            decode_samples(chunk.encoding, data, &mut samples).unwrap();
            assert_eq!(chunk.min_ms, samples[0].timestamp_ms);
            assert_eq!(chunk.max_ms, samples[samples.len() - 1].timestamp_ms);
            let float = |sample: &Sample| match sample.value {
                SampleValue::Float(value) => (sample.timestamp_ms, value),
                SampleValue::Histogram(_) => panic!("floats were written"),
            };
            samples.iter().map(float).collect()
        });
        samples.collect()
    }

    #[test]
    fn chunks_apart_stay_as_they_are() {
        assert_eq!(settled(&[&[(5, 1.0), (6, 1.0)], &[(1, 1.0)]]), [vec![(1, 1.0)], vec![(5, 1.0), (6, 1.0)]]);
    }

    #[test]
    fn equal_chunks_are_one() {
        let chunk: &[(i64, f64)] = &[(1, 1.0), (2, 2.0)];
        assert_eq!(settled(&[chunk, chunk, chunk]), [chunk]);
    }

    #[test]
    fn a_late_sample_overrides() {
        let got = settled(&[&[(1, 1.0), (2, 2.0), (3, 3.0)], &[(2, 20.0)], &[(3, 30.0), (4, 4.0)], &[(9, 9.0)]]);
        assert_eq!(got, [vec![(1, 1.0), (2, 20.0), (3, 30.0), (4, 4.0)], vec![(9, 9.0)]]);
    }
}
