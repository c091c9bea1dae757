//! Durations and the expressions that compute them.

use super::binary::precedence;
use super::{Context, Parser, Result};
use crate::ast::{BinaryOp, DurationExpr, DurationExprKind, DurationOp, DurationValue};
use crate::error::Fault;
use crate::token::{Keyword, TokenKind};

const ANY: &str = "number, duration, step(), or range()";
/// In a range, up to the colon.
pub(super) const RANGE: Context = Context { construct: "subquery or range selector", expected: ANY };
/// In the step of a sub-query.
pub(super) const STEP: Context =
    Context { construct: "subquery selector", expected: "number, duration, step(), range(), or \"]\"" };
const OFFSET: Context = Context { construct: "offset", expected: ANY };

/// 2⁶³ nanoseconds in seconds.
const DURATION_MAX_SECONDS: f64 = (1u64 << 63) as f64 / 1e9;

impl Parser<'_> {
    /// A range or step: positive if it is a literal.
    pub(super) fn positive_duration(&mut self, context: Context) -> Result<DurationValue> {
        let duration = self.duration_expression(0, context)?;
        if let DurationExprKind::Number { seconds, .. } = duration.kind
            && (seconds <= 0.0 || seconds.is_nan())
        {
            return Err(Fault::new(duration.span, "duration must be greater than 0"));
        }
        Ok(duration_value(duration))
    }

    /// What follows `offset`.
    ///
    /// Operators behind it belong to the expression around, unless it begins with
    /// a parenthesis: then upstream's grammar takes all that can be a duration.
    pub(super) fn offset_duration(&mut self) -> Result<DurationValue> {
        let duration = if self.peek() == TokenKind::LeftParen {
            self.duration_expression(0, OFFSET)?
        } else {
            self.enter()?;
            let start = self.token().start;
            let sign = self.eat_sign();
            let operand = self.duration_primary(OFFSET)?;
            self.leave();
            signed(sign, start, operand)
        };
        Ok(duration_value(duration))
    }

    /// A duration expression whose operators bind at least as tightly as `min`.
    fn duration_expression(&mut self, min: u8, context: Context) -> Result<DurationExpr> {
        self.enter()?;
        let start = self.token().start;
        let mut left = match self.eat_sign() {
            Some(negative) => {
                let operand = self.duration_expression(precedence(BinaryOp::Pow), context)?;
                signed(Some(negative), start, operand)
            }
            None => self.duration_primary(context)?,
        };
        while let TokenKind::Binary(operator) = self.peek()
            && let Some(op) = duration_op(operator)
            && precedence(operator) >= min
        {
            let token = self.advance();
            self.duration_operators += 1;
            if self.duration_operators > super::HEIGHT_MAX {
                return Err(self.too_deep());
            }
            let right_min = precedence(operator) + u8::from(operator != BinaryOp::Pow);
            let right = self.duration_expression(right_min, context)?;
            let zero = matches!(right.kind, DurationExprKind::Number { seconds, .. } if seconds == 0.0);
            match op {
                DurationOp::Div if zero => return Err(Fault::new(token.span(), "division by zero")),
                DurationOp::Mod if zero => return Err(Fault::new(token.span(), "modulo by zero")),
                _ => {}
            }
            let span = left.span.start..right.span.end;
            let kind = DurationExprKind::Binary { op, lhs: Box::new(left), rhs: Box::new(right) };
            left = DurationExpr { kind, wrapped: false, span };
        }
        self.leave();
        Ok(left)
    }

    /// A literal, a function or something in parentheses.
    fn duration_primary(&mut self, context: Context) -> Result<DurationExpr> {
        let token = self.token();
        let kind = match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                self.advance();
                let seconds = self.number_value(token)?;
                if seconds.is_nan() || seconds.abs() > DURATION_MAX_SECONDS {
                    return Err(Fault::new(token.span(), "duration out of range"));
                }
                DurationExprKind::Number { seconds, is_duration: token.kind == TokenKind::Duration }
            }
            TokenKind::Keyword(Keyword::Step) => {
                self.advance();
                self.duration_tokens(&[TokenKind::LeftParen, TokenKind::RightParen], context)?;
                DurationExprKind::Step
            }
            TokenKind::Keyword(Keyword::Range) => {
                self.advance();
                self.duration_tokens(&[TokenKind::LeftParen, TokenKind::RightParen], context)?;
                DurationExprKind::Range
            }
            TokenKind::Keyword(Keyword::MinOf) => self.duration_pair(DurationOp::MinOf, context)?,
            TokenKind::Keyword(Keyword::MaxOf) => self.duration_pair(DurationOp::MaxOf, context)?,
            TokenKind::LeftParen => {
                self.advance();
                let mut inner = self.duration_expression(0, context)?;
                self.duration_tokens(&[TokenKind::RightParen], context)?;
                // Around a literal, parentheses mean nothing and are forgotten.
                inner.wrapped = !matches!(inner.kind, DurationExprKind::Number { .. });
                inner.span = token.start..self.last_end();
                return Ok(inner);
            }
            _ => return Err(self.unexpected_in(context)),
        };
        Ok(DurationExpr { kind, wrapped: false, span: token.start..self.last_end() })
    }

    /// `min_of(a, b)`
    fn duration_pair(&mut self, op: DurationOp, context: Context) -> Result<DurationExprKind> {
        self.advance();
        self.duration_tokens(&[TokenKind::LeftParen], context)?;
        let lhs = Box::new(self.duration_expression(0, context)?);
        self.duration_tokens(&[TokenKind::Comma], context)?;
        let rhs = Box::new(self.duration_expression(0, context)?);
        self.duration_tokens(&[TokenKind::RightParen], context)?;
        Ok(DurationExprKind::Binary { op, lhs, rhs })
    }

    fn duration_tokens(&mut self, kinds: &[TokenKind], context: Context) -> Result<()> {
        for &kind in kinds {
            if !self.eat(kind) {
                return Err(self.unexpected_in(context));
            }
        }
        Ok(())
    }
}

/// Puts a sign before an operand; into it, when that is a literal.
fn signed(sign: Option<bool>, start: usize, mut operand: DurationExpr) -> DurationExpr {
    let Some(negative) = sign else { return operand };
    if let DurationExprKind::Number { seconds, .. } = &mut operand.kind {
        *seconds = if negative { -*seconds } else { *seconds };
        operand.span.start = start;
        return operand;
    }
    let span = start..operand.span.end;
    let kind = DurationExprKind::Unary { negative, operand: Box::new(operand) };
    DurationExpr { kind, wrapped: false, span }
}

/// A literal as milliseconds: rounded to nanoseconds, then cut, as upstream does.
fn duration_value(duration: DurationExpr) -> DurationValue {
    match duration.kind {
        DurationExprKind::Number { seconds, .. } => DurationValue::Ms((seconds * 1e9).round() as i64 / 1_000_000),
        _ => DurationValue::Expr(Box::new(duration)),
    }
}

fn duration_op(op: BinaryOp) -> Option<DurationOp> {
    Some(match op {
        BinaryOp::Add => DurationOp::Add,
        BinaryOp::Sub => DurationOp::Sub,
        BinaryOp::Mul => DurationOp::Mul,
        BinaryOp::Div => DurationOp::Div,
        BinaryOp::Mod => DurationOp::Mod,
        BinaryOp::Pow => DurationOp::Pow,
        _ => return None,
    })
}
