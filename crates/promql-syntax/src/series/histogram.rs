//! Native histograms in braces: `{{schema:1 count:3 sum:4 buckets:[1 2]}}`.

use narthex_model::FloatHistogram;
use narthex_model::histogram::{CounterResetHint, Span};
use narthex_model::quote::quote;

use super::points::Reader;
use crate::error::Fault;

/// A histogram, and whether its hint was written down.
pub(super) struct WrittenHistogram {
    pub(super) histogram: FloatHistogram,
    pub(super) has_hint: bool,
}

/// Reads a histogram whose opening braces were read.
pub(super) fn histogram(reader: &mut Reader<'_>) -> Result<WrittenHistogram, Fault> {
    let mut written = WrittenHistogram { histogram: FloatHistogram::default(), has_hint: false };
    let histogram = &mut written.histogram;
    let (mut positive_offset, mut negative_offset) = (0, 0);
    let mut seen: Vec<&str> = Vec::new();
    loop {
        let rest = reader.rest();
        reader.pos += rest.len() - rest.trim_start().len();
        if reader.eat("}}") {
            break;
        }
        let len = reader.rest().bytes().take_while(|b| b.is_ascii_alphabetic() || *b == b'_').count();
        let key = &reader.rest()[..len];
        if len == 0 {
            return Err(reader.unexpected("histogram description"));
        }
        if seen.contains(&key) {
            return Err(reader.fault(format!("duplicate key {} in histogram", quote(key))));
        }
        seen.push(key);
        reader.pos += len;
        if !reader.eat(":") {
            return Err(reader.fault("missing `:` for histogram descriptor"));
        }
        match key {
            "schema" => histogram.schema = integer(reader)?,
            "sum" => histogram.sum = reader.signed_number()?,
            "count" => histogram.count = reader.signed_number()?,
            "z_bucket" => histogram.zero_count = reader.signed_number()?,
            "z_bucket_w" => histogram.zero_threshold = reader.signed_number()?,
            "buckets" => histogram.positive_buckets = list(reader)?,
            "n_buckets" => histogram.negative_buckets = list(reader)?,
            "custom_values" => histogram.custom_values = list(reader)?,
            "offset" => positive_offset = integer(reader)?,
            "n_offset" => negative_offset = integer(reader)?,
            "counter_reset_hint" => {
                histogram.counter_reset_hint = hint(reader)?;
                written.has_hint = true;
            }
            _ => {
                return Err(reader.fault(format!("bad histogram descriptor found: {}", quote(key))));
            }
        }
    }
    histogram.positive_spans = spans(positive_offset, &histogram.positive_buckets);
    histogram.negative_spans = spans(negative_offset, &histogram.negative_buckets);
    Ok(written)
}

fn spans(offset: i32, buckets: &[f64]) -> Vec<Span> {
    let length = u32::try_from(buckets.len()).unwrap_or(u32::MAX);
    if length == 0 { Vec::new() } else { vec![Span { offset, length }] }
}

fn integer(reader: &mut Reader<'_>) -> Result<i32, Fault> {
    let start = reader.pos;
    let value = reader.signed_number()?;
    let whole = value as i32;
    if f64::from(whole) == value {
        return Ok(whole);
    }
    Err(Fault::new(start..reader.pos, "a whole number of 32 bits is wanted here"))
}

/// `[1 2 3]`
fn list(reader: &mut Reader<'_>) -> Result<Vec<f64>, Fault> {
    if !reader.eat("[") {
        return Err(reader.unexpected("histogram description, expected \"[\""));
    }
    let mut values = Vec::new();
    loop {
        let rest = reader.rest();
        reader.pos += rest.len() - rest.trim_start().len();
        if reader.eat("]") {
            return Ok(values);
        }
        values.push(reader.signed_number()?);
    }
}

fn hint(reader: &mut Reader<'_>) -> Result<CounterResetHint, Fault> {
    for (word, hint) in [
        ("unknown", CounterResetHint::Unknown),
        ("reset", CounterResetHint::Reset),
        ("not_reset", CounterResetHint::NotReset),
        ("gauge", CounterResetHint::Gauge),
    ] {
        if reader.eat(word) {
            return Ok(hint);
        }
    }
    Err(reader.unexpected("counter reset hint"))
}
