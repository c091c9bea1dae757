//! A job that is over before it can be scraped: it pushes when and how it ended.
//!
//! Run: `cargo run -p narthex-client --example batch -- http://localhost:9091`

use std::error::Error;

use narthex_client::push::{Pusher, Transport};
use narthex_client::{Opts, Registry};

/// Does the work and pushes what became of it. The time of the last success is pushed only
/// if this was one, and added, so that a failure leaves the earlier one where it is.
pub fn run(
    gateway: &str,
    transport: &impl Transport,
    work: impl FnOnce() -> Result<u64, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    let duration = registry.gauge(Opts::new("db_backup_duration_seconds", "How long the backup took."))?;
    let records = registry.gauge(Opts::new("db_backup_records_processed", "Records in the backup."))?;
    let outcome = duration.time(work);
    if let Ok(count) = outcome {
        records.set(count as f64);
        let last = Opts::new("db_backup_last_completion_timestamp_seconds", "When the backup last succeeded.");
        registry.gauge(last)?.set_to_current_time();
    }
    Pusher::new(gateway, "db_backup").grouping("db", "customers").gatherer(registry).add(transport)?;
    outcome.map(drop)
}

#[allow(dead_code)]
fn main() -> Result<(), Box<dyn Error>> {
    let gateway = std::env::args().nth(1).unwrap_or("http://localhost:9091".into());
    run(&gateway, &narthex_client::push::Plain::default(), || Ok(42))
}
