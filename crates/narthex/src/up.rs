//! `narthex up`: the whole stack with an embedded configuration.

use std::net::SocketAddr;
use std::process::ExitCode;

use crate::prometheus::settings::Settings;
use crate::prometheus::source::Source;
use crate::prometheus::{flags, host_name, server};

/// `narthex up`.
pub(crate) fn run(args: Vec<String>) -> ExitCode {
    let values = match crate::parse_flags(&flags::UP, args) {
        Ok(values) => values,
        Err(code) => return code,
    };
    let settings = match Settings::new(&values, &host_name()) {
        Ok(settings) => Settings { scrapes_at_once: true, ..settings },
        Err(text) => {
            crate::complain(&text);
            return ExitCode::from(2);
        }
    };
    let source = if values.is_given("config.file") {
        Source::File(settings.config_file.clone())
    } else {
        Source::Embedded(configuration)
    };
    if values.is_on("print-config") {
        return print_config(&source, &settings);
    }
    crate::logging::start_as(&values);
    let data = settings.data_dir.display().to_string();
    let prefix = settings.route_prefix.trim_end_matches('/').to_owned();
    server::run(settings, source, move |addresses| crate::complain(&banner(addresses, &prefix, &data)))
}

/// The configuration that runs when none is given: the server scrapes itself.
fn configuration(address: SocketAddr) -> String {
    format!(
        "# What `narthex up` runs. Copy it to a file and start `narthex prometheus --config.file=FILE`
# (or `narthex up --config.file=FILE`) to go on from here.
global:
  scrape_interval: 5s
  evaluation_interval: 5s

scrape_configs:
  # The server itself.
  - job_name: prometheus
    static_configs:
      - targets: ['{}']
",
        reachable(address)
    )
}

/// Where a program on this machine reaches a listener.
fn reachable(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(_) if address.ip().is_loopback() || address.ip().is_unspecified() => {
            format!("localhost:{}", address.port())
        }
        address => address.to_string(),
    }
}

fn print_config(source: &Source, settings: &Settings) -> ExitCode {
    match source {
        Source::Embedded(text) => {
            let address =
                settings.listen_addresses[0].parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 9090)));
            crate::print(&text(address))
        }
        Source::File(path) => match std::fs::read_to_string(path) {
            Ok(text) => crate::print(&text),
            Err(e) => {
                crate::complain(&format!("open {}: {e}", path.display()));
                ExitCode::from(2)
            }
        },
    }
}

fn banner(addresses: &[SocketAddr], prefix: &str, data: &str) -> String {
    let mut text = format!("\n  Narthex {} is up.\n\n", crate::version::OWN);
    for address in addresses {
        let own = format!("http://{address}{prefix}/");
        text += &match reachable(*address) {
            named if named != address.to_string() => format!("  page    http://{named}{prefix}/   ({own})\n"),
            _ => format!("  page    {own}\n"),
        };
    }
    text + &format!(
        "  data    {data}\n\n  Stop with Ctrl-C. `narthex up --print-config` shows what runs, `--help` what can be changed.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_configuration_scrapes_the_address_it_is_made_for() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1234));
        let config =
            narthex_config::Config::load_str(&configuration(address), std::path::Path::new(""), &|_| None).unwrap();
        assert_eq!(config.scrape_configs[0].static_configs[0].targets, ["localhost:1234"]);
    }

    #[test]
    fn the_banner_names_page_and_data() {
        let text = banner(&[SocketAddr::from(([127, 0, 0, 1], 9090))], "/prom", "./data");
        assert!(
            text.contains("http://localhost:9090/prom/")
                && text.contains("http://127.0.0.1:9090/prom/")
                && text.contains("./data"),
            "{text}"
        );
    }
}
