use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use http::Method;
use narthex_exposition::negotiate;
use narthex_model::labels;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::*;

/// A world with one metric of many series.
fn many(count: usize) -> World {
    let mut world = World::new();
    world.store.series = (0..count)
        .map(|i| (labels! { "__name__" => "m", "i" => format!("{i:06}") }, vec![(NOW_MS, i as f64)]))
        .collect();
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_answers_are_streamed_and_complete() {
    let router = many(20_000).router();
    let response = send(&router, request(Method::GET, "/api/v1/query?query=m").body(Body::empty()).unwrap()).await;
    assert_eq!(response.body().size_hint().exact(), None, "its length is not known when it begins");
    let body = text(response).await;
    assert!(body.starts_with(r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":"#));
    assert!(body.ends_with(r#"{"metric":{"__name__":"m","i":"019999"},"value":[1700000000,"19999"]}]}}"#));
    let parsed: serde_json::Value = serde_json::from_str(&body).expect("is JSON");
    assert_eq!(parsed["data"]["result"].as_array().unwrap().len(), 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_answers_have_a_length() {
    let router = World::new().router();
    let response = send(&router, request(Method::GET, "/api/v1/query?query=1").body(Body::empty()).unwrap()).await;
    assert!(response.body().size_hint().exact().is_some());
}

async fn serve(router: axum::Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn poll_until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "it did not come about in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Set when the server has dropped the request.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_ends_when_its_client_goes_away() {
    let mut world = many(10);
    let gate = Arc::new(Gate::default());
    world.store.gate = Some(gate.clone());
    let registry = world.registry.clone();
    let (router, was_dropped) = (world.router(), Arc::new(AtomicBool::new(false)));
    let dropped = was_dropped.clone();
    let address = serve(Router::new().fallback(move |request: Request| {
        let (router, guard) = (router.clone(), Dropped(dropped.clone()));
        async move {
            let _guard = guard;
            send(&router, request).await
        }
    }))
    .await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /api/v1/query?query=sum(m) HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    poll_until(|| gate.was_reached.load(Ordering::SeqCst)).await;
    drop(client);
    poll_until(|| was_dropped.load(Ordering::SeqCst)).await;
    gate.is_open.store(true, Ordering::SeqCst);
    let canceled = "prometheus_http_requests_total{code=\"499\",handler=\"/api/v1/query\"} 1\n";
    poll_until(|| registry.gather().encode(negotiate(None), &[]).contains(canceled)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_arrive_over_a_socket() {
    let address = serve(many(20_000).router()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /api/v1/query?query=m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok") && head.contains("transfer-encoding: chunked"), "{head}");
    assert!(answer.ends_with("0\r\n\r\n"), "the last chunk came");
}
