use std::time::Duration;

use super::*;
use crate::family::SummaryValue;

/// Fields of a message as numbers and raw contents; messages within are left raw.
fn fields(mut bytes: &[u8]) -> Vec<(u32, Field)> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let key = take_varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Int(take_varint(&mut bytes)),
            1 => Field::Double(f64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let len = take_varint(&mut bytes) as usize;
                Field::Bytes(take(&mut bytes, len).to_vec())
            }
            other => panic!("wire type {other}"),
        };
        out.push(((key >> 3) as u32, field));
    }
    out
}

#[derive(Clone, Debug, PartialEq)]
enum Field {
    Int(u64),
    Double(f64),
    Bytes(Vec<u8>),
}

impl Field {
    fn message(&self) -> Vec<(u32, Field)> {
        match self {
            Field::Bytes(bytes) => fields(bytes),
            other => panic!("{other:?} is no message"),
        }
    }
}

fn text_field(text: &str) -> Field {
    Field::Bytes(text.into())
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(len);
    *bytes = rest;
    taken
}

fn take_varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("varint too long")
}

fn encode(family: &MetricFamily, escaping: EscapingScheme) -> Vec<(u32, Field)> {
    let mut out = Vec::new();
    ProtobufEncoder::new(escaping).family(family, &mut out);
    let mut bytes = &out[..];
    let len = take_varint(&mut bytes) as usize;
    assert_eq!(len, bytes.len());
    fields(bytes)
}

fn family(metric_type: MetricType, metric: Metric) -> MetricFamily {
    MetricFamily { name: "a.b".into(), help: "h".into(), unit: "u".into(), metric_type, metrics: vec![metric] }
}

fn exemplar() -> Exemplar {
    let timestamp = Some(UNIX_EPOCH + Duration::new(7, 5));
    Exemplar { labels: [("t", "1")].into(), value: 0.5, timestamp }
}

#[test]
fn a_counter_with_everything() {
    let mut metric = Metric::new([("x.y", "z".repeat(200).as_str())].into(), MetricValue::Single(3.0));
    metric.timestamp_ms = Some(-1);
    metric.created = Some(UNIX_EPOCH - Duration::new(1, 1));
    metric.exemplar = Some(Box::new(exemplar()));
    let got = encode(&family(MetricType::Counter, metric), EscapingScheme::Underscores);
    assert_eq!(got[0], (1, text_field("a_b")));
    assert_eq!(got[1..3], [(2, text_field("h")), (3, Field::Int(0))]);
    assert_eq!(got[4], (5, text_field("u")));
    let metric = got[3].1.message();
    assert_eq!(metric[0].1.message(), [(1, text_field("x_y")), (2, text_field(&"z".repeat(200)))]);
    let counter = metric[1].1.message();
    assert_eq!((metric[1].0, counter[0].clone()), (3, (1, Field::Double(3.0))));
    let exemplar = counter[1].1.message();
    assert_eq!(exemplar[1], (2, Field::Double(0.5)));
    assert_eq!(exemplar[2].1.message(), [(1, Field::Int(7)), (2, Field::Int(5))]);
    assert_eq!(counter[2].1.message(), [(1, Field::Int(-2i64 as u64)), (2, Field::Int(999_999_999))]);
    assert_eq!(metric[2], (6, Field::Int(u64::MAX)));
}

#[test]
fn a_histogram_of_both_kinds() {
    let native = NativeHistogram {
        schema: -1,
        zero_threshold: 0.25,
        zero_count: 1,
        positive_spans: vec![Span { offset: -3, length: 2 }],
        positive_deltas: vec![2, -1],
        exemplars: vec![exemplar()],
        ..NativeHistogram::default()
    };
    let value = HistogramValue {
        count: 4,
        sum: 2.5,
        buckets: vec![(0.5, 1)],
        exemplars: vec![(0, exemplar()), (1, exemplar())],
        native: Some(Box::new(native)),
    };
    let got = encode(
        &family(MetricType::Histogram, Metric::new([].into(), MetricValue::Histogram(value))),
        EscapingScheme::AllowUtf8,
    );
    assert_eq!(got[0], (1, text_field("a.b")));
    let histogram = got[3].1.message()[0].1.message();
    let numbers: Vec<u32> = histogram.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 3, 5, 6, 7, 12, 13, 16]);
    assert_eq!(histogram[3].1.message()[..2], [(1, Field::Int(4)), (2, Field::Double(f64::INFINITY))]);
    assert_eq!(histogram[4].1, Field::Int(1), "schema -1, zigzag");
    assert_eq!(histogram[7].1.message(), [(1, Field::Int(5)), (2, Field::Int(2))]);
    assert_eq!(histogram[8].1, Field::Bytes(vec![4, 1]));
}

#[test]
fn an_empty_native_histogram_is_recognisable() {
    let value = HistogramValue { native: Some(Box::default()), ..HistogramValue::default() };
    let got = encode(
        &family(MetricType::Histogram, Metric::new([].into(), MetricValue::Histogram(value))),
        EscapingScheme::AllowUtf8,
    );
    let histogram = got[3].1.message()[0].1.message();
    assert_eq!(histogram.last().unwrap().1.message(), [(1, Field::Int(0)), (2, Field::Int(0))]);
}

#[test]
fn summaries_and_float_histograms() {
    let value = SummaryValue { count: 2, sum: 3.0, quantiles: vec![(0.5, f64::INFINITY)] };
    let got = encode(
        &family(MetricType::Summary, Metric::new([].into(), MetricValue::Summary(value))),
        EscapingScheme::AllowUtf8,
    );
    let summary = got[3].1.message()[0].1.message();
    assert_eq!(summary[2].1.message(), [(1, Field::Double(0.5)), (2, Field::Double(f64::INFINITY))]);

    let value = FloatHistogram {
        count: 1.5,
        positive_spans: vec![Span { offset: 1, length: 1 }],
        positive_buckets: vec![1.5],
        ..FloatHistogram::default()
    };
    let got = encode(
        &family(MetricType::GaugeHistogram, Metric::new([].into(), MetricValue::FloatHistogram(Box::new(value)))),
        EscapingScheme::AllowUtf8,
    );
    let histogram = got[3].1.message()[0].1.message();
    assert_eq!(histogram[0], (4, Field::Double(1.5)));
    assert_eq!(histogram.last().unwrap(), &(14, Field::Bytes(1.5f64.to_le_bytes().to_vec())));
}
