//! From the labels on a line to the labels that are stored.

use narthex_config::{ScrapeConfig, ValidationScheme};
use narthex_exposition::Sample;
use narthex_model::name::{is_legacy_label_name, is_legacy_metric_name};
use narthex_model::{Labels, LabelsBuilder, METRIC_NAME, relabel};

use crate::error::ScrapeError;

/// The stored labels of a line, or `None` when relabelling drops it.
///
/// # Errors
/// When the whole scrape has to fail because of it.
pub(crate) fn stored_labels(
    sample: &Sample<'_>,
    target: &Labels,
    config: &ScrapeConfig,
    builder: &mut LabelsBuilder,
) -> Result<Option<Labels>, ScrapeError> {
    sample.labels(builder).map_err(ScrapeError::Labels)?;
    add_target_labels(builder, target, config.honor_labels, sample.series);
    if !relabel::process(builder, &config.metric_relabel_configs) || builder.is_empty() {
        return Ok(None);
    }
    check(builder, config)?;
    Ok(Some(builder.labels()))
}

/// Joins the scraped labels in `builder` with those of the target. Of two with
/// one name, `honor_labels` decides: the scraped one wins, or is kept under
/// another name, `exported_` before it as often as needed.
///
/// `series` is the scraped text: an empty scraped label wins, too, but does not
/// stand in `builder`.
pub(crate) fn add_target_labels(builder: &mut LabelsBuilder, target: &Labels, honor_labels: bool, series: &[u8]) {
    if honor_labels {
        for (name, value) in target {
            if builder.value(name).is_empty() && !has_empty_label(series, name) {
                builder.set(name, value);
            }
        }
        return;
    }
    let mut conflicts: Vec<(String, String)> = Vec::new();
    for (name, value) in target {
        let exposed = builder.value(name);
        if !exposed.is_empty() {
            conflicts.push((name.to_owned(), exposed.to_owned()));
        }
        builder.set(name, value);
    }
    // The shortest first, so that `exported_a` gets its place before `a` looks for one.
    conflicts.sort_by_key(|(name, _)| name.len());
    for (mut name, value) in conflicts {
        loop {
            name.insert_str(0, "exported_");
            if builder.value(&name).is_empty() {
                break;
            }
        }
        builder.set(&name, &value);
    }
}

/// Whether the series, which parsed well before, has label `name` with an empty value.
fn has_empty_label(series: &[u8], name: &str) -> bool {
    let mut rest = match series.iter().position(|&b| b == b'{') {
        Some(brace) => &series[brace + 1..],
        None => return false,
    };
    // The last quoted or bare word before an equals sign is the label's name.
    let mut word: &[u8] = &[];
    let mut is_value_next = false;
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' => {
                let len = quoted_len(after);
                let text = &after[..len];
                if is_value_next {
                    if text.is_empty() && word == name.as_bytes() {
                        return true;
                    }
                    is_value_next = false;
                } else {
                    word = text;
                }
                rest = after.get(len + 1..).unwrap_or_default();
            }
            b'=' => {
                is_value_next = true;
                rest = after;
            }
            b if b.is_ascii_alphanumeric() || b == b'_' || b == b':' || b >= 0x80 => {
                let end = rest.iter().position(|b| b" \t,={}\"".contains(b)).unwrap_or(rest.len());
                word = &rest[..end.max(1)];
                rest = &rest[end.max(1)..];
            }
            _ => rest = after,
        }
    }
    false
}

/// The length of a quoted text, from behind its opening quote to before its closing one.
fn quoted_len(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

/// The checks that a finished label set has to pass.
fn check(labels: &LabelsBuilder, config: &ScrapeConfig) -> Result<(), ScrapeError> {
    let metric = labels.value(METRIC_NAME);
    if metric.is_empty() {
        return Err(ScrapeError::MissingName);
    }
    if config.metric_name_validation_scheme == ValidationScheme::Legacy {
        let names_are_legacy = labels.iter().all(|(name, _)| is_legacy_label_name(name));
        if !is_legacy_metric_name(metric) || !names_are_legacy {
            return Err(ScrapeError::InvalidNames(labels.labels()));
        }
    }
    let limit = config.label_limit;
    if limit > 0 {
        let count = labels.iter().count();
        if count as u64 > limit {
            return Err(ScrapeError::LabelLimit { metric: metric.to_owned(), count, limit });
        }
    }
    let (name_limit, value_limit) = (config.label_name_length_limit, config.label_value_length_limit);
    if name_limit == 0 && value_limit == 0 {
        return Ok(());
    }
    for (name, value) in labels.iter() {
        let (metric, name) = (metric.to_owned(), name.to_owned());
        if name_limit > 0 && name.len() as u64 > name_limit {
            return Err(ScrapeError::LabelNameLengthLimit { metric, name, limit: name_limit });
        }
        if value_limit > 0 && value.len() as u64 > value_limit {
            let value = value.to_owned();
            return Err(ScrapeError::LabelValueLengthLimit { metric, name, value, limit: value_limit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use narthex_model::labels;

    use super::*;

    #[track_caller]
    fn check_join(scraped: &Labels, target: &Labels, honor_labels: bool, series: &str, want: &Labels) {
        let mut builder = scraped.to_builder();
        add_target_labels(&mut builder, target, honor_labels, series.as_bytes());
        assert_eq!(builder.labels(), *want);
    }

    #[test]
    fn a_colliding_label_is_exported() {
        let target = labels! { "instance" => "i", "job" => "j" };
        check_join(
            &labels! { "__name__" => "m", "job" => "x" },
            &target,
            false,
            "m{job=\"x\"}",
            &labels! { "__name__" => "m", "instance" => "i", "job" => "j", "exported_job" => "x" },
        );
        check_join(
            &labels! { "__name__" => "m", "job" => "x", "exported_job" => "y" },
            &labels! { "job" => "j", "exported_job" => "k" },
            false,
            "",
            &labels! {
                "__name__" => "m", "job" => "j", "exported_job" => "k",
                "exported_exported_job" => "x", "exported_exported_exported_job" => "y",
            },
        );
    }

    #[test]
    fn an_honored_label_wins_even_when_empty() {
        let target = labels! { "instance" => "i", "job" => "j" };
        check_join(
            &labels! { "__name__" => "m", "job" => "x" },
            &target,
            true,
            "m{job=\"x\"}",
            &labels! { "__name__" => "m", "instance" => "i", "job" => "x" },
        );
        check_join(
            &labels! { "__name__" => "m" },
            &target,
            true,
            r#"m{instance="",x="job=\"\""}"#,
            &labels! { "__name__" => "m", "job" => "j" },
        );
    }

    #[test]
    fn empty_labels_are_found_in_the_text() {
        for (series, want) in [
            (r#"m{a=""}"#, true),
            (r#"m{b="x", a = "" }"#, true),
            (r#"m{b="\\",a=""}"#, true),
            (r#"{"m","a"=""}"#, true),
            (r#"m{b="a=\"\""}"#, false),
            (r#"m{aa=""}"#, false),
            (r#"m{a="x"}"#, false),
            (r#"m{b="",a="x"}"#, false),
            ("m", false),
            ("m{", false),
            (r#"m{a="\"#, false),
        ] {
            assert_eq!(has_empty_label(series.as_bytes(), "a"), want, "{series}");
        }
    }

    #[test]
    fn limits_name_what_is_too_long() {
        let config = |set: fn(&mut ScrapeConfig)| {
            let mut config = ScrapeConfig::default();
            set(&mut config);
            config
        };
        let builder = labels! { "__name__" => "metric", "label" => "value", "a" => "b" }.to_builder();
        for (config, want) in [
            (config(|c| c.label_limit = 2), "label_limit exceeded (metric: metric, number of labels: 3, limit: 2)"),
            (
                config(|c| c.label_name_length_limit = 4),
                "label_name_length_limit exceeded (metric: metric, label name: __name__, length: 8, limit: 4)",
            ),
            (
                config(|c| c.label_value_length_limit = 5),
                "label_value_length_limit exceeded (metric: metric, label name: __name__, value: \"metric\", length: 6, limit: 5)",
            ),
        ] {
            assert_eq!(check(&builder, &config).unwrap_err().to_string(), want);
        }
        assert!(check(&builder, &config(|c| c.label_limit = 3)).is_ok());
        let dotted = labels! { "__name__" => "a.b" }.to_builder();
        assert!(check(&dotted, &ScrapeConfig::default()).is_ok());
        let error =
            check(&dotted, &config(|c| c.metric_name_validation_scheme = ValidationScheme::Legacy)).unwrap_err();
        assert_eq!(error.to_string(), r#"invalid metric name or label names: {__name__="a.b"}"#);
        assert_eq!(
            check(&labels! { "a" => "b" }.to_builder(), &ScrapeConfig::default()).unwrap_err().to_string(),
            "missing metric name (__name__ label)"
        );
    }
}
