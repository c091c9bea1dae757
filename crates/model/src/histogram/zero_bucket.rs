//! Widening the zero bucket so that two histograms have the same.

use super::{FloatHistogram, kahan_add};

/// A wider zero bucket: its threshold, its count and what a compensated sum lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct WideZero {
    pub(super) threshold: f64,
    pub(super) count: f64,
    pub(super) compensation: f64,
}

impl FloatHistogram {
    /// What the zero bucket becomes when it is widened to at least `threshold`: it
    /// takes in the buckets it reaches, and where it ends inside a populated one it
    /// is widened to that bucket's end.
    ///
    /// `compensation` is a histogram of the same layout, see
    /// [`FloatHistogram::kahan_add`].
    pub(super) fn widened_zero(&self, threshold: f64, compensation: Option<&FloatHistogram>) -> WideZero {
        let mut wide =
            WideZero { threshold, count: self.zero_count, compensation: compensation.map_or(0.0, |c| c.zero_count) };
        if threshold <= self.zero_threshold {
            wide.threshold = self.zero_threshold;
            return wide;
        }
        let lost_positive = compensation.map_or(&[][..], |c| &c.positive_buckets);
        let lost_negative = compensation.map_or(&[][..], |c| &c.negative_buckets);
        'restart: loop {
            wide.count = self.zero_count;
            wide.compensation = compensation.map_or(0.0, |c| c.zero_count);
            for (i, bucket) in self.positive_bounded().enumerate() {
                if bucket.lower >= wide.threshold {
                    break;
                }
                wide.absorb(bucket.count, lost_positive.get(i));
                if bucket.upper > wide.threshold {
                    if bucket.count != 0.0 {
                        wide.threshold = bucket.upper;
                    }
                    break;
                }
            }
            for (i, bucket) in self.negative_bounded().enumerate() {
                if bucket.upper <= -wide.threshold {
                    break;
                }
                wide.absorb(bucket.count, lost_negative.get(i));
                if bucket.lower < -wide.threshold {
                    if bucket.count != 0.0 {
                        // The positive side may have more within the new threshold.
                        wide.threshold = -bucket.lower;
                        continue 'restart;
                    }
                    break;
                }
            }
            return wide;
        }
    }
}

impl WideZero {
    fn absorb(&mut self, count: f64, lost: Option<&f64>) {
        (self.count, self.compensation) = kahan_add(count, self.count, self.compensation);
        if let Some(&lost) = lost {
            (self.count, self.compensation) = kahan_add(lost, self.count, self.compensation);
        }
    }
}

/// Widens the zero bucket of `a` or of `b` in turn until both have the same threshold.
pub(super) fn reconcile(
    a: &FloatHistogram,
    compensation: Option<&FloatHistogram>,
    b: &FloatHistogram,
) -> (WideZero, WideZero) {
    let mut wide_a = a.widened_zero(a.zero_threshold, compensation);
    let mut wide_b = b.widened_zero(b.zero_threshold, None);
    // NaN thresholds would never meet; they are not stored.
    while wide_a.threshold != wide_b.threshold && !wide_a.threshold.is_nan() && !wide_b.threshold.is_nan() {
        if wide_a.threshold > wide_b.threshold {
            wide_b = b.widened_zero(wide_a.threshold, None);
        }
        if wide_b.threshold > wide_a.threshold {
            wide_a = a.widened_zero(wide_b.threshold, compensation);
        }
    }
    (wide_a, wide_b)
}
