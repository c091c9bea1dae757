//! A quick keyed hash over the bytes of a line.

/// Hashes the text of a series or of a comment line, eight bytes at a time.
///
/// The key comes from the caller's random source: a target that does not know
/// it cannot make two texts collide. Not for storage: values may change between
/// versions.
#[derive(Clone, Copy, Debug)]
pub struct SeriesHasher {
    key: [u64; 2],
}

/// Odd constants with as many ones as zeros, from the fraction of pi.
const PI: [u64; 3] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1];

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[inline(always)]
fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("a slice of eight bytes"))
}

impl SeriesHasher {
    /// A hasher with this key.
    pub fn new(key: [u64; 2]) -> SeriesHasher {
        SeriesHasher { key: [fold(key[0] ^ PI[0], PI[1]) ^ key[1], fold(key[1] ^ PI[2], PI[0]) ^ key[0]] }
    }

    /// The hash of `bytes`; texts of different length differ in it too.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let [k0, k1] = self.key;
        let mut state = k0 ^ (bytes.len() as u64).wrapping_mul(PI[1]);
        let mut rest = bytes;
        while rest.len() > 16 {
            state = fold(word(rest) ^ state, word(&rest[8..]) ^ k1);
            rest = &rest[16..];
        }
        // The last up to sixteen bytes, as two words that may overlap.
        let (a, b) = match rest.len() {
            8..=16 => (word(rest), word(&rest[rest.len() - 8..])),
            4..=7 => {
                let half = |s: &[u8]| u64::from(u32::from_le_bytes(s[..4].try_into().expect("four bytes")));
                (half(rest), half(&rest[rest.len() - 4..]))
            }
            1..=3 => {
                (u64::from(rest[0]) | u64::from(rest[rest.len() / 2]) << 8 | u64::from(rest[rest.len() - 1]) << 16, 0)
            }
            _ => (0, 0),
        };
        fold(fold(a ^ state, b ^ k1), PI[2] ^ k0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_byte_and_the_length_count() {
        let hasher = SeriesHasher::new([1, 2]);
        let mut seen = HashSet::new();
        for len in 0..70 {
            let mut text = vec![b'a'; len];
            assert!(seen.insert(hasher.hash(&text)), "length {len}");
            for i in 0..len {
                text[i] = b'b';
                assert!(seen.insert(hasher.hash(&text)), "length {len}, byte {i}");
                text[i] = b'a';
            }
        }
    }

    #[test]
    fn the_key_counts() {
        let text = b"http_requests_total{code=\"200\"}";
        assert_ne!(SeriesHasher::new([1, 2]).hash(text), SeriesHasher::new([1, 3]).hash(text));
        assert_ne!(SeriesHasher::new([1, 2]).hash(text), SeriesHasher::new([0, 2]).hash(text));
        assert_eq!(SeriesHasher::new([1, 2]).hash(text), SeriesHasher::new([1, 2]).hash(text));
    }
}
