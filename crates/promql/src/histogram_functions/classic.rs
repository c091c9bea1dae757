//! Quantiles and fractions of classic histograms.

/// One `_bucket` series at one step: cumulative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ClassicBucket {
    /// The value of `le`.
    pub(super) upper: f64,
    /// How many observations are at most that.
    pub(super) count: f64,
}

/// What had to be changed to make the buckets of a classic histogram monotonic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ForcedFix {
    /// Lowest upper bound whose count was raised.
    pub(super) bucket_min: f64,
    /// Highest one.
    pub(super) bucket_max: f64,
    /// Largest amount.
    pub(super) diff_max: f64,
}

/// The buckets of one classic histogram at one step.
#[derive(Debug, Default)]
pub(super) struct ClassicHistogram {
    buckets: Vec<ClassicBucket>,
}

/// Relative differences below this are taken for rounding.
const DELTA: f64 = 1e-12;

/// Whether two counts are the same but for rounding.
fn almost_equal(a: f64, b: f64) -> bool {
    let sum = a.abs() + b.abs();
    let diff = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return diff < DELTA * f64::MIN_POSITIVE;
    }
    diff / sum.min(f64::MAX) < DELTA
}

impl ClassicHistogram {
    /// Forgets the buckets, keeping the memory.
    pub(super) fn clear(&mut self) {
        self.buckets.clear();
    }

    /// Adds a bucket. Bounds must come in ascending order; equal ones are added up.
    pub(super) fn push(&mut self, bucket: ClassicBucket) {
        match self.buckets.last_mut() {
            Some(last) if last.upper == bucket.upper => last.count += bucket.count,
            _ => self.buckets.push(bucket),
        }
    }

    /// Whether no bucket was added.
    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn ends_in_infinity(&self) -> bool {
        self.buckets.last().is_some_and(|bucket| bucket.upper == f64::INFINITY)
    }

    /// Raises counts that are less than the one before, which they cannot be.
    /// Differences that look like rounding are removed silently. Once done, a
    /// second call changes nothing.
    pub(super) fn ensure_monotonic(&mut self) -> Option<ForcedFix> {
        if !self.ends_in_infinity() {
            return None;
        }
        let (first, rest) = self.buckets.split_first_mut()?;
        let mut previous = first.count;
        let mut fix: Option<ForcedFix> = None;
        for bucket in rest {
            let count = bucket.count;
            if count == previous {
                continue;
            }
            if almost_equal(previous, count) {
                bucket.count = previous;
            } else if count < previous {
                let diff = previous - count;
                bucket.count = previous;
                let fix =
                    fix.get_or_insert(ForcedFix { bucket_min: bucket.upper, bucket_max: bucket.upper, diff_max: diff });
                fix.bucket_min = fix.bucket_min.min(bucket.upper);
                fix.bucket_max = fix.bucket_max.max(bucket.upper);
                fix.diff_max = fix.diff_max.max(diff);
            } else {
                previous = count;
            }
        }
        fix
    }

    /// The quantile `q`, linear within buckets. [`ClassicHistogram::ensure_monotonic`]
    /// must have been called.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        if q.is_nan() {
            return f64::NAN;
        }
        if q < 0.0 {
            return f64::NEG_INFINITY;
        }
        if q > 1.0 {
            return f64::INFINITY;
        }
        let buckets = &self.buckets;
        if !self.ends_in_infinity() || buckets.len() < 2 {
            return f64::NAN;
        }
        let last = buckets.len() - 1;
        let observations = buckets[last].count;
        if observations == 0.0 {
            return f64::NAN;
        }
        let rank = q * observations;
        let found = buckets[..last].iter().position(|bucket| bucket.count >= rank).unwrap_or(last);
        if found == last {
            return buckets[last - 1].upper;
        }
        let end = buckets[found].upper;
        if found == 0 && end <= 0.0 {
            return end;
        }
        let (start, count, rank) = match found.checked_sub(1).map(|before| buckets[before]) {
            Some(before) => (before.upper, buckets[found].count - before.count, rank - before.count),
            None => (0.0, buckets[found].count, rank),
        };
        start + (end - start) * (rank / count)
    }

    /// Which part of the observations lies between two values, linear within buckets.
    pub(super) fn fraction(&self, lower: f64, upper: f64) -> f64 {
        let buckets = &self.buckets;
        if !self.ends_in_infinity() {
            return f64::NAN;
        }
        let observations = buckets[buckets.len() - 1].count;
        if observations == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        let (mut rank, mut lower_rank, mut upper_rank) = (0.0, None, None);
        let mut start = if buckets[0].upper <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
        for bucket in buckets {
            let place = |value: f64| {
                if start >= value {
                    return Some(rank);
                }
                (value < bucket.upper).then(|| {
                    if start == f64::NEG_INFINITY {
                        return bucket.count;
                    }
                    rank + (bucket.count - rank) * (value - start) / (bucket.upper - start)
                })
            };
            lower_rank = lower_rank.or_else(|| place(lower));
            upper_rank = upper_rank.or_else(|| place(upper));
            if lower_rank.is_some() && upper_rank.is_some() {
                break;
            }
            rank = bucket.count;
            start = bucket.upper;
        }
        let at_most_all = |rank: Option<f64>| rank.filter(|&rank| rank <= observations).unwrap_or(observations);
        (at_most_all(upper_rank) - at_most_all(lower_rank)) / observations
    }
}
