//! A collector of one's own: a cluster manager that knows, when asked, how its hosts are
//! doing. Two zones have a manager each, told apart by a label that the registry adds.
//!
//! Run: `cargo run -p narthex-client --example custom_collector`

use std::sync::Arc;

use narthex_client::{Collector, Desc, MetricType, Opts, RegisterError, Registry, Sink};

/// Manages the hosts of one zone.
pub struct ClusterManager {
    hosts: Vec<Host>,
    oom_crashes: Desc,
    ram_usage: Desc,
}

/// What the manager finds out about a host.
struct Host {
    name: &'static str,
    oom_crashes: u32,
    ram_usage_bytes: f64,
}

impl ClusterManager {
    /// The manager of a zone.
    pub fn new(zone: &str) -> Result<ClusterManager, RegisterError> {
        let opts = |name: &str, help: &str| Opts::new(name, help).namespace("clustermanager");
        let host = |name, oom_crashes, ram_usage_bytes| Host { name, oom_crashes, ram_usage_bytes };
        let hosts = match zone {
            "db" => vec![host("foo.example.org", 42, 6.023e9), host("bar.example.org", 2001, 3.14e9)],
            _ => vec![host("ca.example.org", 10, 55e9)],
        };
        Ok(ClusterManager {
            hosts,
            oom_crashes: opts("oom_crashes_total", "Number of OOM crashes.").desc(MetricType::Counter, &["host"])?,
            ram_usage: opts("ram_usage_bytes", "RAM usage as reported to the cluster manager.")
                .desc(MetricType::Gauge, &["host"])?,
        })
    }
}

impl Collector for ClusterManager {
    fn describe(&self) -> Vec<Desc> {
        vec![self.oom_crashes.clone(), self.ram_usage.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        for host in &self.hosts {
            sink.value(&self.oom_crashes, &[host.name], f64::from(host.oom_crashes));
            sink.value(&self.ram_usage, &[host.name], host.ram_usage_bytes);
        }
    }
}

/// A registry with the managers of both zones; a pedantic one, as it is new code.
pub fn registry() -> Result<Registry, RegisterError> {
    let registry = Registry::pedantic();
    for zone in ["db", "ca"] {
        registry.with_labels(&[("zone", zone)]).register(Arc::new(ClusterManager::new(zone)?))?;
    }
    Ok(registry)
}

#[allow(dead_code, clippy::print_stdout)]
fn main() -> Result<(), RegisterError> {
    print!("{}", registry()?.gather().encode(narthex_client::exposition::negotiate(None), &[]));
    Ok(())
}
