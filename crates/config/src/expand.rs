//! Environment variables in external labels.

/// Replaces `$NAME` and `${NAME}` by what `lookup` gives, `$$` by `$`. `${}` and
/// an unclosed `${` vanish, any other `$` stays. Calls `missing` with each name
/// for which there is nothing or an empty text.
///
/// Source: Go's `os.Expand`.
pub(crate) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>, missing: &mut dyn FnMut(&str)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, taken) = variable(after);
        match name {
            "" if taken == 0 => out.push('$'),
            "" => {}
            "$" => out.push('$'),
            name => match lookup(name).filter(|value| !value.is_empty()) {
                Some(value) => out.push_str(&value),
                None => missing(name),
            },
        }
        rest = &after[taken..];
    }
    out.push_str(rest);
    out
}

/// The variable named at the start of `text`, and how many bytes that takes.
fn variable(text: &str) -> (&str, usize) {
    let is_special = |b: u8| b"*#$@!?-0123456789".contains(&b);
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    match text.as_bytes() {
        [] => ("", 0),
        [b'{', special, b'}', ..] if is_special(*special) => (&text[1..2], 3),
        [b'{', ..] => match text.find('}') {
            Some(end) => (&text[1..end], end + 1),
            None => ("", 1),
        },
        [special, ..] if is_special(*special) => (&text[..1], 1),
        bytes => {
            let len = bytes.iter().take_while(|b| is_name(b)).count();
            (&text[..len], len)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_as_go_does() {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "1" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, want) in [
            ("x$A-${A}y", "xa-ay"),
            ("$$A", "$A"),
            ("${$}", "$"),
            ("$12", "one2"),
            ("$.x$", "$.x$"),
            ("a${}b${A", "abA"),
            ("é${A}é", "éaé"),
            ("[$EMPTY$NONE]", "[]"),
        ] {
            assert_eq!(expand(text, &lookup, &mut |_| {}), want, "{text}");
        }
    }

    #[test]
    fn names_what_is_missing() {
        let mut missing = Vec::new();
        expand("$A ${B}", &|_| None, &mut |name| missing.push(name.to_owned()));
        assert_eq!(missing, ["A", "B"]);
    }
}
