//! What a tokio runtime is doing, read at each scrape.

use narthex_model::MetricType;
use tokio::runtime::Handle;

use crate::collector::{Collector, Sink};
use crate::desc::{Desc, Opts};
use crate::error::RegisterError;

/// Metrics of a tokio runtime, `tokio_*`, as far as they are stable in tokio.
#[derive(Debug)]
pub struct TokioCollector {
    runtime: Handle,
    workers: Desc,
    alive_tasks: Desc,
    global_queue_depth: Desc,
    busy: Desc,
    parks: Desc,
    park_unparks: Desc,
}

impl TokioCollector {
    /// Of this runtime, under the label `runtime` with this value.
    ///
    /// # Errors
    /// Never in practice; the names are valid.
    pub fn new(runtime: Handle, name: &str) -> Result<TokioCollector, RegisterError> {
        let desc = |metric: &str, help: &str, metric_type, labels: &[&str]| {
            Opts::new(metric, help).namespace("tokio").const_label("runtime", name).desc(metric_type, labels)
        };
        use MetricType::{Counter, Gauge};
        Ok(TokioCollector {
            runtime,
            workers: desc("workers", "Worker threads of the runtime.", Gauge, &[])?,
            alive_tasks: desc("alive_tasks", "Tasks that have been spawned and are not over.", Gauge, &[])?,
            global_queue_depth: desc("global_queue_depth", "Tasks in the queue that all workers share.", Gauge, &[])?,
            busy: desc("worker_busy_seconds_total", "Seconds the worker was busy.", Counter, &["worker"])?,
            parks: desc("worker_parks_total", "How often the worker had nothing to do.", Counter, &["worker"])?,
            park_unparks: desc(
                "worker_park_unparks_total",
                "How often the worker went to sleep or was woken.",
                Counter,
                &["worker"],
            )?,
        })
    }
}

impl Collector for TokioCollector {
    fn describe(&self) -> Vec<Desc> {
        let descs =
            [&self.workers, &self.alive_tasks, &self.global_queue_depth, &self.busy, &self.parks, &self.park_unparks];
        descs.map(Desc::clone).to_vec()
    }

    fn collect(&self, sink: &mut Sink) {
        let metrics = self.runtime.metrics();
        sink.value(&self.workers, &[], metrics.num_workers() as f64);
        sink.value(&self.alive_tasks, &[], metrics.num_alive_tasks() as f64);
        sink.value(&self.global_queue_depth, &[], metrics.global_queue_depth() as f64);
        let workers: Vec<String> = (0..metrics.num_workers()).map(|worker| worker.to_string()).collect();
        let mut each = |desc: &Desc, value: &dyn Fn(usize) -> f64| {
            workers.iter().enumerate().for_each(|(i, worker)| sink.value(desc, &[worker], value(i)));
        };
        each(&self.busy, &|worker| metrics.worker_total_busy_duration(worker).as_secs_f64());
        each(&self.parks, &|worker| metrics.worker_park_count(worker) as f64);
        each(&self.park_unparks, &|worker| metrics.worker_park_unpark_count(worker) as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testutil;

    #[test]
    fn shows_the_runtime() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let gathered = testutil::collect(TokioCollector::new(runtime.handle().clone(), "main").unwrap()).unwrap();
        let text = gathered.encode(narthex_exposition::negotiate(None), &["tokio_workers"]);
        assert!(text.ends_with("tokio_workers{runtime=\"main\"} 2\n"), "{text}");
        assert_eq!(gathered.family("tokio_worker_parks_total").unwrap().metrics.len(), 2);
        assert_eq!(testutil::lint_all(&crate::FnGatherer(move || gathered.clone())).unwrap(), []);
    }
}
