//! `changes` and `resets`: how often neighbouring samples differ in some way.

use narthex_promql_syntax::ast::RangeMode;

use super::merged::{Place, for_each_pair, merged_range};
use super::rate::is_start_time_reset;
use super::{Out, RangeColumns, RangeContext, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// `changes` and `resets`. Whether two neighbours differ does not depend on the
/// window, so that differences are counted once per series.
#[derive(Debug)]
pub(super) struct Counting {
    is_resets: bool,
    use_start_timestamps: bool,
    is_anchored: bool,
    /// For each sample in the merged order: how many samples up to and including
    /// it differ from the one before.
    differing_up_to: Vec<u32>,
}

impl Counting {
    pub(super) fn changes(context: &RangeContext) -> Counting {
        Counting {
            is_resets: false,
            use_start_timestamps: false,
            is_anchored: context.mode == RangeMode::Anchored,
            differing_up_to: Vec::new(),
        }
    }

    pub(super) fn resets(context: &RangeContext) -> Counting {
        let is_anchored = context.mode == RangeMode::Anchored;
        Counting {
            is_resets: true,
            use_start_timestamps: context.use_start_timestamps && !is_anchored,
            is_anchored,
            differing_up_to: Vec::new(),
        }
    }

    fn differ(&self, columns: &RangeColumns<'_>, previous: Place, current: Place) -> bool {
        match (previous, current) {
            (Place::Float(p), Place::Float(c)) => {
                let (a, b) = (columns.floats[p], columns.floats[c]);
                if self.is_resets {
                    b < a
                        || (self.use_start_timestamps
                            && is_start_time_reset(
                                columns.float_timestamps[p],
                                columns.float_start_timestamp(p),
                                columns.float_timestamps[c],
                                columns.float_start_timestamp(c),
                            ))
                } else {
                    a != b && !(a.is_nan() && b.is_nan())
                }
            }
            (Place::Histogram(p), Place::Histogram(c)) => {
                let (a, b) = (&columns.histograms[p], &columns.histograms[c]);
                if self.is_resets {
                    b.detect_reset(a)
                        || (self.use_start_timestamps
                            && is_start_time_reset(
                                columns.histogram_timestamps[p],
                                columns.histogram_start_timestamp(p),
                                columns.histogram_timestamps[c],
                                columns.histogram_start_timestamp(c),
                            ))
                } else {
                    !a.equals(b)
                }
            }
            _ => true,
        }
    }
}

impl RangeFunction for Counting {
    fn begin(&mut self, columns: &RangeColumns<'_>) {
        let mut counts = std::mem::take(&mut self.differing_up_to);
        counts.clear();
        counts.resize(columns.floats.len() + columns.histograms.len(), 0);
        let mut count = 0;
        for_each_pair(columns, |previous, current, position| {
            count += u32::from(self.differ(columns, previous, current));
            counts[position] = count;
        });
        self.differing_up_to = counts;
    }

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        _args: &[f64],
        _notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        let mut range = merged_range(window);
        if range.is_empty() {
            return Ok(Out::None);
        }
        if self.is_anchored {
            // The newest sample at or before the range's start is where counting
            // starts; without one the first sample is.
            let start = window.range_start_ms;
            let floats = columns.float_timestamps[window.floats.clone()].partition_point(|&t| t <= start);
            let histograms = columns.histogram_timestamps[window.histograms.clone()].partition_point(|&t| t <= start);
            if floats + histograms == range.len() {
                return Ok(Out::None);
            }
            range.start += (floats + histograms).saturating_sub(1);
        }
        let count = self.differing_up_to[range.end - 1] - self.differing_up_to[range.start];
        Ok(Out::Float(f64::from(count)))
    }
}
