//! Where numbers and durations end, and what numbers say.

use narthex_model::float::parse_float;

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
/// it is one. Wrong units are found later, by [`parse_duration`](narthex_model::duration::parse_duration).
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
    let parsed = parse_float(text);
    if text.starts_with('0') {
        let digits = text.replace('_', "");
        let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        // A misplaced underscore would have kept the digits from being a float,
        // for hexadecimal ones with the exponent they lack.
        let well_formed = parsed.is_ok() || (hex.is_some() && parse_float(&format!("{text}p0")).is_ok());
        let integer = match hex {
            Some(hex) => i64::from_str_radix(hex, 16),
            None => i64::from_str_radix(&digits, 8),
        };
        if let Some(integer) = integer.ok().filter(|_| well_formed) {
            return Ok(integer as f64);
        }
    }
    parsed.map_err(|error| format!("error parsing number: {error}"))
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
}
