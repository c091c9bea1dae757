use std::convert::Infallible;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::{Opts, Registry};

struct Metrics {
    registry: Registry,
    layer: InstrumentLayer,
}

fn metrics(layer: InstrumentLayer) -> Metrics {
    let registry = Registry::pedantic();
    let histogram = |name: &str, labels: &[&str], bound: f64| {
        registry.histogram_vec(Opts::new(name, ""), labels, &[bound]).unwrap()
    };
    let requests = registry.counter_vec(Opts::new("requests_total", ""), &["method", "code", "route"]).unwrap();
    let layer = layer
        .label("route", |parts| parts.uri.path().to_owned())
        .extra_method("PURGE")
        .in_flight(registry.gauge(Opts::new("in_flight", "")).unwrap())
        .counter(requests)
        .unwrap()
        .duration(histogram("seconds", &["code"], 60.0))
        .unwrap()
        .time_to_headers(histogram("head_seconds", &[], 60.0))
        .unwrap()
        .request_size(histogram("request_bytes", &[], 30.0))
        .unwrap()
        .response_size(histogram("response_bytes", &[], 4.0))
        .unwrap();
    Metrics { registry, layer }
}

fn text(registry: &Registry) -> String {
    let gathered = registry.gather();
    assert_eq!(gathered.errors, []);
    gathered.encode(narthex_exposition::negotiate(None), &[])
}

#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|other| other == *line), "{line} is not in\n{text}");
    }
}

async fn answer(request: Request<()>) -> Result<Response<Full<Bytes>>, &'static str> {
    match request.uri().path() {
        "/error" => Err("as asked"),
        "/panic" => panic!("as asked"),
        "/wait" => std::future::pending().await,
        "/teapot" => {
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            Ok(response)
        }
        _ => Ok(Response::new(Full::new(Bytes::from_static(b"hello")))),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(path).header("content-length", "10").body(()).unwrap()
}

#[test]
fn a_server_counts_everything_once() {
    let Metrics { registry, layer } = metrics(InstrumentLayer::server());
    let service = layer.layer(service_fn(answer));
    block_on(async {
        let response = service.clone().oneshot(request("GET", "/a")).await.unwrap();
        has(&text(&registry), &["in_flight 1", "head_seconds_count 1"]);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
        service.clone().oneshot(request("PURGE", "/teapot")).await.unwrap();
        service.clone().oneshot(request("BREW", "/error")).await.unwrap_err();
        // Given up while it waits, and given up before the body was read.
        let mut waiting = Box::pin(service.clone().oneshot(request("POST", "/wait")));
        assert!(std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await.is_pending());
        drop(waiting);
        drop(service.clone().oneshot(request("POST", "/a")).await.unwrap());
    });
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_on(service.clone().oneshot(request("GET", "/panic")))
    }));
    assert!(panicked.is_err());
    has(
        &text(&registry),
        &[
            "in_flight 0",
            "requests_total{code=\"200\",method=\"get\",route=\"/a\"} 1",
            "requests_total{code=\"418\",method=\"purge\",route=\"/teapot\"} 1",
            "requests_total{code=\"500\",method=\"unknown\",route=\"/error\"} 1",
            "requests_total{code=\"canceled\",method=\"post\",route=\"/wait\"} 1",
            "requests_total{code=\"200\",method=\"post\",route=\"/a\"} 1",
            "requests_total{code=\"500\",method=\"get\",route=\"/panic\"} 1",
            "seconds_count{code=\"200\"} 2",
            "head_seconds_count 3",
            "response_bytes_bucket{le=\"4\"} 5",
            "response_bytes_sum 5",
            // get /a HTTP/1.1, content-length 10, and ten bytes announced.
            "request_bytes_bucket{le=\"30\"} 0",
            "request_bytes_count 6",
        ],
    );
}

#[test]
fn a_client_counts_answers() {
    let Metrics { registry, layer } = metrics(InstrumentLayer::client());
    let mut service = layer.layer(service_fn(answer));
    block_on(async {
        let service = service.ready().await.unwrap();
        let response = service.call(request("GET", "/a")).await.unwrap();
        has(
            &text(&registry),
            &["requests_total{code=\"200\",method=\"get\",route=\"/a\"} 1", "seconds_count{code=\"200\"} 1"],
        );
        drop(response);
        service.call(request("GET", "/error")).await.unwrap_err();
    });
    assert_eq!(text(&registry).lines().filter(|line| line.starts_with("requests_total{")).count(), 1);
}

#[test]
fn bodies_are_passed_as_they_are() {
    let service = InstrumentLayer::server().layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
    }));
    let body = block_on(service.oneshot(request("GET", "/"))).unwrap().into_body();
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(5));
}

#[test]
fn labels_without_values_are_refused() {
    let registry = Registry::new();
    let vector = registry.counter_vec(Opts::new("a_total", ""), &["code", "path"]).unwrap();
    let refused = InstrumentLayer::server().counter(vector.clone()).unwrap_err();
    assert_eq!(refused.to_string(), "metric partitioned with non-supported labels: \"path\"");
    assert!(InstrumentLayer::server().counter(vector.curry(&[("path", "/")]).unwrap()).is_ok());
}
