//! Content negotiation: which format and escaping scheme an `Accept` header asks for.

use narthex_model::name::EscapingScheme;

use crate::format::Format;

/// What an answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The format.
    pub format: Format,
    /// How names are written that are not legacy-valid.
    pub escaping: EscapingScheme,
}

impl Negotiated {
    /// The `Content-Type` of the answer, escaping scheme included.
    pub fn content_type(&self) -> String {
        let media_type = match self.format {
            Format::Text004 => "text/plain; version=0.0.4",
            Format::Text100 => "text/plain; version=1.0.0",
            Format::OpenMetrics001 => "application/openmetrics-text; version=0.0.1",
            Format::OpenMetrics100 => "application/openmetrics-text; version=1.0.0",
            Format::Protobuf => {
                return format!(
                    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping={}",
                    self.escaping.as_str()
                );
            }
        };
        format!("{media_type}; charset=utf-8; escaping={}", self.escaping.as_str())
    }
}

/// What the servers' `/metrics` answers in: never OpenMetrics, text 0.0.4 when
/// nothing else fits. An `escaping` parameter counts even in a clause that
/// cannot be served, up to the first that can: so Prometheus gets UTF-8 names.
///
/// Source: the answers of Prometheus 3.5.
pub fn negotiate(accept: Option<&str>) -> Negotiated {
    negotiate_among(accept, Offer::default())
}

/// Like [`negotiate`], but OpenMetrics is served, too (without version: 0.0.1).
pub fn negotiate_openmetrics(accept: Option<&str>) -> Negotiated {
    negotiate_among(accept, Offer { openmetrics: true, ..Offer::default() })
}

/// Like [`negotiate`], but all formats are served: protobuf, OpenMetrics and
/// `text/plain;version=1.0.0`, too. A clause with `q=0` is not served.
pub fn negotiate_all(accept: Option<&str>) -> Negotiated {
    negotiate_among(accept, Offer { openmetrics: true, protobuf: true, text100: true })
}

/// What is served besides text 0.0.4.
#[derive(Clone, Copy, Default)]
struct Offer {
    openmetrics: bool,
    protobuf: bool,
    text100: bool,
}

/// At most so many clauses of a header are looked at.
const CLAUSES_MAX: usize = 64;

struct Clause<'a> {
    media_type: &'a str,
    version: &'a str,
    escaping: Option<EscapingScheme>,
    quality: f64,
    /// Whether the parameters name the one message and encoding that protobuf is served in.
    is_family: bool,
    is_delimited: bool,
}

fn clause(text: &str) -> Clause<'_> {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let mut clause =
        Clause { media_type, version: "", escaping: None, quality: 1.0, is_family: false, is_delimited: false };
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        match key.trim() {
            "version" => clause.version = value.trim(),
            "escaping" => clause.escaping = EscapingScheme::from_name(value.trim()),
            "q" => clause.quality = value.trim().parse().ok().filter(|q: &f64| !q.is_nan()).unwrap_or(1.0),
            "proto" => clause.is_family = value.trim() == "io.prometheus.client.MetricFamily",
            "encoding" => clause.is_delimited = value.trim() == "delimited",
            _ => {}
        }
    }
    clause
}

fn negotiate_among(accept: Option<&str>, offer: Offer) -> Negotiated {
    let mut clauses: Vec<Clause<'_>> = accept.unwrap_or_default().split(',').take(CLAUSES_MAX).map(clause).collect();
    clauses.sort_by(|a, b| {
        let wild = |clause: &Clause<'_>| (clause.media_type.starts_with('*'), clause.media_type.ends_with('*'));
        b.quality.total_cmp(&a.quality).then_with(|| wild(a).cmp(&wild(b)))
    });
    let mut escaping = EscapingScheme::Underscores;
    for clause in clauses {
        if offer.text100 && clause.quality <= 0.0 {
            continue;
        }
        escaping = clause.escaping.unwrap_or(escaping);
        let format = match (clause.media_type, clause.version) {
            ("text/plain", "0.0.4" | "") => Format::Text004,
            ("application/openmetrics-text", "1.0.0") if offer.openmetrics => Format::OpenMetrics100,
            ("application/openmetrics-text", "0.0.1" | "") if offer.openmetrics => Format::OpenMetrics001,
            // Its readers know quoted names only when they say so.
            ("text/plain", "1.0.0") if offer.text100 => Format::Text100,
            ("application/vnd.google.protobuf", _) if offer.protobuf && clause.is_family && clause.is_delimited => {
                Format::Protobuf
            }
            _ => continue,
        };
        return Negotiated { format, escaping };
    }
    Negotiated { format: Format::Text004, escaping }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
        text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    #[test]
    fn answers_what_prometheus_answers() {
        for (accept, want) in [
            ("*/*", "underscores"),
            ("text/plain;version=0.0.4", "underscores"),
            ("text/plain;version=1.0.0;escaping=allow-utf-8", "allow-utf-8"),
            (PROMETHEUS, "allow-utf-8"),
            ("text/plain;version=0.0.4;escaping=dots", "dots"),
            ("text/plain;version=0.0.4;escaping=nonsense", "underscores"),
            ("text/html;escaping=dots", "dots"),
            ("", "underscores"),
            ("text/plain;version=0.0.4;q=0.1;escaping=dots, text/plain;version=0.0.4;q=0.9;escaping=values", "values"),
            ("text/plain; version=\"0.0.4\"; escaping=\"dots\"", "underscores"),
            ("text/html;escaping=values;q=0.1,text/plain;escaping=dots;q=0.2,", "dots"),
            ("text/plain;version=0.0.4, application/x;escaping=values", "underscores"),
            ("application/x;escaping=values;q=0.5,text/plain;version=0.0.4;q=0.4", "values"),
            ("foo;bar", "underscores"),
        ] {
            let want = format!("text/plain; version=0.0.4; charset=utf-8; escaping={want}");
            assert_eq!(negotiate(Some(accept)).content_type(), want, "{accept}");
        }
        assert_eq!(negotiate(None), negotiate(Some("*/*")));
    }

    #[test]
    fn a_library_may_serve_openmetrics() {
        for (accept, want) in [
            (PROMETHEUS, "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"),
            (
                "application/openmetrics-text",
                "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=underscores",
            ),
            (
                "application/openmetrics-text;version=9",
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            ),
        ] {
            assert_eq!(negotiate_openmetrics(Some(accept)).content_type(), want, "{accept}");
        }
    }

    #[test]
    fn a_library_may_serve_everything() {
        let protobuf_first = format!(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,{PROMETHEUS}"
        );
        for (accept, want) in [
            (PROMETHEUS, "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"),
            (
                protobuf_first.as_str(),
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores",
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            ),
            ("text/plain;version=1.0.0;escaping=dots", "text/plain; version=1.0.0; charset=utf-8; escaping=dots"),
            (
                "application/openmetrics-text;q=0,text/plain",
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            ),
            ("*/*", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
            ("text/*", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
        ] {
            assert_eq!(negotiate_all(Some(accept)).content_type(), want, "{accept}");
        }
    }
}
