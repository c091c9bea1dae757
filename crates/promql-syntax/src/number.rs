//! Numbers and durations as queries write them.

use narthex_model::quote::quote;

/// Milliseconds that fit into 2⁶³ nanoseconds, upstream's widest duration.
pub(crate) const DURATION_MAX_MS: i64 = i64::MAX / 1_000_000;

/// Where the number that begins at byte `start` ends, and whether it is complete.
/// An incomplete one may still be the beginning of a duration.
///
/// `hex` allows `0x1F`.
pub(crate) fn scan_number(text: &[u8], start: usize, hex: bool) -> (usize, bool) {
    let at = |pos: usize| text.get(pos).copied();
    let mut pos = start;
    let hex = hex && at(pos) == Some(b'0') && matches!(at(pos + 1), Some(b'x' | b'X'));
    if hex {
        pos += 2;
        pos += usize::from(at(pos) == Some(b'_'));
    }
    // A leading point is not counted as the one point that is allowed: `.5.5`
    // gets through here and fails later, with the text for bad values.
    pos += usize::from(at(pos) == Some(b'.'));
    let (mut point, mut exponent) = (false, false);
    while let Some(byte) = at(pos) {
        let refused: &[u8] = match byte {
            b'0'..=b'9' => b"",
            b'a'..=b'f' | b'A'..=b'F' if hex => b"",
            b'.' if point || hex => return (pos + 1, false),
            b'.' => {
                point = true;
                b"_."
            }
            b'e' | b'E' if exponent => return (pos + 1, false),
            b'e' | b'E' => {
                exponent = true;
                pos += usize::from(matches!(at(pos + 1), Some(b'+' | b'-')));
                b"._eE"
            }
            b'_' if hex => b"._",
            b'_' => b"._eE",
            _ => break,
        };
        pos += 1;
        match at(pos) {
            Some(next) if refused.contains(&next) => return (pos + 1, false),
            None if refused.len() > 2 => return (pos, false),
            _ => {}
        }
    }
    let complete = pos > start && !at(pos).is_some_and(is_word_byte);
    (pos, complete)
}

/// Where the duration ends whose first digits end at byte `start`, and whether
/// it is one. Wrong units are found later, by [`parse_duration`].
pub(crate) fn scan_duration(text: &[u8], start: usize) -> (usize, bool) {
    let at = |pos: usize| text.get(pos).copied();
    let mut pos = start;
    let mut units: &[u8] = b"smhdwy";
    loop {
        if !at(pos).is_some_and(|b| units.contains(&b)) {
            return (pos, false);
        }
        pos += 1;
        pos += usize::from(at(pos) == Some(b's'));
        if !at(pos).is_some_and(|b| b.is_ascii_digit()) {
            break;
        }
        while at(pos).is_some_and(|b| b.is_ascii_digit()) {
            pos += 1;
        }
        units = b"smhdw";
    }
    match at(pos) {
        Some(byte) if is_word_byte(byte) => (pos + 1, false),
        _ => (pos, true),
    }
}

pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The value of a number: an integer with Go's base prefixes if it is one, else a float.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    let fail = |why: &str| Err(format!("error parsing number: strconv.ParseFloat: parsing {}: {why}", quote(text)));
    if !underscores_separate_digits(text) {
        return fail("invalid syntax");
    }
    let digits = text.replace('_', "");
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return match i64::from_str_radix(hex, 16) {
            Ok(value) => Ok(value as f64),
            Err(_) => fail("invalid syntax"),
        };
    }
    if digits.starts_with('0')
        && let Ok(octal) = i64::from_str_radix(&digits, 8)
    {
        return Ok(octal as f64);
    }
    match digits.parse::<f64>() {
        Ok(value) if value.is_infinite() && digits.starts_with(|c: char| !c.is_alphabetic()) => {
            fail("value out of range")
        }
        Ok(value) => Ok(value),
        Err(_) => fail("invalid syntax"),
    }
}

/// Whether each underscore stands between two digits or after a base prefix.
fn underscores_separate_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    (0..bytes.len()).filter(|&i| bytes[i] == b'_').all(|i| {
        let before = i > 0 && (bytes[i - 1].is_ascii_hexdigit() || (i == 2 && bytes[0] == b'0'));
        before && bytes.get(i + 1).is_some_and(u8::is_ascii_hexdigit)
    })
}

const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 60 * 60 * 1000),
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// A duration such as `1h30m` in milliseconds. `0` alone needs no unit.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("not a valid duration string: {}", quote(text));
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let mut rest = text;
    let mut total_ms: i64 = 0;
    let mut units_left = 0;
    while !rest.is_empty() {
        let number_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        if number_len == 0 {
            return Err(invalid());
        }
        let unit_len = rest[number_len..].bytes().take_while(|b| !b.is_ascii_digit()).count();
        let (number, unit) = (&rest[..number_len], &rest[number_len..number_len + unit_len]);
        rest = &rest[number_len + unit_len..];
        if unit.is_empty() {
            return Err(invalid());
        }
        let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("unknown unit {} in duration {}", quote(unit), quote(text)));
        };
        if index < units_left {
            return Err(invalid());
        }
        units_left = index + 1;
        total_ms = number
            .parse::<i64>()
            .ok()
            .and_then(|n| n.checked_mul(UNITS[index].1))
            .and_then(|ms| ms.checked_add(total_ms))
            .filter(|&ms| ms <= DURATION_MAX_MS)
            .ok_or_else(|| "duration out of range".to_owned())?;
    }
    Ok(total_ms)
}

/// Milliseconds as the shortest duration: `1h30m`, `-5m`, `0s`. Years and weeks
/// are used only for whole numbers of them, `90d` being easier to read than `12w6d`.
pub(crate) fn print_duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    if ms < 0 {
        out.push('-');
    }
    let mut rest = ms.unsigned_abs();
    for (index, (unit, unit_ms)) in UNITS.iter().enumerate() {
        let unit_ms = unit_ms.unsigned_abs();
        let whole_only = index < 2;
        let count = rest / unit_ms;
        if count == 0 || (whole_only && rest % unit_ms != 0) {
            continue;
        }
        out.push_str(&count.to_string());
        out.push_str(unit);
        rest -= count * unit_ms;
    }
    out
}

/// A float without exponent, in as few digits as tell it from all others.
pub(crate) fn print_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}

/// A float as Go's `%g` prints it: in the shortest digits, with an exponent when
/// that is below −4 or from 6 up.
pub(crate) fn print_float_g(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e').filter(|_| value.is_finite()) else {
        return print_float(value);
    };
    let exponent: i32 = exponent.parse().expect("`{:e}` prints a decimal exponent");
    if (-4..6).contains(&exponent) {
        return print_float(value);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_integers_with_base_prefix_first() {
        let cases = [
            ("010", 8.0),
            ("08", 8.0),
            ("0x_1F", 31.0),
            ("0xfe", 254.0),
            ("1_000.5", 1000.5),
            ("1e1_0", 1e10),
            (".5", 0.5),
            ("1.", 1.0),
        ];
        for (text, want) in cases {
            assert_eq!(scan_number(text.as_bytes(), 0, true), (text.len(), true), "{text}");
            assert_eq!(parse_number(text), Ok(want), "{text}");
        }
        assert_eq!(parse_number("Inf"), Ok(f64::INFINITY));
        assert!(parse_number("nan").unwrap().is_nan());
    }

    #[test]
    fn durations_are_whole_milliseconds() {
        for (text, ms) in [("5m", 300_000), ("1h30m", 5_400_000), ("1d2ms", 86_400_002), ("0", 0)] {
            assert_eq!(parse_duration(text), Ok(ms), "{text}");
        }
        for text in ["5", "m", "1m1h", "1y2y", "", "300y"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for (ms, text) in [
            (0, "0s"),
            (5_400_000, "1h30m"),
            (-300_000, "-5m"),
            (400 * 86_400_000, "400d"),
            (14 * 86_400_000, "2w"),
            (1, "1ms"),
        ] {
            assert_eq!(print_duration(ms), text);
        }
    }

    #[test]
    fn floats_print_as_go_prints_them() {
        for (value, plain, g) in [
            (1e6, "1000000", "1e+06"),
            (100_000.0, "100000", "100000"),
            (123_456.789, "123456.789", "123456.789"),
            (1e-5, "0.00001", "1e-05"),
            (-0.0, "-0", "-0"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
            (f64::NAN, "NaN", "NaN"),
        ] {
            assert_eq!(print_float(value), plain);
            assert_eq!(print_float_g(value), g);
        }
    }
}
