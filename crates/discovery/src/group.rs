//! Target groups, and how they are written in JSON and YAML.

use narthex_config::StaticConfig;
use narthex_model::Labels;
use narthex_model::quote::quote;
use serde_json::Value;

/// The label that holds a target's host and port.
pub const ADDRESS_LABEL: &str = "__address__";

/// Targets that were found in one place and share labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Where it was found; unique within its provider.
    pub source: String,
    /// The labels of each target, its [`ADDRESS_LABEL`] among them.
    pub targets: Vec<Labels>,
    /// Labels of all of them. Those of a target come first.
    pub labels: Labels,
}

impl TargetGroup {
    /// What says that nothing is found at `source` any more.
    pub fn empty(source: impl Into<String>) -> TargetGroup {
        TargetGroup { source: source.into(), ..TargetGroup::default() }
    }

    /// A group as it is written in the configuration or a file.
    pub fn from_config(source: String, config: &StaticConfig) -> TargetGroup {
        let address = |target: &String| Labels::from_pairs([(ADDRESS_LABEL, target)]);
        TargetGroup {
            source,
            targets: config.targets.iter().map(address).collect(),
            labels: Labels::from_pairs(&config.labels),
        }
    }
}

/// Why written groups were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A null in place of a group.
    #[error("nil target group item found")]
    Null,
    /// They are not JSON or YAML, or not groups.
    #[error("{0}")]
    Format(String),
}

fn refused<T>(problem: impl Into<String>) -> Result<T, ReadError> {
    Err(ReadError::Format(problem.into()))
}

/// Reads groups from YAML: a list of mappings with `targets` and `labels`.
///
/// # Errors
/// When it is not YAML, has unknown keys or a null for a group.
pub fn read_yaml(text: &str) -> Result<Vec<StaticConfig>, ReadError> {
    let mut groups: Vec<Option<StaticConfig>> = Vec::new();
    narthex_yaml::decode(text, &mut groups).map_err(|e| ReadError::Format(e.to_string()))?;
    groups.into_iter().map(|group| group.ok_or(ReadError::Null)).collect()
}

/// Reads groups from JSON: a list of objects with `targets` and `labels`; all
/// values are strings.
///
/// # Errors
/// When it is not JSON, has unknown keys or a null for a group.
pub fn read_json(text: &[u8]) -> Result<Vec<StaticConfig>, ReadError> {
    let root: Value = serde_json::from_slice(text).map_err(|e| ReadError::Format(e.to_string()))?;
    match root {
        Value::Null => Ok(Vec::new()),
        Value::Array(groups) => groups.iter().map(group_from_json).collect(),
        _ => refused("json: cannot unmarshal a value that is not a list of target groups"),
    }
}

fn group_from_json(group: &Value) -> Result<StaticConfig, ReadError> {
    let fields = match group {
        Value::Null => return Err(ReadError::Null),
        Value::Object(fields) => fields,
        _ => return refused("json: cannot unmarshal a value that is not a target group"),
    };
    let mut config = StaticConfig::default();
    for (key, value) in fields {
        // Go takes keys in any case.
        if key.eq_ignore_ascii_case("targets") {
            config.targets = match value {
                Value::Null => Vec::new(),
                Value::Array(targets) => targets.iter().map(string_from_json).collect::<Result<_, _>>()?,
                _ => return refused("json: targets is not a list"),
            };
        } else if key.eq_ignore_ascii_case("labels") {
            config.labels = match value {
                Value::Null => Default::default(),
                Value::Object(labels) => labels.iter().map(label_from_json).collect::<Result<_, _>>()?,
                _ => return refused("json: labels is not an object"),
            };
        } else {
            return refused(format!("json: unknown field {}", quote(key)));
        }
    }
    Ok(config)
}

fn label_from_json((name, value): (&String, &Value)) -> Result<(String, String), ReadError> {
    if name.is_empty() {
        return refused("\"\" is not a valid label name");
    }
    Ok((name.clone(), string_from_json(value)?))
}

fn string_from_json(value: &Value) -> Result<String, ReadError> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        other => refused(format!("json: cannot unmarshal {other} into a string")),
    }
}

#[cfg(test)]
mod tests {
    use narthex_model::labels;
    use proptest::prelude::*;

    use super::*;

    const YAML: &str = "- targets: ['a:1', 9090]\n  labels:\n    foo: bar\n    n: 5\n\n- targets: [b]\n";
    const JSON: &str = r#"[{"targets": ["a:1", "9090"], "labels": {"foo": "bar", "n": "5"}}, {"targets": ["b"]}]"#;

    #[test]
    fn yaml_and_json_say_the_same() {
        let groups = read_yaml(YAML).unwrap();
        assert_eq!(read_json(JSON.as_bytes()).unwrap(), groups);
        let group = TargetGroup::from_config("x:0".into(), &groups[0]);
        assert_eq!(group.labels, labels! { "foo" => "bar", "n" => "5" });
        assert_eq!(group.targets, [labels! { "__address__" => "a:1" }, labels! { "__address__" => "9090" }]);
        assert_eq!(read_yaml("").unwrap(), []);
        assert_eq!(read_json(b"null").unwrap(), []);
    }

    #[test]
    fn what_is_not_a_group_is_refused() {
        let json = |text: &str| read_json(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(json("[null]"), "nil target group item found");
        assert_eq!(json(r#"[{"targets": [], "label": {}}]"#), "json: unknown field \"label\"");
        assert_eq!(json(r#"[{"labels": {"": "x"}}]"#), "\"\" is not a valid label name");
        assert_eq!(json(r#"[{"targets": [1]}]"#), "json: cannot unmarshal 1 into a string");
        assert!(json("[").contains("EOF"));

        let yaml = |text: &str| read_yaml(text).unwrap_err().to_string();
        assert_eq!(yaml("- targets: [a]\n- null\n"), "nil target group item found");
        assert!(yaml("- targets: [a]\n  label: {}\n").contains("line 2: field label not found in type struct"));
        assert_eq!(yaml("- labels: {'': x}\n"), "\"\" is not a valid label name");
    }

    #[test]
    fn upstreams_files_are_read_as_upstream_reads_them() {
        let root = std::env::var("NARTHEX_UPSTREAM")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/upstream").to_owned());
        let read = |name: &str| std::fs::read_to_string(format!("{root}/sd/file/{name}")).ok();
        let (Some(valid_yml), Some(valid_json)) = (read("valid.yml"), read("valid.json")) else {
            use std::io::Write;
            writeln!(std::io::stderr(), "skipped: upstream's files are not at {root}").unwrap();
            return;
        };
        let groups = read_yaml(&valid_yml).unwrap();
        assert_eq!(groups[0].targets, ["localhost:9090", "example.org:443"]);
        assert_eq!(read_json(valid_json.as_bytes()).unwrap(), groups);
        assert_eq!(read_yaml(&read("valid2.yml").unwrap()).unwrap().len(), 3);
        assert_eq!(read_yaml(&read("valid3.yml").unwrap()).unwrap(), groups);
        assert_eq!(read_yaml(&read("invalid_nil.yml").unwrap()), Err(ReadError::Null));
        assert_eq!(read_json(read("invalid_nil.json").unwrap().as_bytes()), Err(ReadError::Null));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{}",:\- \na-z0-9]{0,40}"#) {
            let _ = read_json(text.as_bytes());
            let _ = read_yaml(&text);
        }
    }
}
