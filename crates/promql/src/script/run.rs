//! Runs scripts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use narthex_promql_syntax::ParserOptions;

use super::command::Action;
use super::evaluate::Evaluator;
use super::load::load;
use super::reader::read;
use super::store::MemoryStorage;
use crate::api::{EngineOptions, Features};
use crate::engine::Engine;

/// How scripts are run.
#[derive(Clone, Debug)]
pub struct ScriptOptions {
    /// Settings of the engine that evaluates.
    pub engine: EngineOptions,
}

impl Default for ScriptOptions {
    /// The settings under which upstream's own scripts hold: every feature but
    /// type and unit labels, 10,000 samples at most.
    fn default() -> ScriptOptions {
        ScriptOptions {
            engine: EngineOptions {
                max_samples: 10_000,
                timeout: Duration::from_secs(100),
                features: Features {
                    experimental_functions: true,
                    delayed_name_removal: true,
                    extended_range_selectors: true,
                    fill_modifiers: true,
                    use_start_timestamps: true,
                    type_and_unit_labels: false,
                    per_step_stats: false,
                },
                ..EngineOptions::default()
            },
        }
    }
}

/// What came of a script.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The lines of all `eval`s.
    pub evals: Vec<usize>,
    /// The `eval`s that did not give what they should, in the order of the script.
    pub failures: Vec<Failure>,
}

/// An `eval` that did not give what it should. Displays as `FILE:LINE: QUERY: TEXT`.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The name of the script.
    pub file: String,
    /// The line of the `eval`, from 1.
    pub line: usize,
    /// The query.
    pub query: String,
    /// What was expected and what came.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.query, self.text)
    }
}

/// Why a script could not be run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// Its file could not be read.
    #[error("read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is not written in the test language.
    #[error("{file}:{line}: {text}")]
    Syntax {
        /// The name of the script.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        text: String,
    },
    /// Series could not be loaded.
    #[error("{file}:{line}: load: {text}")]
    Load {
        /// The name of the script.
        file: String,
        /// The line of the `load`, from 1.
        line: usize,
        /// What is wrong.
        text: String,
    },
}

/// Runs the script in a file.
///
/// # Errors
/// When it cannot be read or is not a script; failed `eval`s are in the [`Summary`].
pub fn run_file(path: &Path, options: &ScriptOptions) -> Result<Summary, ScriptError> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|source| ScriptError::Read { path: path.to_owned(), source })?;
    run_text(&path.to_string_lossy(), &text, options)
}

/// Runs a script; `name` is used in messages. Blocks until it is done.
///
/// # Errors
/// When it is not a script; failed `eval`s are in the [`Summary`].
pub fn run_text(name: &str, text: &str, options: &ScriptOptions) -> Result<Summary, ScriptError> {
    let file = || name.to_owned();
    let commands =
        read(text).map_err(|mistake| ScriptError::Syntax { file: file(), line: mistake.line, text: mistake.text })?;
    let engine = Engine::new(options.engine.clone());
    let features = options.engine.features;
    let parser_options = ParserOptions {
        experimental_functions: features.experimental_functions,
        extended_range_selectors: features.extended_range_selectors,
        fill_modifiers: features.fill_modifiers,
    };
    let mut storage = MemoryStorage::new();
    let mut summary = Summary::default();
    for command in commands {
        match command.action {
            Action::Clear => storage = MemoryStorage::new(),
            Action::Load(series) => load(&series, &mut storage).map_err(|text| ScriptError::Load {
                file: file(),
                line: command.line,
                text,
            })?,
            Action::Eval(eval) => {
                summary.evals.push(command.line);
                let evaluator = Evaluator { engine: &engine, storage: &storage, parser_options };
                if let Err(text) = evaluator.run(&eval) {
                    summary.failures.push(Failure { file: file(), line: command.line, query: eval.query, text });
                }
            }
        }
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = "load 1m\n  x{a=\"1\"} 0+1x10\n  x{a=\"2\"} 0+2x10\n\n";

    /// What is wrong with an `eval` on the data above; empty when nothing is.
    fn failure(eval: &str) -> String {
        let summary = run_text("t", &format!("{DATA}{eval}"), &ScriptOptions::default()).unwrap();
        assert_eq!(summary.evals, [5]);
        summary.failures.first().map(|failure| failure.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_holds_is_silent() {
        for eval in [
            "eval instant at 2m x\n  x{a=\"2\"} 4\n  x{a=\"1\"} 2",
            "eval_ordered instant at 2m sort_desc(x)\n  x{a=\"2\"} 4\n  x{a=\"1\"} 2",
            "eval range from 0 to 2m step 1m sum(x)\n  {} 0+3x2",
            "eval instant at 2m nothing",
            "eval instant at 0 x[2m]\n  expect range vector from 1m to 2m step 1m\n  x{a=\"1\"} 1 2\n  x{a=\"2\"} 2 4",
            "eval instant at 2m scalar(nothing)\n  NaN",
            "eval instant at 2m x + on () x\n  expect fail regex: on the right hand-side",
            "eval_warn instant at 2m quantile(7, x)\n  {} Inf",
            "eval instant at 2m quantile(7, x)\n  {} Inf",
        ] {
            assert_eq!(failure(eval), "", "{eval}");
        }
    }

    #[test]
    fn what_does_not_hold_is_told() {
        for (eval, want) in [
            ("eval instant at 2m x{a=\"1\"}", "t:5: x{a=\"1\"}: unexpected {__name__=\"x\", a=\"1\"} with 2"),
            ("eval instant at 2m x{a=\"1\"}\n  x{a=\"1\"} 3", "expected {__name__=\"x\", a=\"1\"} to be 3, got 2"),
            ("eval instant at 2m nothing\n  y 3", "{__name__=\"y\"} with 3 is missing"),
            ("eval instant at 2m 1\n  2", "expected the scalar 2, got the scalar 1"),
            ("eval instant at 2m \"a\"\n  expect string \"b\"", "expected the string \"b\", got the string \"a\""),
            ("eval_ordered instant at 2m sort(x)\n  x{a=\"2\"} 4\n  x{a=\"1\"} 2", "at place 2, got it at 1"),
            ("eval range from 0 to 1m step 1m sum(x)\n  {} 0 4", "expected {} [0@0 4@60000], got [0@0 3@60000]"),
            ("eval range from 0 to 1m step 1m sum(x)\n  {} 0", "expected {} [0@0], got [0@0 3@60000]"),
            ("eval instant at 2m sum(x)\n  expect warn\n  {} 6", "expected warning annotation any text, got []"),
            ("eval instant at 2m quantile(7, x)\n  expect no_warn\n  {} Inf", "expected no warning annotations"),
            ("eval instant at 2m sum(x)\n  expect fail", "expected the query to fail, but it did not"),
            ("eval instant at 2m x + on () x\n  expect fail msg: no", "expected the query to fail with `no`, got"),
            ("eval instant at 2m x +\n  expect fail", "1:4: parse error: unexpected end of input"),
            ("eval instant at 2m x[2m]", "got a range vector without `expect range vector`"),
        ] {
            let got = failure(eval);
            assert!(got.contains(want), "{eval}\n{got}");
        }
    }

    #[test]
    fn scripts_that_are_none_are_errors() {
        let run = |text: &str| run_text("t", text, &ScriptOptions::default()).unwrap_err().to_string();
        assert_eq!(run("\nwhat"), "t:2: invalid command \"what\"");
        let classic = "load_with_nhcb 1m\n  x_bucket{le=\"1\"} 2\n  x_bucket{le=\"2\"} 1";
        assert_eq!(run(classic), "t:1: load: classic histogram {__name__=\"x\"}: the buckets are not cumulative");
    }
}
