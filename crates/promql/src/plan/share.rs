//! Finds parts that a plan holds more than once, so that they are computed once.
//!
//! Nodes are numbered so that equal ones, positions apart, have equal numbers.
//! Then the largest parts that occur again are marked. Parts without anything to
//! read are left alone: computing them is cheaper than keeping them.

use std::fmt::Write;

use hashbrown::HashMap;
use narthex_promql_syntax::ast::AggregateOp;

use super::{Kind, Node};

/// Marks the parts that occur more than once. Returns for each mark how often it
/// was set.
pub(super) fn share(root: &mut Node) -> Vec<u32> {
    let mut sharing = Sharing::default();
    sharing.number(root);
    let mut uses = vec![0; sharing.counts.len()];
    sharing.mark(root, &mut uses);
    unmark(root, &uses);
    uses
}

#[derive(Default)]
struct Sharing {
    /// Numbers by what a node is and the numbers of its children.
    numbers: HashMap<String, u32>,
    /// By number how many nodes have it, and whether they read anything.
    counts: Vec<(u32, bool)>,
}

impl Sharing {
    /// Numbers a node and all below; the number is left in the node's mark.
    fn number(&mut self, node: &mut Node) -> u32 {
        let mut key = description(node);
        let mut reads = matches!(node.kind, Kind::Selector(_) | Kind::Matrix(_));
        for child in children(&mut node.kind) {
            let number = self.number(child);
            reads |= self.counts[number as usize].1;
            write!(key, ",{number}").expect("a String takes it");
        }
        let next = self.counts.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.counts.push((0, reads));
        }
        self.counts[number as usize].0 += 1;
        node.shared = Some(number);
        number
    }

    /// Keeps the marks of the largest parts that occur again; takes all others.
    fn mark(&self, node: &mut Node, uses: &mut [u32]) {
        let number = node.shared.take().unwrap_or(0) as usize;
        let (count, reads) = self.counts[number];
        let is_vector = !matches!(node.kind, Kind::Matrix(_) | Kind::Subquery(_) | Kind::LabelMatchers(_));
        if count > 1 && reads && is_vector {
            node.shared = Some(number as u32);
            uses[number] += 1;
            return;
        }
        let folds = matches!(&node.kind, Kind::Aggregate(aggregate) if folds(aggregate.op));
        for child in children(&mut node.kind) {
            // What an aggregation folds while reading is never there as a whole.
            if folds && matches!(child.kind, Kind::Selector(_) | Kind::Call(_)) {
                child.shared = None;
                children(&mut child.kind).into_iter().for_each(|child| self.mark(child, uses));
            } else {
                self.mark(child, uses);
            }
        }
    }
}

fn folds(op: AggregateOp) -> bool {
    use AggregateOp::{Bottomk, CountValues, LimitRatio, Limitk, Quantile, Topk};
    !matches!(op, Topk | Bottomk | CountValues | Quantile | Limitk | LimitRatio)
}

/// Takes marks that were set only once, and those inside marked parts.
fn unmark(node: &mut Node, uses: &[u32]) {
    match node.shared {
        Some(number) if uses[number as usize] > 1 => clear(&mut node.kind),
        Some(_) => {
            node.shared = None;
            clear(&mut node.kind);
        }
        None => children(&mut node.kind).into_iter().for_each(|child| unmark(child, uses)),
    }
}

fn clear(kind: &mut Kind) {
    for child in children(kind) {
        child.shared = None;
        clear(&mut child.kind);
    }
}

fn children(kind: &mut Kind) -> Vec<&mut Node> {
    match kind {
        Kind::Number(_) | Kind::String(_) | Kind::Selector(_) | Kind::Matrix(_) | Kind::LabelMatchers(_) => Vec::new(),
        Kind::Subquery(subquery) => vec![&mut subquery.expr],
        Kind::Call(call) => call.args.iter_mut().collect(),
        Kind::Aggregate(aggregate) => {
            std::iter::once(&mut *aggregate.expr).chain(aggregate.param.as_deref_mut()).collect()
        }
        Kind::Binary(binary) => vec![&mut binary.lhs, &mut binary.rhs],
        Kind::Negate(inner) | Kind::Invariant(inner) => vec![inner],
    }
}

/// What a node is, without its children and without where it stands.
fn description(node: &Node) -> String {
    match &node.kind {
        Kind::Number(value) => format!("number {}", value.to_bits()),
        Kind::String(value) => format!("string {value:?}"),
        Kind::LabelMatchers(matchers) => format!("matchers {matchers:?}"),
        Kind::Selector(s) => {
            format!("selector {} {} {:?} {:?} {}", s.selection, s.offset_ms, s.at_ms, s.mode, s.detect_resets)
        }
        Kind::Matrix(matrix) => {
            let s = &matrix.selector;
            let range_ms = matrix.range_ms;
            format!("matrix {} {} {:?} {:?} {} {range_ms}", s.selection, s.offset_ms, s.at_ms, s.mode, s.detect_resets)
        }
        Kind::Subquery(s) => format!("subquery {} {} {} {:?}", s.range_ms, s.step_ms, s.offset_ms, s.at_ms),
        Kind::Call(call) => format!("call {}", call.function.name),
        Kind::Aggregate(a) => format!("aggregate {:?} {:?}", a.op, a.grouping),
        Kind::Binary(b) => format!("binary {:?} {:?} {}", b.op, b.matching, b.return_bool),
        Kind::Negate(_) => "negate".into(),
        Kind::Invariant(_) => "invariant".into(),
    }
}
