//! The threads on which loops run: one for each core, each with its own sockets
//! and timers.
//!
//! A loop stays on its thread. On a runtime that moves tasks between threads, a
//! scrape of a small target cost 75 µs of CPU, two thirds of it for threads that
//! woke each other.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Threads of one shard that may wait at a time for what blocks: name look-ups,
/// and large bodies being written.
const BLOCKING_THREADS_MAX: usize = 64;

/// The threads. Dropping it ends them, and with them every loop.
#[derive(Debug)]
pub(crate) struct Shards {
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Shards {
    /// Starts as many as asked for.
    ///
    /// # Errors
    /// When the system refuses threads or files.
    pub(crate) fn start(count: usize) -> io::Result<Shards> {
        let mut shards = Shards { handles: Vec::new(), threads: Vec::new(), stop: CancellationToken::new() };
        for i in 0..count.max(1) {
            let runtime =
                Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build()?;
            shards.handles.push(runtime.handle().clone());
            let stopped = shards.stop.clone().cancelled_owned();
            let thread = std::thread::Builder::new().name(format!("scrape-{i}"));
            shards.threads.push(thread.spawn(move || {
                runtime.block_on(stopped);
                // A name look-up may hang for long; nobody waits for it.
                runtime.shutdown_background();
            })?);
        }
        Ok(shards)
    }

    /// The runtime for a target with this hash.
    pub(crate) fn of(&self, hash: u64) -> &Handle {
        &self.handles[(hash % self.handles.len() as u64) as usize]
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // The last owner may be a loop, on a thread that cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}
