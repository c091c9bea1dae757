//! What is wrong is said in one clear line, and harms nobody else.

use std::io::{Read, Write};
use std::net::TcpListener;

use rustix::process::Signal;

use crate::util::{Home, Target, config, encode};

#[track_caller]
fn ends_with(home: &Home, args: &[&str], code: i32, says: &[&str]) {
    let output = home.run(args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in says {
        assert!(text.contains(part), "expected {part:?} in: {text}");
    }
}

#[test]
fn an_unknown_flag_is_told_with_the_nearest_name() {
    ends_with(
        &Home::new(""),
        &["prometheus", "--storage.tsdb.pth=x"],
        1,
        &["unknown long flag '--storage.tsdb.pth'", "did you mean '--storage.tsdb.path'?"],
    );
}

#[test]
fn a_wrong_configuration_names_file_line_and_key() {
    let home = Home::new("global:\n  scrape_interval: 15s\n  scrape_intervall: 15s\n");
    ends_with(
        &home,
        &["prometheus", "--storage.tsdb.path=data"],
        2,
        &[
            "Error loading config (--config.file=prometheus.yml)",
            "line 3: field scrape_intervall not found in type config.plain",
        ],
    );
    home.write("prometheus.yml", "scrape_configs:\n- job_name: a\n- job_name: b\n  scrape_interval: soon\n");
    ends_with(
        &home,
        &["prometheus", "--storage.tsdb.path=data"],
        2,
        &["not a valid duration string: \\\"soon\\\"", "line=4 key=scrape_configs[1].scrape_interval"],
    );
    ends_with(&home, &["prometheus", "--config.file=none.yml"], 2, &["open none.yml: no such file or directory"]);
}

#[test]
fn what_this_build_does_not_do_yet_is_refused_by_name() {
    let home = Home::new("remote_write:\n- url: http://localhost/write\n");
    ends_with(&home, &["prometheus"], 2, &["remote_write", "line 1"]);
}

#[test]
fn a_file_that_hangs_does_not_keep_the_program() {
    let home = Home::new("");
    let mut server = home.start(&[]);
    server.wait_until_ready();
    // Whoever reads a pipe without a writer waits.
    let file = home.path("prometheus.yml");
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    server.signal(Signal::HUP);
    server.wait_for("the reload", |s| s.log().contains("Loading configuration file").then_some(()));
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), Some(0), "{}", server.log());
}

#[test]
fn a_taken_port_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    ends_with(
        &Home::new(""),
        &["prometheus", &format!("--web.listen-address={address}"), "--storage.tsdb.path=data"],
        1,
        &["Unable to start web listener", &format!("listen tcp {address}: bind: address already in use")],
    );
}

#[test]
fn a_data_directory_serves_one_server_at_a_time() {
    let home = Home::new("");
    let _first = home.start(&[]);
    ends_with(
        &home,
        &["prometheus", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"],
        1,
        &["opening storage failed: lock DB directory: resource temporarily unavailable"],
    );
}

#[test]
fn an_unwritable_data_directory_is_one_line() {
    let home = Home::new("");
    home.write("file", "");
    ends_with(
        &home,
        &["prometheus", "--storage.tsdb.path=file/data", "--web.listen-address=127.0.0.1:0"],
        1,
        &["opening storage failed: ", "file/data"],
    );
}

#[test]
fn bad_targets_are_down_with_a_reason_and_disturb_nobody() {
    let http = |body: &'static str| move |_: usize, s: &mut std::net::TcpStream| drop(s.write_all(body.as_bytes()));
    let good = Target::exposing(|_| "fine 1\n".into());
    let garbage = Target::new(http("\x16\x03\x01 this is not HTTP\r\n\r\n"));
    let nothing = Target::new(|_, _| {});
    let not_found = Target::new(http("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    let no_metrics = Target::exposing(|_| "<html>\n".into());
    let slow = Target::new(|_, s| drop(s.read(&mut [0]))); // Waits for a second request that never comes.
    let endless = Target::new(|_, s| {
        let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
        while s.write_all(&[b'#'; 64 * 1024]).is_ok() {}
    });
    let mut text = config(&[
        ("good", &good.address()),
        ("garbage", &garbage.address()),
        ("nothing", &nothing.address()),
        ("not_found", &not_found.address()),
        ("no_metrics", &no_metrics.address()),
        ("slow", &slow.address()),
        ("closed", "127.0.0.1:1"),
    ]);
    text += &format!(
        "- job_name: endless\n  body_size_limit: 1MB\n  static_configs: [{{targets: ['{}']}}]\n",
        endless.address()
    );
    let home = Home::new(&text);
    let server = home.start(&[]);
    server.wait_for_value("count(up == 0)", 7.0);
    server.wait_for_value("up{job='good'}", 1.0);

    let targets = server.get("/api/v1/targets").json()["data"]["activeTargets"].clone();
    let error_of = |job: &str| {
        let target = targets.as_array().unwrap().iter().find(|t| t["scrapePool"] == job).unwrap();
        assert_eq!(target["health"], if job == "good" { "up" } else { "down" });
        target["lastError"].as_str().unwrap().to_owned()
    };
    let has = |job: &str, part: &str| assert!(error_of(job).contains(part), "{job}: {}", error_of(job));
    has("good", "");
    has("garbage", "malformed HTTP");
    has("nothing", "EOF");
    has("not_found", "server returned HTTP status 404 Not Found");
    has("no_metrics", "expected a valid start token");
    has("slow", "context deadline exceeded");
    has("endless", "body size limit exceeded");
    has("closed", "connect: connection refused");
    server.wait_for_value("count(count_over_time(fine[1h]) > 1)", 1.0);
}

#[test]
fn queries_that_make_no_sense_or_ask_too_much_get_upstreams_errors() {
    let target = Target::exposing(|_| (0..100).map(|i| format!("many{{i=\"{i}\"}} 1\n")).collect());
    let home = Home::new(&target.config());
    let server = home.start(&["--query.max-samples=50", "--query.timeout=1s"]);
    server.wait_for("samples", |s| (s.get("/api/v1/labels").body.contains("\"i\"")).then_some(()));
    let check = |query: &str, status: u16, kind: &str, text: &str| {
        let answer = server.get(&format!("/api/v1/query?query={}", encode(query)));
        let json = answer.json();
        assert_eq!(
            (answer.status, json["status"].as_str(), json["errorType"].as_str()),
            (status, Some("error"), Some(kind)),
            "{json}"
        );
        assert_eq!(json["error"], text, "{query}");
    };
    check("sum(", 400, "bad_data", "invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis");
    check("foo bar", 400, "bad_data", "invalid parameter \"query\": 1:5: parse error: unexpected identifier \"bar\"");
    check("many", 422, "execution", "query processing would load too many samples into memory in query execution");
    let answer = server.get("/api/v1/query_range?query=up&start=0&end=100000&step=1");
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("exceeded maximum resolution of 11,000 points per timeseries"), "{}", answer.body);
    let deep = format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000));
    assert_eq!(server.request("POST", "/api/v1/query", &format!("query={}", encode(&deep))).status, 400);
    assert_eq!(server.get("/-/healthy").status, 200);
}
