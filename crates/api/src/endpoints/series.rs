//! `series`.

use std::collections::BTreeSet;

use narthex_model::Labels;
use narthex_storage::SelectHints;

use crate::context::{Context, Success, TRUNCATED};
use crate::error::ApiError;
use crate::json::Json;

pub(crate) fn series(context: &Context) -> Result<Success, ApiError> {
    if let Some(problem) = context.params.problem() {
        return Err(ApiError::bad_data(format_args!("error parsing form values: {problem}")));
    }
    if context.params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let limit = context.limit()?;
    let (start_ms, end_ms) = context.time_range()?;
    let selectors = context.selectors().map_err(|error| ApiError::parameter("match[]", error))?;
    let mut found: Vec<Labels> = Vec::new();
    let mut warnings = Vec::new();
    if start_ms <= end_ms {
        let querier = context.state.handles.storage.querier(start_ms, end_ms)?;
        // One more than wanted tells whether there are more.
        let limit = if limit == 0 { 0 } else { limit + 1 };
        let hints = SelectHints { start_ms, end_ms, function: "series".into(), limit, ..SelectHints::default() };
        let mut merged = BTreeSet::new();
        for matchers in &selectors {
            let set = querier.select(&hints, matchers)?;
            warnings.extend_from_slice(set.warnings());
            let labels = (0..set.len()).map(|index| set.labels(index));
            if selectors.len() == 1 {
                found.extend(labels);
            } else {
                merged.extend(labels);
            }
        }
        found.extend(merged);
    }
    if limit > 0 && found.len() > limit {
        found.truncate(limit);
        warnings.push(TRUNCATED.into());
    }
    let data = move |json: &mut Json<'_>| {
        json.array(|json| {
            for labels in &found {
                if json.is_broken() {
                    break;
                }
                json.labels(labels);
            }
        });
    };
    Ok(Success::new(data).with_warnings(warnings))
}
