//! The buckets of a histogram in order.

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Span, bucket_bound};

/// One bucket with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether observations equal to `lower` are in it.
    pub lower_inclusive: bool,
    /// Whether observations equal to `upper` are in it.
    pub upper_inclusive: bool,
    /// How many observations are in it.
    pub count: f64,
}

/// The buckets of one side with their indices, from either end.
#[derive(Clone, Debug)]
pub struct IndexedBuckets<'a> {
    spans: &'a [Span],
    buckets: &'a [f64],
    /// Index that the next bucket from the front has, if its span is not exhausted.
    front: i32,
    /// Buckets left in the first span; the rest of it is counted by `buckets` too.
    front_left: u32,
    back: i32,
    back_left: u32,
}

impl<'a> IndexedBuckets<'a> {
    /// The buckets that lie as `spans` say.
    pub fn new(spans: &'a [Span], buckets: &'a [f64]) -> IndexedBuckets<'a> {
        // One past the last index; offsets of later spans are gaps.
        let end = spans.iter().fold(0_i32, |end, span| end.wrapping_add(span.offset).wrapping_add(span.length as i32));
        let (front, front_left) = spans.first().map_or((0, 0), |span| (span.offset, span.length));
        let back_left = spans.last().map_or(0, |span| span.length);
        IndexedBuckets { spans, buckets, front, front_left, back: end, back_left }
    }
}

impl Iterator for IndexedBuckets<'_> {
    type Item = (i32, f64);

    #[inline]
    fn next(&mut self) -> Option<(i32, f64)> {
        let (&count, rest) = self.buckets.split_first()?;
        while self.front_left == 0 {
            let (_, spans) = self.spans.split_first()?;
            let span = spans.first()?;
            self.spans = spans;
            self.front = self.front.wrapping_add(span.offset);
            self.front_left = span.length;
        }
        self.buckets = rest;
        let index = self.front;
        self.front = index.wrapping_add(1);
        self.front_left -= 1;
        Some((index, count))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.buckets.len(), Some(self.buckets.len()))
    }
}

impl DoubleEndedIterator for IndexedBuckets<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<(i32, f64)> {
        let (&count, rest) = self.buckets.split_last()?;
        while self.back_left == 0 {
            let (gone, spans) = self.spans.split_last()?;
            self.back = self.back.wrapping_sub(gone.offset);
            self.back_left = spans.last()?.length;
            self.spans = spans;
        }
        self.buckets = rest;
        self.back = self.back.wrapping_sub(1);
        self.back_left -= 1;
        Some((self.back, count))
    }
}

impl FloatHistogram {
    /// The positive (or custom) buckets with their indices.
    pub fn positive_indexed(&self) -> IndexedBuckets<'_> {
        IndexedBuckets::new(&self.positive_spans, &self.positive_buckets)
    }

    /// The negative buckets with their indices, the nearest to zero first.
    pub fn negative_indexed(&self) -> IndexedBuckets<'_> {
        IndexedBuckets::new(&self.negative_spans, &self.negative_buckets)
    }

    /// The positive (or custom) buckets, ascending; the bounds are those of the
    /// schema, whatever the zero bucket.
    pub fn positive_bounded(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let (schema, custom) = (self.schema, &self.custom_values[..]);
        let is_custom = schema == CUSTOM_BUCKETS_SCHEMA;
        self.positive_indexed().map(move |(index, count)| Bucket {
            lower: bucket_bound(index.wrapping_sub(1), schema, custom),
            upper: bucket_bound(index, schema, custom),
            lower_inclusive: is_custom && index == 0,
            upper_inclusive: true,
            count,
        })
    }

    /// The negative buckets, the nearest to zero (highest) first; likewise.
    pub fn negative_bounded(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let schema = self.schema;
        self.negative_indexed().map(move |(index, count)| Bucket {
            lower: -bucket_bound(index, schema, &[]),
            upper: -bucket_bound(index.wrapping_sub(1), schema, &[]),
            lower_inclusive: true,
            upper_inclusive: false,
            count,
        })
    }

    /// The zero bucket, `[-zero_threshold, zero_threshold]`.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    /// All buckets from the lowest to the highest (`.rev()` for the other way),
    /// those of count 0 included, but the zero bucket only when it is populated.
    /// A bucket that reaches into the zero bucket is shown as ending at it.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let threshold = self.zero_threshold;
        let negative = self.negative_bounded().rev().map(move |mut bucket| {
            if bucket.upper != 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            }
            bucket
        });
        let positive = self.positive_bounded().map(move |mut bucket| {
            if bucket.lower != 0.0 && bucket.lower.abs() < threshold {
                bucket.lower = threshold;
            }
            bucket
        });
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        negative.chain(zero).chain(positive)
    }
}
