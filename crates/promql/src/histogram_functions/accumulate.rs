//! Sums and averages of native histograms, compensated.

use narthex_model::FloatHistogram;
use narthex_model::histogram::{Combined, CounterResetHint, IncompatibleSchemas};

/// What became apparent while histograms were added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SumNotes {
    has_reset: bool,
    has_not_reset: bool,
    /// Different custom bounds were reduced to those in common.
    pub bounds_reconciled: bool,
}

impl SumNotes {
    /// Whether a histogram after a reset and one known not to be met.
    pub fn is_collision(&self) -> bool {
        self.has_reset && self.has_not_reset
    }

    /// Takes in what became apparent elsewhere.
    pub fn merge(&mut self, later: SumNotes) {
        self.has_reset |= later.has_reset;
        self.has_not_reset |= later.has_not_reset;
        self.bounds_reconciled |= later.bounds_reconciled;
    }

    fn see(&mut self, histogram: &FloatHistogram) {
        match histogram.counter_reset_hint {
            CounterResetHint::Reset => self.has_reset = true,
            CounterResetHint::NotReset => self.has_not_reset = true,
            CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        }
    }

    fn take(&mut self, combined: Combined) {
        self.bounds_reconciled |= combined.bounds_reconciled;
    }
}

/// A sum of histograms. Not compacted.
#[derive(Clone, Debug)]
pub struct HistogramSum {
    sum: FloatHistogram,
    compensation: Option<FloatHistogram>,
}

impl HistogramSum {
    /// The sum of one histogram.
    pub fn new(first: &FloatHistogram, notes: &mut SumNotes) -> HistogramSum {
        notes.see(first);
        HistogramSum { sum: first.clone(), compensation: None }
    }

    /// Adds one.
    ///
    /// # Errors
    /// When exponential and custom buckets meet; there is no sum then.
    pub fn add(&mut self, histogram: &FloatHistogram, notes: &mut SumNotes) -> Result<(), IncompatibleSchemas> {
        notes.see(histogram);
        let combined = self.sum.kahan_add(histogram, &mut self.compensation)?;
        notes.take(combined);
        Ok(())
    }

    /// Adds what was added to `later`, whose notes are merged apart.
    ///
    /// # Errors
    /// When exponential and custom buckets meet; there is no sum then.
    pub fn merge(&mut self, later: HistogramSum, notes: &mut SumNotes) -> Result<(), IncompatibleSchemas> {
        let combined = self.sum.kahan_add(&later.finish()?, &mut self.compensation)?;
        notes.take(combined);
        Ok(())
    }

    /// The sum.
    ///
    /// # Errors
    /// None at present; for symmetry with [`HistogramSum::add`].
    pub fn finish(mut self) -> Result<FloatHistogram, IncompatibleSchemas> {
        if let Some(compensation) = &self.compensation {
            self.sum.add_compensation(compensation);
        }
        Ok(self.sum)
    }
}

/// An average of histograms that goes on when their sum would overflow. Not compacted.
#[derive(Clone, Debug)]
pub struct HistogramMean {
    /// The sum, or once `is_incremental` the mean so far.
    sum: FloatHistogram,
    compensation: Option<FloatHistogram>,
    count: f64,
    is_incremental: bool,
}

/// The amounts of a histogram that decide whether it overflows.
fn amounts(h: &FloatHistogram) -> impl Iterator<Item = f64> + '_ {
    let buckets = h.positive_buckets.iter().chain(&h.negative_buckets).copied();
    [h.zero_count, h.count, h.sum].into_iter().chain(buckets)
}

/// Whether nothing near the limits is in it: then no sum of two such overflows.
fn is_far_from_overflow(h: &FloatHistogram) -> bool {
    amounts(h).map(f64::abs).sum::<f64>() < f64::MAX / 4.0
}

fn has_overflow(h: &FloatHistogram) -> bool {
    amounts(h).any(f64::is_infinite)
}

impl HistogramMean {
    /// The average of one histogram.
    pub fn new(first: &FloatHistogram, notes: &mut SumNotes) -> HistogramMean {
        notes.see(first);
        HistogramMean { sum: first.clone(), compensation: None, count: 1.0, is_incremental: false }
    }

    /// Takes in one more.
    ///
    /// # Errors
    /// When exponential and custom buckets meet; there is no average then.
    pub fn add(&mut self, histogram: &FloatHistogram, notes: &mut SumNotes) -> Result<(), IncompatibleSchemas> {
        notes.see(histogram);
        self.count += 1.0;
        if !self.is_incremental {
            if is_far_from_overflow(&self.sum) && is_far_from_overflow(histogram) {
                let combined = self.sum.kahan_add(histogram, &mut self.compensation)?;
                notes.take(combined);
                return Ok(());
            }
            let (mut sum, mut compensation) = (self.sum.clone(), self.compensation.clone());
            let combined = sum.kahan_add(histogram, &mut compensation)?;
            notes.take(combined);
            if !has_overflow(&sum) {
                (self.sum, self.compensation) = (sum, compensation);
                return Ok(());
            }
            self.is_incremental = true;
            self.scale(|h, count| h.div(count - 1.0));
        }
        let mut share = histogram.clone();
        share.div(self.count);
        self.scale(|h, count| h.mul((count - 1.0) / count));
        let combined = self.sum.kahan_add(&share, &mut self.compensation)?;
        notes.take(combined);
        Ok(())
    }

    /// Takes in the histograms of `later` too, whose notes are merged apart.
    ///
    /// # Errors
    /// When exponential and custom buckets meet; there is no average then.
    pub fn merge(&mut self, later: HistogramMean, notes: &mut SumNotes) -> Result<(), IncompatibleSchemas> {
        let (mine, theirs) = (self.count, later.count);
        let count = mine + theirs;
        let mut mean = self.clone().finish()?;
        mean.mul(mine / count);
        let mut share = later.finish()?;
        share.mul(theirs / count);
        let mut compensation = None;
        notes.take(mean.kahan_add(&share, &mut compensation)?);
        *self = HistogramMean { sum: mean, compensation, count, is_incremental: true };
        Ok(())
    }

    fn scale(&mut self, change: impl Fn(&mut FloatHistogram, f64)) {
        change(&mut self.sum, self.count);
        if let Some(compensation) = &mut self.compensation {
            change(compensation, self.count);
        }
    }

    /// The average.
    ///
    /// # Errors
    /// None at present; for symmetry with [`HistogramMean::add`].
    pub fn finish(mut self) -> Result<FloatHistogram, IncompatibleSchemas> {
        if !self.is_incremental {
            self.scale(|h, count| h.div(count));
        }
        if let Some(compensation) = &self.compensation {
            self.sum.add_compensation(compensation);
        }
        Ok(self.sum)
    }
}
