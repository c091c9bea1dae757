//! Numbers as the text formats write them and Go reads them.

/// What Go's `strconv` would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberError {
    Unsupported,
    Syntax,
    Range,
}

/// Reads a number by the rules of Go's `ParseFloat`, hexadecimal digits and
/// underscores refused. Every NaN comes out with upstream's bits.
pub(crate) fn parse_float(text: &[u8]) -> Result<f64, NumberError> {
    if text.iter().any(|byte| matches!(byte, b'p' | b'P' | b'_')) {
        return Err(NumberError::Unsupported);
    }
    let value: f64 = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(NumberError::Syntax)?;
    if value.is_nan() {
        // Go takes no sign here; Rust does.
        return if text.len() == 3 { Ok(narthex_model::value::NORMAL_NAN) } else { Err(NumberError::Syntax) };
    }
    if value.is_infinite() && text.iter().any(u8::is_ascii_digit) {
        return Err(NumberError::Range);
    }
    Ok(value)
}

/// The powers of ten that are exact in a float.
const POW10: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
const POW10_INT: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// So many digits always fit a `u64`.
const DIGITS_MAX: usize = 19;

/// Appends the digits at the start of `bytes` to `number`, eight at a time, and
/// says how many there were. From [`DIGITS_MAX`] digits in all on, `number` is wrong.
#[inline(always)]
fn digits(bytes: &[u8], number: &mut u64) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes")) ^ 0x3030_3030_3030_3030;
        // The high bit of each byte that is no digit; exact up to the first.
        let others = (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
        let count = (others.trailing_zeros() / 8) as usize;
        if count == 0 {
            return at;
        }
        // The digits moved to the end, zeros before them.
        let word = word << (64 - 8 * count as u32);
        let pairs = (word.wrapping_mul(10) + (word >> 8)) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
        let eight = (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff;
        *number = number.wrapping_mul(POW10_INT[count]).wrapping_add(eight);
        at += count;
        if count < 8 {
            return at;
        }
    }
    while let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        *number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        at += 1;
    }
    at
}

/// Reads a plain decimal number at the start of `bytes` and says how many bytes
/// it takes. `None` when it is not one whose value follows exactly from one
/// multiplication or division; [`parse_float`] then decides.
#[inline]
pub(crate) fn scan_decimal(bytes: &[u8]) -> Option<(f64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let mut number = 0u64;
    let mut count = digits(&bytes[at..], &mut number);
    if count == 0 {
        return None;
    }
    at += count;
    let mut exponent = 0i32;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(&bytes[at + 1..], &mut number);
        at += 1 + fraction;
        count += fraction;
        exponent = -(fraction as i32);
    }
    if count > DIGITS_MAX {
        return None;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = bytes.get(at + 1).filter(|byte| matches!(byte, b'+' | b'-'));
        at += 1 + usize::from(sign.is_some());
        let mut power = 0;
        let count = digits(&bytes[at..], &mut power);
        if count == 0 || count > 3 {
            return None;
        }
        at += count;
        exponent += if sign == Some(&b'-') { -(power as i32) } else { power as i32 };
    }
    let value = if exponent == 0 {
        number as f64
    } else if number > 1 << 53 {
        return None;
    } else if exponent < 0 {
        number as f64 / POW10.get(exponent.unsigned_abs() as usize)?
    } else {
        number as f64 * POW10.get(exponent as usize)?
    };
    Some((if negative { -value } else { value }, at))
}

/// Reads digits as Go's `ParseInt` would.
pub(crate) fn parse_int(text: &[u8]) -> Result<i64, NumberError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(NumberError::Range)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, want) in [
            ("1", 1.0),
            ("+1", 1.0),
            ("-0", -0.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e+06", 1e6),
            ("1E5", 1e5),
            ("00012", 12.0),
            ("1e-999", 0.0),
            ("Inf", f64::INFINITY),
            ("+inf", f64::INFINITY),
            ("-iNfInItY", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_float(text.as_bytes()).map(f64::to_bits), Ok(want.to_bits()), "{text}");
        }
        for text in ["nan", "NaN", "NAN"] {
            assert_eq!(parse_float(text.as_bytes()).map(f64::to_bits), Ok(0x7ff8_0000_0000_0001), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in ["", ".", "1e", "++1", "-nan", "+NaN", "infin", "0x10", "1,2", "1.2.3", "1\r", "\u{e4}"] {
            assert_eq!(parse_float(text.as_bytes()), Err(NumberError::Syntax), "{text}");
        }
        for text in ["1e999", "-1e400"] {
            assert_eq!(parse_float(text.as_bytes()), Err(NumberError::Range), "{text}");
        }
        for text in ["1_0", "0x1p3", "P"] {
            assert_eq!(parse_float(text.as_bytes()), Err(NumberError::Unsupported), "{text}");
        }
    }

    fn check(text: &str) {
        for tail in ["", " ", "\n", "\n9999999999", ",88888888"] {
            let line = format!("{text}{tail}");
            if let Some((value, len)) = scan_decimal(line.as_bytes()) {
                assert_eq!(&line[..len], text, "in {line:?}");
                assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "in {line:?}");
            }
        }
    }

    #[test]
    fn the_quick_way_reads_ordinary_numbers() {
        for text in ["0", "-0", "7", "12345678", "123456789", "1700000000123", "0.25", "1.5e+06", "1e-05", "-3.14159"] {
            assert!(scan_decimal(text.as_bytes()).is_some(), "{text}");
            check(text);
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_agrees(value in proptest::num::f64::NORMAL, int in any::<i64>()) {
            check(&value.to_string());
            check(&format!("{value:e}"));
            check(&int.to_string());
        }

        #[test]
        fn the_quick_way_agrees_on_digits(text in "-?[0-9]{1,21}(\\.[0-9]{0,20})?(e[+-]?[0-9]{1,3})?") {
            check(&text);
        }
    }
}
