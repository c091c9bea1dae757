//! A pattern that must match a whole string: what matchers and relabelling use.

use std::fmt;
use std::sync::{Arc, OnceLock};

use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Anchored as Side, Input, meta};
use regex_syntax::hir::{Hir, HirKind, Look};

use crate::captures::{Captures, Spans};
use crate::error::{Error, ErrorKind};
use crate::parser::{self, Parsed};
use crate::shape::{self, Shape};

/// What one compiled pattern may take. Go lets a program have 128 MiB.
const PROGRAM_LEN_MAX: usize = 32 << 20;

/// Higher trees are compiled on a thread with a stack of its own.
const HEIGHT_INLINE: u32 = 100;
/// That stack: room for 1000 levels in a build without optimisation.
const STACK_LEN_DEEP: usize = 32 << 20;

/// A fully anchored pattern, `^(?s:PATTERN)$`. Cloning is cheap.
#[derive(Clone)]
pub struct Anchored {
    inner: Arc<Inner>,
}

struct Inner {
    pattern: Box<str>,
    /// The text that is parsed; wrapped or not.
    is_wrapped: bool,
    shape: Shape,
    prefix: String,
    names: Vec<Option<Box<str>>>,
    /// Whether each group encloses the whole pattern.
    groups_are_whole: bool,
    /// Present when the shape needs it; finds no groups.
    verdict: Option<meta::Regex>,
    /// Finds groups; compiled when first needed, `None` if it is too large.
    groups: OnceLock<Option<meta::Regex>>,
}

impl Anchored {
    /// Compiles the pattern of a matcher. Errors show the pattern as given.
    ///
    /// # Errors
    /// [`Error`] with Go's text when the pattern is not valid.
    pub fn new(pattern: &str) -> Result<Anchored, Error> {
        Anchored::compile(pattern, false)
    }

    /// Compiles the pattern of relabelling or `label_replace`. Errors show the
    /// pattern within its `^(?s:` … `)$`, and parentheses may pair with those of
    /// the wrapping, as upstream's do.
    ///
    /// # Errors
    /// [`Error`] with Go's text when the pattern is not valid.
    pub fn wrapped(pattern: &str) -> Result<Anchored, Error> {
        let anchored = Anchored::compile(pattern, true)?;
        if !anchored.inner.groups_are_whole {
            let whole = anchored.inner.whole();
            anchored.inner.groups().ok_or_else(|| Error::new(ErrorKind::Large, &whole))?;
        }
        Ok(anchored)
    }

    fn compile(pattern: &str, is_wrapped: bool) -> Result<Anchored, Error> {
        let Parsed { hir, height, names } = parse(pattern, is_wrapped)?;
        let shape = Shape::of(&hir, pattern.len());
        let prefix = match &shape {
            Shape::Set(strings) => match &**strings {
                [first, .., last] => shape::common_prefix(first, last).into(),
                [only] => only.clone(),
                [] => String::new(),
            },
            Shape::Glob(glob) => glob.first.clone(),
            Shape::Automaton => shape::prefix(&hir),
        };
        let groups_are_whole = count_enclosing(&hir) == names.len() - 1;
        let verdict = match &shape {
            Shape::Automaton => {
                let large = |_| Error::new(ErrorKind::Large, pattern);
                Some(automaton(hir, height, WhichCaptures::Implicit).map_err(large)?)
            }
            _ => None,
        };
        let inner = Inner {
            pattern: pattern.into(),
            is_wrapped,
            shape,
            prefix,
            names,
            groups_are_whole,
            verdict,
            groups: OnceLock::new(),
        };
        Ok(Anchored { inner: Arc::new(inner) })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.inner.pattern
    }

    /// Whether the whole of `text` matches.
    #[inline]
    pub fn is_match(&self, text: &str) -> bool {
        match self.inner.shape.is_match(text) {
            Some(verdict) => verdict,
            None => self.inner.is_match_by_automaton(text),
        }
    }

    /// All strings the pattern matches, sorted, when they are few (256, or one
    /// for each byte of the pattern); possibly none. `None`: not known to be few.
    pub fn literals(&self) -> Option<&[String]> {
        match &self.inner.shape {
            Shape::Set(strings) => Some(strings),
            _ => None,
        }
    }

    /// What every string that matches begins with; often `""`.
    pub fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    /// Whether the pattern is `.*`, which matches everything.
    pub fn is_everything(&self) -> bool {
        matches!(&self.inner.shape, Shape::Glob(glob) if glob.is_everything())
    }

    /// What the groups match in `text`; `None` when the whole does not match.
    pub fn captures<'a>(&'a self, text: &'a str) -> Option<Captures<'a>> {
        let inner = &*self.inner;
        if inner.groups_are_whole {
            return self.is_match(text).then_some(Captures { text, names: &inner.names, spans: Spans::Whole });
        }
        let mut spans = Spans::for_groups(inner.names.len());
        inner.groups()?.search_slots(&Input::new(text).anchored(Side::Yes), spans.slots_mut())?;
        Some(Captures { text, names: &inner.names, spans })
    }

    /// `template` with its references replaced by what the groups match in
    /// `text` (see [`Captures::expand`]); `None` when the whole does not match.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.captures(text)?;
        let mut out = String::with_capacity(text.len() + template.len());
        captures.expand(template, &mut out);
        Some(out)
    }
}

impl Inner {
    #[inline(never)]
    fn is_match_by_automaton(&self, text: &str) -> bool {
        let verdict = self.verdict.as_ref().expect("compiled where the shape needs it");
        (self.prefix.is_empty() || text.starts_with(&self.prefix))
            && verdict.is_match(Input::new(text).anchored(Side::Yes))
    }

    fn groups(&self) -> Option<&meta::Regex> {
        let compile = || {
            let Parsed { hir, height, .. } = parse(&self.pattern, self.is_wrapped).ok()?;
            automaton(hir, height, WhichCaptures::All).ok()
        };
        self.groups.get_or_init(compile).as_ref()
    }

    fn whole(&self) -> String {
        wrap(&self.pattern)
    }
}

impl fmt::Debug for Anchored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Anchored").field(&self.inner.pattern).finish()
    }
}

/// Two patterns are equal when their texts are.
impl PartialEq for Anchored {
    fn eq(&self, other: &Anchored) -> bool {
        self.inner.pattern == other.inner.pattern && self.inner.is_wrapped == other.inner.is_wrapped
    }
}

impl Eq for Anchored {}

fn parse(pattern: &str, is_wrapped: bool) -> Result<Parsed, Error> {
    if is_wrapped { parser::parse(&wrap(pattern), false) } else { parser::parse(pattern, true) }
}

fn wrap(pattern: &str) -> String {
    format!("^(?s:{pattern})$")
}

/// The automaton could not be built within its limits.
struct TooLarge;

fn automaton(hir: Hir, height: u32, captures: WhichCaptures) -> Result<meta::Regex, TooLarge> {
    let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let config = meta::Config::new().which_captures(captures).nfa_size_limit(Some(PROGRAM_LEN_MAX));
    let build = move || meta::Builder::new().configure(config).build_from_hir(&whole).map_err(|_| TooLarge);
    if height <= HEIGHT_INLINE {
        return build();
    }
    // The compiler descends the tree by recursion.
    let thread = std::thread::Builder::new().stack_size(STACK_LEN_DEEP).spawn(build).map_err(|_| TooLarge)?;
    thread.join().unwrap_or(Err(TooLarge))
}

/// How many groups enclose all of the pattern, one within the other.
fn count_enclosing(hir: &Hir) -> usize {
    let mut count = 0;
    let mut inner = hir;
    loop {
        inner = match inner.kind() {
            HirKind::Capture(capture) => {
                count += 1;
                &capture.sub
            }
            HirKind::Concat(parts) => {
                let is_anchor = |part: &&Hir| matches!(part.kind(), HirKind::Look(Look::Start | Look::End));
                let mut rest = parts.iter().filter(|part| !is_anchor(part));
                match (rest.next(), rest.next()) {
                    (Some(only), None) => only,
                    _ => return count,
                }
            }
            _ => return count,
        };
    }
}

#[cfg(test)]
mod tests;
