//! Writing metrics to Graphite, in its line protocol.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use narthex_exposition::{LabelPairs, Metric, MetricFamily, MetricValue};
use narthex_model::float::format_g;

use crate::gather::{Gathered, Gatherer};
use crate::scrape::ErrorPolicy;

/// Where to write metrics, how, and how often.
#[derive(Clone, Debug)]
#[must_use]
pub struct Bridge {
    address: String,
    prefix: String,
    interval: Duration,
    timeout: Duration,
    uses_tags: bool,
    policy: ErrorPolicy,
}

impl Bridge {
    /// To the Graphite at this address (`host:port`), every 15 seconds.
    pub fn new(address: &str) -> Bridge {
        let interval = Duration::from_secs(15);
        let policy = ErrorPolicy::Continue;
        Bridge {
            address: address.to_owned(),
            prefix: String::new(),
            interval,
            timeout: interval,
            uses_tags: false,
            policy,
        }
    }

    /// Puts this and a dot before all names.
    pub fn prefix(mut self, prefix: &str) -> Bridge {
        self.prefix = prefix.to_owned();
        self
    }

    /// How often to write.
    pub fn interval(mut self, interval: Duration) -> Bridge {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// How long to wait for the connection, and for each piece to go.
    pub fn timeout(mut self, timeout: Duration) -> Bridge {
        self.timeout = timeout;
        self
    }

    /// Writes labels as tags (Graphite 1.1), not as parts of the name.
    pub fn tags(mut self) -> Bridge {
        self.uses_tags = true;
        self
    }

    /// Whether to write what was gathered when something could not be; it does so at first.
    pub fn errors(mut self, policy: ErrorPolicy) -> Bridge {
        self.policy = policy;
        self
    }

    /// Writes the metrics of now, once.
    ///
    /// # Errors
    /// When Graphite cannot be reached, or something not be gathered.
    pub fn push(&self, gatherer: &impl Gatherer) -> io::Result<()> {
        let gathered = gatherer.gather();
        if self.policy == ErrorPolicy::Fail && !gathered.errors.is_empty() {
            return Err(io::Error::other(crate::scrape::list(&gathered.errors)));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let text = self.encode(&gathered, now);
        let address = self.address.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        let mut stream = TcpStream::connect_timeout(&address, self.timeout)?;
        stream.set_write_timeout(Some(self.timeout))?;
        stream.write_all(text.as_bytes())
    }

    /// Writes the metrics again and again on a thread of its own, until what is returned is
    /// dropped. `failed` hears of what goes wrong.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn run(
        self,
        gatherer: impl Gatherer + 'static,
        failed: impl Fn(io::Error) + Send + 'static,
    ) -> io::Result<Running> {
        let (stop, stopped) = channel();
        let gatherer = Arc::new(gatherer);
        let work = move || {
            while stopped.recv_timeout(self.interval) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = self.push(&gatherer) {
                    failed(error);
                }
            }
        };
        let thread = thread::Builder::new().name("graphite".into()).spawn(work)?;
        Ok(Running { stop: Some(stop), thread: Some(thread) })
    }

    /// The lines for these metrics at this time.
    pub fn encode(&self, gathered: &Gathered, now_seconds: u64) -> String {
        let mut out = String::new();
        for family in &gathered.families {
            for metric in &family.metrics {
                self.metric(family, metric, now_seconds, &mut out);
            }
        }
        out
    }

    fn metric(&self, family: &MetricFamily, metric: &Metric, now_seconds: u64, out: &mut String) {
        let seconds = metric.timestamp_ms.map_or(now_seconds as i64, |ms| ms.div_euclid(1000));
        let mut line = |suffix: &str, label: Option<(&str, f64)>, value: f64| {
            if !self.prefix.is_empty() {
                out.push_str(&self.prefix);
                out.push('.');
            }
            sanitize(&family.name, self.uses_tags, out);
            out.push_str(suffix);
            self.labels(&metric.labels, label, out);
            out.push_str(&format!(" {} {seconds}\n", format_g(value)));
        };
        match &metric.value {
            MetricValue::Single(value) => line("", None, *value),
            MetricValue::Histogram(value) => {
                for &(bound, count) in value.buckets.iter().filter(|(bound, _)| *bound != f64::INFINITY) {
                    line("_bucket", Some(("le", bound)), count as f64);
                }
                line("_bucket", Some(("le", f64::INFINITY)), value.count as f64);
                line("_sum", None, value.sum);
                line("_count", None, value.count as f64);
            }
            MetricValue::FloatHistogram(value) => {
                line("_sum", None, value.sum);
                line("_count", None, value.count);
            }
            MetricValue::Summary(value) => {
                for &(quantile, estimate) in &value.quantiles {
                    line("", Some(("quantile", quantile)), estimate);
                }
                line("_sum", None, value.sum);
                line("_count", None, value.count as f64);
            }
        }
    }

    fn labels(&self, labels: &LabelPairs, own: Option<(&str, f64)>, out: &mut String) {
        let own = own.map(|(name, value)| (name.to_owned(), format_g(value)));
        let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut pairs: Vec<(&str, &str)> = labels.iter().chain(own).collect();
        pairs.sort_unstable();
        for (name, value) in pairs {
            if self.uses_tags && value.is_empty() {
                // Graphite knows no empty tags.
                continue;
            }
            out.push(if self.uses_tags { ';' } else { '.' });
            sanitize(name, self.uses_tags, out);
            out.push(if self.uses_tags { '=' } else { '.' });
            sanitize(value, self.uses_tags, out);
        }
    }
}

/// Appends what Graphite takes: spaces as dots, other characters as underscores, of
/// which never two in a row. Values of tags may have more characters.
fn sanitize(text: &str, is_tag: bool, out: &mut String) {
    let mut was_underscore = false;
    for c in text.chars() {
        let c = match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | ':' | '-' => c,
            '.' | '/' | '+' if is_tag => c,
            ' ' if !is_tag => '.',
            _ => '_',
        };
        if !(c == '_' && was_underscore) {
            out.push(c);
        }
        was_underscore = c == '_';
    }
}

/// Writes until it is dropped.
#[derive(Debug)]
pub struct Running {
    stop: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;
    use crate::{Opts, Registry};

    fn registry() -> Registry {
        let registry = Registry::new();
        let jobs = registry.counter_vec(Opts::new("jobs_total", ""), &["zone", "kind"]).unwrap();
        jobs.with(&["a b", "x;=\u{e4}\u{e4}.y"]).inc_by(1_000_000);
        registry.histogram(Opts::new("wait", ""), &[0.5]).unwrap().observe(2.0);
        registry
    }

    #[test]
    fn lines() {
        let gathered = registry().gather();
        assert_eq!(
            Bridge::new("").prefix("p").encode(&gathered, 7),
            "p.jobs_total.kind.x_y.zone.a.b 1e+06 7\n\
             p.wait_bucket.le.0_5 0 7\np.wait_bucket.le._Inf 1 7\np.wait_sum 2 7\np.wait_count 1 7\n"
        );
        assert_eq!(
            Bridge::new("").tags().encode(&gathered, 7),
            "jobs_total;kind=x_.y;zone=a_b 1e+06 7\n\
             wait_bucket;le=0.5 0 7\nwait_bucket;le=+Inf 1 7\nwait_sum 2 7\nwait_count 1 7\n"
        );
    }

    #[test]
    fn writes_again_and_again_until_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let running = Bridge::new(&address).interval(Duration::from_millis(1)).run(registry(), |_| {}).unwrap();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert!(text.starts_with("jobs_total.kind.x_y.zone.a.b 1e+06 "), "{text}");
        }
        drop(running);
    }
}
