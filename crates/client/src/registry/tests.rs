use narthex_exposition::{Metric, negotiate};

use super::*;

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
