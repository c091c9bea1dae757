//! Character classes and escapes.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use crate::error::{Error, ErrorKind};
use crate::parser::upto;
use crate::unicode;

/// Reads the class in brackets that `text` starts with, and what follows it.
pub(crate) fn bracketed(text: &str, fold: bool) -> Result<(ClassUnicode, &str), Error> {
    let mut rest = &text[1..];
    let negated = rest.starts_with('^');
    if negated {
        rest = &rest[1..];
    }
    let mut class = ClassUnicode::empty();
    // As the first thing, `]` is an ordinary character.
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        if let Some((named, after)) = posix(rest, fold)? {
            class.union(&named);
            rest = after;
            continue;
        }
        if let Some((named, after)) = escaped(rest, fold)? {
            class.union(&named);
            rest = after;
            continue;
        }
        let range_text = rest;
        let (low, after) = class_character(rest, text)?;
        rest = after;
        let mut high = low;
        // In `[a-]` the hyphen is itself.
        if rest.len() >= 2 && rest.starts_with('-') && !rest[1..].starts_with(']') {
            (high, rest) = class_character(&rest[1..], text)?;
            if high < low {
                return Err(Error::new(ErrorKind::InvalidCharRange, upto(range_text, rest)));
            }
        }
        push_range(&mut class, low, high, fold);
    }
    if negated {
        class.negate();
    }
    Ok((class, &rest[1..]))
}

fn class_character<'t>(text: &'t str, whole: &str) -> Result<(u32, &'t str), Error> {
    match text.chars().next() {
        None => Err(Error::new(ErrorKind::MissingBracket, whole)),
        Some('\\') => character(text),
        Some(c) => Ok((c as u32, &text[c.len_utf8()..])),
    }
}

/// Adds the range, but for the surrogates, which no text contains.
fn push_range(class: &mut ClassUnicode, low: u32, high: u32, fold: bool) {
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    if low > high {
        return;
    }
    if fold {
        let mut range = ClassUnicode::new([ClassUnicodeRange::new(low, high)]);
        unicode::fold(&mut range);
        class.union(&range);
    } else {
        class.push(ClassUnicodeRange::new(low, high));
    }
}

/// `[:name:]` and `[:^name:]`.
fn posix(text: &str, fold: bool) -> Result<Option<(ClassUnicode, &str)>, Error> {
    let Some((name, rest)) = text.strip_prefix("[:").and_then(|inside| inside.split_once(":]")) else {
        return Ok(None);
    };
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    match unicode::posix(name) {
        Some(class) => Ok(Some((finish(class, fold, negated), rest))),
        None => Err(Error::new(ErrorKind::InvalidCharRange, upto(text, rest))),
    }
}

/// `\d`, `\pN`, `\p{Name}` and the like; `None` when `text` is none of these.
pub(crate) fn escaped(text: &str, fold: bool) -> Result<Option<(ClassUnicode, &str)>, Error> {
    let &[b'\\', letter, ..] = text.as_bytes() else {
        return Ok(None);
    };
    if let Some(class) = unicode::perl(letter.to_ascii_lowercase()) {
        return Ok(Some((finish(class, fold, letter.is_ascii_uppercase()), &text[2..])));
    }
    if !matches!(letter, b'p' | b'P') {
        return Ok(None);
    }
    let (name, rest) = match text[2..].chars().next() {
        Some('{') => match text.find('}') {
            Some(end) => (&text[3..end], &text[end + 1..]),
            None => return Err(Error::new(ErrorKind::InvalidCharRange, text)),
        },
        Some(c) => text[2..].split_at(c.len_utf8()),
        None => ("", ""),
    };
    let (name, inverted) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    match unicode::property(name) {
        Some(class) => Ok(Some((finish(class, fold, inverted != (letter == b'P')), rest))),
        None => Err(Error::new(ErrorKind::InvalidCharRange, upto(text, rest))),
    }
}

fn finish(mut class: ClassUnicode, fold: bool, negated: bool) -> ClassUnicode {
    if fold {
        unicode::fold(&mut class);
    }
    if negated {
        class.negate();
    }
    class
}

/// Reads the escaped character `text` starts with: its code (which may be a
/// surrogate's) and what follows.
pub(crate) fn character(text: &str) -> Result<(u32, &str), Error> {
    let mut rest = &text[1..];
    let Some(first) = next(&mut rest) else {
        return Err(Error::new(ErrorKind::TrailingBackslash, ""));
    };
    let code = match first {
        // A single digit other than 0 would be a back-reference.
        '1'..='7' if !rest.starts_with(|c| matches!(c, '0'..='7')) => None,
        '0'..='7' => {
            let mut code = first as u32 - '0' as u32;
            for _ in 0..2 {
                let Some(digit) = rest.chars().next().and_then(|c| c.to_digit(8)) else { break };
                code = code * 8 + digit;
                rest = &rest[1..];
            }
            Some(code)
        }
        'x' => hex(&mut rest),
        'a' => Some(0x07),
        'f' => Some(0x0c),
        'n' => Some(0x0a),
        'r' => Some(0x0d),
        't' => Some(0x09),
        'v' => Some(0x0b),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c as u32),
        _ => None,
    };
    match code {
        Some(code) => Ok((code, rest)),
        None => Err(Error::new(ErrorKind::InvalidEscape, upto(text, rest))),
    }
}

/// What follows `\x`: two digits, or any number of them in braces. On failure
/// `rest` stands where Go's message ends.
fn hex(rest: &mut &str) -> Option<u32> {
    let first = next(rest)?;
    if first != '{' {
        let second = next(rest);
        return Some(first.to_digit(16)? * 16 + second?.to_digit(16)?);
    }
    let mut code = None;
    loop {
        match next(rest)? {
            '}' => return code,
            c => {
                let longer = code.unwrap_or(0) * 16 + c.to_digit(16)?;
                if longer > char::MAX as u32 {
                    return None;
                }
                code = Some(longer);
            }
        }
    }
}

fn next(rest: &mut &str) -> Option<char> {
    let c = rest.chars().next()?;
    *rest = &rest[c.len_utf8()..];
    Some(c)
}
