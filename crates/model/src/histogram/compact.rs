//! Dropping empty buckets and lowering the resolution.

use super::cells::{self, Cell};
use super::{FloatHistogram, Span};

/// Whether a side already is as `compact(0)` leaves it.
fn is_compact(spans: &[Span], buckets: &[f64]) -> bool {
    buckets.iter().all(|&count| count != 0.0)
        && spans.iter().all(|span| span.length > 0)
        && spans.iter().skip(1).all(|span| span.offset > 0)
}

fn compact_side(spans: &mut Vec<Span>, buckets: &mut Vec<f64>, empty_max: usize) {
    if is_compact(spans, buckets) && (empty_max == 0 || spans.len() <= 1) {
        return;
    }
    let mut cells = cells::read(spans, buckets, None);
    cells.retain(|cell| cell.count != 0.0);
    buckets.clear();
    cells::write(&cells, empty_max as i64, spans, |cell| buckets.push(cell.count));
}

impl FloatHistogram {
    /// Removes empty buckets, but keeps runs of up to `empty_max` between others.
    /// Queries use 0: no empty bucket remains and no spans touch.
    pub fn compact(&mut self, empty_max: usize) {
        compact_side(&mut self.positive_spans, &mut self.positive_buckets, empty_max);
        compact_side(&mut self.negative_spans, &mut self.negative_buckets, empty_max);
    }

    /// A copy at a coarser resolution; the same when `schema` is not lower or the
    /// buckets are custom ones.
    pub fn copy_to_schema(&self, schema: i32) -> FloatHistogram {
        let mut copy = self.clone();
        copy.reduce_resolution(schema);
        copy
    }

    /// Merges buckets down to a lower `schema`, whose buckets are 2, 4 … as wide.
    /// Does nothing when it is not lower or the buckets are custom ones.
    pub fn reduce_resolution(&mut self, schema: i32) {
        if self.uses_custom_buckets() || schema >= self.schema {
            return;
        }
        let steps = (self.schema - schema) as u32;
        for (spans, buckets) in [
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&mut self.negative_spans, &mut self.negative_buckets),
        ] {
            let mut cells = cells::read(spans, buckets, None);
            cells::reduce(&mut cells, steps, false);
            buckets.clear();
            cells::write(&cells, 0, spans, |cell: Cell| buckets.push(cell.count));
        }
        self.schema = schema;
    }
}
