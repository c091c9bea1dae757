//! The labels of a metric, written once and kept.
//!
//! A child of a vector is written at every scrape with the same labels. So they
//! are kept as they stand between the braces, and the plain names and values are
//! found in that text again: two allocations for all labels of a series.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use narthex_model::name::is_legacy_label_name;

/// The labels of a metric: pairs in the order in which they are written.
/// Values may be empty. Shared, so that a child keeps its own between scrapes.
#[derive(Clone, Default)]
pub struct LabelPairs(Option<Arc<Inner>>);

struct Inner {
    /// The pairs as they stand between the braces, then the values that had to be escaped, plain.
    text: Box<str>,
    encoded_len: u32,
    /// Whether no name has to be quoted.
    is_legacy: bool,
    spans: Box<[Span]>,
}

/// Where a name and its value are in the text.
#[derive(Clone, Copy)]
struct Span {
    name: (u32, u32),
    value: (u32, u32),
}

fn slice(text: &str, (start, end): (u32, u32)) -> &str {
    &text[start as usize..end as usize]
}

fn place(start: usize, end: usize) -> (u32, u32) {
    let fit = |at: usize| u32::try_from(at).expect("the labels of a metric are below 4 GiB");
    (fit(start), fit(end))
}

/// Appends `text` with `\`, line feeds and, if `quotes`, `"` escaped.
pub(crate) fn escape_into(text: &str, quotes: bool, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte == b'\\' || byte == b'\n' || (quotes && byte == b'"')) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

pub(crate) fn quoted_into(text: &str, out: &mut String) {
    out.push('"');
    escape_into(text, true, out);
    out.push('"');
}

impl LabelPairs {
    /// These labels in this order.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> LabelPairs {
        let mut text = String::new();
        let mut spans = Vec::new();
        let mut escaped = Vec::new();
        let mut is_legacy = true;
        for (name, value) in pairs {
            if !spans.is_empty() {
                text.push(',');
            }
            let name_start = text.len();
            let name_at = if is_legacy_label_name(name) {
                text.push_str(name);
                place(name_start, text.len())
            } else {
                is_legacy = false;
                quoted_into(name, &mut text);
                escaped.push((spans.len(), true, name));
                (0, 0)
            };
            text.push('=');
            let value_start = text.len() + 1;
            quoted_into(value, &mut text);
            let value_end = text.len() - 1;
            if value_end - value_start != value.len() {
                escaped.push((spans.len(), false, value));
            }
            spans.push(Span { name: name_at, value: place(value_start, value_end) });
        }
        if spans.is_empty() {
            return LabelPairs(None);
        }
        let (_, encoded_len) = place(0, text.len());
        for (at, is_name, plain) in escaped {
            let start = text.len();
            text.push_str(plain);
            let plain = place(start, text.len());
            if is_name {
                spans[at].name = plain;
            } else {
                spans[at].value = plain;
            }
        }
        LabelPairs(Some(Arc::new(Inner { text: text.into(), encoded_len, is_legacy, spans: spans.into() })))
    }

    /// Names and values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + DoubleEndedIterator {
        let (text, spans) = match &self.0 {
            Some(inner) => (&*inner.text, &*inner.spans),
            None => ("", &[][..]),
        };
        spans.iter().map(move |span| (slice(text, span.name), slice(text, span.value)))
    }

    /// The value of the label at this place.
    #[inline]
    pub fn value(&self, at: usize) -> Option<&str> {
        let inner = self.0.as_ref()?;
        inner.spans.get(at).map(|span| slice(&inner.text, span.value))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.spans.len())
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of the label `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|&(label, _)| label == name).map(|(_, value)| value)
    }

    /// The pairs as they stand between the braces, names that need it quoted.
    pub(crate) fn encoded(&self) -> &str {
        self.0.as_ref().map_or("", |inner| slice(&inner.text, (0, inner.encoded_len)))
    }

    /// Whether no name has to be quoted.
    pub(crate) fn is_legacy(&self) -> bool {
        self.0.as_ref().is_none_or(|inner| inner.is_legacy)
    }
}

impl From<Vec<(String, String)>> for LabelPairs {
    fn from(pairs: Vec<(String, String)>) -> LabelPairs {
        LabelPairs::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl<'a, const N: usize> From<[(&'a str, &'a str); N]> for LabelPairs {
    fn from(pairs: [(&'a str, &'a str); N]) -> LabelPairs {
        LabelPairs::new(pairs)
    }
}

impl PartialEq for LabelPairs {
    fn eq(&self, other: &LabelPairs) -> bool {
        // What is between the braces tells all pairs apart.
        self.encoded() == other.encoded()
    }
}

impl Eq for LabelPairs {}

impl Hash for LabelPairs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.encoded().hash(state);
    }
}

impl fmt::Display for LabelPairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.encoded())
    }
}

impl fmt::Debug for LabelPairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_come_back() {
        let pairs = [("a", "x"), ("b.c", "y\"\n"), ("d", ""), ("e\\", "\\"), ("f", "\u{e4}")];
        let labels = LabelPairs::new(pairs);
        assert_eq!(labels.iter().collect::<Vec<_>>(), pairs);
        assert_eq!(labels.encoded(), "a=\"x\",\"b.c\"=\"y\\\"\\n\",d=\"\",\"e\\\\\"=\"\\\\\",f=\"\u{e4}\"");
        assert!(!labels.is_legacy());
        assert_eq!((labels.get("b.c"), labels.get("b")), (Some("y\"\n"), None));
        assert_ne!(labels, LabelPairs::default());
        assert_eq!(LabelPairs::new([]).iter().count(), 0);
    }
}
