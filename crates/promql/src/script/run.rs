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
