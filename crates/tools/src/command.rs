//! Finds the command that is asked for and runs it.

use narthex_flags::{Flag, Kind, Program, Stop, Values, parse_with_args};
use narthex_promql::Features;
use narthex_promql_syntax::ParserOptions;

use crate::output::{FAILURE, Output, SUCCESS};
use crate::{check_config, explain, format, test_promql};

/// Its name in messages.
const NAME: &str = "promtool";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The process ends with this code: 0 done, 1 failed or called wrongly, 3 lint findings.
    Code(u8),
    /// The version was asked for, which the program knows.
    Version,
}

/// A command: what one types, and what runs then.
pub(crate) struct Command {
    /// The words that name it: `check config`.
    path: &'static [&'static str],
    /// Its arguments by name. The last may be given any number of times if it ends in `...`.
    args: &'static [&'static str],
    about: &'static str,
    flags: &'static [Flag],
    run: fn(&Given, &mut Output<'_>) -> u8,
}

/// Flags and arguments of a command.
pub(crate) struct Given {
    pub(crate) values: Values,
    pub(crate) args: Vec<String>,
}

/// Flags of all commands; they may stand before the command's name as well.
pub(crate) const ENABLE_FEATURE: Flag = Flag::new(
    "enable-feature",
    Kind::List,
    "",
    "Comma-separated names of features to switch on: promql-experimental-functions, promql-delayed-name-removal, \
     promql-extended-range-selectors, promql-binop-fill-modifiers.",
);
pub(crate) const EXPERIMENTAL: Flag =
    Flag::new("experimental", Kind::Switch, "false", "Allow commands that may still change; they are allowed anyway.");

const COMMANDS: &[Command] = &[
    Command {
        path: &["check", "config"],
        args: &["config-files..."],
        about: "Check whether configuration files are valid, and whether the files that they name are there.",
        flags: check_config::FLAGS,
        run: check_config::run,
    },
    Command {
        path: &["test", "promql"],
        args: &["script..."],
        about: "Run scripts in the PromQL test language; tell which of their expectations do not hold.",
        flags: COMMON,
        run: test_promql::run,
    },
    Command {
        path: &["promql", "format"],
        args: &["query"],
        about: "Print a query in its usual form.",
        flags: COMMON,
        run: format::run,
    },
    Command {
        path: &["promql", "explain"],
        args: &["query"],
        about: "Print how a query would be run: its plan as a tree.",
        flags: explain::FLAGS,
        run: explain::run,
    },
];

const COMMON: &[Flag] = &[ENABLE_FEATURE, EXPERIMENTAL];

/// Runs the command that `args` (without the program's name) ask for.
pub fn run(args: Vec<String>, output: &mut Output<'_>) -> Ended {
    let (words, rest) = match split(args) {
        Ok(split) => split,
        Err(ended) => return usage(ended, output),
    };
    let Some(command) = COMMANDS.iter().find(|command| command.path == words) else {
        return wrong(&expected(&words, rest.first()), output);
    };
    let mut about = format!("{}\n\nArguments:", command.about);
    for arg in command.args {
        about += &format!(" <{arg}>");
    }
    let program = Program { name: NAME, about: "", flags: command.flags };
    match parse_with_args(&program, rest.into_iter().map(short_to_long)) {
        Err(Stop::Help(text)) => {
            let head = format!("usage: {NAME} [<flags>]\n\n");
            let flags = text.strip_prefix(&head).unwrap_or(&text).trim_start();
            output.line(format_args!("usage: {NAME} {} [<flags>]\n\n{about}\n\n{flags}", command.path.join(" ")));
            Ended::Code(SUCCESS)
        }
        Err(Stop::Version) => Ended::Version,
        Err(Stop::Syntax(text) | Stop::Value(text)) => wrong(&text, output),
        Ok((values, args)) => match check_args(command, &args) {
            Err(text) => wrong(&text, output),
            Ok(()) => Ended::Code((command.run)(&Given { values, args }, output)),
        },
    }
}

/// The words that name a command, and everything else in its order.
fn split(args: Vec<String>) -> Result<(Vec<&'static str>, Vec<String>), Asked> {
    let mut words: Vec<&'static str> = Vec::new();
    let mut rest = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let next = COMMANDS.iter().find_map(|command| {
            let word = command.path.strip_prefix(&*words)?.first()?;
            (*word == arg).then_some(*word)
        });
        match next {
            Some(word) => words.push(word),
            None if arg == "--enable-feature" => {
                rest.push(arg);
                rest.extend(args.next());
            }
            None if arg.starts_with('-') => rest.push(arg),
            None => {
                rest.push(arg);
                rest.extend(args);
                break;
            }
        }
    }
    let is_complete = COMMANDS.iter().any(|command| command.path == words);
    if !is_complete {
        // An argument that is no command's name is complained about first.
        if rest.iter().any(|arg| matches!(arg.as_str(), "-h" | "--help" | "--help-long"))
            || words.is_empty() && rest.is_empty()
        {
            return Err(Asked::Help);
        }
        if rest.iter().any(|arg| arg == "--version") {
            return Err(Asked::Version);
        }
        rest.retain(|arg| !arg.starts_with('-'));
    }
    Ok((words, rest))
}

/// What is asked for without a command.
enum Asked {
    Help,
    Version,
}

fn usage(asked: Asked, output: &mut Output<'_>) -> Ended {
    if matches!(asked, Asked::Version) {
        return Ended::Version;
    }
    output.line(format_args!(
        "usage: {NAME} <command> [<args> ...]\n\nTooling for the Prometheus monitoring system.\n\nCommands:"
    ));
    for command in COMMANDS {
        output.line(format_args!(
            "  {} <{}>\n      {}",
            command.path.join(" "),
            command.args.join("> <"),
            command.about
        ));
    }
    output.line(format_args!("\n`{NAME} <command> --help` explains a command's flags."));
    Ended::Code(SUCCESS)
}

fn expected(words: &[&str], next: Option<&String>) -> String {
    match next {
        Some(word) => format!("expected command but got {}", narthex_model::quote::quote(word)),
        None => format!("must select a subcommand of '{}'", words.join(" ")),
    }
}

fn wrong(text: &str, output: &mut Output<'_>) -> Ended {
    output.complain(format_args!("{NAME}: error: {text}, try --help"));
    Ended::Code(FAILURE)
}

fn check_args(command: &Command, args: &[String]) -> Result<(), String> {
    if let Some(missing) = command.args.get(args.len()) {
        return Err(format!("required argument '{}' not provided", missing.trim_end_matches("...")));
    }
    let takes_many = command.args.last().is_some_and(|arg| arg.ends_with("..."));
    match args.get(command.args.len()) {
        Some(extra) if !takes_many => Err(format!("unexpected {extra}")),
        _ => Ok(()),
    }
}

/// `-o` is the only short form besides `-h`.
fn short_to_long(arg: String) -> String {
    if arg == "-o" { "--format".to_owned() } else { arg }
}

impl Given {
    /// The engine's features that `--enable-feature` switches on.
    pub(crate) fn features(&self) -> Features {
        let lists = self.values.list("enable-feature");
        let is_on = |name: &str| lists.iter().flat_map(|list| list.split(',')).any(|feature| feature == name);
        Features {
            experimental_functions: is_on("promql-experimental-functions"),
            delayed_name_removal: is_on("promql-delayed-name-removal"),
            extended_range_selectors: is_on("promql-extended-range-selectors"),
            fill_modifiers: is_on("promql-binop-fill-modifiers"),
            ..Features::default()
        }
    }

    /// How queries are read with these features.
    pub(crate) fn parser_options(&self) -> ParserOptions {
        let features = self.features();
        ParserOptions {
            experimental_functions: features.experimental_functions,
            extended_range_selectors: features.extended_range_selectors,
            fill_modifiers: features.fill_modifiers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, run_words};

    #[test]
    fn wrong_calls_are_told_in_upstreams_words() {
        check("frobnicate", 1, "", "promtool: error: expected command but got \"frobnicate\", try --help\n");
        check("check", 1, "", "promtool: error: must select a subcommand of 'check', try --help\n");
        check("check foo", 1, "", "promtool: error: expected command but got \"foo\", try --help\n");
        check("check config", 1, "", "promtool: error: required argument 'config-files' not provided, try --help\n");
        check("promql format a b", 1, "", "promtool: error: unexpected b, try --help\n");
        check("promql format --x a", 1, "", "promtool: error: unknown long flag '--x', try --help\n");
    }

    #[test]
    fn help_and_version_are_found_anywhere() {
        for words in ["", "--help", "check --help"] {
            let (ended, out, _) = run_words(words);
            assert!(ended == Ended::Code(0) && out.contains("\n  promql explain <query>\n"), "{words}: {out}");
        }
        let (ended, out, _) = run_words("check config --help");
        assert_eq!(ended, Ended::Code(0));
        assert!(out.starts_with("usage: promtool check config [<flags>]\n\nCheck whether"), "{out}");
        assert!(out.contains("--[no-]syntax-only"), "{out}");
        for words in ["--version", "check config --version"] {
            assert_eq!(run_words(words).0, Ended::Version, "{words}");
        }
    }

    #[test]
    fn common_flags_may_stand_before_the_command() {
        for words in [
            "--enable-feature=promql-experimental-functions promql format mad_over_time(a[1m])",
            "--experimental --enable-feature promql-experimental-functions promql format mad_over_time(a[1m])",
        ] {
            check(words, 0, "mad_over_time(a[1m])\n", "");
        }
    }
}
