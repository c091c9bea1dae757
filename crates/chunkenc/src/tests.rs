//! Upstream's bytes, round trips, and any bytes at all.

use narthex_model::Histogram;
use narthex_model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, FloatHistogram, IntHistogram, Span};
use narthex_model::value::STALE_NAN;
use narthex_storage::SeriesColumns;
use proptest::prelude::*;

use crate::series::rewrite;
use crate::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn spans(spans: &[(i32, u32)]) -> Vec<Span> {
    spans.iter().map(|&(offset, length)| Span { offset, length }).collect()
}

fn float(timestamp_ms: i64, start_timestamp_ms: i64, value: f64) -> Sample {
    Sample { timestamp_ms, start_timestamp_ms, value: SampleValue::Float(value) }
}

/// Floats compared by their bits.
fn bits(samples: &[Sample]) -> Vec<(i64, i64, u64)> {
    let value = |sample: &Sample| match sample.value {
        SampleValue::Float(value) => value.to_bits(),
        SampleValue::Histogram(_) => panic!("a float was expected"),
    };
    samples.iter().map(|s| (s.timestamp_ms, s.start_timestamp_ms, value(s))).collect()
}

fn decoded(encoding: Encoding, data: &[u8]) -> Vec<Sample> {
    let mut samples = Vec::new();
    decode_samples(encoding, data, &mut samples).unwrap();
    samples
}

fn xor(samples: &[(i64, f64)]) -> Vec<u8> {
    let mut encoder = XorEncoder::default();
    samples.iter().for_each(|&(timestamp, value)| encoder.append(timestamp, value));
    let mut data = Vec::new();
    encoder.copy_to(&mut data);
    assert_eq!(data.len(), encoder.len_bytes());
    data
}

fn xor2(samples: &[(i64, i64, f64)]) -> Vec<u8> {
    let mut encoder = Xor2Encoder::default();
    samples.iter().for_each(|&(timestamp, start, value)| encoder.append(start, timestamp, value));
    let mut data = Vec::new();
    encoder.copy_to(&mut data);
    assert_eq!(data.len(), encoder.len_bytes());
    data
}

#[track_caller]
fn check_xor(samples: &[(i64, f64)], want: &str) {
    let data = xor(samples);
    assert_eq!(hex(&data), want);
    let want: Vec<Sample> = samples.iter().map(|&(t, v)| float(t, 0, v)).collect();
    assert_eq!(bits(&decoded(Encoding::Xor, &data)), bits(&want));
}

#[track_caller]
fn check_xor2(samples: &[(i64, i64, f64)], want: &str) {
    let data = xor2(samples);
    assert_eq!(hex(&data), want);
    let want: Vec<Sample> = samples.iter().map(|&(t, start, v)| float(t, start, v)).collect();
    assert_eq!(bits(&decoded(Encoding::Xor2, &data)), bits(&want));
}

const FIRST_XOR: [(i64, f64); 5] = [(1000, 1.0), (2000, 1.0), (3000, 2.0), (4001, 2.5), (5000, 2.25)];

#[test]
fn xor_chunks_are_upstreams_bit_for_bit() {
    check_xor(&FIRST_XOR, "0005d00f3ff0000000000000e8073097ffe0007683bffeda16");
    let times = [0, 1000, 2000, 11192, 12192, 78728, 669_552, 1_784_665];
    check_xor(
        &times.map(|timestamp| (timestamp, 1.0)),
        "0008003ff0000000000000e80714000de000680003a00001e00000000001000020",
    );
}

#[test]
fn xor2_chunks_are_upstreams_bit_for_bit() {
    let without_start = |(timestamp, value)| (timestamp, 0, value);
    check_xor2(&FIRST_XOR.map(without_start), "000500d00f3ff0000000000000e8075097fff0007341efff668580");
    check_xor2(
        &[(1000, 1.0), (2000, STALE_NAN), (3000, 1.0), (4000, STALE_NAN), (5001, STALE_NAN), (6002, 3.0)]
            .map(without_start),
        "000600d00f3ff0000000000000e807efe000fa133ffc",
    );
    check_xor2(
        &[(0, 1.0), (1000, 1.0), (6095, 1.0), (7093, 1.0), (532_378, 2.0), (1_581_951, 2.0)].map(without_start),
        "000600003ff0000000000000e80767ffbbfbffdcfffff825ffff000000000004000000",
    );
    check_xor2(
        &[(1000, 500, 1.0), (2000, 500, 2.0), (3000, 2500, 0.5), (4000, 2500, 1.0), (5000, 4100, 0.0)],
        "000582d00f3ff0000000000000e807e807c12fffcffdee0c8007c7d11fffb6a0",
    );
    check_xor2(
        &[(1000, 0, 1.0), (2000, 900, 2.0), (3000, 900, 3.0)],
        "000301d00f3ff0000000000000e807c12ffff192b01f8fa0",
    );
    let steady: Vec<(i64, i64, f64)> = (1..=130).map(|i| (i * 1000, 0, 1.0)).collect();
    check_xor2(&steady, "00827fd00f3ff0000000000000e80700000000000000000000000000000001f3e030f1f43c7d00");
}

fn int(zero_count: u64, count: u64, sum: f64, positive_deltas: &[i64]) -> IntHistogram {
    IntHistogram {
        schema: 1,
        zero_threshold: 0.001,
        zero_count,
        count,
        sum,
        positive_spans: spans(&[(0, positive_deltas.len() as u32)]),
        positive_deltas: positive_deltas.to_vec(),
        ..IntHistogram::default()
    }
}

fn stale_int() -> IntHistogram {
    IntHistogram { sum: STALE_NAN, ..IntHistogram::default() }
}

fn gauge(h: IntHistogram) -> IntHistogram {
    IntHistogram { counter_reset_hint: CounterResetHint::Gauge, ..h }
}

#[track_caller]
fn check_int(header: CounterResetHeader, samples: &[(i64, i64, IntHistogram)], want: &str) {
    let mut encoder = IntHistogramEncoder::new(header, samples.iter().any(|sample| sample.1 != 0));
    for (timestamp, start, histogram) in samples {
        assert_eq!(encoder.append(*start, *timestamp, histogram), Ok(()));
    }
    let mut data = Vec::new();
    encoder.copy_to(&mut data);
    assert_eq!(hex(&data), want);
    assert_eq!(sample_count(encoder.encoding(), &data), Ok(samples.len() as u16));
    let back = decoded(encoder.encoding(), &data);
    for (back, (timestamp, start, histogram)) in back.iter().zip(samples) {
        assert_eq!((back.timestamp_ms, back.start_timestamp_ms), (*timestamp, *start));
        let SampleValue::Histogram(back) = &back.value else { panic!("a histogram was written") };
        let (back, histogram) = (FloatHistogram::from(back), histogram.to_float());
        let (mut back, mut histogram) = (back, histogram);
        if histogram.sum.to_bits() == STALE_NAN.to_bits() {
            assert_eq!(back.sum.to_bits(), STALE_NAN.to_bits());
            assert!(back.positive_spans.is_empty());
            continue;
        }
        back.compact(0);
        histogram.compact(0);
        assert!(back.equals(&histogram), "{back:?}\n{histogram:?}");
    }
}

#[test]
fn histogram_chunks_are_upstreams_bit_for_bit() {
    let three =
        [(1000, 0, int(1, 6, 7.5, &[2, 1])), (2000, 0, int(1, 8, 9.5, &[3, 1])), (3000, 0, int(2, 11, 12.0, &[4, 1]))];
    check_int(
        CounterResetHeader::Unknown,
        &three,
        "000300ff3f50624dd2f1a9fc8c6478fa2d1401e000000000000947c7d126a1bd8918c580",
    );
    let mut with_stale = three.clone();
    with_stale[2] = (3000, 0, stale_int());
    check_int(
        CounterResetHeader::Unknown,
        &with_stale,
        "000300ff3f50624dd2f1a9fc8c6478fa2d1401e000000000000947c7d126a1bd8862f7fd30000000000020",
    );
    let mut wider = three.to_vec();
    let fourth = IntHistogram {
        positive_spans: spans(&[(0, 2), (1, 1)]),
        positive_deltas: vec![4, 1, -4],
        ..int(2, 12, 13.0, &[])
    };
    wider.push((4001, 0, fourth));
    check_int(
        CounterResetHeader::Unknown,
        &wider,
        "000400ff3f50624dd2f1a9fc8ca48c5e3e8b45007800000000000251af8fa24d437b15d18c588daf057480",
    );
    let mut started = three.clone();
    for (sample, start) in started.iter_mut().zip([500, 500, 2500]) {
        sample.1 = start;
    }
    check_int(
        CounterResetHeader::Unknown,
        &started,
        "000382ff3f50624dd2f1a9fc8c6478fa2d1401e000000000000947a01fc7d126a1bd8918c59ee0c0",
    );
    let second = IntHistogram { positive_spans: spans(&[(1, 2)]), ..int(1, 3, 1.0, &[1, 0]) };
    check_int(
        CounterResetHeader::Gauge,
        &[(1000, 0, gauge(int(1, 6, 7.5, &[2, 1]))), (2000, 0, gauge(second))],
        "0002c0ff3f50624dd2f1a9fc8c6678fa2d1401e000000000000946be3e8ab09dffbd93",
    );
    let custom = |count, sum, positive_deltas: &[i64]| IntHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        zero_threshold: 0.0,
        custom_values: vec![0.0005, 0.25],
        ..int(0, count, sum, positive_deltas)
    };
    check_int(
        CounterResetHeader::Unknown,
        &[(1000, 0, custom(4, 2.0, &[1, 1, -1])), (2000, 0, custom(7, 3.0, &[2, 1, -1]))],
        "00020000ee5c66487e80c49ba5e353f9cfbf1f450800000000000000118dfc7d136c0710",
    );
}

#[test]
fn float_histogram_chunks_are_upstreams_bit_for_bit() {
    let histogram = |count, sum, positive| FloatHistogram {
        zero_threshold: 1.0 / 1024.0,
        zero_count: 0.5,
        count,
        sum,
        positive_spans: spans(&[(-1, 1)]),
        negative_spans: spans(&[(2, 1)]),
        positive_buckets: vec![positive],
        negative_buckets: vec![0.5],
        ..FloatHistogram::default()
    };
    let (first, second) = (histogram(2.5, 3.0, 1.5), histogram(3.5, 4.0, 2.5));
    let plain = "000200ea46378c65e3e840040000000000003fe000000000000040080000000000003ff80000000000003fe0000000000000f1f46c06d61784dfff80";
    let started = "000201ea46378c65e3e840040000000000003fe000000000000040080000000000003ff80000000000003fe0000000000000f1f46c06d61784dfffbdc180";
    for (start, want) in [(0, plain), (1500, started)] {
        let mut encoder = FloatHistogramEncoder::new(CounterResetHeader::Unknown, start != 0);
        encoder.append(0, 1000, &first).unwrap();
        encoder.append(start, 2000, &second).unwrap();
        let mut data = Vec::new();
        encoder.copy_to(&mut data);
        assert_eq!(hex(&data), want);
        let back = decoded(encoder.encoding(), &data);
        let later = FloatHistogram { counter_reset_hint: CounterResetHint::NotReset, ..second.clone() };
        assert_eq!(back[0].value, SampleValue::Histogram(Histogram::Float(first.clone())));
        assert_eq!(back[1].value, SampleValue::Histogram(Histogram::Float(later)));
        assert_eq!((back[0].start_timestamp_ms, back[1].start_timestamp_ms), (0, start));
    }
}

#[test]
fn a_chunk_is_cut_where_upstream_cuts_it() {
    use CounterResetHeader::{Gauge, NotReset, Reset, Unknown};
    let base = int(1, 8, 9.5, &[3, 1]);
    let check = |header, first: &IntHistogram, next: &IntHistogram, want: Verdict| {
        let mut encoder = IntHistogramEncoder::new(header, false);
        encoder.append(0, 1, first).unwrap();
        assert_eq!(encoder.verdict(next), want, "{next:?}");
    };
    let with = |change: fn(&mut IntHistogram)| {
        let mut h = int(1, 8, 9.5, &[3, 1]);
        change(&mut h);
        h
    };
    let cases = [
        (base.clone(), Verdict::Append),
        (stale_int(), Verdict::Append),
        (gauge(base.clone()), Verdict::Cut(Gauge)),
        (with(|h| h.counter_reset_hint = CounterResetHint::Reset), Verdict::Cut(Reset)),
        (with(|h| h.count = 7), Verdict::Cut(Reset)),
        (with(|h| h.schema = 2), Verdict::Cut(Unknown)),
        (with(|h| h.zero_threshold = 0.5), Verdict::Cut(Unknown)),
        (with(|h| h.zero_count = 0), Verdict::Cut(Reset)),
        (with(|h| h.positive_deltas = vec![2, 3]), Verdict::Cut(Reset)),
        (with(|h| h.positive_spans = vec![Span { offset: 1, length: 2 }]), Verdict::Cut(Reset)),
    ];
    for (next, want) in &cases {
        check(Unknown, &base, next, *want);
    }
    check(Gauge, &gauge(base.clone()), &base, Verdict::Cut(NotReset));
    check(Gauge, &gauge(base.clone()), &gauge(with(|h| h.count = 1)), Verdict::Append);
    check(Gauge, &gauge(base.clone()), &gauge(with(|h| h.schema = 0)), Verdict::Cut(Gauge));
    check(Unknown, &stale_int(), &base, Verdict::Cut(Unknown));

    let mut previous = IntHistogramEncoder::new(Unknown, false);
    assert_eq!(previous.next_header(&base), Unknown);
    previous.append(0, 1, &base).unwrap();
    assert_eq!(previous.next_header(&base), NotReset);
    assert_eq!(previous.next_header(&with(|h| h.count = 7)), Reset);
    assert_eq!(previous.next_header(&with(|h| h.schema = 2)), Unknown);
    assert_eq!(previous.next_header(&gauge(base.clone())), Gauge);
}

#[test]
fn a_histogram_without_an_empty_bucket_gets_it() {
    let wide = int(0, 4, 1.0, &[4, -4, 0]);
    let narrow = IntHistogram { counter_reset_hint: CounterResetHint::NotReset, ..int(0, 5, 2.0, &[5]) };
    let mut encoder = IntHistogramEncoder::new(CounterResetHeader::Unknown, false);
    encoder.append(0, 1, &wide).unwrap();
    encoder.append(0, 2, &narrow).unwrap();
    let mut data = Vec::new();
    encoder.copy_to(&mut data);
    let back = decoded(Encoding::Histogram, &data);
    let want = IntHistogram { positive_spans: spans(&[(0, 3)]), positive_deltas: vec![5, -5, 0], ..narrow };
    assert_eq!(back[1].value, SampleValue::Histogram(Histogram::Int(want)));
}

#[test]
fn high_schemas_are_read_at_a_lower_resolution() {
    let fine = IntHistogram { schema: 10, ..int(0, 10, 1.0, &[1, 1, 1, 1]) };
    let mut encoder = IntHistogramEncoder::new(CounterResetHeader::Unknown, false);
    encoder.append(0, 1, &fine).unwrap();
    let mut data = Vec::new();
    encoder.copy_to(&mut data);
    let back = decoded(Encoding::Histogram, &data);
    let SampleValue::Histogram(Histogram::Int(h)) = &back[0].value else { panic!("an integer histogram") };
    assert_eq!((h.schema, &h.positive_spans, &h.positive_deltas), (8, &spans(&[(0, 2)]), &vec![1, 8]));
    let mut columns = SeriesColumns::default();
    decode_into(Encoding::Histogram, &data, TimeRange::ALL, &mut columns).unwrap();
    assert!(columns.histograms.values[0].equals(&h.to_float()));
}

#[test]
fn only_samples_in_the_range_are_decoded() {
    let data = xor(&FIRST_XOR);
    let mut columns = SeriesColumns::default();
    for (min_ms, max_ms, want) in
        [(0, 999, vec![]), (2000, 4001, vec![2000, 3000, 4001]), (4002, 9000, vec![5000]), (5001, 9000, vec![])]
    {
        columns.clear();
        decode_into(Encoding::Xor, &data, TimeRange { min_ms, max_ms }, &mut columns).unwrap();
        assert_eq!(columns.floats.timestamps, want);
        assert_eq!(columns.floats.values.len(), want.len());
    }
}

#[test]
fn start_timestamps_are_a_column_only_when_known() {
    let mut columns = SeriesColumns::default();
    let plain = xor(&[(1, 1.0), (2, 2.0)]);
    let started = xor2(&[(3, 1, 1.0), (4, 1, 2.0)]);
    decode_into(Encoding::Xor, &plain, TimeRange::ALL, &mut columns).unwrap();
    assert!(columns.floats.start_timestamps.is_empty());
    decode_into(Encoding::Xor2, &started, TimeRange::ALL, &mut columns).unwrap();
    assert_eq!(columns.floats.start_timestamps, [0, 0, 1, 1]);
    let later = xor(&[(5, 1.0)]);
    decode_into(Encoding::Xor, &later, TimeRange::ALL, &mut columns).unwrap();
    assert_eq!(columns.floats.start_timestamps, [0, 0, 1, 1, 0]);
}

#[test]
fn a_series_is_cut_by_kind_and_size() {
    let mut encoder = SeriesEncoder::new(CutRules::merged(FloatEncoding::Xor));
    for i in 0..130 {
        encoder.push(&float(i, 0, 1.0));
    }
    encoder.push(&float(130, 5, 1.0));
    encoder.push(&float(131, 0, 1.0));
    let h = int(1, 8, 9.5, &[3, 1]);
    for (i, h) in [(132, h.clone()), (133, int(1, 3, 1.0, &[1, 0])), (134, gauge(h))] {
        let value = SampleValue::Histogram(Histogram::Int(h));
        encoder.push(&Sample { timestamp_ms: i, start_timestamp_ms: 0, value });
    }
    let chunks = encoder.finish();
    let shape: Vec<_> = chunks.iter().map(|c| (c.encoding, c.min_ms, c.max_ms, c.data[2] >> 6)).collect();
    assert_eq!(
        shape[2..],
        [
            (Encoding::Xor2, 130, 131, 0b10),
            (Encoding::Histogram, 132, 132, 0b00),
            (Encoding::Histogram, 133, 133, 0b10),
            (Encoding::Histogram, 134, 134, 0b11),
        ]
    );
    assert_eq!((shape[0].0, shape[0].1, shape[0].2), (Encoding::Xor, 0, 119));
    assert_eq!((shape[1].0, shape[1].1, shape[1].2), (Encoding::Xor, 120, 129));
}

#[test]
fn rewriting_keeps_the_encoding_and_forgets_the_header() {
    let data = xor(&FIRST_XOR);
    let kept = rewrite(Encoding::Xor, &data, |t| t >= 4000).unwrap().unwrap();
    assert_eq!((kept.min_ms, kept.max_ms, &kept.data), (4001, 5000, &xor(&FIRST_XOR[3..])));
    assert_eq!(rewrite(Encoding::Xor, &data, |_| false), Ok(None));
    let mut encoder = IntHistogramEncoder::new(CounterResetHeader::Reset, false);
    encoder.append(0, 1, &int(1, 6, 7.5, &[2, 1])).unwrap();
    encoder.append(0, 2, &int(1, 8, 9.5, &[3, 1])).unwrap();
    encoder.append(0, 3, &stale_int()).unwrap();
    let mut data = Vec::new();
    encoder.copy_to(&mut data);
    let kept = rewrite(Encoding::Histogram, &data, |t| t > 1).unwrap().unwrap();
    assert_eq!(kept.data[2], 0);
    assert_eq!(decoded(Encoding::Histogram, &kept.data).len(), 2);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (0u32..50).prop_map(f64::from),
        Just(STALE_NAN),
        (0u32..1000).prop_map(|n| f64::from(n) / 8.0),
    ]
}

fn any_distance() -> impl Strategy<Value = i64> {
    prop_oneof![Just(1000), 1i64..20_000, 1i64..1 << 40]
}

/// Histograms that change little, as real ones do.
fn any_histograms() -> impl Strategy<Value = Vec<(i64, i64, IntHistogram)>> {
    let one = (any_distance(), 0i64..3, prop::collection::vec((0u32..3, 0i64..4), 0..4), 0u8..40);
    prop::collection::vec(one, 1..40).prop_map(|rows| {
        let (mut timestamp, mut all) = (0, Vec::new());
        for (distance, start, buckets, oddity) in rows {
            timestamp += distance;
            let positive_spans = buckets.iter().map(|b| Span { offset: b.0 as i32, length: 1 }).collect();
            let mut before = 0;
            let delta = |b: &(u32, i64)| b.1 - std::mem::replace(&mut before, b.1);
            let h = IntHistogram {
                count: buckets.iter().map(|b| b.1 as u64).sum::<u64>(),
                sum: if oddity == 1 { STALE_NAN } else { timestamp as f64 },
                schema: i32::from(oddity == 2),
                counter_reset_hint: if oddity > 30 { CounterResetHint::Gauge } else { CounterResetHint::Unknown },
                positive_deltas: buckets.iter().map(delta).collect(),
                positive_spans,
                ..IntHistogram::default()
            };
            all.push((timestamp, start * 7, h));
        }
        all
    })
}

fn same_amounts(a: &FloatHistogram, b: &FloatHistogram) -> bool {
    let compact = |h: &FloatHistogram| {
        let mut h = h.clone();
        h.compact(0);
        h
    };
    if a.sum.to_bits() == STALE_NAN.to_bits() {
        return b.sum.to_bits() == STALE_NAN.to_bits();
    }
    compact(a).equals(&compact(b))
}

proptest! {
    #[test]
    fn floats_round_trip(first: i32, rows in prop::collection::vec((any_distance(), any_value(), 0i64..3), 0..150)) {
        let mut timestamp = i64::from(first);
        let mut samples = Vec::new();
        for (distance, value, start) in rows {
            timestamp += distance;
            samples.push((timestamp, start * 1000, value));
        }
        let want: Vec<_> = samples.iter().map(|&(t, st, v)| (t, st, v.to_bits())).collect();
        prop_assert_eq!(bits(&decoded(Encoding::Xor2, &xor2(&samples))), want);
        let plain: Vec<_> = samples.iter().map(|&(t, _, v)| (t, v)).collect();
        let want: Vec<_> = samples.iter().map(|&(t, _, v)| (t, 0, v.to_bits())).collect();
        prop_assert_eq!(bits(&decoded(Encoding::Xor, &xor(&plain))), want);
    }

    #[test]
    fn histograms_round_trip(samples in any_histograms(), as_floats: bool) {
        let mut encoder = SeriesEncoder::new(CutRules::merged(FloatEncoding::Xor));
        for (timestamp_ms, start_timestamp_ms, h) in &samples {
            let h = if as_floats { Histogram::Float(h.to_float()) } else { Histogram::Int(h.clone()) };
            encoder.push(&Sample {
                timestamp_ms: *timestamp_ms,
                start_timestamp_ms: *start_timestamp_ms,
                value: SampleValue::Histogram(h),
            });
        }
        let mut back = Vec::new();
        let mut columns = SeriesColumns::default();
        for chunk in encoder.finish() {
            let before = back.len();
            decode_samples(chunk.encoding, &chunk.data, &mut back).unwrap();
            decode_into(chunk.encoding, &chunk.data, TimeRange::ALL, &mut columns).unwrap();
            prop_assert_eq!(back[before].timestamp_ms, chunk.min_ms);
            prop_assert_eq!(back[back.len() - 1].timestamp_ms, chunk.max_ms);
        }
        prop_assert_eq!(back.len(), samples.len());
        prop_assert_eq!(columns.histograms.timestamps.len(), samples.len());
        for (i, (timestamp, start, h)) in samples.iter().enumerate() {
            prop_assert_eq!((back[i].timestamp_ms, back[i].start_timestamp_ms), (*timestamp, *start));
            let SampleValue::Histogram(got) = &back[i].value else { panic!("a histogram was written") };
            prop_assert!(same_amounts(&h.to_float(), &FloatHistogram::from(got)), "{:?} {:?}", h, got);
            prop_assert!(same_amounts(&h.to_float(), &columns.histograms.values[i]));
            prop_assert_eq!(columns.histograms.values[i].counter_reset_hint, FloatHistogram::from(got).counter_reset_hint);
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(mut bytes in prop::collection::vec(any::<u8>(), 0..400), encoding in 1u8..=6, min_ms: i64, few: bool) {
        // Mostly counts that the bytes can hold, or nothing would be decoded.
        if few && bytes.len() > 1 {
            bytes[0] = 0;
        }
        let encoding = Encoding::from_byte(encoding).unwrap();
        let mut columns = SeriesColumns::default();
        let _ = decode_into(encoding, &bytes, TimeRange { min_ms, max_ms: i64::MAX }, &mut columns);
        let _ = decode_samples(encoding, &bytes, &mut Vec::new());
        let _ = rewrite(encoding, &bytes, |t| t % 2 == 0);
    }

    #[test]
    fn a_damaged_chunk_ends_in_an_answer(samples in any_histograms(), at: usize, bit in 0u32..8) {
        let mut encoder = SeriesEncoder::new(CutRules::merged(FloatEncoding::Xor));
        for (timestamp_ms, start_timestamp_ms, h) in samples {
            let value = SampleValue::Histogram(Histogram::Int(h));
            encoder.push(&Sample { timestamp_ms, start_timestamp_ms, value });
        }
        for mut chunk in encoder.finish() {
            let at = at % chunk.data.len();
            chunk.data[at] ^= 1 << bit;
            let _ = decode_into(chunk.encoding, &chunk.data, TimeRange::ALL, &mut SeriesColumns::default());
            let _ = rewrite(chunk.encoding, &chunk.data, |t| t % 2 == 0);
        }
    }
}
