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
        *self = if node.tag() == "!!binary" { binary(text)? } else { text.into() };
        Ok(true)
    }
}

/// The text that `!!binary` gives in base 64. What is not UTF-8 fits nowhere.
fn binary(text: &str) -> Result<String, Abort> {
    let invalid = || Abort("yaml: !!binary value contains invalid base64 data".into());
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let padding_len = digits.iter().rev().take_while(|b| **b == b'=').count();
    if !digits.len().is_multiple_of(4) || padding_len > 2 {
        return Err(invalid());
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    for group in digits[..digits.len() - padding_len].chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return Err(invalid()),
            };
            bits = bits << 6 | u32::from(value);
        }
        // Four digits hold three bytes; the last group may be short.
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    String::from_utf8(bytes).map_err(|error| {
        let shown: String = error.as_bytes().iter().map(|byte| byte.escape_ascii().to_string()).collect();
        Abort(format!("\"{shown}\" is not valid UTF-8"))
    })
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
        for (index, element) in elements.enumerate() {
            let mut value = T::default();
            let decoded = decoder.decode(element, &mut value);
            if decoded.inspect_err(|_| decoder.failed_in(element, &format!("[{index}]")))? {
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
