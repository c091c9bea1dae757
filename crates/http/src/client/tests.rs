//! Against servers of every kind on loopback.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::*;

/// A server that answers the n-th request of its life (over all connections,
/// from 0) with what `answer` makes of it; `None` closes the connection.
async fn serve(answer: impl Fn(usize, &str) -> Option<Vec<u8>> + Send + 'static) -> (u16, Connections) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Connections::default();
    let counter = connections.clone();
    tokio::spawn(async move {
        let mut requests = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            while let Some(request) = read_request(&mut stream).await {
                let Some(bytes) = answer(requests, &request) else { break };
                requests += 1;
                if stream.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        }
    });
    (port, connections)
}

#[derive(Clone, Default)]
struct Connections(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Connections {
    fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        request.push(byte[0]);
    }
    Some(String::from_utf8(request).unwrap())
}

fn ok(body: &[u8]) -> Vec<u8> {
    with_headers("", body)
}

fn with_headers(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn gzip(parts: &[&[u8]]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for part in parts {
        encoder.write_all(part).unwrap();
    }
    encoder.finish().unwrap()
}

fn url(port: u16) -> Url {
    Url::parse(&format!("http://127.0.0.1:{port}/metrics")).unwrap()
}

fn budget() -> Arc<BodyBudget> {
    Arc::new(BodyBudget::new(usize::MAX / 2))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Fetches once: the body, or the text of the error.
async fn fetch(client: &mut Client, url: &Url, len_max: Option<usize>, deadline: Instant) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let response = client.get(url, &HeaderMap::new(), deadline).await.map_err(|e| e.to_string())?;
    let _held = response.read_body(&mut body, len_max, &budget()).await.map_err(|e| e.to_string())?;
    Ok(body)
}

async fn fetch_once(port: u16, len_max: Option<usize>) -> Result<Vec<u8>, String> {
    fetch(&mut Client::default(), &url(port), len_max, soon()).await
}

#[tokio::test]
async fn one_connection_serves_all_requests() {
    let (port, connections) = serve(|n, request| {
        assert!(request.starts_with("GET /metrics HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("Host: 127.0.0.1:") && request.contains("User-Agent: x\r\n"), "{request}");
        Some(ok(format!("a {n}\n").as_bytes()))
    })
    .await;
    let mut client = Client::new(Endpoint::Address, true);
    let headers = HeaderMap::from_iter([(http::header::USER_AGENT, HeaderValue::from_static("x"))]);
    let mut body = Vec::new();
    for n in 0..5 {
        let response = client.get(&url(port), &headers, soon()).await.unwrap();
        assert_eq!((response.status_text().as_str(), response.content_type()), ("200 OK", ""));
        let _held = response.read_body(&mut body, None, &budget()).await.unwrap();
        assert_eq!(body, format!("a {n}\n").into_bytes());
    }
    assert_eq!(connections.count(), 1);
}

#[tokio::test]
async fn a_connection_closed_meanwhile_is_replaced() {
    // Says nothing about closing, but does so after the answer.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(&ok(b"a 1\n")).await.unwrap();
        }
    });
    let mut client = Client::default();
    for _ in 0..3 {
        assert_eq!(fetch(&mut client, &url(port), None, soon()).await.unwrap(), b"a 1\n");
    }
}

#[tokio::test]
async fn gzip_is_inflated_in_several_members() {
    let mut body = gzip(&[b"a 1\n"]);
    body.extend(gzip(&[b"b 2\n"]));
    let (port, _) = serve(move |_, _| Some(with_headers("Content-Encoding: gzip\r\n", &body))).await;
    assert_eq!(fetch_once(port, None).await.unwrap(), b"a 1\nb 2\n");
}

#[tokio::test]
async fn a_large_body_arrives_whole_from_a_server_that_closes() {
    let lines: String = (0..100_000).map(|i| format!("metric_{} {}\n", i % 100, i * 7919)).collect();
    for (encoding, body) in
        [("", lines.clone().into_bytes()), ("Content-Encoding: gzip\r\n", gzip(&[lines.as_bytes()]))]
    {
        for framing in ["Connection: close\r\n".to_owned(), format!("Content-Length: {}\r\n", body.len())] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let head = format!("HTTP/1.1 200 OK\r\n{encoding}{framing}\r\n");
            let body = body.clone();
            tokio::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    read_request(&mut stream).await;
                    stream.write_all(head.as_bytes()).await.unwrap();
                    stream.write_all(&body).await.unwrap();
                }
            });
            let mut client = Client::default();
            for _ in 0..2 {
                assert!(fetch(&mut client, &url(port), None, soon()).await.unwrap() == lines.as_bytes());
            }
        }
    }
}

#[tokio::test]
async fn damaged_gzip_is_an_error() {
    let whole = gzip(&[&b"metric_name 1\n".repeat(100)]);
    let mut flipped = whole.clone();
    flipped[14] ^= 0xFF;
    for (body, want) in [
        (b"not gzip at all, really".to_vec(), "gzip: invalid header"),
        (Vec::new(), "unexpected EOF"),
        (b"x 1\n".to_vec(), "unexpected EOF"),
        (whole[..whole.len() - 3].to_vec(), "gzip: unexpected EOF or invalid checksum"),
        (whole[..20].to_vec(), "gzip: unexpected EOF or invalid checksum"),
    ] {
        let (port, _) = serve(move |_, _| Some(with_headers("Content-Encoding: gzip\r\n", &body))).await;
        assert_eq!(fetch_once(port, None).await.unwrap_err(), want);
    }
    let (port, _) = serve(move |_, _| Some(with_headers("Content-Encoding: gzip\r\n", &flipped))).await;
    let error = fetch_once(port, None).await.unwrap_err();
    assert!(error.starts_with("gzip:") || error.starts_with("flate:"), "{error}");
}

#[tokio::test]
async fn limits_count_what_comes_out() {
    let (port, _) = serve(|_, _| Some(ok(b"0123456789"))).await;
    // Upstream refuses a body of exactly the limit.
    assert_eq!(fetch_once(port, Some(10)).await.unwrap_err(), "body size limit exceeded");
    assert_eq!(fetch_once(port, Some(11)).await.unwrap(), b"0123456789");

    let zeros = vec![b'0'; 1 << 20];
    let bomb = gzip(&[zeros.as_slice(); 8]);
    assert!(bomb.len() < 20_000);
    let (port, _) = serve(move |_, _| Some(with_headers("Content-Encoding: gzip\r\n", &bomb))).await;
    let mut body = Vec::new();
    let mut client = Client::default();
    let response = client.get(&url(port), &HeaderMap::new(), soon()).await.unwrap();
    let error = response.read_body(&mut body, Some(1 << 20), &budget()).await.unwrap_err();
    assert_eq!(error.to_string(), "body size limit exceeded");
    assert!(body.capacity() <= 2 << 20, "a bomb costs the limit, not {}", body.capacity());
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        while stream.write_all(b"10\r\n0123456789abcdef\r\n").await.is_ok() {}
    });
    assert_eq!(fetch_once(port, Some(100_000)).await.unwrap_err(), "body size limit exceeded");
}

#[tokio::test]
async fn refused_connections_read_as_in_go() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let want =
        format!("Get \"http://127.0.0.1:{port}/metrics\": dial tcp 127.0.0.1:{port}: connect: connection refused");
    assert_eq!(fetch_once(port, None).await.unwrap_err(), want);
}

#[tokio::test]
async fn an_unknown_name_reads_as_in_go() {
    // Labels end at 63 bytes, so no resolver needs to be asked.
    let name = "n".repeat(64);
    let url = Url::parse(&format!("http://{name}:1/")).unwrap();
    let error = fetch(&mut Client::default(), &url, None, soon()).await.unwrap_err();
    assert!(error.starts_with(&format!("Get \"http://{name}:1/\": dial tcp: lookup {name}: ")), "{error}");
}

#[tokio::test]
async fn https_says_that_it_is_missing() {
    let url = Url::parse("https://127.0.0.1:1/").unwrap();
    let error = fetch(&mut Client::default(), &url, None, soon()).await.unwrap_err();
    assert_eq!(error, "Get \"https://127.0.0.1:1/\": scheme https is not supported by this version");
}

#[tokio::test]
async fn garbage_is_an_error() {
    let endless_head = {
        let mut head = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        head.extend(std::iter::repeat_n(b'x', 1 << 20));
        head
    };
    for (answer, want) in [
        (
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(),
            "transport connection broken: malformed HTTP response \"SSH-2.0-OpenSSH_9.2\"",
        ),
        (endless_head, "net/http: server response headers exceeded 32768 bytes; aborted"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec(), "unexpected EOF"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n".to_vec(), "malformed chunked encoding"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".to_vec(), "unexpected EOF"),
        (Vec::new(), "EOF"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let _ = stream.write_all(&answer).await;
        });
        let error = fetch_once(port, None).await.unwrap_err();
        assert!(error.contains(want), "{error:?} should contain {want:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_head_and_body() {
    // The silent one never answers; the drip sends a byte now and then for ever.
    for (head, want_bare) in [("", false), ("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let _ = stream.write_all(head.as_bytes()).await;
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if !head.is_empty() && stream.write_all(b"x").await.is_err() {
                    return;
                }
            }
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        let error = fetch(&mut Client::default(), &url(port), None, deadline).await.unwrap_err();
        if want_bare {
            assert_eq!(error, "context deadline exceeded");
        } else {
            assert_eq!(error, format!("Get \"http://127.0.0.1:{port}/metrics\": context deadline exceeded"));
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_ten_requests_far() {
    let to = |location: &str| {
        Some(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 2\r\n\r\nhi").into_bytes())
    };
    let (port, connections) = serve(move |n, request| match n {
        0..9 => to(&format!("/{n}")),
        _ => {
            assert!(request.starts_with("GET /8 ") && request.contains("Referer: http://127.0.0.1:"), "{request}");
            Some(ok(b"there"))
        }
    })
    .await;
    assert_eq!(fetch_once(port, None).await.unwrap(), b"there");
    assert_eq!(connections.count(), 1);

    let (port, _) = serve(move |_, _| to("/again")).await;
    assert_eq!(fetch_once(port, None).await.unwrap_err(), "Get \"/again\": stopped after 10 redirects");

    let (port, _) = serve(move |_, _| to("/again")).await;
    let mut client = Client::new(Endpoint::Address, false);
    let response = client.get(&url(port), &HeaderMap::new(), soon()).await.unwrap();
    assert_eq!(response.status_text(), "302 Found");

    let (port, _) = serve(move |_, _| to("ftp://a/")).await;
    let error = fetch_once(port, None).await.unwrap_err();
    assert!(error.ends_with(r#"unsupported protocol scheme "ftp""#), "{error}");
}

#[tokio::test]
async fn the_reason_is_the_servers() {
    let (port, _) = serve(|_, _| Some(b"HTTP/1.1 503 Gone Fishing\r\nContent-Length: 0\r\n\r\n".to_vec())).await;
    let mut client = Client::default();
    let response = client.get(&url(port), &HeaderMap::new(), soon()).await.unwrap();
    assert_eq!(response.status_text(), "503 Gone Fishing");
}

#[tokio::test]
async fn a_unix_socket_is_an_endpoint() {
    let folder = std::env::temp_dir().join(format!("narthex-http-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(&ok(b"a 1\n")).await;
    });
    let mut client = Client::new(Endpoint::UnixSocket(path), true);
    assert_eq!(fetch(&mut client, &url(1), None, soon()).await.unwrap(), b"a 1\n");
    let mut client = Client::new(Endpoint::UnixSocket(folder.join("none")), true);
    let error = fetch(&mut client, &url(1), None, soon()).await.unwrap_err();
    assert!(error.ends_with("none: connect: no such file or directory"), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
}
