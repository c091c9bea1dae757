//! The server: flags to settings, parts built and connected, signals, an orderly end.
//!
//! - [`flags`]: the table of flags; [`settings`]: what they decide.
//! - [`source`]: where the configuration comes from.
//! - [`server`]: start and end, in upstream's order.
//! - [`control`]: readiness, reload, quit.
//! - [`late_storage`]: the store before it is open.
//! - [`listen`]: sockets; [`request_line`]: addresses as people type them.
//! - [`pages`]: the web interface's paths.
//! - [`targets`], [`status`], [`metrics`]: what the API and `/metrics` show.

mod control;
pub(crate) mod flags;
mod late_storage;
mod listen;
mod metrics;
mod pages;
mod request_line;
pub(crate) mod server;
pub(crate) mod settings;
pub(crate) mod source;
mod status;
mod targets;

use std::process::ExitCode;

use settings::Settings;
use source::Source;

/// `narthex prometheus`.
pub(crate) fn run(args: Vec<String>) -> ExitCode {
    let values = match crate::parse_flags(&flags::PROGRAM, args) {
        Ok(values) => values,
        Err(code) => return code,
    };
    let settings = match Settings::new(&values, &host_name()) {
        Ok(settings) => settings,
        Err(text) => {
            crate::complain(&text);
            return ExitCode::from(2);
        }
    };
    crate::logging::start_as(&values);
    let source = Source::File(settings.config_file.clone());
    server::run(settings, source, |_| {})
}

/// This machine's name; `localhost` when it has none.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".into() } else { name }
}
