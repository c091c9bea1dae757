//! `promql explain`.

use std::time::{SystemTime, UNIX_EPOCH};

use narthex_flags::{Flag, Kind};
use narthex_promql::{Engine, EngineOptions, Request};

use crate::command::{ENABLE_FEATURE, EXPERIMENTAL, Given};
use crate::output::{FAILURE, Output, SUCCESS};

/// The range that a query is explained for: `--step` over an hour, ending now.
const RANGE_MS: i64 = 3_600_000;

pub(crate) const FLAGS: &[Flag] = &[
    ENABLE_FEATURE,
    EXPERIMENTAL,
    Flag::new("step", Kind::Duration, "", "Explain a range query with this step. Default: an instant query."),
    Flag::new("query.lookback-delta", Kind::Duration, "5m", "How far back a query looks for a series' newest sample."),
    Flag::new("format", Kind::Enum(&["promql", "json"]), "promql", "A tree for people, or the same as JSON."),
];

pub(crate) fn run(given: &Given, output: &mut Output<'_>) -> u8 {
    let values = &given.values;
    let engine = Engine::new(EngineOptions {
        lookback_delta_ms: values.duration_ms("query.lookback-delta"),
        features: given.features(),
        ..EngineOptions::default()
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let query = given.args[0].as_str();
    let request = if values.is_given("step") {
        Request::range(query, now_ms - RANGE_MS, now_ms, values.duration_ms("step"))
    } else {
        Request::instant(query, now_ms)
    };
    match engine.explain(&request) {
        Ok(explanation) if values.text("format") == "json" => output.line(explanation.to_json()),
        Ok(explanation) => output.line(explanation.to_string().trim_end()),
        Err(error) => {
            output.complain(format_args!("error: {error}"));
            return FAILURE;
        }
    }
    SUCCESS
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn the_plan_is_printed() {
        check("promql explain --step=15s sum(x)", 0, "sum\n└─ select {__name__=\"x\"}\n", "");
        check(
            "promql explain --step=15s -o json sum(x)",
            0,
            "{\"operation\":\"sum\",\"children\":[{\"operation\":\"select {__name__=\\\"x\\\"}\",\"children\":[]}]}\n",
            "",
        );
        check("promql explain x+", 1, "", "error: 1:3: parse error: unexpected end of input\n");
        let text = "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector";
        check("promql explain --step=15s x[5m]", 1, "", &format!("error: {text}\n"));
    }
}
