//! Our instrumentation library beside the ones people use, in one run.
//!
//! Each row is one thing a program does with its metrics. All libraries take turns
//! in every round, so that what else the machine does hits all of them. Run: `cargo run --release` here; with an argument, only the rows
//! whose name contains it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

mod encode;
mod update;

/// Counts the bytes that are allocated.
struct Counting;

static ALLOCATED: AtomicU64 = AtomicU64::new(0);

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATED.fetch_add(new_size.saturating_sub(layout.size()) as u64, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What one library does in a row: a number of times, in one of the threads.
type Work<'a> = (&'a str, Box<dyn Fn(u64) + Sync + 'a>);

const ROUNDS: usize = 25;

/// Nanoseconds per operation and thread. With one thread the best round counts: what
/// disturbs it is not the library. With more, the middle one: in the best one they
/// may not have met.
fn measure(works: &[Work<'_>], threads: usize, iterations: u64) -> Vec<f64> {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); works.len()];
    for _ in 0..ROUNDS {
        for ((_, work), rounds) in works.iter().zip(&mut rounds) {
            let barrier = Barrier::new(threads);
            let longest = std::thread::scope(|scope| {
                let run = || {
                    barrier.wait();
                    let start = Instant::now();
                    work(iterations);
                    start.elapsed()
                };
                let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
                handles.into_iter().map(|handle| handle.join().expect("does not panic")).max()
            });
            rounds.push(longest.map_or(0.0, |longest| longest.as_nanos() as f64 / iterations as f64));
        }
    }
    let chosen = |mut rounds: Vec<f64>| {
        rounds.sort_by(f64::total_cmp);
        rounds[if threads == 1 { 0 } else { ROUNDS / 2 }]
    };
    rounds.into_iter().map(chosen).collect()
}

/// Prints a row per number of threads.
fn row(name: &str, iterations: u64, works: Vec<Work<'_>>) {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if !name.contains(&wanted) {
        return;
    }
    for threads in [1, 2, 4] {
        let best = measure(&works, threads, iterations);
        let cells: Vec<String> =
            works.iter().zip(best).map(|((library, _), nanos)| format!("{library} {nanos:.1}")).collect();
        println!("| {name} | {threads} | {} |", cells.join(" | "));
    }
}

fn times(count: u64, mut work: impl FnMut()) {
    for _ in 0..count {
        black_box(&mut work)();
    }
}

fn main() {
    println!("| operation (ns) | threads | results |");
    println!("|---|---|---|");
    update::run();
    encode::run();
}
