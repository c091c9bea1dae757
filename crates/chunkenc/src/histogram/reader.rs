//! Reading.

use narthex_model::FloatHistogram;
use narthex_model::histogram::{CounterResetHint, IntHistogram, Span};
use narthex_model::value::is_stale_nan;

use super::CounterResetHeader;
use super::kind::{absolute, differences};
use super::layout::{Layout, SCHEMA_MAX};
use super::spans::{from_indices, indices, slot_count};
use crate::bits::BitReader;
use crate::encoding::SAMPLES_MAX_ST;
use crate::start::StartReader;
use crate::varbit::{get_int, get_uint};
use crate::window::XorReader;
use crate::{ChunkError, Encoding, sample_count};

/// What both kinds have in common.
struct Frame<'a> {
    bits: BitReader<'a>,
    count: u16,
    /// How many samples were read.
    read: u16,
    is_gauge: bool,
    starts: Option<StartReader>,
    layout: Layout,
    timestamp: i64,
    change: i64,
}

impl<'a> Frame<'a> {
    fn new(data: &'a [u8], has_starts: bool) -> Result<Frame<'a>, ChunkError> {
        let (head, body) = data.split_first_chunk::<3>().ok_or(ChunkError::Short)?;
        let encoding = if has_starts { Encoding::HistogramSt } else { Encoding::Histogram };
        let count = sample_count(encoding, data)?;
        debug_assert!(!has_starts || count <= SAMPLES_MAX_ST);
        let header = CounterResetHeader::from_high_bits(if has_starts { head[0] } else { head[2] });
        let mut bits = BitReader::new(body);
        let layout = if count == 0 { Layout::default() } else { Layout::get(&mut bits, usize::from(count))? };
        Ok(Frame {
            bits,
            count,
            read: 0,
            is_gauge: header == CounterResetHeader::Gauge,
            starts: has_starts.then(|| StartReader::new(head[2])),
            layout,
            timestamp: 0,
            change: 0,
        })
    }

    /// Reads the timestamp; says whether there is a sample.
    fn begin(&mut self) -> Result<bool, ChunkError> {
        if self.read == self.count {
            return Ok(false);
        }
        if self.read == 0 {
            self.timestamp = get_int(&mut self.bits);
        } else {
            self.change = self.change.wrapping_add(get_int(&mut self.bits));
            self.timestamp = self.timestamp.wrapping_add(self.change);
        }
        Ok(true)
    }

    /// Reads what follows the buckets.
    fn end(&mut self) -> Result<(), ChunkError> {
        if let Some(starts) = &mut self.starts {
            if self.read == 0 {
                starts.get_first(&mut self.bits, self.timestamp)?;
            } else {
                starts.get(&mut self.bits, self.read, self.timestamp.wrapping_sub(self.change));
            }
        }
        self.read += 1;
        self.bits.check()
    }

    fn hint(&self) -> CounterResetHint {
        match (self.is_gauge, self.read) {
            (true, _) => CounterResetHint::Gauge,
            (false, 1) => CounterResetHint::Unknown,
            _ => CounterResetHint::NotReset,
        }
    }

    fn start(&self) -> i64 {
        self.starts.map_or(0, |starts| starts.start)
    }
}

#[derive(Clone, Copy, Default)]
struct Changing {
    value: i64,
    change: i64,
}

impl Changing {
    #[inline]
    fn get(&mut self, bits: &mut BitReader<'_>) {
        self.change = self.change.wrapping_add(get_int(bits));
        self.value = self.value.wrapping_add(self.change);
    }
}

/// Reads chunks with integer counts.
pub(crate) struct IntReader<'a> {
    frame: Frame<'a>,
    count: Changing,
    zero_count: Changing,
    sum: XorReader,
    positive: Vec<Changing>,
    negative: Vec<Changing>,
}

impl<'a> IntReader<'a> {
    pub(crate) fn new(data: &'a [u8], has_starts: bool) -> Result<IntReader<'a>, ChunkError> {
        let frame = Frame::new(data, has_starts)?;
        let side = |spans: &[Span]| vec![Changing::default(); slot_count(spans) as usize];
        Ok(IntReader {
            positive: side(&frame.layout.positive_spans),
            negative: side(&frame.layout.negative_spans),
            frame,
            count: Changing::default(),
            zero_count: Changing::default(),
            sum: XorReader::default(),
        })
    }

    /// Reads the next sample; false behind the last.
    pub(crate) fn next(&mut self) -> Result<bool, ChunkError> {
        if !self.frame.begin()? {
            return Ok(false);
        }
        let is_first = self.frame.read == 0;
        let bits = &mut self.frame.bits;
        if is_first {
            self.count.value = get_uint(bits) as i64;
            self.zero_count.value = get_uint(bits) as i64;
            self.sum = XorReader::after(bits.get(64));
        } else {
            self.count.get(bits);
            self.zero_count.get(bits);
            self.sum.get(bits)?;
        }
        if !is_stale_nan(f64::from_bits(self.sum.value)) {
            let buckets = self.positive.iter_mut().chain(&mut self.negative);
            if is_first {
                buckets.for_each(|bucket| bucket.value = get_int(bits));
            } else {
                buckets.for_each(|bucket| bucket.get(bits));
            }
        }
        self.frame.end()?;
        Ok(true)
    }

    pub(crate) fn timestamp(&self) -> i64 {
        self.frame.timestamp
    }

    pub(crate) fn start(&self) -> i64 {
        self.frame.start()
    }

    pub(crate) fn is_gauge(&self) -> bool {
        self.frame.is_gauge
    }

    fn is_stale(&self) -> bool {
        is_stale_nan(f64::from_bits(self.sum.value))
    }

    /// The histogram read last.
    pub(crate) fn histogram(&self) -> IntHistogram {
        let sum = f64::from_bits(self.sum.value);
        if self.is_stale() {
            return IntHistogram { sum, ..IntHistogram::default() };
        }
        let layout = &self.frame.layout;
        let deltas = |side: &[Changing]| side.iter().map(|bucket| bucket.value).collect();
        let mut histogram = IntHistogram {
            counter_reset_hint: self.frame.hint(),
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count: self.zero_count.value as u64,
            count: self.count.value as u64,
            sum,
            positive_spans: layout.positive_spans.clone(),
            negative_spans: layout.negative_spans.clone(),
            positive_deltas: deltas(&self.positive),
            negative_deltas: deltas(&self.negative),
            custom_values: layout.custom_values.clone(),
        };
        if histogram.schema > SCHEMA_MAX {
            let steps = (histogram.schema - SCHEMA_MAX) as u32;
            reduce(&mut histogram.positive_spans, &mut histogram.positive_deltas, steps);
            reduce(&mut histogram.negative_spans, &mut histogram.negative_deltas, steps);
            histogram.schema = SCHEMA_MAX;
        }
        histogram
    }

    /// The histogram read last, as queries compute with it.
    pub(crate) fn to_float(&self) -> FloatHistogram {
        let sum = f64::from_bits(self.sum.value);
        if self.is_stale() {
            return FloatHistogram { sum, ..FloatHistogram::default() };
        }
        let layout = &self.frame.layout;
        if layout.schema > SCHEMA_MAX {
            return self.histogram().to_float();
        }
        let counts =
            |side: &[Changing]| absolute(side.iter().map(|bucket| bucket.value)).map(|count| count as f64).collect();
        FloatHistogram {
            counter_reset_hint: self.frame.hint(),
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count: self.zero_count.value as u64 as f64,
            count: self.count.value as u64 as f64,
            sum,
            positive_spans: layout.positive_spans.clone(),
            negative_spans: layout.negative_spans.clone(),
            positive_buckets: counts(&self.positive),
            negative_buckets: counts(&self.negative),
            custom_values: layout.custom_values.clone(),
        }
    }
}

/// Merges buckets into ones 2^`steps` times as wide.
fn reduce(spans: &mut Vec<Span>, deltas: &mut Vec<i64>, steps: u32) {
    let mut cells: Vec<(i64, i64)> = Vec::new();
    for (index, count) in indices(spans).zip(absolute(deltas.iter().copied())) {
        let index = ((index - 1) >> steps) + 1;
        match cells.last_mut() {
            Some((last, sum)) if *last == index => *sum = sum.wrapping_add(count),
            _ => cells.push((index, count)),
        }
    }
    *spans = from_indices(cells.iter().map(|cell| cell.0));
    *deltas = differences(cells.iter().map(|cell| cell.1));
}

/// Reads chunks with float counts.
pub(crate) struct FloatReader<'a> {
    frame: Frame<'a>,
    count: XorReader,
    zero_count: XorReader,
    sum: XorReader,
    positive: Vec<XorReader>,
    negative: Vec<XorReader>,
}

impl<'a> FloatReader<'a> {
    pub(crate) fn new(data: &'a [u8], has_starts: bool) -> Result<FloatReader<'a>, ChunkError> {
        let frame = Frame::new(data, has_starts)?;
        let side = |spans: &[Span]| vec![XorReader::default(); slot_count(spans) as usize];
        Ok(FloatReader {
            positive: side(&frame.layout.positive_spans),
            negative: side(&frame.layout.negative_spans),
            frame,
            count: XorReader::default(),
            zero_count: XorReader::default(),
            sum: XorReader::default(),
        })
    }

    /// Reads the next sample; false behind the last.
    pub(crate) fn next(&mut self) -> Result<bool, ChunkError> {
        if !self.frame.begin()? {
            return Ok(false);
        }
        let is_first = self.frame.read == 0;
        let bits = &mut self.frame.bits;
        let mut get = |field: &mut XorReader| -> Result<(), ChunkError> {
            if is_first {
                *field = XorReader::after(bits.get(64));
                return Ok(());
            }
            field.get(bits).map(drop)
        };
        get(&mut self.count)?;
        get(&mut self.zero_count)?;
        get(&mut self.sum)?;
        if !is_stale_nan(f64::from_bits(self.sum.value)) {
            for bucket in self.positive.iter_mut().chain(&mut self.negative) {
                get(bucket)?;
            }
        }
        self.frame.end()?;
        Ok(true)
    }

    pub(crate) fn timestamp(&self) -> i64 {
        self.frame.timestamp
    }

    pub(crate) fn start(&self) -> i64 {
        self.frame.start()
    }

    pub(crate) fn is_gauge(&self) -> bool {
        self.frame.is_gauge
    }

    /// The histogram read last.
    pub(crate) fn histogram(&self) -> FloatHistogram {
        let sum = f64::from_bits(self.sum.value);
        if is_stale_nan(sum) {
            return FloatHistogram { sum, ..FloatHistogram::default() };
        }
        let layout = &self.frame.layout;
        let counts = |side: &[XorReader]| side.iter().map(|bucket| f64::from_bits(bucket.value)).collect();
        let mut histogram = FloatHistogram {
            counter_reset_hint: self.frame.hint(),
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count: f64::from_bits(self.zero_count.value),
            count: f64::from_bits(self.count.value),
            sum,
            positive_spans: layout.positive_spans.clone(),
            negative_spans: layout.negative_spans.clone(),
            positive_buckets: counts(&self.positive),
            negative_buckets: counts(&self.negative),
            custom_values: layout.custom_values.clone(),
        };
        if histogram.schema > SCHEMA_MAX {
            histogram.reduce_resolution(SCHEMA_MAX);
        }
        histogram
    }
}
