//! Where commands write, and the codes they end with.

use std::fmt;
use std::io::Write;

/// All is well.
pub const SUCCESS: u8 = 0;
/// The command failed, or found what it looks for.
pub const FAILURE: u8 = 1;
/// There are lint findings, and they were said to be fatal.
pub const LINT: u8 = 3;

/// Standard output and standard error of a command.
pub struct Output<'a> {
    /// For results.
    pub out: &'a mut dyn Write,
    /// For complaints.
    pub err: &'a mut dyn Write,
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

impl Output<'_> {
    /// Writes a line of the result. That nobody reads it is no error.
    pub(crate) fn line(&mut self, text: impl fmt::Display) {
        let _ = writeln!(self.out, "{text}");
    }

    /// Writes a complaint.
    pub(crate) fn complain(&mut self, text: impl fmt::Display) {
        let _ = writeln!(self.err, "{text}");
    }
}
