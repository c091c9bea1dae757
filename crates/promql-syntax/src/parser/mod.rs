//! Tokens to syntax tree.
//!
//! A hand-written descent with precedence climbing. It stops at the first error,
//! which is the one upstream shows. Each place that can fail knows the text
//! upstream's grammar has for it; where it has none, the innermost aggregation
//! around the place gives it.

mod aggregate;
mod binary;
mod duration;
mod expression;
mod selector;

use narthex_model::Matcher;

use crate::ast::{BinaryOp, Expr, VectorSelector};
use crate::check::check;
use crate::error::{Fault, ParseErrors};
use crate::lexer::tokenize;
use crate::token::{Keyword, Token, TokenKind, describe};

/// How deep parentheses, calls and signs may be nested.
pub const NESTING_MAX: usize = 128;
/// How high a syntax tree may be; long chains of operators make high trees.
pub const HEIGHT_MAX: usize = 1000;

/// Which parts of the language that upstream calls experimental are understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParserOptions {
    /// Functions and aggregations marked so (`promql-experimental-functions`).
    pub experimental_functions: bool,
    /// `anchored` and `smoothed` (`promql-extended-range-selectors`).
    pub extended_range_selectors: bool,
    /// `fill`, `fill_left` and `fill_right` (`promql-binop-fill-modifiers`).
    pub fill_modifiers: bool,
}

impl ParserOptions {
    /// Everything is understood.
    pub const ALL: ParserOptions =
        ParserOptions { experimental_functions: true, extended_range_selectors: true, fill_modifiers: true };
}

/// Reads a query and checks its types.
///
/// Nesting beyond [`NESTING_MAX`] and trees higher than [`HEIGHT_MAX`] are errors.
///
/// # Errors
/// Upstream's texts, with positions.
///
/// Source: the grammar in Prometheus `promql/parser`.
pub fn parse_expr(query: &str, options: &ParserOptions) -> Result<Expr, ParseErrors> {
    let mut parser = Parser::new(query, options);
    let mut expr = parser.query().map_err(|fault| ParseErrors::new(query, vec![fault]))?;
    let faults = check(query, &mut expr);
    if faults.is_empty() { Ok(expr) } else { Err(ParseErrors::new(query, faults)) }
}

/// Reads a bare selector, `name{…}`, as the `match[]` parameters hold it.
///
/// Whether it selects anything but empty labels is not checked.
///
/// # Errors
/// Upstream's texts, with positions.
pub fn parse_metric_selector(selector: &str) -> Result<Vec<Matcher>, ParseErrors> {
    let mut parser = Parser::new(selector, &ParserOptions::ALL);
    match parser.whole_selector() {
        Ok(parsed) => Ok(parsed.matchers),
        Err(fault) => Err(ParseErrors::new(selector, vec![fault])),
    }
}

type Result<T, E = Fault> = std::result::Result<T, E>;

/// An expression with the height of its tree.
struct Node {
    expr: Expr,
    height: usize,
}

impl Node {
    fn leaf(expr: Expr) -> Node {
        Node { expr, height: 1 }
    }
}

/// The text after `unexpected TOKEN`: the construct, and what it wants.
#[derive(Clone, Copy)]
struct Context {
    construct: &'static str,
    expected: &'static str,
}

pub(crate) struct Parser<'a> {
    query: &'a str,
    options: &'a ParserOptions,
    tokens: Vec<Token>,
    next: usize,
    /// Why the last token is an error.
    lexer_fault: Option<Fault>,
    /// How many argument lists of aggregations are open.
    aggregations: usize,
    /// How deep the descent is.
    nesting: usize,
    /// How many operators the duration expressions have; bounds their height.
    duration_operators: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(query: &'a str, options: &'a ParserOptions) -> Parser<'a> {
        let read = tokenize(query);
        Parser {
            query,
            options,
            tokens: read.tokens,
            next: 0,
            lexer_fault: read.fault,
            aggregations: 0,
            nesting: 0,
            duration_operators: 0,
        }
    }

    fn query(&mut self) -> Result<Expr> {
        if self.peek() == TokenKind::End {
            return Err(Fault::new(0..0, "no expression found in input"));
        }
        let node = self.expression(0)?;
        self.expect_end()?;
        Ok(node.expr)
    }

    /// A selector and nothing else.
    pub(crate) fn whole_selector(&mut self) -> Result<VectorSelector> {
        let selector = self.selector()?;
        self.expect_end()?;
        Ok(selector)
    }

    fn expect_end(&mut self) -> Result<()> {
        if self.peek() == TokenKind::End { Ok(()) } else { Err(self.unexpected()) }
    }

    fn token(&self) -> Token {
        self.tokens[self.next]
    }

    fn peek(&self) -> TokenKind {
        self.token().kind
    }

    /// The kind after the next one.
    fn peek_second(&self) -> TokenKind {
        self.tokens.get(self.next + 1).map_or(TokenKind::End, |token| token.kind)
    }

    /// Takes the next token. The last one stays, so that there always is one.
    fn advance(&mut self) -> Token {
        let token = self.token();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        token
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.peek() == kind;
        if found {
            self.advance();
        }
        found
    }

    fn eat_keyword(&mut self, keyword: Keyword) -> bool {
        self.eat(TokenKind::Keyword(keyword))
    }

    /// Takes a sign; `Some(true)` for a minus.
    fn eat_sign(&mut self) -> Option<bool> {
        let negative = match self.peek() {
            TokenKind::Binary(BinaryOp::Add) => false,
            TokenKind::Binary(BinaryOp::Sub) => true,
            _ => return None,
        };
        self.advance();
        Some(negative)
    }

    fn text(&self, token: Token) -> &'a str {
        &self.query[token.start..token.end]
    }

    /// Where the last taken token ends.
    fn last_end(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |last| self.tokens[last].end)
    }

    /// The next token cannot stand here.
    fn unexpected(&mut self) -> Fault {
        let suffix = if self.aggregations > 0 { " in aggregation" } else { "" };
        self.unexpected_with(suffix)
    }

    fn unexpected_in(&mut self, context: Context) -> Fault {
        self.unexpected_with(&format!(" in {}, expected {}", context.construct, context.expected))
    }

    fn unexpected_with(&mut self, suffix: &str) -> Fault {
        if self.peek() == TokenKind::Error
            && let Some(fault) = self.lexer_fault.take()
        {
            return fault;
        }
        let token = self.token();
        Fault::new(token.span(), format!("unexpected {}{suffix}", describe(token, self.query)))
    }

    /// Goes one level deeper; every success is followed by [`Parser::leave`].
    fn enter(&mut self) -> Result<()> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX { Err(self.too_deep()) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.nesting -= 1;
    }

    fn too_deep(&self) -> Fault {
        Fault::new(self.token().span(), "expression is nested too deeply")
    }

    /// Puts a node above others, the highest of which is `below` high.
    fn above(&self, below: usize, expr: Expr) -> Result<Node> {
        if below >= HEIGHT_MAX {
            return Err(self.too_deep());
        }
        Ok(Node { expr, height: below + 1 })
    }
}
