//! Floats as Go reads and prints them.
//!
//! Printing is a hot path of the JSON of queries and of expositions: integers
//! go through `itoa`, everything else through `ryu`, whose digits are only
//! arranged anew; nothing is allocated but the output.

use crate::quote::quote;

/// Where text can be appended.
pub trait Append {
    /// Appends `text`.
    fn append(&mut self, text: &str);
}

impl Append for String {
    fn append(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Append for Vec<u8> {
    fn append(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// Why a text is not a float; displays as Go's `strconv.NumError`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FloatError {
    /// It is not written as a float.
    #[error("strconv.ParseFloat: parsing {}: invalid syntax", quote(.0))]
    Syntax(String),
    /// It is beyond the largest float.
    #[error("strconv.ParseFloat: parsing {}: value out of range", quote(.text))]
    Range {
        /// The text.
        text: String,
        /// The infinity Go returns beside the error.
        value: f64,
    },
}

/// Parses a float as Go's `strconv.ParseFloat(s, 64)`: decimal or hexadecimal
/// (`0x1.8p3`), `inf`, `infinity` and `nan` in any case (no sign before `nan`),
/// single underscores between digits. NaN has the bits of
/// [`NORMAL_NAN`](crate::value::NORMAL_NAN).
///
/// # Errors
/// Go's texts.
pub fn parse_float(text: &str) -> Result<f64, FloatError> {
    let syntax = || FloatError::Syntax(text.into());
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let value = match digits.as_bytes() {
        [b'0', b'x' | b'X', hex @ ..] => parse_hex(hex).ok_or_else(syntax)?,
        [b'0'..=b'9' | b'.', ..] => {
            if digits.contains('_') {
                if !is_separated(digits.as_bytes(), false) {
                    return Err(syntax());
                }
                digits.replace('_', "").parse::<f64>().map_err(|_| syntax())?
            } else {
                digits.parse::<f64>().map_err(|_| syntax())?
            }
        }
        _ if ["inf", "infinity"].iter().any(|name| digits.eq_ignore_ascii_case(name)) => {
            return Ok(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        _ if text.eq_ignore_ascii_case("nan") => return Ok(crate::value::NORMAL_NAN),
        _ => return Err(syntax()),
    };
    let value = if negative { -value } else { value };
    if value.is_infinite() { Err(FloatError::Range { text: text.into(), value }) } else { Ok(value) }
}

/// Whether every underscore stands between two digits; after `0x` one may begin.
fn is_separated(bytes: &[u8], hex: bool) -> bool {
    let is_digit =
        |at: usize| bytes.get(at).is_some_and(|b| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() });
    (0..bytes.len()).filter(|&at| bytes[at] == b'_').all(|at| {
        let after_digit = if at == 0 { hex } else { is_digit(at - 1) };
        after_digit && is_digit(at + 1)
    })
}

/// What follows `0x`: digits with at most one point, and an exponent of two.
fn parse_hex(bytes: &[u8]) -> Option<f64> {
    if !is_separated(bytes, true) {
        return None;
    }
    let split = bytes.iter().position(|b| matches!(b, b'p' | b'P'))?;
    let (digits, exponent) = (&bytes[..split], &bytes[split + 1..]);
    let (mut mantissa, mut lost, mut exp2) = (0_u64, false, 0_i64);
    let (mut any, mut point) = (false, false);
    for &byte in digits {
        match byte {
            b'_' => continue,
            b'.' if !point => point = true,
            _ => {
                let digit = char::from(byte).to_digit(16)?;
                any = true;
                if mantissa >> 60 == 0 {
                    mantissa = mantissa << 4 | u64::from(digit);
                    exp2 -= if point { 4 } else { 0 };
                } else {
                    lost |= digit != 0;
                    exp2 += if point { 0 } else { 4 };
                }
            }
        }
    }
    let (sign, exponent) = match exponent {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    if !any || !exponent.first()?.is_ascii_digit() {
        return None;
    }
    let mut power = 0_i64;
    for &byte in exponent.iter().filter(|b| **b != b'_') {
        power = (power * 10 + i64::from(char::from(byte).to_digit(10)?)).min(1 << 40);
    }
    Some(round(mantissa, lost, exp2.saturating_add(sign * power)))
}

/// `mantissa` × 2^`exp2`, to the nearest float, ties to even. `lost`: a little
/// more than that.
fn round(mantissa: u64, lost: bool, exp2: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let shift = mantissa.leading_zeros();
    let mantissa = mantissa << shift;
    // The exponent of the leading bit.
    let exponent = exp2 - i64::from(shift) + 63;
    if exponent > 1023 {
        return f64::INFINITY;
    }
    // Of 64 bits a normal float keeps 53, a subnormal one fewer.
    let dropped = 11 + (-1022 - exponent).max(0);
    if dropped > 64 {
        return 0.0;
    }
    let kept = if dropped == 64 { 0 } else { mantissa >> dropped };
    let half = 1_u64 << (dropped - 1);
    let rest = mantissa & (half | (half - 1));
    let up = rest > half || (rest == half && (lost || kept & 1 == 1));
    // Carrying into the exponent is just what rounding up needs.
    let base = if exponent < -1022 { 0 } else { ((exponent + 1022) as u64) << 52 };
    f64::from_bits(base + kept + u64::from(up))
}

/// The shortest digits that tell a float from all others.
struct Digits {
    /// ASCII; the first is not 0 unless it is the only one.
    bytes: [u8; 17],
    len: usize,
    /// How many digits stand before the point; may be negative or beyond them.
    point: i32,
}

impl Digits {
    /// Those of a finite, positive `value`.
    fn of(value: f64) -> Digits {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(value).as_bytes();
        let (mantissa, exponent) = match memchr(b'e', text) {
            None => (text, 0),
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])),
        };
        let mut digits = Digits { bytes: [b'0'; 17], len: 0, point: exponent };
        let mut before_point = true;
        for &byte in mantissa {
            if byte == b'.' {
                before_point = false;
                continue;
            }
            if digits.len == 0 && byte == b'0' {
                // A leading zero only moves the point.
                digits.point -= i32::from(!before_point);
                continue;
            }
            digits.point += i32::from(before_point);
            if digits.len < digits.bytes.len() {
                digits.bytes[digits.len] = byte;
            }
            digits.len += 1;
        }
        // Beyond the seventeenth there are only zeros.
        digits.len = digits.len.min(digits.bytes.len());
        while digits.len > 1 && digits.bytes[digits.len - 1] == b'0' {
            digits.len -= 1;
        }
        if digits.len == 0 {
            (digits.len, digits.point) = (1, 1);
        }
        digits
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("digits are ASCII")
    }

    /// Without exponent.
    fn append_plain(&self, out: &mut impl Append) {
        const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
        let zeros = |out: &mut dyn FnMut(&str), mut count: usize| {
            while count > 0 {
                let some = count.min(ZEROS.len());
                out(&ZEROS[..some]);
                count -= some;
            }
        };
        let digits = self.as_str();
        let mut put = |text: &str| out.append(text);
        match usize::try_from(self.point) {
            Ok(point) if point >= self.len => {
                put(digits);
                zeros(&mut put, point - self.len);
            }
            Ok(point) if point > 0 => {
                put(&digits[..point]);
                put(".");
                put(&digits[point..]);
            }
            _ => {
                put("0.");
                zeros(&mut put, self.point.unsigned_abs() as usize);
                put(digits);
            }
        }
    }

    /// With exponent, of at least two digits.
    fn append_scientific(&self, out: &mut impl Append) {
        let digits = self.as_str();
        out.append(&digits[..1]);
        if self.len > 1 {
            out.append(".");
            out.append(&digits[1..]);
        }
        let exponent = self.point - 1;
        out.append(if exponent < 0 { "e-" } else { "e+" });
        let exponent = exponent.unsigned_abs();
        if exponent < 10 {
            out.append("0");
        }
        out.append(itoa::Buffer::new().format(exponent));
    }
}

fn memchr(needle: u8, text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| *byte == needle)
}

fn parse_exponent(text: &[u8]) -> i32 {
    let text = std::str::from_utf8(text).expect("ryu writes ASCII");
    text.parse().expect("ryu writes an integer after the e")
}

/// How large a float may be to go through an integer: all these are exact.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Writes what is not left to `rest`: the special values, the sign, and floats
/// that are integers below `integer_max`. `rest` gets the absolute value.
fn append_with<A: Append>(out: &mut A, value: f64, integer_max: f64, rest: impl FnOnce(&mut A, f64)) {
    let abs = value.abs();
    if abs < integer_max && abs.trunc() == abs {
        if value.is_sign_negative() {
            out.append("-");
        }
        out.append(itoa::Buffer::new().format(abs as u64));
    } else if value.is_nan() {
        out.append("NaN");
    } else if value.is_infinite() {
        out.append(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        if value < 0.0 {
            out.append("-");
        }
        rest(out, abs);
    }
}

/// Appends a float that `ryu` prints without exponent, and so as Go does, but
/// for the `.0` of integers. Returns whether it is one of these.
fn append_as_printed(out: &mut impl Append, abs: f64) -> bool {
    if !(1e-5..1e16).contains(&abs) {
        return false;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(abs);
    debug_assert!(!text.contains('e'), "ryu prints {text} with an exponent");
    out.append(text.strip_suffix(".0").unwrap_or(text));
    true
}

/// Appends `value` in its shortest form without exponent, as Go's
/// `FormatFloat(v, 'f', -1, 64)`: `0.0000001`, `1000000`, `NaN`, `+Inf`, `-0`.
pub fn append_f(out: &mut impl Append, value: f64) {
    append_with(out, value, INTEGER_MAX, |out, abs| {
        if !append_as_printed(out, abs) {
            Digits::of(abs).append_plain(out);
        }
    });
}

/// Appends `value` in its shortest form as Go's `%g` and `%v`: with exponent
/// below 10⁻⁴ and from 10⁶ on, `1e+06`, else as [`append_f`].
pub fn append_g(out: &mut impl Append, value: f64) {
    append_with(out, value, 1e6, |out, abs| {
        if !((1e-4..1e6).contains(&abs) && append_as_printed(out, abs)) {
            Digits::of(abs).append_scientific(out);
        }
    });
}

/// Appends `value` as the HTTP API writes samples (inside its quotes): without
/// exponent, but with one below 10⁻⁶ and from 10²¹ on.
pub fn append_json(out: &mut impl Append, value: f64) {
    append_with(out, value, INTEGER_MAX, |out, abs| {
        if append_as_printed(out, abs) {
            return;
        }
        let digits = Digits::of(abs);
        if (1e-6..1e21).contains(&abs) { digits.append_plain(out) } else { digits.append_scientific(out) }
    });
}

/// Appends `value` as OpenMetrics writes `le` and `quantile`: as [`append_g`],
/// but with a point in it: `1.0`, `1e+06`.
pub fn append_openmetrics(out: &mut impl Append, value: f64) {
    // −0 loses its sign here, as upstream's does.
    let value = if value == 0.0 { 0.0 } else { value };
    append_g(out, value);
    if value.trunc() == value && value.abs() < 1e6 {
        out.append(".0");
    }
}

/// [`append_f`] into a string of its own.
pub fn format_f(value: f64) -> String {
    let mut out = String::with_capacity(24);
    append_f(&mut out, value);
    out
}

/// [`append_g`] into a string of its own.
pub fn format_g(value: f64) -> String {
    let mut out = String::with_capacity(24);
    append_g(&mut out, value);
    out
}

/// [`append_openmetrics`] into a string of its own.
pub fn format_openmetrics(value: f64) -> String {
    let mut out = String::with_capacity(24);
    append_openmetrics(&mut out, value);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testdata::rows;

    fn bits(value: &serde_json::Value) -> f64 {
        f64::from_bits(u64::from_str_radix(value.as_str().unwrap(), 16).unwrap())
    }

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for row in rows("parse") {
            let text = row[1].as_str().unwrap();
            match parse_float(text) {
                Ok(value) if value.is_nan() => assert!(bits(&row[2]).is_nan(), "{text}"),
                Ok(value) => assert_eq!(format!("{:016x}", value.to_bits()), row[2], "{text}"),
                Err(e) => assert_eq!(e.to_string(), row[3], "{text}"),
            }
        }
        assert_eq!(parse_float("NaN").unwrap().to_bits(), crate::value::NORMAL_NAN_BITS);
    }

    #[test]
    fn floats_are_printed_as_go_prints_them() {
        for row in rows("format") {
            let value = bits(&row[1]);
            let mut json = Vec::new();
            append_json(&mut json, value);
            let ours = [format_f(value), format_g(value), format_g(value), String::from_utf8(json).unwrap()];
            assert_eq!(&row[2..], ours, "{value:e}");
        }
    }

    #[test]
    fn openmetrics_floats_have_a_point_or_an_exponent() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "0.0"),
            (0.5, "0.5"),
            (-20.0, "-20.0"),
            (1e6, "1e+06"),
            (1234567.5, "1.2345675e+06"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(format_openmetrics(value), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            for text in [format_f(value), format_g(value)] {
                match parse_float(&text) {
                    Ok(back) => prop_assert_eq!(back.to_bits(), bits, "{}", text),
                    Err(e) => prop_assert!(false, "{e}"),
                }
            }
        }

        #[test]
        fn no_text_panics(text in "[-+]?(0[xX])?[0-9a-fA-F._pPeEinftyxX+-]{0,20}") {
            let _ = parse_float(&text);
            let _ = crate::duration::parse_duration(&text);
            let _ = crate::size::parse_size(&text);
        }
    }
}
