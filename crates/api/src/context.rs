//! What an endpoint is given, and what it gives back.

use std::sync::Arc;

use narthex_model::Matcher;
use narthex_promql::CancelToken;
use narthex_promql_syntax::parse_metric_selector;

use crate::error::ApiError;
use crate::json::Json;
use crate::params::Params;
use crate::router::State;
use crate::time::{Moment, TIME_MAX_MS, TIME_MIN_MS, parse_moment};

/// What is said beside a result that was cut.
pub(crate) const TRUNCATED: &str = "results truncated due to limit";

/// One request.
pub(crate) struct Context {
    pub(crate) state: Arc<State>,
    /// The pairs of body and URL.
    pub(crate) params: Params,
    /// The pairs of the URL alone.
    pub(crate) url_params: Params,
    /// What stands in the path for the `*` of the table.
    pub(crate) path_param: Vec<u8>,
    /// Thrown when the client goes away.
    pub(crate) cancel: CancelToken,
}

/// The data of an answer: written after the endpoint is done, on its thread.
pub(crate) type Data = Box<dyn FnOnce(&mut Json<'_>) + Send>;

/// What an endpoint gives back.
pub(crate) struct Success {
    /// Nothing is an answer without content.
    pub(crate) data: Option<Data>,
    pub(crate) warnings: Vec<String>,
    pub(crate) infos: Vec<String>,
}

impl Success {
    pub(crate) fn new(data: impl FnOnce(&mut Json<'_>) + Send + 'static) -> Success {
        Success { data: Some(Box::new(data)), warnings: Vec::new(), infos: Vec::new() }
    }

    /// There is nothing to tell.
    pub(crate) fn nothing() -> Success {
        Success { data: None, warnings: Vec::new(), infos: Vec::new() }
    }

    pub(crate) fn with_warnings(mut self, warnings: Vec<String>) -> Success {
        self.warnings = warnings;
        self
    }
}

impl Context {
    /// The parameter `limit`; 0 for none.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let text = self.params.get("limit");
        if text.is_empty() {
            return Ok(0);
        }
        let limit = parse_int(text).map_err(|error| ApiError::parameter("limit", error))?;
        usize::try_from(limit).map_err(|_| ApiError::parameter("limit", "limit must be non-negative"))
    }

    /// An optional time.
    pub(crate) fn time_or(&self, name: &str, default_ms: i64) -> Result<i64, ApiError> {
        self.moment_or(name, Moment::from_ms(default_ms)).map(Moment::timestamp_ms)
    }

    /// An optional time that is more than milliseconds since the epoch.
    pub(crate) fn moment_or(&self, name: &str, default: Moment) -> Result<Moment, ApiError> {
        match self.params.get(name) {
            "" => Ok(default),
            text => parse_moment(text)
                .map_err(|error| ApiError::parameter(name, format_args!("invalid time value for '{name}': {error}"))),
        }
    }

    /// The parameters `start` and `end`, everything unless they say less.
    pub(crate) fn time_range(&self) -> Result<(i64, i64), ApiError> {
        Ok((self.time_or("start", TIME_MIN_MS)?, self.time_or("end", TIME_MAX_MS)?))
    }

    /// The selectors of `match[]`, each with a matcher that not every series
    /// satisfies. The error is a bare text.
    pub(crate) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, String> {
        let parse = |text| parse_metric_selector(text).map_err(|errors| errors.to_string());
        let sets: Vec<Vec<Matcher>> = self.params.all("match[]").map(parse).collect::<Result<_, _>>()?;
        if sets.iter().any(|set| set.iter().all(Matcher::matches_empty)) {
            return Err("match[] must contain at least one non-empty matcher".into());
        }
        Ok(sets)
    }
}

/// Reads an integer as Go's `strconv.Atoi`.
pub(crate) fn parse_int(text: &str) -> Result<i64, String> {
    let quoted = || narthex_model::quote::quote(text);
    text.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let problem = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {}: {problem}", quoted())
    })
}

/// Reads a truth value as Go's `strconv.ParseBool`; `""` is false.
pub(crate) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", narthex_model::quote::quote(text))),
    }
}
