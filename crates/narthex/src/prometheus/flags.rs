//! The server's flags: upstream's names, types and defaults.

use narthex_flags::{Flag, Kind, Program};

use Kind::{Duration, Enum, Float, Int, List, Size, Switch, Text};

/// The server as its command line sees it.
pub(crate) const PROGRAM: Program = Program {
    name: "prometheus",
    about: "The monitoring server: scrapes targets, stores their samples, answers PromQL.",
    flags: FLAGS,
};

/// The same with other defaults, for `narthex up`.
pub(crate) const UP: Program = Program {
    name: "narthex up",
    about: "Start the whole stack on this machine with an embedded configuration: the server scraping itself, its page at \
            http://localhost:9090, data in ./data. Every flag of `narthex prometheus` may be given as well.",
    flags: UP_FLAGS,
};

const PRINT_CONFIG: Flag =
    Flag::new("print-config", Switch, "false", "Print the configuration that would run, and end.");

const FLAGS: &[Flag] = &flags("prometheus.yml", "data/", "0.0.0.0:9090");
const UP_FLAGS: &[Flag] = &with_first(PRINT_CONFIG, flags("", "./data", "127.0.0.1:9090"));

const fn with_first(first: Flag, rest: [Flag; COUNT]) -> [Flag; COUNT + 1] {
    let mut all = [first; COUNT + 1];
    let mut i = 0;
    while i < COUNT {
        all[i + 1] = rest[i];
        i += 1;
    }
    all
}

const COUNT: usize = 71;
const fn flags(config_file: &'static str, data: &'static str, listen: &'static str) -> [Flag; COUNT] {
    [
        Flag::new(
            "config.file",
            Text,
            config_file,
            "The configuration file. Relative paths in it are relative to its directory.",
        ),
        Flag::missing("config.auto-reload", Switch, "false"),
        Flag::no_effect("config.auto-reload-interval", Duration, "30s"),
        Flag::new("web.listen-address", List, listen, "Address to listen on, host:port. May be given several times."),
        Flag::no_effect("auto-gomaxprocs", Switch, "true"),
        Flag::no_effect("auto-gomemlimit", Switch, "true"),
        Flag::no_effect("auto-gomemlimit.ratio", Float, "0.9"),
        Flag::no_effect("auto-gomemlimit.refresh-interval", Duration, "0s"),
        Flag::missing("web.config.file", Text, ""),
        Flag::new(
            "web.read-timeout",
            Duration,
            "5m",
            "How long a connection may be idle, or take to send its request.",
        ),
        Flag::new(
            "web.max-connections",
            Int,
            "512",
            "How many connections are served at a time, over all addresses; more wait.",
        ),
        Flag::no_effect("web.max-notifications-subscribers", Int, "16"),
        Flag::new(
            "web.external-url",
            Text,
            "",
            "The URL under which the server is reachable from outside, for example behind a proxy. Its path is the default of --web.route-prefix.",
        ),
        Flag::new(
            "web.route-prefix",
            Text,
            "",
            "Path below which everything is served. Default: the path of --web.external-url.",
        ),
        Flag::missing("web.user-assets", Text, ""),
        Flag::new(
            "web.enable-lifecycle",
            Switch,
            "false",
            "Let anyone who reaches the server reload it (POST /-/reload) and stop it (POST /-/quit).",
        ),
        Flag::missing("web.enable-admin-api", Switch, "false"),
        Flag::missing("web.enable-remote-write-receiver", Switch, "false"),
        Flag::no_effect("web.remote-write-receiver.accepted-protobuf-messages", List, ""),
        Flag::missing("web.enable-otlp-receiver", Switch, "false"),
        Flag::no_effect("web.console.templates", Text, "consoles"),
        Flag::no_effect("web.console.libraries", Text, "console_libraries"),
        Flag::no_effect("web.page-title", Text, "Prometheus Time Series Collection and Processing Server"),
        Flag::new(
            "web.cors.origin",
            Text,
            ".*",
            "Regular expression of the origins that pages may call the API from, fully anchored.",
        ),
        Flag::new("storage.tsdb.path", Text, data, "Directory of the database."),
        Flag::no_effect("storage.tsdb.min-block-duration", Duration, "2h"),
        Flag::no_effect("storage.tsdb.max-block-duration", Duration, ""),
        Flag::no_effect("storage.tsdb.max-block-chunk-segment-size", Size, "512MB"),
        Flag::no_effect("storage.tsdb.wal-segment-size", Size, ""),
        Flag::new("storage.tsdb.retention.time", Duration, "", "How long samples are kept. Default: 15d."),
        Flag::missing("storage.tsdb.retention.size", Size, ""),
        Flag::new("storage.tsdb.no-lockfile", Switch, "false", "Do not lock the data directory.").hidden(),
        Flag::no_effect("storage.tsdb.allow-overlapping-compaction", Switch, "true"),
        Flag::no_effect("storage.tsdb.wal-compression", Switch, "true"),
        Flag::no_effect("storage.tsdb.wal-compression-type", Enum(&["snappy", "zstd"]), "snappy"),
        Flag::no_effect("storage.tsdb.head-chunks-write-queue-size", Int, "0"),
        Flag::no_effect("storage.tsdb.samples-per-chunk", Int, "120"),
        Flag::no_effect("storage.tsdb.delayed-compaction.max-percent", Int, "10"),
        Flag::missing("storage.tsdb.delay-compact-file.path", Text, ""),
        Flag::no_effect("storage.tsdb.block-reload-interval", Duration, "1m"),
        Flag::missing("storage.agent.path", Text, "data-agent/"),
        Flag::no_effect("storage.remote.flush-deadline", Duration, "1m"),
        Flag::no_effect("storage.remote.read-sample-limit", Int, "50000000"),
        Flag::no_effect("storage.remote.read-concurrent-limit", Int, "10"),
        Flag::no_effect("storage.remote.read-max-bytes-in-frame", Int, "1048576"),
        Flag::no_effect("web.search.max-limit", Int, "10000"),
        Flag::no_effect("rules.alert.for-outage-tolerance", Duration, "1h"),
        Flag::no_effect("rules.alert.for-grace-period", Duration, "10m"),
        Flag::no_effect("rules.alert.resend-delay", Duration, "1m"),
        Flag::no_effect("rules.max-concurrent-evals", Int, "4"),
        Flag::no_effect("scrape.adjust-timestamps", Switch, "true"),
        Flag::no_effect("scrape.timestamp-tolerance", Text, "2ms"),
        Flag::no_effect("scrape.discovery-reload-interval", Duration, "5s"),
        Flag::no_effect("alertmanager.notification-queue-capacity", Int, "10000"),
        Flag::no_effect("alertmanager.notification-batch-size", Int, "256"),
        Flag::no_effect("alertmanager.drain-notification-queue-on-shutdown", Switch, "true"),
        Flag::new("query.lookback-delta", Duration, "5m", "How far back a query looks for a series' newest sample."),
        Flag::new("query.timeout", Duration, "2m", "How long a query may take before it is stopped."),
        Flag::new("query.max-concurrency", Int, "20", "How many queries run at a time; more wait."),
        Flag::new(
            "query.max-samples",
            Int,
            "50000000",
            "How many samples one query may hold in memory; over it, the query fails.",
        ),
        Flag::new(
            "enable-feature",
            List,
            "",
            "Comma-separated names of features to switch on: promql-experimental-functions, promql-extended-range-selectors, promql-binop-fill-modifiers, promql-delayed-name-removal, promql-per-step-stats, extra-scrape-metrics.",
        ),
        Flag::missing("agent", Switch, "false"),
        Flag::new(
            "log.level",
            Enum(&["debug", "info", "warn", "error"]),
            "info",
            "Log messages of this severity and above.",
        ),
        Flag::new("log.format", Enum(&["logfmt", "json"]), "logfmt", "Form of the log lines."),
        Flag::missing("write-documentation", Switch, "false"),
        Flag::missing("storage.agent.wal-segment-size", Size, ""),
        Flag::missing("storage.agent.wal-compression", Switch, "true"),
        Flag::missing("storage.agent.wal-truncate-frequency", Duration, ""),
        Flag::missing("storage.agent.retention.min-time", Duration, ""),
        Flag::missing("storage.agent.retention.max-time", Duration, ""),
        Flag::missing("storage.agent.no-lockfile", Switch, "false"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_are_valid() {
        for program in [PROGRAM, UP] {
            let mut names: Vec<_> = program.flags.iter().map(|f| f.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count);
            for flag in program.flags.iter().filter(|f| !f.default.is_empty() && f.kind != Switch) {
                if flag.support != narthex_flags::Support::Missing {
                    narthex_flags::parse(&program, [format!("--{}={}", flag.name, flag.default)])
                        .unwrap_or_else(|stop| panic!("{}: {stop:?}", flag.name));
                }
            }
        }
    }

    #[test]
    fn up_listens_on_loopback_only() {
        let values = narthex_flags::parse(&UP, []).unwrap();
        assert_eq!(values.list("web.listen-address"), ["127.0.0.1:9090"]);
    }
}
