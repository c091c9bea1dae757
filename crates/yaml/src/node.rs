//! A parsed text: nodes in one arena, so that aliases cost nothing and no
//! operation recurses along a hostile nesting.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::error::Error;
use crate::scalar::{self, Scalar};

/// The longest text that is read.
const TEXT_LEN_MAX: usize = 64 << 20;

/// How deep mappings and sequences may nest. go-yaml allows 10000; typed
/// decoding goes nowhere near either.
const DEPTH_MAX: usize = 1000;

/// The first document of a text.
#[derive(Clone, Debug)]
pub struct Document {
    nodes: Vec<Data>,
    root: Option<u32>,
}

#[derive(Clone, Debug)]
struct Data {
    kind: Kind,
    /// In short form, such as `!!str`; empty when not given.
    tag: Box<str>,
    line: u32,
    column: u32,
}

#[derive(Clone, Debug)]
enum Kind {
    Scalar { text: Box<str>, plain: bool },
    Sequence(Vec<u32>),
    Mapping(Vec<u32>),
    Alias(u32),
}

impl Document {
    /// Parses the first document of `text`; what follows it is not looked at.
    ///
    /// # Errors
    /// When it is not YAML, longer than 64 MiB or nested more than 1000 deep.
    pub fn parse(text: &str) -> Result<Document, Error> {
        if text.len() > TEXT_LEN_MAX {
            return Err(Error::Refused(format!("text is longer than {TEXT_LEN_MAX} bytes")));
        }
        Builder::default().run(text)
    }

    /// Its content; `None` when there is none.
    pub fn root(&self) -> Option<Node<'_>> {
        self.root.map(|id| Node { document: self, id })
    }
}

/// A sequence or mapping whose end has not come yet.
struct Open {
    id: u32,
    children: Vec<u32>,
    is_mapping: bool,
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Data>,
    open: Vec<Open>,
    /// By the parser's number of the anchor.
    anchors: HashMap<usize, u32>,
    root: Option<u32>,
}

impl Builder {
    fn run(mut self, text: &str) -> Result<Document, Error> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| syntax_error(&error))?;
            match event {
                Event::DocumentEnd | Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
                Event::Alias(anchor) => self.alias(anchor, span)?,
                Event::Scalar(text, style, anchor, tag) => {
                    let plain = style == ScalarStyle::Plain;
                    let kind = Kind::Scalar { text: text.into(), plain };
                    let id = self.push(kind, tag, span);
                    self.name(anchor, id);
                    self.attach(id);
                }
                Event::SequenceStart(anchor, tag) => {
                    self.begin(Kind::Sequence(Vec::new()), anchor, tag, span)?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.begin(Kind::Mapping(Vec::new()), anchor, tag, span)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(),
            }
        }
        Ok(Document { nodes: self.nodes, root: self.root })
    }

    fn push(&mut self, kind: Kind, tag: Option<Cow<'_, Tag>>, span: Span) -> u32 {
        let tag = match tag {
            Some(tag) if tag.is_yaml_core_schema() => format!("!!{}", tag.suffix).into(),
            // The non-specific tag says no more than quotes do.
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => "".into(),
            Some(tag) => format!("{}{}", tag.handle, tag.suffix).into(),
            None => "".into(),
        };
        let id = u32::try_from(self.nodes.len()).expect("a text of 64 MiB holds fewer than 2^32 nodes");
        let (line, column) = (span.start.line() as u32, span.start.col() as u32 + 1);
        self.nodes.push(Data { kind, tag, line, column });
        id
    }

    fn name(&mut self, anchor: usize, id: u32) {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    fn attach(&mut self, id: u32) {
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.root = Some(id),
        }
    }

    fn begin(&mut self, kind: Kind, anchor: usize, tag: Option<Cow<'_, Tag>>, span: Span) -> Result<(), Error> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Error::Syntax {
                line: span.start.line(),
                problem: format!("exceeded max depth of {DEPTH_MAX}"),
            });
        }
        let is_mapping = matches!(kind, Kind::Mapping(_));
        let id = self.push(kind, tag, span);
        self.name(anchor, id);
        self.open.push(Open { id, children: Vec::new(), is_mapping });
        Ok(())
    }

    fn end(&mut self) {
        let Some(Open { id, mut children, is_mapping }) = self.open.pop() else { return };
        if is_mapping {
            // The parser gives keys and values in turn; an odd one out has no value.
            children.truncate(children.len() & !1);
        }
        let data = &mut self.nodes[id as usize];
        data.kind = if is_mapping { Kind::Mapping(children) } else { Kind::Sequence(children) };
        self.attach(id);
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Error> {
        let line = span.start.line();
        let Some(&target) = self.anchors.get(&anchor) else {
            return Err(Error::Syntax { line, problem: "unknown anchor referenced".into() });
        };
        if self.open.iter().any(|open| open.id == target) {
            return Err(Error::Syntax { line, problem: "anchor value contains itself".into() });
        }
        let id = self.push(Kind::Alias(target), None, span);
        self.attach(id);
        Ok(())
    }
}

fn syntax_error(error: &ScanError) -> Error {
    // "while parsing a block mapping, did not find expected key": go-yaml says
    // only what it did not find.
    let info = error.info();
    let problem = match info.strip_prefix("while ") {
        Some(rest) => rest.split_once(", ").map_or(info, |(_, problem)| problem),
        None => info,
    };
    let problem = if problem.starts_with("unexpected character") || problem.starts_with("tabs disallowed") {
        "found character that cannot start any token"
    } else if problem == "simple key expect ':'" {
        "could not find expected ':'"
    } else {
        problem
    };
    Error::Syntax { line: error.marker().line(), problem: problem.into() }
}

/// A place in a document. Aliases are followed by [`crate::Decoder`] (which
/// counts them), so what a [`crate::Decode`] gets is never one.
#[derive(Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document,
    id: u32,
}

impl<'d> Node<'d> {
    fn data(self) -> &'d Data {
        &self.document.nodes[self.id as usize]
    }

    fn at(self, id: u32) -> Node<'d> {
        Node { document: self.document, id }
    }

    /// Its line, counted from 1.
    pub fn line(self) -> usize {
        self.data().line as usize
    }

    /// Its column in characters, counted from 1.
    pub fn column(self) -> usize {
        self.data().column as usize
    }

    /// The tag written at it, in short form (`!!str`); `""` when there is none.
    pub fn tag(self) -> &'d str {
        &self.data().tag
    }

    /// What it stands for when it is an alias.
    pub fn alias_target(self) -> Option<Node<'d>> {
        match self.data().kind {
            Kind::Alias(target) => Some(self.at(target)),
            _ => None,
        }
    }

    /// Itself, or what it stands for when it is an alias.
    pub fn resolved(self) -> Node<'d> {
        self.alias_target().unwrap_or(self)
    }

    /// The text of a scalar.
    pub fn text(self) -> Option<&'d str> {
        match &self.data().kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What a scalar means: a plain one by the rules of YAML 1.1, a quoted one its text.
    pub fn scalar(self) -> Option<Scalar<'d>> {
        match &self.data().kind {
            Kind::Scalar { text, plain: false } if self.tag().is_empty() => Some(Scalar::Text(text)),
            Kind::Scalar { text, .. } => Some(scalar::resolve(self.tag(), text)),
            _ => None,
        }
    }

    /// Whether it is a scalar that stands for nothing: `~`, `null`, or empty and plain.
    pub fn is_null(self) -> bool {
        matches!(self.scalar(), Some(Scalar::Null))
    }

    /// The elements of a sequence.
    pub fn elements(self) -> Option<impl ExactSizeIterator<Item = Node<'d>> + DoubleEndedIterator> {
        match &self.data().kind {
            Kind::Sequence(children) => Some(children.iter().map(move |&id| self.at(id))),
            _ => None,
        }
    }

    /// The keys and values of a mapping, as written.
    pub fn entries(self) -> Option<impl ExactSizeIterator<Item = (Node<'d>, Node<'d>)>> {
        match &self.data().kind {
            Kind::Mapping(children) => {
                Some(children.chunks_exact(2).map(move |pair| (self.at(pair[0]), self.at(pair[1]))))
            }
            _ => None,
        }
    }

    /// Whether it is the key `<<`, whose value is merged into the mapping.
    pub fn is_merge_key(self) -> bool {
        match &self.data().kind {
            Kind::Scalar { text, plain } => {
                &**text == "<<" && (*plain && matches!(self.tag(), "" | "!") || self.tag() == "!!merge")
            }
            _ => false,
        }
    }
}
