//! Whole pools against servers on loopback, in real time: intervals of some
//! milliseconds, and waiting only for what must happen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use narthex_env::SystemClock;
use narthex_model::labels;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::target::Health;
use crate::testing::Memory;

/// Answers every request with the same bytes, which a test may change.
#[derive(Clone)]
struct Server {
    port: u16,
    answer: Arc<Mutex<Vec<u8>>>,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: Vec<u8>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            port: listener.local_addr().unwrap().port(),
            answer: Arc::new(Mutex::new(answer)),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                own.connections.fetch_add(1, Ordering::SeqCst);
                let own = own.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    let mut buffer = [0; 4096];
                    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
                        request.extend_from_slice(&buffer[..len]);
                        if request.ends_with(b"\r\n\r\n") {
                            own.requests.lock().unwrap().push(String::from_utf8(std::mem::take(&mut request)).unwrap());
                            let answer = own.answer.lock().unwrap().clone();
                            if stream.write_all(&answer).await.is_err() || answer.is_empty() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    fn set(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn text(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const INTERVAL_MS: i64 = 40;

fn job(set: impl FnOnce(&mut ScrapeConfig)) -> Arc<ScrapeConfig> {
    let mut config = ScrapeConfig {
        job_name: "j".into(),
        scrape_interval_ms: INTERVAL_MS,
        scrape_timeout_ms: INTERVAL_MS,
        ..ScrapeConfig::default()
    };
    set(&mut config);
    Arc::new(config)
}

struct Fixture {
    manager: Arc<Manager>,
    memory: Memory,
}

impl Fixture {
    fn start() -> Fixture {
        let memory = Memory::default();
        let options =
            Options { host_name: "here".into(), user_agent: "Prometheus/3.14.0".into(), scrapes_at_once: false };
        let manager = Manager::new(
            options,
            Arc::new(memory.clone()),
            Arc::new(SystemClock::new()),
            &Random::from_seed(1),
            Arc::new(ScrapeMetrics::unregistered()),
        );
        Fixture { manager: Arc::new(manager.unwrap()), memory }
    }

    fn apply(&self, configs: &[Arc<ScrapeConfig>]) {
        self.manager.apply_config(configs, &BTreeMap::new());
    }

    fn set_targets(&self, job: &str, addresses: &[String]) {
        let targets = addresses.iter().map(|a| labels! { "__address__" => a }).collect();
        let group = TargetGroup { source: "0".into(), targets, labels: Labels::empty() };
        self.manager.update_targets(&HashMap::from([(job.to_owned(), vec![Arc::new(group)])]));
    }

    fn targets(&self) -> Vec<Arc<Target>> {
        self.manager.pools().into_iter().flat_map(|pool| pool.active).collect()
    }

    fn values(&self, name: &str) -> Vec<String> {
        let value = |sample: String| sample.split('@').next().unwrap().to_owned();
        self.memory.samples_of(name).into_iter().map(value).collect()
    }
}

/// Waits until it is so.
#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain at {caller}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test]
async fn a_target_is_scraped_again_and_again() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|c| c.params = [("x".to_owned(), vec!["y".to_owned()])].into())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| fixture.values("a").len() >= 3).await;
    assert_eq!(fixture.values("a")[..3], ["1", "1", "1"]);
    assert_eq!(fixture.values("up")[..3], ["1", "1", "1"]);
    assert_eq!(fixture.values("scrape_series_added")[..3], ["1", "0", "0"]);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1, "one kept connection");

    let request = server.requests.lock().unwrap()[0].clone();
    for line in [
        "GET /metrics?x=y HTTP/1.1\r\n",
        "\r\nUser-Agent: Prometheus/3.14.0\r\n",
        "\r\nAccept-Encoding: gzip\r\n",
        "\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.04\r\n",
        "\r\nAccept: application/openmetrics-text;version=1.0.0;",
    ] {
        assert!(request.contains(line), "{line:?} in {request}");
    }
    let last = fixture.targets()[0].last_scrape();
    assert_eq!((last.health, last.error.as_str()), (Health::Up, ""));
    assert!(last.started_ns.is_some() && last.duration_seconds > 0.0);
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn bad_targets_are_down_with_the_reason_and_disturb_nobody() {
    let good = Server::start(text("a 1\n")).await;
    let silent = Server::start(Vec::new()).await;
    let ssh = Server::start(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()).await;
    let missing = Server::start(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    let html =
        Server::start(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx".to_vec()).await;
    let large = Server::start(text(&"a 1\n".repeat(1000))).await;
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = format!("127.0.0.1:{}", slow.local_addr().unwrap().port());
    let all =
        [good.address(), silent.address(), ssh.address(), missing.address(), html.address(), large.address(), slow];
    let fixture = Fixture::start();
    fixture.apply(&[job(|c| c.body_size_limit = 1000)]);
    fixture.set_targets("j", &all);
    until(|| fixture.targets().iter().all(|t| t.last_scrape().health != Health::Unknown)).await;
    until(|| fixture.values("a").len() >= 3).await;
    let error_of = |address: &String| {
        let targets = fixture.targets();
        let target = targets.iter().find(|t| t.labels().value("instance") == address).unwrap();
        target.last_scrape().error
    };
    for (address, want) in all.iter().zip([
        "",
        ": EOF",
        "malformed HTTP response",
        "server returned HTTP status 404 Not Found",
        "received unsupported Content-Type \"text/html\"",
        "body size limit exceeded",
        "",
    ]) {
        let error = error_of(address);
        assert!(error.contains(want) && error.is_empty() == (*address == all[0]), "{address}: {error}");
    }
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn a_reload_that_changes_nothing_disturbs_nothing() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| fixture.values("a").len() >= 2).await;
    let before = fixture.targets();
    fixture.apply(&[job(|_| ()), job(|c| c.job_name = "other".into())]);
    fixture.set_targets("j", &[server.address()]);
    assert!(Arc::ptr_eq(&before[0], &fixture.targets()[0]));
    let len = fixture.values("a").len();
    until(|| fixture.values("a").len() >= len + 2).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn a_reload_that_stores_alike_keeps_what_is_known() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| fixture.values("a").len() >= 2).await;
    fixture.apply(&[job(|c| {
        c.sample_limit = 10;
        c.scrape_interval_ms = INTERVAL_MS + 1;
    })]);
    let len = fixture.values("a").len();
    until(|| fixture.values("a").len() >= len + 4).await;
    assert_eq!(fixture.values("scrape_series_added").iter().filter(|v| *v == "1").count(), 1);
    assert!(!fixture.values("a").contains(&"stale".to_owned()));
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn a_reload_that_stores_otherwise_forgets_and_outlives_its_markers() {
    let server = Server::start(text("a{job=\"x\"} 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| fixture.values("a").len() >= 2).await;
    fixture.apply(&[job(|c| c.honor_labels = true)]);
    // The series under the old name ends; `up`, which goes on, does not.
    until(|| fixture.values("a").contains(&"stale".to_owned())).await;
    assert!(!fixture.values("up").contains(&"stale".to_owned()));
    assert_eq!(fixture.values("scrape_series_added").iter().filter(|v| *v == "1").count(), 2);
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn a_target_that_is_gone_ends_with_markers() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| !fixture.values("a").is_empty()).await;
    fixture.set_targets("j", &[]);
    assert_eq!(fixture.targets().len(), 0);
    until(|| fixture.values("a").contains(&"stale".to_owned())).await;
    assert_eq!(fixture.values("a").last().unwrap(), "stale");
    assert_eq!(fixture.values("up").last().unwrap(), "stale");
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn a_job_that_is_gone_ends_with_markers() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| !fixture.values("a").is_empty()).await;
    fixture.apply(&[]);
    assert_eq!(fixture.manager.pool_names(), Vec::<String>::new());
    until(|| fixture.values("up").contains(&"stale".to_owned())).await;
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn nothing_is_written_on_shutdown_or_after() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| fixture.values("a").len() >= 2).await;
    // One target is on its way out when the end comes.
    fixture.set_targets("j", &[]);
    fixture.manager.shutdown().await;
    let count = fixture.memory.commit_count();
    fixture.set_targets("j", &[server.address()]);
    assert_eq!(fixture.manager.pools().len(), 0);
    assert_eq!(fixture.memory.commit_count(), count);
    assert!(!fixture.values("a").contains(&"stale".to_owned()));
}

#[tokio::test]
async fn a_pool_with_too_many_targets_asks_none() {
    let servers = [Server::start(text("a 1\n")).await, Server::start(text("a 1\n")).await];
    let fixture = Fixture::start();
    fixture.apply(&[job(|c| c.target_limit = 1)]);
    fixture.set_targets("j", &[servers[0].address(), servers[1].address()]);
    until(|| fixture.values("up").len() >= 2).await;
    assert!(fixture.values("up").iter().all(|v| v == "0"));
    until(|| fixture.targets()[0].last_scrape().health == Health::Down).await;
    assert_eq!(fixture.targets()[0].last_scrape().error, "target_limit exceeded (number of targets: 2, limit: 1)");
    assert_eq!(servers[0].requests.lock().unwrap().len(), 0);
    fixture.set_targets("j", &[servers[0].address()]);
    until(|| fixture.values("a").len() >= 2).await;
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn a_target_that_comes_back_is_well_again() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| !fixture.values("a").is_empty()).await;
    server.set(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec());
    until(|| fixture.values("a").contains(&"stale".to_owned())).await;
    server.set(text("a 2\n"));
    until(|| fixture.values("a").contains(&"2".to_owned())).await;
    assert_eq!(fixture.targets()[0].last_scrape().health, Health::Up);
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn a_dropped_manager_lets_go_of_everything() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| !fixture.values("a").is_empty()).await;
    let context = Arc::downgrade(&fixture.manager.context);
    drop(fixture.manager);
    until(|| context.strong_count() == 0).await;
}

#[tokio::test]
async fn large_bodies_are_written_elsewhere() {
    let body: String = (0..10_000).map(|i| format!("a{{some_label=\"and_a_value\",i=\"{i}\"}} 1\n")).collect();
    let server = Server::start(text(&body)).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|c| {
        c.scrape_interval_ms = 1_000;
        c.scrape_timeout_ms = 1_000;
    })]);
    fixture.set_targets("j", &[server.address()]);
    until(|| fixture.values("scrape_samples_scraped").contains(&"10000".to_owned())).await;
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn a_panic_costs_one_scrape() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.memory.panic_next();
    // Long enough for the error to be seen before the next scrape succeeds.
    fixture.apply(&[job(|c| {
        c.scrape_interval_ms = 1_000;
        c.scrape_timeout_ms = 1_000;
    })]);
    fixture.set_targets("j", &[server.address()]);
    until(|| fixture.targets()[0].last_scrape().error == "panic while appending the scrape").await;
    until(|| fixture.values("a").len() >= 2).await;
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn metadata_survives_a_reload() {
    let server = Server::start(text("# HELP a what it is\na 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    fixture.set_targets("j", &[server.address()]);
    until(|| !fixture.targets()[0].families().is_empty()).await;
    let len = fixture.values("a").len();
    fixture.apply(&[job(|c| c.sample_limit = 10)]);
    assert_eq!(fixture.targets()[0].last_scrape().health, Health::Up);
    until(|| fixture.values("a").len() >= len + 2).await;
    assert_eq!(fixture.targets()[0].families()[0].metadata.help, "what it is");
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn pools_show_in_our_own_metrics() {
    let server = Server::start(text("# HELP a what it is\na 1\n")).await;
    let registry = Registry::new();
    let memory = Memory::default();
    let manager = Manager::new(
        Options { host_name: "here".into(), user_agent: "x".into(), scrapes_at_once: false },
        Arc::new(memory.clone()),
        Arc::new(SystemClock::new()),
        &Random::from_seed(1),
        Arc::new(ScrapeMetrics::register(&registry).unwrap()),
    );
    let manager = Arc::new(manager.unwrap());
    manager.register_metadata_metrics(&registry).unwrap();
    let fixture = Fixture { manager, memory };
    fixture.apply(&[job(|c| c.target_limit = 7)]);
    fixture.set_targets("j", &[server.address(), "a/b".into()]);
    until(|| fixture.values("a").len() >= 3).await;
    let shown = registry.gather().encode(narthex_exposition::negotiate(None), &[]);
    for line in [
        "prometheus_target_scrape_pools_total 1\n",
        "prometheus_target_scrape_pool_targets{scrape_job=\"j\"} 1\n",
        "prometheus_target_scrape_pool_target_limit{scrape_job=\"j\"} 7\n",
        "prometheus_target_sync_failed_total{scrape_job=\"j\"} 1\n",
        "prometheus_target_scrapes_sample_out_of_order_total 0\n",
        "prometheus_target_interval_length_seconds_count{interval=\"40ms\"} ",
        "prometheus_target_scrape_duration_seconds_bucket{le=\"+Inf\"} ",
        "prometheus_target_metadata_cache_entries{scrape_job=\"j\"} 1\n",
        "prometheus_target_metadata_cache_bytes{scrape_job=\"j\"} 17\n",
    ] {
        assert!(shown.contains(line), "{line:?} in {shown}");
    }
    fixture.apply(&[]);
    let shown = registry.gather().encode(narthex_exposition::negotiate(None), &[]);
    assert!(!shown.contains("scrape_job=\"j\""), "{shown}");
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn with_somebody_watching_the_first_scrape_comes_at_once() {
    let server = Server::start(text("a 1\n")).await;
    let memory = Memory::default();
    let manager = Manager::new(
        Options { host_name: "here".into(), user_agent: "x".into(), scrapes_at_once: true },
        Arc::new(memory.clone()),
        Arc::new(SystemClock::new()),
        &Random::from_seed(1),
        Arc::new(ScrapeMetrics::unregistered()),
    );
    let fixture = Fixture { manager: Arc::new(manager.unwrap()), memory };
    fixture.apply(&[job(|c| c.scrape_interval_ms = 86_400_000)]);
    fixture.set_targets("j", &[server.address()]);
    until(|| fixture.values("a") == ["1"]).await;
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn equal_targets_are_one_and_dropped_ones_are_counted() {
    let fixture = Fixture::start();
    fixture.apply(&[job(|c| c.keep_dropped_targets = 1)]);
    let addresses = ["127.0.0.1:1".to_owned(), "127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()];
    fixture.set_targets("j", &addresses);
    let pools = fixture.manager.pools();
    assert_eq!((pools[0].name.as_str(), pools[0].active.len(), pools[0].dropped_count), ("j", 2, 0));
    assert_eq!(fixture.manager.config("j").unwrap().keep_dropped_targets, 1);
    fixture.manager.shutdown().await;
}

#[tokio::test]
async fn discovery_feeds_the_pools() {
    let server = Server::start(text("a 1\n")).await;
    let fixture = Fixture::start();
    fixture.apply(&[job(|_| ())]);
    let (sender, receiver) = watch::channel(Targets::default());
    let manager = Arc::clone(&fixture.manager);
    let running = tokio::spawn(async move { manager.run(receiver).await });
    let targets = vec![labels! { "__address__" => server.address() }];
    let group = Arc::new(TargetGroup { source: "0".into(), targets, labels: Labels::empty() });
    sender.send(Arc::new(HashMap::from([("j".to_owned(), vec![group])]))).unwrap();
    until(|| !fixture.values("a").is_empty()).await;
    fixture.manager.shutdown().await;
    running.await.unwrap();
}
