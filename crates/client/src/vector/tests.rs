use super::*;
use crate::Registry;

fn counters() -> CounterVec {
    Registry::new().counter_vec(Opts::new("a_total", ""), &["x", "y"]).unwrap()
}

fn bounded(opts: VecOpts) -> CounterVec {
    CounterVec::new(Opts::new("a_total", ""), &["x", "y"], opts).unwrap()
}

#[test]
fn children_are_told_apart_by_all_values() {
    let counters = counters();
    counters.with(&["ab", "c"]).inc();
    counters.with(&["a", "bc"]).inc_by(2);
    counters.with(&["", ""]).inc_by(3);
    counters.apply(&["\u{ff}", "\\\""], |counter| counter.inc_by(4));
    assert_eq!(counters.with(&["ab", "c"]).get(), 1.0);
    assert_eq!(counters.with(&["a", "bc"]).get(), 2.0);
    assert_eq!(counters.with(&["", ""]).get(), 3.0);
    assert_eq!(counters.with_labels(&[("y", "\\\""), ("x", "\u{ff}")]).unwrap().get(), 4.0);
    assert_eq!(counters.len(), 4);
}

#[test]
fn a_removed_child_begins_anew() {
    let counters = counters();
    let held = counters.with(&["a", "b"]);
    held.inc();
    assert!(counters.remove(&["a", "b"]));
    assert!(!counters.remove(&["a", "b"]));
    held.inc();
    assert_eq!(counters.with(&["a", "b"]).get(), 0.0);
    counters.with(&["c", "b"]);
    assert_eq!(counters.remove_if(|values| values[0] == "a"), 1);
    counters.reset();
    assert!(counters.is_empty());
}

#[test]
fn the_number_of_values_is_checked() {
    let counters = counters();
    let err = counters.try_with(&["a"]).unwrap_err();
    assert_eq!(err.to_string(), "inconsistent label cardinality: expected 2 label values but got 1 in [\"a\"]");
    assert!(!counters.remove(&["a"]));
    assert!(counters.with_labels(&[("x", "")]).is_err());
    assert!(counters.with_labels(&[("x", ""), ("z", "")]).is_err());
    assert!(counters.with_labels(&[("x", ""), ("y", ""), ("y", "")]).is_err());
}

#[test]
#[should_panic(expected = "a_total: inconsistent label cardinality")]
fn with_panics_on_a_wrong_number() {
    counters().with(&["a", "b", "c"]);
}

#[test]
fn a_view_has_some_labels_fixed() {
    let counters = counters();
    let view = counters.curry(&[("x", "1")]).unwrap();
    view.with(&["a"]).inc();
    view.with_labels(&[("y", "b")]).unwrap().inc();
    counters.with(&["2", "a"]).inc();
    assert_eq!(counters.with(&["1", "a"]).get(), 1.0);
    assert_eq!(view.free_labels(), ["y"]);
    assert_eq!(view.children().len(), 2);
    assert_eq!(view.curry(&[("x", "2")]).unwrap_err().to_string(), "label name \"x\" is already curried");
    assert_eq!(view.curry(&[("z", "2")]).unwrap_err().to_string(), "1 unknown label(s) found during currying");
    assert!(view.try_with(&["1", "a"]).is_err());
    let all = view.curry(&[("y", "b")]).unwrap();
    assert_eq!(all.with(&[]).get(), 1.0);
    assert_eq!(view.remove_matching(&[("x", "1")]), 0, "fixed");
    assert!(view.remove(&["a"]));
    view.reset();
    assert_eq!(counters.len(), 1, "the other one is not the view's");
}

#[test]
fn children_are_removed_by_some_labels() {
    let counters = counters();
    for (x, y) in [("1", "a"), ("1", "b"), ("2", "a")] {
        counters.with(&[x, y]);
    }
    assert_eq!(counters.remove_matching(&[("x", "1"), ("y", "c")]), 0);
    assert_eq!(counters.remove_matching(&[("z", "1")]), 0);
    assert_eq!(counters.remove_matching(&[("x", "1")]), 2);
    assert_eq!(counters.len(), 1);
}

#[test]
fn values_are_constrained() {
    let counters = bounded(VecOpts::new().constrain("x", str::to_ascii_lowercase));
    counters.with(&["GET", "A"]).inc();
    counters.with(&["get", "A"]).inc();
    assert_eq!(counters.children()[0].0, ["get", "A"]);
    assert_eq!(counters.curry(&[("x", "Get")]).unwrap().with(&["A"]).get(), 2.0);
    assert_eq!(counters.remove_matching(&[("x", "GET")]), 1);
}

#[test]
fn too_many_children_become_one() {
    let counters = bounded(VecOpts::new().max_series(2, "other"));
    for i in 0..5 {
        counters.with(&[&i.to_string(), "a"]).inc();
    }
    assert_eq!((counters.len(), counters.overflows()), (3, 3));
    assert_eq!(counters.with(&["other", "other"]).get(), 3.0);
    assert_eq!(counters.with(&["0", "a"]).get(), 1.0);
}

#[test]
fn unused_children_are_forgotten() {
    let counters = bounded(VecOpts::new().ttl(Duration::ZERO));
    let held = counters.with(&["held", ""]);
    counters.with(&["unused", ""]).inc();
    // As if a second had passed since.
    let old = |entry: &Arc<Entry<Counter>>| entry.touched.store(0, Relaxed);
    counters.inner.read().iter().for_each(old);
    let later = Inner { made: Instant::now() - Duration::from_secs(5), ..inner_of(counters) };
    later.forget_unused();
    assert_eq!(later.read().len(), 1);
    drop(held);
    later.forget_unused();
    assert_eq!(later.read().len(), 0);
}

fn inner_of(counters: CounterVec) -> Inner<Counter> {
    Arc::into_inner(counters.inner).expect("the only handle")
}

#[test]
fn many_threads_see_one_child() {
    let counters = counters();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..2000).for_each(|i| counters.with(&[&(i % 10).to_string(), "a"]).inc()));
        }
    });
    assert_eq!(counters.len(), 10);
    assert_eq!(counters.children().iter().map(|(_, counter)| counter.get()).sum::<f64>(), 8000.0);
}
