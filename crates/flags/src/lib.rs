//! Command lines in the manner of upstream's programs: `--name value`,
//! `--name=value`, `--no-name` for switches, `@file` for arguments in a file.
//!
//! Flags are data: one table of [`Flag`]s drives parsing, `--help` and the list
//! that the HTTP API shows. No library gives this syntax with upstream's error
//! texts and exit codes, which scripts and unit files rely on.
//!
//! - [`flag`]: [`Flag`] and the kinds of values.
//! - [`parse()`], [`parse_with_args`]: from arguments to [`Values`], or a [`Stop`].
//! - [`help`]: the text of `--help`.

pub mod flag;
pub mod help;
mod parse;
mod values;

pub use flag::{Flag, Kind, Support};
pub use parse::{Stop, parse, parse_with_args};
pub use values::Values;

/// A program (or a subcommand) as its command line sees it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The name in messages: `prometheus`.
    pub name: &'static str,
    /// What it does, one line.
    pub about: &'static str,
    /// Its flags, in the order `--help` lists them.
    pub flags: &'static [Flag],
}
