//! Functions of range vectors: `rate`, `sum_over_time`, `deriv` …
//!
//! The engine reads a series once into columns ([`RangeColumns`]) and then slides
//! a [`Window`] over them, step by step. A [`RangeFunction`] is told when a series
//! [begins](RangeFunction::begin), where it prepares what can be shared between
//! windows (reset positions, prefix counts), and is then asked for the value
//! [at](RangeFunction::at) each step, so that a series costs O(samples + steps)
//! wherever that gives upstream's result bit for bit.
//!
//! What is worth telling the user is noted per series in [`SeriesNotes`] without
//! any text; the engine turns the notes into annotations once per series.
//!
//! Source of all formulas: Prometheus `promql/functions.go`.

mod counting;
mod extended;
mod extremes;
mod instant_rate;
mod merged;
mod notes;
mod picks;
mod quantiles;
mod rate;
mod rate_histograms;
mod regression;
mod smoothing;
mod spread;
mod sums;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use narthex_model::FloatHistogram;
use narthex_promql_syntax::ast::RangeMode;
use narthex_storage::select::SeriesColumns;

pub use extended::{extended_range_points, smoothed_instant};
pub use notes::{NoteSite, SeriesNotes};

/// The samples of one series, staleness markers already removed; timestamps
/// ascend within floats and within histograms.
#[derive(Clone, Copy, Debug, Default)]
pub struct RangeColumns<'a> {
    /// Times of the floats, in milliseconds.
    pub float_timestamps: &'a [i64],
    /// As many values.
    pub floats: &'a [f64],
    /// As many start timestamps (0: unknown), or none when all are unknown.
    pub float_start_timestamps: &'a [i64],
    /// Times of the histograms, in milliseconds.
    pub histogram_timestamps: &'a [i64],
    /// As many histograms.
    pub histograms: &'a [Arc<FloatHistogram>],
    /// As many start timestamps (0: unknown), or none when all are unknown.
    pub histogram_start_timestamps: &'a [i64],
}

impl<'a> From<&'a SeriesColumns> for RangeColumns<'a> {
    fn from(columns: &'a SeriesColumns) -> Self {
        RangeColumns {
            float_timestamps: &columns.floats.timestamps,
            floats: &columns.floats.values,
            float_start_timestamps: &columns.floats.start_timestamps,
            histogram_timestamps: &columns.histograms.timestamps,
            histograms: &columns.histograms.values,
            histogram_start_timestamps: &columns.histograms.start_timestamps,
        }
    }
}

impl RangeColumns<'_> {
    fn float_start_timestamp(&self, index: usize) -> i64 {
        self.float_start_timestamps.get(index).copied().unwrap_or(0)
    }

    fn histogram_start_timestamp(&self, index: usize) -> i64 {
        self.histogram_start_timestamps.get(index).copied().unwrap_or(0)
    }
}

/// What a range selector covers at one step.
///
/// From one step to the next neither end of the index ranges moves backwards
/// within a series (they do between series, after [`RangeFunction::begin`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The floats in it, as indices into the columns.
    pub floats: Range<usize>,
    /// The histograms in it, likewise.
    pub histograms: Range<usize>,
    /// Where the range begins, excluded. With `anchored` and `smoothed` the index
    /// ranges begin earlier, see [`window_bounds`].
    pub range_start_ms: i64,
    /// Where the range ends, included: evaluation time less offset, or `@`. With
    /// `smoothed` the index ranges end later.
    pub range_end_ms: i64,
    /// The evaluation time.
    pub eval_ms: i64,
}

impl Window {
    /// Whether no sample is in it.
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    /// Length of the range in seconds.
    fn range_seconds(&self) -> f64 {
        (self.range_end_ms - self.range_start_ms) as f64 / 1000.0
    }
}

/// Which samples belong to a window: those later than the first time returned, up
/// to and including the second.
pub fn window_bounds(mode: RangeMode, range_start_ms: i64, range_end_ms: i64, lookback_ms: i64) -> (i64, i64) {
    match mode {
        RangeMode::Plain => (range_start_ms, range_end_ms),
        RangeMode::Anchored => (range_start_ms.saturating_sub(lookback_ms), range_end_ms),
        RangeMode::Smoothed => (range_start_ms.saturating_sub(lookback_ms), range_end_ms.saturating_add(lookback_ms)),
    }
}

/// What a function makes of a window.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// No element.
    None,
    /// A float.
    Float(f64),
    /// A histogram.
    Histogram(Arc<FloatHistogram>),
}

/// Why a range function fails, and with it the query.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeFunctionError {
    /// `sf` of double_exponential_smoothing is out of range.
    #[error("invalid smoothing factor. Expected: 0 < sf < 1, got: {0:.6}")]
    SmoothingFactor(f64),
    /// `tf` of double_exponential_smoothing is out of range.
    #[error("invalid trend factor. Expected: 0 < tf < 1, got: {0:.6}")]
    TrendFactor(f64),
    /// A function that knows no `anchored`.
    #[error("anchored modifier can only be used with: changes, delta, increase, rate, resets - not with {0}")]
    Anchored(String),
    /// A function that knows no `smoothed`.
    #[error("smoothed modifier can only be used with: delta, increase, rate - not with {0}")]
    Smoothed(String),
    /// `x[d] anchored` as a query over histograms.
    #[error("anchored modifier is not supported with histograms")]
    AnchoredHistograms,
    /// `x[d] smoothed` as a query over histograms.
    #[error("smoothed modifier is not supported with histograms")]
    SmoothedHistograms,
}

/// A function of a range vector, with what it keeps between the steps of a series.
pub trait RangeFunction: Send {
    /// A new series begins, or the same one again from an earlier step.
    fn begin(&mut self, columns: &RangeColumns<'_>);

    /// The value at the next step of the series that began with these `columns`.
    ///
    /// `args` are the scalar arguments at this step, in order and without the
    /// range vector. An empty window gives [`Out::None`].
    ///
    /// # Errors
    /// When an argument is out of its range.
    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError>;
}

/// What a range function needs to know of its call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RangeContext {
    /// The modifier of the range selector; [`RangeMode::Plain`] for a subquery.
    pub mode: RangeMode,
    /// Whether start timestamps are used (feature `use-start-timestamps`).
    pub use_start_timestamps: bool,
}

/// Whether function `name` may take a range with this modifier.
///
/// # Errors
/// When it may not.
pub fn check_mode(name: &str, mode: RangeMode) -> Result<(), RangeFunctionError> {
    match (mode, name) {
        (RangeMode::Plain, _) | (_, "rate" | "increase" | "delta") => Ok(()),
        (RangeMode::Anchored, "resets" | "changes") => Ok(()),
        (RangeMode::Anchored, _) => Err(RangeFunctionError::Anchored(name.to_owned())),
        (RangeMode::Smoothed, _) => Err(RangeFunctionError::Smoothed(name.to_owned())),
    }
}

/// The function called `name`; `None` when there is no range function of that
/// name (`absent_over_time` is the engine's).
///
/// # Errors
/// When the function does not go with the range's modifier.
pub fn range_function(
    name: &str,
    context: &RangeContext,
) -> Result<Option<Box<dyn RangeFunction>>, RangeFunctionError> {
    check_mode(name, context.mode)?;
    Ok(Some(match name {
        "rate" => rate(rate::RateKind::Rate, context),
        "increase" => rate(rate::RateKind::Increase, context),
        "delta" => rate(rate::RateKind::Delta, context),
        "irate" => Box::new(instant_rate::InstantRate::new(true, context.use_start_timestamps)),
        "idelta" => Box::new(instant_rate::InstantRate::new(false, false)),
        "changes" => Box::new(counting::Counting::changes(context)),
        "resets" => Box::new(counting::Counting::resets(context)),
        "count_over_time" => Box::new(picks::Pick::Count),
        "present_over_time" => Box::new(picks::Pick::Present),
        "last_over_time" => Box::new(picks::Pick::Last),
        "first_over_time" => Box::new(picks::Pick::First),
        "ts_of_last_over_time" => Box::new(picks::Pick::TimestampOfLast),
        "ts_of_first_over_time" => Box::new(picks::Pick::TimestampOfFirst),
        "min_over_time" => Box::new(extremes::Extreme::<false>::value()),
        "max_over_time" => Box::new(extremes::Extreme::<true>::value()),
        "ts_of_min_over_time" => Box::new(extremes::Extreme::<false>::timestamp()),
        "ts_of_max_over_time" => Box::new(extremes::Extreme::<true>::timestamp()),
        "sum_over_time" => Box::new(sums::Sums::sum()),
        "avg_over_time" => Box::new(sums::Sums::avg()),
        "stddev_over_time" => Box::new(spread::Spread::Stddev),
        "stdvar_over_time" => Box::new(spread::Spread::Stdvar),
        "quantile_over_time" => Box::new(quantiles::QuantileOverTime::default()),
        "mad_over_time" => Box::new(quantiles::MadOverTime::default()),
        "deriv" => Box::new(regression::Regression::Deriv),
        "predict_linear" => Box::new(regression::Regression::PredictLinear),
        "double_exponential_smoothing" => Box::new(smoothing::DoubleExponentialSmoothing),
        _ => return Ok(None),
    }))
}

fn rate(kind: rate::RateKind, context: &RangeContext) -> Box<dyn RangeFunction> {
    match context.mode {
        RangeMode::Plain => Box::new(rate::Rate::new(kind, context.use_start_timestamps)),
        RangeMode::Anchored => Box::new(extended::ExtendedRate::new(kind, false)),
        RangeMode::Smoothed => Box::new(extended::ExtendedRate::new(kind, true)),
    }
}
