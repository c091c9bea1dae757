//! Runs commands, for the tests of this crate.

use crate::{Ended, Output, run};

/// Runs the command with these words as arguments; how it ended and what it wrote.
pub(crate) fn run_words(words: &str) -> (Ended, String, String) {
    run_args(&words.split_whitespace().collect::<Vec<_>>())
}

/// The same with arguments that may have blanks.
pub(crate) fn run_args(args: &[&str]) -> (Ended, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = args.iter().map(|&arg| arg.to_owned()).collect();
    let ended = run(args, &mut Output { out: &mut out, err: &mut err });
    (ended, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// Checks how a command ends and all that it writes.
#[track_caller]
pub(crate) fn check(words: &str, code: u8, out: &str, err: &str) {
    assert_eq!(run_words(words), (Ended::Code(code), out.to_owned(), err.to_owned()), "{words}");
}
