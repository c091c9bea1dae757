//! Writing metric families as protobuf messages.
//!
//! A body is a row of `io.prometheus.client.MetricFamily` messages, each after its
//! length as a varint. Whoever writes: programs that are scraped by a Prometheus
//! which wants native histograms. Fields:
//!
//! ```text
//! MetricFamily  name 1, help 2, type 3, metric 4*, unit 5
//! Metric        label 1*, gauge 2, counter 3, summary 4, untyped 5, timestamp_ms 6, histogram 7
//! LabelPair     name 1, value 2
//! Counter       value 1, exemplar 2, created 3
//! Gauge         value 1                               (also Untyped)
//! Summary       count 1, sum 2, quantile 3* {quantile 1, value 2}, created 4
//! Histogram     count 1, sum 2, bucket 3*, float count 4, schema 5, zero threshold 6, zero count 7,
//!               float zero count 8, negative (span 9*, delta 10*, float count 11*),
//!               positive (span 12*, delta 13*, float count 14*), created 15, exemplar 16*
//! Bucket        cumulative count 1, upper bound 2, exemplar 3
//! BucketSpan    offset 1 (zigzag), length 2
//! Exemplar      label 1*, value 2, timestamp 3 {seconds 1, nanos 2}
//! ```
//!
//! A reader stops at a torn tail: the length is not there, or goes beyond the body.

use std::time::{SystemTime, UNIX_EPOCH};

use narthex_model::histogram::Span;
use narthex_model::name::{EscapingScheme, is_legacy_metric_name};
use narthex_model::{FloatHistogram, MetricType};

use crate::encoder::{escape, escape_label};
use crate::family::{Exemplar, HistogramValue, LabelPairs, Metric, MetricFamily, MetricValue, NativeHistogram};

/// Writes families as delimited `MetricFamily` messages.
#[derive(Clone, Copy, Debug)]
pub struct ProtobufEncoder {
    escaping: EscapingScheme,
}

impl ProtobufEncoder {
    /// An encoder that writes names by this scheme.
    pub fn new(escaping: EscapingScheme) -> ProtobufEncoder {
        ProtobufEncoder { escaping }
    }

    /// Appends a family. One without metrics is left out.
    pub fn family(&self, family: &MetricFamily, out: &mut Vec<u8>) {
        if family.metrics.is_empty() {
            return;
        }
        let name = escape(self.escaping, &family.name, is_legacy_metric_name(&family.name));
        delimited(out, |out| {
            text(out, 1, &name);
            if !family.help.is_empty() {
                text(out, 2, &family.help);
            }
            integer(out, 3, type_number(family.metric_type));
            for metric in &family.metrics {
                message(out, 4, |out| self.metric(family.metric_type, metric, out));
            }
            if !family.unit.is_empty() {
                text(out, 5, &family.unit);
            }
        });
    }

    fn metric(&self, metric_type: MetricType, metric: &Metric, out: &mut Vec<u8>) {
        self.labels(&metric.labels, out);
        match &metric.value {
            MetricValue::Single(value) => {
                let field = match metric_type {
                    MetricType::Counter => 3,
                    MetricType::Unknown => 5,
                    _ => 2,
                };
                message(out, field, |out| {
                    double(out, 1, *value);
                    if field == 3 {
                        if let Some(exemplar) = &metric.exemplar {
                            message(out, 2, |out| self.exemplar(exemplar, out));
                        }
                        created(out, 3, metric.created);
                    }
                });
            }
            MetricValue::Histogram(value) => message(out, 7, |out| {
                self.histogram(value, metric.created, out);
            }),
            MetricValue::FloatHistogram(value) => message(out, 7, |out| {
                float_histogram(value, out);
                created(out, 15, metric.created);
            }),
            MetricValue::Summary(value) => message(out, 4, |out| {
                integer(out, 1, value.count);
                double(out, 2, value.sum);
                for &(quantile, estimate) in &value.quantiles {
                    message(out, 3, |out| {
                        double(out, 1, quantile);
                        double(out, 2, estimate);
                    });
                }
                created(out, 4, metric.created);
            }),
        }
        if let Some(timestamp_ms) = metric.timestamp_ms {
            integer(out, 6, timestamp_ms as u64);
        }
    }

    fn labels(&self, labels: &LabelPairs, out: &mut Vec<u8>) {
        let as_is =
            self.escaping == EscapingScheme::AllowUtf8 || (labels.is_legacy() && self.escaping != EscapingScheme::Dots);
        for (name, value) in labels.iter() {
            message(out, 1, |out| {
                if as_is {
                    text(out, 1, name)
                } else {
                    text(out, 1, &escape_label(self.escaping, name))
                }
                text(out, 2, value);
            });
        }
    }

    fn exemplar(&self, exemplar: &Exemplar, out: &mut Vec<u8>) {
        self.labels(&exemplar.labels, out);
        double(out, 2, exemplar.value);
        created(out, 3, exemplar.timestamp);
    }

    fn histogram(&self, value: &HistogramValue, since: Option<SystemTime>, out: &mut Vec<u8>) {
        integer(out, 1, value.count);
        double(out, 2, value.sum);
        let mut exemplars = value.exemplars.iter().peekable();
        for (i, &(bound, cumulative)) in value.buckets.iter().enumerate() {
            let exemplar = exemplars.next_if(|(bucket, _)| *bucket <= i).map(|(_, exemplar)| exemplar);
            self.bucket(cumulative, bound, exemplar, out);
        }
        // The bucket +Inf follows from the count, unless it has something of its own to say.
        if let Some((_, exemplar)) = exemplars.next() {
            self.bucket(value.count, f64::INFINITY, Some(exemplar), out);
        }
        if let Some(native) = &value.native {
            integer(out, 5, zigzag(native.schema.into()));
            double(out, 6, native.zero_threshold);
            integer(out, 7, native.zero_count);
            native_side(out, 9, &native.negative_spans, &native.negative_deltas);
            if is_empty(native) {
                // Without this nothing would tell it from a classic histogram.
                span(out, 12, Span { offset: 0, length: 0 });
            }
            native_side(out, 12, &native.positive_spans, &native.positive_deltas);
        }
        created(out, 15, since);
        for exemplar in value.native.iter().flat_map(|native| &native.exemplars) {
            message(out, 16, |out| self.exemplar(exemplar, out));
        }
    }

    fn bucket(&self, cumulative: u64, bound: f64, exemplar: Option<&Exemplar>, out: &mut Vec<u8>) {
        message(out, 3, |out| {
            integer(out, 1, cumulative);
            double(out, 2, bound);
            if let Some(exemplar) = exemplar {
                message(out, 3, |out| self.exemplar(exemplar, out));
            }
        });
    }
}

fn is_empty(native: &NativeHistogram) -> bool {
    native.zero_threshold == 0.0
        && native.zero_count == 0
        && native.positive_spans.is_empty()
        && native.negative_spans.is_empty()
}

fn native_side(out: &mut Vec<u8>, field: u32, spans: &[Span], deltas: &[i64]) {
    for &each in spans {
        span(out, field, each);
    }
    if !deltas.is_empty() {
        message(out, field + 1, |out| deltas.iter().for_each(|&delta| varint(out, zigzag(delta))));
    }
}

fn float_histogram(value: &FloatHistogram, out: &mut Vec<u8>) {
    double(out, 4, value.count);
    double(out, 2, value.sum);
    integer(out, 5, zigzag(value.schema.into()));
    double(out, 6, value.zero_threshold);
    double(out, 8, value.zero_count);
    for (field, spans, counts) in
        [(9, &value.negative_spans, &value.negative_buckets), (12, &value.positive_spans, &value.positive_buckets)]
    {
        for &each in spans {
            span(out, field, each);
        }
        if !counts.is_empty() {
            message(out, field + 2, |out| {
                counts.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes()));
            });
        }
    }
    if value.positive_spans.is_empty() && value.negative_spans.is_empty() && value.zero_threshold == 0.0 {
        span(out, 12, Span { offset: 0, length: 0 });
    }
}

fn type_number(metric_type: MetricType) -> u64 {
    match metric_type {
        MetricType::Counter => 0,
        // The messages know no infos and state sets.
        MetricType::Gauge | MetricType::Info | MetricType::StateSet => 1,
        MetricType::Summary => 2,
        MetricType::Unknown => 3,
        MetricType::Histogram => 4,
        MetricType::GaugeHistogram => 5,
    }
}

fn span(out: &mut Vec<u8>, field: u32, span: Span) {
    message(out, field, |out| {
        integer(out, 1, zigzag(span.offset.into()));
        integer(out, 2, span.length.into());
    });
}

fn created(out: &mut Vec<u8>, field: u32, time: Option<SystemTime>) {
    let Some(time) = time else { return };
    let (mut seconds, mut nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => (since.as_secs() as i64, since.subsec_nanos()),
        Err(before) => (-(before.duration().as_secs() as i64), before.duration().subsec_nanos()),
    };
    if time < UNIX_EPOCH && nanos > 0 {
        // Nanoseconds count upwards, before the epoch too.
        seconds -= 1;
        nanos = 1_000_000_000 - nanos;
    }
    message(out, field, |out| {
        integer(out, 1, seconds as u64);
        integer(out, 2, nanos.into());
    });
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn integer(out: &mut Vec<u8>, field: u32, value: u64) {
    varint(out, u64::from(field << 3));
    varint(out, value);
}

#[inline]
fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    varint(out, u64::from(field << 3 | 1));
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
fn text(out: &mut Vec<u8>, field: u32, value: &str) {
    varint(out, u64::from(field << 3 | 2));
    varint(out, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

/// Appends a message of its own. `write` must not look at what is in `out` already.
#[inline]
fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    varint(out, u64::from(field << 3 | 2));
    delimited(out, write);
}

#[inline]
fn delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    // Most messages are shorter than 128 bytes: one byte for the length, and room is
    // made behind it when it turns out to need more.
    let at = out.len();
    out.push(0);
    write(out);
    let mut len = out.len() - at - 1;
    if len < 0x80 {
        out[at] = len as u8;
        return;
    }
    let mut bytes = [0; 10];
    let mut count = 0;
    while len >= 0x80 {
        bytes[count] = len as u8 | 0x80;
        count += 1;
        len >>= 7;
    }
    bytes[count] = len as u8;
    out.splice(at..=at, bytes[..=count].iter().copied());
}

#[cfg(test)]
mod tests;
