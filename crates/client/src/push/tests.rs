use super::*;
use crate::{Opts, Single};

fn registry() -> Registry {
    let registry = Registry::new();
    registry.gauge(Opts::new("a", "A.")).unwrap().set(1.0);
    registry
}

#[test]
fn groups_are_in_the_path() {
    for (value, want) in [
        ("x", "b/x"),
        ("", "b@base64/="),
        ("a/b", "b@base64/YS9i"),
        ("a b", "b/a%20b"),
        ("\u{e4}+?", "b/%C3%A4%2B%3F"),
        ("?>/", "b@base64/Pz4v"),
    ] {
        let request = Pusher::new("localhost:9091/", "job").grouping("b", value).request("DELETE").unwrap();
        assert_eq!(request.url, format!("http://localhost:9091/metrics/job/job/{want}"));
    }
    let request = Pusher::new("https://x/base", "a/b").grouping("z", "2").grouping("y", "1").grouping("z", "3");
    assert_eq!(request.request("DELETE").unwrap().url, "https://x/base/metrics/job@base64/YS9i/y/1/z/3");
}

#[test]
fn metrics_are_the_body() {
    let request = Pusher::new("x", "j").gatherer(registry()).request("PUT").unwrap();
    assert_eq!((request.method, &request.body[1..6]), ("PUT", &b"\x0a\x01a\x12\x02"[..]));
    assert_eq!(
        request.headers,
        [(
            "content-type".to_owned(),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8"
                .to_owned()
        )]
    );
    let single = Single::new(Opts::new("b", ""), crate::Gauge::new()).unwrap();
    let request = Pusher::new("x", "j")
        .format(Format::OpenMetrics100)
        .basic_auth("user", "pass")
        .collector(Arc::new(single))
        .request("POST")
        .unwrap();
    assert_eq!(request.body, b"# HELP b \n# TYPE b gauge\nb 0.0\n# EOF\n");
    assert_eq!(request.headers[0], ("authorization".to_owned(), "Basic dXNlcjpwYXNz".to_owned()));
}

#[test]
fn what_is_wrong_is_said_at_the_end() {
    let message = |pusher: Pusher| pusher.request("PUT").unwrap_err().to_string();
    assert_eq!(message(Pusher::new("x", "")), "job name is empty");
    assert_eq!(message(Pusher::new("x", "j").grouping("", "y")), "grouping label has invalid name: \"\"");
    assert_eq!(message(Pusher::new("x", "j").grouping("job", "y")), "grouping label has invalid name: \"job\"");
    for label in ["job", "zone"] {
        let registry = Registry::new();
        registry.gauge(Opts::new("a", "").const_label(label, "1")).unwrap();
        let pusher = Pusher::new("x", "j").grouping("zone", "b").gatherer(registry);
        assert_eq!(message(pusher), format!("pushed metric \"a\" already contains grouping label {label:?}"));
    }
    let twice = Pusher::new("x", "j").gatherer(registry()).gatherer(registry());
    assert!(message(twice).contains("was collected before"));
}

struct Gateway(u16);

impl Transport for Gateway {
    fn send(&self, _: &PushRequest) -> Result<(u16, String), Box<dyn std::error::Error + Send + Sync>> {
        if self.0 == 0 { Err("no route".into()) } else { Ok((self.0, "said so".to_owned())) }
    }
}

#[test]
fn answers_are_understood() {
    let pusher = || Pusher::new("x", "j").gatherer(registry());
    for status in [200, 202] {
        pusher().push(&Gateway(status)).unwrap();
        pusher().add(&Gateway(status)).unwrap();
    }
    pusher().delete(&Gateway(202)).unwrap();
    assert_eq!(
        pusher().delete(&Gateway(200)).unwrap_err().to_string(),
        "unexpected status code 200 while pushing to http://x/metrics/job/j: said so"
    );
    let error = pusher().push(&Gateway(0)).unwrap_err();
    assert_eq!(error.to_string(), "PUT http://x/metrics/job/j");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no route");
}
