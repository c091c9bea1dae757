//! The native side of a histogram: buckets that grow by a constant factor.
//!
//! The index of a bucket follows from the bits of the float: the exponent gives the
//! power of two, the fraction is looked up in a table of 256 steps, and coarser
//! schemas join 2, 4, 8 … of these. Buckets near each other lie in one row of
//! counts, so that an observation is an addition at a place that is computed;
//! those far off are in a tree.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use narthex_exposition::NativeHistogram;
use narthex_model::histogram::{Span, bucket_bound};

pub(super) const SCHEMA_MIN: i32 = -4;
pub(super) const SCHEMA_MAX: i32 = 8;

/// Bits of the fraction that choose where in the table to begin.
const START_BITS: u32 = 9;

struct Steps {
    /// ½·2^(i/256), and an end that no fraction reaches.
    bounds: [f64; 257],
    /// For the fractions that begin with some bits: the first step not below their least.
    starts: [u16; 1 << START_BITS],
}

static STEPS: LazyLock<Steps> = LazyLock::new(|| {
    let mut steps = Steps { bounds: [1.0; 257], starts: [0; 1 << START_BITS] };
    for (i, bound) in steps.bounds.iter_mut().take(256).enumerate() {
        *bound = bucket_bound(i as i32 - 256, SCHEMA_MAX, &[]);
    }
    for (i, start) in steps.starts.iter_mut().enumerate() {
        let least = 0.5 + i as f64 / f64::from(2u32 << START_BITS);
        *start = steps.bounds.partition_point(|&bound| bound < least) as u16;
    }
    steps
});

/// The index of the bucket for `abs`, which is positive: its upper bound is
/// 2^(index·2^−schema). Infinity is in the bucket behind that of the largest float.
pub(crate) fn bucket_index(abs: f64, schema: i32) -> i32 {
    if abs == f64::INFINITY {
        return bucket_index(f64::MAX, schema) + 1;
    }
    let (mut bits, mut exponent) = (abs.to_bits(), 0);
    if bits < 1 << 52 {
        // Subnormal: 2^54 times as large it is not.
        bits = (abs * 18_014_398_509_481_984.0).to_bits();
        exponent = -54;
    }
    exponent += (bits >> 52) as i32 - 1022;
    let fraction = bits & ((1 << 52) - 1);
    // In [½, 1).
    let half = f64::from_bits(fraction | 1022 << 52);
    let steps = &*STEPS;
    let mut step = usize::from(steps.starts[(fraction >> (52 - START_BITS)) as usize]);
    while steps.bounds[step] < half {
        step += 1;
    }
    let finest = step as i32 + (exponent - 1) * 256;
    let shift = SCHEMA_MAX - schema;
    (finest + (1 << shift) - 1) >> shift
}

/// The schema whose buckets grow by `factor` at most, within the limits.
pub(super) fn schema_of(factor: f64) -> i32 {
    let exponent = factor.log2().log2().floor();
    (-exponent).clamp(f64::from(SCHEMA_MIN), f64::from(SCHEMA_MAX)) as i32
}

/// A row of counts is never longer than this; buckets beyond are in the tree.
const ROW_LEN_MAX: usize = 2048;
/// A row grows by this more than it needs.
const ROW_SLACK: usize = 16;

/// Counts by bucket index.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    /// Of the buckets from `base` on.
    row: Vec<u64>,
    base: i32,
    /// Of the buckets outside the row.
    far: BTreeMap<i32, u64>,
    /// How many buckets are not empty.
    populated: usize,
}

impl Buckets {
    #[inline]
    pub(super) fn add(&mut self, index: i32, count: u64) {
        match self.row.get_mut(index.wrapping_sub(self.base) as u32 as usize) {
            Some(bucket) => {
                self.populated += usize::from(*bucket == 0);
                *bucket += count;
            }
            None => self.add_outside(index, count),
        }
    }

    #[cold]
    fn add_outside(&mut self, index: i32, count: u64) {
        let end = self.base + self.row.len() as i32;
        let (first, last) =
            if self.row.is_empty() { (index, index) } else { (self.base.min(index), (end - 1).max(index)) };
        let len = (last - first) as usize + 1;
        if len > ROW_LEN_MAX {
            let bucket = self.far.entry(index).or_insert(0);
            self.populated += usize::from(*bucket == 0);
            *bucket += count;
            return;
        }
        let slack = ROW_SLACK.min((ROW_LEN_MAX - len) / 2);
        let base = first - slack as i32;
        let mut row = vec![0; len + 2 * slack];
        if !self.row.is_empty() {
            let at = (self.base - base) as usize;
            row[at..at + self.row.len()].copy_from_slice(&self.row);
        }
        (self.row, self.base) = (row, base);
        // What was far and no longer is.
        let end = base + self.row.len() as i32;
        let near: Vec<i32> = self.far.range(base..end).map(|(&index, _)| index).collect();
        for index in near {
            let far = self.far.remove(&index).unwrap_or(0);
            self.row[(index - base) as usize] += far;
        }
        self.add(index, count);
    }

    /// Index and count of the buckets that are not empty, by index.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i32, u64)> {
        let end = self.base + self.row.len() as i32;
        let below = self.far.range(..self.base).map(|(&index, &count)| (index, count));
        let row = self.row.iter().enumerate().map(|(i, &count)| (self.base + i as i32, count));
        let above = self.far.range(end..).map(|(&index, &count)| (index, count));
        below.chain(row).chain(above).filter(|(_, count)| *count > 0)
    }

    fn first(&self) -> Option<i32> {
        self.iter().next().map(|(index, _)| index)
    }

    fn remove(&mut self, index: i32) -> u64 {
        let count = match self.row.get_mut(index.wrapping_sub(self.base) as u32 as usize) {
            Some(bucket) => std::mem::take(bucket),
            None => self.far.remove(&index).unwrap_or(0),
        };
        self.populated -= usize::from(count > 0);
        count
    }

    fn add_all(&mut self, other: &Buckets) {
        for (index, count) in other.iter() {
            self.add(index, count);
        }
    }

    /// Joins each two neighbours.
    fn halve(&mut self) {
        let old = std::mem::take(self);
        for (index, count) in old.iter() {
            self.add((index + i32::from(index > 0)) / 2, count);
        }
    }

    /// The spans, and the counts as differences. Up to two empty buckets do not end a span.
    fn encode(&self) -> (Vec<Span>, Vec<i64>) {
        const GAP_MAX: i32 = 2;
        let mut spans: Vec<Span> = Vec::new();
        let mut deltas = Vec::with_capacity(self.populated);
        let (mut next, mut before) = (0, 0);
        for (index, count) in self.iter() {
            let gap = index - next;
            match spans.last_mut() {
                Some(span) if gap <= GAP_MAX => {
                    for _ in 0..gap {
                        deltas.push(-before);
                        before = 0;
                    }
                    span.length += gap as u32 + 1;
                }
                _ => spans.push(Span { offset: gap, length: 1 }),
            }
            deltas.push(count as i64 - before);
            before = count as i64;
            next = index + 1;
        }
        (spans, deltas)
    }
}

/// One copy of the native side.
#[derive(Clone, Debug)]
pub(super) struct Native {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    zero_count: u64,
    positive: Buckets,
    negative: Buckets,
}

impl Native {
    pub(super) fn new(schema: i32, zero_threshold: f64) -> Native {
        Native { schema, zero_threshold, zero_count: 0, positive: Buckets::default(), negative: Buckets::default() }
    }

    /// Counts a number; NaN is not counted here.
    #[inline]
    pub(super) fn observe(&mut self, value: f64) {
        let abs = value.abs();
        if abs > self.zero_threshold {
            let index = bucket_index(abs, self.schema);
            if value > 0.0 { self.positive.add(index, 1) } else { self.negative.add(index, 1) }
        } else if !value.is_nan() {
            self.zero_count += 1;
        }
    }

    /// How many buckets are not empty, the zero bucket aside.
    #[inline]
    pub(super) fn populated(&self) -> usize {
        self.positive.populated + self.negative.populated
    }

    /// Widens the zero bucket up to the bound of the buckets nearest to it, unless that is beyond `max`.
    pub(super) fn widen_zero(&mut self, max: f64) -> bool {
        let Some(index) = [self.positive.first(), self.negative.first()].into_iter().flatten().min() else {
            return false;
        };
        let bound = bucket_bound(index, self.schema, &[]);
        if bound > max {
            return false;
        }
        self.widen_to(bound);
        true
    }

    /// Widens the zero bucket to `threshold` and takes in the buckets that are within.
    fn widen_to(&mut self, threshold: f64) {
        for buckets in [&mut self.positive, &mut self.negative] {
            while let Some(index) = buckets.first() {
                // A bucket that the threshold cuts stays: its observations may be on either side.
                if bucket_bound(index, self.schema, &[]) > threshold {
                    break;
                }
                self.zero_count += buckets.remove(index);
            }
        }
        self.zero_threshold = threshold;
    }

    /// Halves the resolution, unless it is the least.
    pub(super) fn halve(&mut self) -> bool {
        if self.schema <= SCHEMA_MIN {
            return false;
        }
        self.schema -= 1;
        self.positive.halve();
        self.negative.halve();
        true
    }

    /// Makes this as coarse as `other`.
    pub(super) fn coarsen_to(&mut self, other: &Native) {
        while self.schema > other.schema && self.halve() {}
        if self.zero_threshold < other.zero_threshold {
            self.widen_to(other.zero_threshold);
        }
    }

    /// Takes in what `other` counted, which is made as coarse as this.
    pub(super) fn add_all(&mut self, other: &Native) {
        let mut other = std::borrow::Cow::Borrowed(other);
        if other.schema != self.schema || other.zero_threshold != self.zero_threshold {
            self.coarsen_to(&other);
            other.to_mut().coarsen_to(self);
        }
        self.zero_count += other.zero_count;
        self.positive.add_all(&other.positive);
        self.negative.add_all(&other.negative);
    }

    pub(super) fn encode(&self) -> NativeHistogram {
        let (positive_spans, positive_deltas) = self.positive.encode();
        let (negative_spans, negative_deltas) = self.negative.encode();
        NativeHistogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            positive_spans,
            positive_deltas,
            negative_spans,
            negative_deltas,
            exemplars: Vec::new(),
        }
    }
}

/// Spans and differences of these counts by bucket index.
pub(crate) fn encode_buckets(counts: impl IntoIterator<Item = (i32, u64)>) -> (Vec<Span>, Vec<i64>) {
    let mut buckets = Buckets::default();
    counts.into_iter().for_each(|(index, count)| buckets.add(index, count));
    buckets.encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_upstreams() {
        for (value, schema, want) in [
            (1.0, 0, 0),
            (1.000_000_1, 0, 1),
            (2.0, 0, 1),
            (3.0, 0, 2),
            (4.0, 0, 2),
            (0.5, 0, -1),
            (1.0, 3, 0),
            (1.09, 3, 1),
            (2.0, 3, 8),
            (4.0, -1, 1),
            (5.0, -1, 2),
            (f64::INFINITY, 0, 1025),
            (f64::MAX, 0, 1024),
            (f64::MAX, -4, 64),
            (f64::INFINITY, -4, 65),
            (5e-324, 0, -1074),
            (f64::MIN_POSITIVE, 0, -1022),
        ] {
            assert_eq!(bucket_index(value, schema), want, "{value} at {schema}");
        }
    }

    #[test]
    fn every_value_is_within_the_bounds_of_its_bucket() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let value = f64::from_bits(random.u64(f64::MIN_POSITIVE.to_bits()..f64::INFINITY.to_bits()));
            let schema = random.i32(SCHEMA_MIN..=SCHEMA_MAX);
            let index = bucket_index(value, schema);
            let (low, high) = (bucket_bound(index - 1, schema, &[]), bucket_bound(index, schema, &[]));
            assert!(low < value && value <= high, "{value} at {schema}: {index}, {low} to {high}");
            // And the bounds themselves are inclusive.
            assert_eq!(bucket_index(high, schema), index, "{high} at {schema}");
        }
    }

    #[test]
    fn factors_give_upstreams_schemas() {
        for (factor, want) in [
            (65536.0, -4),
            (1e9, -4),
            (256.0, -3),
            (16.0, -2),
            (4.0, -1),
            (2.0, 0),
            (1.5, 1),
            (1.2, 2),
            (1.1, 3),
            (1.05, 4),
            (1.03, 5),
            (1.02, 6),
            (1.01, 7),
            (1.005, 8),
            (1.000_001, 8),
        ] {
            assert_eq!(schema_of(factor), want, "{factor}");
        }
    }

    #[test]
    fn halving_keeps_bounds() {
        for (old, new) in [(-3, -1), (-2, -1), (-1, 0), (0, 0), (1, 1), (2, 1), (3, 2), (4, 2)] {
            let mut buckets = Buckets::default();
            buckets.add(old, 1);
            buckets.halve();
            assert_eq!(buckets.iter().collect::<Vec<_>>(), [(new, 1)], "{old}");
        }
    }

    #[test]
    fn small_gaps_are_filled() {
        let span = |offset, length| Span { offset, length };
        let one = |indexes: &[i32]| encode_buckets(indexes.iter().map(|&index| (index, 1)));
        assert_eq!(one(&[0, 1, 4, 5]), (vec![span(0, 6)], vec![1, 0, -1, 0, 1, 0]));
        assert_eq!(one(&[0, 1, 5]), (vec![span(0, 2), span(3, 1)], vec![1, 0, 0]));
        assert_eq!(one(&[-7]), (vec![span(-7, 1)], vec![1]));
        assert_eq!(one(&[]), (vec![], vec![]));
    }

    #[test]
    fn far_buckets_are_not_lost() {
        let mut buckets = Buckets::default();
        let mut model = BTreeMap::new();
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..3000 {
            let index = if random.bool() { random.i32(-50..50) } else { random.i32(-20_000..20_000) };
            buckets.add(index, 2);
            *model.entry(index).or_insert(0) += 2;
        }
        assert_eq!(buckets.iter().collect::<Vec<_>>(), model.iter().map(|(&i, &c)| (i, c)).collect::<Vec<_>>());
        assert_eq!(buckets.populated, model.len());
        let first = buckets.first().unwrap();
        assert_eq!(buckets.remove(first), model[&first]);
        assert_eq!(buckets.populated, model.len() - 1);
    }

    #[test]
    fn the_zero_bucket_takes_its_neighbours() {
        let mut native = Native::new(0, 0.0);
        [0.0, 1.0, -1.0, 2.0, f64::NAN].into_iter().for_each(|value| native.observe(value));
        assert_eq!(native.populated(), 3);
        assert!(!native.widen_zero(0.5));
        assert!(native.widen_zero(1.0));
        assert_eq!((native.populated(), native.zero_count, native.zero_threshold), (1, 3, 1.0));
        let mut fine = Native::new(3, 0.0);
        [0.5, 1.5, 30.0].into_iter().for_each(|value| fine.observe(value));
        fine.add_all(&native);
        assert_eq!((fine.schema, fine.zero_threshold, fine.zero_count, fine.populated()), (0, 1.0, 4, 2));
    }
}
