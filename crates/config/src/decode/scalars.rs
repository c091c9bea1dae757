//! Durations, sizes, names: texts with a check.

use narthex_model::duration::parse_duration;
use narthex_model::quote::quote;
use narthex_model::size::parse_size;
use narthex_yaml::{Abort, Decode, Decoder, Node};

use crate::ValidationScheme;

/// A duration in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(pub(crate) i64);

impl Decode for Millis {
    fn type_name() -> String {
        "model.Duration".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mut text = String::new();
        if !text.decode(node, decoder)? {
            return Ok(false);
        }
        self.0 = parse_duration(&text).map_err(|error| Abort(error.to_string()))?;
        Ok(true)
    }
}

/// A size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) i64);

impl Decode for ByteSize {
    fn type_name() -> String {
        "units.Base2Bytes".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let Some(text) = node.text() else {
            decoder.mismatch(node, "units.Base2Bytes");
            return Ok(false);
        };
        self.0 = parse_size(text).map_err(|error| Abort(error.to_string()))?;
        Ok(true)
    }
}

/// A label name: any text that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LabelName(pub(crate) String);

impl Decode for LabelName {
    fn type_name() -> String {
        "model.LabelName".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        if !self.0.decode(node, decoder)? {
            return Ok(false);
        }
        if self.0.is_empty() {
            return Err(Abort(format!("{} is not a valid label name", quote(&self.0))));
        }
        Ok(true)
    }
}

/// A validation scheme, or none when it is left empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validation(pub(crate) Option<ValidationScheme>);

impl Decode for Validation {
    fn type_name() -> String {
        "model.ValidationScheme".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mut text = String::new();
        if !text.decode(node, decoder)? {
            return Ok(false);
        }
        self.0 = match text.as_str() {
            "" => None,
            name => Some(
                ValidationScheme::from_name(name)
                    .ok_or_else(|| Abort(format!("unrecognized ValidationScheme: {}", quote(name))))?,
            ),
        };
        Ok(true)
    }
}
