//! The samples that each scrape adds about itself.

use narthex_model::value::STALE_NAN;
use narthex_model::{Labels, METRIC_NAME};
use narthex_storage::{Appender, Batch, SeriesRef, StorageError};

/// What a scrape says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Report {
    pub(crate) is_up: bool,
    pub(crate) duration_seconds: f64,
    /// Samples parsed.
    pub(crate) scraped: u64,
    /// Samples that relabelling left.
    pub(crate) post_relabelling: u64,
    /// Series not seen before.
    pub(crate) series_added: u64,
    pub(crate) extra: Option<ExtraReport>,
}

/// What it says on top when `extra_scrape_metrics` is set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ExtraReport {
    pub(crate) timeout_seconds: f64,
    pub(crate) sample_limit: u64,
    /// 0 when there was no body, -1 when it was too large.
    pub(crate) body_size: i64,
}

/// The names, in the order of [`Report::values`].
const NAMES: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];

impl Report {
    fn values(&self) -> ([f64; NAMES.len()], usize) {
        let extra = self.extra.unwrap_or_default();
        let values = [
            f64::from(u8::from(self.is_up)),
            self.duration_seconds,
            self.scraped as f64,
            self.post_relabelling as f64,
            self.series_added as f64,
            extra.timeout_seconds,
            extra.sample_limit as f64,
            extra.body_size as f64,
        ];
        (values, if self.extra.is_some() { NAMES.len() } else { NAMES.len() - 3 })
    }
}

/// The series of the report of one target. They have its labels and a name.
#[derive(Debug, Default)]
pub(crate) struct ReportSeries {
    series: [Option<SeriesRef>; NAMES.len()],
}

impl ReportSeries {
    /// Adds the samples of a report to a batch.
    ///
    /// # Errors
    /// When the store refuses a series; the batch is then of no use.
    pub(crate) fn append(
        &mut self,
        report: &Report,
        target: &Labels,
        appender: &mut dyn Appender,
        batch: &mut Batch,
    ) -> Result<(), StorageError> {
        let (values, count) = report.values();
        for i in 0..count {
            let series = match self.series[i] {
                Some(series) => series,
                None => {
                    let labels = target.to_builder().set(METRIC_NAME, NAMES[i]).labels();
                    *self.series[i].insert(appender.series(&labels)?)
                }
            };
            batch.push(series, values[i]);
        }
        Ok(())
    }

    /// Adds staleness markers for those that were ever written.
    pub(crate) fn end(&self, batch: &mut Batch) {
        for series in self.series.iter().flatten() {
            batch.push(*series, STALE_NAN);
        }
    }
}
