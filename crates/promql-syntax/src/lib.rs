//! PromQL's language: text to syntax tree, with upstream's error texts, and back.
//!
//! - [`ast`]: [`Expr`], the syntax tree.
//! - [`functions`]: the table of functions.

pub mod ast;
pub mod functions;

pub use ast::Expr;
pub use functions::Function;
