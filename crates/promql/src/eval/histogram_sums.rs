//! Histograms in aggregations and operators: what they notice, in the engine's terms.

use std::sync::Arc;

use narthex_model::FloatHistogram;
use narthex_model::histogram::CounterResetHint;
use narthex_promql_syntax::ast::BinaryOp;

use super::arithmetic::{Note, Outcome};
use crate::annotations::HistogramOperation;
use crate::histogram_functions::{HistogramMean as Mean, HistogramSum as Sum, SumNotes, trim_lower, trim_upper};

/// What became of an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addition {
    Done {
        collision: bool,
        reconciled: bool,
    },
    /// Exponential and custom buckets do not add up.
    Incompatible,
}

macro_rules! accumulator {
    ($(#[$doc:meta])* $name:ident, $inner:ident) => {
        $(#[$doc])*
        pub(crate) struct $name {
            inner: $inner,
            notes: SumNotes,
        }

        impl $name {
            pub(crate) fn new(first: &Arc<FloatHistogram>) -> $name {
                let mut notes = SumNotes::default();
                $name { inner: $inner::new(first, &mut notes), notes }
            }

            pub(crate) fn add(&mut self, histogram: &Arc<FloatHistogram>) -> Addition {
                match self.inner.add(histogram, &mut self.notes) {
                    Ok(()) => Addition::Done {
                        collision: self.notes.is_collision(),
                        reconciled: self.notes.bounds_reconciled,
                    },
                    Err(_) => Addition::Incompatible,
                }
            }

            /// Takes in what a later run of series added up.
            pub(crate) fn merge(&mut self, later: $name) -> Addition {
                self.notes.merge(later.notes);
                match self.inner.merge(later.inner, &mut self.notes) {
                    Ok(()) => Addition::Done {
                        collision: self.notes.is_collision(),
                        reconciled: self.notes.bounds_reconciled,
                    },
                    Err(_) => Addition::Incompatible,
                }
            }

            /// The result; compact.
            pub(crate) fn finish(self) -> Option<FloatHistogram> {
                let mut histogram = self.inner.finish().ok()?;
                histogram.compact(0);
                Some(histogram)
            }
        }
    };
}

accumulator! {
    /// A sum of histograms.
    HistogramSum, Sum
}

accumulator! {
    /// An average of histograms.
    HistogramMean, Mean
}

/// Exactly equal, by upstream's rule.
pub(crate) fn equal(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    a.equals(b)
}

/// `h + h`, `h - h`.
pub(crate) fn add_or_subtract(
    lhs: &FloatHistogram,
    rhs: &FloatHistogram,
    subtract: bool,
    mut note: impl FnMut(Note),
) -> Outcome {
    let operation = if subtract { HistogramOperation::Subtraction } else { HistogramOperation::Addition };
    let mut result = lhs.clone();
    let combined = if subtract { result.sub(rhs) } else { result.add(rhs) };
    let Ok(combined) = combined else {
        note(Note::Layout);
        return Outcome::Incompatible;
    };
    if combined.bounds_reconciled {
        note(Note::Reconciled(operation));
    }
    if combined.collision {
        note(Note::Collision(operation));
        return Outcome::Incompatible;
    }
    if subtract {
        // A difference may go down.
        result.counter_reset_hint = CounterResetHint::Gauge;
    }
    result.compact(0);
    Outcome::Histogram(Arc::new(result))
}

/// A histogram times, over or trimmed at a float.
pub(crate) fn with_float(op: BinaryOp, histogram: &FloatHistogram, float: f64) -> FloatHistogram {
    let mut result = histogram.clone();
    match op {
        BinaryOp::Mul => {
            result.mul(float);
            result.compact(0);
        }
        BinaryOp::Div => {
            result.div(float);
            result.compact(0);
        }
        BinaryOp::TrimUpper => trim_upper(&mut result, float),
        _ => trim_lower(&mut result, float),
    }
    result
}

/// `-h`
pub(crate) fn negated(histogram: &FloatHistogram) -> FloatHistogram {
    let mut result = histogram.clone();
    result.mul(-1.0);
    result
}
