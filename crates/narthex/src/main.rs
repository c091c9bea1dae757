//! The program: finds out which part is asked for, and runs it.
//!
//! `narthex prometheus …` is the server under upstream's flags, `narthex up` the
//! whole stack with an embedded configuration. Called through a link that has
//! the name of a part, it behaves as that part.

mod logging;
mod prometheus;
mod promtool;
mod up;
mod version;

use std::process::ExitCode;

/// Memory is most of what a monitoring server costs; this allocator keeps the
/// heap of many small, long-lived blocks tighter than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The parts of the program: name, what it is, how it runs.
const PARTS: [Part; 3] = [
    Part { name: "up", about: "Start the whole stack on this machine, without any set-up.", run: up::run },
    Part { name: "prometheus", about: "The monitoring server, with upstream's flags.", run: prometheus::run },
    Part { name: "promtool", about: "Checks configurations, tests and explains queries.", run: promtool::run },
];

struct Part {
    name: &'static str,
    about: &'static str,
    run: fn(Vec<String>) -> ExitCode,
}

fn main() -> ExitCode {
    let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let called_as = args.next().unwrap_or_default();
    let called_as = called_as.rsplit('/').next().unwrap_or_default();
    let mut args: Vec<String> = args.collect();
    if let Some(part) = PARTS.iter().find(|part| part.name == called_as) {
        return (part.run)(args);
    }
    match args.first().map(String::as_str) {
        None | Some("help" | "--help" | "-h") => print(&usage()),
        Some("--version" | "version") => print(&version::text("narthex")),
        Some(name) => match PARTS.iter().find(|part| part.name == name) {
            Some(part) => {
                args.remove(0);
                (part.run)(args)
            }
            None => {
                complain(&format!("narthex: there is no part called \"{name}\"\n\n{}", usage()));
                ExitCode::from(1)
            }
        },
    }
}

fn usage() -> String {
    let mut text = String::from(
        "Narthex is Prometheus in Rust: the whole monitoring stack in one program.\n\nusage: narthex PART [FLAGS]\n\nParts:\n",
    );
    for part in PARTS {
        text += &format!("  {:12} {}\n", part.name, part.about);
    }
    text + "\nStart with `narthex up`, then open http://localhost:9090. `narthex PART --help` explains a part's flags.\n"
}

/// Prints to standard output, where a closed pipe is no error.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(1),
    }
}

/// Prints to standard error what keeps the program from running.
fn complain(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

/// Reads a part's flags; ends it with upstream's texts and exit codes when it shall not run.
fn parse_flags(program: &narthex_flags::Program, args: Vec<String>) -> Result<narthex_flags::Values, ExitCode> {
    use narthex_flags::Stop;
    narthex_flags::parse(program, args).map_err(|stop| match stop {
        Stop::Help(text) => print(&text),
        Stop::Version => print(&version::text(program.name)),
        Stop::Syntax(text) => {
            complain(&format!("Error parsing command line arguments: {text}\n{}: error: {text}", program.name));
            ExitCode::from(1)
        }
        Stop::Value(text) => {
            complain(&format!(
                "Error parsing command line arguments: {text}\n(`{} --help` lists the flags)",
                program.name
            ));
            ExitCode::from(2)
        }
    })
}
