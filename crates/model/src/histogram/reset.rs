//! Equality and counter resets.

use super::iterate::IndexedBuckets;
use super::{CounterResetHint, FloatHistogram, Span, bounds, cells, custom};

/// Whether two sides have the same buckets, empty ones included.
fn same_layout(a: &[Span], b: &[Span], buckets: &[f64], other: &[f64]) -> bool {
    a == b || IndexedBuckets::new(a, buckets).map(|(i, _)| i).eq(IndexedBuckets::new(b, other).map(|(i, _)| i))
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

impl FloatHistogram {
    /// Whether both are the same histogram as `==`, `changes` and the check for
    /// duplicate samples see it: schema, bounds and layout alike, amounts equal bit
    /// for bit. Hints do not matter.
    pub fn equals(&self, other: &FloatHistogram) -> bool {
        self.schema == other.schema
            && self.count.to_bits() == other.count.to_bits()
            && self.sum.to_bits() == other.sum.to_bits()
            && (!self.uses_custom_buckets() || same_bits(&self.custom_values, &other.custom_values))
            && self.zero_threshold == other.zero_threshold
            && self.zero_count.to_bits() == other.zero_count.to_bits()
            && same_bits(&self.positive_buckets, &other.positive_buckets)
            && same_bits(&self.negative_buckets, &other.negative_buckets)
            && same_layout(&self.positive_spans, &other.positive_spans, &self.positive_buckets, &other.positive_buckets)
            && same_layout(&self.negative_spans, &other.negative_spans, &self.negative_buckets, &other.negative_buckets)
    }

    /// Whether the counter was reset between `previous` and this one.
    pub fn detect_reset(&self, previous: &FloatHistogram) -> bool {
        match self.counter_reset_hint {
            CounterResetHint::Reset => return true,
            CounterResetHint::NotReset => return false,
            CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() {
            if !previous.uses_custom_buckets() {
                return true;
            }
            if self.custom_values != previous.custom_values {
                let bounds = custom::common_bounds(&self.custom_values, &previous.custom_values);
                let (now, before) = (custom::counts_at(self, &bounds), custom::counts_at(previous, &bounds));
                return now.iter().zip(&before).any(|(now, before)| now < before);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let zero = previous.widened_zero(self.zero_threshold, None);
        if zero.threshold != self.zero_threshold || self.zero_count < zero.count {
            return true;
        }
        self.side_decreased(
            previous,
            (&self.positive_spans, &self.positive_buckets),
            (&previous.positive_spans, &previous.positive_buckets),
        ) || self.side_decreased(
            previous,
            (&self.negative_spans, &self.negative_buckets),
            (&previous.negative_spans, &previous.negative_buckets),
        )
    }

    /// Whether a populated bucket of `before` outside of the zero bucket is missing
    /// in `now`, or one is less.
    fn side_decreased(&self, previous: &FloatHistogram, now: (&[Span], &[f64]), before: (&[Span], &[f64])) -> bool {
        let is_hidden = |index: i32| {
            !self.uses_custom_buckets()
                && self.zero_threshold > 0.0
                && bounds::exponential_bound(index, self.schema) <= self.zero_threshold
        };
        if self.schema == previous.schema && now.0 == before.0 {
            // The same layout: nothing can be missing.
            let hidden = IndexedBuckets::new(now.0, now.1).take_while(|&(index, _)| is_hidden(index)).count();
            return now.1.iter().zip(before.1).skip(hidden).any(|(now, before)| now < before);
        }
        let mut reduced = cells::read(before.0, before.1, None);
        if !self.uses_custom_buckets() {
            cells::reduce(&mut reduced, (previous.schema - self.schema) as u32, false);
        }
        let mut now = IndexedBuckets::new(now.0, now.1).peekable();
        reduced.iter().skip_while(|cell| is_hidden(cell.index)).any(|cell| {
            while now.next_if(|&(index, _)| index < cell.index).is_some() {}
            match now.peek() {
                Some(&(index, count)) if index == cell.index => count < cell.count,
                _ => cell.count != 0.0,
            }
        })
    }
}
