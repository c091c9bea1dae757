//! How fast a body is read the first time and the second time.
//!
//! Run: `cargo bench -p narthex-exposition`. The body is like that of a server
//! with many small label sets: 2,000 lines, about 90 bytes each.

use std::fmt::Write;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use narthex_exposition::{Entry, Format, Parser, SeriesHasher};

fn main() {
    divan::main();
}

fn body(float: bool) -> String {
    let mut body = String::new();
    for family in 0..100 {
        writeln!(body, "# HELP http_requests_{family}_total Requests by code and handler.").expect("a String");
        writeln!(body, "# TYPE http_requests_{family}_total counter").expect("a String");
        for i in 0..20 {
            let value = (family * 7919 + i * 104_729) % 1_000_003;
            let value = if float { format!("{}", f64::from(value) * 1.000_123) } else { format!("{value}") };
            writeln!(
                body,
                "http_requests_{family}_total{{code=\"{}\",handler=\"/api/v1/query_{i}\",method=\"get\"}} {value}",
                200 + i
            )
            .expect("a String");
        }
    }
    body
}

#[divan::bench(args = [false, true])]
fn first_time(bencher: Bencher<'_, '_>, float: bool) {
    let body = body(float);
    bencher.counter(BytesCount::of_slice(body.as_bytes())).counter(ItemsCount::new(2000usize)).bench(|| {
        let mut parser = Parser::new(body.as_bytes(), Format::Text004);
        let mut sum = 0.0;
        while let Some(Ok(entry)) = parser.next() {
            if let Entry::Sample(sample) = entry {
                sum += sample.point.value;
            }
        }
        black_box(sum)
    });
}

#[divan::bench(args = [false, true])]
fn known_lines(bencher: Bencher<'_, '_>, float: bool) {
    let body = body(float);
    let hasher = SeriesHasher::new([1, 2]);
    let mut lines = Vec::new();
    let mut parser = Parser::new(body.as_bytes(), Format::Text004);
    while let Some(entry) = parser.next() {
        let (text, is_sample) = match entry.expect("parses") {
            Entry::Sample(sample) => (sample.series, true),
            Entry::Help { line, .. } | Entry::Type { line, .. } => (line, false),
            other => panic!("{other:?}"),
        };
        lines.push((hasher.hash(text), text.len() as u32, is_sample));
    }
    bencher.counter(BytesCount::of_slice(body.as_bytes())).counter(ItemsCount::new(2000usize)).bench(|| {
        let mut parser = Parser::new(body.as_bytes(), Format::Text004);
        let (mut sum, mut known) = (0.0, 0);
        for &(hash, len, is_sample) in &lines {
            let len = len as usize;
            if parser.rest().get(..len).is_none_or(|text| hasher.hash(text) != hash) {
                break;
            }
            if is_sample {
                sum += parser.known_sample(len).expect("known").value;
            } else {
                assert!(parser.known_line(len));
            }
            known += 1;
        }
        assert_eq!(known, lines.len());
        black_box(sum)
    });
}
