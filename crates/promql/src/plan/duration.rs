//! Duration expressions: computed once, when the plan is made.

use narthex_promql_syntax::ast::{DurationExpr, DurationExprKind, DurationOp, DurationValue};

use crate::api::QueryError;

/// The greatest duration in seconds: what fits in 63 bits of nanoseconds.
const SECONDS_MAX: f64 = 9_223_372_036.854_776;

/// What duration expressions may refer to, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct DurationScope {
    pub(super) step_s: f64,
    pub(super) range_s: f64,
}

impl DurationScope {
    /// A duration in milliseconds; `signed` for offsets.
    pub(super) fn resolve_ms(&self, value: &DurationValue, signed: bool) -> Result<i64, QueryError> {
        let expr = match value {
            DurationValue::Ms(ms) => return Ok(*ms),
            DurationValue::Expr(expr) => expr,
        };
        let seconds = self.seconds(expr)?;
        if !seconds.is_finite() {
            return Err(failure(expr, "duration is NaN or infinite"));
        }
        if seconds <= 0.0 && !signed {
            return Err(failure(expr, "duration must be greater than 0"));
        }
        if seconds.abs() > SECONDS_MAX {
            return Err(failure(expr, "duration is out of range"));
        }
        Ok((seconds * 1000.0) as i64)
    }

    fn seconds(&self, expr: &DurationExpr) -> Result<f64, QueryError> {
        Ok(match &expr.kind {
            DurationExprKind::Number { seconds, .. } => *seconds,
            DurationExprKind::Step => self.step_s,
            DurationExprKind::Range => self.range_s,
            DurationExprKind::Unary { negative, operand } => {
                let operand = self.seconds(operand)?;
                if *negative { -operand } else { operand }
            }
            DurationExprKind::Binary { op, lhs, rhs } => {
                let (lhs, rhs) = (self.seconds(lhs)?, self.seconds(rhs)?);
                match op {
                    DurationOp::Add => lhs + rhs,
                    DurationOp::Sub => lhs - rhs,
                    DurationOp::Mul => lhs * rhs,
                    DurationOp::Div if rhs == 0.0 => return Err(failure(expr, "division by zero")),
                    DurationOp::Div => lhs / rhs,
                    DurationOp::Mod if rhs == 0.0 => return Err(failure(expr, "modulo by zero")),
                    DurationOp::Mod => lhs % rhs,
                    DurationOp::Pow => lhs.powf(rhs),
                    DurationOp::MinOf | DurationOp::MaxOf if lhs.is_nan() || rhs.is_nan() => f64::NAN,
                    DurationOp::MinOf => lhs.min(rhs),
                    DurationOp::MaxOf => lhs.max(rhs),
                }
            }
        })
    }
}

fn failure(expr: &DurationExpr, text: &str) -> QueryError {
    QueryError::BadQuery(format!("{}:{}: {text}", expr.span.start, expr.span.end))
}
