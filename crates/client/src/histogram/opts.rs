//! What kind of histogram to make.

use std::time::Duration;

use super::DEFAULT_BUCKETS;
use super::native::schema_of;
use crate::error::RegisterError;
use crate::exemplar::Keep;

/// 2^−128: the zero bucket of native histograms, unless another is asked for.
pub const DEFAULT_ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// What kind of histogram to make: with classic buckets, native ones, or both.
///
/// Where bounds are asked for, a slice of them will do:
///
/// ```
/// use narthex_client::{Histogram, HistogramOpts};
///
/// let classic = Histogram::with_opts(&[0.1, 1.0])?;
/// let native = Histogram::with_opts(HistogramOpts::native(1.1).max_buckets(160))?;
/// let both = Histogram::with_opts(HistogramOpts::native(1.1).with_classic(&[0.1, 1.0]))?;
/// # Ok::<(), narthex_client::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct HistogramOpts {
    bounds: Vec<f64>,
    /// 0 means no native buckets.
    factor: f64,
    zero_threshold: f64,
    max_buckets: usize,
    max_zero_threshold: f64,
    min_reset: Duration,
    max_exemplars: usize,
    exemplar_ttl: Duration,
}

impl Default for HistogramOpts {
    fn default() -> HistogramOpts {
        HistogramOpts {
            bounds: Vec::new(),
            factor: 0.0,
            zero_threshold: DEFAULT_ZERO_THRESHOLD,
            max_buckets: 0,
            max_zero_threshold: 0.0,
            min_reset: Duration::ZERO,
            max_exemplars: 10,
            exemplar_ttl: Duration::from_secs(300),
        }
    }
}

impl HistogramOpts {
    /// With these upper bounds (inclusive, ascending). Empty means
    /// [`DEFAULT_BUCKETS`]; `+Inf` is implied and may be given.
    pub fn classic(bounds: &[f64]) -> HistogramOpts {
        HistogramOpts { bounds: bounds.to_vec(), ..HistogramOpts::default() }
    }

    /// With native buckets, each wider than the one before by `factor` at most
    /// (more than 1; 1.1 is usual). Prometheus scrapes them when it is told to;
    /// who reads text sees count and sum.
    pub fn native(factor: f64) -> HistogramOpts {
        HistogramOpts { factor, ..HistogramOpts::default() }
    }

    /// With these classic buckets besides.
    pub fn with_classic(mut self, bounds: &[f64]) -> HistogramOpts {
        self.bounds = bounds.to_vec();
        self
    }

    /// How many native buckets there may be, in all but the zero bucket; 0 means any number,
    /// 160 is a good choice. When there are more: the histogram is reset if it may be
    /// ([`HistogramOpts::min_reset`]), else the zero bucket is widened as far as it may be
    /// ([`HistogramOpts::max_zero_threshold`]), else the resolution is halved.
    pub fn max_buckets(mut self, count: usize) -> HistogramOpts {
        self.max_buckets = count;
        self
    }

    /// How much time must be between two resets for want of buckets; zero, as it is at first, means never.
    pub fn min_reset(mut self, duration: Duration) -> HistogramOpts {
        self.min_reset = duration;
        self
    }

    /// Half the width of the zero bucket. Negative means a bucket of width 0.
    pub fn zero_threshold(mut self, threshold: f64) -> HistogramOpts {
        self.zero_threshold = threshold.max(0.0);
        self
    }

    /// How far the zero bucket may be widened.
    pub fn max_zero_threshold(mut self, threshold: f64) -> HistogramOpts {
        self.max_zero_threshold = threshold;
        self
    }

    /// How many exemplars the native side keeps; 10 at first.
    pub fn max_exemplars(mut self, count: usize) -> HistogramOpts {
        self.max_exemplars = count;
        self
    }

    /// How old the oldest of them may be before it makes room; 5 minutes at first.
    pub fn exemplar_ttl(mut self, duration: Duration) -> HistogramOpts {
        self.exemplar_ttl = duration;
        self
    }

    /// Checks all for the metric of this name.
    pub(crate) fn check(&self, metric: &str) -> Result<HistogramConfig, RegisterError> {
        let is_native = self.factor != 0.0;
        if is_native && (self.factor.is_nan() || self.factor <= 1.0) {
            return Err(RegisterError::BucketFactor { metric: metric.to_owned(), factor: self.factor.to_string() });
        }
        let given = if self.bounds.is_empty() && !is_native { &DEFAULT_BUCKETS[..] } else { &self.bounds };
        let finite = given.strip_suffix(&[f64::INFINITY]).unwrap_or(given);
        let rising = finite.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || finite.iter().any(|bound| bound.is_nan() || *bound == f64::INFINITY) {
            return Err(RegisterError::Buckets { metric: metric.to_owned(), bounds: format!("{given:?}") });
        }
        Ok(HistogramConfig {
            bounds: finite.into(),
            native: is_native.then(|| NativeConfig {
                schema: schema_of(self.factor),
                zero_threshold: self.zero_threshold,
                max_buckets: if self.max_buckets == 0 { usize::MAX } else { self.max_buckets },
                max_zero_threshold: self.max_zero_threshold,
                min_reset: self.min_reset,
                keep: Keep { count_max: self.max_exemplars, age_max: self.exemplar_ttl },
            }),
        })
    }
}

impl From<&[f64]> for HistogramOpts {
    fn from(bounds: &[f64]) -> HistogramOpts {
        HistogramOpts::classic(bounds)
    }
}

impl<const N: usize> From<&[f64; N]> for HistogramOpts {
    fn from(bounds: &[f64; N]) -> HistogramOpts {
        HistogramOpts::classic(bounds)
    }
}

impl From<&Vec<f64>> for HistogramOpts {
    fn from(bounds: &Vec<f64>) -> HistogramOpts {
        HistogramOpts::classic(bounds)
    }
}

/// [`HistogramOpts`], found to be in order.
#[derive(Clone, Debug)]
pub struct HistogramConfig {
    /// Finite and rising.
    pub(crate) bounds: Box<[f64]>,
    pub(super) native: Option<NativeConfig>,
}

#[derive(Clone, Debug)]
pub(super) struct NativeConfig {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) max_buckets: usize,
    pub(super) max_zero_threshold: f64,
    /// Zero: never.
    pub(super) min_reset: Duration,
    pub(super) keep: Keep,
}
