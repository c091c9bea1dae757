//! What a sample costs, written and read. Divide by 120 samples.

use narthex_chunkenc::{Encoding, TimeRange, Xor2Encoder, XorEncoder, decode_into};
use narthex_storage::SeriesColumns;

fn main() {
    divan::main();
}

const KINDS: [&str; 4] = ["counter", "gauge", "constant", "jitter"];

/// 120 samples as targets expose them, 15 s apart.
fn samples(kind: &str) -> Vec<(i64, f64)> {
    let mut state = 7u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    };
    let mut counter = 1_000_000.0;
    let row = |i: i64| {
        let timestamp = 1_700_000_000_000 + i * 15_000;
        match kind {
            "counter" => {
                counter += (random() % 500) as f64;
                (timestamp, counter)
            }
            "gauge" => (timestamp, (random() % 10_000) as f64 / 100.0),
            "constant" => (timestamp, 42.0),
            _ => {
                counter += (random() % 500) as f64;
                (timestamp + (random() % 7) as i64 - 3, counter)
            }
        }
    };
    (0..120).map(row).collect()
}

fn encoded(kind: &str, encoding: Encoding) -> Vec<u8> {
    let mut data = Vec::new();
    if encoding == Encoding::Xor {
        let mut encoder = XorEncoder::default();
        samples(kind).iter().for_each(|&(timestamp, value)| encoder.append(timestamp, value));
        encoder.copy_to(&mut data);
    } else {
        let mut encoder = Xor2Encoder::default();
        samples(kind).iter().for_each(|&(timestamp, value)| encoder.append(0, timestamp, value));
        encoder.copy_to(&mut data);
    }
    data
}

#[divan::bench(args = KINDS)]
fn encode_xor(bencher: divan::Bencher<'_, '_>, kind: &str) {
    let samples = samples(kind);
    let mut encoder = XorEncoder::default();
    bencher.bench_local(|| {
        encoder.clear();
        samples.iter().for_each(|&(timestamp, value)| encoder.append(timestamp, value));
        encoder.len_bytes()
    });
}

#[divan::bench(args = KINDS)]
fn encode_xor2(bencher: divan::Bencher<'_, '_>, kind: &str) {
    let samples = samples(kind);
    let mut encoder = Xor2Encoder::default();
    bencher.bench_local(|| {
        encoder.clear();
        samples.iter().for_each(|&(timestamp, value)| encoder.append(0, timestamp, value));
        encoder.len_bytes()
    });
}

fn decode(bencher: divan::Bencher<'_, '_>, kind: &str, encoding: Encoding) {
    let data = encoded(kind, encoding);
    let mut columns = SeriesColumns::default();
    bencher.bench_local(|| {
        columns.clear();
        decode_into(encoding, &data, TimeRange::ALL, &mut columns).expect("the chunk is good");
    });
}

#[divan::bench(args = KINDS)]
fn decode_xor(bencher: divan::Bencher<'_, '_>, kind: &str) {
    decode(bencher, kind, Encoding::Xor);
}

#[divan::bench(args = KINDS)]
fn decode_xor2(bencher: divan::Bencher<'_, '_>, kind: &str) {
    decode(bencher, kind, Encoding::Xor2);
}
