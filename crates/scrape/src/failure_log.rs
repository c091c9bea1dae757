//! Failed scrapes, as JSON lines in files that jobs name.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::json;

use crate::error::ScrapeError;

/// The open files, one for each path, whatever number of jobs share it.
#[derive(Debug, Default)]
pub(crate) struct FailureLogs {
    /// Guards the files by path; held for one look-up.
    files: Mutex<HashMap<String, Arc<Mutex<File>>>>,
}

impl FailureLogs {
    /// Closes all files; the next line opens its file anew. For log rotation.
    pub(crate) fn reopen(&self) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Appends a line. What goes wrong is told in our own log.
    pub(crate) fn log(&self, path: &str, now_ns: i64, job: &str, url: &str, error: &ScrapeError) {
        let time = Timestamp::from_nanosecond(i128::from(now_ns)).unwrap_or_default();
        let line = json!({
            "time": time.to_string(),
            "level": "ERROR",
            "source": "scrape_loop.rs",
            "msg": error.to_string(),
            "job_name": job,
            "target": url,
        });
        if let Err(error) = self.append(path, &format!("{line}\n")) {
            tracing::error!(file = %path, err = %error, "Error writing to the scrape failure log");
        }
    }

    fn append(&self, path: &str, line: &str) -> io::Result<()> {
        let known = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        let file = match known {
            Some(file) => file,
            None => {
                let opened = Arc::new(Mutex::new(OpenOptions::new().create(true).append(true).open(path)?));
                let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(files.entry(path.to_owned()).or_insert(opened))
            }
        };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // In one write, so that lines of two processes do not mix.
        file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_of_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("failures.json");
        let path = path.to_str().unwrap();
        let logs = FailureLogs::default();
        let error = ScrapeError::Status("500 \"Oops\"".into());
        logs.log(path, 1_700_000_000_123_000_000, "j", "http://a/metrics", &error);
        logs.reopen();
        logs.log(path, 1_700_000_001_000_000_000, "j", "http://a/metrics", &error);
        let written = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(
            lines[0],
            r#"{"time":"2023-11-14T22:13:20.123Z","level":"ERROR","source":"scrape_loop.rs","msg":"server returned HTTP status 500 \"Oops\"","job_name":"j","target":"http://a/metrics"}"#
        );
        assert_eq!(lines.len(), 2);
        // Nowhere to write to is no reason to fail.
        logs.log("/nonexistent/x", 0, "j", "http://a/", &error);
    }
}
