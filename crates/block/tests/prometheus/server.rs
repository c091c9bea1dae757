//! The real program as a child process.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Series;
use crate::wire::write_request;

/// The program to compare with, or a word that there is none.
pub(crate) fn program() -> Option<PathBuf> {
    let program = std::env::var_os("NARTHEX_PROMETHEUS").map(PathBuf::from).filter(|program| program.exists());
    if program.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: NARTHEX_PROMETHEUS names no program");
    }
    program
}

/// A Prometheus on a port of its own. Ends when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts it over the data in `dir` and waits until it is ready.
    pub(crate) fn start(program: &Path, dir: &Path, flags: &[&str]) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.join("config.yml");
        std::fs::write(&config, "storage: {tsdb: {out_of_order_time_window: 2h}}\n").unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--storage.tsdb.retention.time=100y", "--storage.tsdb.min-block-duration=2h", "--log.level=error"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let server = Server { child, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !matches!(server.request("GET", "/-/ready", &[]), Some((200, _))) {
            assert!(Instant::now() < deadline, "Prometheus does not become ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\nContent-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
        Some((status, answer.split_off(end + 4)))
    }

    /// Sends samples by remote write.
    pub(crate) fn write(&self, series: &[Series]) {
        let (status, body) = self.request("POST", "/api/v1/write", &write_request(series)).unwrap();
        assert!(status < 300, "{status}: {}", String::from_utf8_lossy(&body));
    }

    fn get(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.request("GET", path, &[]).unwrap();
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        answer["data"]["result"].clone()
    }

    pub(crate) fn query_range(&self, query: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> serde_json::Value {
        let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
        let (query, start, end, step) = (escape(query), seconds(start_ms), seconds(end_ms), seconds(step_ms));
        self.get(&format!("/api/v1/query_range?query={query}&start={start}&end={end}&step={step}"))
    }

    pub(crate) fn query(&self, query: &str, time_ms: i64) -> serde_json::Value {
        let time = format!("{}.{:03}", time_ms / 1000, time_ms % 1000);
        self.get(&format!("/api/v1/query?query={}&time={time}", escape(query)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
