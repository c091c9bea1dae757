//! Starting the program, speaking HTTP to it, and targets for it to scrape.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a loaded machine; nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory of its own with a configuration, in which servers run.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    /// A fresh directory whose `prometheus.yml` holds `config`.
    pub(crate) fn new(config: &str) -> Home {
        let home = Home { dir: tempfile::tempdir().unwrap() };
        home.write("prometheus.yml", config);
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        // By rename, as editors and configuration managers do.
        let draft = self.path(&format!("{name}.draft"));
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.path(name)).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_narthex"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts `narthex prometheus` here, on a free port, and waits until it is ready.
    pub(crate) fn start(&self, more: &[&str]) -> Server {
        let server = self
            .launch(&[&["prometheus", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"], more].concat());
        server.wait_until_ready();
        server
    }

    /// Starts the program and waits until it listens.
    pub(crate) fn launch(&self, args: &[&str]) -> Server {
        let mut child = self.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::<String>::new()));
        let reader = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                reader.lock().unwrap().push(line);
            }
        });
        let mut server = Server { child, log, address: None };
        let address = server.wait_for("an address in the log", |server| {
            let log = server.log();
            let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
            line.split("address=").nth(1)?.split_whitespace().next()?.parse().ok()
        });
        server.address = Some(address);
        server
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    address: Option<SocketAddr>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.body))
    }
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("the server listens")
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "")
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        self.request("POST", path, "")
    }

    /// A request with an urlencoded form as its body.
    pub(crate) fn request(&self, method: &str, path: &str, form: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// An instant query's result.
    pub(crate) fn query(&self, query: &str) -> Value {
        let answer = self.request("POST", "/api/v1/query", &format!("query={}", encode(query)));
        let mut json = answer.json();
        assert_eq!(json["status"], "success", "{query}: {json}");
        json["data"]["result"].take()
    }

    /// The value of a query that gives one series; `None` for none.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        let result = self.query(query);
        assert!(result.as_array().is_some_and(|r| r.len() <= 1), "{query} gives several series: {result}");
        result[0]["value"][1].as_str().map(|text| text.parse().unwrap())
    }

    /// One of its own metrics, named with its labels as `/metrics` shows them.
    #[track_caller]
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let metrics = self.get("/metrics").body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in:\n{metrics}")).parse().unwrap()
    }

    /// Asks again until there is an answer.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, attempt: impl Fn(&Server) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = attempt(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "gave up waiting for {what}; the log says:\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until it answers queries; it listens earlier.
    pub(crate) fn wait_until_ready(&self) {
        self.wait_for("ready", |server| (server.get("/-/ready").status == 200).then_some(()));
    }

    #[track_caller]
    pub(crate) fn wait_for_value(&self, query: &str, want: f64) {
        self.wait_for(&format!("{query} = {want}"), |server| (server.value(query) == Some(want)).then_some(()));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the process to end; its exit status.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server did not end; its log:\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Ends it the hard way.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Percent-encodes a parameter.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A target: answers each request on its connections with what `answer` gives
/// for the number of the request (from 0), as raw bytes, and then closes.
pub(crate) struct Target {
    address: SocketAddr,
}

impl Target {
    pub(crate) fn new(answer: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
                    while request.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    answer(number, &mut stream);
                });
            }
        });
        Target { address }
    }

    /// A target that exposes this text, given the number of the scrape.
    pub(crate) fn exposing(text: impl Fn(usize) -> String + Send + Sync + 'static) -> Target {
        Target::new(move |number, stream| {
            let body = text(number);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        })
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// A configuration with this one target, scraped ten times a second.
    pub(crate) fn config(&self) -> String {
        config(&[("job", &self.address())])
    }
}

/// A configuration that scrapes these targets ten times a second.
pub(crate) fn config(jobs: &[(&str, &str)]) -> String {
    let mut text = String::from("global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs:\n");
    for (name, target) in jobs {
        text += &format!("- job_name: {name}\n  static_configs: [{{targets: ['{target}']}}]\n");
    }
    text
}

/// Whether a path exists, for tests about what is left behind.
pub(crate) fn exists(path: &Path) -> bool {
    path.try_exists().unwrap()
}
