//! The text of `--help`.

use std::fmt::Write;

use crate::{Flag, Kind, Program, Support};

const WIDTH: usize = 100;
const INDENT: usize = 6;

/// The help of a program; with `all`, flags that are normally left out as well.
pub fn text(program: &Program, all: bool) -> String {
    let mut out = format!("usage: {} [<flags>]\n\n{}\n\nFlags:\n", program.name, program.about);
    entry(&mut out, "-h, --help", "Show this text (--help-long: every flag that is accepted).");
    entry(&mut out, "--version", "Show the version.");
    for flag in program.flags.iter().filter(|f| f.support != Support::Missing && (all || !f.hidden)) {
        entry(&mut out, &head(flag), flag.help);
    }
    out
}

fn head(flag: &Flag) -> String {
    match flag.kind {
        Kind::Switch => format!("--[no-]{}", flag.name),
        Kind::List => format!("--{}={} ...", flag.name, if flag.default.is_empty() { "VALUE" } else { flag.default }),
        Kind::Enum(words) => format!("--{}={} (one of {})", flag.name, flag.default, words.join(", ")),
        _ if flag.default.is_empty() => format!("--{}=VALUE", flag.name),
        _ => format!("--{}={}", flag.name, flag.default),
    }
}

fn entry(out: &mut String, head: &str, help: &str) {
    let _ = writeln!(out, "  {head}");
    let mut column = 0;
    for word in help.split_whitespace() {
        if column == 0 || column + 1 + word.len() > WIDTH {
            if column > 0 {
                out.push('\n');
            }
            let _ = write!(out, "{:INDENT$}{word}", "");
            column = INDENT + word.len();
        } else {
            let _ = write!(out, " {word}");
            column += 1 + word.len();
        }
    }
    if column > 0 {
        out.push('\n');
    }
}
