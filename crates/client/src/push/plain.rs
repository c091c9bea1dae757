//! Requests over plain HTTP, with nothing but the standard library.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::{PushRequest, Transport};

/// An answer is never longer than this.
const ANSWER_LEN_MAX: u64 = 1 << 20;

/// Sends requests over plain HTTP, one connection for each, and waits for the answer.
/// `https` URLs need a transport of your own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// How long to wait for the connection, and for each piece of the answer.
    pub timeout: Duration,
}

impl Default for Plain {
    /// With a timeout of 30 s.
    fn default() -> Plain {
        Plain { timeout: Duration::from_secs(30) }
    }
}

impl Transport for Plain {
    fn send(&self, request: &PushRequest) -> Result<(u16, String), Box<dyn Error + Send + Sync>> {
        let rest = request.url.strip_prefix("http://").ok_or("only http:// URLs can be sent plainly")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let has_port =
            authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let address = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let mut stream = connect(&address, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        let mut head = format!("{} /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", request.method);
        for (name, value) in &request.headers {
            if name.chars().chain(value.chars()).any(char::is_control) {
                return Err(format!("header {name:?} has a control character").into());
            }
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", request.body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(&request.body)?;
        let mut answer = Vec::new();
        stream.take(ANSWER_LEN_MAX).read_to_end(&mut answer)?;
        parse(&answer).ok_or_else(|| "the answer is not one of HTTP".into())
    }
}

fn connect(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("no address for {address}"));
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Status and body. A chunked body is left as it is: it is only shown to people.
fn parse(answer: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut words = head.split_whitespace();
    words.next()?.strip_prefix("HTTP/")?;
    Some((words.next()?.parse().ok()?, body.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn sends_and_hears() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 4096];
            let mut len = 0;
            while !request[..len].ends_with(b"\r\n\r\nbody") {
                len += stream.read(&mut request[len..]).unwrap();
            }
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nx: y\r\n\r\nwrong\n").unwrap();
            String::from_utf8(request[..len].to_vec()).unwrap()
        });
        let request = PushRequest {
            method: "PUT",
            url: format!("http://{address}/metrics/job/x"),
            headers: vec![("a".into(), "b".into())],
            body: b"body".to_vec(),
        };
        assert_eq!(Plain::default().send(&request).unwrap(), (400, "wrong".to_owned()));
        let seen = gateway.join().unwrap();
        assert!(seen.starts_with(&format!("PUT /metrics/job/x HTTP/1.1\r\nhost: {address}\r\n")), "{seen}");
        assert!(seen.contains("\r\na: b\r\ncontent-length: 4\r\n\r\n"), "{seen}");
        let secure = PushRequest { url: "https://x".into(), ..request.clone() };
        assert!(Plain::default().send(&secure).is_err());
        let split = PushRequest { headers: vec![("a".into(), "b\r\nc: d".into())], ..request };
        assert!(Plain::default().send(&split).is_err());
    }
}
