//! The buckets of one side as a list, for operations that change their layout.

use super::iterate::IndexedBuckets;
use super::{Span, kahan_add};

/// One bucket: its index, its count and what a compensated sum has lost of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) index: i32,
    pub(super) count: f64,
    pub(super) compensation: f64,
}

/// The buckets of a side, and those of its compensation when there is one.
pub(super) fn read(spans: &[Span], buckets: &[f64], compensation: Option<&[f64]>) -> Vec<Cell> {
    IndexedBuckets::new(spans, buckets)
        .enumerate()
        .map(|(i, (index, count))| {
            let compensation = compensation.and_then(|c| c.get(i)).copied().unwrap_or(0.0);
            Cell { index, count, compensation }
        })
        .collect()
}

/// Writes a side's spans; gaps of up to `gap_max` empty buckets are filled in so
/// that spans merge. `emit` gets one cell per bucket, in order.
pub(super) fn write(cells: &[Cell], gap_max: i64, spans: &mut Vec<Span>, mut emit: impl FnMut(Cell)) {
    spans.clear();
    let mut end = 0_i64;
    for cell in cells {
        let gap = i64::from(cell.index) - end;
        match spans.last_mut() {
            Some(span) if gap <= gap_max => {
                for index in end..i64::from(cell.index) {
                    span.length += 1;
                    emit(Cell { index: index as i32, count: 0.0, compensation: 0.0 });
                }
                span.length += 1;
            }
            _ => spans.push(Span { offset: gap as i32, length: 1 }),
        }
        end = i64::from(cell.index) + 1;
        emit(*cell);
    }
}

/// Merges buckets so that a schema lower by `steps` results.
///
/// Counts are added in order, plainly or, with `compensated`, together with what
/// they had lost.
pub(super) fn reduce(cells: &mut Vec<Cell>, steps: u32, compensated: bool) {
    if steps == 0 {
        return;
    }
    let steps = steps.min(31);
    let mut reduced: Vec<Cell> = Vec::with_capacity(cells.len());
    for cell in cells.iter() {
        let index = (cell.index.wrapping_sub(1) >> steps) + 1;
        match reduced.last_mut() {
            Some(last) if last.index == index => {
                if compensated {
                    (last.count, last.compensation) = kahan_add(cell.count, last.count, last.compensation);
                    (last.count, last.compensation) = kahan_add(cell.compensation, last.count, last.compensation);
                } else {
                    last.count += cell.count;
                }
            }
            _ => reduced.push(Cell { index, ..*cell }),
        }
    }
    *cells = reduced;
}

/// Adds the buckets of `other` to those of `cells`, both ascending by index.
pub(super) fn add(cells: &mut Vec<Cell>, other: &[Cell], is_subtraction: bool, compensated: bool) {
    let mut merged = Vec::with_capacity(cells.len() + other.len());
    let mut mine = cells.iter().copied().peekable();
    for cell in other {
        while let Some(before) = mine.next_if(|m| m.index < cell.index) {
            merged.push(before);
        }
        let value = if is_subtraction { -cell.count } else { cell.count };
        merged.push(match mine.next_if(|m| m.index == cell.index) {
            Some(mut same) => {
                if compensated {
                    (same.count, same.compensation) = kahan_add(value, same.count, same.compensation);
                } else {
                    same.count += value;
                }
                same
            }
            None => Cell { index: cell.index, count: value, compensation: 0.0 },
        });
    }
    merged.extend(mine);
    *cells = merged;
}
