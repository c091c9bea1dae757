//! Binary operators: which kind it is, and those with a scalar operand.

use narthex_promql_syntax::ast::{BinaryOp, ValueType};

use super::arithmetic::{Outcome, StepNotes, apply, drops_name, float_op, is_comparison, is_set_operator};
use super::histogram_sums;
use super::vector::{ABSENT, HistogramRow, Sample, Vector, is_absent};
use super::{Evaluated, Evaluator};
use crate::api::QueryError;
use crate::plan::{Binary, Grid, Node, operator_text};

impl Evaluator<'_> {
    pub(super) fn binary(&mut self, binary: &Binary, grid: &Grid) -> Result<Evaluated, QueryError> {
        let before = self.limits.samples();
        match (binary.lhs.value_type, binary.rhs.value_type) {
            (ValueType::Scalar, ValueType::Scalar) => {
                if matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
                    let operator = operator_text(binary.op);
                    let text = format!("operator \"{operator}\" not allowed for Scalar operations");
                    return Err(QueryError::Execution(text));
                }
                let mut lhs = self.scalar(&binary.lhs, grid)?;
                let rhs = self.scalar(&binary.rhs, grid)?;
                lhs.iter_mut().zip(rhs).for_each(|(lhs, rhs)| *lhs = float_op(binary.op, *lhs, rhs));
                self.settle_scalar(before, &vec![2; grid.steps], lhs)
            }
            (ValueType::Vector, ValueType::Scalar) | (ValueType::Scalar, ValueType::Vector) => {
                let swapped = binary.lhs.value_type == ValueType::Scalar;
                let (vector, scalar) = if swapped {
                    let scalar = self.scalar(&binary.lhs, grid)?;
                    (self.vector(&binary.rhs, grid)?, scalar)
                } else {
                    let vector = self.vector(&binary.lhs, grid)?;
                    let scalar = self.scalar(&binary.rhs, grid)?;
                    (vector, scalar)
                };
                let mut gathered = vector.elements_per_step();
                gathered.iter_mut().for_each(|gathered| *gathered += 1);
                let result = self.vector_scalar(binary, vector, &scalar, swapped)?;
                self.settle_elementwise(before, &gathered, &result)?;
                Ok(Evaluated::Vector(result))
            }
            _ => {
                let lhs = self.vector(&binary.lhs, grid)?;
                let rhs = self.vector(&binary.rhs, grid)?;
                let mut gathered = lhs.elements_per_step();
                gathered.iter_mut().zip(rhs.elements_per_step()).for_each(|(a, b)| *a += b);
                let result = if is_set_operator(binary.op) {
                    self.set_operation(binary, lhs, rhs)?
                } else {
                    self.vector_vector(binary, &lhs, &rhs)?
                };
                self.settle_elementwise(before, &gathered, &result)?;
                Ok(Evaluated::Vector(result))
            }
        }
    }

    fn vector_scalar(
        &mut self,
        binary: &Binary,
        mut vector: Vector,
        scalar: &[f64],
        swapped: bool,
    ) -> Result<Vector, QueryError> {
        let mut notes = StepNotes::default();
        let trims = matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        let histograms = std::mem::take(&mut vector.histograms);
        if vector.steps > 0 {
            for (rank, row) in vector.floats.chunks_exact_mut(vector.steps).enumerate() {
                if trims {
                    for (step, value) in row.iter_mut().enumerate().filter(|(_, value)| !is_absent(**value)) {
                        let (lhs, rhs) = (Sample::Float(*value), Sample::Float(scalar[step]));
                        apply(binary.op, false, (lhs, rhs), lhs, |note| notes.note(step, rank, note));
                        *value = ABSENT;
                    }
                } else {
                    float_row(binary.op, binary.return_bool, row, scalar, swapped);
                }
            }
        }
        for (rank, row) in histograms.into_iter().enumerate() {
            let mut kept: HistogramRow = Vec::new();
            for (step, histogram) in row {
                let (element, other) = (Sample::Histogram(&histogram), Sample::Float(scalar[step as usize]));
                let operands = if swapped { (other, element) } else { (element, other) };
                let note = |note| notes.note(step as usize, rank, note);
                match apply(binary.op, binary.return_bool, operands, element, note) {
                    Outcome::Float(value) => vector.row_mut(rank)[step as usize] = value,
                    Outcome::Histogram(histogram) => kept.push((step, histogram)),
                    Outcome::Dropped | Outcome::Incompatible => {}
                }
            }
            if !kept.is_empty() {
                vector.histograms.resize(vector.rows.len(), Vec::new());
                vector.histograms[rank] = kept;
            }
        }
        notes.report(binary.op, binary.lhs.position, &mut self.annotations);
        if is_comparison(binary.op) || trims || !notes.is_empty() {
            vector.prune();
        }
        if drops_name(binary.op, binary.return_bool) {
            vector.drop_names(self.settings.features.delayed_name_removal)?;
        }
        Ok(vector)
    }

    pub(super) fn negate(&mut self, inner: &Node, grid: &Grid) -> Result<Evaluated, QueryError> {
        let delayed = self.settings.features.delayed_name_removal;
        Ok(match self.eval(inner, grid)? {
            Evaluated::Scalar(mut values) => {
                values.iter_mut().for_each(|value| *value = -*value);
                Evaluated::Scalar(values)
            }
            Evaluated::Vector(mut vector) => {
                for value in vector.floats.iter_mut().filter(|value| !is_absent(**value)) {
                    *value = -*value;
                }
                for (_, histogram) in vector.histograms.iter_mut().flatten() {
                    *histogram = std::sync::Arc::new(histogram_sums::negated(histogram));
                }
                vector.drop_names(delayed)?;
                Evaluated::Vector(vector)
            }
            other => other,
        })
    }
}

/// Applies an operator to a row and a scalar, in place.
pub(super) fn float_row(op: BinaryOp, return_bool: bool, row: &mut [f64], scalar: &[f64], swapped: bool) {
    // One loop per operator, so that the operator is not looked at per element.
    macro_rules! each {
        ($f:expr) => {{
            let f = $f;
            for (value, scalar) in row.iter_mut().zip(scalar) {
                if !is_absent(*value) {
                    *value = if swapped { f(*scalar, *value) } else { f(*value, *scalar) };
                }
            }
        }};
    }
    match op {
        BinaryOp::Add => each!(|a: f64, b: f64| a + b),
        BinaryOp::Sub => each!(|a: f64, b: f64| a - b),
        BinaryOp::Mul => each!(|a: f64, b: f64| a * b),
        BinaryOp::Div => each!(|a: f64, b: f64| a / b),
        _ if is_comparison(op) && !return_bool => {
            for (value, scalar) in row.iter_mut().zip(scalar).filter(|(value, _)| !is_absent(**value)) {
                let (lhs, rhs) = if swapped { (*scalar, *value) } else { (*value, *scalar) };
                if float_op(op, lhs, rhs) == 0.0 {
                    *value = ABSENT;
                }
            }
        }
        _ => each!(|a: f64, b: f64| float_op(op, a, b)),
    }
}
