use narthex_exposition::{Metric, MetricValue, negotiate};

use super::*;
use crate::error::GatherError;

fn text(registry: &Registry) -> String {
    let gathered = registry.gather();
    assert_eq!(gathered.errors, []);
    gathered.encode(negotiate(None), &[])
}

#[test]
fn families_by_name_and_metrics_by_label_values() {
    let registry = Registry::new();
    let requests = registry
        .counter_vec(
            Opts::new("requests_total", "Requests.").namespace("http").const_label("zone", "z"),
            &["path", "code"],
        )
        .unwrap();
    requests.with(&["/b", "200"]).inc();
    requests.with(&["/a", "500"]).inc_by(2);
    requests.with(&["/a", "200"]).add(0.5);
    registry.gauge(Opts::new("busy", "")).unwrap().set(-1.0);
    registry.gauge_fn(Opts::new("answer", "All of it."), || 42.0).unwrap();
    registry.histogram(Opts::new("wait_seconds", "Waiting."), &[1.0]).unwrap().observe(0.5);
    let opts = SummaryOpts::quantiles(&[(0.99, 0.001), (0.5, 0.05)]);
    registry.summary_vec(Opts::new("size", "Sizes."), &["of"], opts).unwrap().with(&["x"]).observe(3.0);
    assert_eq!(
        text(&registry),
        "# HELP answer All of it.\n# TYPE answer gauge\nanswer 42\n\
         # TYPE busy gauge\nbusy -1\n\
         # HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n\
         http_requests_total{code=\"200\",path=\"/a\",zone=\"z\"} 0.5\n\
         http_requests_total{code=\"200\",path=\"/b\",zone=\"z\"} 1\n\
         http_requests_total{code=\"500\",path=\"/a\",zone=\"z\"} 2\n\
         # HELP size Sizes.\n# TYPE size summary\nsize{of=\"x\",quantile=\"0.5\"} 3\nsize{of=\"x\",quantile=\"0.99\"} 3\n\
         size_sum{of=\"x\"} 3\nsize_count{of=\"x\"} 1\n\
         # HELP wait_seconds Waiting.\n# TYPE wait_seconds histogram\nwait_seconds_bucket{le=\"1\"} 1\n\
         wait_seconds_bucket{le=\"+Inf\"} 1\nwait_seconds_sum 0.5\nwait_seconds_count 1\n"
    );
    assert_eq!(registry.gather().encode(negotiate(None), &["busy", "none"]), "# TYPE busy gauge\nbusy -1\n");
}

#[test]
fn a_vector_without_children_is_not_shown() {
    let registry = Registry::new();
    registry.counter_vec(Opts::new("a_total", "A."), &["x"]).unwrap();
    assert_eq!(text(&registry), "");
}

#[test]
fn what_does_not_fit_is_refused() {
    let registry = Registry::new();
    registry.counter(Opts::new("a_total", "A.").const_label("x", "1")).unwrap();
    registry.counter(Opts::new("a_total", "A.").const_label("x", "2")).unwrap();
    let again = registry.counter(Opts::new("a_total", "A.").const_label("x", "1")).unwrap_err();
    assert_eq!(again, RegisterError::Duplicate("a_total".into()));
    let inconsistent = RegisterError::Inconsistent("a_total".into());
    for opts in [Opts::new("a_total", "B.").const_label("x", "3"), Opts::new("a_total", "A.").const_label("y", "1")] {
        assert_eq!(registry.counter(opts).unwrap_err(), inconsistent);
    }
    assert_eq!(registry.gauge(Opts::new("a_total", "A.").const_label("x", "3")).unwrap_err(), inconsistent);

    assert!(matches!(registry.gauge(Opts::new("", "").namespace("n")), Err(RegisterError::Name(_))));
    for label in ["", "__x"] {
        assert!(matches!(registry.gauge_vec(Opts::new("g", ""), &[label]), Err(RegisterError::LabelName { .. })));
    }
    assert!(matches!(registry.histogram_vec(Opts::new("g", ""), &["le"], &[]), Err(RegisterError::LabelName { .. })));
    let twice = registry.gauge_vec(Opts::new("g", "").const_label("a", ""), &["a"]);
    assert!(matches!(twice, Err(RegisterError::DuplicateLabel { .. })));
    assert!(matches!(registry.histogram(Opts::new("g", ""), &[2.0, 1.0]), Err(RegisterError::Buckets { .. })));
    let quantiles = SummaryOpts::quantiles(&[(1.5, 0.1)]);
    assert!(matches!(registry.summary(Opts::new("g", ""), quantiles), Err(RegisterError::Quantile { .. })));
}

struct Odd {
    descs: Vec<Desc>,
    panics: bool,
}

impl Collector for Odd {
    fn describe(&self) -> Vec<Desc> {
        self.descs[..1].to_vec()
    }

    fn collect(&self, sink: &mut Sink) {
        sink.value(&self.descs[0], &["a"], 1.0);
        sink.value(&self.descs[0], &["a"], 2.0);
        sink.value(&self.descs[0], &[], 2.0);
        sink.push(&self.descs[0], Metric::new([].into(), MetricValue::Summary(Default::default())));
        sink.value(&self.descs[1], &[], 3.0);
        assert!(!self.panics, "as asked");
    }
}

#[test]
fn a_bad_collector_leaves_the_others_alone() {
    let registry = Registry::new();
    registry.counter(Opts::new("good_total", "")).unwrap().inc();
    let descs = vec![
        Opts::new("odd", "").desc(MetricType::Gauge, &["x"]).unwrap(),
        Opts::new("hidden", "").desc(MetricType::Gauge, &[]).unwrap(),
    ];
    let id = registry.register(Arc::new(Odd { descs: descs.clone(), panics: false })).unwrap();
    let gathered = registry.gather();
    let errors: Vec<String> = gathered.errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert_eq!(
        gathered.encode(negotiate(None), &[]),
        "# TYPE good_total counter\ngood_total 1\n# TYPE odd gauge\nodd{x=\"a\"} 1\n"
    );

    assert!(registry.unregister(id));
    assert!(!registry.unregister(id));
    registry.register(Arc::new(Odd { descs, panics: true })).unwrap();
    let gathered = registry.gather();
    assert!(gathered.errors.contains(&GatherError::Panicked("odd".into())), "{:?}", gathered.errors);
    assert_eq!(gathered.families.len(), 2);
}

fn gauge_family(name: &str, help: &str, labels: &[(&str, &str)]) -> narthex_exposition::MetricFamily {
    let labels = narthex_exposition::LabelPairs::new(labels.iter().copied());
    narthex_exposition::MetricFamily {
        name: name.into(),
        help: help.into(),
        unit: String::new(),
        metric_type: MetricType::Gauge,
        metrics: vec![Metric::new(labels, MetricValue::Single(1.0))],
    }
}

struct Unchecked(Vec<narthex_exposition::MetricFamily>);

impl Collector for Unchecked {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self, sink: &mut Sink) {
        self.0.iter().cloned().for_each(|family| sink.family(family));
        sink.error("half of it is missing");
    }
}

#[test]
fn unchecked_families_are_checked_when_they_come() {
    let registry = Registry::new();
    let wait = registry.histogram(Opts::new("wait", ""), &[]).unwrap();
    wait.observe(1.0);
    registry
        .register(Arc::new(Unchecked(vec![
            gauge_family("a", "A.", &[("x", "1")]),
            gauge_family("a", "B.", &[("x", "2")]),
            gauge_family("a", "A.", &[("x", "1")]),
            gauge_family("b", "", &[("__x", "2")]),
            gauge_family("b", "", &[("x", "2"), ("x", "3")]),
            gauge_family("wait_count", "", &[]),
        ])))
        .unwrap();
    let gathered = registry.gather();
    let errors: Vec<String> = gathered.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "half of it is missing",
            "collected metrics named \"a\" have different help texts, types or units",
            "collected metric \"b\" has labels {__x=\"2\"} that do not fit",
            "collected metric \"b\" has labels {x=\"2\",x=\"3\"} that do not fit",
            "collected metric \"a\" {x=\"1\"} was collected before with the same name and label values",
            "collected metric named \"wait_count\" collides with a sample of \"wait\"",
        ]
    );
    assert_eq!(gathered.families.iter().map(|family| family.name.as_str()).collect::<Vec<_>>(), ["a", "wait"]);
}

#[test]
fn a_pedantic_registry_wants_the_labels_described() {
    let desc = Opts::new("a", "").const_label("c", "1").desc(MetricType::Gauge, &["x"]).unwrap();
    let collect = move |sink: &mut Sink| {
        sink.value(&desc, &["1"], 1.0);
        sink.push(&desc, Metric::new([("x", "2")].into(), MetricValue::Single(2.0)));
    };
    for (registry, want) in [(Registry::new(), 0), (Registry::pedantic(), 1)] {
        registry.register(Arc::new(crate::FnCollector::new(collect.clone()))).unwrap();
        assert_eq!(registry.gather().errors.len(), want);
    }
}

#[test]
fn handles_put_prefixes_and_labels_on_metrics() {
    let registry = Registry::new();
    let zone = registry.with_prefix("app_").with_labels(&[("zone", "a")]);
    zone.counter_vec(Opts::new("jobs_total", ""), &["kind"]).unwrap().with(&["x"]).inc();
    let foreign = crate::Single::new(Opts::new("foreign", "").const_label("y", ""), Gauge::new()).unwrap();
    let id = zone.with_prefix("sub_").register(Arc::new(foreign.clone())).unwrap();
    assert_eq!(
        text(&registry),
        "# TYPE app_jobs_total counter\napp_jobs_total{kind=\"x\",zone=\"a\"} 1\n\
         # TYPE app_sub_foreign gauge\napp_sub_foreign{y=\"\",zone=\"a\"} 0\n"
    );
    assert_eq!(registry.find("app_sub_foreign", &[("zone", "a"), ("y", "")]), Some(id));
    let twice = zone.with_labels(&[("y", "")]).register(Arc::new(foreign));
    assert!(matches!(twice, Err(RegisterError::DuplicateLabel { .. })));
    assert!(zone.unregister(id));
    // One registry within another.
    let outer = Registry::new();
    outer.with_prefix("outer_").register(Arc::new(registry)).unwrap();
    assert_eq!(text(&outer), "# TYPE outer_app_jobs_total counter\nouter_app_jobs_total{kind=\"x\",zone=\"a\"} 1\n");
}

#[test]
fn metrics_that_are_there_can_be_made_again() {
    let registry = Registry::new().reusing();
    let opts = || Opts::new("a_total", "A.");
    registry.counter(opts()).unwrap().inc();
    assert_eq!(registry.counter(opts()).unwrap().get(), 1.0);
    assert!(matches!(registry.gauge(opts()), Err(RegisterError::Duplicate(_))));
    assert!(matches!(registry.counter(Opts::new("a_total", "B.")), Err(RegisterError::Duplicate(_))));
    registry.counter_vec(Opts::new("b_total", ""), &["x"]).unwrap().with(&["1"]).inc();
    assert_eq!(registry.counter_vec(Opts::new("b_total", ""), &["x"]).unwrap().with(&["1"]).get(), 1.0);
    assert_eq!(registry.len(), 2);
    registry.clear();
    assert!(registry.is_empty());
}

#[test]
fn units_are_in_the_name() {
    let registry = Registry::new();
    let opts = |name: &str| Opts::new(name, "").unit("seconds");
    for name in ["a_seconds", "seconds", "a_seconds_total"] {
        registry.gauge(opts(name)).unwrap();
    }
    for name in ["a", "aseconds", "a_seconds_max"] {
        assert!(matches!(registry.gauge(opts(name)), Err(RegisterError::Unit { .. })), "{name}");
    }
}

#[test]
fn several_gatherers_are_one() {
    use crate::gather::{FnGatherer, Gatherer, Gatherers};
    let registry = Registry::new();
    registry.gauge(Opts::new("b_seconds", "B.").unit("seconds")).unwrap();
    let other = || Gathered {
        families: vec![gauge_family("a", "", &[]), gauge_family("b_seconds", "B.", &[("x", "1")])],
        errors: vec![],
    };
    let all = Gatherers::new().and(registry).and(FnGatherer(other)).and(FnGatherer(other)).gather();
    assert_eq!(all.families.iter().map(|family| family.name.as_str()).collect::<Vec<_>>(), ["a", "b_seconds"]);
    assert_eq!(all.family("b_seconds").unwrap().unit, "seconds");
    let errors: Vec<String> = all.errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("[from gatherer #2] collected metrics named \"b_seconds\""), "{errors:?}");
}

#[test]
fn names_that_become_the_same_are_shown_once() {
    let registry = Registry::new();
    registry.gauge(Opts::new("a.b", "")).unwrap();
    registry.gauge(Opts::new("a_b", "")).unwrap();
    assert_eq!(text(&registry), "# TYPE a_b gauge\na_b 0\n");
    let all = negotiate(Some("text/plain;version=0.0.4;escaping=allow-utf-8"));
    assert_eq!(registry.gather().encode(all, &[]).lines().count(), 4);
}

#[test]
fn a_file_is_there_as_a_whole_or_not_at_all() {
    let registry = Registry::new();
    registry.gauge(Opts::new("up", "")).unwrap().set(1.0);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("up.prom");
    registry.gather().write_to_file(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# TYPE up gauge\nup 1\n");
    assert!(registry.gather().write_to_file(dir.path().join("none/up.prom")).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
