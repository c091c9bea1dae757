//! What a plain scalar means by the rules of YAML 1.1, as go-yaml has them.

/// The meaning of a scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'d> {
    /// Nothing: empty, `~`, `null`.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites, in three casings.
    Bool(bool),
    /// An integer, decimal, octal, hexadecimal or binary. The range is that of
    /// `i64` and `u64` together.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A date or a point in time; its text.
    Timestamp(&'d str),
    /// Everything else.
    Text(&'d str),
}

impl Scalar<'_> {
    /// The short tag that go-yaml's messages give it.
    pub fn tag(&self) -> &'static str {
        match self {
            Scalar::Null => "!!null",
            Scalar::Bool(_) => "!!bool",
            Scalar::Int(_) => "!!int",
            Scalar::Float(_) => "!!float",
            Scalar::Timestamp(_) => "!!timestamp",
            Scalar::Text(_) => "!!str",
        }
    }
}

/// What the plain scalar `text` with the short tag `tag` (`""` for none) means.
pub fn resolve<'d>(tag: &str, text: &'d str) -> Scalar<'d> {
    match tag {
        "!!str" | "!!binary" => return Scalar::Text(text),
        "!!null" => return Scalar::Null,
        _ => {}
    }
    let scalar = resolve_untagged(text);
    match (tag, scalar) {
        ("!!float", Scalar::Int(int)) => Scalar::Float(int as f64),
        (_, scalar) => scalar,
    }
}

fn resolve_untagged(text: &str) -> Scalar<'_> {
    let Some(&first) = text.as_bytes().first() else { return Scalar::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => match text {
            "~" | "null" | "Null" | "NULL" => Scalar::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
            _ => Scalar::Text(text),
        },
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Scalar::Float(f64::INFINITY),
            _ => decimal_float(text).map_or(Scalar::Text(text), Scalar::Float),
        },
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Scalar::Text(text),
    }
}

fn number(text: &str) -> Scalar<'_> {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ if is_timestamp(text) => return Scalar::Timestamp(text),
        _ => {}
    }
    let digits = text.replace('_', "");
    if let Some(int) = integer(&digits) {
        return Scalar::Int(int);
    }
    decimal_float(&digits).map_or(Scalar::Text(text), Scalar::Float)
}

/// An integer as Go's `ParseInt` with base 0 reads it.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|b| (b as char).is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    // An unsigned text may go up to u64, a signed one only to i64.
    let value = if negative { -magnitude } else { magnitude };
    let limit = if text.starts_with(['+', '-']) { i128::from(i64::MAX) } else { i128::from(u64::MAX) };
    (i128::from(i64::MIN)..=limit).contains(&value).then_some(value)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn decimal_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && (fraction.is_empty() || all_digits(fraction)),
        None => all_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|e| all_digits(e.strip_prefix(['+', '-']).unwrap_or(e)));
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    // Go refuses what overflows; such a scalar is a text then.
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Whether go-yaml takes `text` for a time: a date, alone or followed by `T`,
/// `t` or blanks and a time of day.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    if !(digit(0) && digit(1) && digit(2) && digit(3) && bytes.get(4) == Some(&b'-')) {
        return false;
    }
    let mut parts = text[5..].splitn(2, '-');
    let (Some(month), Some(rest)) = (parts.next(), parts.next()) else { return false };
    let day_len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (day, rest) = rest.split_at(day_len);
    let in_range = |part: &str, max: u8| {
        (1..=2).contains(&part.len()) && part.parse::<u8>().is_ok_and(|value| (1..=max).contains(&value))
    };
    if !in_range(month, 12) || !in_range(day, 31) {
        return false;
    }
    if rest.is_empty() {
        return month.len() == 2 && day.len() == 2;
    }
    let time = rest.trim_start_matches([' ', '\t', 'T', 't']);
    time.len() < rest.len()
        && time.len() >= 5
        && time.contains(':')
        && time.bytes().next().is_some_and(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Scalar<'_>) {
        assert_eq!(resolve("", text), want, "{text}");
    }

    #[test]
    fn booleans_are_those_of_yaml_1_1() {
        for text in ["y", "Yes", "TRUE", "on", "On"] {
            check(text, Scalar::Bool(true));
        }
        for text in ["n", "NO", "false", "Off"] {
            check(text, Scalar::Bool(false));
        }
        check("yEs", Scalar::Text("yEs"));
    }

    #[test]
    fn numbers_take_underscores_and_prefixes() {
        for (text, want) in [
            ("1_000", 1000),
            ("0x1F", 31),
            ("017", 15),
            ("0o17", 15),
            ("0b101", 5),
            ("-12", -12),
            ("+3", 3),
            ("18446744073709551615", u64::MAX.into()),
            ("-9223372036854775808", i64::MIN.into()),
        ] {
            check(text, Scalar::Int(want));
        }
        check("08", Scalar::Float(8.0));
        check("1e3", Scalar::Float(1000.0));
        check("-.inf", Scalar::Float(f64::NEG_INFINITY));
        check(".5", Scalar::Float(0.5));
        check("1.", Scalar::Float(1.0));
        for text in ["1:30", "0x", "1e", "5m", "--1", "18446744073709551616x", "1.2.3.4"] {
            check(text, Scalar::Text(text));
        }
    }

    #[test]
    fn times_and_nothing() {
        check("2020-01-02", Scalar::Timestamp("2020-01-02"));
        check("2020-1-2T03:04:05Z", Scalar::Timestamp("2020-1-2T03:04:05Z"));
        check("2020-13-02", Scalar::Text("2020-13-02"));
        for text in ["", "~", "null", "NULL"] {
            check(text, Scalar::Null);
        }
    }
}
