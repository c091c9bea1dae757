//! Custom buckets with different bounds.

use super::arithmetic::rewrite;
use super::cells::{self, Cell};
use super::{FloatHistogram, kahan_add};

/// The bounds that are in both lists, both ascending.
pub(super) fn common_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut common = Vec::with_capacity(a.len().min(b.len()));
    let mut others = b.iter().peekable();
    for &bound in a {
        while others.next_if(|&&other| other < bound).is_some() {}
        if others.next_if(|&&other| other == bound).is_some() {
            common.push(bound);
        }
    }
    common
}

/// The bucket of `bounds` that holds all of a bucket with this upper bound.
fn target(bounds: &[f64], upper: f64) -> usize {
    bounds.partition_point(|&bound| bound < upper)
}

fn upper_bound(custom_values: &[f64], index: i32) -> f64 {
    usize::try_from(index).ok().and_then(|i| custom_values.get(i)).copied().unwrap_or(f64::INFINITY)
}

/// The counts of a histogram between bounds that are a part of its own.
pub(super) fn counts_at(h: &FloatHistogram, bounds: &[f64]) -> Vec<f64> {
    let mut counts = vec![0.0; bounds.len() + 1];
    for (index, count) in h.positive_indexed() {
        counts[target(bounds, upper_bound(&h.custom_values, index))] += count;
    }
    counts
}

/// Adds the buckets of `other` to those of `h` (or subtracts them) at the bounds
/// both have; empty buckets go. Counts and sums are the caller's.
pub(super) fn combine(
    h: &mut FloatHistogram,
    other: &FloatHistogram,
    is_subtraction: bool,
    compensation: Option<&mut FloatHistogram>,
) {
    let bounds = common_bounds(&h.custom_values, &other.custom_values);
    let mut sums = vec![(0.0, 0.0); bounds.len() + 1];
    let mut add = |upper: f64, value: f64| {
        let (sum, lost) = &mut sums[target(&bounds, upper)];
        (*sum, *lost) = kahan_add(value, *sum, *lost);
    };
    let lost = compensation.as_deref().map(|c| c.positive_buckets.as_slice());
    for cell in cells::read(&h.positive_spans, &h.positive_buckets, lost) {
        let upper = upper_bound(&h.custom_values, cell.index);
        add(upper, cell.count);
        if cell.compensation != 0.0 {
            add(upper, cell.compensation);
        }
    }
    for (index, count) in other.positive_indexed() {
        add(upper_bound(&other.custom_values, index), if is_subtraction { -count } else { count });
    }
    let lost = compensation.map(|c| {
        c.custom_values.clone_from(&bounds);
        (&mut c.positive_spans, &mut c.positive_buckets)
    });
    rewrite((&mut h.positive_spans, &mut h.positive_buckets), lost, |cells| {
        cells.clear();
        for (index, &(count, compensation)) in sums.iter().enumerate() {
            if count != 0.0 || compensation != 0.0 {
                cells.push(Cell { index: index as i32, count, compensation });
            }
        }
    });
    h.custom_values = bounds;
}
