//! Names of blocks.

use std::fmt;
use std::str::FromStr;

use narthex_env::Random;

/// 48 bits of milliseconds since the epoch and 80 random bits, written as 26
/// digits of Crockford's base 32, so that names sort by time of creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(u128);

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LEN: usize = 26;

/// A text that is no ULID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ulid: bad data size or character when unmarshaling {0:?}")]
pub struct UlidError(String);

impl Ulid {
    /// The all-zero name, which upstream gives the parent of late data.
    pub const ZERO: Ulid = Ulid(0);

    /// A new name for a block made at `now_ms`.
    pub fn new(now_ms: i64, random: &Random) -> Ulid {
        let high = u128::from(now_ms.max(0) as u64 & ((1 << 48) - 1)) << 80;
        let low = u128::from(random.u64()) | u128::from(random.u64() & 0xffff) << 64;
        Ulid(high | low)
    }

    /// When it was made, in milliseconds since the epoch.
    pub fn created_ms(self) -> i64 {
        (self.0 >> 80) as i64
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |i: usize| DIGITS[(self.0 >> (5 * (LEN - 1 - i))) as usize & 31];
        let text: [u8; LEN] = std::array::from_fn(digit);
        f.write_str(std::str::from_utf8(&text).expect("the digits are ASCII"))
    }
}

impl FromStr for Ulid {
    type Err = UlidError;

    fn from_str(text: &str) -> Result<Ulid, UlidError> {
        let bad = || UlidError(text.to_owned());
        // 26 digits hold 130 bits; the first is at most 7.
        if text.len() != LEN || text.as_bytes()[0] > b'7' {
            return Err(bad());
        }
        let mut value = 0u128;
        for byte in text.bytes() {
            let digit = DIGITS.iter().position(|&d| d == byte.to_ascii_uppercase()).ok_or_else(bad)?;
            value = value << 5 | digit as u128;
        }
        Ok(Ulid(value))
    }
}

impl serde::Serialize for Ulid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Ulid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Ulid, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for text in ["01BZJ9WJQPWHGNC2W4J9TA62KC", "00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
            assert_eq!(text.parse::<Ulid>().unwrap().to_string(), text);
        }
        for text in ["", "01BZJ9WJQPWHGNC2W4J9TA62K", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01BZJ9WJQPWHGNC2W4J9TA62KU"] {
            assert!(text.parse::<Ulid>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_sort_by_time() {
        let random = Random::from_seed(1);
        let (a, b) = (Ulid::new(1_700_000_000_000, &random), Ulid::new(1_700_000_000_001, &random));
        assert!(a < b && a.to_string() < b.to_string());
        assert_eq!(a.created_ms(), 1_700_000_000_000);
    }
}
