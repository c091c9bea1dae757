//! Upper and lower case as Go maps them: character by character (Unicode's
//! simple mappings), where Rust's `str` methods may turn one into several.

/// Appends `text` in lower case.
pub(crate) fn append_lower(out: &mut String, text: &str) {
    out.extend(text.chars().map(lower));
}

/// Appends `text` in upper case.
pub(crate) fn append_upper(out: &mut String, text: &str) {
    out.extend(text.chars().map(upper));
}

fn lower(c: char) -> char {
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        // The only one with several: İ.
        _ => 'i',
    }
}

fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        // Greek letters with a iota below have one capital letter of their own.
        _ => match c {
            '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => shifted(c, 8),
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => shifted(c, 9),
            _ => c,
        },
    }
}

fn shifted(c: char, by: u32) -> char {
    char::from_u32(c as u32 + by).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_stays_one() {
        let mut out = String::new();
        append_upper(&mut out, "straße ŉ ᾳ ᾀ é ǆ ﬁ");
        assert_eq!(out, "STRAßE ŉ ᾼ ᾈ É Ǆ ﬁ");
        out.clear();
        append_lower(&mut out, "İΣ ẞ É");
        assert_eq!(out, "iσ ß é");
    }
}
