//! From nodes to typed values.
//!
//! What does not fit its type is noted with its line and decoding goes on, so
//! that one run shows everything; a failed check of a value ends the run with
//! that error alone. Both as in go-yaml.

use crate::error::{Error, Place};
use crate::node::{Document, Node};

/// Ends the decoding with this one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort(pub String);

/// A type that YAML decodes into, in place.
///
/// `Default` is the type's zero value in Go's sense: what an explicit null
/// writes. A structure with other defaults sets them at the beginning of
/// [`Decode::decode`].
pub trait Decode: Default {
    /// What messages call the type: Go's name of upstream's type.
    fn type_name() -> String;

    /// Decodes a node that is neither an alias nor null. Says whether it fits; if
    /// not, `decoder` was told why.
    ///
    /// # Errors
    /// When a check fails that ends everything.
    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort>;
}

/// Decodes the first document of `text` into `out`, strictly. An empty one
/// leaves `out` as it is.
///
/// # Errors
/// [`Error::Type`] with everything that does not fit, or the first other problem.
pub fn decode<T: Decode>(text: &str, out: &mut T) -> Result<(), Error> {
    let document = Document::parse(text)?;
    let Some(root) = document.root() else { return Ok(()) };
    let mut decoder = Decoder::default();
    match decoder.decode(root, out) {
        Err(Abort(message)) => Err(Error::Invalid { message, place: decoder.place }),
        Ok(_) if decoder.errors.is_empty() => Ok(()),
        Ok(_) => Err(Error::Type(decoder.errors)),
    }
}

/// One entry of a structure.
#[derive(Clone, Copy)]
pub struct Field<'d> {
    /// Its key.
    pub name: &'d str,
    /// Where the key stands.
    pub key: Node<'d>,
    /// Its value.
    pub value: Node<'d>,
}

/// Collects what is wrong with a document.
#[derive(Debug, Default)]
pub struct Decoder {
    errors: Vec<String>,
    /// Nodes decoded so far, those below aliases included.
    decoded_count: u64,
    /// Of these, those below aliases.
    aliased_count: u64,
    alias_depth: u32,
    /// Where the check failed that ended the decoding.
    place: Option<Place>,
}

/// How many errors there were at some point.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl Decoder {
    /// Decodes a node into `out`: follows aliases, and writes the zero value for null.
    ///
    /// # Errors
    /// Those of [`Decode::decode`], and when aliases expand to too much.
    pub fn decode<T: Decode>(&mut self, node: Node<'_>, out: &mut T) -> Result<bool, Abort> {
        self.count()?;
        if let Some(target) = node.alias_target() {
            self.alias_depth += 1;
            let good = self.decode(target, out);
            self.alias_depth -= 1;
            return good;
        }
        if node.is_null() {
            *out = T::default();
            return Ok(true);
        }
        out.decode(node, self)
    }

    /// Decodes a mapping as a structure: calls `field` for each entry. It says
    /// whether it knows the key. Unknown and repeated keys are noted; merged
    /// mappings come in place of their `<<`.
    ///
    /// # Errors
    /// Those of `field`, and a `<<` that merges something else than mappings.
    pub fn structure<'d>(
        &mut self,
        node: Node<'d>,
        type_name: &str,
        field: &mut dyn FnMut(&mut Decoder, Field<'d>) -> Result<bool, Abort>,
    ) -> Result<bool, Abort> {
        let Some(entries) = node.entries() else {
            self.mismatch(node, type_name);
            return Ok(false);
        };
        let mut seen: Vec<&str> = Vec::new();
        for (key, value) in entries {
            if key.is_merge_key() {
                self.merge(value, &mut |decoder, node| decoder.structure(node, type_name, field).map(drop))?;
                continue;
            }
            self.count()?;
            let key = key.resolved();
            let Some(name) = key.text() else {
                self.mismatch(key, "string");
                continue;
            };
            if seen.contains(&name) {
                self.note(key, format_args!("field {name} already set in type {type_name}"));
            } else if field(self, Field { name, key, value }).inspect_err(|_| self.failed_in(key, name))? {
                seen.push(name);
            } else {
                self.note(key, format_args!("field {name} not found in type {type_name}"));
            }
        }
        Ok(true)
    }

    /// Decodes a mapping with free keys: calls `entry` with each key and value.
    ///
    /// # Errors
    /// Those of `entry`, and a `<<` that merges something else than mappings.
    pub fn mapping<'d>(
        &mut self,
        node: Node<'d>,
        type_name: &str,
        entry: &mut dyn FnMut(&mut Decoder, Node<'d>, Node<'d>) -> Result<(), Abort>,
    ) -> Result<bool, Abort> {
        let Some(entries) = node.entries() else {
            self.mismatch(node, type_name);
            return Ok(false);
        };
        for (key, value) in entries {
            if key.is_merge_key() {
                self.merge(value, &mut |decoder, node| decoder.mapping(node, type_name, entry).map(drop))?;
            } else {
                entry(self, key, value)?;
            }
        }
        Ok(true)
    }

    fn merge<'d>(
        &mut self,
        value: Node<'d>,
        each: &mut dyn FnMut(&mut Decoder, Node<'d>) -> Result<(), Abort>,
    ) -> Result<(), Abort> {
        let want_map = || Abort("yaml: map merge requires map or sequence of maps as the value".into());
        self.count()?;
        self.alias_depth += 1;
        let target = value.resolved();
        if target.entries().is_some() {
            each(self, target)?;
        } else if let Some(elements) = value.elements() {
            // Backwards: what comes first counts, so it is written last.
            for element in elements.rev() {
                let element = element.resolved();
                if element.entries().is_none() {
                    return Err(want_map());
                }
                each(self, element)?;
            }
        } else {
            return Err(want_map());
        }
        self.alias_depth -= 1;
        Ok(())
    }

    /// A check failed in or below the entry `key`, written at `node`. Called from
    /// the innermost entry outwards.
    pub(crate) fn failed_in(&mut self, node: Node<'_>, key: &str) {
        let place = self.place.take().unwrap_or_else(|| Place { line: node.line(), key: String::new() });
        self.place = Some(place.below(key));
    }

    /// Notes that `node` does not fit a type.
    pub fn mismatch(&mut self, node: Node<'_>, type_name: &str) {
        let text = node.text().unwrap_or("");
        let mut tag = match node.scalar() {
            Some(scalar) => scalar.tag(),
            None if node.entries().is_some() => "!!map",
            None => "!!seq",
        };
        if !node.tag().is_empty() {
            tag = node.tag();
        }
        let shown = if matches!(tag, "!!seq" | "!!map") {
            String::new()
        } else if text.len() > 10 {
            // Go cuts bytes; a character is not cut here.
            let cut = (0..=7).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            format!(" `{}...`", &text[..cut])
        } else {
            format!(" `{text}`")
        };
        self.note(node, format_args!("cannot unmarshal {tag}{shown} into {type_name}"));
    }

    /// Notes a problem with the line of `node`.
    pub fn note(&mut self, node: Node<'_>, problem: std::fmt::Arguments<'_>) {
        self.errors.push(format!("line {}: {problem}", node.line()));
    }

    /// The present number of problems, for [`Decoder::failed_since`].
    pub fn mark(&self) -> Mark {
        Mark(self.errors.len())
    }

    /// Whether problems were noted since. A structure's own checks are left out
    /// then: its fields are not what was written.
    pub fn failed_since(&self, mark: Mark) -> bool {
        self.errors.len() > mark.0
    }

    /// Counts one node, and refuses a document that is mostly alias expansion.
    /// The limits are go-yaml's: 99 % of up to 400,000 nodes, falling to 10 % of 4,000,000.
    fn count(&mut self) -> Result<(), Abort> {
        const LOW: u64 = 400_000;
        const HIGH: u64 = 4_000_000;
        self.decoded_count += 1;
        self.aliased_count += u64::from(self.alias_depth > 0);
        if self.aliased_count <= 100 || self.decoded_count <= 1000 {
            return Ok(());
        }
        let allowed = match self.decoded_count {
            count if count <= LOW => 0.99,
            count if count >= HIGH => 0.10,
            count => 0.99 - 0.89 * ((count - LOW) as f64 / (HIGH - LOW) as f64),
        };
        if self.aliased_count as f64 / self.decoded_count as f64 > allowed {
            return Err(Abort("yaml: document contains excessive aliasing".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
