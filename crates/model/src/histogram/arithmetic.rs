//! Scaling, adding and subtracting.
//!
//! Adding comes plain ([`FloatHistogram::add`]) and compensated
//! ([`FloatHistogram::kahan_add`]); the latter keeps what rounding lost in a second
//! histogram of the same layout, added at the very end.

use super::cells::{self, Cell};
use super::{CounterResetHint, FloatHistogram, Span, bounds, custom, kahan_add, zero_bucket};

/// One histogram has custom buckets and the other exponential ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
pub struct IncompatibleSchemas;

/// What adding or subtracting brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Combined {
    /// One histogram was a reset, the other known not to be one.
    pub collision: bool,
    /// Different custom bounds were reduced to those in common.
    pub bounds_reconciled: bool,
}

/// The hint of a combination, and whether the two contradict each other.
fn combine_hints(a: CounterResetHint, b: CounterResetHint) -> (CounterResetHint, bool) {
    use CounterResetHint::{Gauge, Unknown};
    match (a, b) {
        _ if a == b => (a, false),
        (Gauge, _) | (_, Gauge) => (Gauge, false),
        (Unknown, _) | (_, Unknown) => (Unknown, false),
        _ => (Unknown, true),
    }
}

impl FloatHistogram {
    /// Multiplies all counts and the sum. A negative factor makes it a gauge.
    pub fn mul(&mut self, factor: f64) {
        self.for_each_amount(|amount| *amount *= factor);
        if factor < 0.0 {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. A negative divisor makes it a gauge, zero
    /// leaves no bucket.
    pub fn div(&mut self, divisor: f64) {
        self.for_each_amount(|amount| *amount /= divisor);
        if divisor < 0.0 {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
        if divisor == 0.0 {
            self.positive_spans.clear();
            self.negative_spans.clear();
            self.positive_buckets.clear();
            self.negative_buckets.clear();
        }
    }

    fn for_each_amount(&mut self, mut change: impl FnMut(&mut f64)) {
        change(&mut self.zero_count);
        change(&mut self.count);
        change(&mut self.sum);
        self.positive_buckets.iter_mut().for_each(&mut change);
        self.negative_buckets.iter_mut().for_each(&mut change);
    }

    /// Adds `other`, bringing different layouts together; not compacted.
    ///
    /// # Errors
    /// When only one has custom buckets; then nothing has changed.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Combined, IncompatibleSchemas> {
        self.combine(other, false, None)
    }

    /// Subtracts `other`; likewise. The hint is combined as in an addition.
    ///
    /// # Errors
    /// When only one has custom buckets; then nothing has changed.
    pub fn sub(&mut self, other: &FloatHistogram) -> Result<Combined, IncompatibleSchemas> {
        self.combine(other, true, None)
    }

    /// Adds `other` and keeps what rounding loses in `compensation`, which is made
    /// when there is none and otherwise has the layout of `self`.
    ///
    /// # Errors
    /// When only one has custom buckets; then nothing has changed.
    pub fn kahan_add(
        &mut self,
        other: &FloatHistogram,
        compensation: &mut Option<FloatHistogram>,
    ) -> Result<Combined, IncompatibleSchemas> {
        if compensation.is_none() {
            let mut empty = self.clone();
            empty.for_each_amount(|amount| *amount = 0.0);
            *compensation = Some(empty);
        }
        self.combine(other, false, compensation.as_mut())
    }

    /// Adds the compensation that [`FloatHistogram::kahan_add`] has kept.
    pub fn add_compensation(&mut self, compensation: &FloatHistogram) {
        debug_assert_eq!(self.positive_spans, compensation.positive_spans);
        debug_assert_eq!(self.negative_spans, compensation.negative_spans);
        self.zero_count += compensation.zero_count;
        self.count += compensation.count;
        self.sum += compensation.sum;
        for (bucket, lost) in self.positive_buckets.iter_mut().zip(&compensation.positive_buckets) {
            *bucket += lost;
        }
        for (bucket, lost) in self.negative_buckets.iter_mut().zip(&compensation.negative_buckets) {
            *bucket += lost;
        }
    }

    fn combine(
        &mut self,
        other: &FloatHistogram,
        is_subtraction: bool,
        mut compensation: Option<&mut FloatHistogram>,
    ) -> Result<Combined, IncompatibleSchemas> {
        if self.uses_custom_buckets() != other.uses_custom_buckets() {
            return Err(IncompatibleSchemas);
        }
        let (hint, collision) = combine_hints(self.counter_reset_hint, other.counter_reset_hint);
        self.counter_reset_hint = hint;
        let mut combined = Combined { collision, bounds_reconciled: false };

        let (mut zero_count, has_same_zero) = (other.zero_count, self.zero_threshold == other.zero_threshold);
        if !self.uses_custom_buckets() && !has_same_zero {
            let (mine, theirs) = zero_bucket::reconcile(self, compensation.as_deref(), other);
            zero_count = theirs.count;
            self.widen_zero(mine, compensation.as_deref_mut());
        }
        let add_amount = |amount: &mut f64, value: f64, lost: Option<&mut f64>| {
            let value = if is_subtraction { -value } else { value };
            match lost {
                Some(lost) => (*amount, *lost) = kahan_add(value, *amount, *lost),
                None => *amount += value,
            }
        };
        add_amount(&mut self.zero_count, zero_count, compensation.as_deref_mut().map(|c| &mut c.zero_count));
        add_amount(&mut self.count, other.count, compensation.as_deref_mut().map(|c| &mut c.count));
        add_amount(&mut self.sum, other.sum, compensation.as_deref_mut().map(|c| &mut c.sum));

        if self.uses_custom_buckets() && self.custom_values != other.custom_values {
            combined.bounds_reconciled = true;
            custom::combine(self, other, is_subtraction, compensation);
            return Ok(combined);
        }
        let schema = self.schema.min(other.schema);
        let layout = |h: &FloatHistogram| Layout { schema: h.schema, threshold: h.zero_threshold };
        let (mine, theirs) = (layout(self), layout(other));
        let common = Layout { schema, threshold: self.zero_threshold };
        let (lost_positive, lost_negative) = match compensation {
            Some(c) => {
                c.schema = schema;
                (
                    Some((&mut c.positive_spans, &mut c.positive_buckets)),
                    Some((&mut c.negative_spans, &mut c.negative_buckets)),
                )
            }
            None => (None, None),
        };
        let operation = SideOperation { mine, theirs, common, is_subtraction };
        operation.apply(
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&other.positive_spans, &other.positive_buckets),
            lost_positive,
        );
        operation.apply(
            (&mut self.negative_spans, &mut self.negative_buckets),
            (&other.negative_spans, &other.negative_buckets),
            lost_negative,
        );
        self.schema = schema;
        Ok(combined)
    }

    /// Takes over a wider zero bucket; the buckets now inside it go, and with them
    /// all empty ones, as upstream has it.
    fn widen_zero(&mut self, wide: zero_bucket::WideZero, compensation: Option<&mut FloatHistogram>) {
        if wide.threshold == self.zero_threshold {
            return;
        }
        self.zero_threshold = wide.threshold;
        self.zero_count = wide.count;
        let schema = self.schema;
        let stays = |cell: &Cell| {
            let is_inside = bounds::exponential_bound(cell.index.wrapping_sub(1), schema) < wide.threshold;
            !is_inside && (cell.count != 0.0 || cell.compensation != 0.0)
        };
        let (lost_positive, lost_negative) = match compensation {
            Some(c) => {
                c.zero_threshold = wide.threshold;
                c.zero_count = wide.compensation;
                (
                    Some((&mut c.positive_spans, &mut c.positive_buckets)),
                    Some((&mut c.negative_spans, &mut c.negative_buckets)),
                )
            }
            None => (None, None),
        };
        rewrite((&mut self.positive_spans, &mut self.positive_buckets), lost_positive, |cells| cells.retain(stays));
        rewrite((&mut self.negative_spans, &mut self.negative_buckets), lost_negative, |cells| cells.retain(stays));
    }
}

/// Spans and buckets of one side.
pub(super) type SideMut<'a> = (&'a mut Vec<Span>, &'a mut Vec<f64>);

/// Changes a side, and that of the compensation with it, by way of its cells.
pub(super) fn rewrite((spans, buckets): SideMut<'_>, lost: Option<SideMut<'_>>, change: impl FnOnce(&mut Vec<Cell>)) {
    let mut cells = cells::read(spans, buckets, lost.as_ref().map(|(_, lost)| lost.as_slice()));
    change(&mut cells);
    buckets.clear();
    match lost {
        Some((lost_spans, lost)) => {
            lost.clear();
            cells::write(&cells, 0, spans, |cell| {
                buckets.push(cell.count);
                lost.push(cell.compensation);
            });
            lost_spans.clone_from(spans);
        }
        None => cells::write(&cells, 0, spans, |cell| buckets.push(cell.count)),
    }
}

#[derive(Clone, Copy)]
struct Layout {
    schema: i32,
    threshold: f64,
}

/// How the sides of two histograms become one.
struct SideOperation {
    mine: Layout,
    theirs: Layout,
    common: Layout,
    is_subtraction: bool,
}

impl SideOperation {
    fn apply(&self, (spans, buckets): SideMut<'_>, other: (&[Span], &[f64]), lost: Option<SideMut<'_>>) {
        let (other_spans, other_buckets) = other;
        if other_buckets.is_empty() && self.mine.schema == self.common.schema {
            return;
        }
        let same_layout = self.mine.schema == self.theirs.schema
            && self.theirs.threshold == self.common.threshold
            && spans.as_slice() == other_spans;
        if same_layout && !self.hides_first(other_spans) {
            self.apply_in_place(buckets, other_buckets, lost.map(|(_, lost)| lost));
            return;
        }
        let compensated = lost.is_some();
        let steps = |schema: i32| (schema - self.common.schema) as u32;
        let mut theirs = cells::read(other_spans, other_buckets, None);
        cells::reduce(&mut theirs, steps(self.theirs.schema), false);
        let hidden = theirs.iter().take_while(|cell| self.hides(cell.index)).count();
        rewrite((spans, buckets), lost, |cells| {
            cells::reduce(cells, steps(self.mine.schema), compensated);
            cells::add(cells, &theirs[hidden..], self.is_subtraction, compensated);
        });
    }

    /// The common case: same layout, no allocation.
    fn apply_in_place(&self, buckets: &mut [f64], other: &[f64], lost: Option<&mut Vec<f64>>) {
        match lost {
            Some(lost) => {
                for ((bucket, lost), &value) in buckets.iter_mut().zip(lost).zip(other) {
                    let value = if self.is_subtraction { -value } else { value };
                    (*bucket, *lost) = kahan_add(value, *bucket, *lost);
                }
            }
            None if self.is_subtraction => buckets.iter_mut().zip(other).for_each(|(a, b)| *a -= b),
            None => buckets.iter_mut().zip(other).for_each(|(a, b)| *a += b),
        }
    }

    /// Whether a bucket lies inside the zero bucket, which counts it already.
    fn hides(&self, index: i32) -> bool {
        self.common.threshold > 0.0
            && self.common.schema != super::CUSTOM_BUCKETS_SCHEMA
            && bounds::exponential_bound(index, self.common.schema) <= self.common.threshold
    }

    fn hides_first(&self, spans: &[Span]) -> bool {
        spans.first().is_some_and(|span| self.hides(span.offset))
    }
}
