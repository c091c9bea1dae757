//! Sockets: binding, accepting, serving, and an end that lets answers finish.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::request_line::Tolerant;

/// How long answers may take to finish once the server ends.
const DRAIN: Duration = Duration::from_secs(10);

/// Connections that may wait to be accepted, as Go asks for (the system may allow fewer).
const BACKLOG: i32 = 4096;

/// The longest request head: line and headers.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// Binds an address written as users write it: `host:port`, `:port` for all.
///
/// # Errors
/// Upstream's text: `listen tcp 127.0.0.1:9090: bind: address already in use`.
pub(crate) fn bind(address: &str) -> Result<StdListener, String> {
    let fail = |what: &str, e: &io::Error| {
        let text = e.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        format!("listen tcp {address}: {what}{}", lower_first(text))
    };
    let host_port = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_owned() };
    let addresses: Vec<SocketAddr> =
        std::net::ToSocketAddrs::to_socket_addrs(&host_port.as_str()).map_err(|e| fail("", &e))?.collect();
    let listener = StdListener::bind(&addresses[..]).map_err(|e| fail("bind: ", &e))?;
    // The standard library lets few connections wait; a second call changes that.
    rustix::net::listen(&listener, BACKLOG).map_err(|e| fail("listen: ", &e.into()))?;
    listener.set_nonblocking(true).map_err(|e| fail("", &e))?;
    Ok(listener)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Serves connections of all listeners.
pub(crate) struct Web {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Web {
    /// Starts to serve. A connection that is idle, or takes to send its request,
    /// for `read_timeout` is closed; at most `connections_max` are served at a time.
    ///
    /// # Errors
    /// When a listener cannot be watched.
    pub(crate) fn start(
        listeners: Vec<StdListener>,
        router: Router,
        read_timeout: Duration,
        connections_max: usize,
    ) -> io::Result<Web> {
        let web = Web { stop: CancellationToken::new(), tasks: TaskTracker::new() };
        let places = Arc::new(Semaphore::new(connections_max));
        for listener in listeners {
            let listener = TcpListener::from_std(listener)?;
            let server = Server {
                router: router.clone(),
                read_timeout,
                places: Arc::clone(&places),
                stop: web.stop.clone(),
                tasks: web.tasks.clone(),
            };
            web.tasks.spawn(server.accept(listener));
        }
        Ok(web)
    }

    /// Takes no more connections, and lets running answers finish for a while.
    pub(crate) async fn shut_down(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(component = "web", "Some requests were still running at the end");
        }
    }
}

#[derive(Clone)]
struct Server {
    router: Router,
    read_timeout: Duration,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    async fn accept(self, listener: TcpListener) {
        loop {
            // A connection waits unaccepted until there is a place for it.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let server = self.clone();
                    self.tasks.spawn(async move {
                        server.serve(stream).await;
                        drop(place);
                    });
                }
                Err(e) => {
                    // Out of file descriptors, most likely: wait for some to come back.
                    tracing::warn!(component = "web", err = %e, "Accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.read_timeout)
            .max_buf_size(HEAD_LEN_MAX)
            .serve_connection(TokioIo::new(Tolerant::new(stream)), TowerToHyperService::new(self.router));
        tokio::pin!(connection);
        // What goes wrong on a connection is the client's affair.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_in_upstreams_words() {
        let held = StdListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap().to_string();
        assert_eq!(bind(&address).unwrap_err(), format!("listen tcp {address}: bind: address already in use"));
        assert!(bind("nowhere").unwrap_err().starts_with("listen tcp nowhere: "));
    }
}
