//! Parts that occur several times in a query are computed once.
//!
//! Later uses get the first result and count for limits and statistics as if they
//! had been computed again. Parts with something to tell the user are computed
//! again: each occurrence has a position of its own.

use hashbrown::HashMap;

use super::limits::Tally;
use super::{Evaluated, Evaluator};
use crate::api::QueryError;
use crate::plan::{Grid, Node};

/// Results that will be used again.
#[derive(Default)]
pub(super) struct Shared {
    /// How often each part is still to be used.
    uses_left: Vec<u32>,
    results: HashMap<u32, Kept>,
}

struct Kept {
    grid: Grid,
    result: Evaluated,
    tally: Tally,
    /// Samples held at its end, and the most in between.
    points: i64,
    peak: i64,
    /// The memory it takes.
    bytes: usize,
}

impl Shared {
    pub(super) fn new(uses: &[u32]) -> Shared {
        Shared { uses_left: uses.to_vec(), results: HashMap::new() }
    }

    /// Counts a use. Returns how many will follow.
    fn take_use(&mut self, number: u32) -> u32 {
        let left = &mut self.uses_left[number as usize];
        *left = left.saturating_sub(1);
        *left
    }

    /// The memory of all results that are kept.
    pub(super) fn bytes(&self) -> usize {
        self.results.values().map(|kept| kept.bytes).sum()
    }
}

impl Evaluator<'_> {
    /// Computes a marked node, or takes what was computed.
    pub(super) fn eval_shared(&mut self, number: u32, node: &Node, grid: &Grid) -> Result<Evaluated, QueryError> {
        let left = self.shared.take_use(number);
        let before = self.limits.samples();
        if let Some(kept) = self.shared.results.get(&number).filter(|kept| kept.grid == *grid) {
            self.limits.check_samples(kept.peak)?;
            self.limits.hold(kept.points)?;
            self.peak = self.peak.max(before + kept.peak);
            self.tally.add_views(&kept.tally);
            if left > 0 {
                return Ok(kept.result.clone());
            }
            return match self.shared.results.remove(&number) {
                Some(kept) => Ok(kept.result),
                None => self.eval_kind(node, grid),
            };
        }
        if left == 0 {
            return self.eval_kind(node, grid);
        }
        let per_step = self.tally.per_step.is_some();
        let outer_tally = std::mem::replace(&mut self.tally, Tally::new(grid.steps, per_step));
        let outer_annotations = std::mem::take(&mut self.annotations);
        let outer_peak = std::mem::replace(&mut self.peak, before);
        let result = self.eval_kind(node, grid);
        let tally = std::mem::replace(&mut self.tally, outer_tally);
        let annotations = std::mem::replace(&mut self.annotations, outer_annotations);
        let peak = std::mem::replace(&mut self.peak, outer_peak);
        self.peak = self.peak.max(peak);
        self.tally.add_views(&tally);
        let result = result?;
        if annotations.is_empty() {
            let bytes = result.bytes();
            self.limits.reserve(bytes)?;
            let points = self.limits.samples() - before;
            let kept = Kept { grid: *grid, result: result.clone(), tally, points, peak: peak - before, bytes };
            self.shared.results.insert(number, kept);
        } else {
            self.annotations.merge(annotations);
        }
        Ok(result)
    }
}
