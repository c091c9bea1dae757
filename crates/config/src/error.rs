//! Why a configuration was refused.

use std::io;
use std::path::{Path, PathBuf};

use narthex_model::quote::quote;
use narthex_yaml::Place;

/// Why a configuration was refused. The texts are upstream's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("open {}: {}", .path.display(), os_text(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The main file's content was refused.
    #[error("parsing YAML file {}: {problem}", .path.display())]
    Parse {
        /// The file, as it was named.
        path: PathBuf,
        /// What is wrong. Upstream gives a line for what does not fit its type only;
        problem: String,
        /// for the rest, this says where.
        place: Option<Place>,
    },
    /// A file named by `scrape_config_files` was refused.
    #[error("{}: {problem}", quote(&.path.to_string_lossy()))]
    ScrapeFile {
        /// The file, absolute.
        path: PathBuf,
        /// What is wrong, with the line where there is one.
        problem: String,
    },
    /// A pattern of `scrape_config_files` is none.
    #[error("error retrieving scrape config files for {}: {problem}", quote(.pattern))]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// Where in the file the problem is, if the text does not say so itself.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Error::Parse { place, .. } => place.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Error {
        Error::Read { path: path.into(), source }
    }
}

/// The system's answer as Go words it: `no such file or directory`.
pub(crate) fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
