//! [`Engine`]: runs queries.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use narthex_client::{RegisterError, Registry};
use narthex_promql_syntax::ast::ValueType;
use narthex_promql_syntax::{Expr, ParserOptions, parse_expr};
use narthex_storage::Storage;

use crate::annotations::Annotations;
use crate::api::{
    Answer, EngineOptions, MatrixSeries, QueryError, QueryRange, Request, SampleValue, Stats, Value, VectorSample,
};
use crate::eval::limits::{EVALUATION, EXECUTION, Limits, PerStep};
use crate::eval::vector::{Vector, is_absent};
use crate::eval::{Evaluated, Evaluator, Settings};
use crate::explain::Explanation;
use crate::gate::Gate;
use crate::memory::Memory;
use crate::metrics::EngineMetrics;
use crate::observer::{QueryObserver, QueryReport, Running};
use crate::plan::{self, Grid, NotRun, Plan, PlanContext};

/// Queries that may nest deeper run on a thread with a stack of its own.
const DEPTH_INLINE: usize = 64;
/// What a level of nesting may take of the stack, in builds without optimisation too.
const STACK_PER_LEVEL: usize = 32 * 1024;
/// The parser refuses queries that nest deeper.
const DEPTH_MAX: usize = 1024;

/// Runs queries against any store.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    default_subquery_step_ms: AtomicI64,
    gate: Gate,
    /// What all queries hold.
    memory: Arc<Memory>,
    metrics: Option<EngineMetrics>,
    observers: Vec<Arc<dyn QueryObserver>>,
}

impl Engine {
    /// An engine with these settings.
    pub fn new(options: EngineOptions) -> Engine {
        let default_subquery_step_ms = AtomicI64::new(options.default_subquery_step_ms);
        let gate = Gate::new(options.max_concurrency);
        let memory = Memory::new(options.max_bytes_total);
        Engine { options, default_subquery_step_ms, gate, memory, metrics: None, observers: Vec::new() }
    }

    /// The same engine, counting its queries in a registry from now on.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn with_metrics(mut self, registry: &Registry) -> Result<Engine, RegisterError> {
        self.metrics = Some(EngineMetrics::register(registry, self.options.max_concurrency)?);
        Ok(self)
    }

    /// The same engine, telling `observer` about its queries from now on.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn QueryObserver>) -> Engine {
        self.observers.push(observer);
        self
    }

    /// Shows in the metrics whether queries are logged.
    pub fn set_query_log_enabled(&self, is_enabled: bool) {
        if let Some(metrics) = &self.metrics {
            metrics.log_enabled.set(if is_enabled { 1.0 } else { 0.0 });
        }
    }

    /// Its settings.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Sets the step of sub-queries that name none, for queries that start later.
    pub fn set_default_subquery_step_ms(&self, step_ms: i64) {
        self.default_subquery_step_ms.store(step_ms, Ordering::Relaxed);
    }

    /// How a query's text is read, by the engine's features.
    pub fn parser_options(&self) -> ParserOptions {
        let features = &self.options.features;
        ParserOptions {
            experimental_functions: features.experimental_functions,
            extended_range_selectors: features.extended_range_selectors,
            fill_modifiers: features.fill_modifiers,
        }
    }

    /// Runs a query on the caller's thread and blocks until it is done. Waits for
    /// its turn when `max_concurrency` queries run already; the timeout counts
    /// from here.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn execute(&self, storage: &dyn Storage, request: &Request) -> Result<Answer, QueryError> {
        self.execute_counted(storage, request, None)
    }

    /// Runs a query as [`execute`](Engine::execute) does, and tells what each part
    /// of it cost.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn analyze(&self, storage: &dyn Storage, request: &Request) -> Result<(Answer, Explanation), QueryError> {
        let mut explanation = None;
        let answer = self.execute_counted(storage, request, Some(&mut explanation))?;
        let explanation = explanation.ok_or_else(|| QueryError::Execution("the query was not traced".into()))?;
        Ok((answer, explanation))
    }

    /// How a query would be run; reads no series.
    ///
    /// # Errors
    /// [`QueryError::BadQuery`] when it cannot be run.
    pub fn explain(&self, request: &Request) -> Result<Explanation, QueryError> {
        on_stack_for(&request.query, || Ok(self.prepare(request)?.plan.explain(&NotRun)))
    }

    fn execute_counted(
        &self,
        storage: &dyn Storage,
        request: &Request,
        explanation: Option<&mut Option<Explanation>>,
    ) -> Result<Answer, QueryError> {
        let _running = self.metrics.as_ref().map(EngineMetrics::begin);
        let answer = on_stack_for(&request.query, || self.execute_here(storage, request, explanation));
        if let (Some(metrics), Ok(answer)) = (&self.metrics, &answer) {
            metrics.observe(&answer.stats);
        }
        answer
    }

    fn execute_here(
        &self,
        storage: &dyn Storage,
        request: &Request,
        explanation: Option<&mut Option<Explanation>>,
    ) -> Result<Answer, QueryError> {
        let began = Instant::now();
        let prepared = self.prepare(request)?;
        let mut stats = Stats::default();
        let answer = self.run_in_turn(storage, request, &prepared, began, &mut stats, explanation);
        if !self.observers.is_empty() {
            let report = QueryReport { request, error: answer.as_ref().err(), stats: &stats };
            for observer in &self.observers {
                if observer.ended(&report).is_err()
                    && let Some(metrics) = &self.metrics
                {
                    metrics.log_failures.inc();
                }
            }
        }
        answer.map(|answer| Answer { stats, ..answer })
    }

    /// Waits for a free place and runs a query. `stats` holds afterwards what it
    /// cost, if it failed too.
    fn run_in_turn(
        &self,
        storage: &dyn Storage,
        request: &Request,
        prepared: &Prepared,
        began: Instant,
        stats: &mut Stats,
        explanation: Option<&mut Option<Explanation>>,
    ) -> Result<Answer, QueryError> {
        let timeout = request.timeout.map_or(self.options.timeout, |timeout| timeout.min(self.options.timeout));
        let deadline = began.checked_add(timeout).unwrap_or_else(|| began + Duration::from_secs(1 << 30));
        let limits = Limits::new(
            self.options.max_samples,
            self.options.max_bytes,
            Arc::clone(&self.memory),
            deadline,
            request.cancel.clone(),
        );
        let turn = self.gate.enter(&limits);
        stats.timings.exec_queue = began.elapsed();
        let answer = turn.and_then(|_turn| {
            let _running = Running::new(&self.observers, request);
            limits.check(EXECUTION)?;
            self.run(storage, request, prepared, &limits, stats, explanation)
        });
        let timings = &mut stats.timings;
        timings.exec_total = began.elapsed();
        timings.eval_total = timings.exec_total.saturating_sub(timings.exec_queue);
        answer
    }

    /// Reads and plans a query.
    fn prepare(&self, request: &Request) -> Result<Prepared, QueryError> {
        let expr = parse_expr(&request.query, &self.parser_options())
            .map_err(|errors| QueryError::BadQuery(errors.to_string()))?;
        let (grid, end_ms, step_ms) = match request.range {
            QueryRange::Instant { time_ms } => (Grid::instant(time_ms), time_ms, 0),
            QueryRange::Range { start_ms, end_ms, step_ms } => {
                check_range_type(&expr)?;
                if step_ms <= 0 {
                    let text = "zero or negative query resolution step widths are not accepted. Try a positive integer";
                    return Err(QueryError::BadQuery(text.into()));
                }
                (Grid::new(start_ms, end_ms, step_ms), end_ms, step_ms)
            }
        };
        let lookback_delta_ms =
            request.lookback_delta_ms.filter(|ms| *ms > 0).unwrap_or(self.options.lookback_delta_ms);
        let context = PlanContext {
            grid,
            end_ms,
            step_ms,
            lookback_delta_ms,
            default_subquery_step_ms: self.default_subquery_step_ms.load(Ordering::Relaxed),
        };
        let plan = plan::build(&expr, &context)?;
        let settings = Settings {
            features: self.options.features,
            lookback_delta_ms,
            threads: self.options.threads.max(1),
            is_range: grid.start_ms != end_ms,
            per_step_stats: request.per_step_stats && self.options.features.per_step_stats,
        };
        Ok(Prepared { plan, grid, settings })
    }

    fn run(
        &self,
        storage: &dyn Storage,
        request: &Request,
        prepared: &Prepared,
        limits: &Limits,
        stats: &mut Stats,
        explanation: Option<&mut Option<Explanation>>,
    ) -> Result<Answer, QueryError> {
        let Prepared { plan, grid, settings } = prepared;
        let preparing = Instant::now();
        let (min_ms, max_ms) = plan.time_range(grid, settings.lookback_delta_ms);
        let querier = storage.querier(min_ms, max_ms).map_err(|error| QueryError::Execution(error.to_string()))?;
        let mut evaluator = Evaluator::new(plan, &request.query, &*querier, *settings, limits, grid)?;
        if explanation.is_some() {
            evaluator.start_trace();
        }
        stats.timings.query_preparation = preparing.elapsed();
        let evaluating = Instant::now();
        let evaluated = evaluator.eval(&plan.root, grid);
        stats.timings.inner_eval = evaluating.elapsed();
        stats.total_queryable_samples = evaluator.tally.total;
        stats.samples_read = evaluator.tally.read;
        stats.peak_samples = evaluator.peak;
        let evaluated = evaluated?;
        limits.check(EVALUATION)?;
        let sorting = Instant::now();
        let is_range = matches!(request.range, QueryRange::Range { .. });
        let value = value_of(evaluated, grid, is_range)?;
        stats.timings.result_sort = sorting.elapsed();
        let per_step = evaluator.tally.per_step.take();
        if let Some(PerStep { total, read }) = per_step.filter(|_| settings.per_step_stats) {
            stats.total_queryable_samples_per_step = Some(grid.times().zip(total).collect());
            stats.samples_read_per_step = Some(grid.times().zip(read).collect());
        }
        if let (Some(out), Some(trace)) = (explanation, evaluator.trace.take()) {
            *out = Some(plan.explain(&*trace));
        }
        let (warnings, infos) = texts(&evaluator.annotations, &request.query);
        Ok(Answer { value, warnings, infos, stats: Stats::default(), memory: limits.hand_over() })
    }
}

/// A query ready to run.
struct Prepared {
    plan: Plan,
    grid: Grid,
    settings: Settings,
}

/// Does `work` for a query on a stack that is deep enough for it.
fn on_stack_for<T: Send>(query: &str, work: impl FnOnce() -> Result<T, QueryError> + Send) -> Result<T, QueryError> {
    let depth = depth_bound(query);
    if depth <= DEPTH_INLINE {
        return work();
    }
    std::thread::scope(|scope| {
        let stack = depth.min(DEPTH_MAX) * STACK_PER_LEVEL;
        let thread = std::thread::Builder::new().stack_size(stack);
        let thread = thread.spawn_scoped(scope, work);
        let thread = thread.map_err(|error| QueryError::Execution(format!("start query thread: {error}")))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// How deeply a query nests at most, judged by the bytes that can begin a level.
fn depth_bound(query: &str) -> usize {
    let signs = query.bytes().filter(|byte| b"([:+-*/%^<>=".contains(byte)).count();
    // Binary operators that are words; other words may contain them, which only
    // makes the bound larger.
    let words: usize = ["and", "or", "unless", "atan2"].iter().map(|word| query.matches(word).count()).sum();
    signs + words + 1
}

fn texts(annotations: &Annotations, query: &str) -> (Vec<String>, Vec<String>) {
    let rendered = annotations.render(query, 0);
    (rendered.warnings, rendered.infos)
}

fn check_range_type(expr: &Expr) -> Result<(), QueryError> {
    match expr.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(()),
        other => Err(QueryError::BadQuery(format!(
            "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
            other.describe()
        ))),
    }
}

/// The result as users get it.
fn value_of(evaluated: Evaluated, grid: &Grid, is_range: bool) -> Result<Value, QueryError> {
    let timestamp_ms = grid.start_ms;
    Ok(match evaluated {
        Evaluated::Scalar(values) if is_range => {
            let series = MatrixSeries {
                float_timestamps: grid.times().collect(),
                float_values: values,
                ..MatrixSeries::default()
            };
            Value::Matrix(if series.is_empty() { Vec::new() } else { vec![series] })
        }
        Evaluated::Scalar(values) => Value::Scalar { timestamp_ms, value: values.first().copied().unwrap_or(f64::NAN) },
        Evaluated::String(value) => Value::String { timestamp_ms, value },
        Evaluated::Matrix(mut series) => {
            series.sort_by(|a, b| a.labels.cmp(&b.labels));
            Value::Matrix(series)
        }
        Evaluated::Vector(mut vector) => {
            vector.finish_names()?;
            if is_range {
                Value::Matrix(matrix_of(vector, grid))
            } else {
                Value::Vector(samples_of(vector, timestamp_ms))
            }
        }
    })
}

fn samples_of(vector: Vector, timestamp_ms: i64) -> Vec<VectorSample> {
    let mut histograms = vector.histograms.into_iter();
    let mut samples = Vec::with_capacity(vector.rows.len());
    for (row, value) in vector.rows.into_iter().zip(vector.floats) {
        let histogram = histograms.next().unwrap_or_default().pop();
        let value = match histogram {
            Some((_, histogram)) => SampleValue::Histogram(histogram),
            None if is_absent(value) => continue,
            None => SampleValue::Float(value),
        };
        samples.push(VectorSample { labels: row.labels, timestamp_ms, value });
    }
    samples
}

fn matrix_of(vector: Vector, grid: &Grid) -> Vec<MatrixSeries> {
    let mut all = Vec::with_capacity(vector.len());
    let times: Vec<i64> = grid.times().collect();
    for (index, row) in vector.rows.iter().enumerate() {
        let floats = vector.row(index);
        let (float_timestamps, float_values) = if floats.iter().any(|value| is_absent(*value)) {
            let present = times.iter().zip(floats).filter(|(_, value)| !is_absent(**value));
            present.map(|(time, value)| (*time, *value)).unzip()
        } else {
            (times.clone(), floats.to_vec())
        };
        let histograms = vector.row_histograms(index).iter();
        let histograms =
            histograms.map(|(step, histogram)| (grid.time_ms(*step as usize), histogram.clone())).collect();
        let series = MatrixSeries { labels: row.labels.clone(), float_timestamps, float_values, histograms };
        if !series.is_empty() {
            all.push(series);
        }
    }
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    all
}

#[cfg(test)]
mod tests;
