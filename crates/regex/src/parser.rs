//! Go's `regexp/syntax`, as `regexp.Compile` uses it (its flags `Perl`), into a
//! syntax tree of `regex-syntax`.
//!
//! The tree is built on an explicit stack, so that no pattern, however deeply
//! nested, overflows ours. Go's limits are kept: repetitions up to 1000 (also
//! nested ones in product), a height of 1000, a size of the compiled program.

use regex_syntax::hir::{self, Class, ClassUnicode, ClassUnicodeRange, Dot, Hir, Look, Repetition};

use crate::class;
use crate::error::{Error, ErrorKind};
use crate::unicode;

/// How high a syntax tree may be.
const HEIGHT_MAX: u32 = 1000;
/// How many instructions Go would let a program have: 128 MiB of 40 bytes each.
const SIZE_MAX: u64 = (128 << 20) / 40;
/// How many characters and class bounds a tree may hold. Go allows eight times
/// as much; at 4 bytes each this is 16 MiB.
const RUNES_MAX: usize = 4 << 20;
/// How often something may be repeated.
const REPEAT_MAX: u32 = 1000;

/// What a pattern means.
pub(crate) struct Parsed {
    pub(crate) hir: Hir,
    /// The tree's levels, at most 1000.
    pub(crate) height: u32,
    /// The groups' names by number; group 0 is the whole and has none. Several
    /// groups may have one name, so the tree itself does not carry them.
    pub(crate) names: Vec<Option<Box<str>>>,
}

#[derive(Clone, Copy)]
pub(crate) struct Flags {
    /// `i`
    pub(crate) fold: bool,
    /// `m`
    multi_line: bool,
    /// `s`
    dot_newline: bool,
    /// `U`
    ungreedy: bool,
}

/// Parses `pattern`; `dot_newline` is the flag `s` at its start.
pub(crate) fn parse(pattern: &str, dot_newline: bool) -> Result<Parsed, Error> {
    let flags = Flags { fold: false, multi_line: false, dot_newline, ungreedy: false };
    let root = Group { flags, capture: None, alternatives: Vec::new(), concat: Vec::new() };
    let parser = Parser { whole: pattern, flags, groups: vec![root], names: vec![None], runes: 0 };
    parser.parse()
}

struct Parser<'p> {
    whole: &'p str,
    flags: Flags,
    /// The open groups, outermost first; the first is the pattern itself.
    groups: Vec<Group>,
    names: Vec<Option<Box<str>>>,
    /// Characters and class bounds so far.
    runes: usize,
}

struct Group {
    /// The flags to return to at its end.
    flags: Flags,
    capture: Option<u32>,
    alternatives: Vec<Node>,
    /// The alternative being read.
    concat: Vec<Piece>,
}

enum Piece {
    /// Kept apart from nodes so that long literals stay cheap.
    Char(char),
    Node(Node),
}

#[derive(Clone, Copy, PartialEq)]
enum Op {
    Concat,
    Alternate,
    Other,
}

struct Node {
    hir: Hir,
    op: Op,
    /// Instructions in Go's count.
    size: u64,
    /// Levels in Go's count; directly nested concatenations are one.
    height: u32,
    /// The largest product of nested repetition counts inside.
    repeats: u32,
}

impl Node {
    fn leaf(hir: Hir) -> Node {
        Node { hir, op: Op::Other, size: 1, height: 1, repeats: 1 }
    }
}

impl<'p> Parser<'p> {
    fn parse(mut self) -> Result<Parsed, Error> {
        let mut rest = self.whole;
        // The pattern from the repetition operator just read on, if it was one.
        let mut last_repeat: Option<&str> = None;
        while let Some(&first) = rest.as_bytes().first() {
            let before = rest;
            let mut repeated = false;
            match first {
                b'(' if rest[1..].starts_with('?') => rest = self.perl_group(rest)?,
                b'(' => {
                    self.open_capture(None);
                    rest = &rest[1..];
                }
                b')' => {
                    self.close_group()?;
                    rest = &rest[1..];
                }
                b'|' => {
                    self.finish_alternative()?;
                    rest = &rest[1..];
                }
                b'^' => {
                    self.push_look(if self.flags.multi_line { Look::StartLF } else { Look::Start })?;
                    rest = &rest[1..];
                }
                b'$' => {
                    self.push_look(if self.flags.multi_line { Look::EndLF } else { Look::End })?;
                    rest = &rest[1..];
                }
                b'.' => {
                    let dot = if self.flags.dot_newline { Dot::AnyChar } else { Dot::AnyCharExceptLF };
                    self.push(Node::leaf(Hir::dot(dot)))?;
                    rest = &rest[1..];
                }
                b'[' => {
                    let (class, after) = class::bracketed(rest, self.flags.fold)?;
                    self.push_class(class)?;
                    rest = after;
                }
                b'*' | b'+' | b'?' => {
                    let (min, max) = match first {
                        b'*' => (0, None),
                        b'+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    rest = self.repeat(min, max, false, before, &rest[1..], last_repeat)?;
                    repeated = true;
                }
                b'{' => match counts(rest) {
                    // Not of the form {n,m}: an ordinary character.
                    None => {
                        self.push_char('{')?;
                        rest = &rest[1..];
                    }
                    Some((Some((min, max)), after)) if min <= max.unwrap_or(REPEAT_MAX) => {
                        rest = self.repeat(min, max, true, before, after, last_repeat)?;
                        repeated = true;
                    }
                    Some((_, after)) => return Err(Error::new(ErrorKind::InvalidRepeatSize, upto(before, after))),
                },
                b'\\' => rest = self.escape(rest)?,
                _ => {
                    let c = rest.chars().next().expect("the rest is not empty");
                    self.push_char(c)?;
                    rest = &rest[c.len_utf8()..];
                }
            }
            last_repeat = repeated.then_some(before);
        }
        self.finish_alternative()?;
        if self.groups.len() != 1 {
            return Err(Error::new(ErrorKind::MissingParen, self.whole));
        }
        let root = self.groups.pop().expect("exactly one is left");
        let node = self.alternate(root.alternatives)?;
        Ok(Parsed { hir: node.hir, height: node.height, names: self.names })
    }

    /// What a backslash outside of brackets begins; `text` starts with it.
    fn escape<'t>(&mut self, text: &'t str) -> Result<&'t str, Error> {
        let letter = text.as_bytes().get(1).copied();
        match letter {
            Some(b'A') => self.push_look(Look::Start)?,
            Some(b'z') => self.push_look(Look::End)?,
            Some(b'b') => self.push_look(Look::WordAscii)?,
            Some(b'B') => self.push_look(Look::WordAsciiNegate)?,
            Some(b'Q') => {
                let (literal, after) = text[2..].split_once("\\E").unwrap_or((&text[2..], ""));
                for c in literal.chars() {
                    self.push_char(c)?;
                }
                return Ok(after);
            }
            _ => {
                if let Some((class, after)) = class::escaped(text, self.flags.fold)? {
                    self.push_class(class)?;
                    return Ok(after);
                }
                let (code, after) = class::character(text)?;
                match char::from_u32(code) {
                    Some(c) => self.push_char(c)?,
                    // A surrogate: Go accepts it, and no valid text contains it.
                    None => self.push(Node::leaf(Hir::fail()))?,
                }
                return Ok(after);
            }
        }
        Ok(&text[2..])
    }

    /// What `(?` begins: a named group, a group without capture, or flags alone.
    fn perl_group<'t>(&mut self, text: &'t str) -> Result<&'t str, Error> {
        let name_at = match text.as_bytes() {
            [_, _, b'P', b'<', _, ..] => Some(4),
            [_, _, b'<', _, ..] => Some(3),
            _ => None,
        };
        if let Some(name_at) = name_at {
            let Some(end) = text.find('>') else {
                return Err(Error::new(ErrorKind::InvalidNamedCapture, text));
            };
            let name = text.get(name_at..end).unwrap_or("");
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(Error::new(ErrorKind::InvalidNamedCapture, &text[..=end]));
            }
            self.open_capture(Some(name));
            return Ok(&text[end + 1..]);
        }

        let mut flags = self.flags;
        let (mut on, mut saw_flag) = (true, false);
        let mut rest = &text[2..];
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_newline = on,
                'U' => flags.ungreedy = on,
                '-' if on => {
                    (on, saw_flag) = (false, false);
                    continue;
                }
                ':' | ')' if on || saw_flag => {
                    if c == ':' {
                        self.open(None);
                    }
                    self.flags = flags;
                    return Ok(rest);
                }
                _ => break,
            }
            saw_flag = true;
        }
        Err(Error::new(ErrorKind::InvalidPerlOp, upto(text, rest)))
    }

    fn open_capture(&mut self, name: Option<&str>) {
        let index = self.names.len() as u32;
        self.names.push(name.map(Into::into));
        self.open(Some(index));
    }

    fn open(&mut self, capture: Option<u32>) {
        self.groups.push(Group { flags: self.flags, capture, alternatives: Vec::new(), concat: Vec::new() });
    }

    fn close_group(&mut self) -> Result<(), Error> {
        self.finish_alternative()?;
        if self.groups.len() == 1 {
            return Err(Error::new(ErrorKind::UnexpectedParen, self.whole));
        }
        let group = self.groups.pop().expect("two are open");
        self.flags = group.flags;
        let inner = self.alternate(group.alternatives)?;
        let node = match group.capture {
            None => inner,
            Some(index) => Node {
                op: Op::Other,
                size: inner.size.saturating_add(2),
                height: inner.height + 1,
                repeats: inner.repeats,
                hir: Hir::capture(hir::Capture { index, name: None, sub: Box::new(inner.hir) }),
            },
        };
        self.push(node)
    }

    /// Repeats what was read last. `before` starts with the operator, `after`
    /// follows it; the result follows a `?` that changes its greed.
    fn repeat<'t>(
        &mut self,
        min: u32,
        max: Option<u32>,
        counted: bool,
        before: &'t str,
        mut after: &'t str,
        last_repeat: Option<&'t str>,
    ) -> Result<&'t str, Error> {
        let mut greedy = !self.flags.ungreedy;
        if let Some(rest) = after.strip_prefix('?') {
            after = rest;
            greedy = !greedy;
        }
        if let Some(last) = last_repeat {
            return Err(Error::new(ErrorKind::InvalidRepeatOp, upto(last, after)));
        }
        let sub = match self.groups.last_mut().expect("the pattern itself is open").concat.pop() {
            None => return Err(Error::new(ErrorKind::MissingRepeatArgument, upto(before, after))),
            Some(Piece::Char(c)) => char_node(c),
            Some(Piece::Node(node)) => node,
        };
        let (size, factor) = match (counted, min, max) {
            (false, 0, None) => (sub.size + 2, 1),
            (false, ..) => (sub.size + 1, 1),
            (true, 0, None) => (sub.size + 2, 1),
            (true, min, None) => (sub.size.saturating_mul(min.into()).saturating_add(1), min),
            (true, min, Some(max)) => {
                (sub.size.saturating_mul(max.into()).saturating_add((max - min).into()).max(1), max)
            }
        };
        // What is repeated zero times does not count, however it repeats inside.
        let repeats = if max == Some(0) { 1 } else { sub.repeats.saturating_mul(factor.max(1)) };
        let node = Node {
            op: Op::Other,
            size,
            height: sub.height + 1,
            repeats,
            hir: Hir::repetition(Repetition { min, max, greedy, sub: Box::new(sub.hir) }),
        };
        self.push(node)?;
        if counted && (min >= 2 || max.is_some_and(|max| max >= 2)) && repeats > REPEAT_MAX {
            return Err(Error::new(ErrorKind::InvalidRepeatSize, upto(before, after)));
        }
        Ok(after)
    }

    fn push_char(&mut self, c: char) -> Result<(), Error> {
        if self.flags.fold {
            let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
            unicode::fold(&mut class);
            return self.push_class(class);
        }
        self.count_runes(1)?;
        self.groups.last_mut().expect("the pattern itself is open").concat.push(Piece::Char(c));
        Ok(())
    }

    fn push_class(&mut self, class: ClassUnicode) -> Result<(), Error> {
        if let [range] = class.ranges()
            && range.start() == range.end()
        {
            self.count_runes(1)?;
            let c = range.start();
            self.groups.last_mut().expect("the pattern itself is open").concat.push(Piece::Char(c));
            return Ok(());
        }
        self.count_runes(2 * class.ranges().len())?;
        self.push(Node::leaf(Hir::class(Class::Unicode(class))))
    }

    fn push_look(&mut self, look: Look) -> Result<(), Error> {
        self.push(Node::leaf(Hir::look(look)))
    }

    fn push(&mut self, node: Node) -> Result<(), Error> {
        self.check_limits(&node)?;
        self.groups.last_mut().expect("the pattern itself is open").concat.push(Piece::Node(node));
        Ok(())
    }

    fn count_runes(&mut self, runes: usize) -> Result<(), Error> {
        self.runes += runes;
        if self.runes > RUNES_MAX { Err(Error::new(ErrorKind::Large, self.whole)) } else { Ok(()) }
    }

    fn check_limits(&self, node: &Node) -> Result<(), Error> {
        if node.size > SIZE_MAX {
            return Err(Error::new(ErrorKind::Large, self.whole));
        }
        if node.height > HEIGHT_MAX {
            return Err(Error::new(ErrorKind::NestingDepth, self.whole));
        }
        Ok(())
    }

    /// Ends the alternative being read, at `|`, `)` or the end.
    fn finish_alternative(&mut self) -> Result<(), Error> {
        let group = self.groups.last_mut().expect("the pattern itself is open");
        let mut nodes: Vec<Node> = Vec::with_capacity(group.concat.len());
        let mut literal = String::new();
        for piece in group.concat.drain(..) {
            match piece {
                Piece::Char(c) => literal.push(c),
                Piece::Node(node) => {
                    if !literal.is_empty() {
                        nodes.push(literal_node(&literal));
                        literal.clear();
                    }
                    nodes.push(node);
                }
            }
        }
        if !literal.is_empty() {
            nodes.push(literal_node(&literal));
        }
        let node = combine(nodes, Op::Concat);
        self.check_limits(&node)?;
        self.groups.last_mut().expect("the pattern itself is open").alternatives.push(node);
        Ok(())
    }

    fn alternate(&self, alternatives: Vec<Node>) -> Result<Node, Error> {
        let node = combine(alternatives, Op::Alternate);
        self.check_limits(&node)?;
        Ok(node)
    }
}

fn char_node(c: char) -> Node {
    literal_node(c.encode_utf8(&mut [0; 4]))
}

fn literal_node(literal: &str) -> Node {
    let size = literal.chars().count() as u64;
    Node { size, ..Node::leaf(Hir::literal(literal.as_bytes())) }
}

/// Joins nodes by `op`; one alone stays itself, those that are themselves joined
/// by it dissolve in the new one.
fn combine(mut nodes: Vec<Node>, op: Op) -> Node {
    if nodes.len() == 1 {
        return nodes.pop().expect("exactly one");
    }
    let mut joined = Node { op, ..Node::leaf(Hir::empty()) };
    if nodes.is_empty() {
        joined.op = Op::Other;
        return joined;
    }
    joined.size = if op == Op::Alternate { nodes.len() as u64 - 1 } else { 0 };
    let mut hirs = Vec::with_capacity(nodes.len());
    for node in nodes {
        joined.size = joined.size.saturating_add(node.size);
        joined.height = joined.height.max(node.height + u32::from(node.op != op));
        joined.repeats = joined.repeats.max(node.repeats);
        hirs.push(node.hir);
    }
    joined.hir = if op == Op::Concat { Hir::concat(hirs) } else { Hir::alternation(hirs) };
    joined
}

/// `text` up to where `rest`, its end, begins.
pub(crate) fn upto<'t>(text: &'t str, rest: &str) -> &'t str {
    &text[..text.len() - rest.len()]
}

/// A lower and an upper count; no upper one means without end.
type Counts = (u32, Option<u32>);

/// Reads `{n}`, `{n,}` or `{n,m}` and what follows it. `None`: it is none of
/// these. No counts: it is, but a count is over the limit.
fn counts(text: &str) -> Option<(Option<Counts>, &str)> {
    let (min, rest) = count(text.strip_prefix('{')?)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => count(rest).map(|(max, rest)| (Some(max), rest))?,
    };
    let rest = rest.strip_prefix('}')?;
    let small = min <= REPEAT_MAX && max.is_none_or(|max| max <= REPEAT_MAX);
    Some((small.then_some((min, max)), rest))
}

/// Reads a decimal number without leading zeros; too big ones saturate.
fn count(text: &str) -> Option<(u32, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(len);
    if digits.is_empty() || (len > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
