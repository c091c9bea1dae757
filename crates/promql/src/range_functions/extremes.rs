//! `min_over_time`, `max_over_time` and when they were reached.

use std::collections::VecDeque;

use super::notes::Note;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// The extreme of the floats in a window: the largest with `MAX`, else the least.
///
/// Keeps the positions that can still become the extreme of this or a later
/// window, the best first, so that a series costs amortised O(1) per sample.
#[derive(Debug)]
pub(super) struct Extreme<const MAX: bool> {
    /// Give the time of the extreme (the last, where it occurs several times)
    /// instead of its value (the first, which tells 0 from −0).
    is_timestamp: bool,
    candidates: VecDeque<usize>,
    /// Positions before this one have been looked at.
    seen: usize,
}

impl<const MAX: bool> Extreme<MAX> {
    pub(super) fn value() -> Self {
        Extreme { is_timestamp: false, candidates: VecDeque::new(), seen: 0 }
    }

    pub(super) fn timestamp() -> Self {
        Extreme { is_timestamp: true, candidates: VecDeque::new(), seen: 0 }
    }

    /// Whether a later sample leaves an earlier one no chance.
    #[inline]
    fn supersedes(&self, later: f64, earlier: f64) -> bool {
        let strictly = if MAX { later > earlier } else { later < earlier };
        strictly || (self.is_timestamp && later == earlier)
    }
}

impl<const MAX: bool> RangeFunction for Extreme<MAX> {
    fn begin(&mut self, _columns: &RangeColumns<'_>) {
        self.candidates.clear();
        self.seen = 0;
    }

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        _args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        let range = &window.floats;
        if range.is_empty() {
            return Ok(Out::None);
        }
        if !window.histograms.is_empty() {
            notes.note(Note::HistogramIgnored);
        }
        while self.candidates.front().is_some_and(|&i| i < range.start) {
            self.candidates.pop_front();
        }
        for i in self.seen.max(range.start)..range.end {
            let value = columns.floats[i];
            if value.is_nan() {
                continue;
            }
            while self.candidates.back().is_some_and(|&b| self.supersedes(value, columns.floats[b])) {
                self.candidates.pop_back();
            }
            self.candidates.push_back(i);
        }
        self.seen = range.end;
        // Without any number the last NaN stands for the range.
        let extreme = self.candidates.front().copied().unwrap_or(range.end - 1);
        Ok(Out::Float(if self.is_timestamp {
            columns.float_timestamps[extreme] as f64 / 1000.0
        } else {
            columns.floats[extreme]
        }))
    }
}
