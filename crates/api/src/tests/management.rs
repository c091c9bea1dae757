use axum::body::Body;
use http::Method;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, LOCATION};

use super::world::*;
use crate::Readiness;

async fn ask(router: &axum::Router, method: Method, path: &str) -> (u16, String) {
    let response = send(router, request(method, path).body(Body::empty()).unwrap()).await;
    (response.status().as_u16(), text(response).await)
}

#[tokio::test]
async fn health_and_readiness() {
    let world = World::new();
    let life = world.life.clone();
    let router = world.router();
    assert_eq!(fetch(&router, "/-/healthy").await, (200, "Prometheus Server is Healthy.\n".into()));
    assert_eq!(fetch(&router, "/-/ready").await, (200, "Prometheus Server is Ready.\n".into()));
    assert_eq!(ask(&router, Method::HEAD, "/-/ready").await.0, 200);
    for (readiness, stopping) in [(Readiness::Starting, "false"), (Readiness::Stopping, "true")] {
        *life.readiness.lock().unwrap() = readiness;
        for path in ["/-/ready", "/api/v1/query?query=1"] {
            let response = send(&router, request(Method::GET, path).body(Body::empty()).unwrap()).await;
            assert_eq!(response.status(), 503, "{path}");
            assert_eq!(response.headers()["x-prometheus-stopping"], stopping);
            assert_eq!(text(response).await, "Service Unavailable");
        }
        for path in ["/-/healthy", "/metrics", "/version", "/query", "/api/v1/status/walreplay"] {
            assert_eq!(fetch(&router, path).await.0, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn reload_and_quit() {
    let world = World::new();
    let life = world.life.clone();
    let router = world.router();
    assert_eq!(ask(&router, Method::GET, "/-/reload").await, (405, "Only POST or PUT requests allowed".into()));
    assert_eq!(ask(&router, Method::POST, "/-/reload").await, (200, "".into()));
    *life.reload.lock().unwrap() = Err("couldn't load configuration".into());
    assert_eq!(
        ask(&router, Method::PUT, "/-/reload").await,
        (500, "failed to reload config: couldn't load configuration\n".into())
    );
    assert_eq!(ask(&router, Method::POST, "/-/quit").await, (200, "Requesting termination... Goodbye!".into()));
    assert_eq!(ask(&router, Method::POST, "/-/quit").await, (200, "Termination already in progress.".into()));

    let mut world = World::new();
    world.options.is_lifecycle_enabled = false;
    let router = world.router();
    assert_eq!(ask(&router, Method::POST, "/-/quit").await, (403, "Lifecycle API is not enabled.".into()));
}

#[tokio::test]
async fn version_is_json_as_text() {
    let router = World::new().router();
    let response = send(&router, request(Method::GET, "/version").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
    let want = "{\"version\":\"3.14.0\",\"revision\":\"\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}\n";
    assert_eq!(text(response).await, want);
}

#[tokio::test]
async fn metrics_count_the_requests() {
    let router = World::new().router();
    fetch(&router, "/api/v1/query?query=1").await;
    fetch(&router, "/api/v1/query?query=(").await;
    fetch(&router, "/api/v1/label/a/values").await;
    fetch(&router, "/nothing").await;
    let response = send(&router, request(Method::GET, "/metrics").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
    let body = text(response).await;
    for line in [
        "prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/query\"} 1",
        "prometheus_http_requests_total{code=\"400\",handler=\"/api/v1/query\"} 1",
        "prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/label/:name/values\"} 1",
        "prometheus_http_requests_total{code=\"200\",handler=\"/-/ready\"} 0",
        "prometheus_http_response_size_bytes_bucket{handler=\"/api/v1/query\",le=\"100\"} 1",
        "prometheus_http_request_duration_seconds_count{handler=\"/api/v1/query\"} 2",
        "promhttp_metric_handler_requests_in_flight 1",
    ] {
        assert!(body.lines().any(|l| l == line), "{line}\n{body}");
    }
    assert!(!body.contains("nothing"));

    let (_, one) = fetch(&router, "/metrics?name[]=promhttp_metric_handler_requests_total").await;
    assert!(one.lines().filter(|line| !line.starts_with('#')).all(|line| line.starts_with("promhttp_metric_handler")));
    let ask = request(Method::GET, "/metrics").header(ACCEPT_ENCODING, "deflate, gzip;q=0.5");
    let response = send(&router, ask.body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn everything_lives_below_the_prefix() {
    let mut world = World::new();
    world.options.route_prefix = "/prom".into();
    let router = world.router();
    for path in ["/prom/-/healthy", "/prom/api/v1/query?query=1", "/prom/metrics", "/prom/query?a=b"] {
        assert_eq!(fetch(&router, path).await.0, 200, "{path}");
    }
    for path in ["/-/healthy", "/api/v1/query?query=1", "/promx/metrics"] {
        assert_eq!(fetch(&router, path).await.0, 404, "{path}");
    }
    let response = send(&router, request(Method::GET, "/").body(Body::empty()).unwrap()).await;
    assert_eq!((response.status().as_u16(), &response.headers()[LOCATION]), (302, &"/prom".parse().unwrap()));
    assert_eq!(text(response).await, "<a href=\"/prom\">Found</a>.\n\n");
    assert_eq!(fetch(&router, "/prom").await, (301, "<a href=\"/prom/\">Moved Permanently</a>.\n\n".into()));
}

#[tokio::test]
async fn other_paths_are_the_pages() {
    let router = World::new().router();
    assert_eq!(fetch(&router, "/query?g0.expr=up").await, (200, "the page".into()));
    assert_eq!(ask(&router, Method::POST, "/query").await, (405, "Method Not Allowed\n".into()));
    assert_eq!(ask(&router, Method::HEAD, "/query").await.0, 405);
    assert_eq!(ask(&router, Method::OPTIONS, "/query").await, (200, "".into()));
    assert_eq!(ask(&router, Method::OPTIONS, "/nothing").await.0, 404);
    assert_eq!(ask(&router, Method::OPTIONS, "/-/healthy").await, (200, "".into()));
}
