//! Writing metric families in the text formats.
//!
//! ```
//! use narthex_exposition::{Encoder, EscapingScheme, Format, Metric, MetricFamily, MetricValue};
//! use narthex_model::MetricType;
//!
//! let family = MetricFamily {
//!     name: "jobs_total".into(),
//!     help: "Jobs done.".into(),
//!     unit: String::new(),
//!     metric_type: MetricType::Counter,
//!     metrics: vec![Metric::new([("kind", "a\"b")].into(), MetricValue::Single(3.0))],
//! };
//! let mut out = String::new();
//! let encoder = Encoder::new(Format::Text004, EscapingScheme::Underscores);
//! encoder.family(&family, &mut out);
//! encoder.finish(&mut out);
//! assert_eq!(out, "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total{kind=\"a\\\"b\"} 3\n");
//! ```

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use narthex_model::MetricType;
use narthex_model::float::{append_g, append_openmetrics, format_openmetrics};
use narthex_model::name::{EscapingScheme, is_legacy_label_name, is_legacy_metric_name};

use crate::family::{Exemplar, HistogramValue, LabelPairs, Metric, MetricFamily, MetricValue};
use crate::format::Format;
use crate::labels::{escape_into, quoted_into};

/// Writes families in one of the text formats. For [`Format::Protobuf`] there is
/// [`crate::ProtobufEncoder`]; this one then writes text 0.0.4.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    openmetrics: bool,
    escaping: EscapingScheme,
    created: bool,
}

impl Encoder {
    /// An encoder for `format` and `escaping`.
    pub fn new(format: Format, escaping: EscapingScheme) -> Encoder {
        Encoder { openmetrics: format.is_openmetrics(), escaping, created: false }
    }

    /// Whether OpenMetrics gets a `_created` sample for each metric that knows since
    /// when it counts. It nearly doubles the number of series of counters.
    #[must_use]
    pub fn with_created(mut self, created: bool) -> Encoder {
        self.created = created && self.openmetrics;
        self
    }

    /// Appends a family: its metadata, then its metrics. A family without metrics is left out.
    pub fn family(&self, family: &MetricFamily, out: &mut String) {
        if family.metrics.is_empty() {
            return;
        }
        let name = escape(self.escaping, &family.name, is_legacy_metric_name(&family.name));
        let mut metric_type = family.metric_type;
        // OpenMetrics: the family of a counter goes without the suffix that its samples
        // must have. Without it, it is no counter there. Likewise infos.
        let mut family_name: &str = &name;
        if self.openmetrics {
            let (suffix, otherwise) = match metric_type {
                MetricType::Counter => ("_total", MetricType::Unknown),
                MetricType::Info => ("_info", MetricType::Gauge),
                other => ("", other),
            };
            match name.strip_suffix(suffix) {
                Some(stem) => family_name = stem,
                None => metric_type = otherwise,
            }
        }
        if !family.help.is_empty() || self.openmetrics {
            metadata("HELP", family_name, out);
            escape_into(&family.help, self.openmetrics, out);
            out.push('\n');
        }
        metadata("TYPE", family_name, out);
        out.push_str(self.type_name(metric_type));
        out.push('\n');
        if self.openmetrics && !family.unit.is_empty() {
            metadata("UNIT", family_name, out);
            out.push_str(&family.unit);
            out.push('\n');
        }
        Lines { encoder: *self, name: &name, stem: family_name, metric_type, bounds: Vec::new() }.write(family, out);
    }

    /// Appends what ends a body: `# EOF` in OpenMetrics, nothing in text.
    pub fn finish(&self, out: &mut String) {
        if self.openmetrics {
            out.push_str("# EOF\n");
        }
    }

    fn type_name(&self, metric_type: MetricType) -> &'static str {
        match metric_type {
            MetricType::Unknown if !self.openmetrics => "untyped",
            MetricType::GaugeHistogram if !self.openmetrics => "histogram",
            MetricType::Info | MetricType::StateSet if !self.openmetrics => "gauge",
            other => other.as_str(),
        }
    }

    fn float(&self, value: f64, out: &mut String) {
        if self.openmetrics {
            append_openmetrics(out, value);
        } else {
            // Upstream has a short way for zero that drops its sign.
            append_g(out, if value == 0.0 { 0.0 } else { value });
        }
    }

    fn count(&self, count: u64, out: &mut String) {
        // Text knows floats only, and upstream writes counts as such.
        if self.openmetrics && count >= 1_000_000 {
            write!(out, "{count}").expect("writing to a String cannot fail");
        } else {
            append_g(out, count as f64);
        }
    }
}

/// A name in the reader's scheme.
pub(crate) fn escape(scheme: EscapingScheme, name: &str, legacy: bool) -> Cow<'_, str> {
    match scheme {
        EscapingScheme::AllowUtf8 => Cow::Borrowed(name),
        // Dots doubles the underscores of legacy names, too.
        EscapingScheme::Underscores | EscapingScheme::Values if legacy => Cow::Borrowed(name),
        scheme => Cow::Owned(scheme.escape(name)),
    }
}

pub(crate) fn escape_label(scheme: EscapingScheme, name: &str) -> Cow<'_, str> {
    let escaped = escape(scheme, name, is_legacy_label_name(name));
    // The schemes go by the rule for metric names, where a colon is allowed.
    if scheme != EscapingScheme::AllowUtf8 && escaped.contains(':') {
        return Cow::Owned(escaped.replace(':', "_"));
    }
    escaped
}

fn metadata(keyword: &str, name: &str, out: &mut String) {
    out.push_str("# ");
    out.push_str(keyword);
    out.push(' ');
    if is_legacy_metric_name(name) {
        out.push_str(name);
    } else {
        quoted_into(name, out);
    }
    out.push(' ');
}

/// Seconds since the epoch with all digits the clock has.
fn time_into(time: SystemTime, out: &mut String) {
    let (sign, distance) = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(before) => ("-", before.duration()),
    };
    let start = out.len();
    write!(out, "{sign}{}.{:09}", distance.as_secs(), distance.subsec_nanos())
        .expect("writing to a String cannot fail");
    let kept = out[start..].trim_end_matches('0').len();
    out.truncate(start + kept);
    if out.ends_with('.') {
        out.push('0');
    }
}

/// The samples of one family.
struct Lines<'f> {
    encoder: Encoder,
    /// As the samples have it.
    name: &'f str,
    /// As the metadata has it.
    stem: &'f str,
    metric_type: MetricType,
    /// Bounds of buckets as written; they are usually the same in all metrics of a family.
    bounds: Vec<(u64, String)>,
}

impl Lines<'_> {
    fn write(&mut self, family: &MetricFamily, out: &mut String) {
        let encoder = self.encoder;
        let name = Head::new(self.name, "");
        let gauge = encoder.openmetrics && self.metric_type == MetricType::GaugeHistogram;
        let (sum, count) = if gauge { ("_gsum", "_gcount") } else { ("_sum", "_count") };
        let bucket = Head::new(self.name, "_bucket");
        let (sum, count) = (Head::new(self.name, sum), Head::new(self.name, count));
        let created = Head::new(self.stem, "_created");
        for metric in &family.metrics {
            match &metric.value {
                MetricValue::Single(value) => {
                    self.begin(&name, metric, None, out);
                    encoder.float(*value, out);
                    let exemplar = metric.exemplar.as_deref().filter(|_| self.metric_type == MetricType::Counter);
                    self.end(metric, exemplar, out);
                }
                MetricValue::Histogram(value) => {
                    self.buckets(&bucket, metric, value, out);
                    self.begin(&sum, metric, None, out);
                    encoder.float(value.sum, out);
                    self.end(metric, None, out);
                    self.begin(&count, metric, None, out);
                    encoder.count(value.count, out);
                    self.end(metric, None, out);
                }
                MetricValue::FloatHistogram(value) => {
                    self.begin(&bucket, metric, Some(("le", "+Inf")), out);
                    encoder.float(value.count, out);
                    self.end(metric, None, out);
                    for (head, value) in [(&sum, value.sum), (&count, value.count)] {
                        self.begin(head, metric, None, out);
                        encoder.float(value, out);
                        self.end(metric, None, out);
                    }
                }
                MetricValue::Summary(value) => {
                    for (i, &(quantile, estimate)) in value.quantiles.iter().enumerate() {
                        let bound = self.bound(i, quantile);
                        self.begin(&name, metric, Some(("quantile", &self.bounds[bound].1)), out);
                        encoder.float(estimate, out);
                        self.end(metric, None, out);
                    }
                    self.begin(&sum, metric, None, out);
                    encoder.float(value.sum, out);
                    self.end(metric, None, out);
                    self.begin(&count, metric, None, out);
                    encoder.count(value.count, out);
                    self.end(metric, None, out);
                }
            }
            if let Some(time) = metric.created.filter(|_| encoder.created && self.has_created()) {
                self.begin(&created, metric, None, out);
                time_into(time, out);
                out.push('\n');
            }
        }
    }

    fn has_created(&self) -> bool {
        matches!(self.metric_type, MetricType::Counter | MetricType::Histogram | MetricType::Summary)
    }

    fn buckets(&mut self, head: &Head, metric: &Metric, value: &HistogramValue, out: &mut String) {
        let mut exemplars = value.exemplars.iter().peekable();
        for (i, &(bound, cumulative)) in value.buckets.iter().enumerate() {
            let exemplar = exemplars.next_if(|(bucket, _)| *bucket <= i).map(|(_, exemplar)| exemplar);
            if bound == f64::INFINITY {
                continue;
            }
            let bound = self.bound(i, bound);
            self.begin(head, metric, Some(("le", &self.bounds[bound].1)), out);
            self.encoder.count(cumulative, out);
            self.end(metric, exemplar, out);
        }
        self.begin(head, metric, Some(("le", "+Inf")), out);
        self.encoder.count(value.count, out);
        self.end(metric, exemplars.next().map(|(_, exemplar)| exemplar), out);
    }

    /// Where the text of the `i`th bound is.
    fn bound(&mut self, i: usize, bound: f64) -> usize {
        if let Some((bits, _)) = self.bounds.get(i)
            && *bits == bound.to_bits()
        {
            return i;
        }
        let mut text = String::new();
        self.encoder.float(bound, &mut text);
        let entry = (bound.to_bits(), text);
        if i < self.bounds.len() {
            self.bounds[i] = entry;
            return i;
        }
        self.bounds.push(entry);
        self.bounds.len() - 1
    }

    /// Appends a sample up to the space before its value.
    #[inline]
    fn begin(&self, head: &Head, metric: &Metric, bound: Option<(&str, &str)>, out: &mut String) {
        out.push_str(&head.text);
        let mut is_open = head.is_open;
        if !metric.labels.is_empty() {
            out.push(if is_open { ',' } else { '{' });
            is_open = true;
            label_pairs(self.encoder.escaping, &metric.labels, out);
        }
        if let Some((label, bound)) = bound {
            out.push(if is_open { ',' } else { '{' });
            is_open = true;
            out.push_str(label);
            out.push_str("=\"");
            out.push_str(bound);
            out.push('"');
        }
        out.push_str(if is_open { "} " } else { " " });
    }

    /// Appends what follows the value of a sample.
    #[inline]
    fn end(&self, metric: &Metric, exemplar: Option<&Exemplar>, out: &mut String) {
        if let Some(timestamp_ms) = metric.timestamp_ms {
            out.push(' ');
            if self.encoder.openmetrics {
                let (seconds, ms) = (timestamp_ms.div_euclid(1000), timestamp_ms.rem_euclid(1000));
                if seconds >= 0 {
                    write!(out, "{seconds}.{ms:03}").expect("writing to a String cannot fail");
                } else {
                    out.push_str(&format_openmetrics(timestamp_ms as f64 / 1000.0));
                }
            } else {
                write!(out, "{timestamp_ms}").expect("writing to a String cannot fail");
            }
        }
        if let Some(exemplar) = exemplar.filter(|_| self.encoder.openmetrics) {
            out.push_str(" # {");
            label_pairs(self.encoder.escaping, &exemplar.labels, out);
            out.push_str("} ");
            self.encoder.float(exemplar.value, out);
            if let Some(time) = exemplar.timestamp {
                out.push(' ');
                time_into(time, out);
            }
        }
        out.push('\n');
    }
}

/// What a sample begins with.
struct Head {
    text: String,
    /// Whether the text has opened the braces.
    is_open: bool,
}

impl Head {
    fn new(name: &str, suffix: &str) -> Head {
        if is_legacy_metric_name(name) {
            return Head { text: format!("{name}{suffix}"), is_open: false };
        }
        let mut text = String::from("{");
        quoted_into(&format!("{name}{suffix}"), &mut text);
        Head { text, is_open: true }
    }
}

/// Appends what stands between the braces.
#[inline]
fn label_pairs(scheme: EscapingScheme, labels: &LabelPairs, out: &mut String) {
    if scheme == EscapingScheme::AllowUtf8 || (labels.is_legacy() && scheme != EscapingScheme::Dots) {
        out.push_str(labels.encoded());
        return;
    }
    for (i, (label, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let label = escape_label(scheme, label);
        if is_legacy_label_name(&label) {
            out.push_str(&label);
        } else {
            quoted_into(&label, out);
        }
        out.push('=');
        quoted_into(value, out);
    }
}

#[cfg(test)]
mod tests;
