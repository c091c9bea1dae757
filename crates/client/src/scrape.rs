//! Answering a scrape: what every server has to do, whatever it is made of.

use std::fmt;

use narthex_exposition::{Format, Negotiated, negotiate, negotiate_all};

use crate::gather::Gathered;

/// What to do when something could not be gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// Answer with status 500 and the errors.
    #[default]
    Fail,
    /// Answer with what was gathered; with status 500 if that is nothing.
    Continue,
}

/// How scrapes are answered.
#[derive(Clone, Debug)]
#[must_use]
pub struct ScrapeOptions {
    pub(crate) policy: ErrorPolicy,
    pub(crate) is_compressed: bool,
    pub(crate) has_created: bool,
    pub(crate) is_text_only: bool,
    pub(crate) process_start_seconds: Option<u64>,
}

impl Default for ScrapeOptions {
    fn default() -> ScrapeOptions {
        ScrapeOptions {
            policy: ErrorPolicy::default(),
            is_compressed: true,
            has_created: false,
            is_text_only: false,
            process_start_seconds: None,
        }
    }
}

impl ScrapeOptions {
    /// All formats, gzip for those who accept it, errors answered with status 500.
    pub fn new() -> ScrapeOptions {
        ScrapeOptions::default()
    }

    /// What to do when something could not be gathered.
    pub fn errors(mut self, policy: ErrorPolicy) -> ScrapeOptions {
        self.policy = policy;
        self
    }

    /// Whether bodies are compressed for those who accept it; they are at first.
    /// Without the feature `gzip` they never are.
    pub fn compression(mut self, is_on: bool) -> ScrapeOptions {
        self.is_compressed = is_on;
        self
    }

    /// Whether OpenMetrics gets `_created` samples; it does not at first, as they
    /// nearly double the number of series of counters. Protobuf always has the times.
    pub fn created_samples(mut self, is_on: bool) -> ScrapeOptions {
        self.has_created = is_on;
        self
    }

    /// Whether nothing but text 0.0.4 is served.
    pub fn text_only(mut self, is_on: bool) -> ScrapeOptions {
        self.is_text_only = is_on;
        self
    }

    /// Says since when the process runs, in the header `Process-Start-Time-Unix`.
    pub fn process_start_seconds(mut self, seconds: u64) -> ScrapeOptions {
        self.process_start_seconds = Some(seconds);
        self
    }
}

/// What a scrape asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScrapeRequest<'a> {
    /// The header `Accept`.
    pub accept: Option<&'a str>,
    /// The header `Accept-Encoding`.
    pub accept_encoding: Option<&'a str>,
    /// The query, as in the URL; `name[]` chooses families.
    pub query: Option<&'a str>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeAnswer {
    /// 200 or 500.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, compressed as the headers say.
    pub body: Vec<u8>,
}

impl ScrapeAnswer {
    /// A plain text.
    pub(crate) fn text(status: u16, text: impl fmt::Display) -> ScrapeAnswer {
        let headers = vec![
            ("content-type", "text/plain; charset=utf-8".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        ScrapeAnswer { status, headers, body: format!("{text}\n").into_bytes() }
    }
}

/// The answer to a scrape of what was gathered.
pub fn answer(gathered: &Gathered, request: ScrapeRequest<'_>, options: &ScrapeOptions) -> ScrapeAnswer {
    let is_fatal = match options.policy {
        ErrorPolicy::Fail => !gathered.errors.is_empty(),
        ErrorPolicy::Continue => !gathered.errors.is_empty() && gathered.families.is_empty(),
    };
    if is_fatal {
        return ScrapeAnswer::text(
            500,
            format_args!("An error has occurred while serving metrics:\n\n{}", list(&gathered.errors)),
        );
    }
    let negotiated: Negotiated =
        if options.is_text_only { negotiate(request.accept) } else { negotiate_all(request.accept) };
    let names = names(request.query.unwrap_or_default());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let body = gathered.body(negotiated, &names, options.has_created);
    let mut headers = vec![("content-type", negotiated.content_type()), ("vary", "Accept, Accept-Encoding".to_owned())];
    if let Some(seconds) = options.process_start_seconds {
        headers.push(("process-start-time-unix", seconds.to_string()));
    }
    debug_assert!(negotiated.format == Format::Protobuf || std::str::from_utf8(&body).is_ok());
    let body = if options.is_compressed && cfg!(feature = "gzip") && accepts_gzip(request.accept_encoding) {
        headers.push(("content-encoding", "gzip".to_owned()));
        gzip(&body)
    } else {
        body
    };
    ScrapeAnswer { status: 200, headers, body }
}

/// Several errors as upstream prints them: one as it is, more as a list.
pub(crate) fn list<E: fmt::Display>(errors: &[E]) -> String {
    match errors {
        [error] => error.to_string(),
        errors => {
            let items = errors.iter().map(|error| format!("\n* {error}"));
            format!("{} error(s) occurred:{}", errors.len(), items.collect::<String>())
        }
    }
}

#[cfg(feature = "gzip")]
pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 8), flate2::Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("writing to memory cannot fail")
}

#[cfg(not(feature = "gzip"))]
pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    body.to_vec()
}

/// Whether gzip is accepted, and at least as welcome as no compression.
fn accepts_gzip(header: Option<&str>) -> bool {
    let (mut gzip, mut identity, mut other) = (None, None, None);
    for part in header.unwrap_or_default().split(',').take(32) {
        let mut pieces = part.split(';').map(str::trim);
        let name = pieces.next().unwrap_or_default();
        let quality = pieces.filter_map(|piece| piece.strip_prefix("q=")).next();
        let quality: f64 = quality.map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
        match name {
            "gzip" | "x-gzip" => gzip = Some(quality),
            "identity" => identity = Some(quality),
            "*" => other = Some(quality),
            _ => {}
        }
    }
    let gzip = gzip.or(other).unwrap_or(0.0);
    gzip > 0.0 && identity.is_none_or(|identity| gzip >= identity)
}

/// The values of `name[]` in a query.
fn names(query: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let chosen = pairs.filter(|(key, _)| decode(key) == "name[]");
    chosen.map(|(_, value)| decode(value)).take(1000).collect()
}

/// Undoes the escaping of a query; what is not UTF-8 is replaced.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        at += 1;
        match (byte, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'+', _) => out.push(b' '),
            (b'%', Some(value)) => {
                out.push(value);
                at += 2;
            }
            (byte, _) => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::GatherError;
    use crate::{Opts, Registry};

    fn gathered() -> Gathered {
        let registry = Registry::new();
        registry.gauge(Opts::new("a", "")).unwrap().set(1.0);
        registry.gauge(Opts::new("b", "")).unwrap();
        registry.gather()
    }

    fn header<'a>(answer: &'a ScrapeAnswer, name: &str) -> Option<&'a str> {
        answer.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn names_choose_families() {
        for (query, want) in [
            ("name[]=a", "# TYPE a gauge\na 1\n"),
            ("x=1&name%5B%5D=b&name[]=c", "# TYPE b gauge\nb 0\n"),
            ("name[]=%zz", ""),
            ("name=a", "# TYPE a gauge\na 1\n# TYPE b gauge\nb 0\n"),
        ] {
            let request = ScrapeRequest { query: Some(query), ..ScrapeRequest::default() };
            let got = answer(&gathered(), request, &ScrapeOptions::new());
            assert_eq!(String::from_utf8(got.body).unwrap(), want, "{query}");
        }
        let request = ScrapeRequest {
            query: Some("name[]=x"),
            accept: Some("application/openmetrics-text"),
            accept_encoding: None,
        };
        assert_eq!(answer(&gathered(), request, &ScrapeOptions::new()).body, b"# EOF\n");
    }

    #[test]
    fn formats_are_negotiated() {
        let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let request = ScrapeRequest { accept: Some(accept), ..ScrapeRequest::default() };
        let got = answer(&gathered(), request, &ScrapeOptions::new().process_start_seconds(7));
        assert!(header(&got, "content-type").unwrap().starts_with("application/vnd.google.protobuf"));
        assert_eq!(header(&got, "process-start-time-unix"), Some("7"));
        assert_eq!(&got.body[..4], b"\x12\x0a\x01a");
        let got = answer(&gathered(), request, &ScrapeOptions::new().text_only(true));
        assert!(header(&got, "content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    }

    #[test]
    fn compression_is_negotiated() {
        for (accept, want) in [
            ("gzip", true),
            ("zstd, gzip", true),
            ("br;q=1.0, gzip;q=0.5, identity;q=0.2", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip;q=0.1, identity", false),
            ("identity;q=0", false),
            ("*;q=0", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(Some(accept)), want, "{accept}");
        }
        assert!(!accepts_gzip(None));
    }

    #[test]
    fn errors_are_shown() {
        let mut gathered = gathered();
        gathered.errors.push(GatherError::Collector("no".into()));
        let got = answer(&gathered, ScrapeRequest::default(), &ScrapeOptions::new());
        assert_eq!(got.status, 500);
        assert_eq!(got.body, b"An error has occurred while serving metrics:\n\nno\n");
        let lenient = ScrapeOptions::new().errors(ErrorPolicy::Continue);
        assert_eq!(answer(&gathered, ScrapeRequest::default(), &lenient).status, 200);
        gathered.families.clear();
        gathered.errors.push(GatherError::Collector("never".into()));
        let got = answer(&gathered, ScrapeRequest::default(), &lenient);
        assert_eq!(
            String::from_utf8(got.body).unwrap(),
            "An error has occurred while serving metrics:\n\n2 error(s) occurred:\n* no\n* never\n"
        );
    }
}
