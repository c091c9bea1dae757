//! Floats as Go prints them.

use std::io::Write;

/// Longest: `-1.7976931348623157e308`, written by Rust without the exponent's sign and zero.
const DIGITS_MAX: usize = 32;

/// Appends `value` as Go's `strconv.FormatFloat(value, 'g', -1, 64)` prints it:
/// the shortest digits that read back; exponent form, with a sign and at least two
/// digits, when the decimal exponent is below -4 or above 5; `NaN`, `+Inf`, `-Inf`.
pub fn write_float(out: &mut String, value: f64) {
    if !value.is_finite() {
        out.push_str(if value.is_nan() { "NaN" } else { ["+Inf", "-Inf"][usize::from(value < 0.0)] });
        return;
    }
    let mut buffer = [0u8; DIGITS_MAX];
    let len = {
        let mut rest = &mut buffer[..];
        write!(rest, "{value:e}").expect("no float takes more than 25 bytes");
        DIGITS_MAX - rest.len()
    };
    let text = std::str::from_utf8(&buffer[..len]).expect("numbers are ASCII");
    let (mantissa, exponent) = text.split_once('e').expect("asked for an exponent");
    let exponent: i32 = exponent.parse().expect("Rust writes an integer");
    if !(-4..=5).contains(&exponent) {
        out.push_str(mantissa);
        out.push_str(if exponent < 0 { "e-" } else { "e+" });
        if exponent.abs() < 10 {
            out.push('0');
        }
        push_display(out, exponent.abs());
        return;
    }
    // Rust's plain form has the same shortest digits.
    push_display(out, value);
}

fn push_display(out: &mut String, value: impl std::fmt::Display) {
    use std::fmt::Write;
    write!(out, "{value}").expect("writing to a String cannot fail");
}

/// Appends `value` as OpenMetrics writes it: as [`write_float`], with `.0` where
/// that would look like an integer; zero has no sign.
pub fn write_openmetrics_float(out: &mut String, value: f64) {
    let from = out.len();
    write_float(out, if value == 0.0 { 0.0 } else { value });
    if value.is_finite() && !out[from..].contains(['.', 'e']) {
        out.push_str(".0");
    }
}

/// `value` as OpenMetrics writes it, in a string of its own.
pub fn openmetrics_float(value: f64) -> String {
    let mut out = String::new();
    write_openmetrics_float(&mut out, value);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn go(value: f64) -> String {
        let mut out = String::new();
        write_float(&mut out, value);
        out
    }

    #[test]
    fn prints_as_go() {
        for (value, want) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (100000.0, "100000"),
            (1e6, "1e+06"),
            (1234567.0, "1.234567e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (9007199254740992.0, "9.007199254740992e+15"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(go(value), want);
        }
    }

    #[test]
    fn openmetrics_shows_that_it_is_a_float() {
        for (value, want) in [(17.0, "17.0"), (1e6, "1e+06"), (0.5, "0.5"), (-0.0, "0.0"), (f64::INFINITY, "+Inf")] {
            assert_eq!(openmetrics_float(value), want);
        }
    }

    proptest! {
        #[test]
        fn reads_back(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(go(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}
