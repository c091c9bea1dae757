//! What this build is.

/// The version of upstream whose behaviour this build follows; clients that ask
/// for a version to decide what they may use are told this one's rules.
pub(crate) const UPSTREAM: &str = "3.14.0";

/// Our own version.
pub(crate) const OWN: &str = env!("CARGO_PKG_VERSION");

/// The block that `--version` prints.
pub(crate) fn text(program: &str) -> String {
    format!(
        "{program}, version {UPSTREAM}+narthex.{OWN}\n  platform:         {}/{}\n  rust edition:     2024\n",
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// The version as the API and the metrics give it: upstream's, ours behind it.
pub(crate) fn full() -> String {
    format!("{UPSTREAM}+narthex.{OWN}")
}
