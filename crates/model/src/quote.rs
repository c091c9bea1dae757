//! Go's string quoting, which upstream's texts use.

use std::fmt::{self, Write};

/// `text` as Go's `strconv.Quote` prints it.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_quoted(&mut out, text).expect("writing to a String cannot fail");
    out
}

/// Writes `text` as Go's `strconv.Quote` prints it.
///
/// # Errors
/// Those of `out`.
pub fn write_quoted(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\x07' => out.write_str("\\a")?,
            '\x08' => out.write_str("\\b")?,
            '\x0c' => out.write_str("\\f")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\x0b' => out.write_str("\\v")?,
            c if is_printable(c) => out.write_char(c)?,
            c if (c as u32) < 0x80 => write!(out, "\\x{:02x}", c as u32)?,
            c if (c as u32) < 0x1_0000 => write!(out, "\\u{:04x}", c as u32)?,
            c => write!(out, "\\U{:08x}", c as u32)?,
        }
    }
    out.write_char('"')
}

/// Go's `strconv.IsPrint`, as far as Rust's tables know it: `char::escape_debug`
/// leaves exactly the printable characters alone, but for those escaped above.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // Every space but U+0020 is escaped by Go.
    !c.is_whitespace() && c.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go() {
        assert_eq!(quote("a\"b\\c\n\t\x01é\u{200b}"), r#""a\"b\\c\n\t\x01é\u200b""#);
        assert_eq!(quote("\u{a0}"), "\"\\u00a0\"");
    }
}
