//! Paths and patterns, by Go's rules for `path/filepath`.

use std::fs;
use std::path::{Path, PathBuf};

/// `path` below `dir` unless it is absolute, with `.` and `..` resolved by
/// text; an empty path stays empty.
pub fn join(dir: &Path, path: &str) -> String {
    if path.is_empty() || path.starts_with('/') {
        return path.into();
    }
    let dir = dir.to_string_lossy();
    if dir.is_empty() { clean(path) } else { clean(&format!("{dir}/{path}")) }
}

/// The shortest equivalent of a path, by its text alone.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

/// Whether `pattern` has a `*` only in its last path element.
pub(crate) fn is_file_pattern(pattern: &str) -> bool {
    match pattern.find('*') {
        None => true,
        Some(at) => !pattern[at + 1..].contains('/'),
    }
}

/// The pattern is malformed: an unclosed bracket or a final backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// The files that a pattern matches, sorted within each directory. `*`, `?`,
/// `[a-z]` and `\` mean what they mean to Go. Directories that cannot be read
/// count as empty.
///
/// # Errors
/// When the pattern is malformed.
pub fn glob(pattern: &str) -> Result<Vec<PathBuf>, BadPattern> {
    matches(pattern, "")?;
    if !pattern.contains(['*', '?', '[', '\\']) {
        return Ok(if fs::symlink_metadata(pattern).is_ok() { vec![pattern.into()] } else { Vec::new() });
    }
    let (dir, element) = match pattern.rfind('/') {
        Some(0) => ("/", &pattern[1..]),
        Some(at) => (&pattern[..at], &pattern[at + 1..]),
        None => ("", pattern),
    };
    let dirs = if dir.contains(['*', '?', '[', '\\']) { glob(dir)? } else { vec![PathBuf::from(dir)] };
    let mut found = Vec::new();
    for dir in dirs {
        let to_read = if dir.as_os_str().is_empty() { Path::new(".") } else { &dir };
        let Ok(entries) = fs::read_dir(to_read) else { continue };
        let mut names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        for name in names {
            if matches(element, &name)? {
                found.push(dir.join(name));
            }
        }
    }
    Ok(found)
}

/// Whether `name` matches `pattern`; neither holds a `/` that counts.
fn matches(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    check_pattern(&pattern)?;
    // Where to try again: the last star, and how far the name was eaten then.
    let mut retry: Option<(usize, usize)> = None;
    let (mut p, mut n) = (0, 0);
    loop {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, n));
            p += 1;
            continue;
        }
        if p == pattern.len() && n == name.len() {
            return Ok(true);
        }
        let step = match name.get(n) {
            Some(&c) if p < pattern.len() => match_one(&pattern[p..], c),
            _ => None,
        };
        match (step, &mut retry) {
            (Some(len), _) => {
                p += len;
                n += 1;
            }
            (None, Some((star, eaten))) if *eaten < name.len() => {
                *eaten += 1;
                (p, n) = (*star, *eaten);
            }
            (None, _) => return Ok(false),
        }
    }
}

/// Matches one character against the element at the start of a well-formed
/// pattern; the length of that element if it matches.
fn match_one(pattern: &[char], c: char) -> Option<usize> {
    match pattern[0] {
        '?' => (c != '/').then_some(1),
        '\\' => (pattern[1] == c).then_some(2),
        '[' => {
            let is_negated = pattern[1] == '^';
            let mut at = 1 + usize::from(is_negated);
            let mut is_in = false;
            let first = at;
            while pattern[at] != ']' || at == first {
                let low = class_char(pattern, &mut at);
                let high = if pattern[at] == '-' {
                    at += 1;
                    class_char(pattern, &mut at)
                } else {
                    low
                };
                is_in |= (low..=high).contains(&c);
            }
            (is_in != is_negated).then_some(at + 1)
        }
        literal => (literal == c).then_some(1),
    }
}

fn class_char(pattern: &[char], at: &mut usize) -> char {
    if pattern[*at] == '\\' {
        *at += 1;
    }
    *at += 1;
    pattern[*at - 1]
}

fn check_pattern(pattern: &[char]) -> Result<(), BadPattern> {
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' => {
                pattern.get(at + 1).ok_or(BadPattern)?;
                at += 2;
            }
            '[' => {
                at += 1;
                if pattern.get(at) == Some(&'^') {
                    at += 1;
                }
                let first = at;
                while *pattern.get(at).ok_or(BadPattern)? != ']' || at == first {
                    check_class_char(pattern, &mut at)?;
                    if pattern.get(at) == Some(&'-') {
                        at += 1;
                        check_class_char(pattern, &mut at)?;
                    }
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    Ok(())
}

fn check_class_char(pattern: &[char], at: &mut usize) -> Result<(), BadPattern> {
    match pattern.get(*at) {
        None | Some('-' | ']') => return Err(BadPattern),
        Some('\\') => *at += 1,
        Some(_) => {}
    }
    pattern.get(*at).ok_or(BadPattern)?;
    *at += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_cleaned_by_text() {
        for (dir, path, want) in [
            ("", "a.yml", "a.yml"),
            (".", "a/../b.yml", "b.yml"),
            ("/etc/p", "../x/*.yml", "/etc/x/*.yml"),
            ("/etc", "/abs", "/abs"),
            ("a", "../..", ".."),
            ("/", "..", "/"),
            ("d", "", ""),
        ] {
            assert_eq!(join(Path::new(dir), path), want, "{dir} {path}");
        }
    }

    #[test]
    fn file_patterns_have_stars_only_at_the_end() {
        assert!(is_file_pattern("a/b.yml"));
        assert!(is_file_pattern("a/*.yml"));
        assert!(!is_file_pattern("a/*/b.yml"));
    }

    #[test]
    fn names_match_as_in_go() {
        for (pattern, name, want) in [
            ("*.yml", "a.yml", true),
            ("*.yml", "a.yaml", false),
            ("a*b*c", "aXbYbc", true),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            (r"\*", "*", true),
            (r"[\]]", "]", true),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), Ok(want), "{pattern} {name}");
        }
        for pattern in ["[", "[a", "[]a]", "[-]", "[a-]", "\\", "[^"] {
            assert_eq!(matches(pattern, "a"), Err(BadPattern), "{pattern}");
        }
    }

    #[test]
    fn globs_find_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yml", "c.json"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let found = glob(&format!("{}/*.yml", dir.path().display())).unwrap();
        assert_eq!(found, [dir.path().join("a.yml"), dir.path().join("b.yml")]);
        assert!(glob(&format!("{}/none/*.yml", dir.path().display())).unwrap().is_empty());
        assert!(glob(&format!("{}/none.yml", dir.path().display())).unwrap().is_empty());
    }
}
