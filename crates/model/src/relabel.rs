//! Relabelling: rules that rewrite a label set or drop what carries it.
//!
//! Runs once per target and once per new series of a scrape. A rule with one
//! source label that keeps, drops or does not match allocates nothing.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use md5::{Digest, Md5};
use narthex_regex::Anchored;

use crate::LabelsBuilder;
use crate::case;
use crate::name::ValidationScheme;
use crate::quote::quote;

/// What a rule does; `v` is the values of its source labels, joined by its separator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sets a label where `v` matches.
    #[default]
    Replace,
    /// Drops where `v` does not match.
    Keep,
    /// Drops where `v` matches.
    Drop,
    /// Drops where `v` differs from the target label.
    KeepEqual,
    /// Drops where `v` equals the target label.
    DropEqual,
    /// Sets a label to the hash of `v`, modulo a number.
    HashMod,
    /// Copies the labels whose names match.
    LabelMap,
    /// Removes the labels whose names match.
    LabelDrop,
    /// Removes the labels whose names do not match.
    LabelKeep,
    /// Sets a label to `v` in lower case.
    Lowercase,
    /// Sets a label to `v` in upper case.
    Uppercase,
}

impl Action {
    const ALL: [Action; 11] = [
        Action::Replace,
        Action::Keep,
        Action::Drop,
        Action::KeepEqual,
        Action::DropEqual,
        Action::HashMod,
        Action::LabelMap,
        Action::LabelDrop,
        Action::LabelKeep,
        Action::Lowercase,
        Action::Uppercase,
    ];

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Replace => "replace",
            Action::Keep => "keep",
            Action::Drop => "drop",
            Action::KeepEqual => "keepequal",
            Action::DropEqual => "dropequal",
            Action::HashMod => "hashmod",
            Action::LabelMap => "labelmap",
            Action::LabelDrop => "labeldrop",
            Action::LabelKeep => "labelkeep",
            Action::Lowercase => "lowercase",
            Action::Uppercase => "uppercase",
        }
    }

    /// The action of that name, in any case.
    ///
    /// # Errors
    /// [`Error::UnknownAction`].
    pub fn from_name(name: &str) -> Result<Action, Error> {
        let lower = name.to_lowercase();
        let action = Action::ALL.into_iter().find(|action| action.as_str() == lower);
        action.ok_or_else(|| Error::UnknownAction(name.into()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a rule is not valid, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such action.
    #[error("unknown relabel action {}", quote(.0))]
    UnknownAction(String),
    /// The action was explicitly null.
    #[error("relabel action cannot be empty")]
    NoAction,
    /// `hashmod` by nothing.
    #[error("relabel configuration for hashmod requires non-zero modulus")]
    NoModulus,
    /// The action needs a target label.
    #[error("relabel configuration for {0} action requires 'target_label' value")]
    NoTargetLabel(Action),
    /// The target label is not a label name, nor a template for one.
    #[error("{} is invalid 'target_label' for {action} action", quote(.target_label))]
    InvalidTargetLabel {
        /// What was given.
        target_label: String,
        /// The rule's action.
        action: Action,
    },
    /// The action does not look at `replacement`.
    #[error("'replacement' can not be set for {0} action")]
    ReplacementSet(Action),
    /// The replacement is not a label name, nor a template for one.
    #[error("{} is invalid 'replacement' for {action} action", quote(.replacement))]
    InvalidReplacement {
        /// What was given.
        replacement: String,
        /// The rule's action.
        action: Action,
    },
    /// `keepequal` and `dropequal` look at nothing else.
    #[error("{0} action requires only 'source_labels' and `target_label`, and no other fields")]
    OnlySourceAndTarget(Action),
    /// `labeldrop` and `labelkeep` look at nothing else.
    #[error("{0} action requires only 'regex', and no other fields")]
    OnlyRegex(Action),
}

/// A rule's fields as they are written; the defaults are upstream's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The labels whose values are looked at.
    pub source_labels: Vec<String>,
    /// What their values are joined by.
    pub separator: String,
    /// What is matched, from [`Anchored::wrapped`]; `None` when not given, which
    /// is `(.*)`, but not the same: some actions forbid it to be given.
    pub regex: Option<Anchored>,
    /// What `hashmod` divides by.
    pub modulus: u64,
    /// The label that is set; a template for `replace`.
    pub target_label: String,
    /// The value that is set, or the name for `labelmap`; a template.
    pub replacement: String,
    /// What is done; `None` when explicitly null, which is not allowed.
    pub action: Option<Action>,
}

impl Default for Fields {
    fn default() -> Fields {
        Fields {
            source_labels: Vec::new(),
            separator: ";".into(),
            regex: None,
            modulus: 0,
            target_label: String::new(),
            replacement: "$1".into(),
            action: Some(Action::Replace),
        }
    }
}

/// One checked rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    fields: Fields,
    action: Action,
    regex: Anchored,
    scheme: ValidationScheme,
}

impl Config {
    /// Checks the fields; `scheme` says which label names are valid, here and
    /// when the rule is applied.
    ///
    /// # Errors
    /// The first thing that is wrong.
    ///
    /// Source: `Config.Validate` in Prometheus `model/relabel/relabel.go`.
    pub fn new(fields: Fields, scheme: ValidationScheme) -> Result<Config, Error> {
        let action = fields.action.ok_or(Error::NoAction)?;
        check(&fields, action, scheme)?;
        let regex = fields.regex.clone().unwrap_or_else(default_regex);
        Ok(Config { fields, action, regex, scheme })
    }

    /// The fields as they were given.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// What the rule does.
    pub fn action(&self) -> Action {
        self.action
    }

    /// What is matched, the default filled in.
    pub fn regex(&self) -> &Anchored {
        &self.regex
    }

    /// The values of the source labels, joined.
    fn source<'a>(&self, labels: &'a LabelsBuilder) -> Cow<'a, str> {
        match &self.fields.source_labels[..] {
            [] => Cow::Borrowed(""),
            [only] => Cow::Borrowed(labels.value(only)),
            [first, rest @ ..] => {
                let mut joined = String::with_capacity(64);
                joined.push_str(labels.value(first));
                for name in rest {
                    joined.push_str(&self.fields.separator);
                    joined.push_str(labels.value(name));
                }
                Cow::Owned(joined)
            }
        }
    }

    /// Applies the rule. Returns whether the set is kept.
    fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        let target = &*self.fields.target_label;
        match self.action {
            Action::Keep => return self.regex.is_match(&self.source(labels)),
            Action::Drop => return !self.regex.is_match(&self.source(labels)),
            Action::KeepEqual => return self.source(labels) == labels.value(target),
            Action::DropEqual => return self.source(labels) != labels.value(target),
            Action::Replace => self.replace(labels),
            Action::HashMod => {
                let hash = Md5::digest(self.source(labels).as_bytes());
                let last = hash.last_chunk::<8>().expect("an MD5 has 16 bytes");
                labels.set(target, &(u64::from_be_bytes(*last) % self.fields.modulus).to_string());
            }
            Action::Lowercase => {
                let mut value = String::new();
                case::append_lower(&mut value, &self.source(labels));
                labels.set(target, &value);
            }
            Action::Uppercase => {
                let mut value = String::new();
                case::append_upper(&mut value, &self.source(labels));
                labels.set(target, &value);
            }
            Action::LabelMap => self.map(labels),
            Action::LabelDrop => {
                labels.retain(|name, _| !self.regex.is_match(name));
            }
            Action::LabelKeep => {
                labels.retain(|name, _| self.regex.is_match(name));
            }
        }
        true
    }

    fn replace(&self, labels: &mut LabelsBuilder) {
        let (target, replacement) = (&*self.fields.target_label, &*self.fields.replacement);
        let source = self.source(labels);
        let Some(captures) = self.regex.captures(&source) else { return };
        let name = if target.contains('$') {
            let mut name = String::new();
            captures.expand(target, &mut name);
            Cow::Owned(name)
        } else {
            Cow::Borrowed(target)
        };
        if !self.scheme.is_label_name(&name) {
            return;
        }
        if replacement.contains('$') {
            let mut value = String::with_capacity(replacement.len() + source.len());
            captures.expand(replacement, &mut value);
            drop(source);
            labels.set(&name, &value);
        } else {
            drop(source);
            labels.set(&name, replacement);
        }
    }

    fn map(&self, labels: &mut LabelsBuilder) {
        let copy =
            |(name, value): (&str, &str)| Some((self.regex.expand(name, &self.fields.replacement)?, value.into()));
        let copies: Vec<(String, String)> = labels.iter().filter_map(copy).collect();
        for (name, value) in copies.iter().filter(|(name, _)| !name.is_empty()) {
            labels.set(name, value);
        }
    }
}

/// Applies the rules in order. Returns whether the set is kept; a rule that
/// drops it ends the work, and the labels are then of no use.
pub fn process(labels: &mut LabelsBuilder, rules: &[Config]) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

fn default_regex() -> Anchored {
    static DEFAULT: OnceLock<Anchored> = OnceLock::new();
    DEFAULT.get_or_init(|| Anchored::wrapped("(.*)").expect("a valid pattern")).clone()
}

fn check(fields: &Fields, action: Action, scheme: ValidationScheme) -> Result<(), Error> {
    use Action::{DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Replace, Uppercase};

    let default = Fields::default();
    let target_label = &fields.target_label;
    let is_case_or_equal = matches!(action, Lowercase | Uppercase | KeepEqual | DropEqual);
    if action == HashMod && fields.modulus == 0 {
        return Err(Error::NoModulus);
    }
    if (is_case_or_equal || matches!(action, Replace | HashMod)) && target_label.is_empty() {
        return Err(Error::NoTargetLabel(action));
    }
    let is_target_valid = match action {
        Replace if target_label.contains('$') => is_name_template(target_label, scheme),
        Replace | HashMod => scheme.is_label_name(target_label),
        _ if is_case_or_equal => scheme.is_label_name(target_label),
        _ => true,
    };
    if !is_target_valid {
        return Err(Error::InvalidTargetLabel { target_label: target_label.clone(), action });
    }
    if is_case_or_equal && fields.replacement != default.replacement {
        return Err(Error::ReplacementSet(action));
    }
    if action == LabelMap && !is_name_template(&fields.replacement, scheme) {
        return Err(Error::InvalidReplacement { replacement: fields.replacement.clone(), action });
    }
    let is_plain = fields.modulus == default.modulus
        && fields.separator == default.separator
        && fields.replacement == default.replacement;
    if matches!(action, DropEqual | KeepEqual) && !(is_plain && fields.regex.is_none()) {
        return Err(Error::OnlySourceAndTarget(action));
    }
    let looks_at_regex_only = is_plain && fields.source_labels.is_empty() && target_label.is_empty();
    if matches!(action, LabelDrop | LabelKeep) && !looks_at_regex_only {
        return Err(Error::OnlyRegex(action));
    }
    Ok(())
}

/// Whether the template can become a label name. By the legacy rule it is made
/// of name characters, `$name` and `${name}`, and does not begin with a digit.
fn is_name_template(template: &str, scheme: ValidationScheme) -> bool {
    if scheme == ValidationScheme::Utf8 {
        return !template.is_empty();
    }
    let word_len = |text: &str| text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let mut rest = template;
    while !rest.is_empty() {
        let is_first = rest.len() == template.len();
        rest = match rest.strip_prefix('$') {
            None => match rest.as_bytes()[0] {
                b'0'..=b'9' if is_first => return false,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'0'..=b'9' => &rest[1..],
                _ => return false,
            },
            Some(reference) => {
                let (name, end) = match reference.strip_prefix('{') {
                    Some(name) => (name, "}"),
                    None => (reference, ""),
                };
                let len = word_len(name);
                match name[len..].strip_prefix(end) {
                    Some(after) if len > 0 => after,
                    _ => return false,
                }
            }
        };
    }
    !template.is_empty()
}

#[cfg(test)]
mod tests;
