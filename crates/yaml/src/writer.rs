//! Printing as go-yaml prints: sequences not indented below their key, texts
//! quoted only where needed, lines folded at blanks after column 80.
//!
//! One difference: a key with a line break is quoted, where go-yaml writes a
//! complex key (`? |-`).

use std::fmt::Write;

use crate::scalar::{self, Scalar};
use crate::value::Value;

/// The column after which a line is broken at the next blank.
const LINE_LEN_BEST: usize = 80;

/// The text of `value`, which ends with a line break.
pub fn to_string(value: &Value) -> String {
    let mut writer = Writer::default();
    match value {
        Value::Mapping(entries) if !entries.is_empty() => writer.mapping(entries, 0),
        Value::Sequence(values) if !values.is_empty() => writer.sequence(values, 0),
        value => writer.inline(value, 0, false),
    }
    writer.line_start();
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Characters on the line so far.
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn break_line(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn line_start(&mut self) {
        if self.column > 0 {
            self.break_line();
        }
    }

    fn indent(&mut self, indent: usize) {
        self.line_start();
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    fn mapping(&mut self, entries: &[(String, Value)], indent: usize) {
        for (i, (key, value)) in entries.iter().enumerate() {
            // The first entry of a mapping in a sequence stands behind the dash.
            if i > 0 || self.column != indent {
                self.indent(indent);
            }
            self.text(key, indent, Place::Key);
            self.put(":");
            match value {
                Value::Mapping(entries) if !entries.is_empty() => {
                    self.line_start();
                    self.mapping(entries, indent + 2);
                }
                Value::Sequence(values) if !values.is_empty() => {
                    self.line_start();
                    self.sequence(values, indent);
                }
                value => {
                    self.put(" ");
                    self.inline(value, indent + 2, false);
                }
            }
        }
    }

    fn sequence(&mut self, values: &[Value], indent: usize) {
        for (i, value) in values.iter().enumerate() {
            if i > 0 || self.column != indent || indent == 0 {
                self.indent(indent);
            }
            self.put("- ");
            match value {
                Value::Mapping(entries) if !entries.is_empty() => self.mapping(entries, indent + 2),
                Value::Sequence(values) if !values.is_empty() => self.sequence(values, indent + 2),
                value => self.inline(value, indent + 2, false),
            }
        }
    }

    /// A value that begins on this line; what is continued goes to `indent`.
    fn inline(&mut self, value: &Value, indent: usize, in_flow: bool) {
        match value {
            Value::Null => self.put("null"),
            Value::Bool(value) => self.put(if *value { "true" } else { "false" }),
            Value::Int(value) => self.put(&value.to_string()),
            Value::Float(value) => self.put(&float(*value)),
            Value::Text(text) => self.text(text, indent, if in_flow { Place::Flow } else { Place::Block }),
            Value::Mapping(_) => self.put("{}"),
            Value::Sequence(values) | Value::FlowSequence(values) => {
                self.put("[");
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        self.put(",");
                        if self.column > LINE_LEN_BEST { self.indent(indent) } else { self.put(" ") }
                    }
                    self.inline(value, indent, true);
                }
                self.put("]");
            }
        }
    }

    fn text(&mut self, text: &str, indent: usize, place: Place) {
        let form = Form::of(text);
        let is_key = place == Place::Key;
        let plain_allowed = if place == Place::Flow { form.plain_in_flow } else { form.plain };
        if text.contains('\n') && form.literal && place == Place::Block {
            self.literal(text, indent);
        } else if text.contains('\n') || !stays_text(text) {
            self.double_quoted(text, indent, !is_key);
        } else if plain_allowed {
            self.folded(text, indent, !is_key);
        } else if form.single_quoted {
            self.put("'");
            self.folded(&text.replace('\'', "''"), indent, !is_key);
            self.put("'");
        } else {
            self.double_quoted(text, indent, !is_key);
        }
    }

    /// Writes the characters of a plain or single-quoted text.
    fn folded(&mut self, text: &str, indent: usize, may_fold: bool) {
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let is_space = c == ' ';
            let next_is_text = chars.peek().is_some_and(|&next| next != ' ');
            if is_space && may_fold && !after_space && self.column > LINE_LEN_BEST && next_is_text {
                self.indent(indent);
            } else {
                self.out.push(c);
                self.column += 1;
            }
            after_space = is_space;
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, may_fold: bool) {
        self.put("\"");
        let mut after_space = false;
        let mut chars = text.chars().enumerate().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|&(_, next)| next);
            let is_space = c == ' ';
            if is_space && may_fold && !after_space && self.column > LINE_LEN_BEST && at > 0 && next.is_some() {
                self.indent(indent);
                if next == Some(' ') {
                    self.put("\\");
                }
            } else {
                self.escaped(c);
            }
            after_space = is_space;
        }
        self.put("\"");
    }

    fn escaped(&mut self, c: char) {
        let mut hex = String::new();
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\0' => "\\0",
            '\x07' => "\\a",
            '\x08' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\x0b' => "\\v",
            '\x0c' => "\\f",
            '\r' => "\\r",
            '\x1b' => "\\e",
            '\u{85}' => "\\N",
            '\u{a0}' => "\\_",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            c if is_printable(c) => {
                self.out.push(c);
                self.column += 1;
                return;
            }
            c => {
                let code = c as u32;
                let written = match code {
                    0..=0xFF => write!(hex, "\\x{code:02X}"),
                    0x100..=0xFFFF => write!(hex, "\\u{code:04X}"),
                    _ => write!(hex, "\\U{code:08X}"),
                };
                written.expect("writing to a String cannot fail");
                &hex
            }
        };
        self.put(escape);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) {
            self.put("2");
        }
        match text.strip_suffix('\n') {
            None => self.put("-"),
            Some(rest) if rest.is_empty() || rest.ends_with('\n') => self.put("+"),
            Some(_) => {}
        }
        self.break_line();
        for line in text.split_inclusive('\n') {
            let line = line.strip_suffix('\n').unwrap_or(line);
            if !line.is_empty() {
                self.indent(indent);
                self.put(line);
            }
            self.break_line();
        }
    }
}

/// Where a text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Key,
    Block,
    Flow,
}

/// In which forms a text may be written.
struct Form {
    plain: bool,
    plain_in_flow: bool,
    single_quoted: bool,
    literal: bool,
}

impl Form {
    /// Source: go-yaml's rules for analysing a scalar, which are libyaml's.
    fn of(text: &str) -> Form {
        let (mut block_indicators, mut flow_indicators) = (false, false);
        let (mut special, mut line_breaks) = (false, false);
        let (mut space_break, mut break_space) = (false, false);
        if text.starts_with("---") || text.starts_with("...") {
            (block_indicators, flow_indicators) = (true, true);
        }
        let mut previous: Option<char> = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let blank_follows = chars.peek().is_none_or(|&next| is_blank(next));
            match (c, previous) {
                (
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`',
                    None,
                ) => (flow_indicators, block_indicators) = (true, true),
                ('?' | ':', None) | (':', _) => {
                    flow_indicators = true;
                    block_indicators |= blank_follows;
                }
                ('-', None) if blank_follows => (flow_indicators, block_indicators) = (true, true),
                (',' | '?' | '[' | ']' | '{' | '}', Some(_)) => flow_indicators = true,
                ('#', Some(previous)) if is_blank(previous) => (flow_indicators, block_indicators) = (true, true),
                _ => {}
            }
            special |= !is_printable(c) && c != '\n' || matches!(c, '\u{2028}' | '\u{2029}');
            line_breaks |= c == '\n';
            space_break |= c == '\n' && previous == Some(' ');
            break_space |= c == ' ' && previous == Some('\n');
            previous = Some(c);
        }
        let edge_blank = text.starts_with([' ', '\n']) || text.ends_with([' ', '\n']);
        let plain = !edge_blank && !break_space && !space_break && !special && !line_breaks && !text.is_empty();
        Form {
            plain: plain && !block_indicators,
            plain_in_flow: plain && !flow_indicators,
            single_quoted: !break_space && !space_break && !special && !line_breaks,
            literal: !space_break && !special && !text.ends_with(' '),
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// libyaml's idea of it: nothing beyond the basic plane, no tab.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Whether `text`, written plain, is read as a text again; also by readers who
/// know numbers to the base 60.
fn stays_text(text: &str) -> bool {
    matches!(scalar::resolve("", text), Scalar::Text(_)) && !is_base_60(text)
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or("");
    let first_fits =
        first.starts_with(|c: char| c.is_ascii_digit()) && first.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut parts = parts.peekable();
    if !first_fits || parts.peek().is_none() {
        return false;
    }
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let whole = match part.split_once('.') {
            Some((whole, rest)) if is_last && rest.bytes().all(|b| b.is_ascii_digit() || b == b'_') => whole,
            _ => part,
        };
        if !matches!(whole.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']) {
            return false;
        }
    }
    true
}

/// A number as Go's `FormatFloat` with `'g'` and the shortest precision prints it.
fn float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf".into() } else { "-.inf".into() };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust's {:e} has an exponent");
    let exponent: i32 = exponent.parse().expect("Rust's {:e} has a decimal exponent");
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    // Go prints at least two exponent digits.
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let value = Value::Mapping(vec![("k".into(), text.into())]);
        assert_eq!(to_string(&value), format!("k: {want}\n"));
    }

    #[test]
    fn texts_are_quoted_as_go_yaml_quotes_them() {
        for (text, want) in [
            ("", r#""""#),
            ("1", r#""1""#),
            ("1:30", r#""1:30""#),
            ("12:30:45", r#""12:30:45""#),
            ("yes", r#""yes""#),
            ("~", r#""~""#),
            ("2020-01-01", r#""2020-01-01""#),
            ("1e3", r#""1e3""#),
            ("1_000", r#""1_000""#),
            (": x", "': x'"),
            ("x: y", "'x: y'"),
            ("x #y", "'x #y'"),
            ("# y", "'# y'"),
            (" lead", "' lead'"),
            ("trail ", "'trail '"),
            ("it's", "it's"),
            ("it's \"x\" : y", r#"'it''s "x" : y'"#),
            ("\"q\"", "'\"q\"'"),
            ("tab\there", r#""tab\there""#),
            ("é 測試", "é 測試"),
            ("-", "'-'"),
            ("-a", "-a"),
            ("a:", "'a:'"),
            ("a:b", "a:b"),
            ("? a", "'? a'"),
            ("=", "="),
            ("<<", "<<"),
            (".", "."),
            ("...", "'...'"),
            ("--- a", "'--- a'"),
            ("\u{1}x", r#""\x01x""#),
            ("\u{7f}", r#""\x7F""#),
            ("😀", r#""\U0001F600""#),
            (r"a\b", r"a\b"),
            ("a,b", "a,b"),
            ("line \n  break", r#""line \n  break""#),
            ("line\nbreak\n", "|\n  line\n  break"),
            ("line\nbreak", "|-\n  line\n  break"),
            ("\nx", "|2-\n\n  x"),
        ] {
            check(text, want);
        }
    }

    #[test]
    fn long_texts_are_folded_at_blanks() {
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(10));
        check(&format!("{a} {b} {c} d"), &format!("{a} {b}\n  {c} d"));
        check(&format!("'{a} {b} {c} d"), &format!("'''{a} {b}\n  {c} d'"));
        check(&format!("\t{a} {b}  {c}"), &format!("\"\\t{a} {b}\n  \\ {c}\""));
    }

    #[test]
    fn structures_nest_without_indenting_sequences() {
        let text = |t: &str| Value::from(t);
        let rule = Value::Mapping(vec![
            ("source_labels".into(), Value::FlowSequence(vec![text("a"), text("a,b")])),
            ("params".into(), Value::Mapping(vec![("x".into(), vec!["1", "y y"].into())])),
            ("empty".into(), Value::Sequence(vec![])),
        ]);
        let value = Value::Mapping(vec![
            ("rules".into(), Value::Sequence(vec![rule, Value::Mapping(vec![("a".into(), Value::Null)])])),
            ("i".into(), 12u64.into()),
            ("f".into(), 1_234_567.5.into()),
            ("g".into(), 0.0001.into()),
            ("b".into(), false.into()),
        ]);
        let want = "\
rules:
- source_labels: [a, 'a,b']
  params:
    x:
    - \"1\"
    - y y
  empty: []
- a: null
i: 12
f: 1.2345675e+06
g: 0.0001
b: false
";
        assert_eq!(to_string(&value), want);
    }
}
