//! Derives of the instrumentation library.
//!
//! - `LabelSet` for a struct: each field is a label, named as the field or by
//!   `#[label(rename = "name")]`.
//! - `LabelValue` for an enum without fields: each variant is a value, its name in
//!   snake case or by `#[label(rename = "value")]`.
//!
//! Structs and enums as simple as these need no full parser of Rust; this reads the
//! tokens itself, so that it costs nobody's build the usual libraries.

mod parse;

use std::fmt::Write;

use parse::{Body, Item};
use proc_macro::TokenStream;

/// Makes a struct a set of labels.
#[proc_macro_derive(LabelSet, attributes(label))]
pub fn label_set(input: TokenStream) -> TokenStream {
    expand(
        input,
        |item| match &item.body {
            Body::Fields(fields) => {
                let mut names = String::new();
                let mut cardinality = "1usize".to_owned();
                let mut index = "0".to_owned();
                let (mut open, mut close, mut values) = (String::new(), String::new(), String::new());
                for (i, field) in fields.iter().enumerate() {
                    let value = format!("<{} as ::narthex_client::LabelValue>", field.kind);
                    write!(names, "{:?}, ", field.label).expect("writing to a String cannot fail");
                    cardinality = format!("({cardinality}).saturating_mul({value}::CARDINALITY)");
                    index = format!("({index}) * {value}::CARDINALITY + {value}::index(&self.{})", field.name);
                    write!(open, "{value}::with_text(&self.{}, |__value{i}| ", field.name)
                        .expect("writing to a String cannot fail");
                    close.push(')');
                    write!(values, "__value{i}, ").expect("writing to a String cannot fail");
                }
                Ok(format!(
                    "const NAMES: &'static [&'static str] = &[{names}];
                 const CARDINALITY: usize = {cardinality};
                 #[inline] fn index(&self) -> usize {{ {index} }}
                 #[inline] fn with_values<__R>(&self, __use: impl FnOnce(&[&str]) -> __R) -> __R {{
                     {open} __use(&[{values}]) {close}
                 }}"
                ))
            }
            Body::Variants(_) => Err("LabelSet is derived for structs with named fields".to_owned()),
        },
        "LabelSet",
    )
}

/// Makes an enum without fields a label's value.
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn label_value(input: TokenStream) -> TokenStream {
    expand(
        input,
        |item| match &item.body {
            Body::Variants(variants) => {
                let mut texts = String::new();
                let mut indexes = String::new();
                for (i, variant) in variants.iter().enumerate() {
                    write!(texts, "{:?}, ", variant.label).expect("writing to a String cannot fail");
                    write!(indexes, "Self::{} => {i}, ", variant.name).expect("writing to a String cannot fail");
                }
                let count = variants.len();
                Ok(format!(
                    "const CARDINALITY: usize = {count};
                 #[inline] fn index(&self) -> usize {{ match *self {{ {indexes} }} }}
                 #[inline] fn with_text<__R>(&self, __use: impl FnOnce(&str) -> __R) -> __R {{
                     const TEXTS: [&str; {count}] = [{texts}];
                     __use(TEXTS[::narthex_client::LabelValue::index(self)])
                 }}"
                ))
            }
            Body::Fields(_) => Err("LabelValue is derived for enums".to_owned()),
        },
        "LabelValue",
    )
}

fn expand(input: TokenStream, body: impl FnOnce(&Item) -> Result<String, String>, of: &str) -> TokenStream {
    let text = parse::item(input).and_then(|item| {
        let body = body(&item)?;
        let Item { name, params, args, .. } = &item;
        Ok(format!("#[automatically_derived] impl{params} ::narthex_client::{of} for {name}{args} {{ {body} }}"))
    });
    let text = text.unwrap_or_else(|error| format!("::core::compile_error!({error:?});"));
    text.parse().expect("what is written above are tokens")
}
