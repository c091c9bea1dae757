//! Remote write, version 1: protobuf in a snappy block of literals.

use narthex_chunkenc::SampleValue;
use narthex_model::Histogram;
use narthex_model::histogram::{CounterResetHint, Span};

use crate::Series;

fn uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    uvarint(out, field << 3 | 2);
    uvarint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    uvarint(out, field << 3);
    uvarint(out, value);
}

fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    uvarint(out, field << 3 | 1);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

fn spans(out: &mut Vec<u8>, field: u64, spans: &[Span]) {
    for span in spans {
        let mut one = Vec::new();
        number(&mut one, 1, zigzag(i64::from(span.offset)));
        number(&mut one, 2, u64::from(span.length));
        bytes(out, field, &one);
    }
}

fn deltas(out: &mut Vec<u8>, field: u64, deltas: &[i64]) {
    let mut packed = Vec::new();
    deltas.iter().for_each(|&delta| uvarint(&mut packed, zigzag(delta)));
    bytes(out, field, &packed);
}

fn doubles(out: &mut Vec<u8>, field: u64, values: &[f64]) {
    let packed: Vec<u8> = values.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
    bytes(out, field, &packed);
}

fn hint(hint: CounterResetHint) -> u64 {
    match hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 1,
        CounterResetHint::NotReset => 2,
        CounterResetHint::Gauge => 3,
    }
}

fn histogram(timestamp_ms: i64, histogram: &Histogram) -> Vec<u8> {
    let mut out = Vec::new();
    match histogram {
        Histogram::Int(h) => {
            number(&mut out, 1, h.count);
            double(&mut out, 3, h.sum);
            number(&mut out, 4, zigzag(i64::from(h.schema)));
            double(&mut out, 5, h.zero_threshold);
            number(&mut out, 6, h.zero_count);
            spans(&mut out, 8, &h.negative_spans);
            deltas(&mut out, 9, &h.negative_deltas);
            spans(&mut out, 11, &h.positive_spans);
            deltas(&mut out, 12, &h.positive_deltas);
            number(&mut out, 14, hint(h.counter_reset_hint));
            doubles(&mut out, 16, &h.custom_values);
        }
        Histogram::Float(h) => {
            double(&mut out, 2, h.count);
            double(&mut out, 3, h.sum);
            number(&mut out, 4, zigzag(i64::from(h.schema)));
            double(&mut out, 5, h.zero_threshold);
            double(&mut out, 7, h.zero_count);
            spans(&mut out, 8, &h.negative_spans);
            doubles(&mut out, 10, &h.negative_buckets);
            spans(&mut out, 11, &h.positive_spans);
            doubles(&mut out, 13, &h.positive_buckets);
            number(&mut out, 14, hint(h.counter_reset_hint));
            doubles(&mut out, 16, &h.custom_values);
        }
    }
    number(&mut out, 15, timestamp_ms as u64);
    out
}

/// The body of a request with these samples.
pub(crate) fn write_request(series: &[Series]) -> Vec<u8> {
    let mut request = Vec::new();
    for (labels, samples) in series.iter().filter(|series| !series.1.is_empty()) {
        let mut one = Vec::new();
        for (name, value) in labels {
            let mut pair = Vec::new();
            bytes(&mut pair, 1, name.as_bytes());
            bytes(&mut pair, 2, value.as_bytes());
            bytes(&mut one, 1, &pair);
        }
        for sample in samples {
            match &sample.value {
                SampleValue::Float(value) => {
                    let mut row = Vec::new();
                    double(&mut row, 1, *value);
                    number(&mut row, 2, sample.timestamp_ms as u64);
                    bytes(&mut one, 2, &row);
                }
                SampleValue::Histogram(h) => bytes(&mut one, 4, &histogram(sample.timestamp_ms, h)),
            }
        }
        bytes(&mut request, 1, &one);
    }
    let mut block = Vec::new();
    uvarint(&mut block, request.len() as u64);
    for literal in request.chunks(1 << 16) {
        // A literal whose length less one follows in two bytes.
        block.push(61 << 2);
        block.extend_from_slice(&((literal.len() - 1) as u16).to_le_bytes());
        block.extend_from_slice(literal);
    }
    block
}
