//! Times and durations as requests write them, and times as answers show them.

use std::fmt::Write;

use narthex_model::duration;
use narthex_model::float::parse_float;
use narthex_model::quote::quote;

/// The first time a request can name, in milliseconds since the epoch.
pub(crate) const TIME_MIN_MS: i64 = (i64::MIN / 1000 + 62_135_596_801) * 1000;
/// The last one.
pub(crate) const TIME_MAX_MS: i64 = (i64::MAX / 1000 - 62_135_596_801) * 1000 + 999;

/// How these two are written; no other year has so many digits.
const TIME_MIN_TEXT: &str = "-292273086-05-16T16:47:06Z";
const TIME_MAX_TEXT: &str = "292277025-08-18T07:12:54.999999999Z";

/// A moment as Go holds it. Far away, counting wraps; at which point depends on
/// the unit that is counted in, and upstream uses two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    seconds: i64,
    /// 0 to 999,999,999.
    nanoseconds: i64,
}

impl Moment {
    pub(crate) fn from_ms(ms: i64) -> Moment {
        Moment { seconds: ms.div_euclid(1000), nanoseconds: ms.rem_euclid(1000) * 1_000_000 }
    }

    /// Seconds and nanoseconds, which may be any number of these.
    fn new(seconds: i64, nanoseconds: i64) -> Moment {
        let (more, nanoseconds) = (nanoseconds.div_euclid(1_000_000_000), nanoseconds.rem_euclid(1_000_000_000));
        Moment { seconds: seconds.wrapping_add(more), nanoseconds }
    }

    /// In milliseconds since the epoch, for everything but queries.
    pub(crate) fn timestamp_ms(self) -> i64 {
        self.seconds.wrapping_mul(1000).wrapping_add(self.nanoseconds / 1_000_000)
    }

    /// In milliseconds since the epoch, for queries: upstream comes to them by way
    /// of nanoseconds, so that they wrap after 292 years.
    pub(crate) fn query_ms(self) -> i64 {
        self.seconds.wrapping_mul(1_000_000_000).wrapping_add(self.nanoseconds) / 1_000_000
    }
}

/// A float as an integer, as Go converts it on amd64.
fn go_int(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) { value as i64 } else { i64::MIN }
}

/// Reads a time: seconds since the epoch with fractions (rounded to
/// milliseconds), or RFC 3339. What is infinite or no number is some time long ago.
///
/// # Errors
/// Upstream's text.
pub(crate) fn parse_moment(text: &str) -> Result<Moment, String> {
    if let Ok(seconds) = parse_float(text) {
        let whole = seconds.trunc();
        let fraction = ((seconds - whole) * 1000.0).round() / 1000.0;
        return Ok(Moment::new(go_int(whole), go_int(fraction * 1e9)));
    }
    parse_rfc3339(text)
        .or(match text {
            TIME_MIN_TEXT => Some(Moment::from_ms(TIME_MIN_MS)),
            TIME_MAX_TEXT => Some(Moment { nanoseconds: 999_999_999, ..Moment::from_ms(TIME_MAX_MS) }),
            _ => None,
        })
        .ok_or_else(|| format!("cannot parse {} to a valid timestamp", quote(text)))
}

/// `2006-01-02T15:04:05.999999999Z07:00`.
fn parse_rfc3339(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    let number = |from: usize, len: usize| -> Option<i64> {
        let digits = bytes.get(from..from + len)?;
        digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if !(is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':')) {
        return None;
    }
    let mut rest = &text[19..];
    let mut nanoseconds = 0;
    if let Some(after) = rest.strip_prefix('.') {
        let len = after.bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 {
            return None;
        }
        let digits = format!("{:0<9}", &after[..len]);
        nanoseconds = digits[..9].parse().ok()?;
        rest = &after[len..];
    }
    let offset_minutes = match rest.as_bytes() {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - 5;
            let (hours, minutes) = (number(at, 2)?, number(at + 3, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let minutes = hours * 60 + minutes;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let date = jiff::civil::Date::new(i16::try_from(year).ok()?, month as i8, day as i8).ok()?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = i64::from(date.since(epoch).ok()?.get_days());
    Some(Moment { seconds: ((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second, nanoseconds })
}

/// Reads a duration: seconds with fractions, or `1h30m`. In nanoseconds.
///
/// # Errors
/// Upstream's text.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = parse_float(text) {
        let ns = seconds * 1e9;
        if ns > i64::MAX as f64 || ns < i64::MIN as f64 {
            return Err(format!("cannot parse {} to a valid duration. It overflows int64", quote(text)));
        }
        return Ok(if ns.is_nan() { i64::MIN } else { ns as i64 });
    }
    duration::parse_duration(text)
        .map(|ms| ms.saturating_mul(1_000_000))
        .map_err(|_| format!("cannot parse {} to a valid duration", quote(text)))
}

/// The time as Go prints it in RFC 3339 with nanoseconds, in UTC.
pub(crate) fn format_utc(time_ns: i64) -> String {
    format(time_ns, &jiff::tz::TimeZone::UTC)
}

/// Likewise in the server's zone; `None` is Go's zero time.
pub(crate) fn format_local(time_ns: Option<i64>) -> String {
    match time_ns {
        Some(time_ns) => format(time_ns, &jiff::tz::TimeZone::system()),
        None => "0001-01-01T00:00:00Z".into(),
    }
}

fn format(time_ns: i64, zone: &jiff::tz::TimeZone) -> String {
    let timestamp =
        jiff::Timestamp::from_nanosecond(time_ns.into()).expect("63 bits of nanoseconds are in jiff's range");
    let zoned = timestamp.to_zoned(zone.clone());
    let (date, time) = (zoned.date(), zoned.time());
    let mut out = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.year(),
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    let fraction_ns = time.subsec_nanosecond();
    if fraction_ns != 0 {
        let digits = format!("{fraction_ns:09}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
    let offset_minutes = zoned.offset().seconds() / 60;
    if offset_minutes == 0 {
        out.push('Z');
    } else {
        let sign = if offset_minutes < 0 { '-' } else { '+' };
        let minutes = offset_minutes.abs();
        write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60).expect("writing to a String cannot fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_time(text: &str) -> Result<i64, String> {
        parse_moment(text).map(Moment::timestamp_ms)
    }

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        for (text, want) in [
            ("0", 0),
            ("1700000000.1234", 1_700_000_000_123),
            ("-1.5", -1500),
            ("1e3", 1_000_000),
            ("1970-01-01T00:00:01Z", 1000),
            ("2015-06-03T13:21:58.555Z", 1_433_337_718_555),
            ("2015-06-03T14:21:58.5559+01:00", 1_433_337_718_555),
            ("1969-12-31T23:59:59-00:30", 1_799_000),
            (TIME_MIN_TEXT, TIME_MIN_MS),
            (TIME_MAX_TEXT, TIME_MAX_MS),
        ] {
            assert_eq!(parse_time(text), Ok(want), "{text}");
        }
        for text in ["", "now", "2015-06-03", "2015-02-30T00:00:00Z", "2015-06-03T13:21:58", "2015-06-03T25:00:00Z"] {
            assert_eq!(parse_time(text), Err(format!("cannot parse {} to a valid timestamp", quote(text))));
        }
    }

    #[test]
    fn far_times_wrap_as_in_go() {
        for (text, want_ms, want_query_ms) in [
            ("NaN", -9_223_372_036_855, -9_223_372_036_854),
            ("-Inf", -9_223_372_036_855, -9_223_372_036_854),
            ("1e18", 3_875_820_019_684_212_736, -6_930_898_827_444),
            (TIME_MIN_TEXT, TIME_MIN_MS, 6_795_364_580_679),
            (TIME_MAX_TEXT, TIME_MAX_MS, -6_795_364_579_679),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000, -4_852_116_232_933),
            ("-0.0015", -2, -2),
            ("1969-12-31T23:59:59.9985Z", -2, -1),
        ] {
            let moment = parse_moment(text).unwrap();
            assert_eq!((moment.timestamp_ms(), moment.query_ms()), (want_ms, want_query_ms), "{text}");
        }
    }

    #[test]
    fn durations_are_seconds_or_prometheus_durations() {
        assert_eq!(parse_duration("1.5"), Ok(1_500_000_000));
        assert_eq!(parse_duration("1m30s"), Ok(90_000_000_000));
        assert_eq!(parse_duration("-1"), Ok(-1_000_000_000));
        assert_eq!(parse_duration("x"), Err("cannot parse \"x\" to a valid duration".into()));
        let far = parse_duration("1e20").unwrap_err();
        assert_eq!(far, "cannot parse \"1e20\" to a valid duration. It overflows int64");
    }

    #[test]
    fn times_print_as_in_go() {
        assert_eq!(format_utc(1_433_337_718_500_000_000), "2015-06-03T13:21:58.5Z");
        assert_eq!(format_utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(format_local(None), "0001-01-01T00:00:00Z");
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(-3));
        assert_eq!(format(1, &zone), "1969-12-31T21:00:00.000000001-03:00");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*", like in "[0-9T:Z.+-]{0,30}") {
            let _ = (parse_time(&text), parse_time(&like), parse_duration(&text));
        }

        #[test]
        fn what_is_printed_is_read_back(ms in -62_135_596_800_000..253_402_300_799_999_i64) {
            if let Some(ns) = ms.checked_mul(1_000_000) {
                prop_assert_eq!(parse_time(&format_utc(ns)), Ok(ms));
            }
        }
    }
}
