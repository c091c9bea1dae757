//! Paths and switches.

use std::time::Duration;

use narthex_regex::Anchored;

/// How the server is reached and what it allows.
#[derive(Clone, Debug)]
pub struct Options {
    /// What all paths begin with: `/`, or `/prefix` without a slash at the end.
    pub route_prefix: String,
    /// The URL under which users reach the server.
    pub external_url: ExternalUrl,
    /// The address listened on, `host:port`: tells a target that is this server.
    pub listen_address: String,
    /// Whether `/-/reload` and `/-/quit` work.
    pub is_lifecycle_enabled: bool,
    /// How long the body of a request may take to arrive.
    pub read_timeout: Duration,
    /// Origins whose pages may read the API's answers.
    pub cors_origin: Anchored,
}

/// The URL under which users reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl {
    /// `http` or `https`.
    pub scheme: String,
    /// Host, and port if there is one.
    pub authority: String,
    /// `""`, or `/path` without a slash at the end.
    pub path: String,
}
