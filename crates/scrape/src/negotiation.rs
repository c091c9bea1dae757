//! What a target is asked for, and what its answer is taken for.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName, HeaderValue, USER_AGENT};
use narthex_config::{ScrapeConfig, ScrapeProtocol};
use narthex_exposition::Format;
use narthex_model::quote::quote;

use crate::error::ScrapeError;

/// The format of a protocol. `None` for protobuf, which is not built in yet: it
/// is neither asked for nor understood.
fn format_of(protocol: ScrapeProtocol) -> Option<Format> {
    match protocol {
        ScrapeProtocol::PrometheusProto => None,
        ScrapeProtocol::PrometheusText0_0_4 => Some(Format::Text004),
        ScrapeProtocol::PrometheusText1_0_0 => Some(Format::Text100),
        ScrapeProtocol::OpenMetricsText0_0_1 => Some(Format::OpenMetrics001),
        ScrapeProtocol::OpenMetricsText1_0_0 => Some(Format::OpenMetrics100),
    }
}

/// The `Accept` header of a job.
pub(crate) fn accept(config: &ScrapeConfig) -> String {
    let mut out = String::new();
    let formats = config.scrape_protocols.iter().filter_map(|protocol| format_of(*protocol));
    // Weights count down from 0.6 for as many entries as there are.
    let mut weight = 6;
    for format in formats {
        out.push_str(format.media_type());
        if matches!(format, Format::Text100 | Format::OpenMetrics100) {
            out.push_str(";escaping=");
            out.push_str(config.metric_name_escaping_scheme.as_str());
        }
        out.push_str(&format!(";q=0.{weight},"));
        weight -= 1;
    }
    out.push_str(&format!("*/*;q=0.{weight}"));
    out
}

/// The headers of every request to a target of this job with this timeout.
pub(crate) fn headers(config: &ScrapeConfig, timeout_ms: i64, user_agent: &HeaderValue) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_str(text).expect("headers are made of printable ASCII");
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(USER_AGENT, user_agent.clone());
    headers.insert(ACCEPT, value(&accept(config)));
    let encoding = if config.enable_compression { "gzip" } else { "identity" };
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    headers.insert(
        HeaderName::from_static("x-prometheus-scrape-timeout-seconds"),
        value(&(timeout_ms as f64 / 1000.0).to_string()),
    );
    headers
}

/// The format of an answer.
///
/// # Errors
/// When its content type says nothing we know, and the job has no fallback.
pub(crate) fn format_of_answer(content_type: &str, fallback: Option<ScrapeProtocol>) -> Result<Format, ScrapeError> {
    let quoted = || quote(content_type);
    let problem = if content_type.is_empty() {
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
            .to_owned()
    } else {
        match media_type(content_type).as_deref() {
            None => format!("cannot parse Content-Type {} and no fallback_scrape_protocol for target", quoted()),
            Some("text/plain") => return Ok(Format::Text004),
            Some("application/openmetrics-text") => return Ok(Format::OpenMetrics100),
            Some("application/vnd.google.protobuf") => {
                return Err(ScrapeError::ContentType(
                    "the protobuf exposition format is not supported by this version".to_owned(),
                ));
            }
            Some(_) => format!(
                "received unsupported Content-Type {} and no fallback_scrape_protocol specified for target",
                quoted()
            ),
        }
    };
    fallback.and_then(format_of).ok_or(ScrapeError::ContentType(problem))
}

/// The media type in lower case, if type and parameters are well-formed.
///
/// Source: the rules of Go's `mime.ParseMediaType`.
fn media_type(content_type: &str) -> Option<String> {
    let (media, mut parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let media = media.trim().to_ascii_lowercase();
    match media.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => {}
        None if is_token(&media) => {}
        _ => return None,
    }
    loop {
        parameters = parameters.trim_start_matches([' ', '\t', ';']);
        if parameters.is_empty() {
            return Some(media);
        }
        let (name, rest) = parameters.split_once('=')?;
        if !is_token(name.trim()) {
            return None;
        }
        parameters = match rest.strip_prefix('"') {
            Some(quoted) => &quoted[closing_quote(quoted)? + 1..],
            None => {
                let end = rest.find([';', ' ', '\t']).unwrap_or(rest.len());
                if !is_token(&rest[..end]) {
                    return None;
                }
                &rest[end..]
            }
        };
        if !parameters.trim_start().is_empty() && !parameters.trim_start().starts_with(';') {
            return None;
        }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|b| {
        let ends = b == b'"' && !is_escaped;
        is_escaped = b == b'\\' && !is_escaped;
        ends
    })
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_accept_header_is_upstreams() {
        assert_eq!(
            accept(&ScrapeConfig::default()),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_asked_for() {
        let protocols = vec![ScrapeProtocol::PrometheusProto, ScrapeProtocol::PrometheusText0_0_4];
        let config = ScrapeConfig { scrape_protocols: protocols, ..ScrapeConfig::default() };
        assert_eq!(accept(&config), "text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
    }

    #[test]
    fn the_timeout_is_told_in_seconds() {
        let config = ScrapeConfig { enable_compression: false, ..ScrapeConfig::default() };
        for (timeout_ms, want) in [(10_000, "10"), (900, "0.9"), (1_500, "1.5")] {
            let headers = headers(&config, timeout_ms, &HeaderValue::from_static("Prometheus/3"));
            assert_eq!(headers["X-Prometheus-Scrape-Timeout-Seconds"], want);
            assert_eq!(headers["Accept-Encoding"], "identity");
        }
    }

    #[test]
    fn the_content_type_decides() {
        let fallback = Some(ScrapeProtocol::PrometheusText0_0_4);
        for (content_type, fallback, want) in [
            ("text/plain; version=0.0.4; charset=utf-8", None, Ok(Format::Text004)),
            ("Text/Plain", None, Ok(Format::Text004)),
            ("application/openmetrics-text;version=\"1.0.0\"; charset=utf-8", None, Ok(Format::OpenMetrics100)),
            ("text/plain;", None, Ok(Format::Text004)),
            ("", fallback, Ok(Format::Text004)),
            ("text/html", fallback, Ok(Format::Text004)),
            ("a b c", fallback, Ok(Format::Text004)),
            (
                "",
                None,
                Err(
                    "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target",
                ),
            ),
            (
                "text/plain; a",
                None,
                Err(r#"cannot parse Content-Type "text/plain; a" and no fallback_scrape_protocol for target"#),
            ),
            (
                "text/html",
                None,
                Err(
                    r#"received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target"#,
                ),
            ),
        ] {
            let got = format_of_answer(content_type, fallback).map_err(|e| e.to_string());
            assert_eq!(got, want.map_err(str::to_owned), "{content_type}");
        }
    }
}
