//! `otlp`: accepted only where it says what holds anyway.

use narthex_yaml::{Abort, Decode, Decoder, Field, Node, Scalar};

use super::refuse_unsupported;

/// The `otlp` block: nothing is kept of it.
#[derive(Default)]
pub(crate) struct Otlp;

impl Decode for Otlp {
    fn type_name() -> String {
        "config.OTLPConfig".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        decoder.structure(node, "config.plain", &mut |decoder, field| {
            let Some(default) = default_of(field) else { return Ok(false) };
            if field.value.resolved().scalar() != Some(default) {
                refuse_unsupported(decoder, field)?;
            }
            Ok(true)
        })
    }
}

/// The default of a key, if it is one.
fn default_of(field: Field<'_>) -> Option<Scalar<'static>> {
    match field.name {
        "translation_strategy" => Some(Scalar::Text("UnderscoreEscapingWithSuffixes")),
        "label_name_underscore_sanitization" | "label_name_preserve_multiple_underscores" => Some(Scalar::Bool(true)),
        "promote_all_resource_attributes"
        | "keep_identifying_resource_attributes"
        | "convert_histograms_to_nhcb"
        | "promote_scope_metadata" => Some(Scalar::Bool(false)),
        "promote_resource_attributes" | "ignore_resource_attributes" => Some(Scalar::Null),
        _ => None,
    }
}
