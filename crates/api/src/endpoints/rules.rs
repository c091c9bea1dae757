//! `rules`, `alerts`, `alertmanagers`: without rules and receivers, as upstream
//! answers when none are configured. What a request asks for is checked all the same.

use narthex_model::quote::quote;

use crate::context::{Context, Success, parse_bool, parse_int};
use crate::error::ApiError;

pub(crate) fn rules(context: &Context) -> Result<Success, ApiError> {
    // Upstream looks at the URL only.
    let params = &context.url_params;
    if let Some(problem) = params.problem() {
        return Err(ApiError::bad_data(format_args!("error parsing form values: {problem}")));
    }
    context.selectors().map_err(ApiError::bad_data)?;
    let kind = params.get("type").to_lowercase();
    if !matches!(kind.as_str(), "" | "alert" | "record") {
        return Err(ApiError::parameter("type", format_args!("not supported value {}", quote(&kind))));
    }
    parse_bool(params.get("exclude_alerts")).map_err(|error| {
        ApiError::parameter("exclude_alerts", format_args!("error converting exclude_alerts: {error}"))
    })?;
    let limit = match params.get("group_limit") {
        "" => None,
        text => Some(parse_int(text).map_err(|error| {
            let error = error.replacen("strconv.Atoi", "strconv.ParseInt", 1);
            ApiError::parameter("group_limit", format_args!("group_limit needs to be a valid number: {error}"))
        })?),
    };
    if limit.is_some_and(|limit| limit <= 0) {
        return Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0"));
    }
    let token = params.get("group_next_token");
    if !token.is_empty() {
        let text = match limit {
            None => "group_limit needs to be present in order to paginate over the groups".to_owned(),
            Some(_) => format!("invalid group_next_token '{token}'. were rule groups changed?"),
        };
        return Err(ApiError::parameter("group_next_token", text));
    }
    Ok(empty_lists(&["groups"]))
}

pub(crate) fn alerts(_: &Context) -> Result<Success, ApiError> {
    Ok(empty_lists(&["alerts"]))
}

pub(crate) fn alertmanagers(_: &Context) -> Result<Success, ApiError> {
    Ok(empty_lists(&["activeAlertmanagers", "droppedAlertmanagers"]))
}

fn empty_lists(keys: &'static [&'static str]) -> Success {
    Success::new(move |json| {
        json.object(|json| {
            for key in keys {
                json.key(key);
                json.array(|_| {});
            }
        });
    })
}
