//! `label_replace` and `label_join`.

use narthex_model::{Labels, METRIC_NAME};
use narthex_regex::Anchored;

use super::limits::Limits;
use super::vector::{Row, Vector};
use crate::api::QueryError;

/// Whether labels may have this name: any text but the empty one.
///
/// Bytes that are no UTF-8 come out of the parser as U+FFFD, so a name with that
/// character counts as one that is not valid.
pub(super) fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER)
}

/// `label_replace`: `pattern` on the value of `source`; on a match `target` is
/// set to the expanded `replacement`.
pub(super) fn replace(
    mut vector: Vector,
    target: &str,
    replacement: &str,
    source: &str,
    pattern: &str,
    limits: &Limits,
) -> Result<Vector, QueryError> {
    let invalid = |_| QueryError::Execution(format!("invalid regular expression in label_replace(): {pattern}"));
    let regex = Anchored::wrapped(pattern).map_err(invalid)?;
    if !is_label_name(target) {
        return Err(QueryError::Execution(format!("invalid destination label name in label_replace(): {target}")));
    }
    let references = replacement.matches('$').count();
    let len_max = |labels: &Labels| references.saturating_mul(labels.value(source).len()) + replacement.len();
    relabel(&mut vector, target, limits, len_max, |labels| regex.expand(labels.value(source), replacement))?;
    Ok(vector)
}

/// `label_join`: `target` is set to the values of `sources` with `separator` between.
pub(super) fn join(
    mut vector: Vector,
    target: &str,
    separator: &str,
    sources: &[String],
    limits: &Limits,
) -> Result<Vector, QueryError> {
    if let Some(source) = sources.iter().find(|source| !is_label_name(source)) {
        return Err(QueryError::Execution(format!("invalid source label name in label_join(): {source}")));
    }
    if !is_label_name(target) {
        return Err(QueryError::Execution(format!("invalid destination label name in label_join(): {target}")));
    }
    let len_max = |labels: &Labels| {
        let values: usize = sources.iter().map(|source| labels.value(source).len()).sum();
        values + sources.len() * separator.len()
    };
    relabel(&mut vector, target, limits, len_max, |labels| {
        let values: Vec<&str> = sources.iter().map(|source| labels.value(source)).collect();
        Some(values.join(separator))
    })?;
    Ok(vector)
}

/// A value is there several times while a label set is made of it, and its memory
/// may be twice what it needs.
const COPIES: usize = 4;

/// Sets `target` of each row to what `value` says, if it says anything, in at most
/// `len_max` bytes.
///
/// Nested calls can multiply a label each time, so what they write is counted,
/// before it is written: one call can make a thousand copies of a value.
fn relabel(
    vector: &mut Vector,
    target: &str,
    limits: &Limits,
    len_max: impl Fn(&Labels) -> usize,
    mut value: impl FnMut(&Labels) -> Option<String>,
) -> Result<(), QueryError> {
    let mut bytes = 0usize;
    for Row { labels, drop_name } in &mut vector.rows {
        limits.check_bytes(bytes.saturating_add(len_max(labels)).saturating_mul(COPIES))?;
        if let Some(value) = value(labels) {
            bytes += value.len();
            *labels = labels.to_builder().set(target, &value).labels();
            if target == METRIC_NAME {
                *drop_name = false;
            }
        }
    }
    vector.distinct = false;
    vector.merge_equal_rows()
}
