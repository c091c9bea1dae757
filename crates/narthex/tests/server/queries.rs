//! What queries leave behind, and the tools for them.

use rustix::process::Signal;

use crate::util::{Home, encode, exists};

#[test]
fn queries_are_logged_where_the_configuration_says() {
    let home = Home::new("global: {query_log_file: queries.log}\n");
    let server = home.start(&[]);
    let enabled = |server: &crate::util::Server| server.metric("prometheus_engine_query_log_enabled");
    assert_eq!(enabled(&server), 1.0);
    server.get(&format!("/api/v1/query?time=5&query={}", encode("1 + 1")));
    let lines = |name: &str| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(home.path(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let logged = &lines("queries.log")[0];
    assert_eq!(logged["msg"], "promql query logged");
    assert_eq!(
        logged["params"],
        serde_json::json!({
            "end": "1970-01-01T00:00:05.000Z", "query": "1 + 1", "start": "1970-01-01T00:00:05.000Z", "step": 0
        })
    );

    // A reload opens the file anew, as log rotation needs.
    std::fs::rename(home.path("queries.log"), home.path("old.log")).unwrap();
    server.signal(Signal::HUP);
    server.wait_for("a new log", |_| exists(&home.path("queries.log")).then_some(()));
    server.get("/api/v1/query?query=2");
    assert_eq!((lines("old.log").len(), lines("queries.log").len()), (1, 1));

    home.write("prometheus.yml", "");
    server.signal(Signal::HUP);
    server.wait_for("no log", |server| (enabled(server) == 0.0).then_some(()));
}

#[test]
fn queries_that_an_earlier_run_did_not_finish_are_told() {
    let home = Home::new("");
    std::fs::create_dir(home.path("data")).unwrap();
    let mut left = b"[{\"query\":\"up\",\"timestamp_sec\":7}".to_vec();
    left.resize(1000, 0);
    left.push(b',');
    left.resize(20_001, 0);
    std::fs::write(home.path("data/queries.active"), left).unwrap();
    let server = home.start(&["--query.max-concurrency=3"]);
    let line = server.wait_for("what was left", |server| {
        let log = server.log();
        log.lines()
            .find(|line| line.contains("These queries didn't finish in prometheus' last run:"))
            .map(str::to_owned)
    });
    assert!(line.contains(r#"queries="[{\"query\":\"up\",\"timestamp_sec\":7}]""#), "{line}");
    assert_eq!(std::fs::metadata(home.path("data/queries.active")).unwrap().len(), 3001);
}

#[test]
fn a_link_named_promtool_is_promtool() {
    let home = Home::new("global: {scrape_interval: 5s}\n");
    let link = home.path("promtool");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_narthex"), &link).unwrap();
    let output = std::process::Command::new(link).args(["promql", "format", "a+b"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a + b\n");
    let output = home.run(&["promtool", "check", "config", "prometheus.yml"]);
    assert!(output.status.success());
    let output = home.run(&["promtool", "check", "config", "gone.yml"]);
    assert_eq!(output.status.code(), Some(1));
}
