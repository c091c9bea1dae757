//! A server for programs that have none: `/metrics` on a thread of its own, with
//! nothing but the standard library.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::gather::Gatherer;
use crate::scrape::{ScrapeAnswer, ScrapeOptions, ScrapeRequest, answer};

/// So many connections are served at once; others wait for their turn to be refused.
const CONNECTIONS_MAX: usize = 32;
/// A request's head is never longer than this.
const HEAD_LEN_MAX: u64 = 64 * 1024;
/// So long a peer may take to send its request, or to take a piece of the answer.
const IO_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves `/metrics` until it is dropped.
///
/// ```
/// use narthex_client::{Opts, Registry, Server};
///
/// let registry = Registry::new();
/// registry.counter(Opts::new("starts_total", "Starts."))?.inc();
/// let server = Server::bind("127.0.0.1:0", registry)?;
/// println!("metrics at http://{}/metrics", server.address());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    is_closing: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Serves what `gatherer` gathers at this address.
    ///
    /// # Errors
    /// When the address cannot be listened at, or no thread be started.
    pub fn bind(address: impl ToSocketAddrs, gatherer: impl Gatherer + 'static) -> io::Result<Server> {
        Server::bind_with(address, gatherer, ScrapeOptions::new())
    }

    /// As [`Server::bind`], with options.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_with(
        address: impl ToSocketAddrs,
        gatherer: impl Gatherer + 'static,
        options: ScrapeOptions,
    ) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let is_closing = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_closing);
        let thread = thread::Builder::new()
            .name("metrics".into())
            .spawn(move || accept(&listener, &flag, Arc::new((gatherer, options))))?;
        Ok(Server { address, is_closing, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_closing.store(true, SeqCst);
        // Wakes the thread out of waiting for a connection.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // It has nothing to say.
            drop(thread.join());
        }
    }
}

fn accept<G: Gatherer + 'static>(listener: &TcpListener, is_closing: &AtomicBool, source: Arc<(G, ScrapeOptions)>) {
    let open = Arc::new(AtomicUsize::new(0));
    for connection in listener.incoming() {
        if is_closing.load(SeqCst) {
            return;
        }
        // One that broke before it was accepted is nobody's loss.
        let Ok(connection) = connection else { continue };
        if open.load(SeqCst) >= CONNECTIONS_MAX {
            continue;
        }
        open.fetch_add(1, SeqCst);
        let (of_thread, source) = (Arc::clone(&open), Arc::clone(&source));
        let serve = move || {
            // A peer that goes away in the middle has nobody to tell.
            drop(serve(connection, &source.0, &source.1));
            of_thread.fetch_sub(1, SeqCst);
        };
        if thread::Builder::new().name("metrics".into()).spawn(serve).is_err() {
            open.fetch_sub(1, SeqCst);
        }
    }
}

fn serve(connection: TcpStream, gatherer: &impl Gatherer, options: &ScrapeOptions) -> io::Result<()> {
    connection.set_read_timeout(Some(IO_TIMEOUT))?;
    connection.set_write_timeout(Some(IO_TIMEOUT))?;
    connection.set_nodelay(true)?;
    let mut out = connection.try_clone()?;
    let mut reader = BufReader::new(connection);
    while let Some(head) = Head::read(&mut reader)? {
        let answer = match (head.method.as_str(), head.path.as_str()) {
            ("GET" | "HEAD", "/metrics") => {
                let request = ScrapeRequest {
                    accept: head.header("accept"),
                    accept_encoding: head.header("accept-encoding"),
                    query: head.query.as_deref(),
                };
                answer(&gatherer.gather(), request, options)
            }
            ("GET" | "HEAD", _) => ScrapeAnswer::text(404, "404 page not found"),
            _ => ScrapeAnswer::text(405, "Method Not Allowed"),
        };
        let stays = head.is_kept && answer.status == 200;
        let reason = match answer.status {
            200 => "OK",
            404 => "Not Found",
            405 => "Method Not Allowed",
            _ => "Internal Server Error",
        };
        let mut text = format!("HTTP/1.1 {} {reason}\r\n", answer.status);
        for (name, value) in &answer.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n", answer.body.len());
        text += if stays { "\r\n" } else { "connection: close\r\n\r\n" };
        out.write_all(text.as_bytes())?;
        if head.method != "HEAD" {
            out.write_all(&answer.body)?;
        }
        if !stays {
            break;
        }
    }
    Ok(())
}

/// The head of a request.
struct Head {
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, String)>,
    /// Whether the connection may serve another request.
    is_kept: bool,
}

impl Head {
    /// `None` at the end of the connection and for what is no request.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
        let mut limited = reader.take(HEAD_LEN_MAX);
        let mut line = String::new();
        limited.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Ok(None);
        };
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let mut head = Head {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            headers: Vec::new(),
            is_kept: version == "HTTP/1.1",
        };
        loop {
            let mut line = String::new();
            limited.read_line(&mut line)?;
            if !line.ends_with('\n') {
                return Ok(None);
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                head.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        // What follows would be a body, which nothing here has a use for.
        let has_body = head.header("content-length").is_some_and(|len| len != "0");
        let closes = head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        head.is_kept &= !closes && !has_body && head.header("transfer-encoding").is_none();
        Ok(Some(head))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Opts, Registry};

    fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn serves_until_dropped() {
        let registry = Registry::new();
        registry.gauge(Opts::new("up", "")).unwrap().set(1.0);
        let server = Server::bind("127.0.0.1:0", registry).unwrap();
        let get = |path: &str| exchange(server.address(), &format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n"));
        let text = get("/metrics?name[]=up");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4"), "{text}");
        assert!(text.ends_with("\r\n\r\n# TYPE up gauge\nup 1\n"), "{text}");
        assert!(get("/other").starts_with("HTTP/1.1 404 "));
        assert!(exchange(server.address(), "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(exchange(server.address(), "HEAD /metrics HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n"));
        assert_eq!(exchange(server.address(), "nonsense\r\n\r\n"), "");
        // Two requests on one connection.
        let two = "GET /metrics HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\nConnection: Close\r\n\r\n";
        assert_eq!(exchange(server.address(), two).matches("up 1\n").count(), 2);
        let address = server.address();
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
}
