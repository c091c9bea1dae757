use std::sync::Arc;

use narthex_model::histogram::CounterResetHint;
use narthex_model::{FloatHistogram, Labels, Matcher, labels};

use super::*;

/// Series in memory, ascending by labels.
struct Fixed(Vec<(Labels, SeriesColumns)>);

impl SeriesSet for Fixed {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, index: usize) -> Labels {
        self.0[index].0.clone()
    }

    fn read(&self, index: usize, out: &mut SeriesColumns) -> Result<(), StorageError> {
        let floats = &self.0[index].1.floats;
        out.floats.timestamps.extend(&floats.timestamps);
        out.floats.values.extend(&floats.values);
        Ok(())
    }
}

fn floats(samples: &[(i64, f64)]) -> SeriesColumns {
    let mut columns = SeriesColumns::default();
    columns.floats.timestamps = samples.iter().map(|s| s.0).collect();
    columns.floats.values = samples.iter().map(|s| s.1).collect();
    columns
}

/// Of each merged sample its source.
#[track_caller]
fn check(sources: &[&[i64]], start: MergeStart, want: &[(i64, usize)]) {
    let order = MergeOrder::new(sources, start);
    let got: Vec<(i64, usize)> = order.map(|m| (sources[m.source][m.index], m.source)).collect();
    assert_eq!(got, want);
}

#[test]
fn a_lone_late_sample_wins() {
    let (long, lone): (&[i64], &[i64]) = (&[1, 2, 3, 4], &[3]);
    for start in [MergeStart::Sought, MergeStart::Stepped] {
        check(&[long, lone], start, &[(1, 0), (2, 0), (3, 1), (4, 0)]);
        check(&[lone, long], start, &[(1, 1), (2, 1), (3, 0), (4, 1)]);
    }
}

#[test]
fn the_winner_keeps_winning_in_step() {
    let (a, b): (&[i64], &[i64]) = (&[1, 2, 3, 4, 5], &[2, 3, 4]);
    check(&[a, b], MergeStart::Stepped, &[(1, 0), (2, 1), (3, 1), (4, 1), (5, 0)]);
}

#[test]
fn the_start_decides_a_tie_of_first_samples() {
    let both: &[i64] = &[1, 2];
    check(&[both, both], MergeStart::Sought, &[(1, 0), (2, 0)]);
    check(&[both, both], MergeStart::Stepped, &[(1, 1), (2, 1)]);
    check(&[], MergeStart::Stepped, &[]);
    check(&[&[], both, &[]], MergeStart::Stepped, &[(1, 1), (2, 1)]);
}

#[test]
fn series_are_merged_by_labels_and_samples_by_time() {
    let set = |series: &[(&str, &[(i64, f64)])]| {
        let series = series.iter().map(|(a, samples)| (labels! { "a" => *a, "b" => "x" }, floats(samples)));
        Arc::new(Fixed(series.collect())) as Arc<dyn SeriesSet>
    };
    let sets = vec![
        set(&[("1", &[(5, 5.0)]), ("2", &[(1, 1.0), (3, 3.0)])]),
        set(&[]),
        set(&[("1", &[(1, 1.0), (2, 2.0)]), ("2", &[(3, 30.0), (4, 4.0)]), ("3", &[(9, 9.0)])]),
    ];
    let merged = merge_sets(sets.clone(), 0);
    assert_eq!(merged.len(), 3);
    let read = |index: usize| {
        let mut columns = SeriesColumns::default();
        merged.read(index, &mut columns).unwrap();
        columns.floats.timestamps.into_iter().zip(columns.floats.values).collect::<Vec<_>>()
    };
    assert_eq!(read(0), [(1, 1.0), (2, 2.0), (5, 5.0)]);
    assert_eq!(read(1), [(1, 1.0), (3, 30.0), (4, 4.0)]);
    assert_eq!(read(2), [(9, 9.0)]);
    assert_eq!(merged.labels(2).value("a"), "3");
    let groups = merged.group(&Grouping::By(vec!["b".into()]));
    assert_eq!((groups.group_of, groups.labels), (vec![0, 0, 0], vec![labels! { "b" => "x" }]));
    let groups = merged.group(&Grouping::By(vec!["a".into()]));
    assert_eq!(groups.group_of, [0, 1, 2]);
    assert_eq!(merge_sets(sets, 2).len(), 2);
}

#[test]
fn a_histogram_after_one_from_elsewhere_has_no_known_relation() {
    let histograms = |timestamps: &[i64], hint| {
        let mut columns = SeriesColumns::default();
        let one = FloatHistogram { counter_reset_hint: hint, ..FloatHistogram::default() };
        columns.histograms.timestamps = timestamps.to_vec();
        columns.histograms.values = timestamps.iter().map(|_| Arc::new(one.clone())).collect();
        columns
    };
    let check = |a: &[i64], b: &[i64], hint, want: &[CounterResetHint]| {
        let mut out = SeriesColumns::default();
        merge_columns(&mut [histograms(a, hint), histograms(b, hint)], &mut out);
        let hints: Vec<_> = out.histograms.values.iter().map(|h| h.counter_reset_hint).collect();
        assert_eq!(hints, want);
    };
    use CounterResetHint::{Gauge, NotReset, Unknown};
    check(&[1, 2, 5], &[3, 4], NotReset, &[Unknown, NotReset, Unknown, NotReset, Unknown]);
    check(&[3, 4], &[1, 2], NotReset, &[Unknown, NotReset, Unknown, NotReset]);
    check(&[1, 3], &[2], Gauge, &[Gauge; 3]);
}

#[test]
fn floats_and_histograms_of_one_series_are_told_apart() {
    let mut mixed = floats(&[(1, 1.0), (4, 4.0)]);
    mixed.histograms.timestamps = vec![2, 3];
    mixed.histograms.values = vec![Arc::default(), Arc::default()];
    let mut out = SeriesColumns::default();
    merge_columns(&mut [mixed, floats(&[(3, 3.0)])], &mut out);
    assert_eq!(out.floats.timestamps, [1, 3, 4]);
    assert_eq!(out.histograms.timestamps, [2]);
}

#[test]
fn start_timestamps_are_kept_from_either_source() {
    let mut started = floats(&[(3, 3.0)]);
    started.floats.start_timestamps = vec![2];
    let mut out = SeriesColumns::default();
    merge_columns(&mut [started.clone(), floats(&[(1, 1.0)])], &mut out);
    assert_eq!((&out.floats.timestamps, &out.floats.start_timestamps), (&vec![1, 3], &vec![0, 2]));
    out.clear();
    merge_columns(&mut [started, floats(&[(1, 1.0), (5, 5.0)])], &mut out);
    assert_eq!((&out.floats.timestamps, &out.floats.start_timestamps), (&vec![1, 3, 5], &vec![0, 2, 0]));
}

struct Texts(&'static [&'static str]);

impl Querier for Texts {
    fn select(&self, _: &SelectHints, _: &[Matcher]) -> Result<Arc<dyn SeriesSet>, StorageError> {
        Err(StorageError::Closed)
    }

    fn label_names(&self, _: &[Matcher], _: usize) -> Result<Vec<String>, StorageError> {
        Ok(self.0.iter().map(|text| text.to_string()).collect())
    }

    fn label_values(&self, _: &str, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        self.label_names(matchers, limit)
    }
}

#[test]
fn names_and_values_are_merged_sorted() {
    let merged = merge_queriers(vec![Arc::new(Texts(&["a", "c"])), Arc::new(Texts(&["b", "c"]))]);
    assert_eq!(merged.label_names(&[], 0).unwrap(), ["a", "b", "c"]);
    assert_eq!(merged.label_values("x", &[], 2).unwrap(), ["a", "b"]);
    assert!(merged.select(&SelectHints::default(), &[]).is_err());
}
