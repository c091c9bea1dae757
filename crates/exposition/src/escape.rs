//! Escaping schemes: what becomes of names that are not legacy-valid when the
//! reader does not take UTF-8 names.
//!
//! Source: Prometheus' `docs/instrumenting/escaping_schemes.md` and the answers
//! of its servers.

use std::borrow::Cow;

use narthex_model::name::{is_legacy_label_name, is_legacy_metric_name};

/// How names are written that are not legacy-valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EscapingScheme {
    /// As they are, quoted.
    AllowUtf8,
    /// Every character that is not allowed becomes `_`. What a reader gets that asks for nothing.
    #[default]
    Underscores,
    /// `_` becomes `__`, `.` becomes `_dot_`, what else is not allowed `__`.
    Dots,
    /// `U__` before the name, `_` becomes `__`, what is not allowed `_<code point in hex>_`.
    Values,
}

impl EscapingScheme {
    /// The name in `Accept` and `Content-Type`.
    pub fn as_str(self) -> &'static str {
        match self {
            EscapingScheme::AllowUtf8 => "allow-utf-8",
            EscapingScheme::Underscores => "underscores",
            EscapingScheme::Dots => "dots",
            EscapingScheme::Values => "values",
        }
    }

    /// The scheme of that name.
    pub fn from_name(name: &str) -> Option<EscapingScheme> {
        [EscapingScheme::AllowUtf8, EscapingScheme::Underscores, EscapingScheme::Dots, EscapingScheme::Values]
            .into_iter()
            .find(|scheme| scheme.as_str() == name)
    }

    /// A metric name in this scheme.
    pub fn metric_name(self, name: &str) -> Cow<'_, str> {
        self.escape(name, true, is_legacy_metric_name(name))
    }

    /// A label name in this scheme.
    pub fn label_name(self, name: &str) -> Cow<'_, str> {
        self.escape(name, false, is_legacy_label_name(name))
    }

    fn escape(self, name: &str, colons: bool, legacy: bool) -> Cow<'_, str> {
        if name.is_empty() || self == EscapingScheme::AllowUtf8 || (legacy && self != EscapingScheme::Dots) {
            return Cow::Borrowed(name);
        }
        let mut out = String::with_capacity(name.len() + 8);
        if self == EscapingScheme::Values {
            out.push_str("U__");
        }
        for (i, c) in name.chars().enumerate() {
            let allowed = c.is_ascii_alphabetic() || c == '_' || (c == ':' && colons) || (c.is_ascii_digit() && i > 0);
            match self {
                EscapingScheme::Dots | EscapingScheme::Values if c == '_' => out.push_str("__"),
                EscapingScheme::Dots if c == '.' => out.push_str("_dot_"),
                _ if allowed => out.push(c),
                EscapingScheme::Dots => out.push_str("__"),
                EscapingScheme::Values => out.push_str(&format!("_{:x}_", u32::from(c))),
                _ => out.push('_'),
            }
        }
        Cow::Owned(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_scheme() {
        for (name, underscores, dots, values) in [
            ("http_total", "http_total", "http__total", "http_total"),
            ("http.status:sum", "http_status:sum", "http_dot_status:sum", "U__http_2e_status:sum"),
            ("a.b_c", "a_b_c", "a_dot_b__c", "U__a_2e_b__c"),
            ("1a \u{1f600}", "_a__", "__a____", "U___31_a_20__1f600_"),
        ] {
            assert_eq!(EscapingScheme::Underscores.metric_name(name), underscores);
            assert_eq!(EscapingScheme::Dots.metric_name(name), dots);
            assert_eq!(EscapingScheme::Values.metric_name(name), values);
            assert_eq!(EscapingScheme::AllowUtf8.metric_name(name), name);
        }
        assert_eq!(EscapingScheme::Underscores.label_name("a:b"), "a_b");
    }
}
