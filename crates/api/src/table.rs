//! Every endpoint below `/api/v1`.

use http::Method;

use crate::endpoints::{labels, metadata, query, series, status, syntax, targets};
use crate::reply::Endpoint;

/// Which methods an endpoint takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Methods {
    Get,
    GetPost,
}

/// One endpoint.
pub(crate) struct Entry {
    /// Path below `/api/v1/`; `*` stands for one element, which is a parameter.
    path: &'static str,
    methods: Methods,
    /// Whether it answers only when the server is ready.
    pub(crate) is_gated: bool,
    pub(crate) run: Endpoint,
}

impl Entry {
    /// The path as the server's metrics name it.
    pub(crate) fn handler(&self) -> String {
        format!("/api/v1/{}", self.path.replace('*', ":name"))
    }
}

const fn get(path: &'static str, run: Endpoint) -> Entry {
    Entry { path, methods: Methods::Get, is_gated: true, run }
}

const fn get_post(path: &'static str, run: Endpoint) -> Entry {
    Entry { path, methods: Methods::GetPost, is_gated: true, run }
}

/// All of them.
pub(crate) const ENTRIES: &[Entry] = &[
    get_post("query", query::instant),
    get_post("query_range", query::range),
    get_post("format_query", syntax::format),
    get_post("parse_query", syntax::parse),
    get_post("series", series::series),
    get_post("labels", labels::names),
    get("label/*/values", labels::values),
    get("metadata", metadata::metadata),
    get("targets", targets::targets),
    get("targets/metadata", metadata::by_target),
    get("scrape_pools", targets::scrape_pools),
    get("features", status::features),
    get("status/config", status::config),
    get("status/flags", status::flags),
    get("status/runtimeinfo", status::runtime_info),
    get("status/buildinfo", status::build_info),
    get("status/tsdb", status::tsdb),
    Entry { is_gated: false, ..get("status/walreplay", status::wal_replay) },
];

/// What a path and a method lead to.
pub(crate) enum Found {
    /// An endpoint, with the parameter of its path.
    Entry(&'static Entry, Vec<u8>),
    /// The path is known, the method is not one of these.
    Allows(&'static str),
    Nothing,
}

/// Finds the endpoint for a path below `/api/v1/`, unescaped.
pub(crate) fn find(path: &[u8], method: &Method) -> Found {
    for entry in ENTRIES {
        let Some(param) = matches(entry.path, path) else { continue };
        return match (entry.methods, method.as_str()) {
            (_, "GET") | (Methods::GetPost, "POST") => Found::Entry(entry, param),
            (Methods::Get, _) => Found::Allows("GET, OPTIONS"),
            (Methods::GetPost, _) => Found::Allows("GET, OPTIONS, POST"),
        };
    }
    Found::Nothing
}

/// Whether `path` is of the form; the element in the place of `*`, if any.
fn matches(form: &str, path: &[u8]) -> Option<Vec<u8>> {
    let Some((before, after)) = form.split_once('*') else {
        return (form.as_bytes() == path).then(Vec::new);
    };
    let element = path.strip_prefix(before.as_bytes())?.strip_suffix(after.as_bytes())?;
    (!element.is_empty() && !element.contains(&b'/')).then(|| element.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_may_hold_one_parameter() {
        assert_eq!(matches("query", b"query"), Some(Vec::new()));
        assert_eq!(matches("query", b"query/"), None);
        assert_eq!(matches("label/*/values", b"label/job/values"), Some(b"job".to_vec()));
        assert_eq!(matches("label/*/values", b"label//values"), None);
        assert_eq!(matches("label/*/values", b"label/a/b/values"), None);
        assert_eq!(matches("label/*/values", b"label/values"), None);
    }
}
