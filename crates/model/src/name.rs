//! Which metric and label names are valid, and how those that are not
//! legacy-valid are written where only these are understood.

use std::fmt::Write;

/// Whether `name` is a metric name by the legacy rule, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_legacy_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b':')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

/// Whether `name` is a label name by the legacy rule, `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_legacy_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Which metric and label names are valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ValidationScheme {
    /// Any text that is UTF-8 and not empty.
    #[default]
    Utf8,
    /// ASCII letters, digits and `_` (and `:` in metric names).
    Legacy,
}

impl ValidationScheme {
    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            ValidationScheme::Utf8 => "utf8",
            ValidationScheme::Legacy => "legacy",
        }
    }

    /// The scheme of that name.
    pub fn from_name(name: &str) -> Option<ValidationScheme> {
        [ValidationScheme::Utf8, ValidationScheme::Legacy].into_iter().find(|scheme| scheme.as_str() == name)
    }

    /// Whether `name` may name a metric.
    pub fn is_metric_name(self, name: &str) -> bool {
        match self {
            ValidationScheme::Utf8 => !name.is_empty(),
            ValidationScheme::Legacy => is_legacy_metric_name(name),
        }
    }

    /// Whether `name` may name a label.
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            ValidationScheme::Utf8 => !name.is_empty(),
            ValidationScheme::Legacy => is_legacy_label_name(name),
        }
    }
}

/// How names that are not legacy-valid are written for those who know no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EscapingScheme {
    /// `allow-utf-8`: as they are.
    #[default]
    AllowUtf8,
    /// `underscores`: every other character as `_`.
    Underscores,
    /// `dots`: dots as `_dot_`, `_` doubled, others as `__`.
    Dots,
    /// `values`: `U__` and the code points in hexadecimal.
    Values,
}

/// What an encoding by values begins with.
const VALUES_PREFIX: &str = "U__";

impl EscapingScheme {
    /// All of them, in the order in which messages list them.
    pub const ALL: [EscapingScheme; 4] =
        [EscapingScheme::AllowUtf8, EscapingScheme::Underscores, EscapingScheme::Dots, EscapingScheme::Values];

    /// The name in the configuration and in content negotiation.
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
        EscapingScheme::ALL.into_iter().find(|scheme| scheme.as_str() == name)
    }

    /// `name` escaped. Legacy-valid names stay, but for `dots`, which doubles
    /// their underscores.
    ///
    /// Source: `EscapeName` of Prometheus' `common/model`.
    pub fn escape(self, name: &str) -> String {
        let keeps_legacy = self != EscapingScheme::Dots;
        if self == EscapingScheme::AllowUtf8 || name.is_empty() || (keeps_legacy && is_legacy_metric_name(name)) {
            return name.into();
        }
        let mut out = String::with_capacity(name.len() * 2);
        if self == EscapingScheme::Values {
            out.push_str(VALUES_PREFIX);
        }
        for (at, c) in name.char_indices() {
            match (self, c) {
                (EscapingScheme::Dots | EscapingScheme::Values, '_') => out.push_str("__"),
                (EscapingScheme::Dots, '.') => out.push_str("_dot_"),
                (_, 'a'..='z' | 'A'..='Z' | '_' | ':') => out.push(c),
                (_, '0'..='9') if at > 0 => out.push(c),
                (EscapingScheme::Dots, _) => out.push_str("__"),
                (EscapingScheme::Values, _) => {
                    write!(out, "_{:x}_", c as u32).expect("writing to a String cannot fail");
                }
                _ => out.push('_'),
            }
        }
        out
    }

    /// The name that [`escape`](Self::escape) wrote as `name`, as far as it can be
    /// told: underscores lose too much, dots most; what is not a valid encoding
    /// by values stays as it is.
    ///
    /// Source: `UnescapeName` of Prometheus' `common/model`.
    pub fn unescape(self, name: &str) -> String {
        match self {
            EscapingScheme::AllowUtf8 | EscapingScheme::Underscores => name.into(),
            EscapingScheme::Dots => name.replace("_dot_", ".").replace("__", "_"),
            EscapingScheme::Values => unescape_values(name).unwrap_or_else(|| name.into()),
        }
    }
}

fn unescape_values(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix(VALUES_PREFIX)?;
    let mut out = String::with_capacity(rest.len());
    while let Some((plain, after)) = rest.split_once('_') {
        out.push_str(plain);
        let (hex, after) = after.split_once('_')?;
        match hex.len() {
            // Upstream stops after five digits, so that the last plane is lost.
            0 => out.push('_'),
            1..=5 if hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                out.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
            }
            _ => return None,
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testdata::rows;

    #[test]
    fn legacy_names() {
        assert!(is_legacy_metric_name("job:up:sum"));
        assert!(!is_legacy_label_name("job:up"));
        assert!(is_legacy_label_name("_a1"));
        for bad in ["", "1a", "a-b", "ä"] {
            assert!(!is_legacy_metric_name(bad), "{bad}");
            assert!(!is_legacy_label_name(bad), "{bad}");
        }
    }

    #[test]
    fn utf8_names_are_anything_but_nothing() {
        assert!(ValidationScheme::Utf8.is_label_name("a b"));
        assert!(!ValidationScheme::Utf8.is_metric_name(""));
        assert!(!ValidationScheme::Legacy.is_metric_name("a b"));
    }

    #[test]
    fn names_are_escaped_as_upstream_does() {
        for row in rows("escape") {
            let name = row[1].as_str().unwrap();
            assert_eq!(EscapingScheme::AllowUtf8.escape(name), name);
            assert_eq!(
                &row[2..],
                EscapingScheme::ALL[1..].iter().map(|s| s.escape(name)).collect::<Vec<_>>(),
                "{name}"
            );
        }
        for row in rows("unescape") {
            let name = row[1].as_str().unwrap();
            assert_eq!(
                &row[2..],
                EscapingScheme::ALL[2..].iter().map(|s| s.unescape(name)).collect::<Vec<_>>(),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn values_come_back(name in "\\PC{1,12}") {
            prop_assume!(!name.starts_with(VALUES_PREFIX));
            let escaped = EscapingScheme::Values.escape(&name);
            prop_assert!(is_legacy_metric_name(&escaped));
            prop_assert_eq!(EscapingScheme::Values.unescape(&escaped), name);
        }
    }
}
