//! `series`, `labels`, `label/<name>/values`.

use narthex_model::name::EscapingScheme;
use narthex_model::{Labels, Matcher};
use narthex_promql_syntax::parse_metric_selector;
use narthex_storage::SelectHints;

use crate::context::Context;
use crate::json::{push_labels, push_list, push_text};
use crate::query::limit;
use crate::reply::Reply;
use crate::time::parse_time;
use crate::{ApiError, ErrorKind};

const TRUNCATED: &str = "results truncated due to limit";

/// `start` and `end`, in milliseconds; everything when not given.
fn time_range(context: &Context) -> Result<(i64, i64), ApiError> {
    let time = |name: &str, default| match context.params.get(name) {
        "" => Ok(default),
        text => {
            parse_time(text).map_err(|e| ApiError::param(name, format_args!("invalid time value for '{name}': {e}")))
        }
    };
    Ok((time("start", i64::MIN)?, time("end", i64::MAX)?))
}

/// The sets of matchers of `match[]`; `wrap` makes an error of a text.
fn matcher_sets(context: &Context, wrap: impl Fn(String) -> ApiError) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let mut sets = Vec::new();
    for text in context.params.all("match[]") {
        let matchers = parse_metric_selector(text).map_err(|e| wrap(e.to_string()))?;
        if matchers.iter().all(Matcher::matches_empty) {
            return Err(wrap("match[] must contain at least one non-empty matcher".into()));
        }
        sets.push(matchers);
    }
    Ok(sets)
}

pub(crate) async fn series(context: Context) -> Result<Reply, ApiError> {
    context.params.strict()?;
    if context.params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let limit = limit(&context)?;
    let (start_ms, end_ms) = time_range(&context)?;
    let sets = matcher_sets(&context, |why| ApiError::param("match[]", why))?;
    let storage = std::sync::Arc::clone(&context.handles.storage);
    let mut found = Context::blocking(move || -> Result<Vec<Labels>, ApiError> {
        if start_ms > end_ms {
            return Ok(Vec::new());
        }
        let querier = storage.querier(start_ms, end_ms)?;
        let hints =
            SelectHints { start_ms, end_ms, function: "series".into(), limit: next(limit), ..SelectHints::default() };
        let mut found = Vec::new();
        for matchers in &sets {
            let set = querier.select(&hints, matchers)?;
            let count = if limit == 0 { set.len() } else { set.len().min(limit + 1) };
            found.extend((0..count).map(|i| set.labels(i)));
        }
        if sets.len() > 1 {
            found.sort();
            found.dedup();
        }
        Ok(found)
    })
    .await??;
    let is_cut = limit > 0 && found.len() > limit;
    if is_cut {
        found.truncate(limit);
    }
    let write = Box::new(move |to: &mut dyn std::io::Write| {
        let mut out = vec![b'['];
        for (i, labels) in found.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            push_labels(&mut out, labels);
            if out.len() > 64 * 1024 {
                to.write_all(&out)?;
                out.clear();
            }
        }
        out.push(b']');
        to.write_all(&out)
    });
    Ok(Reply::Stream { write, notes: Default::default() }.with_warnings(is_cut.then(|| TRUNCATED.to_owned())))
}

pub(crate) async fn labels(context: Context) -> Result<Reply, ApiError> {
    texts(context, None).await
}

pub(crate) async fn label_values(context: Context) -> Result<Reply, ApiError> {
    let mut name = context.path_param.clone();
    if name.starts_with("U__") {
        name = EscapingScheme::Values.unescape(&name);
    }
    if name.is_empty() || name.contains('\u{fffd}') {
        return Err(ApiError::bad_data(format_args!(
            "invalid label name: {}",
            narthex_model::quote::quote(&context.path_param)
        )));
    }
    texts(context, Some(name)).await
}

/// Label names, or the values of one label.
async fn texts(context: Context, label: Option<String>) -> Result<Reply, ApiError> {
    let limit = limit(&context)?;
    let (start_ms, end_ms) = time_range(&context)?;
    let sets = matcher_sets(&context, ApiError::bad_data)?;
    let storage = std::sync::Arc::clone(&context.handles.storage);
    let mut found = Context::blocking(move || -> Result<Vec<String>, ApiError> {
        if start_ms > end_ms {
            return Ok(Vec::new());
        }
        let querier = storage.querier(start_ms, end_ms)?;
        let ask = |matchers: &[Matcher]| match &label {
            Some(name) => querier.label_values(name, matchers, next(limit)),
            None => querier.label_names(matchers, next(limit)),
        };
        let ask = |matchers: &[Matcher]| {
            ask(matchers).map_err(|e| ApiError { kind: ErrorKind::Execution, message: e.to_string() })
        };
        if sets.len() <= 1 {
            return ask(sets.first().map_or(&[], Vec::as_slice));
        }
        let mut found = Vec::new();
        for matchers in &sets {
            found.extend(ask(matchers)?);
        }
        found.sort();
        found.dedup();
        Ok(found)
    })
    .await??;
    let is_cut = limit > 0 && found.len() > limit;
    if is_cut {
        found.truncate(limit);
    }
    let reply = Reply::data(|out| push_list(out, &found, |out, text| push_text(out, text)));
    Ok(reply.with_warnings(is_cut.then(|| TRUNCATED.to_owned())))
}

/// One more than the limit, so that it shows whether there is more.
fn next(limit: usize) -> usize {
    if limit == 0 { 0 } else { limit + 1 }
}
