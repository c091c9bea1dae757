//! [`QueryLog`]: one JSON line for each query that ended.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use narthex_env::Clock;
use narthex_model::float::append_json;
use narthex_promql::{Origin, QueryObserver, QueryRange, QueryReport, Stats};

/// Appends a line to a file for each query that ended, while there is a file.
///
/// Source: the query log of Prometheus; keys, their order and the forms of
/// numbers and times are its.
pub struct QueryLog {
    clock: Arc<dyn Clock>,
    /// A line is one write, so that lines of several queries do not mix.
    file: Mutex<Option<File>>,
}

impl QueryLog {
    /// A log that goes nowhere yet.
    pub fn new(clock: Arc<dyn Clock>) -> QueryLog {
        QueryLog { clock, file: Mutex::new(None) }
    }

    /// From now on lines go to this file; nowhere when there is no path. A file
    /// that is open already is opened anew, because it may have been rotated.
    ///
    /// # Errors
    /// When the file cannot be opened; lines then go where they went before.
    pub fn set_file(&self, path: Option<&Path>) -> io::Result<()> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        *self.file() = file;
        Ok(())
    }

    fn file(&self) -> MutexGuard<'_, Option<File>> {
        // A panic cannot leave a file half replaced.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for QueryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryLog").field("file", &self.file).finish_non_exhaustive()
    }
}

impl QueryObserver for QueryLog {
    fn ended(&self, report: &QueryReport<'_>) -> io::Result<()> {
        // The line is made before the lock is taken, unless it is not wanted.
        if self.file().is_none() {
            return Ok(());
        }
        let line = line(self.clock.now_ns(), report);
        match &mut *self.file() {
            Some(file) => file.write_all(line.as_bytes()),
            None => Ok(()),
        }
    }
}

/// The line of a query, with its end.
fn line(now_ns: i64, report: &QueryReport<'_>) -> String {
    let request = report.request;
    let (start_ms, end_ms, step_ms) = match request.range {
        QueryRange::Instant { time_ms } => (time_ms, time_ms, 0),
        QueryRange::Range { start_ms, end_ms, step_ms } => (start_ms, end_ms, step_ms),
    };
    let mut line = Line(String::with_capacity(640));
    line.open();
    line.text(
        "time",
        &Timestamp::from_nanosecond(i128::from(now_ns)).map_or_else(|_| String::new(), |t| t.to_string()),
    );
    line.text("level", "INFO");
    line.text("source", concat!("query_log.rs:", line!()));
    line.text("msg", "promql query logged");
    line.key("params");
    line.open();
    line.text("end", &time_text(end_ms));
    line.text("query", &request.query);
    line.text("start", &time_text(start_ms));
    line.int("step", step_ms / 1000);
    line.close();
    if let Some(error) = report.error {
        line.text("error", &error.to_string());
    }
    line.key("stats");
    push_stats(&mut line, report.stats);
    // There is no tracing: the zero span, as upstream logs it then.
    line.text("spanID", "0000000000000000");
    match &request.origin {
        Some(Origin::Http { client_ip, method, path }) => {
            line.key("httpRequest");
            line.open();
            line.text("clientIP", client_ip);
            line.text("method", method);
            line.text("path", path);
            line.close();
        }
        Some(Origin::RuleGroup { file, name }) => {
            line.key("ruleGroup");
            line.open();
            line.text("file", file);
            line.text("name", name);
            line.close();
        }
        None => {}
    }
    line.close();
    line.0.push('\n');
    line.0
}

fn push_stats(line: &mut Line, stats: &Stats) {
    let timings = &stats.timings;
    line.open();
    line.key("timings");
    line.open();
    for (key, duration) in [
        ("evalTotalTime", timings.eval_total),
        ("resultSortTime", timings.result_sort),
        ("queryPreparationTime", timings.query_preparation),
        ("innerEvalTime", timings.inner_eval),
        ("execQueueTime", timings.exec_queue),
        ("execTotalTime", timings.exec_total),
    ] {
        line.key(key);
        append_json(&mut line.0, duration.as_secs_f64());
    }
    line.close();
    line.key("samples");
    line.open();
    line.steps("totalQueryableSamplesPerStep", stats.total_queryable_samples_per_step.as_deref());
    line.int("totalQueryableSamples", stats.total_queryable_samples);
    line.steps("samplesReadPerStep", stats.samples_read_per_step.as_deref());
    line.int("samplesRead", stats.samples_read);
    line.int("peakSamples", stats.peak_samples);
    line.close();
    line.close();
}

/// `2026-11-20T10:49:44.184Z`; bare milliseconds for times that no calendar has.
fn time_text(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Err(_) => ms.to_string(),
    }
}

/// A JSON object under construction.
struct Line(String);

impl Line {
    fn open(&mut self) {
        self.0.push('{');
    }

    fn close(&mut self) {
        self.0.push('}');
    }

    fn key(&mut self, key: &str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.0 += "\"";
        self.0 += key;
        self.0 += "\":";
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.0 += &serde_json::Value::from(text).to_string();
    }

    fn int(&mut self, key: &str, number: i64) {
        self.key(key);
        self.0 += &number.to_string();
    }

    /// Numbers by step, when there are any: `[[SECONDS,COUNT],…]`.
    fn steps(&mut self, key: &str, steps: Option<&[(i64, i64)]>) {
        let Some(steps) = steps else { return };
        self.key(key);
        self.0.push('[');
        for (k, (timestamp_ms, count)) in steps.iter().enumerate() {
            self.0 += if k == 0 { "[" } else { ",[" };
            append_json(&mut self.0, *timestamp_ms as f64 / 1000.0);
            self.0 += &format!(",{count}]");
        }
        self.0.push(']');
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use narthex_env::ManualClock;
    use narthex_promql::script::MemoryStorage;
    use narthex_promql::{Engine, EngineOptions, QueryError, Request, Timings};

    use super::*;

    #[test]
    fn a_line_has_upstreams_form() {
        let mut request = Request::range("up{a=\"<1>\"}", 5_500, 100_000, 1_500);
        request.origin = Some(Origin::Http {
            client_ip: "127.0.0.1".into(),
            method: "GET".into(),
            path: "/api/v1/query_range".into(),
        });
        let stats = Stats {
            timings: Timings { eval_total: Duration::from_nanos(22_874), ..Timings::default() },
            peak_samples: 65,
            ..Stats::default()
        };
        let error = QueryError::TooManySamples;
        let got =
            line(1_700_000_000_120_000_000, &QueryReport { request: &request, error: Some(&error), stats: &stats });
        let (before, after) = got.split_once("\"source\":").unwrap();
        assert_eq!(before, "{\"time\":\"2023-11-14T22:13:20.12Z\",\"level\":\"INFO\",");
        let (_, after) = after.split_once(',').unwrap();
        assert_eq!(
            after,
            "\"msg\":\"promql query logged\",\"params\":{\"end\":\"1970-01-01T00:01:40.000Z\",\"query\":\"up{a=\\\"<1>\\\"}\",\
             \"start\":\"1970-01-01T00:00:05.500Z\",\"step\":1},\"error\":\"query processing would load too many samples \
             into memory in query execution\",\"stats\":{\"timings\":{\"evalTotalTime\":0.000022874,\"resultSortTime\":0,\
             \"queryPreparationTime\":0,\"innerEvalTime\":0,\"execQueueTime\":0,\"execTotalTime\":0},\"samples\":\
             {\"totalQueryableSamples\":0,\"samplesRead\":0,\"peakSamples\":65}},\"spanID\":\"0000000000000000\",\
             \"httpRequest\":{\"clientIP\":\"127.0.0.1\",\"method\":\"GET\",\"path\":\"/api/v1/query_range\"}}\n"
        );
    }

    #[test]
    fn queries_are_logged_while_there_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("queries.log");
        let log = Arc::new(QueryLog::new(Arc::new(ManualClock::new(0))));
        let engine = Engine::new(EngineOptions::default()).with_observer(Arc::clone(&log) as _);
        let run = |query: &str| engine.execute(&MemoryStorage::new(), &Request::instant(query, 0)).is_ok();
        assert!(run("1"));
        log.set_file(Some(&path)).unwrap();
        assert!(run("2"));
        assert!(!run("limit_ratio(2, "));
        // Rotated: the next line goes to a new file.
        let old = dir.path().join("old.log");
        std::fs::rename(&path, &old).unwrap();
        log.set_file(Some(&path)).unwrap();
        assert!(run("3"));
        log.set_file(None).unwrap();
        assert!(run("4"));
        assert!(log.set_file(Some(&dir.path().join("no/where"))).is_err());
        let queries = |path: &Path| -> Vec<String> {
            let text = std::fs::read_to_string(path).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            lines.map(|line| line["params"]["query"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!((queries(&old), queries(&path)), (vec!["2".to_owned()], vec!["3".to_owned()]));
    }
}
