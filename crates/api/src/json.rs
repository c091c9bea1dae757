//! JSON as upstream's API writes it.
//!
//! Ordinary texts escape `<`, `>` and `&`; names and values in label objects do
//! not. Samples go straight into the buffer: no value is made of them first.

use narthex_model::float::{append_f, append_json};
use narthex_model::{FloatHistogram, Labels};

use crate::body::BodyWriter;

/// When the buffer holds so much it goes to the body.
const FLUSH_LEN: usize = 32 * 1024;

/// Writes JSON into a body. Commas come by themselves.
pub(crate) struct Json<'b> {
    out: Vec<u8>,
    needs_comma: bool,
    sink: &'b mut dyn Sink,
}

/// Where finished parts of the text go.
pub(crate) trait Sink {
    fn write(&mut self, bytes: &[u8]);
    /// Whether writing has no effect any more.
    fn is_broken(&self) -> bool;
}

impl<T> Sink for BodyWriter<T> {
    fn write(&mut self, bytes: &[u8]) {
        BodyWriter::write(self, bytes);
    }

    fn is_broken(&self) -> bool {
        BodyWriter::is_broken(self)
    }
}

/// A text in memory.
#[derive(Default)]
pub(crate) struct Text(pub(crate) Vec<u8>);

impl Sink for Text {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn is_broken(&self) -> bool {
        false
    }
}

impl<'b> Json<'b> {
    pub(crate) fn new(sink: &'b mut dyn Sink) -> Json<'b> {
        Json { out: Vec::with_capacity(FLUSH_LEN + 1024), needs_comma: false, sink }
    }

    /// Whether nobody reads any more; long loops ask and end.
    pub(crate) fn is_broken(&self) -> bool {
        self.sink.is_broken()
    }

    /// Hands everything to the body.
    pub(crate) fn flush(&mut self) {
        self.sink.write(&self.out);
        self.out.clear();
    }

    fn flush_if_full(&mut self) {
        if self.out.len() >= FLUSH_LEN {
            self.flush();
        }
    }

    fn begin_value(&mut self) {
        if self.needs_comma {
            self.out.push(b',');
        }
        self.needs_comma = true;
    }

    fn open(&mut self, bracket: u8) {
        self.begin_value();
        self.out.push(bracket);
        self.needs_comma = false;
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.needs_comma = true;
        self.flush_if_full();
    }

    /// An object with what `content` writes.
    pub(crate) fn object(&mut self, content: impl FnOnce(&mut Json<'b>)) {
        self.open(b'{');
        content(self);
        self.close(b'}');
    }

    /// An array with what `content` writes.
    pub(crate) fn array(&mut self, content: impl FnOnce(&mut Json<'b>)) {
        self.open(b'[');
        content(self);
        self.close(b']');
    }

    /// The key of the value that comes next.
    pub(crate) fn key(&mut self, key: &str) {
        self.begin_value();
        append_string(&mut self.out, key, true);
        self.out.push(b':');
        self.needs_comma = false;
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.begin_value();
        append_string(&mut self.out, text, true);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.begin_value();
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(crate) fn null(&mut self) {
        self.begin_value();
        self.out.extend_from_slice(b"null");
    }

    pub(crate) fn int(&mut self, value: impl itoa::Integer) {
        self.begin_value();
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A number. JSON has none that are infinite; these become 0.
    pub(crate) fn number(&mut self, value: f64) {
        self.begin_value();
        append_json(&mut self.out, if value.is_finite() { value } else { 0.0 });
    }

    pub(crate) fn strings<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) {
        self.array(|json| texts.into_iter().for_each(|text| json.string(text)));
    }

    /// A text that is JSON already.
    pub(crate) fn raw(&mut self, text: &str) {
        self.begin_value();
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A label set as an object.
    pub(crate) fn labels(&mut self, labels: &Labels) {
        self.open(b'{');
        for (name, value) in labels {
            self.begin_value();
            append_string(&mut self.out, name, false);
            self.out.push(b':');
            append_string(&mut self.out, value, false);
        }
        self.close(b'}');
    }

    /// `[1700000000.1,"5"]`, a sample of a series.
    pub(crate) fn sample(&mut self, timestamp_ms: i64, value: f64) {
        self.open(b'[');
        append_timestamp(&mut self.out, timestamp_ms);
        self.out.extend_from_slice(b",\"");
        append_json(&mut self.out, value);
        self.out.push(b'"');
        self.close(b']');
    }

    /// `[1700000000.1,{"count":…}]`, a histogram of a series.
    pub(crate) fn histogram_sample(&mut self, timestamp_ms: i64, histogram: &FloatHistogram) {
        self.open(b'[');
        append_timestamp(&mut self.out, timestamp_ms);
        self.needs_comma = true;
        self.histogram(histogram);
        self.close(b']');
    }

    fn histogram(&mut self, histogram: &FloatHistogram) {
        self.object(|json| {
            json.key("count");
            json.quoted_number(histogram.count);
            json.key("sum");
            json.quoted_number(histogram.sum);
            let mut buckets = histogram.buckets().filter(|bucket| bucket.count != 0.0).peekable();
            if buckets.peek().is_none() {
                return;
            }
            json.key("buckets");
            json.array(|json| {
                for bucket in buckets {
                    let rule = match (bucket.lower_inclusive, bucket.upper_inclusive) {
                        (false, true) => 0,
                        (true, false) => 1,
                        (false, false) => 2,
                        (true, true) => 3,
                    };
                    json.array(|json| {
                        json.int(rule);
                        json.quoted_number(bucket.lower);
                        json.quoted_number(bucket.upper);
                        json.quoted_number(bucket.count);
                    });
                }
            });
        });
    }

    fn quoted_number(&mut self, value: f64) {
        self.begin_value();
        self.out.push(b'"');
        append_json(&mut self.out, value);
        self.out.push(b'"');
    }

    /// `[1700000000.1,"5"]`, a scalar: its value never has an exponent.
    pub(crate) fn scalar(&mut self, timestamp_ms: i64, value: f64) {
        self.array(|json| {
            json.number(timestamp_ms as f64 / 1000.0);
            json.begin_value();
            json.out.push(b'"');
            append_f(&mut json.out, value);
            json.out.push(b'"');
        });
    }
}

/// Milliseconds as seconds: whole, or with exactly three decimals.
fn append_timestamp(out: &mut Vec<u8>, timestamp_ms: i64) {
    if timestamp_ms < 0 {
        out.push(b'-');
    }
    let ms = timestamp_ms.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(ms / 1000).as_bytes());
    let fraction = (ms % 1000) as u16;
    if fraction != 0 {
        let digits = [b'0' + (fraction / 100) as u8, b'0' + (fraction / 10 % 10) as u8, b'0' + (fraction % 10) as u8];
        out.push(b'.');
        out.extend_from_slice(&digits);
    }
}

fn append_string(out: &mut Vec<u8>, text: &str, escapes_html: bool) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => &[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]],
            b'<' if escapes_html => b"\\u003c",
            b'>' if escapes_html => b"\\u003e",
            b'&' if escapes_html => b"\\u0026",
            // The line separators U+2028 and U+2029.
            0xe2 if escapes_html && bytes[at..].starts_with(&[0xe2, 0x80, 0xa8]) => b"\\u2028",
            0xe2 if escapes_html && bytes[at..].starts_with(&[0xe2, 0x80, 0xa9]) => b"\\u2029",
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..at]);
        out.extend_from_slice(escape);
        start = at + if byte == 0xe2 { 3 } else { 1 };
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use narthex_model::histogram::Span;
    use narthex_model::labels;

    use super::*;

    #[track_caller]
    fn check(write: impl FnOnce(&mut Json<'_>), want: &str) {
        let mut buffer = Text::default();
        let mut json = Json::new(&mut buffer);
        write(&mut json);
        json.flush();
        assert_eq!(String::from_utf8(buffer.0).unwrap(), want);
    }

    #[test]
    fn commas_come_by_themselves() {
        check(
            |json| {
                json.object(|json| {
                    json.key("a");
                    json.strings(["x", "y"]);
                    json.key("b");
                    json.object(|_| {});
                    json.key("c");
                    json.array(|json| {
                        json.int(1);
                        json.null();
                        json.bool(true);
                        json.number(0.5);
                    });
                });
            },
            r#"{"a":["x","y"],"b":{},"c":[1,null,true,0.5]}"#,
        );
    }

    #[test]
    fn ordinary_texts_escape_html_and_labels_do_not() {
        check(|json| json.string("<a>&\"\\\n\u{1}é\u{2028}"), "\"\\u003ca\\u003e\\u0026\\\"\\\\\\n\\u0001é\\u2028\"");
        check(
            |json| json.labels(&labels! { "a" => "<b>\n\u{2028}", "__name__" => "up" }),
            "{\"__name__\":\"up\",\"a\":\"<b>\\n\u{2028}\"}",
        );
    }

    #[test]
    fn samples_have_whole_seconds_or_three_decimals() {
        for (timestamp_ms, value, want) in [
            (1_700_000_000_000, 1.0, r#"[1700000000,"1"]"#),
            (1_700_000_000_100, 1e-7, r#"[1700000000.100,"1e-07"]"#),
            (-1, 1e21, r#"[-0.001,"1e+21"]"#),
            (999, f64::NAN, r#"[0.999,"NaN"]"#),
            (0, f64::NEG_INFINITY, r#"[0,"-Inf"]"#),
            (10, -0.0, r#"[0.010,"-0"]"#),
        ] {
            check(|json| json.sample(timestamp_ms, value), want);
        }
        check(|json| json.scalar(1_700_000_000_100, 1e-7), r#"[1700000000.1,"0.0000001"]"#);
    }

    #[test]
    fn histograms_list_their_filled_buckets() {
        let histogram = FloatHistogram {
            count: 15.0,
            sum: -1.5,
            zero_threshold: 0.001,
            zero_count: 5.0,
            positive_spans: vec![Span { offset: 0, length: 2 }],
            positive_buckets: vec![1.0, 0.0],
            negative_spans: vec![Span { offset: 1, length: 1 }],
            negative_buckets: vec![2.0],
            ..FloatHistogram::default()
        };
        check(
            |json| json.histogram_sample(1000, &histogram),
            r#"[1,{"count":"15","sum":"-1.5","buckets":[[1,"-2","-1","2"],[3,"-0.001","0.001","5"],[0,"0.5","1","1"]]}]"#,
        );
        check(|json| json.histogram_sample(1000, &FloatHistogram::default()), r#"[1,{"count":"0","sum":"0"}]"#);
    }
}
