//! The HTTP API over real samples: every endpoint answers in its form.

use crate::util::{Home, Target, encode};

#[test]
fn every_endpoint_answers_in_its_form() {
    let target = Target::exposing(|_| "# HELP a An example.\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2.5\n".into());
    let home = Home::new(&target.config());
    let server = home.start(&[]);
    server.wait_for_value("sum(a)", 3.5);
    let data = |path: &str| {
        let answer = server.get(path);
        let json = answer.json();
        assert_eq!((answer.status, json["status"].as_str()), (200, Some("success")), "{path}: {json}");
        json["data"].clone()
    };
    assert_eq!(data("/api/v1/label/x/values"), serde_json::json!(["1", "2"]));
    assert_eq!(data("/api/v1/labels?match[]=a"), serde_json::json!(["__name__", "instance", "job", "x"]));
    assert_eq!(data("/api/v1/series?match[]=a{x=\"2\"}")[0]["__name__"], "a");
    assert_eq!(data("/api/v1/metadata?metric=a")["a"][0]["help"], "An example.");
    assert_eq!(data("/api/v1/targets")["activeTargets"][0]["health"], "up");
    assert_eq!(data("/api/v1/scrape_pools"), serde_json::json!({"scrapePools": ["job"]}));
    assert_eq!(data("/api/v1/status/flags")["storage.tsdb.path"], "data");
    assert!(data("/api/v1/status/config")["yaml"].as_str().unwrap().contains("job_name: job"));
    assert!(data("/api/v1/status/buildinfo")["version"].as_str().unwrap().starts_with("3."));
    assert!(data("/api/v1/status/runtimeinfo")["startTime"].is_string());
    assert_eq!(data(&format!("/api/v1/format_query?query={}", encode("sum by(a)(b)"))), "sum by (a) (b)");
    let range = server.get(&format!("/api/v1/query_range?query={}&start=0&end=10&step=5", encode("vector(1)"))).json();
    assert_eq!(range["data"]["result"][0]["values"], serde_json::json!([[0, "1"], [5, "1"], [10, "1"]]));
    assert_eq!(server.get("/-/healthy").body, "Prometheus Server is Healthy.\n");
    assert_eq!(server.get("/api/v1/nothing").status, 404);
}

#[test]
fn its_own_metrics_have_upstreams_names() {
    let target = Target::exposing(|_| "a 1\n".into());
    let home = Home::new(&target.config());
    let server = home.start(&[]);
    server.wait_for_value("a", 1.0);
    for series in [
        "prometheus_config_last_reload_successful",
        "prometheus_ready",
        "prometheus_tsdb_head_series",
        "prometheus_tsdb_head_samples_appended_total{type=\"float\"}",
        "prometheus_target_scrape_pools_total",
        "prometheus_target_interval_length_seconds_count{interval=\"100ms\"}",
        "prometheus_engine_queries",
        "prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/query\"}",
        "process_resident_memory_bytes",
    ] {
        server.metric(series);
    }
}
