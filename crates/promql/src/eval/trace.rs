//! What each part of a plan cost, kept when somebody asked: [`Trace`].

use std::time::Instant;

use hashbrown::HashMap;

use super::{Evaluated, Evaluator};
use crate::explain::NodeCost;
use crate::plan::{Measured, Node};

/// Costs by node. A node is known by its address: the plan stays where it is
/// while it is run and explained.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    costs: HashMap<usize, NodeCost>,
    /// By selection how many series it found.
    found: Vec<usize>,
}

/// Where things stood when a node began.
pub(super) struct Before {
    began: Instant,
    samples: i64,
    samples_read: i64,
}

fn key(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

impl Measured for Trace {
    fn cost(&self, node: &Node) -> Option<NodeCost> {
        self.costs.get(&key(node)).copied()
    }

    fn series_found(&self, selection: usize) -> Option<usize> {
        self.found.get(selection).copied()
    }
}

impl Evaluator<'_> {
    /// Keeps from now on what nodes cost.
    pub(crate) fn start_trace(&mut self) {
        let found = self.sets.iter().map(|set| set.len()).collect();
        self.trace = Some(Box::new(Trace { costs: HashMap::new(), found }));
    }

    /// A node begins; `None` when nobody wants to know.
    pub(super) fn trace_begin(&self) -> Option<Before> {
        self.trace.as_ref()?;
        Some(Before { began: Instant::now(), samples: self.tally.total, samples_read: self.tally.read })
    }

    /// A node has a result.
    pub(super) fn trace_end(&mut self, node: &Node, before: Option<Before>, result: &Evaluated) {
        let (Some(before), Some(trace)) = (before, &mut self.trace) else { return };
        let cost = trace.costs.entry(key(node)).or_default();
        cost.evaluations += 1;
        cost.series = match result {
            Evaluated::Scalar(_) | Evaluated::String(_) => 0,
            Evaluated::Vector(vector) => vector.len(),
            Evaluated::Matrix(series) => series.len(),
        };
        cost.samples += self.tally.total - before.samples;
        cost.samples_read += self.tally.read - before.samples_read;
        cost.bytes = result.bytes();
        cost.time += before.began.elapsed();
    }
}
