//! Start, reload, stop.

use rustix::process::Signal;

use crate::util::{Home, Target, config, encode, exists};

#[test]
fn up_needs_no_set_up_and_scrapes_itself() {
    let home = Home::new("");
    let server = home.launch(&["up", "--web.listen-address=127.0.0.1:0"]);
    server.wait_until_ready();
    server.wait_for_value("up", 1.0);
    assert!(exists(&home.path("data")), "its data goes to ./data");
    assert!(
        server.log().contains(&format!("http://{}", server.address())),
        "the banner names the address: {}",
        server.log()
    );
}

#[test]
fn up_prints_its_configuration() {
    let home = Home::new("");
    let output = home.run(&["up", "--print-config"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("scrape_configs:"), "{text}");
    assert!(!exists(&home.path("data")), "printing starts nothing");
    // What it prints is a configuration like any other.
    home.write("prometheus.yml", &text);
    home.start(&[]);
}

#[test]
fn a_link_named_prometheus_is_the_server() {
    let home = Home::new("");
    let link = home.path("prometheus");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_narthex"), &link).unwrap();
    let output = std::process::Command::new(link).arg("--help").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("usage: prometheus [<flags>]"));
}

#[test]
fn sighup_applies_a_changed_configuration_and_keeps_the_old_one_when_it_is_wrong() {
    let (first, second) = (Target::exposing(|_| "a 1\n".into()), Target::exposing(|_| "b 2\n".into()));
    let home = Home::new(&first.config());
    let server = home.start(&[]);
    server.wait_for_value("a", 1.0);

    home.write("prometheus.yml", &config(&[("job", &first.address()), ("more", &second.address())]));
    server.signal(Signal::HUP);
    server.wait_for_value("b", 2.0);

    home.write("prometheus.yml", "scrape_configs: [{job_nam: x}]\n");
    server.signal(Signal::HUP);
    server
        .wait_for("the failed reload", |s| (s.metric("prometheus_config_last_reload_successful") == 0.0).then_some(()));
    assert!(server.log().contains("field job_nam not found in type config.ScrapeConfig"), "{}", server.log());
    server.wait_for_value("count(up == 1)", 2.0);
}

#[test]
fn reload_and_quit_over_http_need_the_flag() {
    let home = Home::new("");
    let server = home.start(&[]);
    for path in ["/-/reload", "/-/quit"] {
        let answer = server.post(path);
        assert_eq!((answer.status, answer.body.trim_end()), (403, "Lifecycle API is not enabled."));
    }
    drop(server);

    let mut server = home.start(&["--web.enable-lifecycle"]);
    assert_eq!(server.get("/-/reload").status, 405);
    assert_eq!(server.post("/-/reload").status, 200);
    home.write("prometheus.yml", "global: {scrape_interval: soon}\n");
    let answer = server.post("/-/reload");
    assert_eq!(answer.status, 500);
    assert!(
        answer
            .body
            .starts_with("failed to reload config: couldn't load configuration (--config.file=\"prometheus.yml\"): "),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("not a valid duration string: \"soon\""), "{}", answer.body);
    assert_eq!(server.post("/-/quit").body, "Requesting termination... Goodbye!");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn both_signals_stop_it_cleanly_and_the_samples_stay() {
    let target = Target::exposing(|n| format!("scrapes_total {n}\n"));
    let home = Home::new(&target.config());
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = home.start(&[]);
        server.wait_for("samples", |s| (s.value("count_over_time(scrapes_total[1h])") > Some(3.0)).then_some(()));
        let seen = server.query("up[1h]")[0]["values"].clone();
        server.signal(signal);
        assert_eq!(server.exit_code(), Some(0), "{}", server.log());
        assert!(!exists(&home.path("data/lock")), "a clean stop leaves no lock file");

        let server = home.start(&[]);
        let again = server.query("up[1h]")[0]["values"].clone();
        for sample in seen.as_array().unwrap() {
            assert!(again.as_array().unwrap().contains(sample), "{sample} is gone after {signal:?}");
        }
    }
}

#[test]
fn several_addresses_a_prefix_and_redirects() {
    let home = Home::new("");
    let server = home.launch(&[
        "prometheus",
        "--storage.tsdb.path=data",
        "--web.listen-address=127.0.0.1:0",
        "--web.listen-address=127.0.0.1:0",
        "--web.external-url=http://example.org/prom/",
    ]);
    server.wait_for("ready", |s| (s.get("/prom/-/ready").status == 200).then_some(()));
    let listening = server.log().matches("msg=\"Listening on\"").count();
    assert_eq!(listening, 2, "{}", server.log());
    assert_eq!(server.get("/-/ready").status, 404);
    let answer = server.get("/prom/graph?g0.expr=up");
    assert_eq!(answer.status, 302);
    assert!(answer.head.to_lowercase().contains("location: /prom/query?g0.expr=up"), "{}", answer.head);
    assert!(server.get("/prom/query").body.contains("<title>Narthex</title>"));
    assert_eq!(server.get(&format!("/prom/api/v1/query?query={}", encode("1+1"))).json()["data"]["result"][1], "2");
}
