//! Functions that only look at where a window begins and ends.

use std::sync::Arc;

use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// `count_over_time` and its like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pick {
    Count,
    Present,
    Last,
    First,
    TimestampOfLast,
    TimestampOfFirst,
}

impl RangeFunction for Pick {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {}

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        _args: &[f64],
        _notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        if window.is_empty() {
            return Ok(Out::None);
        }
        let (float, histogram) = match self {
            Pick::Count => return Ok(Out::Float((window.floats.len() + window.histograms.len()) as f64)),
            Pick::Present => return Ok(Out::Float(1.0)),
            Pick::First | Pick::TimestampOfFirst => (window.floats.start, window.histograms.start),
            Pick::Last | Pick::TimestampOfLast => {
                (window.floats.end.saturating_sub(1), window.histograms.end.saturating_sub(1))
            }
        };
        // At equal times the histogram is taken.
        let takes_float = if window.histograms.is_empty() {
            true
        } else if window.floats.is_empty() {
            false
        } else {
            let (f, h) = (columns.float_timestamps[float], columns.histogram_timestamps[histogram]);
            if matches!(self, Pick::First | Pick::TimestampOfFirst) { f < h } else { f > h }
        };
        let timestamp_ms =
            if takes_float { columns.float_timestamps[float] } else { columns.histogram_timestamps[histogram] };
        Ok(match self {
            Pick::TimestampOfFirst | Pick::TimestampOfLast => Out::Float(timestamp_ms as f64 / 1000.0),
            _ if takes_float => Out::Float(columns.floats[float]),
            _ => Out::Histogram(Arc::clone(&columns.histograms[histogram])),
        })
    }
}
