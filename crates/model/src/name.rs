//! Which metric and label names are valid.

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
