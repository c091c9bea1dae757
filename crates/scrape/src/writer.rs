//! From the body of a scrape to one committed batch.
//!
//! Steady state, per sample: one hash over the series text, one comparison, one
//! number parsed, one bit set, one push. No allocation, no label is built.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use narthex_config::ScrapeConfig;
use narthex_exposition::{Entry, Format, Parser, Point, Sample, SeriesHasher};
use narthex_model::value::STALE_NAN;
use narthex_model::{Labels, LabelsBuilder};
use narthex_storage::append::TimedSample;
use narthex_storage::{Appender, Batch, GroupKey, RejectReason, Rejected, SampleIndex, SeriesRef};

use crate::cache::{Cache, Found, Line, Pass, PassMemory};
use crate::context::Context;
use crate::error::ScrapeError;
use crate::metadata::{NewSaying, Saying};
use crate::negotiation;
use crate::report::{ExtraReport, Report, ReportSeries};
use crate::sample_labels::stored_labels;
use crate::target::Target;

/// How far ahead of us a target's clock may be before its samples are refused.
const AHEAD_MS_MAX: i64 = 10 * 60 * 1000;

/// What came of asking a target.
#[derive(Debug)]
pub(crate) enum Fetched<'b> {
    /// It answered.
    Body {
        /// The body, uncompressed.
        body: &'b [u8],
        /// Its `Content-Type` header.
        content_type: &'b str,
    },
    /// It did not.
    Failed {
        /// Why.
        error: ScrapeError,
        /// What to report as size of the body: 0, or -1 when it was too large.
        body_size: i64,
    },
}

/// The memory that writing needs, reused for all targets.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    batch: Batch,
    builder: LabelsBuilder,
    pass: PassMemory,
    stale: Vec<SeriesRef>,
    released: Vec<SeriesRef>,
    sayings: Vec<NewSaying>,
    name_hashes: Vec<u64>,
}

/// When a scrape took place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The time of its samples, in milliseconds since the epoch.
    pub(crate) at_ms: i64,
    /// The monotonic time of its start.
    pub(crate) started: Duration,
}

/// Writes the scrapes of one target and remembers what it exposed.
pub(crate) struct TargetWriter {
    context: Arc<Context>,
    config: Arc<ScrapeConfig>,
    target: Arc<Target>,
    cache: Cache,
    report: ReportSeries,
    appender: Option<Box<dyn Appender>>,
    /// Counts good scrapes.
    scrape_count: u32,
    has_gone_families: bool,
}

impl TargetWriter {
    pub(crate) fn new(context: Arc<Context>, config: Arc<ScrapeConfig>, target: Arc<Target>) -> TargetWriter {
        TargetWriter {
            context,
            config,
            target,
            cache: Cache::default(),
            report: ReportSeries::default(),
            appender: None,
            scrape_count: 0,
            has_gone_families: false,
        }
    }

    /// Goes on for another configuration and target, which differ in nothing that
    /// decides what a line is stored as.
    pub(crate) fn go_on(&mut self, config: Arc<ScrapeConfig>, target: Arc<Target>) {
        target.family_table().take_over(self.target.family_table());
        self.config = config;
        self.target = target;
    }

    /// Writes one scrape: its samples, staleness markers for what is gone, and its
    /// report, in one commit. Returns why the scrape failed, if it did; then nothing
    /// of its samples is stored.
    pub(crate) fn write(&mut self, fetched: Fetched<'_>, times: Times, scratch: &mut Scratch) -> Option<ScrapeError> {
        let mut appender = match self.take_appender() {
            Ok(appender) => appender,
            Err(error) => {
                // Without a store there is no place even for the bad news.
                return Some(match fetched {
                    Fetched::Failed { error, .. } => error,
                    Fetched::Body { .. } => error,
                });
            }
        };
        let error = self.write_with(appender.as_mut(), fetched, times, scratch);
        self.appender = Some(appender);
        error
    }

    fn take_appender(&mut self) -> Result<Box<dyn Appender>, ScrapeError> {
        match self.appender.take() {
            Some(appender) => Ok(appender),
            None => {
                let group = GroupKey::Target(self.target.labels().clone());
                self.context.storage.appender(&group).map_err(ScrapeError::Storage)
            }
        }
    }

    fn write_with(
        &mut self,
        appender: &mut dyn Appender,
        fetched: Fetched<'_>,
        times: Times,
        scratch: &mut Scratch,
    ) -> Option<ScrapeError> {
        let Scratch { batch, builder, pass: memory, stale, released, sayings, name_hashes } = scratch;
        batch.clear(times.at_ms);
        stale.clear();
        released.clear();
        sayings.clear();
        let mut reading = Reading {
            pass: Pass::new(&mut self.cache, memory),
            config: &self.config,
            labels: self.target.labels(),
            hasher: self.context.hasher,
            appender: &mut *appender,
            batch: &mut *batch,
            builder,
            sayings: &mut *sayings,
            sample_limit: if self.config.sample_limit == 0 { u64::MAX } else { self.config.sample_limit },
            timestamp_ms_max: self.context.clock.now_ms().saturating_add(AHEAD_MS_MAX),
            counts: Counts::default(),
        };
        let is_fetched = matches!(fetched, Fetched::Body { .. });
        let (error, body_size, is_empty) = match fetched {
            Fetched::Failed { error, body_size } => (Some(error), body_size, true),
            Fetched::Body { body, content_type } => {
                let read = negotiation::format_of_answer(content_type, self.config.fallback_scrape_protocol)
                    .and_then(|format| reading.read(body, format));
                (read.err(), body.len() as i64, body.is_empty())
            }
        };
        let Reading { pass, counts, .. } = reading;
        // An empty body is a success, but no reason to forget anything.
        let finished = pass.finish(error.is_none() && !is_empty, stale, released);
        self.tell_families(error.is_none() && !is_empty, finished.is_meta_changed, sayings, name_hashes);
        let metrics = &self.context.metrics;
        if finished.was_flushed {
            metrics.scrapes_cache_flush_forced.inc();
        }
        match &error {
            Some(ScrapeError::SampleLimit) => metrics.scrapes_exceeded_sample_limit.inc(),
            Some(error) if error.is_label_limit() => metrics.scrape_pool_exceeded_label_limits.inc(),
            _ => {}
        }

        if let Some(error) = &error {
            batch.clear(times.at_ms);
            if is_fetched {
                tracing::debug!(scrape_pool = %self.config.job_name, target = %self.target.url(), err = %error,
                    "Append failed");
            }
        }
        let samples_len = batch.series.len();
        for series in stale.iter() {
            batch.push(*series, STALE_NAN);
        }
        let elapsed = self.context.clock.monotonic().saturating_sub(times.started);
        let report = Report {
            is_up: error.is_none(),
            duration_seconds: elapsed.as_secs_f64(),
            scraped: counts.scraped,
            post_relabelling: counts.post_relabelling,
            series_added: counts.series_added,
            extra: self.config.extra_scrape_metrics.then(|| ExtraReport {
                timeout_seconds: self.target.timeout_ms() as f64 / 1000.0,
                sample_limit: self.config.sample_limit,
                body_size,
            }),
        };
        let reported = self.report.append(&report, self.target.labels(), appender, batch);
        match reported.and_then(|()| appender.commit(batch)) {
            Ok(done) => self.count_rejected(&counts, &done.rejected, batch, samples_len),
            Err(error) => {
                tracing::error!(scrape_pool = %self.config.job_name, target = %self.target.url(),
                    err = %with_causes(&error), "Scrape commit failed");
            }
        }
        // Only now: the markers above were written through these references.
        for series in released.iter() {
            appender.release(*series);
        }
        error
    }

    /// Writes staleness markers for everything this target had, as of `at_ms`.
    /// Nothing comes after it.
    pub(crate) fn end(mut self, at_ms: i64, scratch: &mut Scratch) {
        let Ok(mut appender) = self.take_appender() else { return };
        let batch = &mut scratch.batch;
        batch.clear(at_ms);
        for series in self.cache.tracked() {
            batch.push(series, STALE_NAN);
        }
        self.report.end(batch);
        // What came later under the same labels wins; that is as it should be.
        if let Err(error) = appender.commit(batch) {
            tracing::warn!(scrape_pool = %self.config.job_name, target = %self.target.url(), err = %error,
                "Stale commit failed");
        }
    }

    fn tell_families(
        &mut self,
        is_success: bool,
        is_meta_changed: bool,
        sayings: &mut Vec<NewSaying>,
        name_hashes: &mut Vec<u64>,
    ) {
        self.target.family_table().say(sayings, &self.context.families);
        if !is_success {
            return;
        }
        self.scrape_count = self.scrape_count.wrapping_add(1);
        if is_meta_changed {
            name_hashes.clear();
            name_hashes.extend(self.cache.meta_names());
            self.target.family_table().retain(self.scrape_count, name_hashes);
        }
        if is_meta_changed || self.has_gone_families {
            self.has_gone_families = self.target.family_table().forget(self.scrape_count);
        }
    }

    /// Counts and logs what was left out of a scrape.
    fn count_rejected(&self, counts: &Counts, rejected: &[Rejected], batch: &Batch, samples_len: usize) {
        let (mut duplicate, mut out_of_order, mut out_of_bounds) = (counts.duplicate, 0, counts.out_of_bounds);
        for Rejected { index, reason } in rejected {
            match (*index, reason) {
                // Markers and reports give way without a word.
                (SampleIndex::Shared(i), _) if i >= samples_len => {}
                // Two spellings of one series: upstream drops the second silently.
                (SampleIndex::Shared(i), RejectReason::Duplicate) if batch.series[..i].contains(&batch.series[i]) => {}
                (_, RejectReason::Duplicate) => duplicate += 1,
                (_, RejectReason::OutOfOrder) => out_of_order += 1,
                (_, RejectReason::OutOfBounds | RejectReason::TooOld) => out_of_bounds += 1,
                (_, RejectReason::ExemplarOutOfOrder) => {}
            }
        }
        let metrics = &self.context.metrics;
        for (count, counter, message) in [
            (out_of_order, &metrics.scrapes_sample_out_of_order, "Error on ingesting out-of-order samples"),
            (
                duplicate,
                &metrics.scrapes_sample_duplicate_timestamp,
                "Error on ingesting samples with different value but same timestamp",
            ),
            (
                out_of_bounds,
                &metrics.scrapes_sample_out_of_bounds,
                "Error on ingesting samples that are too old or are too far into the future",
            ),
        ] {
            if count > 0 {
                counter.inc_by(count);
                tracing::warn!(scrape_pool = %self.config.job_name, target = %self.target.url(),
                    num_dropped = count, "{message}");
            }
        }
    }
}

/// An error and what caused it, on one line: `write /data/00000001: no space left on device`.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    scraped: u64,
    post_relabelling: u64,
    series_added: u64,
    /// Samples put into the batch or refused for their time.
    appended: u64,
    duplicate: u64,
    out_of_bounds: u64,
}

/// One walk through a body.
struct Reading<'a> {
    pass: Pass<'a>,
    config: &'a ScrapeConfig,
    labels: &'a Labels,
    hasher: SeriesHasher,
    appender: &'a mut dyn Appender,
    batch: &'a mut Batch,
    builder: &'a mut LabelsBuilder,
    sayings: &'a mut Vec<NewSaying>,
    sample_limit: u64,
    timestamp_ms_max: i64,
    counts: Counts,
}

impl Reading<'_> {
    fn read(&mut self, body: &[u8], format: Format) -> Result<(), ScrapeError> {
        let mut parser = Parser::new(body, format);
        loop {
            if self.read_expected(&mut parser) {
                continue;
            }
            match parser.next() {
                None => break,
                Some(entry) => self.read_entry(entry.map_err(ScrapeError::Parse)?, &parser)?,
            }
        }
        // The rest was read for the totals in the report.
        if self.counts.appended > self.sample_limit { Err(ScrapeError::SampleLimit) } else { Ok(()) }
    }

    /// Reads the next line if it is the one that stood here last time.
    #[inline]
    fn read_expected(&mut self, parser: &mut Parser<'_>) -> bool {
        let Some((len, hash, line)) = self.pass.expected() else { return false };
        match parser.rest().get(..len) {
            Some(text) if self.hasher.hash(text) == hash => {}
            _ => return false,
        }
        match line {
            Line::Series(series) => {
                let Some(point) = parser.known_sample(len) else { return false };
                let found = self.pass.accept();
                self.counts.scraped += 1;
                self.append(found.index, series, &point, found.is_repeated);
            }
            Line::Dropped => {
                if parser.known_sample(len).is_none() {
                    return false;
                }
                self.pass.accept();
                self.counts.scraped += 1;
            }
            Line::Meta(_) => {
                if !parser.known_line(len) {
                    return false;
                }
                self.pass.accept();
            }
        }
        true
    }

    fn read_entry(&mut self, entry: Entry<'_>, parser: &Parser<'_>) -> Result<(), ScrapeError> {
        match entry {
            Entry::Sample(sample) => return self.read_sample(&sample),
            Entry::Help { line, name, text } => {
                self.read_meta(line, name, || Saying::Help(parser.help_text(text).into_owned()));
            }
            Entry::Type { line, name, metric_type } => self.read_meta(line, name, || Saying::Type(metric_type)),
            Entry::Unit { line, name, unit } => {
                self.read_meta(line, name, || Saying::Unit(String::from_utf8_lossy(unit).into_owned()));
            }
            Entry::Comment { line } => {
                let hash = self.hasher.hash(line);
                if self.pass.find(hash, line.len()).is_none() {
                    self.pass.insert(hash, line.len(), Line::Meta(0));
                }
            }
            // What a later version of the parser knows, this one cannot have asked for.
            _ => {}
        }
        Ok(())
    }

    fn read_meta(&mut self, line: &[u8], name: &[u8], saying: impl FnOnce() -> Saying) {
        let hash = self.hasher.hash(line);
        if self.pass.find(hash, line.len()).is_some() {
            return;
        }
        let name_hash = self.hasher.hash(name);
        self.pass.insert(hash, line.len(), Line::Meta(name_hash));
        let name = String::from_utf8_lossy(name).into_owned();
        self.sayings.push(NewSaying { name_hash, name, saying: saying() });
    }

    /// Reads a line that is not where it was, or is new.
    fn read_sample(&mut self, sample: &Sample<'_>) -> Result<(), ScrapeError> {
        self.counts.scraped += 1;
        let (hash, len) = (self.hasher.hash(sample.series), sample.series.len());
        match self.pass.find(hash, len) {
            Some(Found { index, line: Line::Series(series), is_repeated }) => {
                self.append(index, series, &sample.point, is_repeated);
                return Ok(());
            }
            Some(_) => return Ok(()),
            None => {}
        }
        let Some(labels) = stored_labels(sample, self.labels, self.config, self.builder)? else {
            self.pass.insert(hash, len, Line::Dropped);
            return Ok(());
        };
        let timestamp_ms = sample.point.timestamp_ms.filter(|_| self.config.honor_timestamps);
        let is_ahead = timestamp_ms.is_some_and(|t| t > self.timestamp_ms_max);
        if self.counts.appended >= self.sample_limit || is_ahead {
            // Not stored, so nothing to remember; counted all the same.
            self.counts.post_relabelling += 1;
            self.counts.appended += 1;
            self.counts.out_of_bounds += u64::from(is_ahead && self.counts.appended <= self.sample_limit);
            return Ok(());
        }
        let series = self.appender.series(&labels).map_err(ScrapeError::Storage)?;
        let index = self.pass.insert(hash, len, Line::Series(series));
        self.counts.series_added += 1;
        self.append(index, series, &sample.point, false);
        Ok(())
    }

    #[inline]
    fn append(&mut self, index: usize, series: SeriesRef, point: &Point<'_>, is_repeated: bool) {
        self.counts.post_relabelling += 1;
        let is_plain = point.timestamp_ms.is_none() && !is_repeated;
        if is_plain && self.counts.appended < self.sample_limit {
            self.counts.appended += 1;
            self.batch.push(series, point.value);
        } else {
            self.append_special(index, series, point, is_repeated);
        }
    }

    /// Appends what has a timestamp of its own, occurs again, or is too much.
    fn append_special(&mut self, index: usize, series: SeriesRef, point: &Point<'_>, is_repeated: bool) {
        let timestamp_ms = point.timestamp_ms.filter(|_| self.config.honor_timestamps);
        if is_repeated && timestamp_ms.is_none() {
            self.counts.duplicate += 1;
            return;
        }
        self.counts.appended += 1;
        let is_over_limit = self.counts.appended > self.sample_limit;
        let is_ahead = timestamp_ms.is_some_and(|t| t > self.timestamp_ms_max);
        let is_exempt = timestamp_ms.is_some() && !self.config.track_timestamps_staleness;
        if !is_repeated && (is_over_limit || is_ahead || is_exempt) {
            self.pass.mark_untracked(index);
        }
        if is_over_limit {
            return;
        }
        match timestamp_ms {
            None => self.batch.push(series, point.value),
            Some(_) if is_ahead => self.counts.out_of_bounds += 1,
            Some(timestamp_ms) => {
                self.batch.timed.push(TimedSample { series, timestamp_ms, start_timestamp_ms: 0, value: point.value })
            }
        }
    }
}
