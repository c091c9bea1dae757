use std::fs;
use std::sync::Arc;

use narthex_env::SystemClock;
use narthex_model::labels;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::Metrics;

/// A directory and a provider of its `*.yml` and `*.json`.
struct Bench {
    dir: tempfile::TempDir,
    provider: FileProvider,
}

impl Bench {
    fn new(refresh_interval_ms: i64) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let files = ["*.yml", "*.json"].map(|name| dir.path().join(name).to_str().unwrap().to_owned());
        let config = FileSdConfig { files: files.into(), refresh_interval_ms };
        let context = Context {
            config_name: "job".into(),
            metrics: Arc::new(Metrics::default()),
            clock: Arc::new(SystemClock::new()),
        };
        Bench { provider: FileProvider::new(config, context), dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().into()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The sources of what a refresh reports, without the directory, with the number of targets.
    fn refresh(&mut self) -> Vec<(String, usize)> {
        let prefix = self.path("");
        let groups = self.provider.refresh();
        groups.iter().map(|group| (group.source.replace(&prefix, ""), group.targets.len())).collect()
    }
}

fn reported(groups: &[(&str, usize)]) -> Vec<(String, usize)> {
    groups.iter().map(|(source, count)| (source.to_string(), *count)).collect()
}

#[test]
fn what_is_no_regular_file_does_not_stop_the_others() {
    let mut bench = Bench::new(1000);
    bench.write("z.yml", "- targets: [a:1]\n");
    fs::create_dir(bench.path("a.json")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(bench.path("b.json")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", bench.path("c.json")).unwrap();
    std::os::unix::fs::symlink("d.json", bench.path("d.json")).unwrap();
    assert_eq!(bench.refresh(), reported(&[("z.yml:0", 1)]));
}

#[test]
fn groups_carry_their_file() {
    let mut bench = Bench::new(1000);
    bench.write("a.yml", "- targets: [a:1]\n  labels: {foo: bar}\n");
    let groups = bench.provider.refresh();
    let path = bench.path("a.yml");
    assert_eq!(groups[0].labels, labels! { "foo" => "bar", "__meta_filepath" => &path });
    assert_eq!(groups[0].source, format!("{path}:0"));
    assert!(bench.provider.context.metrics.file_mtime_seconds.get(&path).unwrap() > 1e9);
}

#[test]
fn what_is_gone_is_reported_empty() {
    let mut bench = Bench::new(1000);
    bench.write("a.yml", "- targets: [a, b]\n- targets: [c]\n");
    bench.write("b.json", r#"[{"targets": ["d"]}]"#);
    bench.write("c.txt", "not looked at");
    assert_eq!(bench.refresh(), reported(&[("a.yml:0", 2), ("a.yml:1", 1), ("b.json:0", 1)]));
    bench.write("a.yml", "- targets: [a]\n");
    assert_eq!(bench.refresh(), reported(&[("a.yml:0", 1), ("b.json:0", 1), ("a.yml:1", 0)]));
    fs::remove_file(bench.path("b.json")).unwrap();
    assert_eq!(bench.refresh(), reported(&[("a.yml:0", 1), ("b.json:0", 0)]));
    assert_eq!(bench.provider.context.metrics.file_mtime_seconds.get(&bench.path("b.json")), None);
    assert_eq!(bench.refresh(), reported(&[("a.yml:0", 1)]));
    assert_eq!(bench.provider.context.metrics.file_scan_duration.count(), 4);
}

#[test]
fn a_bad_file_keeps_its_targets_and_is_counted() {
    let mut bench = Bench::new(1000);
    bench.write("a.yml", "- targets: [a]\n- targets: [b]\n");
    bench.refresh();
    for bad in ["- targets: [", "- null\n", "- target: []\n", "\u{0}"] {
        bench.write("a.yml", bad);
        assert_eq!(bench.refresh(), []);
    }
    assert_eq!(bench.provider.context.metrics.file_read_errors.get(), 4);
    bench.write("a.yml", "- targets: [a]\n");
    assert_eq!(bench.refresh(), reported(&[("a.yml:0", 1), ("a.yml:1", 0)]));
}

/// Reads reports until one has a group that passes.
async fn until(reports: &mut UnboundedReceiver<Vec<TargetGroup>>, wanted: impl Fn(&TargetGroup) -> bool) {
    let search = async {
        loop {
            let groups = reports.recv().await.expect("the provider runs");
            if groups.iter().any(&wanted) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), search).await.expect("it is reported in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_noticed_by_watching_and_by_interval() {
    // Each alone must do: an interval of an hour, then one shorter than the test.
    for refresh_interval_ms in [3_600_000, 20] {
        let bench = Bench::new(refresh_interval_ms);
        let Bench { dir, provider } = bench;
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("a.yml", "- targets: [a]\n");
        let (sender, mut reports) = unbounded_channel();
        let updates = Updates::new(move |groups| drop(sender.send(groups)));
        let task = tokio::spawn(Box::new(provider).run(updates));
        until(&mut reports, |group| group.source.ends_with("a.yml:0") && group.targets.len() == 1).await;
        write("a.yml", "- targets: [a, b]\n");
        until(&mut reports, |group| group.source.ends_with("a.yml:0") && group.targets.len() == 2).await;
        // As editors and configuration managers do it.
        write("b.tmp", "- targets: [c]\n");
        fs::rename(dir.path().join("b.tmp"), dir.path().join("b.yml")).unwrap();
        until(&mut reports, |group| group.source.ends_with("b.yml:0") && group.targets.len() == 1).await;
        fs::remove_file(dir.path().join("a.yml")).unwrap();
        until(&mut reports, |group| group.source.ends_with("a.yml:0") && group.targets.is_empty()).await;
        task.abort();
    }
}
