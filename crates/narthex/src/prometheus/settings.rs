//! The server's flags as checked settings.

use std::path::PathBuf;
use std::time::Duration;

use narthex_api::ExternalUrl;
use narthex_flags::Values;
use narthex_promql::{EngineOptions, Features};
use narthex_regex::Anchored;

/// Everything the command line decides.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where the configuration comes from.
    pub(crate) config_file: PathBuf,
    /// Addresses to listen on, at least one.
    pub(crate) listen_addresses: Vec<String>,
    /// The URL under which users reach the server, without a slash at the end.
    pub(crate) external_url: ExternalUrl,
    /// `/`, or `/prefix` without a slash at the end.
    pub(crate) route_prefix: String,
    /// Whether `/-/reload` and `/-/quit` work.
    pub(crate) is_lifecycle_enabled: bool,
    /// Origins that may call the API.
    pub(crate) cors_origin: Anchored,
    /// How long a connection may be idle or take to send its request.
    pub(crate) read_timeout: Duration,
    /// Connections served at a time.
    pub(crate) connections_max: usize,
    /// The data directory.
    pub(crate) data_dir: PathBuf,
    /// Whether the data directory is locked.
    pub(crate) is_locked: bool,
    /// How long samples are kept, when the command line says so.
    pub(crate) retention_ms: Option<i64>,
    /// The query engine's limits and features.
    pub(crate) engine: EngineOptions,
    /// Whether new targets are scraped at once, because somebody is watching.
    pub(crate) scrapes_at_once: bool,
    /// The default of `extra_scrape_metrics`.
    pub(crate) extra_scrape_metrics: bool,
    /// Names given to `--enable-feature` that mean nothing here.
    pub(crate) unknown_features: Vec<String>,
    /// All flags as texts, for the API.
    pub(crate) flags: std::collections::BTreeMap<String, String>,
}

impl Settings {
    /// Checks what single flags cannot tell.
    ///
    /// # Errors
    /// A text for standard error; the program ends with 2.
    pub(crate) fn new(values: &Values, hostname: &str) -> Result<Settings, String> {
        let listen_addresses = values.list("web.listen-address");
        let external_url = external_url(&values.text("web.external-url"), hostname, &listen_addresses[0])?;
        let route_prefix = match values.text("web.route-prefix") {
            prefix if prefix.is_empty() => normalised(&external_url.path),
            prefix => normalised(&prefix),
        };
        let origin = values.text("web.cors.origin");
        let cors_origin = Anchored::new(&origin).map_err(|e| {
            format!("could not compile CORS regex string {}: {e}", narthex_model::quote::quote(&origin))
        })?;
        let (features, extra_scrape_metrics, unknown_features) = features(&values.list("enable-feature"));
        let milliseconds = |name: &str| values.duration_ms(name);
        let mut flags = values.as_texts();
        flags.remove("print-config");
        flags.insert("web.route-prefix".into(), route_prefix.clone());
        Ok(Settings {
            config_file: values.text("config.file").into(),
            listen_addresses,
            external_url,
            route_prefix,
            is_lifecycle_enabled: values.is_on("web.enable-lifecycle"),
            cors_origin,
            read_timeout: Duration::from_millis(milliseconds("web.read-timeout").unsigned_abs()),
            connections_max: usize::try_from(values.int("web.max-connections")).unwrap_or(1).max(1),
            data_dir: values.text("storage.tsdb.path").into(),
            is_locked: !values.is_on("storage.tsdb.no-lockfile"),
            retention_ms: values
                .is_given("storage.tsdb.retention.time")
                .then(|| milliseconds("storage.tsdb.retention.time")),
            engine: EngineOptions {
                max_samples: usize::try_from(values.int("query.max-samples")).unwrap_or(0),
                timeout: Duration::from_millis(milliseconds("query.timeout").unsigned_abs()),
                lookback_delta_ms: milliseconds("query.lookback-delta"),
                max_concurrency: usize::try_from(values.int("query.max-concurrency")).unwrap_or(1).max(1),
                threads: std::thread::available_parallelism().map_or(1, usize::from),
                features,
                max_bytes_total: query_memory(),
                ..EngineOptions::default()
            },
            scrapes_at_once: false,
            extra_scrape_metrics,
            unknown_features,
            flags,
        })
    }
}

/// What all queries together may hold: half of the machine's memory.
fn query_memory() -> usize {
    let machine = rustix::system::sysinfo();
    usize::try_from(machine.totalram.saturating_mul(machine.mem_unit.into())).unwrap_or(usize::MAX) / 2
}

/// `/` + the path without slashes around it.
fn normalised(path: &str) -> String {
    format!("/{}", path.trim_matches('/'))
}

fn features(lists: &[String]) -> (Features, bool, Vec<String>) {
    let mut features = Features::default();
    let mut extra_scrape_metrics = false;
    let mut unknown = Vec::new();
    for name in lists.iter().flat_map(|list| list.split(',')) {
        match name {
            "promql-experimental-functions" => features.experimental_functions = true,
            "promql-extended-range-selectors" => features.extended_range_selectors = true,
            "promql-binop-fill-modifiers" => features.fill_modifiers = true,
            "promql-delayed-name-removal" => features.delayed_name_removal = true,
            "promql-per-step-stats" => features.per_step_stats = true,
            "extra-scrape-metrics" => extra_scrape_metrics = true,
            // Always on since 3.14.
            "promql-duration-expr" => {}
            name => unknown.push(name.to_owned()),
        }
    }
    (features, extra_scrape_metrics, unknown)
}

fn external_url(given: &str, hostname: &str, listen_address: &str) -> Result<ExternalUrl, String> {
    let fail = |why: &str| Err(format!("parse external URL {}: {why}", narthex_model::quote::quote(given)));
    if given.is_empty() {
        let Some((_, port)) = listen_address.rsplit_once(':') else {
            return fail(&format!("address {listen_address}: missing port in address"));
        };
        return Ok(ExternalUrl { scheme: "http".into(), authority: format!("{hostname}:{port}"), path: String::new() });
    }
    if given.starts_with(['"', '\'']) || given.ends_with(['"', '\'']) {
        return fail("URL must not begin or end with quotes");
    }
    let (scheme, rest) = given.split_once("://").unwrap_or(("", given));
    let (authority, path) = match rest.find('/') {
        Some(slash) if !scheme.is_empty() => rest.split_at(slash),
        _ if scheme.is_empty() => ("", rest),
        _ => (rest, ""),
    };
    let path = match path.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    };
    Ok(ExternalUrl { scheme: scheme.to_owned(), authority: authority.to_owned(), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(args: &[&str]) -> Result<Settings, String> {
        let values = narthex_flags::parse(&super::super::flags::PROGRAM, args.iter().map(|&a| a.to_owned())).unwrap();
        Settings::new(&values, "box")
    }

    #[test]
    fn the_external_url_is_guessed_from_host_and_first_address() {
        let settings = settings(&["--web.listen-address=127.0.0.1:9999", "--web.listen-address=:1"]).unwrap();
        let url = &settings.external_url;
        assert_eq!((url.scheme.as_str(), url.authority.as_str(), url.path.as_str()), ("http", "box:9999", ""));
        assert_eq!(settings.route_prefix, "/");
    }

    #[test]
    fn its_path_is_the_default_prefix() {
        let both = |args: &[&str]| settings(args).map(|s| (s.external_url.path, s.route_prefix)).unwrap();
        assert_eq!(both(&["--web.external-url=https://x.org/a/b/"]), ("/a/b".into(), "/a/b".into()));
        assert_eq!(both(&["--web.external-url=https://x.org/a", "--web.route-prefix=/"]), ("/a".into(), "/".into()));
        assert_eq!(both(&["--web.route-prefix=prom/"]), ("".into(), "/prom".into()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(
            settings(&["--web.external-url='x'"]).unwrap_err(),
            "parse external URL \"'x'\": URL must not begin or end with quotes"
        );
        assert!(
            settings(&["--web.cors.origin=("]).unwrap_err().starts_with("could not compile CORS regex string \"(\": ")
        );
        assert!(settings(&["--web.listen-address=nowhere"]).unwrap_err().contains("missing port in address"));
    }

    #[test]
    fn features_are_told_apart() {
        let settings = settings(&[
            "--enable-feature=promql-experimental-functions,nonsense",
            "--enable-feature=extra-scrape-metrics",
        ])
        .unwrap();
        assert!(settings.engine.features.experimental_functions && settings.extra_scrape_metrics);
        assert_eq!(settings.unknown_features, ["nonsense"]);
    }
}
