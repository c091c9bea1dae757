//! `labels`, `label/<name>/values`.

use std::collections::BTreeSet;

use narthex_model::Matcher;
use narthex_model::name::EscapingScheme;
use narthex_storage::{Querier, StorageError};

use crate::context::{Context, Success, TRUNCATED};
use crate::error::ApiError;

pub(crate) fn names(context: &Context) -> Result<Success, ApiError> {
    collect(context, |querier, matchers, limit| querier.label_names(matchers, limit))
}

pub(crate) fn values(context: &Context) -> Result<Success, ApiError> {
    let invalid = || {
        let shown: String = context.path_param.iter().map(|byte| byte.escape_ascii().to_string()).collect();
        ApiError::bad_data(format_args!("invalid label name: \"{shown}\""))
    };
    let mut name = String::from_utf8(context.path_param.clone()).map_err(|_| invalid())?;
    if name.starts_with("U__") {
        name = EscapingScheme::Values.unescape(&name);
    }
    if name.is_empty() {
        return Err(invalid());
    }
    collect(context, |querier, matchers, limit| querier.label_values(&name, matchers, limit))
}

/// The sorted union of what `get` gives for each selector.
fn collect(
    context: &Context,
    get: impl Fn(&dyn Querier, &[Matcher], usize) -> Result<Vec<String>, StorageError>,
) -> Result<Success, ApiError> {
    let limit = context.limit()?;
    let (start_ms, end_ms) = context.time_range()?;
    let selectors = context.selectors().map_err(ApiError::bad_data)?;
    let mut found: Vec<String> = Vec::new();
    if start_ms <= end_ms {
        let querier = context.state.handles.storage.querier(start_ms, end_ms)?;
        // One more than wanted tells whether there are more.
        let limit = if limit == 0 { 0 } else { limit + 1 };
        if let [] | [_] = &selectors[..] {
            let matchers = selectors.first().map_or(&[][..], |matchers| matchers);
            found = get(&*querier, matchers, limit)?;
        } else {
            let mut merged = BTreeSet::new();
            for matchers in &selectors {
                merged.extend(get(&*querier, matchers, limit)?);
            }
            found.extend(merged);
        }
    }
    let mut warnings = Vec::new();
    if limit > 0 && found.len() > limit {
        found.truncate(limit);
        warnings.push(TRUNCATED.into());
    }
    Ok(Success::new(move |json| json.strings(found.iter().map(String::as_str))).with_warnings(warnings))
}
