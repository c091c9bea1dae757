//! What the groups of a pattern matched, and Go's replacement templates.

use regex_automata::util::primitives::NonMaxUsize;

use crate::unicode::is_name_char;

/// Slots (two per group) that need no allocation.
const SLOTS_INLINE: usize = 16;

/// The groups of one match of a whole text.
#[derive(Debug)]
pub struct Captures<'a> {
    pub(crate) text: &'a str,
    /// By group number; group 0 has no name.
    pub(crate) names: &'a [Option<Box<str>>],
    pub(crate) spans: Spans,
}

#[derive(Debug)]
pub(crate) enum Spans {
    /// Every group matched the whole text.
    Whole,
    Few([Option<NonMaxUsize>; SLOTS_INLINE]),
    Many(Box<[Option<NonMaxUsize>]>),
}

impl Spans {
    /// Empty slots for `groups` groups, the whole match counted.
    pub(crate) fn for_groups(groups: usize) -> Spans {
        if groups * 2 <= SLOTS_INLINE {
            Spans::Few([None; SLOTS_INLINE])
        } else {
            Spans::Many(vec![None; groups * 2].into())
        }
    }

    pub(crate) fn slots_mut(&mut self) -> &mut [Option<NonMaxUsize>] {
        match self {
            Spans::Whole => &mut [],
            Spans::Few(slots) => slots,
            Spans::Many(slots) => slots,
        }
    }
}

impl<'a> Captures<'a> {
    /// What the group with this number matched; 0 is the whole. `None` when
    /// there is no such group or it took no part.
    pub fn get(&self, group: usize) -> Option<&'a str> {
        if group == 0 {
            return Some(self.text);
        }
        let slots = match &self.spans {
            Spans::Whole => return (group < self.names.len()).then_some(self.text),
            Spans::Few(slots) => &slots[..],
            Spans::Many(slots) => slots,
        };
        let start = slots.get(group * 2).copied().flatten()?;
        let end = slots.get(group * 2 + 1).copied().flatten()?;
        self.text.get(start.get()..end.get())
    }

    /// What the first group of this name that took part matched.
    pub fn name(&self, name: &str) -> Option<&'a str> {
        let groups = self.names.iter().enumerate().filter(|(_, own)| own.as_deref() == Some(name));
        groups.filter_map(|(group, _)| self.get(group)).next()
    }

    /// Appends `template` to `out`, its references replaced by what the groups
    /// matched: `$name` (the longest run of letters, digits and `_`), `${name}`,
    /// a number without leading zero being a group's; `$$` is `$`. Unknown groups
    /// and those that took no part are empty, any other `$` is itself.
    ///
    /// Source: Go's `Regexp.Expand`.
    pub fn expand(&self, template: &str, out: &mut String) {
        let mut rest = template;
        while let Some(at) = memchr::memchr(b'$', rest.as_bytes()) {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            match reference(rest) {
                None => out.push('$'),
                Some((name, after)) => {
                    let value = match group_number(name) {
                        Some(group) => self.get(group),
                        None => self.name(name),
                    };
                    out.push_str(value.unwrap_or(""));
                    rest = after;
                }
            }
        }
        out.push_str(rest);
    }
}

/// The name that follows a `$`, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('{');
    let from = inside.unwrap_or(text);
    let len = from.find(|c| !is_name_char(c)).unwrap_or(from.len());
    let (name, rest) = from.split_at(len);
    if name.is_empty() {
        return None;
    }
    match inside {
        Some(_) => Some((name, rest.strip_prefix('}')?)),
        None => Some((name, rest)),
    }
}

fn group_number(name: &str) -> Option<usize> {
    let is_number = name.bytes().all(|b| b.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    if is_number { name.parse().ok() } else { None }
}
