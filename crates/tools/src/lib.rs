//! The commands of `promtool` as functions that write where they are told.
//!
//! - [`command`]: [`run`], which finds the command that is asked for, in one table.
//! - [`output`]: [`Output`], where commands write, and the codes they end with.
//! - `check_config`: `check config`. `test_promql`: `test promql`.
//! - `format`, `explain`: `promql format`, `promql explain`.
//!
//! A command is a function of its flags and arguments, and a line in the table.

mod check_config;
pub mod command;
mod explain;
mod format;
pub mod output;
mod test_promql;

pub use command::{Ended, run};
pub use output::Output;

#[cfg(test)]
mod testing;
