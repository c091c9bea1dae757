//! String literals: where they end, and what they say.

/// The length of the string in quotes at the start of `text`, both quotes included.
pub(crate) fn scan_quoted(text: &str, delimiter: char) -> Result<usize, String> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => scan_escape(&mut chars, delimiter)?,
            '\n' => break,
            // What was not UTF-8 before it came here has become this character.
            char::REPLACEMENT_CHARACTER => return Err("invalid UTF-8 rune".to_owned()),
            _ if char == delimiter => return Ok(at + 1),
            _ => {}
        }
    }
    Err("unterminated quoted string".to_owned())
}

/// The length of the string in back-ticks at the start of `text`, both included.
pub(crate) fn scan_raw(text: &str) -> Result<usize, String> {
    for (at, char) in text.char_indices().skip(1) {
        match char {
            '`' => return Ok(at + 1),
            char::REPLACEMENT_CHARACTER => return Err("invalid UTF-8 rune".to_owned()),
            _ => {}
        }
    }
    Err("unterminated raw string".to_owned())
}

fn scan_escape(chars: &mut impl Iterator<Item = (usize, char)>, delimiter: char) -> Result<(), String> {
    let unterminated = || "escape sequence not terminated".to_owned();
    let (_, char) = chars.next().ok_or_else(unterminated)?;
    let (mut value, digits, radix, max) = match char {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
        _ if char == delimiter => return Ok(()),
        '0'..='7' => (char as u32 - '0' as u32, 2, 8, 255),
        'x' => (0, 2, 16, 255),
        'u' => (0, 4, 16, char::MAX as u32),
        'U' => (0, 8, 16, char::MAX as u32),
        _ => return Err(format!("unknown escape sequence {}", code_point(char))),
    };
    for _ in 0..digits {
        let (_, digit) = chars.next().ok_or_else(unterminated)?;
        let Some(digit) = digit.to_digit(radix) else {
            return Err(format!("illegal character {} in escape sequence", code_point(digit)));
        };
        value = value.wrapping_mul(radix).wrapping_add(digit);
    }
    if value > max || (0xD800..0xE000).contains(&value) {
        return Err("escape sequence is an invalid Unicode code point".to_owned());
    }
    Ok(())
}

/// A character as Go's `%#U` prints it: `U+0071 'q'`.
fn code_point(char: char) -> String {
    let quoted = narthex_model::quote::quote(char.encode_utf8(&mut [0; 4]));
    let printable = quoted.len() == char.len_utf8() + 2 || matches!(char, '"' | '\\');
    if printable { format!("U+{:04X} '{char}'", char as u32) } else { format!("U+{:04X}", char as u32) }
}

/// What a complete literal says, quotes removed and escapes resolved.
///
/// Escapes can name bytes that are no UTF-8 (`"\xff"`). Label values are UTF-8
/// throughout Narthex, so each run of such bytes becomes U+FFFD, which is also
/// what upstream shows of it in its JSON.
pub(crate) fn unquote(literal: &str) -> String {
    match String::from_utf8(unquote_bytes(literal)) {
        Ok(text) => text,
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    }
}

/// [`unquote`] without a change to what is no UTF-8.
pub(crate) fn unquote_bytes(literal: &str) -> Vec<u8> {
    let body = &literal[1..literal.len() - 1];
    if literal.starts_with('`') || !body.contains('\\') {
        return body.as_bytes().to_vec();
    }
    let mut out = Vec::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let Some(escape) = chars.next() else { break };
        let mut number = |first: u32, digits: usize, radix: u32| {
            chars
                .by_ref()
                .take(digits)
                .fold(first, |value, digit| value.wrapping_mul(radix).wrapping_add(digit.to_digit(radix).unwrap_or(0)))
        };
        match escape {
            'a' => out.push(0x07),
            'b' => out.push(0x08),
            'f' => out.push(0x0c),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(0x0b),
            '0'..='7' => out.push(number(escape as u32 - '0' as u32, 2, 8) as u8),
            'x' => out.push(number(0, 2, 16) as u8),
            'u' | 'U' => {
                let value = number(0, if escape == 'u' { 4 } else { 8 }, 16);
                let char = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

/// Bytes as Go quotes a string that holds them: what is no UTF-8 as `\xff`.
pub(crate) fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let quoted = narthex_model::quote::quote(chunk.valid());
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
    fn escapes_are_resolved() {
        for (literal, want) in [
            (r#""a\n\t\\\"""#, "a\n\t\\\""),
            (r"'\''", "'"),
            (r#""\x41\101\u00e9\U0001F600""#, "AAé😀"),
            (r#""\xc3\xa9""#, "é"),
            (r#""\xff.""#, "\u{fffd}."),
            ("`a\\n\n`", "a\\n\n"),
        ] {
            let delimiter = literal.chars().next().unwrap();
            let len = if delimiter == '`' { scan_raw(literal) } else { scan_quoted(literal, delimiter) };
            assert_eq!(len, Ok(literal.len()), "{literal}");
            assert_eq!(unquote(literal), want, "{literal}");
        }
    }
}
