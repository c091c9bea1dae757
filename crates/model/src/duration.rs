//! Durations as upstream writes them: `1h30m` in configuration, flags and API,
//! and Go's `1m0s`, which some metrics carry in labels.

use std::fmt::Write;

use crate::quote::quote;

/// The units from large to small, with their milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 60 * 60 * 1000),
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// The longest duration, in milliseconds: upstream counts nanoseconds in 63 bits.
pub const DURATION_MAX_MS: i64 = i64::MAX / 1_000_000;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing at all.
    #[error("empty duration string")]
    Empty,
    /// Not of the form, or units not in decreasing order.
    #[error("not a valid duration string: {}", quote(.0))]
    Invalid(String),
    /// A unit that does not exist.
    #[error("unknown unit {} in duration {}", quote(.unit), quote(.text))]
    UnknownUnit {
        /// What stands in its place.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// Longer than about 292 years.
    #[error("duration out of range")]
    OutOfRange,
}

/// Parses `0`, or numbers with units from large to small (y w d h m s ms), into
/// milliseconds. Never negative.
///
/// # Errors
/// Upstream's texts.
///
/// Source: `ParseDuration` of Prometheus' `common/model`.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.into());
    match text {
        "0" => return Ok(0),
        "" => return Err(DurationError::Empty),
        _ => {}
    }
    let mut rest = text;
    let mut total_ms: i64 = 0;
    let mut units_used = 0;
    while !rest.is_empty() {
        let number_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(number_len);
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let unit_len = after.bytes().take_while(|b| !b.is_ascii_digit()).count();
        let (unit, after) = after.split_at(unit_len);
        if unit.is_empty() {
            return Err(invalid());
        }
        let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(DurationError::UnknownUnit { unit: unit.into(), text: text.into() });
        };
        if index < units_used {
            return Err(invalid());
        }
        units_used = index + 1;
        total_ms = i64::try_from(number)
            .ok()
            .and_then(|number| number.checked_mul(UNITS[index].1))
            .and_then(|ms| ms.checked_add(total_ms))
            .filter(|ms| *ms <= DURATION_MAX_MS)
            .ok_or(DurationError::OutOfRange)?;
        rest = after;
    }
    Ok(total_ms)
}

/// Milliseconds in upstream's form: `1h30m`, `-5m`, `0s`. Years and weeks appear
/// only when nothing remains below them: `90d`, not `12w6d`.
pub fn format_duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".into();
    }
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    let mut rest = ms.unsigned_abs();
    for (index, (unit, unit_ms)) in UNITS.iter().enumerate() {
        let unit_ms = unit_ms.unsigned_abs();
        let only_whole = index < 2;
        if rest < unit_ms || (only_whole && !rest.is_multiple_of(unit_ms)) {
            continue;
        }
        write!(out, "{}{unit}", rest / unit_ms).expect("writing to a String cannot fail");
        rest %= unit_ms;
    }
    out
}

/// Nanoseconds as Go prints a `time.Duration`: `1m0s`, `1.5s`, `250ms`, `0s`.
pub fn format_go_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let all = ns.unsigned_abs();
    match all {
        0 => "0s".into(),
        1..=999 => format!("{sign}{all}ns"),
        1_000..=999_999 => format!("{sign}{}µs", decimal(all, 3)),
        1_000_000..=999_999_999 => format!("{sign}{}ms", decimal(all, 6)),
        _ => {
            let (minutes, below) = (all / 60_000_000_000, all % 60_000_000_000);
            let seconds = decimal(below, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// `value` with the point before its last `places` digits, without trailing zeros.
fn decimal(value: u64, places: u32) -> String {
    let scale = 10_u64.pow(places);
    let (whole, fraction) = (value / scale, value % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0width$}", width = places as usize);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::rows;

    #[test]
    fn durations_are_upstreams() {
        for row in rows("duration") {
            let text = row[1].as_str().unwrap();
            match row[2].as_i64() {
                Some(ms) => {
                    assert_eq!(parse_duration(text), Ok(ms), "{text}");
                    assert_eq!(format_duration(ms), row[3], "{text}");
                }
                None => assert_eq!(parse_duration(text).unwrap_err().to_string(), row[3], "{text}"),
            }
        }
        assert_eq!(format_duration(-300_000), "-5m");
        assert!(format_duration(i64::MIN).starts_with('-'));
    }

    #[test]
    fn go_durations_are_gos() {
        for row in rows("go duration") {
            assert_eq!(format_go_duration(row[1].as_str().unwrap().parse().unwrap()), row[2]);
        }
    }
}
