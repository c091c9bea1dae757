//! Log lines on standard error, in upstream's two formats.
//!
//! `time=2026-11-20T09:38:08.008+01:00 level=INFO source=run.rs:91 msg="…" k=v`,
//! or the same as one JSON object per line.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use jiff::Zoned;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// Starts logging as `--log.format` and `--log.level` ask.
pub(crate) fn start_as(values: &narthex_flags::Values) {
    let format = if values.text("log.format") == "json" { Format::Json } else { Format::Logfmt };
    start(format, &values.text("log.level"));
}

/// Starts logging for the whole process. Later calls change nothing.
fn start(format: Format, level: &str) {
    let level = match level {
        "debug" => LevelFilter::DEBUG,
        "warn" => LevelFilter::WARN,
        "error" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    let subscriber = tracing_subscriber::registry().with(Lines { format }.with_filter(level).boxed());
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct Lines {
    format: Format,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Only our own crates: what libraries trace is theirs to debug.
        if !event.metadata().target().starts_with("narthex") {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = line(self.format, &Zoned::now(), event.metadata(), &fields);
        // Nobody can be told that standard error is closed.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    pairs: Vec<(&'static str, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.pairs.push((field.name(), value));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, with_causes(value));
    }
}

/// An error and what caused it, in one line: `open x: no such file`.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn line(format: Format, now: &Zoned, metadata: &tracing::Metadata<'_>, fields: &Fields) -> String {
    let source = format!(
        "{}:{}",
        metadata.file().and_then(|path| path.rsplit('/').next()).unwrap_or("?"),
        metadata.line().unwrap_or(0)
    );
    let level = metadata.level().as_str();
    let mut out = String::with_capacity(160);
    match format {
        Format::Logfmt => {
            let _ = write!(out, "time={} level={level} source={source} msg=", timestamp(now, 3));
            push_logfmt(&mut out, &fields.message);
            for (name, value) in &fields.pairs {
                let _ = write!(out, " {name}=");
                push_logfmt(&mut out, value);
            }
        }
        Format::Json => {
            let _ = write!(out, "{{\"time\":\"{}\"", timestamp(now, 9));
            let head = [("level", level), ("source", &source), ("msg", &fields.message)];
            for (name, value) in head.into_iter().chain(fields.pairs.iter().map(|(n, v)| (*n, v.as_str()))) {
                let _ = write!(out, ",\"{name}\":{}", serde_json::Value::from(value));
            }
            out.push('}');
        }
    }
    out.push('\n');
    out
}

/// The time as Go prints it, with so many digits of the second: `Z` for UTC.
fn timestamp(now: &Zoned, digits: usize) -> String {
    let zone = if now.offset().is_zero() { "Z".to_owned() } else { now.strftime("%:z").to_string() };
    let fraction = format!("{:09}", now.subsec_nanosecond());
    format!("{}.{}{zone}", now.strftime("%Y-%m-%dT%H:%M:%S"), &fraction[..digits])
}

fn push_logfmt(out: &mut String, value: &str) {
    let plain =
        !value.is_empty() && value.chars().all(|c| c > ' ' && c != '=' && c != '"' && c != '\u{7f}' && !c.is_control());
    if plain {
        out.push_str(value);
    } else {
        let _ = narthex_model::quote::write_quoted(out, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_a_reader_would_trip() {
        let check = |value: &str, want: &str| {
            let mut out = String::new();
            push_logfmt(&mut out, value);
            assert_eq!(out, want);
        };
        check("plain", "plain");
        check("", "\"\"");
        check("two words", "\"two words\"");
        check("a=b", "\"a=b\"");
        check("line\nbreak", "\"line\\nbreak\"");
    }

    #[test]
    fn times_are_printed_as_go_prints_them() {
        let check = |hours: i8, want: &str| {
            let time =
                jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 6_007_000).to_zoned(jiff::tz::offset(hours).to_time_zone());
            assert_eq!(timestamp(&time.unwrap(), 3), want);
        };
        check(0, "2026-01-02T03:04:05.006Z");
        check(2, "2026-01-02T03:04:05.006+02:00");
    }

    #[test]
    fn an_error_tells_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("open x")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("no such file"));
        assert_eq!(with_causes(&error), "open x: no such file");
    }
}
