//! `relabel_configs`, `metric_relabel_configs`.

use narthex_model::relabel::{self, Action};
use narthex_regex::Anchored;
use narthex_yaml::{Abort, Decode, Decoder, Node};

use super::decode_field;
use super::scalars::LabelName;
use crate::ValidationScheme;

/// A rule as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relabel {
    source_labels: Vec<LabelName>,
    separator: String,
    /// `None` when not given; the empty pattern when null.
    regex: Option<Pattern>,
    modulus: u64,
    target_label: String,
    replacement: String,
    action: ActionName,
}

#[derive(Clone, Debug, Default)]
struct Pattern(Option<Anchored>);

impl Decode for Pattern {
    fn type_name() -> String {
        "relabel.Regexp".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mut text = String::new();
        if !text.decode(node, decoder)? {
            return Ok(false);
        }
        self.0 = Some(Anchored::wrapped(&text).map_err(|error| Abort(error.to_string()))?);
        Ok(true)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct ActionName(Option<Action>);

impl Decode for ActionName {
    fn type_name() -> String {
        "relabel.Action".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mut text = String::new();
        if !text.decode(node, decoder)? {
            return Ok(false);
        }
        self.0 = Some(Action::from_name(&text).map_err(|error| Abort(error.to_string()))?);
        Ok(true)
    }
}

impl Decode for Relabel {
    fn type_name() -> String {
        "relabel.Config".into()
    }

    fn decode(&mut self, node: Node<'_>, decoder: &mut Decoder) -> Result<bool, Abort> {
        let mark = decoder.mark();
        let defaults = relabel::Fields::default();
        *self = Relabel {
            separator: defaults.separator,
            replacement: defaults.replacement,
            action: ActionName(defaults.action),
            ..Relabel::default()
        };
        decoder.structure(node, "relabel.plain", &mut |decoder, field| {
            if field.name == "regex" {
                decoder.decode(field.value, self.regex.insert(Pattern::default()))?;
                return Ok(true);
            }
            Ok(decode_field!(decoder, field;
                "source_labels" => self.source_labels,
                "separator" => self.separator,
                "modulus" => self.modulus,
                "target_label" => self.target_label,
                "replacement" => self.replacement,
                "action" => self.action,
            ))
        })?;
        Ok(!decoder.failed_since(mark))
    }
}

impl Relabel {
    /// The checked rule.
    pub(crate) fn resolve(self, scheme: ValidationScheme) -> Result<relabel::Config, String> {
        let regex = match self.regex {
            Some(Pattern(None)) => Some(Anchored::wrapped("").map_err(|error| error.to_string())?),
            Some(Pattern(pattern)) => pattern,
            None => None,
        };
        let fields = relabel::Fields {
            source_labels: self.source_labels.into_iter().map(|name| name.0).collect(),
            separator: self.separator,
            regex,
            modulus: self.modulus,
            target_label: self.target_label,
            replacement: self.replacement,
            action: self.action.0,
        };
        relabel::Config::new(fields, scheme).map_err(|error| error.to_string())
    }
}
