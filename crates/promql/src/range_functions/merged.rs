//! Floats and histograms of a series in one order of time.

use super::{RangeColumns, Window};

/// A sample of a merged series, an index into its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Float(usize),
    Histogram(usize),
}

/// Calls `visit` with every two neighbours in time, and with the position of the
/// later one among all samples. At equal times the float comes first.
///
/// The samples of a window are neighbours too: they are those at positions
/// [`merged_range`].
pub(super) fn for_each_pair(columns: &RangeColumns<'_>, mut visit: impl FnMut(Place, Place, usize)) {
    let (floats, histograms) = (columns.float_timestamps, columns.histogram_timestamps);
    let (mut f, mut h) = (0, 0);
    let mut previous = None;
    while f < floats.len() || h < histograms.len() {
        let place = if h == histograms.len() || (f < floats.len() && floats[f] <= histograms[h]) {
            f += 1;
            Place::Float(f - 1)
        } else {
            h += 1;
            Place::Histogram(h - 1)
        };
        if let Some(previous) = previous {
            visit(previous, place, f + h - 1);
        }
        previous = Some(place);
    }
}

/// The positions of a window's samples among all samples of the series.
///
/// A window cuts floats and histograms at the same times, so that what is left of
/// it in either column is left of it in the merged order.
pub(super) fn merged_range(window: &Window) -> std::ops::Range<usize> {
    window.floats.start + window.histograms.start..window.floats.end + window.histograms.end
}
