//! Aggregations.

use super::{Node, Parser, Result};
use crate::ast::{Aggregate, AggregateOp, Expr};
use crate::error::Fault;
use crate::token::{Keyword, TokenKind};

/// `by` or `without` with its labels.
#[derive(Default)]
struct Clause {
    grouping: Vec<String>,
    without: bool,
}

impl Parser<'_> {
    /// `op by (l) (args)` or `op (args) by (l)`; the operator is the next token.
    pub(super) fn aggregate(&mut self, op: AggregateOp) -> Result<Node> {
        let start = self.advance().start;
        self.aggregations += 1;
        let mut clause = self.clause()?;
        let (args, height) = self.arguments()?;
        self.aggregations -= 1;
        if clause.is_none() {
            clause = self.clause()?;
            // Upstream looks for a clause before it looks at the arguments.
            if self.peek() == TokenKind::Error {
                return Err(self.unexpected());
            }
        }
        let span = start..self.last_end();
        if op.is_experimental() && !self.options.experimental_functions {
            let text = format!(
                "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                op.as_str()
            );
            return Err(Fault::new(span, text));
        }
        if args.is_empty() {
            return Err(Fault::new(span, "no arguments for aggregate expression provided"));
        }
        let wanted = 1 + usize::from(op.param_type().is_some());
        let got = args.len();
        if got != wanted {
            let text =
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}");
            return Err(Fault::new(span, text));
        }
        let mut args = args.into_iter();
        let param = if wanted == 2 { args.next().map(Box::new) } else { None };
        let expr = Box::new(args.next().expect("the arguments were counted"));
        let Clause { grouping, without } = clause.unwrap_or_default();
        self.above(height, Expr::Aggregate(Aggregate { op, expr, param, grouping, without, span }))
    }

    fn clause(&mut self) -> Result<Option<Clause>> {
        let without = match self.peek() {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(Clause { grouping: self.label_list()?, without }))
    }
}
