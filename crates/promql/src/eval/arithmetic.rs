//! What binary operators make of two elements.

use std::sync::Arc;

use narthex_model::FloatHistogram;
use narthex_promql_syntax::ast::BinaryOp;

use super::vector::Sample;
use crate::annotations::{Annotation, Annotations, HistogramOperation, Position};
use crate::math::pow;
use crate::plan::operator_text;

/// What an operator makes of two elements.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
    /// A comparison that does not hold.
    Dropped,
    /// They do not go together: no element, and as if they had not met.
    Incompatible,
}

/// Something to tell about an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Types { left_is_histogram: bool, right_is_histogram: bool },
    Layout,
    Collision(HistogramOperation),
    Reconciled(HistogramOperation),
}

/// The notes of an operator: of each step only the last one counts.
#[derive(Debug, Default)]
pub(crate) struct StepNotes {
    /// By step the rank of the element and the note; empty while there are none.
    last: Vec<Option<(usize, Note)>>,
}

impl StepNotes {
    /// Notes something about the element that is number `rank` at `step`.
    pub(crate) fn note(&mut self, step: usize, rank: usize, note: Note) {
        if self.last.len() <= step {
            self.last.resize(step + 1, None);
        }
        if self.last[step].is_none_or(|(known, _)| known <= rank) {
            self.last[step] = Some((rank, note));
        }
    }

    /// Takes in the notes about other elements.
    pub(crate) fn merge(&mut self, other: &StepNotes) {
        for (step, (rank, note)) in other.last.iter().enumerate().filter_map(|(step, last)| Some((step, (*last)?))) {
            self.note(step, rank, note);
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// Makes annotations of them.
    pub(crate) fn report(&self, op: BinaryOp, position: Position, out: &mut Annotations) {
        let operator = operator_text(op);
        let mut done: Vec<Note> = Vec::new();
        for (_, note) in self.last.iter().flatten() {
            if done.contains(note) {
                continue;
            }
            done.push(*note);
            let kind = |is_histogram: bool| if is_histogram { "histogram" } else { "float" };
            let annotation = match *note {
                Note::Types { left_is_histogram, right_is_histogram } => Annotation::IncompatibleTypes {
                    left: kind(left_is_histogram),
                    operator,
                    right: kind(right_is_histogram),
                },
                Note::Layout => Annotation::IncompatibleBucketLayout { operator },
                Note::Collision(operation) => Annotation::CounterResetCollision(operation),
                Note::Reconciled(operation) => Annotation::CustomBucketsReconciled(operation),
            };
            out.add(&annotation, position);
        }
    }
}

/// Whether an operator is one of `== != > < >= <=`.
pub(crate) fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    matches!(op, Equal | NotEqual | Greater | GreaterEqual | Less | LessEqual)
}

/// Whether an operator is one of `and or unless`.
pub(crate) fn is_set_operator(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
}

/// Whether results lose the metric name.
pub(crate) fn drops_name(op: BinaryOp, return_bool: bool) -> bool {
    return_bool || !(is_comparison(op) || matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower))
}

/// The result of an arithmetic operator on floats; of a comparison 1 or 0.
#[inline]
pub(crate) fn float_op(op: BinaryOp, lhs: f64, rhs: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match op {
        BinaryOp::Add => lhs + rhs,
        BinaryOp::Sub => lhs - rhs,
        BinaryOp::Mul => lhs * rhs,
        BinaryOp::Div => lhs / rhs,
        BinaryOp::Mod => lhs % rhs,
        BinaryOp::Pow => pow(lhs, rhs),
        BinaryOp::Atan2 => lhs.atan2(rhs),
        BinaryOp::Equal => truth(lhs == rhs),
        BinaryOp::NotEqual => truth(lhs != rhs),
        BinaryOp::Greater => truth(lhs > rhs),
        BinaryOp::Less => truth(lhs < rhs),
        BinaryOp::GreaterEqual => truth(lhs >= rhs),
        BinaryOp::LessEqual => truth(lhs <= rhs),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::TrimUpper | BinaryOp::TrimLower => f64::NAN,
    }
}

/// Applies an operator to two elements. `kept` is what a comparison keeps.
pub(crate) fn apply(
    op: BinaryOp,
    return_bool: bool,
    (lhs, rhs): (Sample<'_>, Sample<'_>),
    kept: Sample<'_>,
    mut note: impl FnMut(Note),
) -> Outcome {
    let compared = |holds: bool| match (return_bool, holds, kept) {
        (true, holds, _) => Outcome::Float(f64::from(u8::from(holds))),
        (false, false, _) => Outcome::Dropped,
        (false, true, Sample::Float(value)) => Outcome::Float(value),
        (false, true, Sample::Histogram(histogram)) => Outcome::Histogram(Arc::clone(histogram)),
    };
    match (lhs, rhs) {
        (Sample::Float(lhs), Sample::Float(rhs)) if !matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) => {
            let value = float_op(op, lhs, rhs);
            if is_comparison(op) { compared(value != 0.0) } else { Outcome::Float(value) }
        }
        (Sample::Histogram(lhs), Sample::Histogram(rhs)) if matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) => {
            compared(super::histogram_sums::equal(lhs, rhs) == (op == BinaryOp::Equal))
        }
        (Sample::Histogram(lhs), Sample::Histogram(rhs)) if matches!(op, BinaryOp::Add | BinaryOp::Sub) => {
            super::histogram_sums::add_or_subtract(lhs, rhs, op == BinaryOp::Sub, note)
        }
        (Sample::Histogram(lhs), Sample::Float(rhs))
            if matches!(op, BinaryOp::Mul | BinaryOp::Div | BinaryOp::TrimUpper | BinaryOp::TrimLower) =>
        {
            Outcome::Histogram(Arc::new(super::histogram_sums::with_float(op, lhs, rhs)))
        }
        (Sample::Float(lhs), Sample::Histogram(rhs)) if op == BinaryOp::Mul => {
            Outcome::Histogram(Arc::new(super::histogram_sums::with_float(op, rhs, lhs)))
        }
        (lhs, rhs) => {
            note(Note::Types {
                left_is_histogram: matches!(lhs, Sample::Histogram(_)),
                right_is_histogram: matches!(rhs, Sample::Histogram(_)),
            });
            Outcome::Incompatible
        }
    }
}
