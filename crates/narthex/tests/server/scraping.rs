//! From a target to a query.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::util::{Home, Target};

#[test]
fn samples_carry_target_labels_and_scrapes_their_report() {
    let target = Target::exposing(|_| "# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2\nb{job=\"mine\"} 3\n".into());
    let server_home = Home::new(&target.config());
    let server = server_home.start(&[]);
    server.wait_for_value("sum(a)", 3.0);
    assert_eq!(server.value("b{job='job',exported_job='mine'}"), Some(3.0));
    for (series, want) in [("up", 1.0), ("scrape_samples_scraped", 3.0), ("scrape_samples_post_metric_relabeling", 3.0)]
    {
        assert_eq!(server.value(series), Some(want), "{series}");
    }
    assert_eq!(server.value("max_over_time(scrape_series_added[1h])"), Some(3.0));
    assert_eq!(server.query("a")[0]["metric"]["instance"], target.address().as_str());
    assert_eq!(server.get("/api/v1/metadata?metric=a").json()["data"]["a"][0]["type"], "counter");
}

#[test]
fn compressed_answers_and_openmetrics_are_read() {
    let target = Target::new(|_, stream| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"# TYPE a counter\na_total 5 # {trace_id=\"x\"} 1\n# EOF\n").unwrap();
        let body = gzip.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    });
    let home = Home::new(&target.config());
    home.start(&[]).wait_for_value("a_total", 5.0);
}

#[test]
fn a_series_that_is_gone_is_stale_at_once() {
    let target = Target::exposing(|n| if n < 5 { "a 1\nb 1\n".into() } else { "a 1\n".into() });
    let home = Home::new(&target.config());
    let server = home.start(&[]);
    server.wait_for_value("count(last_over_time(b[1h]))", 1.0);
    server.wait_for("staleness", |s| (s.value("b").is_none() && s.value("a") == Some(1.0)).then_some(()));
}

#[test]
fn relabelling_and_limits_work_as_configured() {
    let target = Target::exposing(|_| "keep 1\ndrop_me 2\n".into());
    let address = target.address();
    let home = Home::new(&format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs:
- job_name: relabelled
  static_configs: [{{targets: ['{address}'], labels: {{zone: a}}}}]
  relabel_configs: [{{source_labels: [zone], target_label: region, replacement: 'r-$1'}}]
  metric_relabel_configs: [{{source_labels: [__name__], regex: 'drop_.*', action: drop}}]
- job_name: limited
  sample_limit: 1
  static_configs: [{{targets: ['{address}']}}]
"
    ));
    let server = home.start(&[]);
    server.wait_for_value("keep{job='relabelled',region='r-a'}", 1.0);
    assert_eq!(server.value("drop_me{job='relabelled'}"), None);
    assert_eq!(server.value("scrape_samples_post_metric_relabeling{job='relabelled'}"), Some(1.0));
    server.wait_for_value("up{job='limited'}", 0.0);
    assert!(server.get("/api/v1/targets").body.contains("sample limit exceeded"));
}

#[test]
fn targets_from_files_follow_the_file() {
    let (first, second) = (Target::exposing(|_| "a 1\n".into()), Target::exposing(|_| "a 1\n".into()));
    let home = Home::new(
        "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs: [{job_name: f, file_sd_configs: [{files: ['targets/*.json']}]}]\n",
    );
    std::fs::create_dir(home.path("targets")).unwrap();
    let group = |targets: &[String]| format!("[{{\"targets\": {targets:?}, \"labels\": {{\"from\": \"file\"}}}}]");
    home.write("targets/a.json", &group(&[first.address()]));
    let server = home.start(&[]);
    server.wait_for_value("count(up{from='file'} == 1)", 1.0);
    home.write("targets/a.json", &group(&[first.address(), second.address()]));
    server.wait_for_value("count(up{from='file'} == 1)", 2.0);
    // A broken file keeps its targets.
    home.write("targets/a.json", "[{");
    server.wait_for("the file's failure", |s| (s.metric("prometheus_sd_file_read_errors_total") > 0.0).then_some(()));
    server.wait_for_value("count(up{from='file'} == 1)", 2.0);
}
