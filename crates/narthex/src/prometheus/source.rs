//! Where the configuration comes from.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_config::{Config, Place, ScrapeConfig};

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A file, read anew at each reload.
    File(PathBuf),
    /// Made for the address that the server listens on.
    Embedded(fn(SocketAddr) -> String),
}

/// A configuration with the jobs of all its files.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The main file.
    pub(crate) config: Config,
    /// All jobs.
    pub(crate) jobs: Vec<Arc<ScrapeConfig>>,
}

/// Why there is no configuration: upstream's sentence and the error behind it.
#[derive(Debug)]
pub(crate) struct LoadError {
    /// What was attempted, for the log at start.
    pub(crate) attempt: String,
    /// Why it failed.
    pub(crate) why: String,
    /// Where in the file, if `why` does not say so itself.
    pub(crate) place: Option<Place>,
}

impl LoadError {
    /// The place as attributes of a log line.
    pub(crate) fn line_and_key(&self) -> (Option<usize>, Option<&str>) {
        self.place.as_ref().map(|place| (place.line, place.key.as_str())).unzip()
    }
}

impl Source {
    /// The name that messages give it.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Embedded(_) => "embedded".into(),
        }
    }

    /// Reads and checks the configuration. `address` is where the server listens,
    /// once it does.
    pub(crate) fn load(&self, address: Option<SocketAddr>, extra_scrape_metrics: bool) -> Result<Loaded, LoadError> {
        let env = |name: &str| std::env::var(name).ok();
        let name = self.name();
        let config = match self {
            Source::File(path) => Config::load_file(path, &env).map_err(|e| (e.to_string(), e.place().cloned())),
            Source::Embedded(text) => {
                let address = address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9090)));
                Config::load_str(&text(address), Path::new(""), &env).map_err(|e| (e.to_string(), None))
            }
        };
        let config = config.map_err(|(why, place)| LoadError {
            attempt: format!("Error loading config (--config.file={name})"),
            why,
            place,
        })?;
        let jobs = config.all_scrape_configs().map_err(|e| LoadError {
            attempt: format!("Error loading dynamic scrape config files from config (--config.file=\"{name}\")"),
            why: e.to_string(),
            place: e.place().cloned(),
        })?;
        let jobs = if extra_scrape_metrics { jobs.into_iter().map(with_extra_metrics).collect() } else { jobs };
        Ok(Loaded { config, jobs })
    }
}

/// The feature `extra-scrape-metrics` was a default before it was a key.
fn with_extra_metrics(job: Arc<ScrapeConfig>) -> Arc<ScrapeConfig> {
    Arc::new(ScrapeConfig { extra_scrape_metrics: true, ..(*job).clone() })
}
