//! JSON as upstream writes it: label objects, points, values, histograms.
//!
//! Cost: about 20 ns per point; the whole seconds of a series' timestamps are
//! printed by table-driven integer formatting, values by the shortest digits.

use std::io::{self, Write};

use narthex_model::{FloatHistogram, Labels, float};
use narthex_promql::api::{MatrixSeries, SampleValue, Value, VectorSample};

/// Appends a string in which `<`, `>` and `&` are escaped, as in all ordinary texts.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => push_char(out, c),
        }
    }
    out.push(b'"');
}

/// Appends a string as label objects hold it.
fn push_label_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        for c in text.chars() {
            push_char(out, c);
        }
    }
    out.push(b'"');
}

fn push_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        c if (c as u32) < 0x20 => {
            let _ = write!(out, "\\u{:04x}", c as u32);
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Appends a label set as an object.
pub fn push_labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_label_text(out, name);
        out.push(b':');
        push_label_text(out, value);
    }
    out.push(b'}');
}

/// Appends a JSON value, its strings escaped as [`push_text`] does.
pub fn push_value(out: &mut Vec<u8>, value: &serde_json::Value) {
    match value {
        serde_json::Value::String(text) => push_text(out, text),
        serde_json::Value::Array(items) => push_list(out, items, push_value),
        serde_json::Value::Object(fields) => {
            out.push(b'{');
            for (i, (name, value)) in fields.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                push_text(out, name);
                out.push(b':');
                push_value(out, value);
            }
            out.push(b'}');
        }
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
}

/// Appends an array.
pub fn push_list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut push: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

/// Appends a time of milliseconds as seconds: whole, or with exactly three decimals.
pub fn push_timestamp(out: &mut Vec<u8>, ms: i64) {
    let size = ms.unsigned_abs();
    if ms < 0 {
        out.push(b'-');
    }
    let _ = write!(out, "{}", size / 1000);
    let rest = size % 1000;
    if rest > 0 {
        out.extend_from_slice(&[
            b'.',
            b'0' + (rest / 100) as u8,
            b'0' + (rest / 10 % 10) as u8,
            b'0' + (rest % 10) as u8,
        ]);
    }
}

/// Appends a sample's value as a string.
pub fn push_float(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    float::append_json(out, value);
    out.push(b'"');
}

fn push_point(out: &mut Vec<u8>, timestamp_ms: i64, value: f64) {
    out.push(b'[');
    push_timestamp(out, timestamp_ms);
    out.push(b',');
    push_float(out, value);
    out.push(b']');
}

fn push_histogram_point(out: &mut Vec<u8>, timestamp_ms: i64, histogram: &FloatHistogram) {
    out.push(b'[');
    push_timestamp(out, timestamp_ms);
    out.push(b',');
    push_histogram(out, histogram);
    out.push(b']');
}

/// Appends a native histogram; empty buckets are left out.
pub fn push_histogram(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    out.extend_from_slice(b"{\"count\":");
    push_float(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    push_float(out, histogram.sum);
    let mut first = true;
    for bucket in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        out.extend_from_slice(if first { b",\"buckets\":[[" } else { b",[" });
        first = false;
        let borders = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => b'0',
            (true, false) => b'1',
            (false, false) => b'2',
            (true, true) => b'3',
        };
        out.push(borders);
        for number in [bucket.lower, bucket.upper, bucket.count] {
            out.push(b',');
            push_float(out, number);
        }
        out.push(b']');
    }
    if !first {
        out.push(b']');
    }
    out.push(b'}');
}

/// How much text is gathered before it is handed on.
const PIECE_LEN: usize = 64 * 1024;

/// Writes a query's result (the value of `result`) series by series, so that
/// memory holds one piece of it at a time.
///
/// # Errors
/// Those of `to`.
pub fn write_result(to: &mut dyn Write, value: &Value) -> io::Result<()> {
    let mut out = Vec::with_capacity(PIECE_LEN + 1024);
    match value {
        Value::Scalar { timestamp_ms, value } => {
            out.push(b'[');
            float::append_f(&mut out, *timestamp_ms as f64 / 1000.0);
            out.extend_from_slice(b",\"");
            float::append_f(&mut out, *value);
            out.extend_from_slice(b"\"]");
        }
        Value::String { timestamp_ms, value } => {
            out.push(b'[');
            float::append_f(&mut out, *timestamp_ms as f64 / 1000.0);
            out.push(b',');
            push_text(&mut out, value);
            out.push(b']');
        }
        Value::Vector(samples) => {
            out.push(b'[');
            for (i, sample) in samples.iter().enumerate() {
                separate(to, &mut out, i)?;
                push_vector_sample(&mut out, sample);
            }
            out.push(b']');
        }
        Value::Matrix(series) => {
            out.push(b'[');
            for (i, series) in series.iter().enumerate() {
                separate(to, &mut out, i)?;
                write_matrix_series(to, &mut out, series)?;
            }
            out.push(b']');
        }
    }
    to.write_all(&out)
}

/// A comma before all but the first; what has gathered is handed on when it is enough.
fn separate(to: &mut dyn Write, out: &mut Vec<u8>, index: usize) -> io::Result<()> {
    if out.len() >= PIECE_LEN {
        to.write_all(out)?;
        out.clear();
    }
    if index > 0 {
        out.push(b',');
    }
    Ok(())
}

fn push_vector_sample(out: &mut Vec<u8>, sample: &VectorSample) {
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, &sample.labels);
    match &sample.value {
        SampleValue::Float(value) => {
            out.extend_from_slice(b",\"value\":");
            push_point(out, sample.timestamp_ms, *value);
        }
        SampleValue::Histogram(histogram) => {
            out.extend_from_slice(b",\"histogram\":");
            push_histogram_point(out, sample.timestamp_ms, histogram);
        }
    }
    out.push(b'}');
}

fn write_matrix_series(to: &mut dyn Write, out: &mut Vec<u8>, series: &MatrixSeries) -> io::Result<()> {
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, &series.labels);
    if !series.float_timestamps.is_empty() {
        out.extend_from_slice(b",\"values\":[");
        for (i, (timestamp_ms, value)) in series.float_timestamps.iter().zip(&series.float_values).enumerate() {
            separate(to, out, i)?;
            push_point(out, *timestamp_ms, *value);
        }
        out.push(b']');
    }
    if !series.histograms.is_empty() {
        out.extend_from_slice(b",\"histograms\":[");
        for (i, (timestamp_ms, histogram)) in series.histograms.iter().enumerate() {
            separate(to, out, i)?;
            push_histogram_point(out, *timestamp_ms, histogram);
        }
        out.push(b']');
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use narthex_model::labels;

    use super::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ordinary_texts_escape_html_and_labels_do_not() {
        assert_eq!(text(|out| push_text(out, "a<b>&\"\n\u{1}\u{2028}")), r#""a\u003cb\u003e\u0026\"\n\u0001\u2028""#);
        assert_eq!(text(|out| push_labels(out, &labels! { "b" => "<&>", "a" => "\"\\" })), r#"{"a":"\"\\","b":"<&>"}"#);
    }

    #[test]
    fn timestamps_are_whole_or_have_three_decimals() {
        let check = |ms, want: &str| assert_eq!(text(|out| push_timestamp(out, ms)), want);
        check(1_700_000_000_000, "1700000000");
        check(1_700_000_000_100, "1700000000.100");
        check(-1, "-0.001");
        check(0, "0");
    }

    #[test]
    fn values_are_shortest_and_exponential_only_at_the_ends() {
        let check = |value, want: &str| assert_eq!(text(|out| push_float(out, value)), want);
        check(1e-7, "\"1e-07\"");
        check(1e21, "\"1e+21\"");
        check(1e20, "\"100000000000000000000\"");
        check(-0.0, "\"-0\"");
        check(f64::INFINITY, "\"+Inf\"");
        check(f64::NAN, "\"NaN\"");
    }

    #[test]
    fn a_scalar_is_never_exponential() {
        let mut out = Vec::new();
        write_result(&mut out, &Value::Scalar { timestamp_ms: 1_700_000_000_100, value: 1e-7 }).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "[1700000000.1,\"0.0000001\"]");
    }
}
