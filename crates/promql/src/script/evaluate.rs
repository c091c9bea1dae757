//! Runs an `eval`, and runs it again in other ways that must give the same.

use narthex_promql_syntax::{ParserOptions, parse_expr};

use super::again::{other_times, pin};
use super::command::{Eval, EvalTimes, StepTimes};
use super::compare::{at_time, floats_agree, instant, matrix};
use super::expectation::{Expectations, ExpectedResult};
use super::store::MemoryStorage;
use crate::api::{Answer, QueryError, Request, SampleValue, Value};
use crate::engine::Engine;

/// Distance of the steps of the range query that follows each instant query, and
/// how far it reaches to both sides.
const AROUND_MS: i64 = 60_000;

pub(super) struct Evaluator<'a> {
    pub(super) engine: &'a Engine,
    pub(super) storage: &'a MemoryStorage,
    pub(super) parser_options: ParserOptions,
}

impl Evaluator<'_> {
    /// Runs it in all ways.
    ///
    /// # Errors
    /// What was expected and what came instead, and in which of the runs.
    pub(super) fn run(&self, eval: &Eval) -> Result<(), String> {
        let expr = parse_expr(&eval.query, &self.parser_options).map_err(|error| error.to_string())?;
        let time_ms = match eval.times {
            EvalTimes::Range(times) => return self.range(eval, times),
            EvalTimes::Instant { time_ms } => eval.expectations.range_vector.map_or(time_ms, |times| times.end_ms),
        };
        self.instant_and_around(&eval.query, time_ms, &eval.expectations)?;
        let mut pinned = expr;
        if !pin(&mut pinned, time_ms) {
            return Ok(());
        }
        let query = pinned.to_string();
        for other_ms in other_times(time_ms) {
            self.instant_and_around(&query, other_ms, &eval.expectations)
                .map_err(|text| format!("{text}\n  (run again as `{query}` at {other_ms} ms)"))?;
        }
        Ok(())
    }

    /// An instant query, then a range query around its time.
    fn instant_and_around(&self, query: &str, time_ms: i64, expectations: &Expectations) -> Result<(), String> {
        let request = Request::instant(query, time_ms);
        let Some(answer) = self.answer(&request, expectations)? else { return Ok(()) };
        instant(&expectations.result, expectations.ordered, expectations.range_vector, &answer.value)?;

        let fixed = ["start()", "end()", "range()", "step()"].iter().any(|call| query.contains(call));
        let no_steps = expectations.range_vector.is_some() || matches!(answer.value, Value::String { .. });
        if fixed || no_steps {
            return Ok(());
        }
        self.around(query, time_ms, expectations)
            .map_err(|text| format!("{text}\n  (run again as range query from 1m before to 1m after {time_ms} ms)"))
    }

    fn around(&self, query: &str, time_ms: i64, expectations: &Expectations) -> Result<(), String> {
        let (start_ms, end_ms) = (time_ms.saturating_sub(AROUND_MS), time_ms.saturating_add(AROUND_MS));
        let request = Request::range(query, start_ms, end_ms, AROUND_MS);
        let answer = self.engine.execute(self.storage, &request).map_err(|error| show_error(&error))?;
        let Value::Matrix(series) = &answer.value else {
            return Err("a range query must give a matrix".to_owned());
        };
        if expectations.ordered {
            return Ok(());
        }
        let samples = at_time(series, time_ms);
        let ExpectedResult::Scalar(want) = expectations.result else {
            return instant(&expectations.result, false, None, &Value::Vector(samples));
        };
        match &samples[..] {
            [only] if only.labels.is_empty() => match only.value {
                SampleValue::Float(got) if floats_agree(want, got) => Ok(()),
                ref got => Err(format!("expected {want}, got {got:?}")),
            },
            _ => Err(format!("expected the scalar {want}, got {samples:?}")),
        }
    }

    fn range(&self, eval: &Eval, times: StepTimes) -> Result<(), String> {
        let request = Request::range(eval.query.as_str(), times.start_ms, times.end_ms, times.step_ms);
        let Some(answer) = self.answer(&request, &eval.expectations)? else { return Ok(()) };
        match (&eval.expectations.result, &answer.value) {
            (ExpectedResult::Series(want), Value::Matrix(got)) => matrix(want, times, got),
            _ => Err("a range query must give a matrix".to_owned()),
        }
    }

    /// Runs a query and checks its error and its notes; `None` when it failed as it should.
    fn answer(&self, request: &Request, expectations: &Expectations) -> Result<Option<Answer>, String> {
        match (self.engine.execute(self.storage, request), &expectations.fail) {
            (Err(error), Some(texts)) => {
                let got = show_error(&error);
                match texts.iter().find(|text| !text.matches(&got)) {
                    Some(text) => Err(format!("expected the query to fail with {text}, got `{got}`")),
                    None => Ok(None),
                }
            }
            (Err(error), None) => Err(format!("the query failed: {}", show_error(&error))),
            (Ok(_), Some(_)) => Err("expected the query to fail, but it did not".to_owned()),
            (Ok(answer), None) => {
                expectations.warnings.check("warning", &answer.warnings)?;
                expectations.infos.check("info", &answer.infos)?;
                Ok(Some(answer))
            }
        }
    }
}

fn show_error(error: &QueryError) -> String {
    error.to_string()
}
