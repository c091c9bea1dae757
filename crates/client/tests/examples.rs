//! The examples do what they say.
#![allow(unreachable_pub)]

#[path = "../examples/axum.rs"]
mod axum_example;
#[path = "../examples/batch.rs"]
mod batch;
#[path = "../examples/custom_collector.rs"]
mod custom_collector;
#[path = "../examples/hyper.rs"]
mod hyper_example;
#[path = "../examples/random.rs"]
mod random;
#[path = "../examples/simple.rs"]
mod simple;

use std::cell::RefCell;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use narthex_client::push::{PushRequest, Transport};
use narthex_client::{MetricType, Registry, testutil};

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn simple_shows_the_process() {
    let server = simple::serve("127.0.0.1:0").unwrap();
    let text = get(server.address(), "/metrics");
    assert!(text.contains("\nprocess_open_fds "), "{text}");
    assert!(text.contains("\nexample_build_info{version=\""), "{text}");
}

#[test]
fn random_observes_calls() {
    let registry = Registry::pedantic();
    let mut calls = random::Calls::new(&registry).unwrap();
    (0..100).for_each(|_| calls.make());
    let gathered = registry.gather();
    assert_eq!(gathered.errors, []);
    assert_eq!(gathered.family("rpc_durations_seconds").unwrap().metrics.len(), 3);
    let accept = narthex_client::exposition::negotiate_openmetrics(Some("application/openmetrics-text;version=1.0.0"));
    let text = gathered.encode(accept, &[]);
    assert!(text.contains("rpc_durations_histogram_seconds_count 100\n"), "{text}");
    assert!(text.contains(" # {dummyID=\""), "{text}");
    assert_eq!(testutil::lint_all(&registry).unwrap().len(), 1, "histogram in the name");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn axum_counts_by_route() {
    let registry = Registry::pedantic();
    let runtime = runtime();
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum_example::app(&registry).unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    });
    assert!(get(address, "/hello/a").ends_with("hello a"));
    assert!(get(address, "/hello/b").ends_with("hello b"));
    let text = get(address, "/metrics");
    assert!(text.contains("http_requests_total{code=\"200\",method=\"get\",route=\"/hello/{name}\"} 2\n"), "{text}");
    assert!(text.contains("http_requests_in_flight 0\n"), "{text}");
    assert!(text.contains("tokio_workers{runtime=\"main\"} 2\n"), "{text}");
}

#[test]
fn hyper_answers_scrapes() {
    let registry = Registry::new();
    registry.gauge(narthex_client::Opts::new("up", "")).unwrap().set(1.0);
    let runtime = runtime();
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(hyper_example::serve(listener, registry));
        address
    });
    assert!(get(address, "/").ends_with("# TYPE up gauge\nup 1\n"));
}

#[test]
fn custom_collector_shows_both_zones() {
    let registry = custom_collector::registry().unwrap();
    testutil::compare(
        &registry,
        "# HELP clustermanager_oom_crashes_total Number of OOM crashes.
         # TYPE clustermanager_oom_crashes_total counter
         clustermanager_oom_crashes_total{host=\"bar.example.org\",zone=\"db\"} 2001
         clustermanager_oom_crashes_total{host=\"ca.example.org\",zone=\"ca\"} 10
         clustermanager_oom_crashes_total{host=\"foo.example.org\",zone=\"db\"} 42
         # HELP clustermanager_ram_usage_bytes RAM usage as reported to the cluster manager.
         # TYPE clustermanager_ram_usage_bytes gauge
         clustermanager_ram_usage_bytes{host=\"bar.example.org\",zone=\"db\"} 3.14e+09
         clustermanager_ram_usage_bytes{host=\"ca.example.org\",zone=\"ca\"} 5.5e+10
         clustermanager_ram_usage_bytes{host=\"foo.example.org\",zone=\"db\"} 6.023e+09",
        &[],
    )
    .unwrap();
    assert!(registry.descs().iter().any(|desc| desc.metric_type() == MetricType::Counter));
}

/// Remembers what was sent.
#[derive(Default)]
struct Gateway(RefCell<Vec<PushRequest>>);

impl Transport for Gateway {
    fn send(&self, request: &PushRequest) -> Result<(u16, String), Box<dyn Error + Send + Sync>> {
        self.0.borrow_mut().push(request.clone());
        Ok((200, String::new()))
    }
}

#[test]
fn batch_pushes_success_and_failure() {
    let gateway = Gateway::default();
    batch::run("http://gateway", &gateway, || Ok(7)).unwrap();
    batch::run("http://gateway", &gateway, || Err("disk full".into())).unwrap_err();
    let sent = gateway.0.into_inner();
    let has_success = |request: &PushRequest| {
        let name = b"db_backup_last_completion_timestamp_seconds";
        request.body.windows(name.len()).any(|window| window == name)
    };
    assert_eq!(sent.iter().map(has_success).collect::<Vec<_>>(), [true, false]);
    assert!(sent.iter().all(|request| request.url == "http://gateway/metrics/job/db_backup/db/customers"));
    assert!(sent.iter().all(|request| request.method == "POST"));
}
