use axum::body::Body;
use http::Method;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, ORIGIN};

use super::world::*;

/// Asks and compares status and body.
async fn check(path: &str, status: u16, want: &str) {
    let router = World::new().router();
    assert_eq!(fetch(&router, &format!("/api/v1/{path}")).await, (status, want.to_owned()), "{path}");
}

async fn check_data(path: &str, data: &str) {
    check(path, 200, &format!(r#"{{"status":"success","data":{data}}}"#)).await;
}

async fn check_error(path: &str, status: u16, kind: &str, text: &str) {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    check(path, status, &format!(r#"{{"status":"error","errorType":"{kind}","error":"{text}"}}"#)).await;
}

#[tokio::test]
async fn instant_queries_answer_every_kind_of_value() {
    check_data(
        "query?query=up",
        r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1700000000,"1"]},{"metric":{"__name__":"up","job":"b"},"value":[1700000000,"1e-07"]}]}"#,
    )
    .await;
    check_data("query?query=1e-7&time=1.5", r#"{"resultType":"scalar","result":[1.5,"0.0000001"]}"#).await;
    check_data("query?query=%22a%3Cb%22&time=1", r#"{"resultType":"string","result":[1,"a\u003cb"]}"#).await;
    check_data(
        "query?query=up%7Bjob=%22a%22%7D%5B2m%5D&time=1700000000.001",
        r#"{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[1699999940,"1"],[1700000000,"1"]]}]}"#,
    )
    .await;
    check_data(
        "query?query=%7B%22x%3Cy%22%7D",
        r#"{"resultType":"vector","result":[{"metric":{"__name__":"x<y","le":"+Inf"},"value":[1700000000,"2"]}]}"#,
    )
    .await;
    check_data("query?query=nothing", r#"{"resultType":"vector","result":[]}"#).await;
}

#[tokio::test]
async fn range_queries_answer_a_matrix() {
    check_data(
        "query_range?query=sum(up)&start=1699999940&end=1700000000&step=1m",
        r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1699999940,"1.0000001"],[1700000000,"1.0000001"]]}]}"#,
    )
    .await;
    check_data(
        "query_range?query=2&start=0&end=1&step=0.5",
        r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"2"],[0.500,"2"],[1,"2"]]}]}"#,
    )
    .await;
}

#[tokio::test]
async fn limits_cut_and_say_so() {
    let data = r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1700000000,"1"]}]}"#;
    check(
        "query?query=up&limit=1",
        200,
        &format!(r#"{{"status":"success","data":{data},"warnings":["results truncated due to limit"]}}"#),
    )
    .await;
    check(
        "labels?limit=2",
        200,
        r#"{"status":"success","data":["__name__","job"],"warnings":["results truncated due to limit"]}"#,
    )
    .await;
    check_data("labels?limit=3", r#"["__name__","job","le"]"#).await;
    check_error("labels?limit=-1", 400, "bad_data", r#"invalid parameter "limit": limit must be non-negative"#).await;
    check_error(
        "labels?limit=x",
        400,
        "bad_data",
        r#"invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax"#,
    )
    .await;
}

#[tokio::test]
async fn annotations_come_after_the_data() {
    check(
        "query?query=quantile(2,up)&time=1700000000",
        200,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"+Inf"]}]},"warnings":["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"]}"#,
    )
    .await;
}

#[tokio::test]
async fn of_many_annotations_ten_are_listed() {
    let router = World::new().router();
    let path = "/api/v1/query_range?query=quantile_over_time(time(),up[5m])&start=1699999988&end=1700000000&step=1";
    let (_, body) = fetch(&router, path).await;
    assert_eq!(body.matches("quantile value should be").count(), 10);
    assert!(body.ends_with(r#","3 more warning annotations omitted"]}"#), "{body}");
}

#[tokio::test]
async fn wrong_queries_are_refused_in_upstreams_words() {
    let bad = |path: &'static str, text: &'static str| check_error(path, 400, "bad_data", text);
    bad("query", r#"invalid parameter "query": unknown position: parse error: no expression found in input"#).await;
    bad("query?query=up%7B", r#"invalid parameter "query": 1:4: parse error: unexpected end of input inside braces"#)
        .await;
    bad(
        "query?query=1&time=x",
        r#"invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp"#,
    )
    .await;
    bad("query?query=1&timeout=x", r#"invalid parameter "timeout": cannot parse "x" to a valid duration"#).await;
    bad(
        "query?query=1&lookback_delta=x",
        r#"error parsing lookback delta duration: cannot parse "x" to a valid duration"#,
    )
    .await;
    bad("query_range?query=1", r#"invalid parameter "start": cannot parse "" to a valid timestamp"#).await;
    bad(
        "query_range?query=1&start=2&end=1&step=1",
        r#"invalid parameter "end": end timestamp must not be before start time"#,
    )
    .await;
    bad(
        "query_range?query=1&start=1&end=2&step=0",
        r#"invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer"#,
    )
    .await;
    bad(
        "query_range?query=1&start=0&end=11001&step=1",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    )
    .await;
    bad(
        "query_range?query=%22a%22&start=1&end=2&step=1",
        r#"invalid parameter "query": invalid expression type "string" for range query, must be Scalar or instant Vector"#,
    )
    .await;
    check_error(
        "query_range?query=1&start=0&end=0&step=0.0005",
        422,
        "execution",
        "unexpected error: runtime error: integer divide by zero",
    )
    .await;
}

#[tokio::test]
async fn queries_that_ask_too_much_are_refused() {
    let mut world = World::new();
    world.engine.max_samples = 1;
    let (status, body) = fetch(&world.router(), "/api/v1/query?query=up").await;
    assert_eq!(status, 422);
    assert_eq!(
        body,
        r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}"#
    );
    let (status, body) = fetch(&World::new().router(), "/api/v1/query?query=up&timeout=0").await;
    assert!(status == 503 || status == 422 || status == 400, "{status} {body}");
}

#[tokio::test]
async fn a_form_in_the_body_wins_over_the_url() {
    let router = World::new().router();
    let post = request(Method::POST, "/api/v1/query?query=nonsense(&time=3")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("query=1%2B1"))
        .unwrap();
    let want = r#"{"status":"success","data":{"resultType":"scalar","result":[3,"2"]}}"#;
    assert_eq!(text(send(&router, post).await).await, want);
    let other = request(Method::POST, "/api/v1/query?query=2&time=3")
        .header(CONTENT_TYPE, "text/plain")
        .body(Body::from("query=1"))
        .unwrap();
    assert_eq!(text(send(&router, other).await).await, want);
    let huge = request(Method::POST, "/api/v1/query")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(vec![b'a'; (10 << 20) + 1]))
        .unwrap();
    assert_eq!(send(&router, huge).await.status(), 413);
}

#[tokio::test]
async fn statistics_are_added_when_asked_for() {
    let router = World::new().router();
    let (_, body) = fetch(&router, "/api/v1/query?query=up&stats=true").await;
    let (before, after) = body.split_once(r#","stats":{"timings":{"evalTotalTime":"#).expect(&body);
    assert!(before.ends_with(r#""1e-07"]}]"#), "{body}");
    assert!(after.contains(r#""samples":{"totalQueryableSamples":"#) && after.ends_with("}}}}"), "{body}");
    let (_, body) = fetch(&router, "/api/v1/query?query=1&stats=x").await;
    assert!(body.contains(r#""warnings":["value \"x\" for parameter \"stats\" is deprecated"#), "{body}");
}

#[tokio::test]
async fn queries_are_formatted_and_parsed() {
    check_data("format_query?query=sum(up)by(job)", r#""sum by (job) (up)""#).await;
    check_error(
        "format_query?query=",
        400,
        "bad_data",
        r#"invalid parameter "query": unknown position: parse error: no expression found in input"#,
    )
    .await;
    check_data(
        "parse_query?query=1%3Ebool%202",
        r#"{"bool":true,"lhs":{"type":"numberLiteral","val":"1"},"matching":null,"op":"\u003e","rhs":{"type":"numberLiteral","val":"2"},"type":"binaryExpr"}"#,
    )
    .await;
}

#[tokio::test]
async fn series_and_labels_are_listed() {
    check_data("series?match[]=up", r#"[{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}]"#).await;
    check_data(
        "series?match[]=%7Ble%3D~%22.%2B%22%7D&match[]=up%7Bjob=%22b%22%7D",
        r#"[{"__name__":"up","job":"b"},{"__name__":"x<y","le":"+Inf"}]"#,
    )
    .await;
    check_data("series?match[]=up&start=2&end=1", "[]").await;
    check_error("series", 400, "bad_data", "no match[] parameter provided").await;
    check_error("series?a=%25%ZZ", 400, "bad_data", r#"error parsing form values: invalid URL escape "%ZZ""#).await;
    check_error(
        "series?match[]=%7Ba!=%22b%22%7D",
        400,
        "bad_data",
        r#"invalid parameter "match[]": match[] must contain at least one non-empty matcher"#,
    )
    .await;
    check_data("labels", r#"["__name__","job","le"]"#).await;
    check_data("labels?match[]=up&match[]=%7Bjob=%22a%22%7D", r#"["__name__","job"]"#).await;
    check_error("labels?match[]=", 400, "bad_data", "unknown position: parse error: unexpected end of input").await;
    check_error(
        "labels?match[]=%7Ba=~%22.*%22%7D",
        400,
        "bad_data",
        "match[] must contain at least one non-empty matcher",
    )
    .await;
    check_data("label/job/values", r#"["a","b"]"#).await;
    check_data("label/U______name____/values?match[]=up", r#"["up"]"#).await;
    check_data("label/nothing/values", "[]").await;
    check_error("label/%ff/values", 400, "bad_data", r#"invalid label name: "\xff""#).await;
}

#[tokio::test]
async fn targets_are_shown_by_state_and_pool() {
    const NODE: &str = r#"{"discoveredLabels":{},"labels":{},"scrapePool":"node","scrapeUrl":"http://node:9100/metrics","globalUrl":"http://node:9100/metrics","lastError":"connection \u003crefused\u003e","lastScrape":"0001-01-01T00:00:00Z","lastScrapeDuration":0,"health":"down","scrapeInterval":"1m","scrapeTimeout":"10s"}"#;
    const OWN: &str = r#"{"discoveredLabels":{"__address__":"localhost:9090","job":"self"},"labels":{"instance":"localhost:9090","job":"self"},"scrapePool":"self","scrapeUrl":"http://localhost:9090/metrics","globalUrl":"http://ext:80/metrics","lastError":"","lastScrape":"0001-01-01T00:00:00Z","lastScrapeDuration":0.25,"health":"up","scrapeInterval":"15s","scrapeTimeout":"10s"}"#;
    const GONE: &str = r#"{"discoveredLabels":{"__address__":"gone:1"},"scrapePool":"node"}"#;
    check_data(
        "targets",
        &format!(r#"{{"activeTargets":[{NODE},{OWN}],"droppedTargets":[{GONE}],"droppedTargetCounts":{{"node":3}}}}"#),
    )
    .await;
    check_data(
        "targets?state=active&scrapePool=self",
        &format!(r#"{{"activeTargets":[{OWN}],"droppedTargets":[],"droppedTargetCounts":null}}"#),
    )
    .await;
    check_data(
        "targets?state=dropped&scrapePool=self",
        r#"{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{"node":3}}"#,
    )
    .await;
    check_data("scrape_pools", r#"{"scrapePools":["node","self"]}"#).await;
}

#[tokio::test]
async fn metadata_is_collected_over_targets() {
    check_data(
        "metadata",
        r#"{"go_threads":[{"type":"gauge","unit":"","help":"Threads."}],"up":[{"type":"gauge","unit":"","help":"Is it?"},{"type":"unknown","unit":"","help":"Is \u003cit\u003e?"}]}"#,
    )
    .await;
    check_data("metadata?metric=up&limit_per_metric=1", r#"{"up":[{"type":"gauge","unit":"","help":"Is it?"}]}"#).await;
    check_data("metadata?limit=0", "{}").await;
    check_error("metadata?limit=x", 400, "bad_data", "limit must be a number").await;
    check_data(
        "targets/metadata?match_target=%7Bjob=%22node%22%7D",
        r#"[{"target":{"job":"node"},"metric":"up","type":"unknown","help":"Is \u003cit\u003e?","unit":""}]"#,
    )
    .await;
    check_data(
        "targets/metadata?metric=go_threads",
        r#"[{"target":{"job":"self"},"type":"gauge","help":"Threads.","unit":""}]"#,
    )
    .await;
    check_data("targets/metadata?metric=none", "[]").await;
}

#[tokio::test]
async fn the_server_tells_about_itself() {
    check_data("status/config", r#"{"yaml":"global:\n  scrape_interval: 1m\n"}"#).await;
    check_data("status/flags", r#"{"config.file":"a\u0026b.yml","web.cors.origin":".*"}"#).await;
    check_data(
        "status/buildinfo",
        r#"{"version":"3.14.0","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""}"#,
    )
    .await;
    check_data(
        "status/runtimeinfo",
        r#"{"startTime":"2020-09-13T12:26:40.5Z","CWD":"/","hostname":"h","serverTime":"2023-11-14T22:13:20Z","reloadConfigSuccess":true,"lastConfigTime":"1970-01-01T00:00:00Z","corruptionCount":0,"goroutineCount":0,"GOMAXPROCS":2,"GOMEMLIMIT":0,"GOGC":"","GODEBUG":"","storageRetention":"15d"}"#,
    )
    .await;
    check_data(
        "status/tsdb?limit=7",
        r#"{"headStats":{"numSeries":2,"numLabelPairs":3,"chunkCount":4,"minTime":9223372036854775807,"maxTime":-9223372036854775808},"seriesCountByMetricName":[{"name":"up","value":7}],"labelValueCountByLabelName":[],"memoryInBytesByLabelName":[],"seriesCountByLabelValuePair":[]}"#,
    )
    .await;
    check_error("status/tsdb?limit=0", 400, "bad_data", "limit must be a positive number").await;
    check_error("status/tsdb?limit=10001", 400, "bad_data", "limit must not exceed 10000").await;
    check_data("status/walreplay", r#"{"min":1,"max":5,"current":3}"#).await;
    check_data("features", r#"{"ui":{"ui_v3":true}}"#).await;
}

#[tokio::test]
async fn answers_carry_upstreams_headers() {
    let router = World::new().router();
    let ask = |origin: Option<&'static str>| {
        let mut builder = request(Method::GET, "/api/v1/query?query=1");
        if let Some(origin) = origin {
            builder = builder.header(ORIGIN, origin);
        }
        builder.body(Body::empty()).unwrap()
    };
    let response = send(&router, ask(None)).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(response.headers().get_all("vary").iter().collect::<Vec<_>>(), ["Accept-Encoding", "Origin"]);
    assert!(!response.headers().contains_key("access-control-allow-methods"));

    let response = send(&router, ask(Some("https://ok.example"))).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "https://ok.example");
    assert_eq!(response.headers()["access-control-allow-methods"], "GET, POST, OPTIONS");
    assert_eq!(response.headers()["access-control-allow-headers"], "Accept, Authorization, Content-Type, Origin");
    assert_eq!(response.headers()["access-control-expose-headers"], "Date");
    let response = send(&router, ask(Some("https://bad.example"))).await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));

    let response = send(&router, request(Method::OPTIONS, "/api/v1/nothing").body(Body::empty()).unwrap()).await;
    assert_eq!((response.status().as_u16(), text(response).await.as_str()), (204, ""));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told() {
    let router = World::new().router();
    assert_eq!(fetch(&router, "/api/v1/nothing").await, (404, "404 page not found\n".into()));
    assert_eq!(fetch(&router, "/nothing").await, (404, "404 page not found\n".into()));
    for (method, path, allow) in [
        (Method::HEAD, "/api/v1/query", "GET, OPTIONS, POST"),
        (Method::POST, "/api/v1/targets", "GET, OPTIONS"),
        (Method::DELETE, "/api/v1/series", "GET, OPTIONS, POST"),
    ] {
        let response = send(&router, request(method.clone(), path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(response.headers()["allow"], allow, "{path}");
        let body = if method == Method::HEAD { "" } else { "Method Not Allowed\n" };
        assert_eq!(text(response).await, body);
    }
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask() {
    use std::io::Read;
    let router = World::new().router();
    for (accepts, encoding) in [
        ("gzip", Some("gzip")),
        ("br, deflate, gzip", Some("deflate")),
        ("gzip;q=1", None),
        ("*", None),
        ("GZIP", None),
    ] {
        let ask = request(Method::GET, "/api/v1/query?query=").header(ACCEPT_ENCODING, accepts);
        let response = send(&router, ask.body(Body::empty()).unwrap()).await;
        let named = response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(named.as_deref(), encoding, "{accepts}");
        let body = bytes(response).await;
        let mut plain = String::new();
        let read = match encoding {
            Some("gzip") => flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut plain),
            Some(_) => flate2::read::ZlibDecoder::new(&body[..]).read_to_string(&mut plain),
            None => (&body[..]).read_to_string(&mut plain),
        };
        read.unwrap();
        assert!(plain.starts_with(r#"{"status":"error","#), "{accepts}: {plain}");
    }
}
