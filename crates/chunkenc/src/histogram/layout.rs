//! What all histograms of a chunk have in common.
//!
//! ```text
//! zero threshold │ schema │ spans │ spans │ [custom bounds]
//! ```
//!
//! The zero threshold is one byte: 0 for 0, e + 243 for ½·2^e, or 255 and an f64.
//! Spans and bounds are counted. A bound that is a multiple of 1/1000 is that
//! multiple plus one, any other a zero bit and an f64.

use narthex_model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};

use super::spans::slot_count;
use crate::ChunkError;
use crate::bits::{BitReader, BitWriter};
use crate::varbit::{get_int, get_uint, put_int, put_uint};

/// Schemas that readers take; above [`SCHEMA_MAX`] they are reduced to it.
const KNOWN_SCHEMAS: std::ops::RangeInclusive<i64> = -9..=52;
/// The finest schema that anybody computes with.
pub(crate) const SCHEMA_MAX: i32 = 8;
/// Spans and bounds times samples of one chunk: what decoding may copy at most.
/// Upstream's chunks stay far below.
const COPIED_MAX: usize = 1 << 24;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layout {
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) positive_spans: Vec<Span>,
    pub(crate) negative_spans: Vec<Span>,
    pub(crate) custom_values: Vec<f64>,
}

/// Whether custom bounds are alike, bit for bit.
pub(crate) fn same_bounds(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

impl Layout {
    pub(crate) fn put(&self, bits: &mut BitWriter) {
        put_zero_threshold(bits, self.zero_threshold);
        put_int(bits, i64::from(self.schema));
        put_spans(bits, &self.positive_spans);
        put_spans(bits, &self.negative_spans);
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            put_uint(bits, self.custom_values.len() as u64);
            self.custom_values.iter().for_each(|&bound| put_bound(bits, bound));
        }
    }

    /// Reads the layout of a chunk with `samples` samples. No more buckets are
    /// accepted than the chunk has bits.
    pub(crate) fn get(bits: &mut BitReader<'_>, samples: usize) -> Result<Layout, ChunkError> {
        let zero_threshold = get_zero_threshold(bits);
        let schema = get_int(bits);
        if !KNOWN_SCHEMAS.contains(&schema) && schema != i64::from(CUSTOM_BUCKETS_SCHEMA) {
            return Err(ChunkError::Schema(schema));
        }
        let schema = schema as i32;
        let positive_spans = get_spans(bits)?;
        let negative_spans = get_spans(bits)?;
        let mut custom_values = Vec::new();
        if schema == CUSTOM_BUCKETS_SCHEMA {
            let count = get_count(bits)?;
            custom_values.reserve_exact(count);
            for _ in 0..count {
                custom_values.push(get_bound(bits));
            }
        }
        bits.check()?;
        let slots = slot_count(&positive_spans) + slot_count(&negative_spans);
        if slots > bits.bits_left() as u64 {
            return Err(ChunkError::Malformed("the spans have more buckets than the chunk has bits"));
        }
        let copied = positive_spans.len() + negative_spans.len() + custom_values.len();
        if copied.saturating_mul(samples) > COPIED_MAX {
            return Err(ChunkError::Malformed("the layout is too large for so many samples"));
        }
        Ok(Layout { schema, zero_threshold, positive_spans, negative_spans, custom_values })
    }
}

fn put_zero_threshold(bits: &mut BitWriter, threshold: f64) {
    let raw = threshold.to_bits();
    // ½·2^e has no mantissa and the biased exponent e + 1022.
    let byte = (raw >> 52) as i64 - 1022 + 243;
    if raw == 0 {
        bits.put_byte(0);
    } else if raw << 12 == 0 && (1..=254).contains(&byte) {
        bits.put_byte(byte as u8);
    } else {
        bits.put_byte(255);
        bits.put_f64(threshold);
    }
}

fn get_zero_threshold(bits: &mut BitReader<'_>) -> f64 {
    match bits.get(8) {
        0 => 0.0,
        255 => bits.get_f64(),
        byte => f64::from_bits((byte + 1022 - 243) << 52),
    }
}

fn put_spans(bits: &mut BitWriter, spans: &[Span]) {
    put_uint(bits, spans.len() as u64);
    for span in spans {
        put_uint(bits, u64::from(span.length));
        put_int(bits, i64::from(span.offset));
    }
}

/// A count of things that take at least a bit each.
fn get_count(bits: &mut BitReader<'_>) -> Result<usize, ChunkError> {
    let count = usize::try_from(get_uint(bits)).map_err(|_| ChunkError::Short)?;
    if count > bits.bits_left() { Err(ChunkError::Short) } else { Ok(count) }
}

fn get_spans(bits: &mut BitReader<'_>) -> Result<Vec<Span>, ChunkError> {
    let count = get_count(bits)?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let wide = |_| ChunkError::Malformed("a span exceeds 32 bits");
        let length = u32::try_from(get_uint(bits)).map_err(wide)?;
        let offset = i32::try_from(get_int(bits)).map_err(wide)?;
        spans.push(Span { offset, length });
    }
    bits.check()?;
    Ok(spans)
}

fn put_bound(bits: &mut BitWriter, bound: f64) {
    let thousandths = bound * 1000.0;
    if (0.0..=33_554_430.0).contains(&thousandths) && thousandths.round() / 1000.0 == bound {
        put_uint(bits, thousandths.round() as u64 + 1);
    } else {
        bits.put(0, 1);
        bits.put_f64(bound);
    }
}

fn get_bound(bits: &mut BitReader<'_>) -> f64 {
    match get_uint(bits) {
        0 => bits.get_f64(),
        thousandths => (thousandths - 1) as f64 / 1000.0,
    }
}
