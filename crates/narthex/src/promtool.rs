//! `narthex promtool`: the command line around `narthex-tools`.

use std::process::ExitCode;

use narthex_tools::{Ended, Output};

/// Runs the command that `args` name.
pub(crate) fn run(args: Vec<String>) -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    match narthex_tools::run(args, &mut Output { out: &mut out, err: &mut err }) {
        Ended::Code(code) => ExitCode::from(code),
        Ended::Version => crate::print(&crate::version::text("promtool")),
    }
}
