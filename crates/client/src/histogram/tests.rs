use narthex_exposition::NativeHistogram;

use super::*;

#[test]
fn bounds_are_inclusive_and_nan_is_counted() {
    for bounds in [linear_buckets(1.0, 1.0, 34), linear_buckets(1.0, 1.0, 36)] {
        let histogram = Histogram::new(&bounds).unwrap();
        for value in [0.5, 1.0, 1.5, 1e9, f64::NEG_INFINITY, f64::INFINITY, f64::NAN] {
            histogram.observe(value);
        }
        let value = histogram.snapshot();
        assert_eq!(value.count, 7);
        assert_eq!(&value.buckets[..2], &[(1.0, 3), (2.0, 4)]);
        assert_eq!(value.buckets.last().unwrap().1, 4);
        assert!(value.sum.is_nan());
    }
}

#[test]
fn bounds_must_rise() {
    assert!(Histogram::new(&[1.0, 1.0]).is_err());
    assert!(Histogram::new(&[f64::NAN]).is_err());
    assert!(Histogram::new(&[1.0, f64::INFINITY, f64::INFINITY]).is_err());
    assert_eq!(Histogram::new(&[1.0, f64::INFINITY]).unwrap().snapshot().buckets.len(), 1);
    assert_eq!(Histogram::new(&[]).unwrap().snapshot().buckets.len(), DEFAULT_BUCKETS.len());
    for factor in [1.0, 0.5, -2.0, f64::NAN] {
        let opts = HistogramOpts::native(factor);
        assert!(matches!(Histogram::with_opts(opts), Err(RegisterError::BucketFactor { .. })), "{factor}");
    }
}

#[test]
fn made_bounds() {
    assert_eq!(exponential_buckets(32.0, 1.5, 4), [32.0, 48.0, 72.0, 108.0]);
    assert_eq!(exponential_buckets_range(1.0, 100.0, 3), [1.0, 10.0, 100.0]);
    assert_eq!(linear_buckets(-15.0, 5.0, 3), [-15.0, -10.0, -5.0]);
    assert!(exponential_buckets_range(1.0, 2.0, 0).is_empty());
}

#[test]
fn every_snapshot_shows_one_instant() {
    for opts in [HistogramOpts::classic(&[0.5, 1.0]), HistogramOpts::native(1.1).with_classic(&[0.5, 1.0])] {
        let histogram = Histogram::with_opts(opts).unwrap();
        let each = 20_000;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..each).for_each(|_| histogram.observe(1.0)));
            }
            loop {
                let value = histogram.snapshot();
                assert_eq!(value.sum, value.count as f64);
                assert_eq!(value.buckets, [(0.5, 0), (1.0, value.count)]);
                if let Some(native) = &value.native {
                    assert_eq!(native_count(native), value.count);
                }
                if value.count == 4 * each {
                    return;
                }
            }
        });
        assert_eq!(histogram.snapshot().count, 4 * each);
    }
}

fn native_count(native: &NativeHistogram) -> u64 {
    let side = |deltas: &[i64]| {
        let counts = deltas.iter().scan(0, |count, delta| {
            *count += delta;
            Some(*count)
        });
        counts.sum::<i64>() as u64
    };
    native.zero_count + side(&native.positive_deltas) + side(&native.negative_deltas)
}

#[test]
fn native_buckets_of_both_signs() {
    let histogram = Histogram::with_opts(HistogramOpts::native(2.0)).unwrap();
    for value in [0.0, 1e-40, 1.0, 1.5, 3.0, -3.0, f64::INFINITY, f64::NAN] {
        histogram.observe(value);
    }
    let value = histogram.snapshot();
    assert_eq!((value.count, value.buckets.len()), (8, 0));
    let native = value.native.unwrap();
    assert_eq!((native.schema, native.zero_threshold, native.zero_count), (0, DEFAULT_ZERO_THRESHOLD, 2));
    let spans: Vec<(i32, u32)> = native.positive_spans.iter().map(|span| (span.offset, span.length)).collect();
    assert_eq!((spans, native.positive_deltas), (vec![(0, 3), (1022, 1)], vec![1, 0, 0, 0]));
    assert_eq!(native.negative_deltas, [1]);
}

const START: SystemTime = SystemTime::UNIX_EPOCH;

fn limited(opts: HistogramOpts) -> Histogram {
    Histogram::create_at(opts.check("").unwrap(), START)
}

impl Histogram {
    /// As [`Histogram::observe`], at another time.
    fn observe_at(&self, value: f64, now: SystemTime) {
        let inner = &*self.0;
        let native = inner.config.native.as_ref().unwrap();
        inner.reset_if_due(now);
        let bucket = inner.bucket(value);
        let populated = inner.counts.with(
            || unreachable!("one thread"),
            |counts| {
                counts.observe(bucket, value);
                counts.native.as_ref().unwrap().populated()
            },
        );
        if populated > native.max_buckets {
            inner.limit(native, bucket, value, now);
        }
    }

    fn native_at(&self, now: SystemTime) -> NativeHistogram {
        *self.0.snapshot(now).0.native.unwrap()
    }
}

#[test]
fn too_many_buckets_halve_the_resolution() {
    let histogram = limited(HistogramOpts::native(1.1).max_buckets(4));
    for i in 0..5 {
        histogram.observe_at(1.1f64.powi(i), START);
    }
    let native = histogram.native_at(START);
    assert_eq!((native.schema, native_count(&native)), (2, 5));
    histogram.observe_at(1e30, START);
    histogram.observe_at(-1e30, START);
    histogram.observe_at(1e-30, START);
    let native = histogram.native_at(START);
    assert_eq!(native_count(&native), 8);
    assert!(native.schema < 2, "{}", native.schema);
}

#[test]
fn the_zero_bucket_is_widened_first() {
    let histogram = limited(HistogramOpts::native(2.0).max_buckets(2).max_zero_threshold(1.0));
    for value in [0.5, -1.0, 4.0] {
        histogram.observe_at(value, START);
    }
    let native = histogram.native_at(START);
    assert_eq!((native.schema, native.zero_threshold, native.zero_count), (0, 0.5, 1));
    histogram.observe_at(8.0, START);
    let native = histogram.native_at(START);
    assert_eq!((native.schema, native.zero_threshold, native.zero_count), (0, 1.0, 2));
    histogram.observe_at(16.0, START);
    let native = histogram.native_at(START);
    assert_eq!((native.schema, native.zero_threshold, native_count(&native)), (-1, 1.0, 5));
}

#[test]
fn a_reset_begins_anew() {
    let hour = Duration::from_secs(3600);
    let histogram = limited(HistogramOpts::native(2.0).max_buckets(2).min_reset(hour).with_classic(&[1.0]));
    histogram.observe_at(1.0, START);
    histogram.observe_at(2.0, START);
    // Long enough after the beginning: all but this one is forgotten.
    histogram.observe_at(4.0, START + hour);
    let (value, created) = histogram.0.snapshot(START + hour);
    assert_eq!((value.count, value.sum, created), (1, 4.0, START + hour));
    assert_eq!(value.buckets, [(1.0, 0)]);
    // Too early for another: coarser now, and reset when the hour is over.
    let later = START + hour + hour / 2;
    histogram.observe_at(1.0, later);
    histogram.observe_at(8.0, later);
    let (value, created) = histogram.0.snapshot(later);
    assert_eq!((value.count, value.native.unwrap().schema, created), (3, -2, START + hour));
    let (value, created) = histogram.0.snapshot(START + hour + hour);
    assert_eq!((value.count, value.sum, created), (0, 0.0, START + hour + hour));
    assert_eq!(value.native.unwrap().schema, 0);
}

#[test]
fn copies_together_keep_the_limit() {
    let histogram = limited(HistogramOpts::native(2.0).max_buckets(2));
    let inner = &*histogram.0;
    inner.counts.grow(|| Counts::new(&inner.config));
    for (i, mut guard) in inner.counts.lock_all().into_iter().enumerate() {
        guard.with(|counts| counts.observe(0, 2f64.powi(i as i32)));
    }
    let native = histogram.native_at(START);
    assert!(native.positive_deltas.len() <= 2);
    assert_eq!(native_count(&native), inner.counts.lock_all().len() as u64);
}

#[test]
fn exemplars_are_kept_by_bucket() {
    let histogram =
        Histogram::with_opts(HistogramOpts::native(1.1).with_classic(&[1.0, 2.0]).max_exemplars(2)).unwrap();
    for (value, id) in [(0.5, "a"), (0.6, "b"), (9.0, "c")] {
        histogram.observe_with_exemplar(value, &[("id", id)]).unwrap();
    }
    assert!(histogram.observe_with_exemplar(1.0, &[("__id", "")]).is_err());
    let MetricValue::Histogram(value) = histogram.metric([].into()).value else { panic!("a histogram") };
    let ids = |exemplars: &mut dyn Iterator<Item = &Exemplar>| -> String {
        exemplars.filter_map(|exemplar| exemplar.labels.get("id")).collect()
    };
    assert_eq!(value.exemplars.iter().map(|(bucket, _)| *bucket).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(ids(&mut value.exemplars.iter().map(|(_, exemplar)| exemplar)), "bc");
    assert_eq!(ids(&mut value.native.unwrap().exemplars.iter()), "bc");
    assert_eq!(value.count, 4);
}

#[test]
fn timers_and_local_histograms() {
    let histogram = Histogram::with_opts(HistogramOpts::native(1.1).with_classic(&[1.0]).max_buckets(3)).unwrap();
    drop(histogram.start_timer());
    histogram.start_timer().discard();
    assert!(histogram.start_timer().stop() < Duration::from_secs(60));
    histogram.start_timer().stop_with_exemplar(&[("id", "x")]).unwrap();
    assert_eq!(histogram.time(|| 7), 7);
    assert_eq!(histogram.snapshot().count, 4);
    let mut local = histogram.local();
    (1..=10).for_each(|i| local.observe(f64::from(i)));
    drop(local);
    let value = histogram.snapshot();
    assert_eq!(value.count, 14);
    assert!(value.native.unwrap().positive_deltas.len() <= 3 + 2);
}
