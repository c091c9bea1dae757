//! Decoding of the basic types.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use narthex_model::quote::quote;

use crate::decode::{Abort, Decode, Decoder};
use crate::node::Node;
use crate::scalar::Scalar;

/// Any scalar fits: a plain number or boolean keeps its text.
impl Decode for String {
    fn type_name() -> String {
        "string".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let Some(text) = node.text() else {
            decoder.mismatch(node, "string");
            return Ok(false);
        };
        *self = text.into();
        Ok(true)
    }
}

impl Decode for bool {
    fn type_name() -> String {
        "bool".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let Some(Scalar::Bool(value)) = node.scalar() else {
            decoder.mismatch(node, "bool");
            return Ok(false);
        };
        *self = value;
        Ok(true)
    }
}

/// The integer that a number is, cut towards zero; none when out of `i128`'s range.
fn truncated(scalar: Option<Scalar<'_>>) -> Option<i128> {
    match scalar {
        Some(Scalar::Int(value)) => Some(value),
        Some(Scalar::Float(value)) if value.abs() < 1e20 => Some(value.trunc() as i128),
        _ => None,
    }
}

impl Decode for i64 {
    fn type_name() -> String {
        "int".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let Some(value) = truncated(node.scalar()).and_then(|value| i64::try_from(value).ok()) else {
            decoder.mismatch(node, "int");
            return Ok(false);
        };
        *self = value;
        Ok(true)
    }
}

impl Decode for u64 {
    fn type_name() -> String {
        "uint".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let Some(value) = truncated(node.scalar()).and_then(|value| u64::try_from(value).ok()) else {
            decoder.mismatch(node, "uint");
            return Ok(false);
        };
        *self = value;
        Ok(true)
    }
}

impl Decode for f64 {
    fn type_name() -> String {
        "float64".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        *self = match node.scalar() {
            Some(Scalar::Int(value)) => value as f64,
            Some(Scalar::Float(value)) => value,
            _ => {
                decoder.mismatch(node, "float64");
                return Ok(false);
            }
        };
        Ok(true)
    }
}

/// A pointer in Go: null is `None`.
impl<T: Decode> Decode for Option<T> {
    fn type_name() -> String {
        format!("*{}", T::type_name())
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        self.insert(T::default()).decode(node, decoder)
    }
}

/// Elements that do not fit are left out.
impl<T: Decode> Decode for Vec<T> {
    fn type_name() -> String {
        format!("[]{}", T::type_name())
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let Some(elements) = node.elements() else {
            decoder.mismatch(node, &Self::type_name());
            return Ok(false);
        };
        self.clear();
        for element in elements {
            let mut value = T::default();
            if decoder.decode(element, &mut value)? {
                self.push(value);
            }
        }
        Ok(true)
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn type_name() -> String {
        format!("map[string]{}", T::type_name())
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        self.clear();
        decode_map(self, &Self::type_name(), node, decoder)
    }
}

/// Adds the entries of a mapping to `map`, under a type name of the caller's.
///
/// # Errors
/// Those of the values.
pub fn decode_map<T: Decode>(
    map: &mut BTreeMap<String, T>,
    type_name: &str,
    node: Node<'_>,
    decoder: &mut Decoder,
) -> Result<bool, Abort> {
    decoder.mapping(node, type_name, &mut |decoder, key, value| {
        let mut name = String::new();
        let mut item = T::default();
        if decoder.decode(key, &mut name)? && decoder.decode(value, &mut item)? {
            match map.entry(name) {
                Entry::Occupied(entry) => {
                    decoder.note(value, format_args!("key {} already set in map", quote(entry.key())));
                }
                Entry::Vacant(entry) => {
                    entry.insert(item);
                }
            }
        }
        Ok(())
    })
}
