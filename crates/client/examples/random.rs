//! Simulated remote procedure calls with latencies of three distributions, observed by a
//! summary and by a histogram with classic and native buckets and exemplars.
//!
//! Run: `cargo run -p narthex-client --example random -- 127.0.0.1:8080`

use std::error::Error;
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use narthex_client::{
    Histogram, HistogramOpts, Opts, RegisterError, Registry, Server, SummaryOpts, SummaryVec, linear_buckets,
};

/// The domain of the uniform distribution, and the deviation and mean of the normal one.
const UNIFORM_DOMAIN: f64 = 0.0002;
const NORMAL_DOMAIN: f64 = 0.0002;
const NORMAL_MEAN: f64 = 0.00001;
/// The period of the load's ups and downs.
const OSCILLATION_PERIOD: Duration = Duration::from_secs(600);

/// The simulated services.
pub struct Calls {
    durations: SummaryVec,
    histogram: Histogram,
    random: fastrand::Rng,
}

impl Calls {
    /// Makes the metrics in a registry.
    pub fn new(registry: &Registry) -> Result<Calls, RegisterError> {
        let quantiles = SummaryOpts::quantiles(&[(0.5, 0.05), (0.9, 0.01), (0.99, 0.001)]);
        let durations = registry.summary_vec(
            Opts::new("rpc_durations_seconds", "RPC latency distributions."),
            &["service"],
            quantiles,
        )?;
        let bounds = linear_buckets(NORMAL_MEAN - 5.0 * NORMAL_DOMAIN, 0.5 * NORMAL_DOMAIN, 20);
        let histogram = registry.histogram(
            Opts::new("rpc_durations_histogram_seconds", "RPC latency distributions."),
            HistogramOpts::native(1.1).with_classic(&bounds),
        )?;
        Ok(Calls { durations, histogram, random: fastrand::Rng::with_seed(1) })
    }

    /// One call of each service.
    pub fn make(&mut self) {
        let uniform = self.random.f64() * UNIFORM_DOMAIN;
        // Box and Muller.
        let (a, b) = (1.0 - self.random.f64(), self.random.f64());
        let normal = (-2.0 * a.ln()).sqrt() * (TAU * b).cos() * NORMAL_DOMAIN + NORMAL_MEAN;
        let exponential = -(1.0 - self.random.f64()).ln() / 1e6;
        for (service, seconds) in [("uniform", uniform), ("normal", normal), ("exponential", exponential)] {
            self.durations.apply(&[service], |durations| durations.observe(seconds));
        }
        let id = self.random.u32(..100_000).to_string();
        self.histogram.observe_with_exemplar(normal, &[("dummyID", &id)]).expect("the label is valid");
    }
}

#[allow(dead_code, clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let registry = Registry::global();
    let mut calls = Calls::new(registry)?;
    let server = Server::bind(&*address, registry.clone())?;
    println!("http://{}/metrics", server.address());
    let start = Instant::now();
    loop {
        calls.make();
        let phase = TAU * start.elapsed().as_secs_f64() / OSCILLATION_PERIOD.as_secs_f64();
        std::thread::sleep(Duration::from_secs_f64(0.1 * (2.0 + phase.sin())));
    }
}
