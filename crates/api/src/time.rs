//! Times and durations as parameters, times as answers.

use jiff::Timestamp;
use narthex_model::duration::parse_duration;
use narthex_model::float::parse_float;
use narthex_model::quote::quote;

/// The earliest and latest times that clients may name, as Go prints them.
const MIN_TIME: (&str, i64) = ("-292273086-05-16T16:47:06Z", i64::MIN);
const MAX_TIME: (&str, i64) = ("292277025-08-18T07:12:54.999999999Z", i64::MAX);

/// A time in milliseconds: float seconds or RFC 3339.
///
/// # Errors
/// Upstream's text.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = parse_float(text) {
        return Ok((seconds * 1000.0).round() as i64);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    for (name, ms) in [MIN_TIME, MAX_TIME] {
        if text == name {
            return Ok(ms);
        }
    }
    Err(format!("cannot parse {} to a valid timestamp", quote(text)))
}

/// A duration in milliseconds: float seconds or a Prometheus duration.
///
/// # Errors
/// Upstream's text.
pub(crate) fn parse_duration_param(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = parse_float(text) {
        let ns = seconds * 1e9;
        if ns > i64::MAX as f64 || ns < i64::MIN as f64 || ns.is_nan() {
            return Err(format!("cannot parse {} to a valid duration. It overflows int64", quote(text)));
        }
        return Ok((ns / 1e6) as i64);
    }
    parse_duration(text).map_err(|_| format!("cannot parse {} to a valid duration", quote(text)))
}

/// A time as Go's RFC3339Nano in UTC; `None` is Go's zero time.
pub(crate) fn rfc3339_utc(ns: Option<i64>) -> String {
    let Some(ns) = ns else { return ZERO_TIME.into() };
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| ZERO_TIME.into(), |time| time.to_string())
}

/// A time as Go's RFC3339Nano in this machine's zone; `None` is Go's zero time.
pub(crate) fn rfc3339_local(ns: Option<i64>) -> String {
    let Some(time) = ns.and_then(|ns| Timestamp::from_nanosecond(i128::from(ns)).ok()) else { return ZERO_TIME.into() };
    let zoned = time.to_zoned(jiff::tz::TimeZone::system());
    if zoned.offset().is_zero() { time.to_string() } else { zoned.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string() }
}

const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        assert_eq!(parse_time("1.5004"), Ok(1500));
        assert_eq!(parse_time("1970-01-01T00:00:02.5Z"), Ok(2500));
        assert_eq!(parse_time("1970-01-01T01:00:00+01:00"), Ok(0));
        assert_eq!(parse_time(MIN_TIME.0), Ok(i64::MIN));
        assert_eq!(parse_time(""), Err("cannot parse \"\" to a valid timestamp".into()));
    }

    #[test]
    fn durations_are_seconds_or_prometheus_durations() {
        assert_eq!(parse_duration_param("1.5"), Ok(1500));
        assert_eq!(parse_duration_param("1h30m"), Ok(5_400_000));
        assert_eq!(parse_duration_param("x"), Err("cannot parse \"x\" to a valid duration".into()));
        assert_eq!(
            parse_duration_param("1e30"),
            Err("cannot parse \"1e30\" to a valid duration. It overflows int64".into())
        );
    }

    #[test]
    fn answers_print_times_as_go() {
        assert_eq!(rfc3339_utc(Some(1_500_000_000)), "1970-01-01T00:00:01.5Z");
        assert_eq!(rfc3339_utc(None), ZERO_TIME);
    }
}
