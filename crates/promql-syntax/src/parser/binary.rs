//! Binary operators: how tightly they bind, and their modifiers.

use super::{Context, Parser, Result};
use crate::ast::{BinaryOp, Cardinality, Matching};
use crate::error::Fault;
use crate::strings::unquote;
use crate::token::{Keyword, TokenKind};

const LIST: Context = Context { construct: "grouping opts", expected: "\"(\"" };
const LABEL: Context = Context { construct: "grouping opts", expected: "label" };
const AFTER_LABEL: Context = Context { construct: "grouping opts", expected: "\",\" or \")\"" };

/// How tightly an operator binds; more is tighter.
pub(super) const fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Greater
        | BinaryOp::Less
        | BinaryOp::GreaterEqual
        | BinaryOp::LessEqual
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => 6,
    }
}

/// What stands between an operator and its right operand.
pub(super) struct BinaryModifiers {
    pub(super) return_bool: bool,
    pub(super) matching: Matching,
}

impl Parser<'_> {
    pub(super) fn binary_modifiers(&mut self, op: BinaryOp) -> Result<BinaryModifiers> {
        let return_bool = self.eat_keyword(Keyword::Bool);
        let mut matching = Matching {
            cardinality: if op.is_set() { Cardinality::ManyToMany } else { Cardinality::OneToOne },
            labels: Vec::new(),
            on: false,
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        if let TokenKind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.peek() {
            self.advance();
            matching.on = keyword == Keyword::On;
            matching.labels = self.label_list()?;
            let grouped = match self.peek() {
                TokenKind::Keyword(Keyword::GroupLeft) => Some(Cardinality::ManyToOne),
                TokenKind::Keyword(Keyword::GroupRight) => Some(Cardinality::OneToMany),
                _ => None,
            };
            if let Some(cardinality) = grouped {
                self.advance();
                matching.cardinality = cardinality;
                // Without a list the right operand or a fill follows directly.
                let list_is_left_out =
                    self.peek() != TokenKind::LeftParen && (self.peek().begins_expression() || self.at_fill());
                if !list_is_left_out {
                    matching.include = self.label_list()?;
                }
            }
        }
        self.fill_modifiers(&mut matching)?;
        Ok(BinaryModifiers { return_bool, matching })
    }

    fn at_fill(&self) -> bool {
        matches!(self.peek(), TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
    }

    /// `fill(N)`, or one or both of `fill_left(N)` and `fill_right(N)`.
    fn fill_modifiers(&mut self, matching: &mut Matching) -> Result<()> {
        if !self.at_fill() {
            return Ok(());
        }
        if !self.options.fill_modifiers {
            let span = self.token().span();
            return Err(Fault::new(span, "binop fill modifiers are experimental and not enabled"));
        }
        if self.eat_keyword(Keyword::Fill) {
            let value = Some(self.fill_value()?);
            matching.fill_left = value;
            matching.fill_right = value;
            return Ok(());
        }
        loop {
            if matching.fill_left.is_none() && self.eat_keyword(Keyword::FillLeft) {
                matching.fill_left = Some(self.fill_value()?);
            } else if matching.fill_right.is_none() && self.eat_keyword(Keyword::FillRight) {
                matching.fill_right = Some(self.fill_value()?);
            } else {
                return Ok(());
            }
        }
    }

    fn fill_value(&mut self) -> Result<f64> {
        if !self.eat(TokenKind::LeftParen) {
            return Err(self.unexpected());
        }
        let negative = self.eat_sign() == Some(true);
        if !matches!(self.peek(), TokenKind::Number | TokenKind::Duration) {
            return Err(self.unexpected());
        }
        let token = self.advance();
        let value = self.number_value(token)?;
        if !self.eat(TokenKind::RightParen) {
            return Err(self.unexpected());
        }
        Ok(if negative { -value } else { value })
    }

    /// `(a, "b c", d:e)`; a comma at the end is allowed.
    pub(super) fn label_list(&mut self) -> Result<Vec<String>> {
        if !self.eat(TokenKind::LeftParen) {
            return Err(self.unexpected_in(LIST));
        }
        let mut labels = Vec::new();
        while !self.eat(TokenKind::RightParen) {
            let token = self.token();
            let label = match token.kind {
                TokenKind::String => unquote(self.text(token)),
                kind if kind.is_grouping_label() => self.text(token).to_owned(),
                _ => return Err(self.unexpected_in(LABEL)),
            };
            self.advance();
            if label.is_empty() {
                return Err(Fault::new(token.span(), "invalid label name for grouping: \"\""));
            }
            labels.push(label);
            if !self.eat(TokenKind::Comma) && self.peek() != TokenKind::RightParen {
                return Err(self.unexpected_in(AFTER_LABEL));
            }
        }
        Ok(labels)
    }
}
