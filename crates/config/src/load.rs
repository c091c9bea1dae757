//! From a file to a [`Config`].

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_model::quote::quote;
use tracing::warn;

use crate::decode::top::{ScrapeFile, Top};
use crate::error::Error;
use crate::expand::expand;
use crate::paths::{glob, join};
use crate::{Config, ScrapeConfig};

/// Looks up an environment variable.
pub type EnvLookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads and checks a file. `env` gives the variables that external labels name.
    ///
    /// # Errors
    /// When the file cannot be read, or its content is refused.
    pub fn load_file(path: &Path, env: EnvLookup<'_>) -> Result<Config, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::read(path, source))?;
        let parsed = Config::load_str(&text, path.parent().unwrap_or(Path::new("")), env);
        parsed.map_err(|problem| {
            let text = problem.to_string();
            let place = if let narthex_yaml::Error::Invalid { place, .. } = problem { place } else { None };
            Error::Parse { path: path.into(), problem: text, place }
        })
    }

    /// Checks a text. Relative paths in it are taken from `base_dir`.
    ///
    /// # Errors
    /// When the text is refused; the error does not name a file.
    pub fn load_str(text: &str, base_dir: &Path, env: EnvLookup<'_>) -> Result<Config, narthex_yaml::Error> {
        let mut top = Top::default();
        narthex_yaml::decode(text, &mut top)?;
        let mut config = top.config;
        for value in config.global.external_labels.values_mut() {
            *value = expand(value, env, &mut |name| warn!(name, "Empty environment variable"));
        }
        config.join_paths(base_dir);
        Ok(config)
    }

    /// All jobs: those of this file, then those of the files that
    /// `scrape_config_files` matches now, in order. Reads these files anew.
    ///
    /// # Errors
    /// When one of them cannot be read, is refused, or repeats a job's name.
    pub fn all_scrape_configs(&self) -> Result<Vec<Arc<ScrapeConfig>>, Error> {
        let mut jobs = self.scrape_configs.clone();
        // Where each job was first found, as messages say it.
        let mut origins = vec![String::from("main config file"); jobs.len()];
        for pattern in &self.scrape_config_files {
            let files = glob(pattern)
                .map_err(|error| Error::Pattern { pattern: pattern.clone(), problem: error.to_string() })?;
            for file in files {
                let absolute = std::path::absolute(&file).unwrap_or_else(|_| file.clone());
                let refused = |problem: String| Error::ScrapeFile { path: absolute.clone(), problem };
                for job in self.load_scrape_file(&file).map_err(refused)? {
                    if let Some(first) = jobs.iter().position(|other| other.job_name == job.job_name) {
                        return Err(refused(format!(
                            "found multiple scrape configs with job name {}, first found in {}",
                            quote(&job.job_name),
                            origins[first]
                        )));
                    }
                    origins.push(quote(&absolute.to_string_lossy()));
                    jobs.push(Arc::new(job));
                }
            }
        }
        Ok(jobs)
    }

    fn load_scrape_file(&self, path: &PathBuf) -> Result<Vec<ScrapeConfig>, String> {
        let text = fs::read_to_string(path).map_err(|source| Error::read(path, source).to_string())?;
        let mut file = ScrapeFile::default();
        narthex_yaml::decode(&text, &mut file).map_err(|error| error.to_string())?;
        let base_dir = path.parent().unwrap_or(Path::new(""));
        let resolve = |job: Option<crate::decode::scrape::Scrape>| {
            let mut job = job.ok_or("empty or null scrape config section")?.resolve(&self.global)?;
            // What is inherited was joined to the main file's directory already.
            let inherits_log = job.scrape_failure_log_file == self.global.scrape_failure_log_file;
            job.join_paths(base_dir, inherits_log);
            Ok(job)
        };
        file.scrape_configs.into_iter().map(resolve).collect()
    }

    fn join_paths(&mut self, dir: &Path) {
        let global = &mut self.global;
        let places = [&mut global.query_log_file, &mut global.scrape_failure_log_file];
        for path in places.into_iter().chain(&mut self.rule_files).chain(&mut self.scrape_config_files) {
            *path = join(dir, path);
        }
        for job in &mut self.scrape_configs {
            Arc::make_mut(job).join_paths(dir, false);
        }
    }
}

impl ScrapeConfig {
    fn join_paths(&mut self, dir: &Path, keep_log: bool) {
        if !keep_log {
            self.scrape_failure_log_file = join(dir, &self.scrape_failure_log_file);
        }
        for path in self.file_sd_configs.iter_mut().flat_map(|config| &mut config.files) {
            *path = join(dir, path);
        }
    }
}

#[cfg(test)]
mod tests;
