//! From arguments to values.

use std::collections::BTreeMap;

use narthex_model::duration::parse_duration;
use narthex_model::size::parse_size;

use crate::{Flag, Kind, Program, Support, Values, help};

/// Files named by `@file` may name further files, this deep.
const FILE_DEPTH_MAX: usize = 8;

/// Why there are no [`Values`]: what to print and how to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `--help`: print this, end with 0.
    Help(String),
    /// `--version`: print the version, end with 0.
    Version,
    /// The line cannot be understood: print to standard error, end with 1.
    Syntax(String),
    /// A value is wrong: print to standard error, end with 2.
    Value(String),
}

/// Reads a command line (without the program's name).
///
/// # Errors
/// [`Stop`] when the program shall not run.
pub fn parse(program: &Program, args: impl IntoIterator<Item = String>) -> Result<Values, Stop> {
    let (values, rest) = parse_with_args(program, args)?;
    match rest.into_iter().next() {
        Some(word) => Err(Stop::Syntax(format!("unexpected {word}"))),
        None => Ok(values),
    }
}

/// The same for a command that takes arguments beside flags. Everything after
/// `--` is one.
///
/// # Errors
/// [`Stop`] when the command shall not run.
pub fn parse_with_args(
    program: &Program,
    args: impl IntoIterator<Item = String>,
) -> Result<(Values, Vec<String>), Stop> {
    let mut words = Vec::new();
    for arg in args {
        expand_files(arg, &mut words, 0)?;
    }
    let mut words = words.into_iter();
    let mut given: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut rest = Vec::new();
    while let Some(word) = words.next() {
        let Some(long) = word.strip_prefix("--") else {
            match word.as_str() {
                "-h" => return Err(Stop::Help(help::text(program, false))),
                _ if word.len() > 1 && word.starts_with('-') => {
                    let short: String = word.chars().take(2).collect();
                    return Err(Stop::Syntax(format!("unknown short flag '{short}'")));
                }
                _ => {
                    rest.push(word);
                    continue;
                }
            }
        };
        if word == "--" {
            rest.extend(words);
            break;
        }
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        match name {
            "help" => return Err(Stop::Help(help::text(program, false))),
            "help-long" => return Err(Stop::Help(help::text(program, true))),
            "version" => return Err(Stop::Version),
            _ => {}
        }
        let (flag, negated) = find(program, name)?;
        let value = match (flag.kind, value) {
            (Kind::Switch, None) => (!negated).to_string(),
            (Kind::Switch, Some(value)) => return Err(Stop::Syntax(format!("unexpected {value}"))),
            (_, Some(value)) => value,
            (_, None) => {
                words.next().ok_or_else(|| Stop::Syntax(format!("expected argument for flag '--{}'", flag.name)))?
            }
        };
        if flag.support == Support::Missing {
            return Err(Stop::Value(format!("flag '--{}' is not supported by this build yet", flag.name)));
        }
        check(flag, &value).map_err(Stop::Value)?;
        let values = given.entry(flag.name).or_default();
        if !values.is_empty() && flag.kind != Kind::List {
            return Err(Stop::Value(format!("flag '{}' cannot be repeated", flag.name)));
        }
        values.push(value);
    }
    Ok((Values::new(program.flags, given), rest))
}

fn expand_files(arg: String, out: &mut Vec<String>, depth: usize) -> Result<(), Stop> {
    let Some(path) = arg.strip_prefix('@') else {
        out.push(arg);
        return Ok(());
    };
    let fail = |why: &dyn std::fmt::Display| Stop::Syntax(format!("failed to open arguments file \"{path}\": {why}"));
    if depth == FILE_DEPTH_MAX {
        return Err(fail(&"nested too deeply"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| fail(&e))?;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        expand_files(line.to_owned(), out, depth + 1)?;
    }
    Ok(())
}

fn find(program: &Program, name: &str) -> Result<(&'static Flag, bool), Stop> {
    let by_name = |name: &str| program.flags.iter().find(|f| f.name == name);
    if let Some(flag) = by_name(name) {
        return Ok((flag, false));
    }
    if let Some(flag) = name.strip_prefix("no-").and_then(by_name)
        && flag.kind == Kind::Switch
    {
        return Ok((flag, true));
    }
    Err(Stop::Syntax(format!("unknown long flag '--{name}'{}", suggestion(program, name))))
}

/// `; did you mean '--x'?` when a flag's name is close enough to be what was meant.
fn suggestion(program: &Program, name: &str) -> String {
    let near = |flag: &&Flag| (strsim::jaro_winkler(flag.name, name) * 1000.0) as u32;
    match program.flags.iter().filter(|f| f.support != Support::Missing).max_by_key(near) {
        Some(flag) if near(&flag) > 850 => format!("; did you mean '--{}'?", flag.name),
        _ => String::new(),
    }
}

/// Whether `value` is one of the flag's kind; the text is upstream's.
fn check(flag: &Flag, value: &str) -> Result<(), String> {
    match flag.kind {
        Kind::Switch | Kind::Text | Kind::List => Ok(()),
        Kind::Enum(words) if words.contains(&value) => Ok(()),
        Kind::Enum(_) if flag.name == "log.level" => Err(format!("unrecognized log level {value}")),
        Kind::Enum(_) if flag.name == "log.format" => Err(format!("unrecognized log format {value}")),
        Kind::Enum(words) => Err(format!("enum value must be one of {}, got '{value}'", words.join(","))),
        Kind::Duration => match parse_duration(value) {
            Ok(ms) if ms >= 0 => Ok(()),
            Ok(_) => Err(format!("not a valid duration string: \"{value}\"")),
            Err(e) => Err(e.to_string()),
        },
        Kind::Size => parse_size(value).map(drop).map_err(|e| e.to_string()),
        Kind::Int | Kind::Float => value
            .parse::<f64>()
            .map(drop)
            .map_err(|_| format!("strconv.ParseFloat: parsing \"{value}\": invalid syntax")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FLAGS: &[Flag] = &[
        Flag::new("config.file", Kind::Text, "prometheus.yml", "Configuration."),
        Flag::new("web.listen-address", Kind::List, "0.0.0.0:9090", "Addresses."),
        Flag::new("web.enable-lifecycle", Kind::Switch, "false", "Reload and quit."),
        Flag::new("query.timeout", Kind::Duration, "2m", "Timeout."),
        Flag::new("query.max-samples", Kind::Int, "50000000", "Samples."),
        Flag::new("log.level", Kind::Enum(&["debug", "info"]), "info", "Level."),
        Flag::missing("agent", Kind::Switch, "false"),
    ];
    const PROGRAM: Program = Program { name: "prometheus", about: "", flags: FLAGS };

    fn run(args: &str) -> Result<Values, Stop> {
        parse(&PROGRAM, args.split_whitespace().map(str::to_owned))
    }

    #[track_caller]
    fn refuses(args: &str, want: Stop) {
        assert_eq!(run(args).unwrap_err(), want);
    }

    #[test]
    fn values_come_from_the_line_or_the_default() {
        let values =
            run("--config.file=a.yml --web.listen-address :1 --web.listen-address=:2 --query.max-samples 5e7").unwrap();
        assert_eq!(values.text("config.file"), "a.yml");
        assert_eq!(values.list("web.listen-address"), [":1", ":2"]);
        assert_eq!(values.int("query.max-samples"), 50_000_000);
        assert_eq!(values.duration_ms("query.timeout"), 120_000);
        assert!(values.is_given("config.file") && !values.is_given("query.timeout"));
        assert_eq!(values.as_texts()["web.listen-address"], ":1,:2");
    }

    #[test]
    fn switches_have_two_forms_and_no_value() {
        assert!(run("--web.enable-lifecycle").unwrap().is_on("web.enable-lifecycle"));
        assert!(!run("--no-web.enable-lifecycle").unwrap().is_on("web.enable-lifecycle"));
        refuses("--web.enable-lifecycle=false", Stop::Syntax("unexpected false".into()));
    }

    #[test]
    fn mistakes_are_told_in_upstreams_words() {
        refuses("--x", Stop::Syntax("unknown long flag '--x'".into()));
        refuses(
            "--web.listen-adress=:1",
            Stop::Syntax("unknown long flag '--web.listen-adress'; did you mean '--web.listen-address'?".into()),
        );
        refuses("-x", Stop::Syntax("unknown short flag '-x'".into()));
        refuses("foo", Stop::Syntax("unexpected foo".into()));
        refuses("--config.file", Stop::Syntax("expected argument for flag '--config.file'".into()));
        refuses("--query.timeout=5", Stop::Value("not a valid duration string: \"5\"".into()));
        refuses("--query.max-samples=x", Stop::Value("strconv.ParseFloat: parsing \"x\": invalid syntax".into()));
        refuses("--log.level=foo", Stop::Value("unrecognized log level foo".into()));
        refuses("--config.file=a --config.file=b", Stop::Value("flag 'config.file' cannot be repeated".into()));
        refuses("--agent", Stop::Value("flag '--agent' is not supported by this build yet".into()));
    }

    #[test]
    fn a_command_may_take_arguments() {
        let words = ["a.yml", "--query.timeout=5s", "-", "--", "--x"].map(str::to_owned);
        let (values, rest) = parse_with_args(&PROGRAM, words).unwrap();
        assert_eq!((values.duration_ms("query.timeout"), rest), (5000, vec!["a.yml".into(), "-".into(), "--x".into()]));
    }

    #[test]
    fn an_arguments_file_stands_for_its_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("args");
        std::fs::write(&path, "# comment\n--config.file=b.yml\n").unwrap();
        let values = parse(&PROGRAM, [format!("@{}", path.display())]).unwrap();
        assert_eq!(values.text("config.file"), "b.yml");
        assert!(
            matches!(parse(&PROGRAM, ["@/nowhere".to_owned()]), Err(Stop::Syntax(text)) if text.starts_with("failed to open arguments file \"/nowhere\""))
        );
    }

    #[test]
    fn help_names_every_flag_that_is_not_hidden() {
        let Err(Stop::Help(text)) = run("--help") else { panic!("--help asks for help") };
        assert!(text.starts_with("usage: prometheus [<flags>]"), "{text}");
        assert!(text.contains("--[no-]web.enable-lifecycle"), "{text}");
        assert!(text.contains("--query.timeout=2m"), "{text}");
        assert!(!text.contains("--agent"), "{text}");
    }
}
