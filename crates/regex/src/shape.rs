//! What matches without an automaton: a set of strings, or literals with `.*`
//! and `.+` around them. Nearly all matchers in the field are of this kind.

use memchr::memmem;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A pattern may stand for this many strings, or as many as it has bytes.
const STRINGS_MAX: usize = 256;
/// So many strings are compared one by one, most differing in length already.
const SCAN_MAX: usize = 8;
/// The strings together may have this many bytes.
const STRINGS_LEN_MAX: usize = 1 << 20;
/// Trees higher than this are left to the automaton.
const DEPTH_MAX: u32 = 64;

/// How a whole text is matched.
#[derive(Debug)]
pub(crate) enum Shape {
    /// One of these, sorted; possibly none at all.
    Set(Box<[String]>),
    /// Literals, in order, with gaps between them.
    Glob(Glob),
    /// Anything else.
    Automaton,
}

impl Shape {
    /// The shape of a pattern of `pattern_len` bytes.
    pub(crate) fn of(hir: &Hir, pattern_len: usize) -> Shape {
        let parts = without_anchors(hir);
        if let Some(strings) = strings(parts, pattern_len.max(STRINGS_MAX)) {
            return Shape::Set(strings);
        }
        match Glob::of(parts) {
            Some(glob) => Shape::Glob(glob),
            None => Shape::Automaton,
        }
    }

    /// Whether the whole of `text` matches; `None` when an automaton is needed.
    #[inline]
    pub(crate) fn is_match(&self, text: &str) -> Option<bool> {
        match self {
            Shape::Set(strings) => match &**strings {
                [] => Some(false),
                [only] if only.is_empty() => Some(text.is_empty()),
                [only] => Some(only == text),
                // Sorted: an empty one comes first.
                many if text.is_empty() => Some(many[0].is_empty()),
                few if few.len() <= SCAN_MAX => Some(few.iter().any(|string| string == text)),
                many => Some(many.binary_search_by(|string| string.as_str().cmp(text)).is_ok()),
            },
            Shape::Glob(glob) => Some(glob.is_match(text)),
            Shape::Automaton => None,
        }
    }
}

/// What stands between two literals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Gap {
    /// `.*`
    Any,
    /// `.+`
    Some,
}

/// `first GAP literal GAP literal …`; the last literal is at the text's end.
#[derive(Debug)]
pub(crate) struct Glob {
    pub(crate) first: String,
    /// Not empty. Only the last literal may be empty.
    rest: Vec<(Gap, Literal)>,
}

#[derive(Debug)]
struct Literal {
    text: String,
    finder: memmem::Finder<'static>,
}

impl Glob {
    fn of(parts: &[Hir]) -> Option<Glob> {
        let mut glob = Glob { first: String::new(), rest: Vec::new() };
        let mut gap = None;
        let mut text = String::new();
        let mut pending: Vec<&Hir> = parts.iter().rev().collect();
        while let Some(part) = pending.pop() {
            match part.kind() {
                HirKind::Capture(capture) => pending.push(&capture.sub),
                HirKind::Concat(parts) => pending.extend(parts.iter().rev()),
                HirKind::Empty => {}
                HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
                HirKind::Repetition(repetition) if repetition.max.is_none() && is_any_char(&repetition.sub) => {
                    let next = match repetition.min {
                        0 => Gap::Any,
                        1 => Gap::Some,
                        _ => return None,
                    };
                    match gap {
                        // Two gaps side by side are one, unless both want a character.
                        Some(last) if text.is_empty() => match (last, next) {
                            (Gap::Some, Gap::Some) => return None,
                            (Gap::Some, _) => {}
                            (Gap::Any, _) => gap = Some(next),
                        },
                        _ => {
                            glob.push(gap, std::mem::take(&mut text));
                            gap = Some(next);
                        }
                    }
                }
                _ => return None,
            }
        }
        gap?;
        glob.push(gap, text);
        Some(glob)
    }

    fn push(&mut self, gap: Option<Gap>, text: String) {
        match gap {
            None => self.first = text,
            Some(gap) => {
                let finder = memmem::Finder::new(&text).into_owned();
                self.rest.push((gap, Literal { text, finder }));
            }
        }
    }

    /// Whether the pattern is `.*` alone.
    pub(crate) fn is_everything(&self) -> bool {
        self.first.is_empty() && matches!(&self.rest[..], [(Gap::Any, last)] if last.text.is_empty())
    }

    /// Takes each literal as early as it comes: what is left over for the later
    /// ones is then the longest.
    fn is_match(&self, text: &str) -> bool {
        // Empty literals are not compared at all: C's `memcmp` of no bytes at an
        // empty string's dangling address costs 75 ns on processors with AVX-512.
        let mut rest = text;
        if !self.first.is_empty() {
            match text.strip_prefix(&*self.first) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        let (last, middle) = self.rest.split_last().expect("a glob has a gap");
        for (gap, literal) in middle {
            let Some(after_gap) = skip(rest, *gap) else { return false };
            let Some(at) = literal.finder.find(after_gap.as_bytes()) else { return false };
            rest = &after_gap[at + literal.text.len()..];
        }
        let (gap, literal) = last;
        skip(rest, *gap).is_some_and(|after_gap| literal.text.is_empty() || after_gap.ends_with(&literal.text))
    }
}

/// The text after the least the gap takes.
fn skip(text: &str, gap: Gap) -> Option<&str> {
    match gap {
        Gap::Any => Some(text),
        Gap::Some => text.chars().next().map(|c| &text[c.len_utf8()..]),
    }
}

/// Whether it is `.` with the flag `s`.
fn is_any_char(hir: &Hir) -> bool {
    match hir.kind() {
        // All characters, whether or not the surrogates' gap splits them in two.
        HirKind::Class(Class::Unicode(class)) => match class.ranges() {
            [all] => all.start() == '\0' && all.end() == char::MAX,
            [low, high] => {
                (low.start(), low.end()) == ('\0', '\u{d7ff}') && (high.start(), high.end()) == ('\u{e000}', char::MAX)
            }
            _ => false,
        },
        _ => false,
    }
}

/// The parts of a concatenation without `^` before and `$` behind, which change
/// nothing in a pattern that must match the whole text.
fn without_anchors(hir: &Hir) -> &[Hir] {
    let mut parts = match hir.kind() {
        HirKind::Concat(parts) => parts,
        _ => std::slice::from_ref(hir),
    };
    while let [first, rest @ ..] = parts
        && matches!(first.kind(), HirKind::Look(Look::Start))
    {
        parts = rest;
    }
    while let [rest @ .., last] = parts
        && matches!(last.kind(), HirKind::Look(Look::End))
    {
        parts = rest;
    }
    parts
}

/// All strings the parts in a row can match, sorted, if they are few.
fn strings(parts: &[Hir], count_max: usize) -> Option<Box<[String]>> {
    let mut all = concat_strings(parts, count_max, 0)?;
    all.sort_unstable();
    all.dedup();
    Some(all.into())
}

fn concat_strings(parts: &[Hir], count_max: usize, depth: u32) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    for part in parts {
        all = cross(&all, &hir_strings(part, count_max, depth)?, count_max)?;
    }
    Some(all)
}

fn hir_strings(hir: &Hir, count_max: usize, depth: u32) -> Option<Vec<String>> {
    if depth > DEPTH_MAX {
        return None;
    }
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Class(Class::Unicode(class)) => {
            let count: usize = class.iter().map(|range| range.len()).sum();
            let chars = class.iter().flat_map(|range| range.start()..=range.end());
            (count <= count_max).then(|| chars.map(String::from).collect())
        }
        // An automaton's class of bytes: all ASCII, or it would not be Go's.
        HirKind::Class(Class::Bytes(class)) => {
            let bytes = class.iter().flat_map(|range| range.start()..=range.end());
            bytes.map(|byte| byte.is_ascii().then(|| char::from(byte).to_string())).collect()
        }
        HirKind::Look(_) => None,
        HirKind::Repetition(repetition) => {
            let max = repetition.max?;
            let sub = hir_strings(&repetition.sub, count_max, depth + 1)?;
            let mut power = vec![String::new()];
            let mut all = if repetition.min == 0 { power.clone() } else { Vec::new() };
            for count in 1..=max {
                power = cross(&power, &sub, count_max)?;
                if count >= repetition.min {
                    all.extend_from_slice(&power);
                    is_small(&all, count_max).then_some(())?;
                }
            }
            Some(all)
        }
        HirKind::Capture(capture) => hir_strings(&capture.sub, count_max, depth + 1),
        HirKind::Concat(parts) => concat_strings(parts, count_max, depth + 1),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(hir_strings(part, count_max, depth + 1)?);
                if all.len() > count_max {
                    return None;
                }
            }
            Some(all)
        }
    }
}

fn is_small(strings: &[String], count_max: usize) -> bool {
    strings.len() <= count_max && strings.iter().map(String::len).sum::<usize>() <= STRINGS_LEN_MAX
}

/// Each of `heads` followed by each of `tails`, if these are few.
fn cross(heads: &[String], tails: &[String], count_max: usize) -> Option<Vec<String>> {
    if heads.len().saturating_mul(tails.len()) > count_max {
        return None;
    }
    let head_len: usize = heads.iter().map(String::len).sum();
    let tail_len: usize = tails.iter().map(String::len).sum();
    if head_len * tails.len() + tail_len * heads.len() > STRINGS_LEN_MAX {
        return None;
    }
    Some(heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}"))).collect())
}

/// A literal with which every match of a whole text begins.
pub(crate) fn prefix(hir: &Hir) -> String {
    let mut prefix = String::new();
    push_prefix(without_anchors(hir), &mut prefix, 0);
    prefix
}

/// Adds what the parts in a row certainly begin with. Returns whether that is
/// all they match.
fn push_prefix(parts: &[Hir], prefix: &mut String, depth: u32) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    parts.iter().all(|part| match part.kind() {
        HirKind::Empty => true,
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(literal) => {
                prefix.push_str(literal);
                true
            }
            Err(_) => false,
        },
        HirKind::Capture(capture) => push_prefix(std::slice::from_ref(&*capture.sub), prefix, depth + 1),
        HirKind::Concat(parts) => push_prefix(parts, prefix, depth + 1),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            push_prefix(std::slice::from_ref(&*repetition.sub), prefix, depth + 1);
            false
        }
        HirKind::Alternation(parts) => {
            let mut common: Option<String> = None;
            for part in parts {
                let mut own = String::new();
                push_prefix(std::slice::from_ref(part), &mut own, depth + 1);
                common = Some(match common {
                    None => own,
                    Some(common) => common_prefix(&common, &own).into(),
                });
            }
            prefix.push_str(&common.unwrap_or_default());
            false
        }
        HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => false,
    })
}

pub(crate) fn common_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    &a[..common.map(|(c, _)| c.len_utf8()).sum()]
}
