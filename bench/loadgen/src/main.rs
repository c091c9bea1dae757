//! Scrape targets for load runs: one process that is any number of them.
//!
//! ```text
//! loadgen PORT SERIES
//! ```
//!
//! answers `GET /metrics` on every loopback address, so that `127.0.A.B:PORT` are
//! as many targets as wanted, each with SERIES series; `GET /stats` answers
//! with the number of scrapes and bytes served so far. What a target says is a function of its
//! address and the time: two programs that scrape it at one moment see the same.

#![allow(clippy::print_stderr)]

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static SCRAPES: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// Requests longer than this are not answered.
const REQUEST_LINES_MAX: usize = 200;

const BUCKETS: [&str; 11] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf"];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match args.as_slice() {
        [port, series] => port.parse::<u16>().ok().zip(series.parse::<usize>().ok()),
        _ => None,
    };
    let Some((port, series)) = parsed else {
        eprintln!("usage: loadgen PORT SERIES");
        std::process::exit(2);
    };
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap_or_else(|e| {
        eprintln!("loadgen: listen on port {port}: {e}");
        std::process::exit(1);
    });
    for stream in listener.incoming().flatten() {
        let serve = move || {
            // A scraper that goes away is no concern of ours.
            let _ = serve(&stream, series);
        };
        if std::thread::Builder::new().stack_size(128 * 1024).spawn(serve).is_err() {
            eprintln!("loadgen: no thread for one more connection");
        }
    }
}

fn serve(stream: &TcpStream, series: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let target = match stream.local_addr()?.ip() {
        IpAddr::V4(address) => u64::from(u32::from(address)),
        IpAddr::V6(_) => 0,
    };
    let mut requests = BufReader::new(stream);
    let mut answers = stream;
    let mut body = String::new();
    let mut line = String::new();
    loop {
        let mut path = String::new();
        for number in 0.. {
            line.clear();
            if number > REQUEST_LINES_MAX || requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                first if number == 0 => path = first.split(' ').nth(1).unwrap_or("").to_owned(),
                _ => {}
            }
        }
        body.clear();
        if path == "/stats" {
            let _ = writeln!(body, "{} {}", SCRAPES.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
        } else {
            write_metrics(target, series, now_ms(), &mut body);
            SCRAPES.fetch_add(1, Ordering::Relaxed);
            BYTES.fetch_add(body.len() as u64, Ordering::Relaxed);
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        answers.write_all(head.as_bytes())?;
        answers.write_all(body.as_bytes())?;
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The finaliser of splitmix64: well-spread bits for counting-up inputs.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Writes exactly `series` series: histograms, counters, wandering gauges and
/// constants in turn, roughly in the shares of a busy service.
fn write_metrics(target: u64, series: usize, now_ms: u64, out: &mut String) {
    let seconds = (now_ms / 100) as f64 / 10.0 - 1.7e9;
    let mut left = series;
    for family in 0u64.. {
        let rate = |k: u64, max: u64| (mix(target ^ (family << 20) ^ k) % max) as f64;
        let mut lines: Vec<String> = Vec::new();
        let name = match family % 4 {
            0 => {
                for (m, method) in ["GET", "POST", "PUT"].iter().enumerate() {
                    let total = (rate(m as u64, 60) * seconds).floor();
                    for (b, le) in BUCKETS.iter().enumerate() {
                        let count = (total * (b + 1) as f64 / BUCKETS.len() as f64).floor();
                        lines.push(format!(
                            "_bucket{{handler=\"/api/resource/{family}\",method=\"{method}\",le=\"{le}\"}} {count}"
                        ));
                    }
                    lines.push(format!(
                        "_sum{{handler=\"/api/resource/{family}\",method=\"{method}\"}} {}",
                        total * 0.0371
                    ));
                    lines.push(format!("_count{{handler=\"/api/resource/{family}\",method=\"{method}\"}} {total}"));
                }
                ("load_request_duration_seconds", "histogram")
            }
            1 => {
                for code in [200u64, 204, 301, 400, 404, 409, 500, 503] {
                    let count = (rate(code, 500) / 10.0 * seconds).floor();
                    lines.push(format!("{{code=\"{code}\",service=\"checkout\"}} {count}"));
                }
                ("load_responses_total", "counter")
            }
            2 => {
                for queue in 0..8u64 {
                    let bytes = 1_000_000 + mix(target ^ family ^ (queue << 8) ^ (now_ms / 1000)) % 1_000_000;
                    lines.push(format!("{{queue=\"queue-{queue}\",shard=\"{}\"}} {bytes}", queue % 3));
                }
                ("load_queue_bytes", "gauge")
            }
            _ => {
                for option in 0..8u64 {
                    lines.push(format!("{{option=\"{option}\",revision=\"{:08x}\"}} 1", mix(option ^ family) as u32));
                }
                ("load_option_info", "gauge")
            }
        };
        let (stem, kind) = name;
        let _ = writeln!(out, "# HELP {stem}_{family} Made up for load runs.\n# TYPE {stem}_{family} {kind}");
        for line in &lines {
            if left == 0 {
                return;
            }
            let _ = writeln!(out, "{stem}_{family}{line}");
            left -= 1;
        }
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_exactly_the_series_asked_for_and_repeats_itself() {
        for series in [1, 39, 40, 1000] {
            let mut first = String::new();
            write_metrics(7, series, 1_800_000_000_000, &mut first);
            assert_eq!(first.lines().filter(|line| !line.starts_with('#')).count(), series);
            let mut second = String::new();
            write_metrics(7, series, 1_800_000_000_000, &mut second);
            assert_eq!(first, second);
        }
    }
}
