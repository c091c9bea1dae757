//! Operators, signs, what stands behind an expression, and its smallest parts.

use narthex_model::duration::parse_duration;
use narthex_model::float::format_f;

use super::binary::precedence;
use super::duration::{RANGE, STEP};
use super::{Context, Node, Parser, Result};
use crate::ast::*;
use crate::error::Fault;
use crate::functions::function;
use crate::number::parse_number;
use crate::strings::unquote_bytes;
use crate::token::{Keyword, Token, TokenKind};

/// What a sign applies to binds at least as tightly as this.
const SIGNED: u8 = precedence(BinaryOp::Pow);

const AFTER_AT: Context = Context { construct: "@", expected: "timestamp" };
const AFTER_RANGE: Context = Context { construct: "subquery or range", expected: "\":\" or \"]\"" };
const AFTER_STEP: Context = Context { construct: "subquery selector", expected: "\"]\"" };

impl Parser<'_> {
    /// An expression whose operators all bind at least as tightly as `min`.
    pub(super) fn expression(&mut self, min: u8) -> Result<Node> {
        self.enter()?;
        let mut left = self.signed()?;
        while let TokenKind::Binary(op) = self.peek()
            && precedence(op) >= min
        {
            self.advance();
            let modifiers = self.binary_modifiers(op)?;
            // All operators but the power group from the left.
            let right_min = precedence(op) + u8::from(op != BinaryOp::Pow);
            let right = self.expression(right_min)?;
            let height = left.height.max(right.height);
            let span = left.expr.span().start..right.expr.span().end;
            let binary = Binary {
                op,
                lhs: Box::new(left.expr),
                rhs: Box::new(right.expr),
                matching: Some(modifiers.matching),
                return_bool: modifiers.return_bool,
                span,
            };
            left = self.above(height, Expr::Binary(binary))?;
        }
        self.leave();
        Ok(left)
    }

    fn signed(&mut self) -> Result<Node> {
        let start = self.token().start;
        let Some(negative) = self.eat_sign() else { return self.with_suffixes() };
        let Node { expr, height } = self.expression(SIGNED)?;
        match expr {
            Expr::Number(mut number) => {
                number.value = if negative { -number.value } else { number.value };
                number.span.start = start;
                Ok(Node::leaf(Expr::Number(number)))
            }
            expr => {
                let span = start..expr.span().end;
                self.above(height, Expr::Unary(Unary { negative, expr: Box::new(expr), span }))
            }
        }
    }

    /// A primary expression and all that may stand behind one.
    fn with_suffixes(&mut self) -> Result<Node> {
        let mut node = self.primary()?;
        loop {
            match self.peek() {
                TokenKind::LeftBracket => node = self.bracket(node)?,
                TokenKind::At => {
                    self.advance();
                    self.at_modifier(&mut node.expr)?;
                }
                TokenKind::Keyword(Keyword::Offset) => {
                    self.advance();
                    self.offset_modifier(&mut node.expr)?;
                }
                TokenKind::Keyword(Keyword::Anchored) => {
                    self.advance();
                    self.mode_modifier(&mut node.expr, RangeMode::Anchored)?;
                }
                TokenKind::Keyword(Keyword::Smoothed) => {
                    self.advance();
                    self.mode_modifier(&mut node.expr, RangeMode::Smoothed)?;
                }
                _ => return Ok(node),
            }
        }
    }

    fn primary(&mut self) -> Result<Node> {
        let kind = self.peek();
        let second = self.peek_second();
        match kind {
            TokenKind::Number | TokenKind::Duration => {
                let token = self.advance();
                let value = self.number_value(token)?;
                let is_duration = kind == TokenKind::Duration;
                Ok(Node::leaf(Expr::Number(NumberLiteral { value, is_duration, span: token.span() })))
            }
            TokenKind::String => {
                let token = self.advance();
                let (value, not_utf8) = match String::from_utf8(unquote_bytes(self.text(token))) {
                    Ok(value) => (value, None),
                    Err(e) => (String::from_utf8_lossy(e.as_bytes()).into_owned(), Some(e.into_bytes())),
                };
                Ok(Node::leaf(Expr::String(StringLiteral { value, not_utf8, span: token.span() })))
            }
            TokenKind::LeftParen => {
                let start = self.advance().start;
                let inner = self.expression(0)?;
                if !self.eat(TokenKind::RightParen) {
                    return Err(self.unexpected());
                }
                let paren = Paren { expr: Box::new(inner.expr), span: start..self.last_end() };
                self.above(inner.height, Expr::Paren(paren))
            }
            TokenKind::Aggregate(op)
                if matches!(second, TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without)) =>
            {
                self.aggregate(op)
            }
            _ if second == TokenKind::LeftParen && kind.is_function_name() => self.call(),
            _ if kind == TokenKind::LeftBrace || kind.is_metric_name() => {
                Ok(Node::leaf(Expr::Vector(self.selector()?)))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// The value of a number or duration; seconds for a duration.
    pub(super) fn number_value(&self, token: Token) -> Result<f64> {
        let text = self.text(token);
        let value = match token.kind {
            TokenKind::Duration => parse_duration(text).map(|ms| ms as f64 / 1000.0).map_err(|error| error.to_string()),
            _ => parse_number(text),
        };
        value.map_err(|text| Fault::new(token.span(), text))
    }

    fn call(&mut self) -> Result<Node> {
        let name = self.advance();
        let (args, height) = self.arguments()?;
        let Some(function) = function(self.text(name)) else {
            let quoted = narthex_model::quote::quote(self.text(name));
            return Err(Fault::new(name.span(), format!("unknown function with name {quoted}")));
        };
        if function.experimental && !self.options.experimental_functions {
            let quoted = narthex_model::quote::quote(function.name);
            return Err(Fault::new(name.span(), format!("function {quoted} is not enabled")));
        }
        self.above(height, Expr::Call(Call { function, args, span: name.start..self.last_end() }))
    }

    /// `(a, b)`, and the height of the highest argument.
    pub(super) fn arguments(&mut self) -> Result<(Vec<Expr>, usize)> {
        if !self.eat(TokenKind::LeftParen) {
            return Err(self.unexpected());
        }
        let mut args = Vec::new();
        let mut height = 0;
        if self.eat(TokenKind::RightParen) {
            return Ok((args, height));
        }
        loop {
            let node = self.expression(0)?;
            height = height.max(node.height);
            args.push(node.expr);
            if self.eat(TokenKind::RightParen) {
                return Ok((args, height));
            }
            if self.peek() != TokenKind::Comma {
                return Err(self.unexpected());
            }
            let comma = self.advance();
            if !self.peek().begins_expression() {
                if self.peek() == TokenKind::Error {
                    return Err(self.unexpected());
                }
                return Err(Fault::new(comma.span(), "trailing commas not allowed in function call args"));
            }
        }
    }

    /// `[5m]` or `[30m:1m]` behind an expression.
    fn bracket(&mut self, node: Node) -> Result<Node> {
        let bracket = self.advance();
        let start = node.expr.span().start;
        let range = self.positive_duration(RANGE)?;
        if self.eat(TokenKind::RightBracket) {
            let span = start..self.last_end();
            let fault = |text: &str| Err(Fault::new(bracket.start..span.end, text));
            let Expr::Vector(selector) = node.expr else {
                return fault("ranges only allowed for vector selectors");
            };
            if selector.offset != DurationValue::Ms(0) {
                return fault("no offset modifiers allowed before range");
            }
            // Upstream overlooks `@ start()` and `@ end()` here.
            if matches!(selector.at, Some(AtModifier::Ms(_))) {
                return fault("no @ modifiers allowed before range");
            }
            return Ok(Node::leaf(Expr::Matrix(MatrixSelector { selector, range, span })));
        }
        if !self.eat(TokenKind::Colon) {
            return Err(self.unexpected_in(AFTER_RANGE));
        }
        let mut step = None;
        if self.peek() != TokenKind::RightBracket {
            step = Some(self.positive_duration(STEP)?);
        }
        if !self.eat(TokenKind::RightBracket) {
            return Err(self.unexpected_in(AFTER_STEP));
        }
        let subquery = Subquery {
            expr: Box::new(node.expr),
            range,
            step,
            offset: DurationValue::Ms(0),
            at: None,
            span: start..self.last_end(),
        };
        self.above(node.height, Expr::Subquery(subquery))
    }

    fn offset_modifier(&mut self, expr: &mut Expr) -> Result<()> {
        let value = self.offset_duration()?;
        let end = self.last_end();
        let whole = expr.span().start..end;
        let (offset, span, inner_span) = match expr {
            Expr::Vector(vector) => (&mut vector.offset, &mut vector.span, None),
            Expr::Matrix(matrix) => (&mut matrix.selector.offset, &mut matrix.span, Some(&mut matrix.selector.span)),
            Expr::Subquery(subquery) => (&mut subquery.offset, &mut subquery.span, None),
            _ => return Err(Fault::new(whole, not_a_selector("offset"))),
        };
        if *offset != DurationValue::Ms(0) {
            return Err(Fault::new(whole, "offset may not be set multiple times"));
        }
        *offset = value;
        span.end = end;
        if let Some(inner) = inner_span {
            inner.end = end;
        }
        Ok(())
    }

    fn at_modifier(&mut self, expr: &mut Expr) -> Result<()> {
        let at = self.at_value(expr.span())?;
        let end = self.last_end();
        let whole = expr.span().start..end;
        let (slot, span, inner_span) = match expr {
            Expr::Vector(vector) => (&mut vector.at, &mut vector.span, None),
            Expr::Matrix(matrix) => (&mut matrix.selector.at, &mut matrix.span, Some(&mut matrix.selector.span)),
            Expr::Subquery(subquery) => (&mut subquery.at, &mut subquery.span, None),
            _ => return Err(Fault::new(whole, not_a_selector("@"))),
        };
        if slot.is_some() {
            return Err(Fault::new(whole, "@ <timestamp> may not be set multiple times"));
        }
        *slot = Some(at);
        span.end = end;
        if let Some(inner) = inner_span {
            inner.end = end;
        }
        Ok(())
    }

    /// What follows an `@` that stands behind the expression at `span`.
    fn at_value(&mut self, span: &Span) -> Result<AtModifier> {
        let edge = match self.peek() {
            TokenKind::Keyword(Keyword::Start) => Some(AtModifier::Start),
            TokenKind::Keyword(Keyword::End) => Some(AtModifier::End),
            _ => None,
        };
        if let Some(edge) = edge {
            self.advance();
            for kind in [TokenKind::LeftParen, TokenKind::RightParen] {
                if !self.eat(kind) {
                    return Err(self.unexpected_in(AFTER_AT));
                }
            }
            return Ok(edge);
        }
        let negative = self.eat_sign() == Some(true);
        if !matches!(self.peek(), TokenKind::Number | TokenKind::Duration) {
            return Err(self.unexpected_in(AFTER_AT));
        }
        let token = self.advance();
        let value = self.number_value(token)?;
        let seconds = if negative { -value } else { value };
        // Beyond 2⁶³ the number would not even be one of milliseconds.
        if seconds.is_nan() || seconds.abs() >= i64::MAX as f64 {
            let text = format!("timestamp out of bounds for @ modifier: {}", print_fixed(seconds));
            return Err(Fault::new(span.clone(), text));
        }
        Ok(AtModifier::Ms((seconds * 1000.0).round() as i64))
    }

    fn mode_modifier(&mut self, expr: &mut Expr, mode: RangeMode) -> Result<()> {
        let word = if mode == RangeMode::Anchored { "anchored" } else { "smoothed" };
        let end = self.last_end();
        let whole = expr.span().start..end;
        let fault = |text: String| Err(Fault::new(whole.clone(), text));
        if !self.options.extended_range_selectors {
            return fault(format!("{word} modifier is experimental and not enabled"));
        }
        let selector = match expr {
            Expr::Vector(vector) => vector,
            Expr::Matrix(matrix) => {
                matrix.span.end = end;
                &mut matrix.selector
            }
            Expr::Subquery(_) => {
                return fault(format!("{word} modifier is not supported for subqueries"));
            }
            _ => return fault(format!("{word} modifier not implemented")),
        };
        if selector.mode != RangeMode::Plain && selector.mode != mode {
            return fault("anchored and smoothed modifiers cannot be used together".to_owned());
        }
        selector.mode = mode;
        selector.span.end = end;
        Ok(())
    }
}

fn not_a_selector(modifier: &str) -> String {
    format!("{modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery")
}

/// A float as Go's `%f` prints it.
fn print_fixed(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { format_f(value) }
}
