//! The file as it is written: structures with what was given and no more,
//! decoded strictly, each with the checks that upstream makes while decoding.
//!
//! - [`scalars`]: durations, sizes, names.
//! - [`global`], [`scrape`], [`relabel`], [`discovery`], [`storage`],
//!   [`alerting`], [`otlp`]: the blocks.
//! - [`top`]: the whole file.

pub(crate) mod alerting;
pub(crate) mod discovery;
pub(crate) mod global;
pub(crate) mod otlp;
pub(crate) mod relabel;
pub(crate) mod scalars;
pub(crate) mod scrape;
pub(crate) mod storage;
pub(crate) mod top;

use narthex_yaml::{Abort, Decoder, Field};

/// Decodes the value of the field whose name is listed into its place; says
/// whether there was one.
macro_rules! decode_field {
    ($decoder:expr, $field:expr; $($name:literal => $place:expr),* $(,)?) => {
        match $field.name {
            $($name => {
                $decoder.decode($field.value, &mut $place)?;
                true
            })*
            _ => false,
        }
    };
}
pub(crate) use decode_field;

/// Refuses a key that upstream knows and this build does not act on, unless it is
/// empty and therefore asks for nothing.
pub(crate) fn refuse_unsupported(_: &mut Decoder, field: Field<'_>) -> Result<(), Abort> {
    let value = field.value.resolved();
    if value.is_null() || value.elements().is_some_and(|elements| elements.len() == 0) {
        return Ok(());
    }
    Err(Abort(format!("line {}: \"{}\" is not supported by this build yet", field.key.line(), field.name)))
}
