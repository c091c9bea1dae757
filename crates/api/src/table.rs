//! Every endpoint below `/api/v1`: how it is reached, what it takes, what runs.
//! The description in OpenAPI is made from the same list.

use http::Method;

use crate::endpoints::{
    admin, exemplars, labels, metadata, notifications, query, rules, self_metrics, series, status, syntax, targets,
};
use crate::reply::{Endpoint, PlainEndpoint};

/// Which methods an endpoint takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Methods {
    Get,
    GetPost,
    Post,
    PostPut,
}

impl Methods {
    /// The names, those that OpenAPI describes.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Methods::Get => &["GET"],
            Methods::GetPost => &["GET", "POST"],
            Methods::Post => &["POST"],
            Methods::PostPut => &["POST", "PUT"],
        }
    }

    /// The value of `Allow`.
    fn allow(self) -> &'static str {
        match self {
            Methods::Get => "GET, OPTIONS",
            Methods::GetPost => "GET, OPTIONS, POST",
            Methods::Post => "OPTIONS, POST",
            Methods::PostPut => "OPTIONS, POST, PUT",
        }
    }
}

/// What answers.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// In the envelope, compressed, with the headers for other pages' scripts.
    Json(Endpoint),
    /// By itself.
    Plain(PlainEndpoint),
    /// The description of this very table.
    OpenApi,
}

/// What a parameter is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// Any number of texts.
    Texts,
    /// Seconds since the epoch or RFC 3339.
    Time,
    /// Seconds or `5m`.
    Duration,
    /// A whole number.
    Int,
    /// `true`, `false`, `1`, `0`.
    Bool,
}

/// A parameter of an endpoint.
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_required: bool,
}

const fn may(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, is_required: false }
}

const fn must(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, is_required: true }
}

/// One endpoint.
pub(crate) struct Entry {
    /// Path below `/api/v1/`; `*` stands for one element, which is a parameter.
    pub(crate) path: &'static str,
    pub(crate) methods: Methods,
    /// What it gives, in a few words.
    pub(crate) about: &'static str,
    pub(crate) params: &'static [Param],
    /// Whether it answers only when the server is ready.
    pub(crate) is_gated: bool,
    pub(crate) run: Run,
}

impl Entry {
    /// The path as the server's metrics name it.
    pub(crate) fn handler(&self) -> String {
        format!("/api/v1/{}", self.path.replace('*', ":name"))
    }

    /// Whether scripts of other pages may use it.
    pub(crate) fn has_cors(&self) -> bool {
        !matches!(self.path, "read" | "write" | "otlp/v1/metrics" | "openapi.yaml")
    }

    const fn ungated(self) -> Entry {
        Entry { is_gated: false, ..self }
    }
}

const fn entry(
    methods: Methods,
    path: &'static str,
    about: &'static str,
    params: &'static [Param],
    run: Endpoint,
) -> Entry {
    Entry { path, methods, about, params, is_gated: true, run: Run::Json(run) }
}

const fn plain(methods: Methods, path: &'static str, about: &'static str, run: PlainEndpoint) -> Entry {
    Entry { path, methods, about, params: &[], is_gated: true, run: Run::Plain(run) }
}

/// What `labels` and `series` take.
const SELECTION: &[Param] =
    &[may("match[]", Kind::Texts), may("start", Kind::Time), may("end", Kind::Time), may("limit", Kind::Int)];

/// What the search endpoints take.
const SEARCH: &[Param] = &[
    may("match[]", Kind::Texts),
    may("search[]", Kind::Texts),
    may("start", Kind::Time),
    may("end", Kind::Time),
    may("limit", Kind::Int),
];

/// All of them.
pub(crate) const ENTRIES: &[Entry] = {
    use Kind::{Bool, Duration, Int, Text, Texts, Time};
    use Methods::{Get, GetPost, Post, PostPut};
    &[
        entry(
            GetPost,
            "query",
            "What a query says at one time.",
            &[
                must("query", Text),
                may("time", Time),
                may("timeout", Duration),
                may("limit", Int),
                may("lookback_delta", Duration),
                may("stats", Text),
            ],
            query::instant,
        ),
        entry(
            GetPost,
            "query_range",
            "What a query says at every step of a range.",
            &[
                must("query", Text),
                must("start", Time),
                must("end", Time),
                must("step", Duration),
                may("timeout", Duration),
                may("limit", Int),
                may("lookback_delta", Duration),
                may("stats", Text),
            ],
            query::range,
        ),
        entry(
            GetPost,
            "query_exemplars",
            "The exemplars of the series that a query reads.",
            &[must("query", Text), may("start", Time), may("end", Time)],
            exemplars::query,
        ),
        entry(GetPost, "format_query", "A query, laid out.", &[must("query", Text)], syntax::format),
        entry(GetPost, "parse_query", "A query as a tree.", &[must("query", Text)], syntax::parse),
        entry(
            GetPost,
            "series",
            "The label sets of series.",
            &[must("match[]", Texts), may("start", Time), may("end", Time), may("limit", Int)],
            series::series,
        ),
        entry(GetPost, "labels", "The names of labels.", SELECTION, labels::names),
        entry(Get, "label/*/values", "The values of a label.", SELECTION, labels::values),
        entry(
            Get,
            "metadata",
            "What targets say about metrics.",
            &[may("metric", Text), may("limit", Int), may("limit_per_metric", Int)],
            metadata::metadata,
        ),
        entry(GetPost, "search/metric_names", "Names of metrics like a text.", SEARCH, admin::search),
        entry(GetPost, "search/label_names", "Names of labels like a text.", SEARCH, admin::search),
        entry(GetPost, "search/label_values", "Values of a label like a text.", SEARCH, admin::search),
        entry(
            Get,
            "targets",
            "The targets and how their last scrapes went.",
            &[may("state", Text), may("scrapePool", Text)],
            targets::targets,
        ),
        entry(
            Get,
            "targets/metadata",
            "What each target says about metrics.",
            &[may("match_target", Text), may("metric", Text), may("limit", Int)],
            metadata::by_target,
        ),
        entry(
            Get,
            "targets/relabel_steps",
            "What each relabelling rule of a job makes of labels, given as a JSON object.",
            &[must("scrapePool", Text), must("labels", Text)],
            targets::relabel_steps,
        ),
        entry(Get, "scrape_pools", "The names of the jobs.", &[], targets::scrape_pools),
        entry(
            Get,
            "scrape_pools/config",
            "The configuration of a job.",
            &[must("scrapePool", Text)],
            targets::scrape_pool_config,
        ),
        entry(Get, "alertmanagers", "The Alertmanagers that alerts go to.", &[], rules::alertmanagers),
        entry(
            Get,
            "rules",
            "The rules and their states.",
            &[
                may("type", Text),
                may("rule_name[]", Texts),
                may("rule_group[]", Texts),
                may("file[]", Texts),
                may("match[]", Texts),
                may("exclude_alerts", Bool),
                may("group_limit", Int),
                may("group_next_token", Text),
            ],
            rules::rules,
        ),
        entry(Get, "alerts", "The alerts that are pending or firing.", &[], rules::alerts),
        entry(Get, "features", "What is switched on.", &[], status::features),
        entry(Get, "status/config", "The configuration in force.", &[], status::config),
        entry(Get, "status/flags", "The flags and their values.", &[], status::flags),
        entry(Get, "status/runtimeinfo", "What runs.", &[], status::runtime_info),
        entry(Get, "status/buildinfo", "What was built.", &[], status::build_info),
        entry(Get, "status/tsdb", "What the database holds most of.", &[may("limit", Int)], status::tsdb),
        entry(Get, "status/tsdb/blocks", "The blocks of the database.", &[], status::blocks),
        entry(Get, "status/walreplay", "How far the log is read at start.", &[], status::wal_replay).ungated(),
        entry(
            Get,
            "status/self_metrics",
            "The server's own metrics.",
            &[may("metric_name_pattern", Text)],
            self_metrics::self_metrics,
        ),
        entry(Get, "notifications", "What users of the server should know now.", &[], notifications::list).ungated(),
        plain(Get, "notifications/live", "The same, and every change, as events.", notifications::live).ungated(),
        entry(
            PostPut,
            "admin/tsdb/delete_series",
            "Deletes samples.",
            &[must("match[]", Texts), may("start", Time), may("end", Time)],
            admin::tsdb,
        ),
        entry(PostPut, "admin/tsdb/clean_tombstones", "Frees the space of deleted samples.", &[], admin::tsdb),
        entry(PostPut, "admin/tsdb/snapshot", "Copies the database beside it.", &[may("skip_head", Bool)], admin::tsdb),
        plain(Post, "write", "Takes samples from other servers.", admin::remote_write),
        plain(Post, "otlp/v1/metrics", "Takes metrics from OpenTelemetry.", admin::otlp),
        plain(Post, "read", "Gives samples to other servers.", admin::remote_read),
        Entry {
            path: "openapi.yaml",
            methods: Get,
            about: "This description.",
            params: &[may("openapi_version", Text)],
            is_gated: false,
            run: Run::OpenApi,
        },
    ]
};

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
        if entry.methods.names().contains(&method.as_str()) {
            return Found::Entry(entry, param);
        }
        return Found::Allows(entry.methods.allow());
    }
    Found::Nothing
}

/// The path below `/api/v1/` that is meant by one with a slash at its end or in
/// the wrong case.
pub(crate) fn find_loosely(path: &str, method: &Method) -> Option<String> {
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    let entries = ENTRIES.iter().filter(|entry| entry.methods.names().contains(&method.as_str()));
    entries.map(|entry| entry.path).find_map(|form| {
        let (mut wanted, mut given) = (form.split('/'), trimmed.split('/'));
        let mut meant = Vec::new();
        loop {
            match (wanted.next(), given.next()) {
                (Some("*"), Some(element)) if !element.is_empty() => meant.push(element),
                (Some(element), Some(other)) if element.eq_ignore_ascii_case(other) => meant.push(element),
                (None, None) => return Some(meant.join("/")).filter(|meant| meant != path),
                _ => return None,
            }
        }
    })
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
    fn paths_are_forgiven() {
        let find = |path| find_loosely(path, &Method::GET);
        assert_eq!(find("query/").as_deref(), Some("query"));
        assert_eq!(find("Status/TSDB/").as_deref(), Some("status/tsdb"));
        assert_eq!(find("LABEL/Job/values").as_deref(), Some("label/Job/values"));
        assert_eq!(find("query"), None);
        assert_eq!(find("query//"), None);
        assert_eq!(find_loosely("metadata/", &Method::POST), None);
    }

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
