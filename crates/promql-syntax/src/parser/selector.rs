//! Selectors: a name, braces, or both.

use narthex_model::{METRIC_NAME, MatchOp, Matcher};

use super::{Context, Parser, Result};
use crate::ast::{BinaryOp, DurationValue, RangeMode, VectorSelector};
use crate::error::Fault;
use crate::strings::unquote;
use crate::token::TokenKind;

const ITEM: Context = Context { construct: "label matching", expected: "identifier or \"}\"" };
const OPERATOR: Context = Context { construct: "label matching", expected: "label matching operator" };
const VALUE: Context = Context { construct: "label matching", expected: "string" };
const AFTER_ITEM: Context = Context { construct: "label matching", expected: "\",\" or \"}\"" };

impl Parser<'_> {
    /// `name`, `name{…}` or `{…}`.
    pub(super) fn selector(&mut self) -> Result<VectorSelector> {
        let start = self.token().start;
        let mut name = String::new();
        if self.peek().is_metric_name() {
            let token = self.advance();
            name = self.text(token).to_owned();
        } else if self.peek() != TokenKind::LeftBrace {
            return Err(self.unexpected());
        }
        let mut matchers = if self.eat(TokenKind::LeftBrace) { self.matchers()? } else { Vec::new() };
        if !name.is_empty() {
            matchers.push(Matcher::equal(METRIC_NAME, &name));
        }
        Ok(VectorSelector {
            name,
            matchers,
            offset: DurationValue::Ms(0),
            at: None,
            mode: RangeMode::Plain,
            span: start..self.last_end(),
        })
    }

    /// What stands in the braces, up to the closing one.
    fn matchers(&mut self) -> Result<Vec<Matcher>> {
        let mut matchers = Vec::new();
        while !self.eat(TokenKind::RightBrace) {
            matchers.push(self.matcher()?);
            if !self.eat(TokenKind::Comma) && self.peek() != TokenKind::RightBrace {
                return Err(self.unexpected_in(AFTER_ITEM));
            }
        }
        Ok(matchers)
    }

    /// `label="value"`, `"label"="value"`, or a quoted metric name alone.
    fn matcher(&mut self) -> Result<Matcher> {
        let label = self.token();
        let name = match label.kind {
            TokenKind::Identifier => self.text(label).to_owned(),
            TokenKind::String => unquote(self.text(label)),
            _ => return Err(self.unexpected_in(ITEM)),
        };
        self.advance();
        let op = match self.peek() {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::Binary(BinaryOp::NotEqual) => MatchOp::NotEqual,
            TokenKind::Regex => MatchOp::Regex,
            TokenKind::NotRegex => MatchOp::NotRegex,
            _ if label.kind == TokenKind::String => return Ok(Matcher::equal(METRIC_NAME, &name)),
            _ => return Err(self.unexpected_in(OPERATOR)),
        };
        self.advance();
        if self.peek() != TokenKind::String {
            return Err(self.unexpected_in(VALUE));
        }
        let value = self.advance();
        Matcher::new(op, &name, &unquote(self.text(value)))
            .map_err(|error| Fault::new(label.start..value.end, error.to_string()))
    }
}
