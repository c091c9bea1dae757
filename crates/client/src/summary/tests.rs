use super::*;

const TARGETS: [(f64, f64); 3] = [(0.5, 0.05), (0.9, 0.01), (0.99, 0.001)];

#[track_caller]
fn check_ranks(name: &str, values: &[f64]) {
    let mut stream = Stream::new(&TARGETS);
    for chunk in values.chunks(BUFFER_LEN) {
        let mut chunk = chunk.to_vec();
        chunk.sort_by(f64::total_cmp);
        stream.merge(&chunk);
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    for (quantile, error) in TARGETS {
        let estimate = stream.query(quantile);
        let low = sorted.partition_point(|&value| value < estimate) as f64;
        let high = sorted.partition_point(|&value| value <= estimate) as f64;
        let (min, max) = ((quantile - error) * count - 1.0, (quantile + error) * count + 1.0);
        assert!(low <= max && high >= min, "{name} {quantile}: rank {low} to {high}, wanted {min} to {max}");
    }
    assert!(stream.len() < 3000, "{name}: {} entries", stream.len());
}

#[test]
fn ranks_are_within_the_error() {
    let mut random = fastrand::Rng::with_seed(7);
    let count = 100_000;
    check_ranks("sorted", &(0..count).map(f64::from).collect::<Vec<_>>());
    check_ranks("reversed", &(0..count).rev().map(f64::from).collect::<Vec<_>>());
    check_ranks("constant", &vec![3.0; count as usize]);
    check_ranks("random", &(0..count).map(|_| random.f64()).collect::<Vec<_>>());
    check_ranks("skewed", &(0..count).map(|_| 1.0 / (random.f64() + 1e-9)).collect::<Vec<_>>());
}

#[test]
fn old_observations_are_forgotten_but_for_count_and_sum() {
    let start = Duration::from_secs(1000);
    let summary = Summary::new_at(SummaryOpts::quantiles(&[(0.5, 0.05)]), start);
    let Kind::Windowed(windowed) = &*summary.0 else { panic!("has quantiles") };
    let at = |seconds| start + Duration::from_secs(seconds);
    for second in 0..100 {
        windowed.observe(1.0, at(second));
    }
    assert_eq!(summary.snapshot_at(at(100)).quantiles, [(0.5, 1.0)]);
    // Eight minutes later the head has begun after the first slice.
    for second in 0..100 {
        windowed.observe(2.0, at(500 + second));
    }
    assert_eq!(summary.snapshot_at(at(610)).quantiles, [(0.5, 2.0)]);
    let empty = summary.snapshot_at(at(610 + 601));
    assert!(empty.quantiles[0].1.is_nan());
    assert_eq!((empty.count, empty.sum), (200, 300.0));
    // After a very long silence it goes on.
    windowed.observe(7.0, at(1_000_000_000));
    assert_eq!(summary.snapshot_at(at(1_000_000_001)).quantiles, [(0.5, 7.0)]);
}

#[test]
fn nothing_is_lost_when_threads_meet() {
    let summary = Summary::new(SummaryOpts::quantiles(&[(0.5, 0.01)]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5_000).for_each(|i| summary.observe(f64::from(i % 100))));
        }
    });
    let value = summary.snapshot();
    assert_eq!((value.count, value.sum), (20_000, 990_000.0));
    assert!((48.0..=52.0).contains(&value.quantiles[0].1), "{value:?}");
}

#[test]
fn the_extremes_and_nan() {
    let summary = Summary::new(SummaryOpts::quantiles(&[(0.0, 0.0), (1.0, 0.0), (0.5, 0.01)]));
    assert!(summary.snapshot().quantiles.iter().all(|(_, value)| value.is_nan()));
    for value in 1..=100 {
        summary.observe(f64::from(value));
    }
    let value = summary.snapshot();
    assert_eq!((value.quantiles[0].1, value.quantiles[2].1), (1.0, 100.0));
    assert!((49.0..=52.0).contains(&value.quantiles[1].1), "{:?}", value.quantiles);
    summary.observe(f64::NAN);
    let value = summary.snapshot();
    assert_eq!((value.count, value.quantiles[2].1), (101, 100.0));
    assert!(value.sum.is_nan());
}

#[test]
fn without_quantiles_there_are_count_and_sum() {
    let summary = Summary::new(SummaryOpts::count_and_sum());
    summary.observe_duration(Duration::from_millis(1500));
    assert_eq!(summary.snapshot(), SummaryValue { count: 1, sum: 1.5, quantiles: vec![] });
}
