//! What differs between integer and float counts.

use narthex_model::FloatHistogram;
use narthex_model::histogram::{CounterResetHint, IntHistogram, Span};

use super::CounterResetHeader;
use super::layout::Layout;
use super::reader::{FloatReader, IntReader};
use super::spans::scatter;
use crate::bits::BitWriter;
use crate::varbit::{put_int, put_uint};
use crate::window::XorWriter;
use crate::{ChunkError, Encoding};

mod private {
    pub trait Sealed {}
    impl Sealed for super::IntCounts {}
    impl Sealed for super::FloatCounts {}
}

/// Positive or negative buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Side {
    Positive,
    Negative,
}

/// One of the two kinds of counts; also the state that a writer keeps of the last
/// histogram of its chunk.
pub trait Kind: private::Sealed + Clone + std::fmt::Debug + Default {
    /// The histograms.
    type Histogram: Clone + std::fmt::Debug + PartialEq;
    /// One bucket's count.
    #[doc(hidden)]
    type Count: Copy + Default + PartialOrd;
    /// The encoding without and with start timestamps.
    #[doc(hidden)]
    const ENCODINGS: [Encoding; 2];
    /// What upstream writes when a counter follows gauges.
    #[doc(hidden)]
    const AFTER_GAUGE: CounterResetHeader;
    /// Whether a new chunk tells "unknown" from "no reset".
    #[doc(hidden)]
    const KEEPS_UNKNOWN: bool;

    #[doc(hidden)]
    fn hint(h: &Self::Histogram) -> CounterResetHint;
    #[doc(hidden)]
    fn sum(h: &Self::Histogram) -> f64;
    #[doc(hidden)]
    fn shape(h: &Self::Histogram) -> Shape<'_>;
    /// The absolute counts of a side.
    #[doc(hidden)]
    fn counts(h: &Self::Histogram, side: Side) -> impl Iterator<Item = Self::Count> + '_;
    /// Likewise, of the last histogram written.
    #[doc(hidden)]
    fn last_counts(&self, side: Side) -> impl Iterator<Item = Self::Count> + '_;
    /// Whether the count of observations, and whether that of the zero bucket, is
    /// less than in the last histogram written.
    #[doc(hidden)]
    fn decreased(&self, h: &Self::Histogram) -> (bool, bool);
    /// The histogram with the buckets of these spans.
    #[doc(hidden)]
    fn widened(h: &Self::Histogram, positive: &[Span], negative: &[Span]) -> Self::Histogram;
    /// Writes the amounts of the first histogram of a chunk.
    #[doc(hidden)]
    fn put_first(bits: &mut BitWriter, h: &Self::Histogram) -> Self;
    /// Writes those of a later one.
    #[doc(hidden)]
    fn put(&mut self, bits: &mut BitWriter, h: &Self::Histogram);
    /// Writes a staleness marker behind others.
    #[doc(hidden)]
    fn put_stale(&mut self, bits: &mut BitWriter, sum: f64);
    /// The empty histogram with this sum.
    #[doc(hidden)]
    fn only_sum(sum: f64) -> Self::Histogram;
    /// Timestamp, start timestamp and histogram of all samples of a chunk.
    #[doc(hidden)]
    fn read_all(data: &[u8], has_starts: bool) -> Result<Vec<(i64, i64, Self::Histogram)>, ChunkError>;
}

/// The layout of a histogram, borrowed.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Shape<'a> {
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) positive_spans: &'a [Span],
    pub(crate) negative_spans: &'a [Span],
    pub(crate) custom_values: &'a [f64],
}

impl Shape<'_> {
    pub(crate) fn to_layout(self) -> Layout {
        Layout {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            positive_spans: self.positive_spans.to_vec(),
            negative_spans: self.negative_spans.to_vec(),
            custom_values: self.custom_values.to_vec(),
        }
    }
}

macro_rules! shape_of {
    ($h:expr) => {
        Shape {
            schema: $h.schema,
            zero_threshold: $h.zero_threshold,
            positive_spans: &$h.positive_spans,
            negative_spans: &$h.negative_spans,
            custom_values: &$h.custom_values,
        }
    };
}

/// Counts up differences.
pub(crate) fn absolute(differences: impl IntoIterator<Item = i64>) -> impl Iterator<Item = i64> {
    differences.into_iter().scan(0i64, |count, difference| {
        *count = count.wrapping_add(difference);
        Some(*count)
    })
}

/// The differences between counts.
pub(crate) fn differences(counts: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut before = 0i64;
    let step = |count: i64| count.wrapping_sub(std::mem::replace(&mut before, count));
    counts.into_iter().map(step).collect()
}

/// A number of which the change of the change is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changing {
    value: i64,
    change: i64,
}

impl Changing {
    pub(crate) fn at(value: i64) -> Changing {
        Changing { value, change: 0 }
    }

    pub(crate) fn value(self) -> i64 {
        self.value
    }

    #[inline]
    pub(crate) fn put(&mut self, bits: &mut BitWriter, value: i64) {
        let change = value.wrapping_sub(self.value);
        put_int(bits, change.wrapping_sub(self.change));
        *self = Changing { value, change };
    }
}

/// Integer counts; buckets are differences to the bucket before.
#[derive(Clone, Debug, Default)]
pub struct IntCounts {
    count: Changing,
    zero_count: Changing,
    sum: XorWriter,
    positive: Vec<Changing>,
    negative: Vec<Changing>,
}

impl Kind for IntCounts {
    type Histogram = IntHistogram;
    type Count = i64;
    const ENCODINGS: [Encoding; 2] = [Encoding::Histogram, Encoding::HistogramSt];
    const AFTER_GAUGE: CounterResetHeader = CounterResetHeader::NotReset;
    const KEEPS_UNKNOWN: bool = true;

    fn hint(h: &IntHistogram) -> CounterResetHint {
        h.counter_reset_hint
    }

    fn sum(h: &IntHistogram) -> f64 {
        h.sum
    }

    fn shape(h: &IntHistogram) -> Shape<'_> {
        shape_of!(h)
    }

    fn counts(h: &IntHistogram, side: Side) -> impl Iterator<Item = i64> + '_ {
        let deltas = if side == Side::Positive { &h.positive_deltas } else { &h.negative_deltas };
        absolute(deltas.iter().copied())
    }

    fn last_counts(&self, side: Side) -> impl Iterator<Item = i64> + '_ {
        let buckets = if side == Side::Positive { &self.positive } else { &self.negative };
        absolute(buckets.iter().map(|bucket| bucket.value))
    }

    fn decreased(&self, h: &IntHistogram) -> (bool, bool) {
        (h.count < self.count.value as u64, h.zero_count < self.zero_count.value as u64)
    }

    fn widened(h: &IntHistogram, positive: &[Span], negative: &[Span]) -> IntHistogram {
        let side = |spans: &[Span], side, to: &[Span]| differences(scatter(spans, Self::counts(h, side), to));
        IntHistogram {
            positive_deltas: side(&h.positive_spans, Side::Positive, positive),
            negative_deltas: side(&h.negative_spans, Side::Negative, negative),
            positive_spans: positive.to_vec(),
            negative_spans: negative.to_vec(),
            custom_values: h.custom_values.clone(),
            ..*h
        }
    }

    fn put_first(bits: &mut BitWriter, h: &IntHistogram) -> IntCounts {
        put_uint(bits, h.count);
        put_uint(bits, h.zero_count);
        bits.put_f64(h.sum);
        let mut side = |deltas: &[i64]| {
            let put = |&delta: &i64| {
                put_int(bits, delta);
                Changing::at(delta)
            };
            deltas.iter().map(put).collect()
        };
        IntCounts {
            positive: side(&h.positive_deltas),
            negative: side(&h.negative_deltas),
            count: Changing::at(h.count as i64),
            zero_count: Changing::at(h.zero_count as i64),
            sum: XorWriter::after(h.sum),
        }
    }

    fn put(&mut self, bits: &mut BitWriter, h: &IntHistogram) {
        self.count.put(bits, h.count as i64);
        self.zero_count.put(bits, h.zero_count as i64);
        self.sum.put(bits, h.sum);
        for (buckets, deltas) in [(&mut self.positive, &h.positive_deltas), (&mut self.negative, &h.negative_deltas)] {
            buckets.iter_mut().zip(deltas).for_each(|(bucket, &delta)| bucket.put(bits, delta));
        }
    }

    fn put_stale(&mut self, bits: &mut BitWriter, sum: f64) {
        bits.put(0, 2);
        self.sum.put(bits, sum);
    }

    fn only_sum(sum: f64) -> IntHistogram {
        IntHistogram { sum, ..IntHistogram::default() }
    }

    fn read_all(data: &[u8], has_starts: bool) -> Result<Vec<(i64, i64, IntHistogram)>, ChunkError> {
        let mut reader = IntReader::new(data, has_starts)?;
        let mut all = Vec::new();
        while reader.next()? {
            all.push((reader.timestamp(), reader.start(), reader.histogram()));
        }
        Ok(all)
    }
}

/// Float counts; buckets are absolute.
#[derive(Clone, Debug, Default)]
pub struct FloatCounts {
    count: XorWriter,
    zero_count: XorWriter,
    sum: XorWriter,
    positive: Vec<XorWriter>,
    negative: Vec<XorWriter>,
}

impl Kind for FloatCounts {
    type Histogram = FloatHistogram;
    type Count = f64;
    const ENCODINGS: [Encoding; 2] = [Encoding::FloatHistogram, Encoding::FloatHistogramSt];
    const AFTER_GAUGE: CounterResetHeader = CounterResetHeader::Unknown;
    const KEEPS_UNKNOWN: bool = false;

    fn hint(h: &FloatHistogram) -> CounterResetHint {
        h.counter_reset_hint
    }

    fn sum(h: &FloatHistogram) -> f64 {
        h.sum
    }

    fn shape(h: &FloatHistogram) -> Shape<'_> {
        shape_of!(h)
    }

    fn counts(h: &FloatHistogram, side: Side) -> impl Iterator<Item = f64> + '_ {
        if side == Side::Positive { &h.positive_buckets } else { &h.negative_buckets }.iter().copied()
    }

    fn last_counts(&self, side: Side) -> impl Iterator<Item = f64> + '_ {
        if side == Side::Positive { &self.positive } else { &self.negative }.iter().map(XorWriter::value)
    }

    fn decreased(&self, h: &FloatHistogram) -> (bool, bool) {
        (h.count < self.count.value(), h.zero_count < self.zero_count.value())
    }

    fn widened(h: &FloatHistogram, positive: &[Span], negative: &[Span]) -> FloatHistogram {
        FloatHistogram {
            positive_buckets: scatter(&h.positive_spans, h.positive_buckets.iter().copied(), positive),
            negative_buckets: scatter(&h.negative_spans, h.negative_buckets.iter().copied(), negative),
            positive_spans: positive.to_vec(),
            negative_spans: negative.to_vec(),
            custom_values: h.custom_values.clone(),
            ..*h
        }
    }

    fn put_first(bits: &mut BitWriter, h: &FloatHistogram) -> FloatCounts {
        let mut put = |value: f64| {
            bits.put_f64(value);
            XorWriter::after(value)
        };
        let (count, zero_count, sum) = (put(h.count), put(h.zero_count), put(h.sum));
        let positive = h.positive_buckets.iter().map(|&bucket| put(bucket)).collect();
        let negative = h.negative_buckets.iter().map(|&bucket| put(bucket)).collect();
        FloatCounts { count, zero_count, sum, positive, negative }
    }

    fn put(&mut self, bits: &mut BitWriter, h: &FloatHistogram) {
        self.count.put(bits, h.count);
        self.zero_count.put(bits, h.zero_count);
        self.sum.put(bits, h.sum);
        for (writers, buckets) in [(&mut self.positive, &h.positive_buckets), (&mut self.negative, &h.negative_buckets)]
        {
            writers.iter_mut().zip(buckets).for_each(|(writer, &bucket)| writer.put(bits, bucket));
        }
    }

    fn put_stale(&mut self, bits: &mut BitWriter, sum: f64) {
        self.count.put(bits, 0.0);
        self.zero_count.put(bits, 0.0);
        self.sum.put(bits, sum);
    }

    fn only_sum(sum: f64) -> FloatHistogram {
        FloatHistogram { sum, ..FloatHistogram::default() }
    }

    fn read_all(data: &[u8], has_starts: bool) -> Result<Vec<(i64, i64, FloatHistogram)>, ChunkError> {
        let mut reader = FloatReader::new(data, has_starts)?;
        let mut all = Vec::new();
        while reader.next()? {
            all.push((reader.timestamp(), reader.start(), reader.histogram()));
        }
        Ok(all)
    }
}
