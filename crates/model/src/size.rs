//! Sizes in bytes as upstream writes them: `512MB` (which means MiB), `1GiB512MiB`.

use std::fmt::Write;

const PREFIXES: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not of the form.
    #[error("units: invalid {0}")]
    Invalid(String),
    /// A unit that does not exist; `1024` alone has the unit "".
    #[error("units: unknown unit {unit} in {text}")]
    UnknownUnit {
        /// What stands in its place.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// More than 63 bits of bytes.
    #[error("units: overflow parsing unit")]
    Overflow,
}

/// Parses `0`, or numbers with units, into bytes. The units are `B` and either
/// all of `KiB … EiB` or all of `KB … EB`; both count in 1024.
///
/// # Errors
/// Upstream's texts.
///
/// Source: `ParseBase2Bytes` of `alecthomas/units`.
pub fn parse_size(text: &str) -> Result<i64, SizeError> {
    parse_with(text, "iB").or_else(|_| parse_with(text, "B"))
}

fn parse_with(text: &str, suffix: &str) -> Result<i64, SizeError> {
    let invalid = || SizeError::Invalid(text.into());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let whole_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(whole_len);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(after.bytes().take_while(u8::is_ascii_digit).count()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let mut number = if whole.is_empty() { 0.0 } else { whole.parse::<i64>().map_err(|_| invalid())? as f64 };
        if !fraction.is_empty() {
            let digits = fraction.parse::<i64>().map_err(|_| invalid())? as f64;
            number += digits / 10_f64.powi(fraction.len() as i32);
        }
        let unit_len = after.bytes().take_while(|b| *b != b'.' && !b.is_ascii_digit()).count();
        let (unit, after) = after.split_at(unit_len);
        total += number
            * factor(unit, suffix).ok_or_else(|| SizeError::UnknownUnit { unit: unit.into(), text: text.into() })?;
        rest = after;
    }
    if total > i64::MAX as f64 {
        return Err(SizeError::Overflow);
    }
    Ok(if negative { -total as i64 } else { total as i64 })
}

fn factor(unit: &str, suffix: &str) -> Option<f64> {
    if unit == "B" {
        return Some(1.0);
    }
    let prefix = unit.strip_suffix(suffix)?;
    let power = PREFIXES.iter().skip(1).position(|known| *known == prefix)? as i32 + 1;
    Some(1024_f64.powi(power))
}

/// Bytes in upstream's form: `512MiB`, `1KiB512B`, `0B`.
pub fn format_size(bytes: i64) -> String {
    if bytes == 0 {
        return "0B".into();
    }
    let mut parts = Vec::new();
    let mut rest = bytes;
    for (index, prefix) in PREFIXES.iter().enumerate() {
        if rest == 0 {
            break;
        }
        // The last prefix takes all that is left, which is below 1024.
        if rest % 1024 != 0 {
            parts.push((rest % 1024, prefix, if index == 0 { "B" } else { "iB" }));
        }
        rest /= 1024;
    }
    let mut out = String::new();
    for (number, prefix, suffix) in parts.iter().rev() {
        write!(out, "{number}{prefix}{suffix}").expect("writing to a String cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::rows;

    #[test]
    fn sizes_are_upstreams() {
        for row in rows("size") {
            let text = row[1].as_str().unwrap();
            match row[2].as_str() {
                Some(bytes) => {
                    let bytes = bytes.parse().unwrap();
                    assert_eq!(parse_size(text), Ok(bytes), "{text}");
                    assert_eq!(format_size(bytes), row[3], "{text}");
                }
                None => assert_eq!(parse_size(text).unwrap_err().to_string(), row[3], "{text}"),
            }
        }
    }
}
