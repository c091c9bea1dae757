//! Targets written in files of their own (`file_sd_configs`).
//!
//! All files are read at the start, whenever something happens in one of their
//! directories, and at an interval. A file that cannot be read keeps its targets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, UNIX_EPOCH};

use narthex_config::{FileSdConfig, paths};
use narthex_model::Labels;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use tokio::sync::mpsc;

use crate::group::{self, ReadError, TargetGroup};
use crate::provider::{Context, Provider, Updates};

/// The label that holds the path of the file.
pub const FILEPATH_LABEL: &str = "__meta_filepath";

/// The longest file that is read.
const FILE_LEN_MAX: u64 = 64 << 20;

/// Reads target groups from files. Their sources are `path:index`.
pub struct FileProvider {
    config: FileSdConfig,
    context: Context,
    /// How many groups each file had.
    last: BTreeMap<String, usize>,
    /// `None` when the system gives no watcher.
    watcher: Option<RecommendedWatcher>,
    /// Directories whose watching failed, to say so only once.
    unwatched: BTreeSet<PathBuf>,
}

impl FileProvider {
    /// A provider of the groups in these files.
    pub fn new(config: FileSdConfig, context: Context) -> FileProvider {
        FileProvider { config, context, last: BTreeMap::new(), watcher: None, unwatched: BTreeSet::new() }
    }

    fn job(&self) -> &str {
        &self.context.config_name
    }

    /// Sets up the watcher; `changes` is filled when something happens. One place
    /// is enough: all files are read anew anyway.
    fn watch(&mut self, changes: mpsc::Sender<()>) {
        let metrics = self.context.metrics.clone();
        let job = self.context.config_name.clone();
        let handler = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if is_change(event.kind) => drop(changes.try_send(())),
            Ok(_) => {}
            Err(error) => {
                metrics.file_watcher_errors.increment();
                tracing::error!(discovery = "file", config = job, err = %error, "Error watching file");
            }
        };
        match notify::recommended_watcher(handler) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => {
                self.context.metrics.file_watcher_errors.increment();
                tracing::error!(discovery = "file", config = self.job(), err = %error, "Error creating file watcher");
            }
        }
    }

    /// Watches the directories of all files, also those that have come into being.
    fn watch_directories(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let directory = |file: &String| match Path::new(file).parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        for directory in self.config.files.iter().map(directory).collect::<BTreeSet<_>>() {
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.unwatched.remove(&directory);
                }
                Err(error) => {
                    self.context.metrics.file_watcher_errors.increment();
                    if self.unwatched.insert(directory.clone()) {
                        let (job, path) = (&self.context.config_name, directory.display());
                        tracing::error!(discovery = "file", config = job, %path, err = %error, "Error adding file watch");
                    }
                }
            }
        }
    }

    /// Reads all files. Gives their groups, and empty ones for what is gone.
    fn refresh(&mut self) -> Vec<TargetGroup> {
        let start = self.context.clock.monotonic();
        let mut groups = Vec::new();
        let mut now = BTreeMap::new();
        for path in self.paths() {
            match self.read(&path) {
                Ok(read) => {
                    now.insert(path, read.len());
                    groups.extend(read);
                }
                Err(error) => {
                    self.context.metrics.file_read_errors.increment();
                    tracing::error!(discovery = "file", config = self.job(), file = path, err = %error, "Error reading file");
                    let count = self.last.get(&path).copied().unwrap_or(0);
                    now.insert(path, count);
                }
            }
        }
        for (path, count) in &self.last {
            let remaining = now.get(path).copied();
            if remaining.is_none() {
                self.context.metrics.file_mtime_seconds.retain(|known| known != path);
            }
            groups.extend((remaining.unwrap_or(0)..*count).map(|index| TargetGroup::empty(source(path, index))));
        }
        self.last = now;
        self.context.metrics.file_scan_duration.observe(self.context.clock.monotonic().saturating_sub(start));
        groups
    }

    /// The files the patterns match at present.
    fn paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for pattern in &self.config.files {
            match paths::glob(pattern) {
                Ok(found) => {
                    paths.extend(found.into_iter().filter_map(|path| path.into_os_string().into_string().ok()))
                }
                Err(error) => {
                    tracing::error!(discovery = "file", config = self.job(), glob = pattern, err = %error, "Error expanding glob");
                }
            }
        }
        paths
    }

    fn read(&self, path: &str) -> Result<Vec<TargetGroup>, FileError> {
        // Opening a pipe waits for its writer, and all other files with it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(FileError::NotAFile);
        }
        let file = File::open(path)?;
        let mut text = Vec::new();
        (&file).take(FILE_LEN_MAX + 1).read_to_end(&mut text)?;
        if text.len() as u64 > FILE_LEN_MAX {
            return Err(FileError::TooLong);
        }
        let configs = match Path::new(path).extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("json") => group::read_json(&text)?,
            _ => group::read_yaml(std::str::from_utf8(&text)?)?,
        };
        let modified = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.context.metrics.file_mtime_seconds.set(path, modified.as_secs_f64());
        let group = |(index, config)| {
            let mut group = TargetGroup::from_config(source(path, index), config);
            group.labels = with_path(&group.labels, path);
            group
        };
        Ok(configs.iter().enumerate().map(group).collect())
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("not a regular file")]
    NotAFile,
    #[error("file is longer than {FILE_LEN_MAX} bytes")]
    TooLong,
    #[error("file is not UTF-8")]
    NotUtf8(#[from] std::str::Utf8Error),
    #[error(transparent)]
    Read(#[from] ReadError),
}

fn source(path: &str, index: usize) -> String {
    format!("{path}:{index}")
}

fn with_path(labels: &Labels, path: &str) -> Labels {
    let mut builder = labels.to_builder();
    builder.set(FILEPATH_LABEL, path);
    builder.labels()
}

/// Whether a file may have other contents than before. Reading one is an event
/// too, and so is changing its rights.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)))
}

impl Provider for FileProvider {
    fn run(mut self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let interval_ms = u64::try_from(self.config.refresh_interval_ms).unwrap_or(0).max(1);
            let interval = Duration::from_millis(interval_ms);
            let (changes, mut changed) = mpsc::channel(1);
            // Kept here as well, so that the receiver waits when there is no watcher.
            self.watch(changes.clone());
            loop {
                let work = move || {
                    // Watching first: what changes while a file is read is seen.
                    self.watch_directories();
                    let groups = self.refresh();
                    (self, groups)
                };
                let Ok((provider, groups)) = tokio::task::spawn_blocking(work).await else { return };
                self = provider;
                updates.send(groups);
                tokio::select! {
                    _ = changed.recv() => {}
                    () = tokio::time::sleep(interval) => {}
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
