//! Go's `%q` of bytes that need not be UTF-8.

use narthex_model::quote::quote;

/// `bytes` as Go's `%q` prints them: as text, but bytes that are not UTF-8 as `\xff`.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        let quoted = quote(chunk.valid());
        out.push_str(&quoted[1..quoted.len() - 1]);
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_escaped() {
        assert_eq!(quote_bytes(b"a\xff\"\n\xc3\xa4\xc3"), "\"a\\xff\\\"\\n\u{e4}\\xc3\"");
    }
}
