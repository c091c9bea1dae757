//! The process itself: `process_*`, read from `/proc` at each scrape.

#[cfg(feature = "process")]
use std::fs;

use narthex_model::MetricType;

use crate::collector::{Collector, Sink};
use crate::desc::{Desc, Opts};

/// Metrics of this process, named and described as by upstream's client.
/// Elsewhere than on Linux, and without the feature `process`, it yields nothing. A value that cannot be read is left out.
#[derive(Debug)]
pub struct ProcessCollector {
    descs: [Desc; METRICS.len()],
}

const METRICS: [(&str, &str, MetricType); 9] = [
    ("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", MetricType::Counter),
    ("process_open_fds", "Number of open file descriptors.", MetricType::Gauge),
    ("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge),
    ("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge),
    ("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.", MetricType::Gauge),
    ("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge),
    ("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", MetricType::Gauge),
    (
        "process_network_receive_bytes_total",
        "Number of bytes received by the process over the network.",
        MetricType::Counter,
    ),
    (
        "process_network_transmit_bytes_total",
        "Number of bytes sent by the process over the network.",
        MetricType::Counter,
    ),
];

impl ProcessCollector {
    /// A collector for this process.
    pub fn new() -> ProcessCollector {
        let descs = METRICS.map(|(name, help, metric_type)| {
            Opts::new(name, help).desc(metric_type, &[]).expect("the names above are valid")
        });
        ProcessCollector { descs }
    }
}

impl Default for ProcessCollector {
    fn default() -> ProcessCollector {
        ProcessCollector::new()
    }
}

impl Collector for ProcessCollector {
    fn describe(&self) -> Vec<Desc> {
        self.descs.to_vec()
    }

    #[cfg(not(feature = "process"))]
    fn collect(&self, _: &mut Sink) {}

    #[cfg(feature = "process")]
    fn collect(&self, sink: &mut Sink) {
        let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let netstat = fs::read_to_string("/proc/self/net/netstat").unwrap_or_default();
        let boot_time = || {
            let text = fs::read_to_string("/proc/stat").ok()?;
            text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<f64>().ok()
        };
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let stat = stat.as_ref();
        let values = [
            stat.map(|stat| stat.cpu_ticks / ticks_per_second),
            fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64),
            limit(&limits, "Max open files"),
            stat.map(|stat| stat.virtual_bytes),
            limit(&limits, "Max address space"),
            stat.map(|stat| stat.resident_pages * rustix::param::page_size() as f64),
            stat.and_then(|stat| Some(stat.start_ticks / ticks_per_second + boot_time()?)),
            ip_extension(&netstat, "InOctets"),
            ip_extension(&netstat, "OutOctets"),
        ];
        for (desc, value) in self.descs.iter().zip(values) {
            if let Some(value) = value {
                sink.value(desc, &[], value);
            }
        }
    }
}

#[cfg(feature = "process")]
/// The fields of `/proc/<pid>/stat` that are exposed.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_ticks: f64,
    start_ticks: f64,
    virtual_bytes: f64,
    resident_pages: f64,
}

#[cfg(feature = "process")]
impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        // The second field is the program's name in parentheses, which may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // proc(5) counts fields from 1; the first one here is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Stat {
            cpu_ticks: field(14)? + field(15)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

#[cfg(feature = "process")]
/// The soft limit of that name; `unlimited` is the greatest integer, as upstream's client has it.
fn limit(text: &str, name: &str) -> Option<f64> {
    let soft = text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX as f64) } else { soft.parse().ok() }
}

#[cfg(feature = "process")]
/// A field of the `IpExt` pair of lines: names above, values below.
fn ip_extension(text: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("IpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    pairs.find(|(field, _)| *field == name)?.1.parse().ok()
}

#[cfg(all(test, feature = "process"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Registry;

    #[test]
    fn reads_the_files() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 9 0 777 4096 33 18446744073709551615 1";
        let want = Stat { cpu_ticks: 200.0, start_ticks: 777.0, virtual_bytes: 4096.0, resident_pages: 33.0 };
        assert_eq!(Stat::parse(stat), Some(want));
        assert_eq!(Stat::parse("12 (a"), None);
        let limits = "Limit  Soft Limit\nMax open files            1024   4096  files\nMax address space   unlimited unlimited bytes\n";
        assert_eq!(limit(limits, "Max open files"), Some(1024.0));
        assert_eq!(limit(limits, "Max address space"), Some(18446744073709551615.0));
        let netstat = "TcpExt: A\nTcpExt: 1\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 7 8\n";
        assert_eq!(ip_extension(netstat, "OutOctets"), Some(8.0));
        assert_eq!(ip_extension("IpExt: InOctets", "InOctets"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn shows_this_process() {
        let registry = Registry::new();
        registry.register(Arc::new(ProcessCollector::new())).unwrap();
        let families = registry.gather().families;
        let value = |name: &str| match families.iter().find(|family| family.name == name)?.metrics[0].value {
            narthex_exposition::MetricValue::Single(value) => Some(value),
            _ => None,
        };
        assert!(value("process_resident_memory_bytes").unwrap() > 100_000.0);
        assert!(value("process_open_fds").unwrap() >= 3.0);
        assert!(value("process_start_time_seconds").unwrap() > 1.5e9);
        assert!(value("process_cpu_seconds_total").unwrap() < 1e6);
    }
}
