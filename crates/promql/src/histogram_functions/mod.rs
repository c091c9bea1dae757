//! Functions of histograms: quantiles, fractions, means, and trimming.
//!
//! [`evaluate()`] computes `histogram_quantile`, `histogram_quantiles` and
//! `histogram_fraction` over all steps: it sorts the series once into classic
//! histograms, then goes over each of them step by step. [`moment`] is for
//! `histogram_count` and its like. [`HistogramSum`] and [`HistogramMean`] add native
//! histograms up for `sum`, `avg` and their `_over_time` forms; [`trim_upper`] and
//! [`trim_lower`] are `</` and `>/`.
//!
//! Source: Prometheus `promql/quantile.go`, `promql/functions.go`, `promql/engine.go`.

mod accumulate;
mod classic;
mod evaluate;
mod groups;
mod moments;
mod native;
#[cfg(test)]
mod tests;
mod trim;

pub use accumulate::{HistogramMean, HistogramSum, SumNotes};
pub use evaluate::{BucketCall, BucketFunction, BucketRow, BucketSeries, evaluate};
pub use moments::{Moment, moment};
pub use trim::{trim_lower, trim_upper};
