//! Go's regular-expression syntax and meaning, on `regex-automata`.
//!
//! Rust's syntax silently differs from Go's (`\d` is Unicode, `[a&&b]` is an
//! intersection, `\Q…\E` and `\pN` are missing), so patterns are parsed here by
//! Go's rules and handed to the automaton as a syntax tree.
//!
//! - [`anchored`]: [`Anchored`], a pattern that must match a whole string.
//! - [`captures`]: what the groups of a pattern matched, and Go's templates.
//! - [`error`]: [`Error`], Go's words for a pattern it refuses.
//! - `parser`, `class`, `unicode`: Go's `regexp/syntax`.
//! - `shape`: what matches without an automaton.

pub mod anchored;
pub mod captures;
mod class;
pub mod error;
mod parser;
mod shape;
mod unicode;

pub use anchored::Anchored;
pub use captures::Captures;
pub use error::{Error, ErrorKind};
