//! Functions of single floats: `abs`, `ln`, `clamp`, `year` …

use crate::math::{self, hyperbolic};

/// The function called `name` that takes one float and nothing else: `abs` … `tanh`,
/// `deg`, `rad`, `sgn`, the logarithms.
pub fn float_function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => math::exp,
        "sqrt" => f64::sqrt,
        "ln" => math::log,
        "log2" => math::log2,
        "log10" => math::log10,
        "sgn" => sgn,
        "deg" => |v| v * 180.0 / std::f64::consts::PI,
        "rad" => |v| v * std::f64::consts::PI / 180.0,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => hyperbolic::sinh,
        "cosh" => hyperbolic::cosh,
        "tanh" => f64::tanh,
        "asinh" => hyperbolic::asinh,
        "acosh" => hyperbolic::acosh,
        "atanh" => f64::atanh,
        _ => return None,
    })
}

/// The date function called `name`; it takes seconds since the epoch, in UTC.
pub fn date_function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |v| (in_day(v) / 60 % 60) as f64,
        "hour" => |v| (in_day(v) / 3600) as f64,
        "day_of_week" => |v| (days(v) + 4).rem_euclid(7) as f64,
        "day_of_month" => |v| date(v).day as f64,
        "day_of_year" => |v| date(v).day_of_year() as f64,
        "days_in_month" => |v| date(v).days_in_month() as f64,
        "month" => |v| date(v).month as f64,
        "year" => |v| date(v).year as f64,
        _ => return None,
    })
}

/// −1, 0 or 1 by the sign; zeros of either sign and NaN stay as they are.
fn sgn(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// `clamp`: the value, but not below `low` and not above `high`. The caller sees to
/// it that an empty range gives nothing.
pub fn clamp(value: f64, low: f64, high: f64) -> f64 {
    math::go_max(low, math::go_min(high, value))
}

/// `round`: the nearest multiple of `to`, halves upwards.
pub fn round(value: f64, to: f64) -> f64 {
    // Upstream multiplies by the inverse because 0.1 is not exact but 10 is.
    let inverse = 1.0 / to;
    (value * inverse + 0.5).floor() / inverse
}

const SECONDS_PER_DAY: i64 = 86_400;

/// Whole seconds, fractions cut off.
fn seconds(value: f64) -> i128 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    // What does not fit into 64 bits, NaN included, becomes the least number on
    // amd64, and Go's calendar, which counts without sign, takes that for 2^63.
    if (-LIMIT..LIMIT).contains(&value) { value as i128 } else { 1 << 63 }
}

fn days(value: f64) -> i64 {
    seconds(value).div_euclid(i128::from(SECONDS_PER_DAY)) as i64
}

fn in_day(value: f64) -> i64 {
    seconds(value).rem_euclid(i128::from(SECONDS_PER_DAY)) as i64
}

fn date(value: f64) -> CivilDate {
    CivilDate::of_unix_days(days(value))
}

/// A day in the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilDate {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

/// Days in 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 1 March of year 0 to 1 January 1970.
const EPOCH_DAYS: i64 = 719_468;

impl CivilDate {
    /// The day that holds a time, in UTC. Works for all 64-bit times.
    pub fn of_unix_seconds(seconds: i64) -> CivilDate {
        CivilDate::of_unix_days(seconds.div_euclid(SECONDS_PER_DAY))
    }

    /// The day so many days after 1 January 1970.
    fn of_unix_days(days: i64) -> CivilDate {
        // Years are counted from March, so that the leap day comes last.
        let days = days + EPOCH_DAYS;
        let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months from March have 31, 30, 31, 30, 31 days, and again.
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        CivilDate { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
    }

    fn is_leap_year(&self) -> bool {
        self.year.rem_euclid(4) == 0 && (self.year.rem_euclid(100) != 0 || self.year.rem_euclid(400) == 0)
    }

    fn days_in_month(&self) -> i64 {
        match self.month {
            2 => 28 + i64::from(self.is_leap_year()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// From 1.
    fn day_of_year(&self) -> i64 {
        const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let leap_day = i64::from(self.month > 2 && self.is_leap_year());
        DAYS_BEFORE[(self.month - 1) as usize] + leap_day + self.day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_date(seconds: f64, want: [(&str, f64); 4]) {
        for (name, want) in want {
            let function = date_function(name).expect("a date function");
            assert_eq!(function(seconds), want, "{name}({seconds})");
        }
    }

    #[test]
    fn dates_are_of_the_gregorian_calendar_in_utc() {
        check_date(0.0, [("year", 1970.0), ("month", 1.0), ("day_of_month", 1.0), ("day_of_week", 4.0)]);
        check_date(-1.0, [("year", 1969.0), ("month", 12.0), ("hour", 23.0), ("minute", 59.0)]);
        // 2016-02-29T23:59:59Z
        check_date(
            1456790399.9,
            [("day_of_month", 29.0), ("days_in_month", 29.0), ("day_of_year", 60.0), ("month", 2.0)],
        );
        // 2024-12-31T00:00:00Z
        check_date(1735603200.0, [("day_of_year", 366.0), ("days_in_month", 31.0), ("month", 12.0), ("hour", 0.0)]);
        // 1900 was no leap year.
        check_date(-2203891200.0, [("day_of_month", 1.0), ("month", 3.0), ("year", 1900.0), ("day_of_year", 60.0)]);
    }

    #[test]
    fn times_beyond_64_bits_are_where_go_puts_them() {
        for value in [f64::NAN, f64::INFINITY] {
            check_date(
                value,
                [("year", 292_277_026_596.0), ("month", 12.0), ("day_of_month", 4.0), ("day_of_week", 0.0)],
            );
            check_date(value, [("day_of_year", 339.0), ("hour", 15.0), ("minute", 30.0), ("days_in_month", 31.0)]);
        }
        check_date(-1e18, [("year", -31_688_736_537.0), ("month", 3.0), ("day_of_month", 10.0), ("day_of_week", 2.0)]);
    }

    #[test]
    fn fractions_of_seconds_are_cut_towards_zero() {
        check_date(-0.5, [("year", 1970.0), ("month", 1.0), ("hour", 0.0), ("minute", 0.0)]);
    }

    #[test]
    fn rounding_goes_half_up_and_to_multiples() {
        assert_eq!(round(-2.5, 1.0), -2.0);
        assert_eq!(round(2.5, 1.0), 3.0);
        assert_eq!(round(0.25, 0.1), 0.3);
        assert_eq!(round(123.0, 10.0), 120.0);
    }

    #[test]
    fn clamping_keeps_nan() {
        assert_eq!(clamp(5.0, 1.0, 3.0), 3.0);
        assert_eq!(clamp(-5.0, 1.0, 3.0), 1.0);
        assert!(clamp(f64::NAN, 1.0, 3.0).is_nan());
        assert_eq!(clamp(f64::NEG_INFINITY, f64::NEG_INFINITY, 3.0), f64::NEG_INFINITY);
    }

    #[test]
    fn signs_keep_zeros_and_nan() {
        assert_eq!(sgn(-0.0).to_bits(), (-0.0_f64).to_bits());
        assert!(sgn(f64::NAN).is_nan());
        assert_eq!((sgn(-3.0), sgn(3.0)), (-1.0, 1.0));
    }
}
