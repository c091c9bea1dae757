//! Base64, written only.

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Alphabet {
    /// With `+` and `/`, padded.
    Standard,
    /// With `-` and `_`, not padded.
    UrlWithoutPadding,
}

pub(super) fn encode(bytes: &[u8], alphabet: Alphabet) -> String {
    let is_url = alphabet == Alphabet::UrlWithoutPadding;
    let digit = |value: u32| match value & 63 {
        value @ 0..26 => b'A' + value as u8,
        value @ 26..52 => b'a' + (value - 26) as u8,
        value @ 52..62 => b'0' + (value - 52) as u8,
        62 if is_url => b'-',
        62 => b'+',
        _ if is_url => b'_',
        _ => b'/',
    };
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            if i <= chunk.len() {
                out.push(char::from(digit(word >> (18 - 6 * i))));
            } else if !is_url {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_the_vectors_of_rfc_4648() {
        for (text, want) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("\u{fb}\u{ff}", "w7vDvw=="),
        ] {
            assert_eq!(encode(text.as_bytes(), Alphabet::Standard), want);
            assert_eq!(encode(text.as_bytes(), Alphabet::UrlWithoutPadding), want.trim_end_matches('='));
        }
        assert_eq!(encode(&[0xfb, 0xff], Alphabet::Standard), "+/8=");
        assert_eq!(encode(&[0xfb, 0xff], Alphabet::UrlWithoutPadding), "-_8");
    }
}
