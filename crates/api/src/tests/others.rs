//! Federation, redirects, notifications, and what is switched off.

use axum::body::Body;
use axum::http::Method;
use futures_util::StreamExt;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, ORIGIN};
use narthex_model::labels;
use narthex_model::value::STALE_NAN;

use super::world::*;
use crate::notifications::{RELOAD_FAILED, STARTING};

#[tokio::test]
async fn federation_gives_the_latest_samples_with_the_labels_they_lack() {
    let mut world = World::new();
    let stale = vec![(NOW_MS - 2000, 1.0), (NOW_MS - 1000, STALE_NAN)];
    world.store.series.insert(labels! { "__name__" => "stale" }, stale);
    world.store.series.insert(labels! { "__name__" => "old" }, vec![(NOW_MS - 300_001, 1.0)]);
    let router = world.router();
    let response =
        send(&router, request(Method::GET, "/federate?match[]=%7Bjob!=%22b%22%7D").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
    assert_eq!(
        text(response).await,
        "# TYPE up untyped\nup{job=\"a\",cluster=\"c1\",instance=\"\"} 1 1700000000000\n\
         # TYPE x_y untyped\nx_y{le=\"+Inf\",cluster=\"c1\",instance=\"\",job=\"never\"} 2 1699999999900\n"
    );
    assert_eq!(fetch(&router, "/federate").await, (200, String::new()));
    let (status, body) = fetch(&router, "/federate?match[]=up%7B").await;
    assert_eq!((status, body.as_str()), (400, "1:4: parse error: unexpected end of input inside braces\n"));
    let (status, body) = fetch(&router, "/federate?match[]=%ZZ").await;
    assert_eq!((status, body.as_str()), (400, "error parsing form values: invalid URL escape \"%ZZ\"\n"));
}

#[tokio::test]
async fn unclean_paths_are_redirected() {
    let router = World::new().router();
    for (method, path, status, location) in [
        (Method::GET, "//query?a=b", 301, "/query?a=b"),
        (Method::POST, "/a/../query", 301, "/query"),
        (Method::GET, "/query/", 301, "/query"),
        (Method::GET, "/QUERY", 301, "/query"),
        (Method::POST, "/query/", 404, ""),
        (Method::GET, "/nothing/", 404, ""),
        (Method::GET, "/Metrics/", 301, "/metrics"),
        (Method::HEAD, "/-/ready/", 307, "/-/ready"),
        (Method::GET, "/api/v1/query/?query=1", 301, "/query?query=1"),
        (Method::POST, "/api/v1/Query", 307, "/query"),
        (Method::GET, "/api/v1//query", 301, "/api/v1/query"),
        (Method::GET, "/api/v1", 301, "/api/v1/"),
        (Method::POST, "/api/v1/metadata/", 404, ""),
    ] {
        let response = send(&router, request(method.clone(), path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), status, "{method} {path}");
        let found = response.headers().get(LOCATION).map_or("", |value| value.to_str().unwrap());
        assert_eq!(found, location, "{method} {path}");
        let want = match (&method, location) {
            (&Method::GET, location) if !location.is_empty() => {
                format!("<a href=\"{location}\">Moved Permanently</a>.\n\n")
            }
            (_, "") => "404 page not found\n".into(),
            _ => String::new(),
        };
        assert_eq!(text(response).await, want, "{method} {path}");
    }
}

#[tokio::test]
async fn redirects_stay_below_the_prefix() {
    let mut world = World::new();
    world.options.route_prefix = "/p".into();
    let router = world.router();
    for (path, location) in [("/p/query/", "/p/query"), ("/p/api/v1", "/p/api/v1/"), ("/p/api/v1/labels/", "/labels")] {
        let response = send(&router, request(Method::GET, path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.headers()[LOCATION], location, "{path}");
    }
}

#[tokio::test]
async fn notifications_are_listed_and_followed() {
    let world = World::new();
    let notifications = world.life.notifications.clone();
    let router = world.router();
    assert_eq!(fetch(&router, "/api/v1/notifications").await.1, r#"{"status":"success","data":[]}"#);
    notifications.add(RELOAD_FAILED, NOW_MS * 1_000_000);
    let (_, body) = fetch(&router, "/api/v1/notifications").await;
    assert!(body.contains(r#""text":"Configuration reload has failed.","date":"2023-11-14T"#), "{body}");
    let live = request(Method::GET, "/api/v1/notifications/live").header(ORIGIN, "http://ok").body(Body::empty());
    let response = send(&router, live.unwrap()).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
    let mut events = response.into_body().into_data_stream();
    let mut next = async || String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    let first = next().await;
    assert!(first.starts_with("data: {\"text\":\"Configuration reload has failed.\"") && first.ends_with("}\n\n"));
    notifications.add(STARTING, 1);
    assert!(next().await.contains("\"active\":true"));
    notifications.remove(STARTING);
    assert!(next().await.contains("\"active\":false"));
    notifications.close();
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn relabelling_is_shown_step_by_step() {
    let router = World::new().router();
    let path = |labels: &str| {
        let labels: String = labels.bytes().map(|byte| format!("%{byte:02x}")).collect();
        format!("/api/v1/targets/relabel_steps?scrapePool=node&labels={labels}")
    };
    let (status, body) = fetch(&router, &path(r#"{"__address__":"a:1","env":"test"}"#)).await;
    let copy = r#""rule":{"sourceLabels":["__address__"],"separator":";","regex":"(.*)","targetLabel":"instance","replacement":"$1","action":"replace"}"#;
    let drop = r#""rule":{"sourceLabels":["env"],"separator":";","regex":"test","replacement":"$1","action":"drop"}"#;
    let output = r#"{"__address__":"a:1","env":"test","instance":"a:1"}"#;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body,
        format!(
            r#"{{"status":"success","data":{{"steps":[{{{copy},"output":{output},"keep":true}},{{{drop},"output":{{}},"keep":false}},{{{copy},"output":{{}},"keep":false}}]}}}}"#
        )
    );
    for (path, want) in [
        ("scrape_pools/config", "no scrapePool parameter provided"),
        ("scrape_pools/config?scrapePool=x", r#"error retrieving scrape config: scrape pool \"x\" not found"#),
        ("targets/relabel_steps", "no scrapePool parameter provided"),
        ("targets/relabel_steps?scrapePool=node", "no labels parameter provided"),
        ("targets/relabel_steps?scrapePool=x&labels=%7B%7D", r#"scrape pool \"x\" not found"#),
        ("targets/relabel_steps?scrapePool=node&labels=%7B%22a%22:1%7D", r#"the value of \"a\" is no string"#),
    ] {
        let (status, body) = fetch(&router, &format!("/api/v1/{path}")).await;
        assert!(status == 400 && body.contains(want), "{path}: {status} {body}");
    }
    let (_, body) = fetch(&router, "/api/v1/scrape_pools/config?scrapePool=node").await;
    assert_eq!(body, r#"{"status":"success","data":{"yaml":"job_name: node\n"}}"#);
}

#[tokio::test]
async fn lists_without_anything_in_them_are_empty() {
    let router = World::new().router();
    for (path, data) in [
        ("rules?type=alert&group_limit=5", r#"{"groups":[]}"#),
        ("alerts", r#"{"alerts":[]}"#),
        ("alertmanagers", r#"{"activeAlertmanagers":[],"droppedAlertmanagers":[]}"#),
        ("query_exemplars?query=rate(up[5m])", "[]"),
        ("status/tsdb/blocks", r#"{"blocks":[{"ulid":"01"}]}"#),
    ] {
        let (status, body) = fetch(&router, &format!("/api/v1/{path}")).await;
        assert_eq!((status, body), (200, format!(r#"{{"status":"success","data":{data}}}"#)), "{path}");
    }
    assert_eq!(fetch(&router, "/api/v1/query_exemplars?query=1").await, (204, String::new()));
}

#[tokio::test]
async fn what_is_off_says_so_in_upstreams_words() {
    let router = World::new().router();
    for (method, path, status, want) in [
        (Method::POST, "admin/tsdb/delete_series", 500, r#""error":"admin APIs disabled""#),
        (Method::PUT, "admin/tsdb/snapshot", 500, r#""errorType":"unavailable""#),
        (Method::GET, "search/metric_names", 500, r#""error":"search API disabled""#),
        (
            Method::POST,
            "write",
            404,
            "remote write receiver needs to be enabled with --web.enable-remote-write-receiver",
        ),
        (
            Method::POST,
            "otlp/v1/metrics",
            404,
            "otlp write receiver needs to be enabled with --web.enable-otlp-receiver",
        ),
        (Method::GET, "rules?type=x", 400, r#"invalid parameter \"type\": not supported value \"x\""#),
        (Method::GET, "rules?group_limit=x", 400, r#"strconv.ParseInt: parsing \"x\": invalid syntax"#),
        (Method::GET, "rules?group_limit=0", 400, "group_limit needs to be greater than 0"),
        (Method::GET, "rules?group_next_token=x", 400, "group_limit needs to be present in order to paginate"),
        (Method::GET, "rules?exclude_alerts=x", 400, r#"strconv.ParseBool: parsing \"x\": invalid syntax"#),
        (Method::GET, "query_exemplars", 400, "unknown position: parse error: no expression found in input"),
        (
            Method::GET,
            "query_exemplars?query=up&start=2&end=1",
            400,
            "end timestamp must not be before start timestamp",
        ),
    ] {
        let response = send(&router, request(method, &format!("/api/v1/{path}")).body(Body::empty()).unwrap()).await;
        let code = response.status();
        let body = text(response).await;
        assert!(code == status && body.contains(want), "{path}: {code} {body}");
    }
    let get = request(Method::GET, "/api/v1/admin/tsdb/snapshot").body(Body::empty()).unwrap();
    assert_eq!(send(&router, get).await.headers()[ALLOW], "OPTIONS, POST, PUT");
}

#[tokio::test]
async fn own_metrics_are_given_in_protobufs_json() {
    let router = World::new().router();
    let path = "/api/v1/status/self_metrics?metric_name_pattern=promhttp_.*in_flight";
    assert_eq!(
        fetch(&router, path).await.1,
        r#"{"status":"success","data":[{"name":"promhttp_metric_handler_requests_in_flight","help":"Scrapes of this server being answered.","type":"GAUGE","metric":[{"gauge":{"value":0}}]}]}"#
    );
    let (status, body) = fetch(&router, "/api/v1/status/self_metrics").await;
    assert!(status == 200 && body.contains(r#""label":[{"name":"code","value":"200"},"#), "{body}");
    assert_eq!(fetch(&router, "/api/v1/status/self_metrics?metric_name_pattern=(").await.0, 400);
}

#[tokio::test]
async fn the_description_comes_in_two_versions() {
    let router = World::new().router();
    let response = send(&router, request(Method::GET, "/api/v1/openapi.yaml").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/yaml; charset=utf-8");
    assert!(text(response).await.starts_with("openapi: 3.1.0\n"));
    assert!(fetch(&router, "/api/v1/openapi.yaml?openapi_version=3.2").await.1.starts_with("openapi: 3.2.0\n"));
}
