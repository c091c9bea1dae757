//! Writing.

use narthex_model::histogram::{CounterResetHint, Span};
use narthex_model::value::is_stale_nan;

use super::CounterResetHeader;
use super::kind::{Changing, Kind, Side};
use super::layout::{Layout, same_bounds};
use super::spans::{fit_side, union};
use crate::bits::BitWriter;
use crate::encoding::{SAMPLES_MAX, SAMPLES_MAX_ST};
use crate::start::StartWriter;
use crate::varbit::put_int;
use crate::{ChunkError, Encoding};

/// Whether a histogram goes into a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does, perhaps with a wider layout.
    Append,
    /// It begins a new chunk with this header.
    Cut(CounterResetHeader),
}

/// Spans of both sides.
type BothSpans = (Vec<Span>, Vec<Span>);

/// How a histogram goes in.
enum Fit {
    Same,
    /// It gets the chunk's empty buckets.
    Sample,
    /// The chunk is written anew with these spans, and the histogram gets them too.
    Chunk(BothSpans),
    Cut(CounterResetHeader),
}

/// Writes a chunk of histograms, each at a timestamp greater than the one before.
///
/// Histograms must be [valid](narthex_model::Histogram::validate): as many
/// buckets as the spans say, ascending.
#[derive(Clone, Debug)]
pub struct HistogramEncoder<K: Kind> {
    bits: BitWriter,
    count: u16,
    header: CounterResetHeader,
    starts: Option<StartWriter>,
    layout: Layout,
    timestamp: Changing,
    is_last_stale: bool,
    amounts: K,
}

impl<K: Kind> HistogramEncoder<K> {
    /// An empty chunk, with room for start timestamps or without.
    pub fn new(header: CounterResetHeader, with_starts: bool) -> HistogramEncoder<K> {
        HistogramEncoder {
            bits: BitWriter::default(),
            count: 0,
            header,
            starts: with_starts.then(StartWriter::default),
            layout: Layout::default(),
            timestamp: Changing::default(),
            is_last_stale: false,
            amounts: K::default(),
        }
    }

    /// How many samples it has.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Whether no further sample can be counted.
    pub fn is_full(&self) -> bool {
        self.count == if self.has_starts() { SAMPLES_MAX_ST } else { SAMPLES_MAX }
    }

    /// Whether it has room for start timestamps.
    pub fn has_starts(&self) -> bool {
        self.starts.is_some()
    }

    /// Its encoding.
    pub fn encoding(&self) -> Encoding {
        K::ENCODINGS[usize::from(self.has_starts())]
    }

    /// What its header says.
    pub fn header(&self) -> CounterResetHeader {
        self.header
    }

    /// Whether `histogram` would be appended.
    pub fn verdict(&self, histogram: &K::Histogram) -> Verdict {
        match self.fit(histogram) {
            Fit::Cut(header) => Verdict::Cut(header),
            _ => Verdict::Append,
        }
    }

    /// The header of the next chunk when this one is cut for its size or its time
    /// and `histogram` begins the next. Without a chunk before, or after one of
    /// another encoding, it is [`CounterResetHeader::from_hint`].
    pub fn next_header(&self, histogram: &K::Histogram) -> CounterResetHeader {
        match CounterResetHeader::from_hint(K::hint(histogram)) {
            CounterResetHeader::Unknown => {}
            known => return known,
        }
        if self.count == 0 {
            return CounterResetHeader::Unknown;
        }
        match self.fit(histogram) {
            Fit::Cut(CounterResetHeader::Reset) => CounterResetHeader::Reset,
            Fit::Cut(header) if K::KEEPS_UNKNOWN => header,
            _ => CounterResetHeader::NotReset,
        }
    }

    /// Appends a histogram with start timestamp `start`, 0 for unknown. A chunk
    /// without room for start timestamps loses it.
    ///
    /// # Errors
    /// The header of the chunk that it begins instead; this one is unchanged.
    pub fn append(&mut self, start: i64, timestamp: i64, histogram: &K::Histogram) -> Result<(), CounterResetHeader> {
        if self.is_full() {
            return Err(self.next_header(histogram));
        }
        if self.count == 0 {
            self.push(start, timestamp, histogram);
            return Ok(());
        }
        match self.fit(histogram) {
            Fit::Same => self.push(start, timestamp, histogram),
            Fit::Sample => {
                let widened = K::widened(histogram, &self.layout.positive_spans, &self.layout.negative_spans);
                self.push(start, timestamp, &widened);
            }
            Fit::Chunk((positive, negative)) => {
                if self.widen(&positive, &negative).is_err() {
                    return Err(CounterResetHeader::from_hint(K::hint(histogram)));
                }
                let shape = K::shape(histogram);
                if shape.positive_spans == positive && shape.negative_spans == negative {
                    self.push(start, timestamp, histogram);
                } else {
                    self.push(start, timestamp, &K::widened(histogram, &positive, &negative));
                }
            }
            Fit::Cut(header) => return Err(header),
        }
        Ok(())
    }

    /// Appends a histogram that came from one chunk with those before it, so that
    /// nothing needs to be judged again.
    pub(crate) fn append_unjudged(&mut self, start: i64, timestamp: i64, histogram: &K::Histogram) {
        let shape = K::shape(histogram);
        let layout = &self.layout;
        let is_stale = is_stale_nan(K::sum(histogram));
        let is_same = shape.positive_spans == layout.positive_spans && shape.negative_spans == layout.negative_spans;
        if self.count == 0 || is_stale || is_same {
            return self.push(start, timestamp, histogram);
        }
        // Behind a staleness marker that begins the chunk; nobody writes that.
        let widened = K::widened(histogram, &layout.positive_spans, &layout.negative_spans);
        self.push(start, timestamp, &widened);
    }

    /// Upstream's rules, in its order. Source: specification §8.5.
    fn fit(&self, histogram: &K::Histogram) -> Fit {
        use CounterResetHeader::{Gauge, Reset, Unknown};
        if self.count == 0 {
            return Fit::Same;
        }
        let hint = K::hint(histogram);
        let is_counter = hint != CounterResetHint::Gauge;
        let otherwise = if is_counter { Unknown } else { Gauge };
        match (is_counter, self.header == Gauge) {
            (true, true) => return Fit::Cut(K::AFTER_GAUGE),
            (false, false) => return Fit::Cut(Gauge),
            _ => {}
        }
        if hint == CounterResetHint::Reset {
            return Fit::Cut(Reset);
        }
        if is_stale_nan(K::sum(histogram)) {
            return Fit::Same;
        }
        if self.is_last_stale {
            return Fit::Cut(otherwise);
        }
        let (is_count_less, is_zero_count_less) = self.amounts.decreased(histogram);
        if is_counter && is_count_less {
            return Fit::Cut(Reset);
        }
        let shape = K::shape(histogram);
        if shape.schema != self.layout.schema || shape.zero_threshold != self.layout.zero_threshold {
            return Fit::Cut(otherwise);
        }
        let cut_if_less = if is_counter { Reset } else { Gauge };
        let is_custom = shape.schema == narthex_model::histogram::CUSTOM_BUCKETS_SCHEMA;
        if is_custom && !same_bounds(shape.custom_values, &self.layout.custom_values) {
            return Fit::Cut(cut_if_less);
        }
        if is_counter && is_zero_count_less {
            return Fit::Cut(Reset);
        }
        let side = |side, chunk: &[Span], sample: &[Span]| {
            fit_side((chunk, self.amounts.last_counts(side)), (sample, K::counts(histogram, side)), is_counter)
        };
        let positive = side(Side::Positive, &self.layout.positive_spans, shape.positive_spans);
        let negative = side(Side::Negative, &self.layout.negative_spans, shape.negative_spans);
        let (Some(positive), Some(negative)) = (positive, negative) else { return Fit::Cut(Reset) };
        if positive.new_in_sample || negative.new_in_sample {
            let merged = |is_missing: bool, chunk: &[Span], sample: &[Span]| {
                if is_missing { union(chunk, sample) } else { sample.to_vec() }
            };
            return Fit::Chunk((
                merged(positive.missing_in_sample, &self.layout.positive_spans, shape.positive_spans),
                merged(negative.missing_in_sample, &self.layout.negative_spans, shape.negative_spans),
            ));
        }
        if positive.missing_in_sample || negative.missing_in_sample { Fit::Sample } else { Fit::Same }
    }

    /// Writes the chunk anew with more buckets. Fails only when an invalid
    /// histogram was appended before, and leaves the chunk as it was.
    fn widen(&mut self, positive: &[Span], negative: &[Span]) -> Result<(), ChunkError> {
        let mut data = Vec::with_capacity(self.len_bytes());
        self.copy_to(&mut data);
        let samples = K::read_all(&data, self.has_starts())?;
        *self = HistogramEncoder::new(self.header, self.has_starts());
        for (timestamp, start, histogram) in samples {
            self.push(start, timestamp, &K::widened(&histogram, positive, negative));
        }
        Ok(())
    }

    /// Appends a histogram that has the layout of the chunk.
    fn push(&mut self, start: i64, timestamp: i64, histogram: &K::Histogram) {
        let sum = K::sum(histogram);
        self.is_last_stale = is_stale_nan(sum);
        let previous = self.timestamp.value();
        if self.count == 0 {
            let stale;
            let histogram = if self.is_last_stale {
                stale = K::only_sum(sum);
                &stale
            } else {
                histogram
            };
            self.layout = K::shape(histogram).to_layout();
            self.layout.put(&mut self.bits);
            put_int(&mut self.bits, timestamp);
            self.timestamp = Changing::at(timestamp);
            self.amounts = K::put_first(&mut self.bits, histogram);
            if let Some(starts) = &mut self.starts {
                starts.put_first(&mut self.bits, timestamp, start);
            }
        } else {
            self.timestamp.put(&mut self.bits, timestamp);
            if self.is_last_stale {
                self.amounts.put_stale(&mut self.bits, sum);
            } else {
                self.amounts.put(&mut self.bits, histogram);
            }
            if let Some(starts) = &mut self.starts {
                starts.put(&mut self.bits, self.count, previous, start);
            }
        }
        self.count += 1;
    }

    /// Length of the chunk as it is now, in bytes.
    pub fn len_bytes(&self) -> usize {
        3 + self.bits.len_bytes()
    }

    /// Appends the chunk as it is now to `out`.
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        let header = self.header as u8;
        match &self.starts {
            None => {
                out.extend_from_slice(&self.count.to_be_bytes());
                out.push(header << 6);
            }
            Some(starts) => {
                out.extend_from_slice(&(self.count | u16::from(header) << 14).to_be_bytes());
                out.push(starts.header());
            }
        }
        self.bits.copy_to(out);
    }
}
