use narthex_config::{FileSdConfig, StaticConfig};
use narthex_env::ManualClock;

use super::*;

struct Bench {
    manager: Manager,
    targets: watch::Receiver<Targets>,
    metrics: Arc<Metrics>,
}

impl Bench {
    fn new() -> Bench {
        let metrics = Arc::new(Metrics::default());
        let clock = Arc::new(ManualClock::new(7_000));
        let options = Options {
            pause_min: Duration::from_millis(1),
            pause_max: Duration::from_millis(10),
            ..Options::new("scrape", clock, Arc::clone(&metrics))
        };
        let (manager, targets) = Manager::start(options);
        Bench { manager, targets, metrics }
    }

    /// Waits until the addresses of each job are these.
    async fn expect(&mut self, wanted: &[(&str, &[&str])]) {
        let wanted: BTreeMap<String, Vec<String>> =
            wanted.iter().map(|(job, all)| (job.to_string(), all.iter().map(|a| a.to_string()).collect())).collect();
        let search = self.targets.wait_for(|targets| addresses(targets) == wanted);
        let found = tokio::time::timeout(Duration::from_secs(20), search).await.is_ok_and(|found| found.is_ok());
        assert!(found, "wanted {wanted:?}, found {:?}", addresses(&self.targets.borrow()));
    }
}

fn addresses(targets: &Targets) -> BTreeMap<String, Vec<String>> {
    let of = |groups: &Vec<Arc<TargetGroup>>| {
        groups.iter().flat_map(|group| &group.targets).map(|target| target.value("__address__").to_owned()).collect()
    };
    targets.iter().map(|(job, groups)| (job.clone(), of(groups))).collect()
}

fn fixed(addresses: &[&str]) -> ProviderConfig {
    let targets = addresses.iter().map(|address| address.to_string()).collect();
    ProviderConfig::Static(vec![StaticConfig { targets, ..StaticConfig::default() }])
}

fn job(name: &str, configs: &[ProviderConfig]) -> (String, Vec<ProviderConfig>) {
    (name.into(), configs.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_of_all_jobs_are_handed_on() {
    let mut bench = Bench::new();
    bench.manager.apply([job("a", &[fixed(&["x"]), fixed(&["y", "z"])]), job("b", &[])]);
    bench.expect(&[("a", &["x", "y", "z"]), ("b", &[])]).await;
    assert_eq!(bench.metrics.discovered_targets.get("a"), Some(3.0));
    assert_eq!(bench.metrics.last_update_seconds.get("a"), Some(7.0));
    assert_eq!(bench.metrics.received_updates.get(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_configurations_share_one_provider() {
    let mut bench = Bench::new();
    bench.manager.apply([job("a", &[fixed(&["x"])]), job("b", &[fixed(&["x"]), fixed(&["x"])])]);
    bench.expect(&[("a", &["x"]), ("b", &["x"])]).await;
    assert_eq!(bench.metrics.received_updates.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_what_stays_and_ends_what_goes() {
    let mut bench = Bench::new();
    bench.manager.apply([job("a", &[fixed(&["x"])]), job("b", &[fixed(&["y"])])]);
    bench.expect(&[("a", &["x"]), ("b", &["y"])]).await;
    // The provider of x goes on, although its job is another: it reports only once.
    bench.manager.apply([job("c", &[fixed(&["x"])]), job("b", &[])]);
    bench.expect(&[("b", &[]), ("c", &["x"])]).await;
    assert_eq!(bench.metrics.received_updates.get(), 2);
    assert_eq!(bench.metrics.discovered_targets.all(), [("b".into(), 0.0), ("c".into(), 1.0)]);
    bench.manager.apply([]);
    bench.expect(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    std::fs::write(&path, r#"[{"targets": ["x"]}]"#).unwrap();
    let config = FileSdConfig { files: vec![path.to_str().unwrap().into()], ..FileSdConfig::default() };
    let mut bench = Bench::new();
    bench.manager.apply([job("a", &[ProviderConfig::File(config)])]);
    bench.expect(&[("a", &["x"])]).await;
    std::fs::write(&path, r#"[{"targets": ["x", "y"]}]"#).unwrap();
    bench.expect(&[("a", &["x", "y"])]).await;
    std::fs::remove_file(&path).unwrap();
    bench.expect(&[("a", &[])]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_manager_closes_the_channel() {
    let Bench { manager, mut targets, .. } = Bench::new();
    manager.apply([job("a", &[fixed(&["x"])])]);
    drop(manager);
    let closed = async { while targets.changed().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), closed).await.expect("it closes");
}

#[test]
fn pauses_grow_while_updates_follow_each_other() {
    let mut pauses = Pauses::new(Duration::from_millis(100), Duration::from_millis(300));
    let mut now = Instant::now();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let pause = pauses.after_update(now);
        seen.push(pause.as_millis());
        now += pause;
    }
    assert_eq!(seen, [100, 150, 225, 300, 300]);
    assert_eq!(pauses.after_update(now + Duration::from_secs(1)), Duration::from_millis(100));
}
