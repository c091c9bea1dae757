//! Go's regular-expression syntax and meaning, on `regex-automata`.
//!
//! Rust's syntax silently differs from Go's (`\d` is Unicode, `[a&&b]` is an
//! intersection, `\Q…\E` and `\pN` are missing), so patterns are parsed here by
//! Go's rules and handed to the automaton as a syntax tree.

mod anchored;

pub use anchored::{Anchored, Error};
