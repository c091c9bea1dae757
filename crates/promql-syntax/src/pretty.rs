//! Syntax tree to text over several lines.

use crate::ast::*;
use crate::print::{AggregateHead, BinaryHead, SubquerySuffix};

/// What is longer than this many bytes is split.
const LINE_LEN_MAX: usize = 100;

/// The expression for people: what is too long for a line is split, and each
/// level is indented by two blanks more.
///
/// Source: `promql/parser/prettier.go` of Prometheus, whose answer
/// `/api/v1/format_query` gives.
pub fn pretty(expr: &Expr) -> String {
    pretty_at(expr, 0)
}

fn pretty_at(expr: &Expr, level: usize) -> String {
    let indent = "  ".repeat(level);
    let plain = expr.to_string();
    if plain.len() <= LINE_LEN_MAX {
        // Upstream forgets the indentation of a sub-query that needs no split.
        return if matches!(expr, Expr::Subquery(_)) { plain } else { indent + &plain };
    }
    match expr {
        Expr::Aggregate(aggregate) => {
            let children: Vec<&Expr> = aggregate.param.iter().chain([&aggregate.expr]).map(|e| &**e).collect();
            split(&indent, &AggregateHead(aggregate).to_string(), &children, level)
        }
        Expr::Call(call) => {
            let children: Vec<&Expr> = call.args.iter().collect();
            split(&indent, call.function.name, &children, level)
        }
        Expr::Paren(paren) => split(&indent, "", &[&*paren.expr], level),
        Expr::Binary(binary) => {
            let left = pretty_at(&binary.lhs, level + 1);
            let right = pretty_at(&binary.rhs, level + 1);
            format!("{left}\n{indent}{}\n{right}", BinaryHead(binary))
        }
        Expr::Unary(unary) => {
            let child = pretty_at(&unary.expr, level);
            format!("{indent}{}{}", unary.sign(), child.trim())
        }
        Expr::Subquery(subquery) => {
            format!("{}{}", pretty_at(&subquery.expr, level), SubquerySuffix(subquery))
        }
        Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => indent + &plain,
    }
}

/// `head(`, each child on lines of its own, `)`.
fn split(indent: &str, head: &str, children: &[&Expr], level: usize) -> String {
    let children: Vec<String> = children.iter().map(|child| pretty_at(child, level + 1)).collect();
    format!("{indent}{head}(\n{}\n{indent})", children.join(",\n"))
}
