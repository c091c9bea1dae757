//! A server with everything in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use axum::routing::get;
use http::{Method, Request};
use narthex_client::Registry;
use narthex_env::ManualClock;
use narthex_model::{Labels, Matcher, Metadata, MetricType, ValidationScheme, labels, relabel};
use narthex_promql::{Engine, EngineOptions};
use narthex_regex::Anchored;
use narthex_storage::{Appender, GroupKey, Querier, SelectHints, SeriesColumns, SeriesSet, Storage, StorageError};
use tower::ServiceExt;

use crate::*;

/// What time it is: `2023-11-14T22:13:20Z`.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) series: BTreeMap<Labels, Vec<(i64, f64)>>,
    /// Holds up `select`, when there is one.
    pub(crate) gate: Option<Arc<Gate>>,
}

/// Where a query waits until the test lets it go on.
#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) was_reached: AtomicBool,
    pub(crate) is_open: AtomicBool,
}

impl Storage for Store {
    fn appender(&self, _: &GroupKey) -> Result<Box<dyn Appender>, StorageError> {
        Err(StorageError::Closed)
    }

    fn querier(&self, _: i64, _: i64) -> Result<Arc<dyn Querier>, StorageError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Store {
    fn matching<'a>(&'a self, matchers: &'a [Matcher]) -> impl Iterator<Item = (&'a Labels, &'a Vec<(i64, f64)>)> {
        let fits = move |labels: &Labels| matchers.iter().all(|m| m.matches(labels.value(m.name())));
        self.series.iter().filter(move |(labels, _)| fits(labels))
    }
}

fn cut(found: BTreeSet<String>, limit: usize) -> Vec<String> {
    found.into_iter().take(if limit == 0 { usize::MAX } else { limit }).collect()
}

impl Querier for Store {
    fn select(&self, hints: &SelectHints, matchers: &[Matcher]) -> Result<Arc<dyn SeriesSet>, StorageError> {
        if let Some(gate) = &self.gate {
            gate.was_reached.store(true, Ordering::SeqCst);
            while !gate.is_open.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        let all = self.matching(matchers).map(|(labels, samples)| (labels.clone(), samples.clone()));
        Ok(Arc::new(Set { series: all.collect(), hints: hints.clone() }))
    }

    fn label_names(&self, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        let names = self.matching(matchers).flat_map(|(labels, _)| labels.iter().map(|(name, _)| name.to_owned()));
        Ok(cut(names.collect(), limit))
    }

    fn label_values(&self, name: &str, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        let values = self.matching(matchers).filter_map(|(labels, _)| labels.get(name).map(str::to_owned));
        Ok(cut(values.collect(), limit))
    }
}

struct Set {
    series: Vec<(Labels, Vec<(i64, f64)>)>,
    hints: SelectHints,
}

impl SeriesSet for Set {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, index: usize) -> Labels {
        self.series[index].0.clone()
    }

    fn read(&self, index: usize, out: &mut SeriesColumns) -> Result<(), StorageError> {
        let range = self.hints.start_ms..=self.hints.end_ms;
        for (timestamp_ms, value) in
            self.series[index].1.iter().filter(|(timestamp_ms, _)| range.contains(timestamp_ms))
        {
            out.floats.timestamps.push(*timestamp_ms);
            out.floats.values.push(*value);
        }
        Ok(())
    }
}

/// One target up, one down, one dropped.
struct FixedTargets;

impl Targets for FixedTargets {
    fn scrape_pools(&self) -> Vec<String> {
        vec!["node".into(), "self".into()]
    }

    fn active(&self, scrape_pool: Option<&str>) -> BTreeMap<String, Vec<ActiveTarget>> {
        let own = ActiveTarget {
            discovered_labels: labels! { "__address__" => "localhost:9090", "job" => "self" },
            labels: labels! { "instance" => "localhost:9090", "job" => "self" },
            scrape_pool: "self".into(),
            scrape_url: "http://localhost:9090/metrics".into(),
            last_scrape_duration_seconds: 0.25,
            health: TargetHealth::Up,
            scrape_interval_ms: 15_000,
            scrape_timeout_ms: 10_000,
            ..ActiveTarget::default()
        };
        let node = ActiveTarget {
            scrape_pool: "node".into(),
            scrape_url: "http://node:9100/metrics".into(),
            last_error: "connection <refused>".into(),
            health: TargetHealth::Down,
            scrape_interval_ms: 60_000,
            scrape_timeout_ms: 10_000,
            ..ActiveTarget::default()
        };
        let all = BTreeMap::from([("node".to_owned(), vec![node]), ("self".to_owned(), vec![own])]);
        all.into_iter().filter(|(pool, _)| scrape_pool.is_none_or(|wanted| wanted == pool)).collect()
    }

    fn dropped(&self) -> BTreeMap<String, DroppedTargets> {
        let gone = DroppedTarget { discovered_labels: labels! { "__address__" => "gone:1" } };
        BTreeMap::from([("node".to_owned(), DroppedTargets { count: 3, kept: vec![gone] })])
    }

    fn visit_metadata(&self, metric: Option<&str>, visit: &mut dyn FnMut(&Labels, &[Family]) -> bool) {
        let family = |name: &str, metric_type, help: &str| Family {
            name: name.into(),
            metadata: Metadata { metric_type, unit: String::new(), help: help.into() },
        };
        let own = [family("go_threads", MetricType::Gauge, "Threads."), family("up", MetricType::Gauge, "Is it?")];
        let node = [family("up", MetricType::Unknown, "Is <it>?")];
        for (job, families) in [("self", &own[..]), ("node", &node[..])] {
            let wanted: Vec<Family> =
                families.iter().filter(|f| metric.is_none_or(|metric| metric == f.name)).cloned().collect();
            if !visit(&labels! { "job" => job }, &wanted) {
                return;
            }
        }
    }
}

struct FixedStatus;

impl Status for FixedStatus {
    fn config_yaml(&self) -> String {
        "global:\n  scrape_interval: 1m\n".into()
    }

    fn flags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("web.cors.origin".into(), ".*".into()), ("config.file".into(), "a&b.yml".into())])
    }

    fn build_info(&self) -> BuildInfo {
        BuildInfo { version: "3.14.0".into(), ..BuildInfo::default() }
    }

    fn runtime_info(&self) -> RuntimeInfo {
        RuntimeInfo {
            start_time_ns: 1_600_000_000_500_000_000,
            cwd: "/".into(),
            hostname: "h".into(),
            reload_config_success: true,
            gomaxprocs: 2,
            storage_retention: "15d".into(),
            ..RuntimeInfo::default()
        }
    }

    fn external_labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("cluster".into(), "c1".into()), ("job".into(), "never".into())])
    }

    fn scrape_pool_config(&self, scrape_pool: &str) -> Option<ScrapePoolConfig> {
        let rule = |fields| relabel::Config::new(fields, ValidationScheme::Utf8).unwrap();
        let copy = relabel::Fields {
            source_labels: vec!["__address__".into()],
            target_label: "instance".into(),
            ..relabel::Fields::default()
        };
        let drop = relabel::Fields {
            source_labels: vec!["env".into()],
            regex: Some(Anchored::new("test").unwrap()),
            action: Some(relabel::Action::Drop),
            ..relabel::Fields::default()
        };
        (scrape_pool == "node").then(|| ScrapePoolConfig {
            yaml: "job_name: node\n".into(),
            relabel_configs: vec![rule(copy.clone()), rule(drop), rule(copy)],
        })
    }

    fn blocks(&self) -> Vec<String> {
        vec![r#"{"ulid":"01"}"#.into()]
    }

    fn tsdb_stats(&self, limit: usize) -> Result<TsdbStats, String> {
        let counts = vec![NamedCount { name: "up".into(), value: limit as u64 }];
        Ok(TsdbStats {
            head: HeadStats {
                num_series: 2,
                num_label_pairs: 3,
                chunk_count: 4,
                min_time_ms: i64::MAX,
                max_time_ms: i64::MIN,
            },
            series_count_by_metric_name: counts,
            label_value_count_by_label_name: Vec::new(),
            memory_in_bytes_by_label_name: Vec::new(),
            series_count_by_label_value_pair: Vec::new(),
        })
    }

    fn wal_replay(&self) -> WalReplay {
        WalReplay { min: 1, max: 5, current: 3 }
    }

    fn features(&self) -> BTreeMap<String, BTreeMap<String, bool>> {
        BTreeMap::from([("ui".into(), BTreeMap::from([("ui_v3".into(), true)]))])
    }
}

/// Answers as it is told.
pub(crate) struct Life {
    pub(crate) readiness: Mutex<Readiness>,
    pub(crate) reload: Mutex<Result<(), String>>,
    quits: AtomicBool,
    pub(crate) notifications: Notifications,
}

impl Control for Life {
    fn readiness(&self) -> Readiness {
        *self.readiness.lock().unwrap()
    }

    fn reload(&self) -> Result<(), String> {
        self.reload.lock().unwrap().clone()
    }

    fn notifications(&self) -> &Notifications {
        &self.notifications
    }

    fn quit(&self) -> bool {
        !self.quits.swap(true, Ordering::SeqCst)
    }
}

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) store: Store,
    pub(crate) engine: EngineOptions,
    pub(crate) life: Arc<Life>,
    pub(crate) registry: Registry,
}

impl World {
    pub(crate) fn new() -> World {
        let mut store = Store::default();
        for (job, value) in [("a", 1.0), ("b", 1e-7)] {
            let samples = (0..5).map(|i| (NOW_MS - 60_000 * i, value)).rev().collect();
            store.series.insert(labels! { "__name__" => "up", "job" => job }, samples);
        }
        store.series.insert(labels! { "__name__" => "x<y", "le" => "+Inf" }, vec![(NOW_MS - 100, 2.0)]);
        World {
            options: Options {
                route_prefix: "/".into(),
                external_url: ExternalUrl { scheme: "http".into(), authority: "ext:80".into(), path: "".into() },
                listen_address: "0.0.0.0:9090".into(),
                is_lifecycle_enabled: true,
                read_timeout: std::time::Duration::from_secs(60),
                cors_origin: Anchored::new("https?://ok.*").unwrap(),
            },
            store,
            engine: EngineOptions::default(),
            life: Arc::new(Life {
                readiness: Mutex::new(Readiness::Ready),
                reload: Mutex::new(Ok(())),
                quits: AtomicBool::new(false),
                notifications: Notifications::default(),
            }),
            registry: Registry::new(),
        }
    }

    pub(crate) fn router(self) -> Router {
        let handles = Handles {
            engine: Arc::new(Engine::new(self.engine)),
            storage: Arc::new(self.store),
            targets: Arc::new(FixedTargets),
            status: Arc::new(FixedStatus),
            control: self.life,
            metrics: self.registry,
            clock: Arc::new(ManualClock::new(NOW_MS)),
        };
        router(self.options, handles, Router::new().route("/query", get("the page"))).unwrap()
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Response {
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

pub(crate) async fn bytes(response: Response) -> Vec<u8> {
    to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
}

pub(crate) async fn text(response: Response) -> String {
    String::from_utf8(bytes(response).await).unwrap()
}

/// Status and body of a GET.
pub(crate) async fn fetch(router: &Router, path: &str) -> (u16, String) {
    let response = send(router, request(Method::GET, path).body(Body::empty()).unwrap()).await;
    (response.status().as_u16(), text(response).await)
}
