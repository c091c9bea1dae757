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
//!     metrics: vec![Metric::new([("kind".into(), "a\"b".into())].into(), MetricValue::Single(3.0))],
//! };
//! let mut out = String::new();
//! let encoder = Encoder::new(Format::Text004, EscapingScheme::Underscores);
//! encoder.family(&family, &mut out);
//! encoder.finish(&mut out);
//! assert_eq!(out, "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total{kind=\"a\\\"b\"} 3\n");
//! ```

use std::borrow::Cow;

use narthex_model::MetricType;
use narthex_model::float::{append_g, append_openmetrics, format_openmetrics};
use narthex_model::name::{EscapingScheme, is_legacy_label_name, is_legacy_metric_name};

use crate::family::{Metric, MetricFamily, MetricValue};
use crate::format::Format;

/// Writes families in one of the text formats.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    openmetrics: bool,
    escaping: EscapingScheme,
}

impl Encoder {
    /// An encoder for `format` and `escaping`.
    pub fn new(format: Format, escaping: EscapingScheme) -> Encoder {
        Encoder { openmetrics: format.is_openmetrics(), escaping }
    }

    /// Appends a family: its metadata, then its metrics. A family without metrics is left out.
    pub fn family(&self, family: &MetricFamily, out: &mut String) {
        if family.metrics.is_empty() {
            return;
        }
        let escaped = self.escape(&family.name, is_legacy_metric_name(&family.name));
        let name: &str = &escaped;
        let mut metric_type = family.metric_type;
        // OpenMetrics: the family of a counter goes without the suffix that its samples
        // must have. Without it, it is no counter there.
        let mut family_name = name;
        if self.openmetrics && metric_type == MetricType::Counter {
            match name.strip_suffix("_total") {
                Some(stem) => family_name = stem,
                None => metric_type = MetricType::Unknown,
            }
        }
        if !family.help.is_empty() || self.openmetrics {
            self.metadata("HELP", family_name, out);
            escape_into(&family.help, self.openmetrics, out);
            out.push('\n');
        }
        self.metadata("TYPE", family_name, out);
        out.push_str(self.type_name(metric_type));
        out.push('\n');
        if self.openmetrics && !family.unit.is_empty() {
            self.metadata("UNIT", family_name, out);
            out.push_str(&family.unit);
            out.push('\n');
        }
        let gauge = self.openmetrics && metric_type == MetricType::GaugeHistogram;
        let (sum, count) = if gauge { ("_gsum", "_gcount") } else { ("_sum", "_count") };
        for metric in &family.metrics {
            match &metric.value {
                MetricValue::Single(value) => self.sample(name, "", metric, None, Number::Float(*value), out),
                MetricValue::Histogram(value) => {
                    let finite = value.buckets.iter().filter(|(bound, _)| *bound != f64::INFINITY).copied();
                    for (bound, cumulative) in finite.chain([(f64::INFINITY, value.count)]) {
                        self.sample(name, "_bucket", metric, Some(("le", bound)), Number::Int(cumulative), out);
                    }
                    self.sample(name, sum, metric, None, Number::Float(value.sum), out);
                    self.sample(name, count, metric, None, Number::Int(value.count), out);
                }
                MetricValue::Summary(value) => {
                    for &(quantile, estimate) in &value.quantiles {
                        self.sample(name, "", metric, Some(("quantile", quantile)), Number::Float(estimate), out);
                    }
                    self.sample(name, "_sum", metric, None, Number::Float(value.sum), out);
                    self.sample(name, "_count", metric, None, Number::Int(value.count), out);
                }
            }
        }
    }

    /// Appends what ends a body: `# EOF` in OpenMetrics, nothing in text.
    pub fn finish(&self, out: &mut String) {
        if self.openmetrics {
            out.push_str("# EOF\n");
        }
    }

    /// A name in the reader's scheme.
    fn escape<'n>(&self, name: &'n str, legacy: bool) -> Cow<'n, str> {
        match self.escaping {
            EscapingScheme::AllowUtf8 => Cow::Borrowed(name),
            // Dots doubles the underscores of legacy names, too.
            EscapingScheme::Underscores | EscapingScheme::Values if legacy => Cow::Borrowed(name),
            scheme => Cow::Owned(scheme.escape(name)),
        }
    }

    fn label_name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        let escaped = self.escape(name, is_legacy_label_name(name));
        // The schemes go by the rule for metric names, where a colon is allowed.
        if self.escaping != EscapingScheme::AllowUtf8 && escaped.contains(':') {
            return Cow::Owned(escaped.replace(':', "_"));
        }
        escaped
    }

    fn type_name(&self, metric_type: MetricType) -> &'static str {
        match metric_type {
            MetricType::Unknown if !self.openmetrics => "untyped",
            MetricType::GaugeHistogram if !self.openmetrics => "histogram",
            MetricType::Info | MetricType::StateSet if !self.openmetrics => "gauge",
            other => other.as_str(),
        }
    }

    fn metadata(&self, keyword: &str, name: &str, out: &mut String) {
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

    fn sample(
        &self,
        name: &str,
        suffix: &str,
        metric: &Metric,
        bound: Option<(&str, f64)>,
        value: Number,
        out: &mut String,
    ) {
        let mut open = false;
        if is_legacy_metric_name(name) {
            out.push_str(name);
            out.push_str(suffix);
        } else {
            out.push('{');
            quoted_into(&format!("{name}{suffix}"), out);
            open = true;
        }
        let mut separate = |out: &mut String| out.push(if std::mem::replace(&mut open, true) { ',' } else { '{' });
        for (label, value) in metric.labels.iter() {
            separate(out);
            let label = self.label_name(label);
            if is_legacy_label_name(&label) {
                out.push_str(&label);
            } else {
                quoted_into(&label, out);
            }
            out.push('=');
            quoted_into(value, out);
        }
        if let Some((label, bound)) = bound {
            separate(out);
            out.push_str(label);
            out.push_str("=\"");
            self.float(bound, out);
            out.push('"');
        }
        if open {
            out.push('}');
        }
        out.push(' ');
        match value {
            Number::Float(value) => self.float(value, out),
            Number::Int(value) if self.openmetrics => out.push_str(&value.to_string()),
            // Text knows floats only, and upstream writes counts as such.
            Number::Int(value) => append_g(out, value as f64),
        }
        if let Some(timestamp_ms) = metric.timestamp_ms {
            out.push(' ');
            if self.openmetrics {
                let (seconds, ms) = (timestamp_ms.div_euclid(1000), timestamp_ms.rem_euclid(1000));
                if seconds >= 0 {
                    out.push_str(&format!("{seconds}.{ms:03}"));
                } else {
                    out.push_str(&format_openmetrics(timestamp_ms as f64 / 1000.0));
                }
            } else {
                out.push_str(&timestamp_ms.to_string());
            }
        }
        out.push('\n');
    }

    fn float(&self, value: f64, out: &mut String) {
        if self.openmetrics {
            append_openmetrics(out, value);
        } else {
            // Upstream has a short way for zero that drops its sign.
            append_g(out, if value == 0.0 { 0.0 } else { value });
        }
    }
}

enum Number {
    Float(f64),
    Int(u64),
}

/// Appends `text` with `\`, line feeds and, if `quotes`, `"` escaped.
fn escape_into(text: &str, quotes: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

fn quoted_into(text: &str, out: &mut String) {
    out.push('"');
    escape_into(text, true, out);
    out.push('"');
}

#[cfg(test)]
mod tests;
