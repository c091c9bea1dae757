//! Native histograms as our log, our checkpoints and our head chunk files hold them.
//!
//! A sample is varint timestamp, varint start timestamp, histogram. A histogram
//! is kind byte (0 integer, 1 float), hint byte (0 unknown, 1 reset, 2 no reset,
//! 3 gauge), varint schema, f64 zero threshold, zero count, count (uvarint;
//! float: f64), f64 sum, positive then negative spans (count, then varint offset
//! and uvarint length each), positive then negative buckets (count, then varint
//! differences; float: f64 each), custom bounds (count, f64 each). Values are
//! complete, so that samples do not depend on each other. Blocks get upstream's
//! histogram chunks from these.

use std::sync::Arc;

use narthex_model::histogram::{CounterResetHint, Histogram, IntHistogram, Span};
use narthex_model::{FloatHistogram, value};

use crate::codec::{Cursor, Decoded, Malformed, put_f64, put_uvarint, put_varint};

/// A stored histogram sample.
#[derive(Clone, Debug)]
pub(crate) struct HistogramSample {
    pub(crate) timestamp_ms: i64,
    pub(crate) start_timestamp_ms: i64,
    pub(crate) histogram: Arc<Histogram>,
}

pub(crate) fn put_sample(out: &mut Vec<u8>, sample: &HistogramSample) {
    put_varint(out, sample.timestamp_ms);
    put_varint(out, sample.start_timestamp_ms);
    put_histogram(out, &sample.histogram);
}

pub(crate) fn get_sample(cursor: &mut Cursor<'_>) -> Decoded<HistogramSample> {
    let (timestamp_ms, start_timestamp_ms) = (cursor.varint()?, cursor.varint()?);
    Ok(HistogramSample { timestamp_ms, start_timestamp_ms, histogram: Arc::new(get_histogram(cursor)?) })
}

fn hint_byte(hint: CounterResetHint) -> u8 {
    match hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 1,
        CounterResetHint::NotReset => 2,
        CounterResetHint::Gauge => 3,
    }
}

fn put_spans(out: &mut Vec<u8>, spans: &[Span]) {
    put_uvarint(out, spans.len() as u64);
    for span in spans {
        put_varint(out, i64::from(span.offset));
        put_uvarint(out, u64::from(span.length));
    }
}

fn put_floats(out: &mut Vec<u8>, floats: &[f64]) {
    put_uvarint(out, floats.len() as u64);
    floats.iter().for_each(|&float| put_f64(out, float));
}

fn put_deltas(out: &mut Vec<u8>, deltas: &[i64]) {
    put_uvarint(out, deltas.len() as u64);
    deltas.iter().for_each(|&delta| put_varint(out, delta));
}

fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    match histogram {
        Histogram::Int(h) => {
            out.extend([0, hint_byte(h.counter_reset_hint)]);
            put_varint(out, i64::from(h.schema));
            put_f64(out, h.zero_threshold);
            put_uvarint(out, h.zero_count);
            put_uvarint(out, h.count);
            put_f64(out, h.sum);
            put_spans(out, &h.positive_spans);
            put_spans(out, &h.negative_spans);
            put_deltas(out, &h.positive_deltas);
            put_deltas(out, &h.negative_deltas);
            put_floats(out, &h.custom_values);
        }
        Histogram::Float(h) => {
            out.extend([1, hint_byte(h.counter_reset_hint)]);
            put_varint(out, i64::from(h.schema));
            for float in [h.zero_threshold, h.zero_count, h.count, h.sum] {
                put_f64(out, float);
            }
            put_spans(out, &h.positive_spans);
            put_spans(out, &h.negative_spans);
            put_floats(out, &h.positive_buckets);
            put_floats(out, &h.negative_buckets);
            put_floats(out, &h.custom_values);
        }
    }
}

fn get_spans(cursor: &mut Cursor<'_>) -> Decoded<Vec<Span>> {
    let count = cursor.count(2)?;
    (0..count)
        .map(|_| {
            let offset = i32::try_from(cursor.varint()?).map_err(|_| Malformed)?;
            Ok(Span { offset, length: cursor.uvarint32()? })
        })
        .collect()
}

fn get_floats(cursor: &mut Cursor<'_>) -> Decoded<Vec<f64>> {
    let count = cursor.count(8)?;
    (0..count).map(|_| cursor.f64()).collect()
}

fn get_deltas(cursor: &mut Cursor<'_>) -> Decoded<Vec<i64>> {
    let count = cursor.count(1)?;
    (0..count).map(|_| cursor.varint()).collect()
}

fn get_histogram(cursor: &mut Cursor<'_>) -> Decoded<Histogram> {
    let kind = cursor.u8()?;
    let counter_reset_hint = match cursor.u8()? {
        0 => CounterResetHint::Unknown,
        1 => CounterResetHint::Reset,
        2 => CounterResetHint::NotReset,
        3 => CounterResetHint::Gauge,
        _ => return Err(Malformed),
    };
    let schema = i32::try_from(cursor.varint()?).map_err(|_| Malformed)?;
    let zero_threshold = cursor.f64()?;
    match kind {
        0 => Ok(Histogram::Int(IntHistogram {
            counter_reset_hint,
            schema,
            zero_threshold,
            zero_count: cursor.uvarint()?,
            count: cursor.uvarint()?,
            sum: cursor.f64()?,
            positive_spans: get_spans(cursor)?,
            negative_spans: get_spans(cursor)?,
            positive_deltas: get_deltas(cursor)?,
            negative_deltas: get_deltas(cursor)?,
            custom_values: get_floats(cursor)?,
        })),
        1 => Ok(Histogram::Float(FloatHistogram {
            counter_reset_hint,
            schema,
            zero_threshold,
            zero_count: cursor.f64()?,
            count: cursor.f64()?,
            sum: cursor.f64()?,
            positive_spans: get_spans(cursor)?,
            negative_spans: get_spans(cursor)?,
            positive_buckets: get_floats(cursor)?,
            negative_buckets: get_floats(cursor)?,
            custom_values: get_floats(cursor)?,
        })),
        _ => Err(Malformed),
    }
}

/// Whether two histograms are stored alike: floats are compared by their bits.
pub(crate) fn same_histogram(a: &Histogram, b: &Histogram) -> bool {
    let encoded = |histogram| {
        let mut out = Vec::new();
        put_histogram(&mut out, histogram);
        out
    };
    encoded(a) == encoded(b)
}

/// The staleness marker of a series of histograms, of the same kind as `last`.
pub(crate) fn stale_histogram(last: &Histogram) -> Histogram {
    match last {
        Histogram::Int(_) => Histogram::Int(IntHistogram { sum: value::STALE_NAN, ..IntHistogram::default() }),
        Histogram::Float(_) => Histogram::Float(FloatHistogram { sum: value::STALE_NAN, ..FloatHistogram::default() }),
    }
}

/// A histogram as queries compute with it: absolute float counts.
pub(crate) fn to_float(histogram: &Histogram) -> FloatHistogram {
    let h = match histogram {
        Histogram::Float(h) => return h.clone(),
        Histogram::Int(h) => h,
    };
    let absolute = |deltas: &[i64]| -> Vec<f64> {
        let mut count = 0i64;
        let sum = |&delta: &i64| {
            count = count.wrapping_add(delta);
            count as f64
        };
        deltas.iter().map(sum).collect()
    };
    FloatHistogram {
        counter_reset_hint: h.counter_reset_hint,
        schema: h.schema,
        zero_threshold: h.zero_threshold,
        zero_count: h.zero_count as f64,
        count: h.count as f64,
        sum: h.sum,
        positive_spans: h.positive_spans.clone(),
        negative_spans: h.negative_spans.clone(),
        positive_buckets: absolute(&h.positive_deltas),
        negative_buckets: absolute(&h.negative_deltas),
        custom_values: h.custom_values.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_kinds_round_trip() {
        let int = Histogram::Int(IntHistogram {
            counter_reset_hint: CounterResetHint::Gauge,
            schema: -1,
            count: 6,
            sum: value::STALE_NAN,
            positive_spans: vec![Span { offset: -3, length: 2 }],
            positive_deltas: vec![2, -1],
            ..IntHistogram::default()
        });
        let float = Histogram::Float(FloatHistogram {
            schema: -53,
            negative_buckets: vec![0.5],
            custom_values: vec![1.0, 2.5],
            ..to_float(&int)
        });
        for histogram in [int, float] {
            let mut out = Vec::new();
            put_histogram(&mut out, &histogram);
            let back = get_histogram(&mut Cursor::new(&out)).unwrap();
            assert!(same_histogram(&back, &histogram));
        }
    }

    #[test]
    fn integer_buckets_become_absolute() {
        let int = Histogram::Int(IntHistogram { positive_deltas: vec![2, 1, -3], ..IntHistogram::default() });
        assert_eq!(to_float(&int).positive_buckets, [2.0, 3.0, 0.0]);
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes: Vec<u8>) {
            let _ = get_sample(&mut Cursor::new(&bytes));
        }
    }
}
