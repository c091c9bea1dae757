//! Opening connections, with Go's rules for several addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

use crate::error::Failure;

/// How long one of several addresses may take before the next is tried. Go
/// divides what is left of the deadline, two seconds at least; a fixed share
/// needs no deadline here and is as good.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);

/// How many addresses of a name are tried.
const ADDRESSES_MAX: usize = 8;

/// Connects to the first address of `host` that answers.
///
/// # Errors
/// Those of the first address, as Go reports it.
pub(super) async fn tcp(host: &str, port: u16) -> Result<(TcpStream, Option<(SocketAddr, SocketAddr)>), Failure> {
    let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => match lookup_host((host, port)).await {
            Ok(found) => found.take(ADDRESSES_MAX).collect(),
            Err(source) => return Err(Failure::Lookup { host: host.to_owned(), source }),
        },
    };
    let mut first_failure = None;
    let count = addresses.len();
    for (i, address) in addresses.into_iter().enumerate() {
        let connected = if i + 1 < count {
            timeout(ADDRESS_TIMEOUT, TcpStream::connect(address))
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        } else {
            TcpStream::connect(address).await
        };
        match connected {
            Ok(stream) => {
                // As Go does by default; a request is one small packet anyway.
                let _ = stream.set_nodelay(true);
                let ends = stream.local_addr().ok().map(|local| (local, address));
                return Ok((stream, ends));
            }
            Err(source) => {
                first_failure.get_or_insert(Failure::Dial { network: "tcp", address: address.to_string(), source });
            }
        }
    }
    Err(first_failure
        .unwrap_or_else(|| Failure::Lookup { host: host.to_owned(), source: io::Error::other("no such host") }))
}

/// Connects to a Unix socket.
pub(super) async fn unix(path: &Path) -> Result<UnixStream, Failure> {
    UnixStream::connect(path).await.map_err(|source| Failure::Dial {
        network: "unix",
        address: path.display().to_string(),
        source,
    })
}
