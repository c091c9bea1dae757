//! Failed scrapes, as JSON lines in files.
#[derive(Debug, Default)]
pub(crate) struct FailureLogs {}

impl FailureLogs {
    pub(crate) fn reopen(&self) {}

    pub(crate) fn log(&self, _path: &str, _now_ns: i64, _job: &str, _url: &str, _error: &crate::error::ScrapeError) {}
}
