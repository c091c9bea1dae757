//! PromQL's language: text to syntax tree, with upstream's error texts, and back.
//!
//! - [`ast`]: [`Expr`], the syntax tree. Its `Display` prints it in one line.
//! - [`functions`]: the table of functions.
//! - [`parser`]: [`parse_expr`], [`parse_metric_selector`].
//! - [`error`]: [`ParseErrors`], with positions.
//! - [`pretty`](mod@pretty): the tree over several lines.
//! - [`json`]: the tree as the HTTP API shows it.
//! - [`series`]: series and points as test scripts write them.
//!
//! The lexer, the type check and the printer are inside.

pub mod ast;
pub mod error;
pub mod functions;
pub mod json;
pub mod parser;
pub mod pretty;
pub mod series;

mod check;
mod lexer;
mod number;
mod print;
mod strings;
mod token;

pub use ast::Expr;
pub use error::{ParseError, ParseErrors, Position};
pub use functions::Function;
pub use parser::{ParserOptions, parse_expr, parse_metric_selector};
pub use pretty::pretty;

#[cfg(test)]
mod tests;
