//! Evaluation: [`Evaluator`] walks a plan and computes every node over all steps.
//!
//! Every node is computed once, for the whole of its [`Grid`]. Selectors and
//! range functions are [row sources](source): an aggregation over one folds
//! series by series and never holds the vector between. Everything else works
//! on [`Vector`]s: 8 bytes per series and step.
//!
//! - [`vector`], [`source`]: the data and how rows are read.
//! - [`selector`], [`range`], [`subquery`]: what reads samples.
//! - [`aggregate`], [`accumulate`], [`select`]: aggregations.
//! - [`mapped`]: what is computed between reading and folding.
//! - [`binary`], [`matching`], [`arithmetic`]: operators.
//! - [`call`] and what it refers to: functions.
//! - [`shared`]: what is computed once although it stands several times.
//! - [`limits`]: what may be used and what was used; [`trace`]: by which part.

mod absent;
mod accumulate;
mod aggregate;
mod arithmetic;
mod binary;
mod call;
mod histogram_sums;
mod histograms;
mod info;
mod label_functions;
pub(crate) mod limits;
mod mapped;
mod matching;
mod range;
mod select;
mod selector;
mod shared;
mod sort;
mod source;
mod subquery;
mod trace;
pub(crate) mod vector;

use std::sync::Arc;

use narthex_promql_syntax::ast::ValueType;
use narthex_storage::{Querier, SeriesSet};

use crate::annotations::Annotations;
use crate::api::{Features, MatrixSeries, QueryError};
use crate::plan::{Grid, Kind, Node, Plan, Selector, fixed_metric_name};
use limits::{Limits, PerStep, Tally};
use selector::{Pick, SelectorSource};
use shared::Shared;
use source::{RowSource, collect};
use trace::Trace;
use vector::Vector;

/// What does not change while a query is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) features: Features,
    pub(crate) lookback_delta_ms: i64,
    pub(crate) threads: usize,
    /// Whether the query is over a range (start ≠ end).
    pub(crate) is_range: bool,
    /// Whether numbers of every step are wanted.
    pub(crate) per_step_stats: bool,
}

/// What a node evaluates to.
#[derive(Clone, Debug)]
pub(crate) enum Evaluated {
    /// One number per step.
    Scalar(Vec<f64>),
    String(String),
    Vector(Vector),
    /// Range vectors, as result of a query only.
    Matrix(Vec<MatrixSeries>),
}

impl Evaluated {
    /// What its samples count as while they are held.
    fn points(&self) -> i64 {
        match self {
            Evaluated::Scalar(values) => values.len() as i64,
            Evaluated::Vector(vector) => vector.points(),
            Evaluated::String(_) | Evaluated::Matrix(_) => 0,
        }
    }

    /// The memory it takes.
    fn bytes(&self) -> usize {
        match self {
            Evaluated::Scalar(values) => values.len() * size_of::<f64>(),
            Evaluated::String(value) => value.len(),
            Evaluated::Vector(vector) => vector.bytes(),
            Evaluated::Matrix(series) => series.iter().map(matrix_series_bytes).sum(),
        }
    }
}

fn matrix_series_bytes(series: &MatrixSeries) -> usize {
    let histograms = series.histograms.iter().map(|(_, histogram)| vector::histogram_bytes(histogram));
    size_of::<MatrixSeries>() + series.float_values.len() * 16 + histograms.sum::<usize>()
}

/// Evaluates the nodes of one plan.
pub(crate) struct Evaluator<'a> {
    settings: Settings,
    limits: &'a Limits,
    querier: &'a dyn Querier,
    query: &'a str,
    sets: Vec<Arc<dyn SeriesSet>>,
    shared: Shared,
    /// What was looked at so far; of the innermost sub-query, while in one.
    pub(crate) tally: Tally,
    /// The most samples held at a time.
    pub(crate) peak: i64,
    pub(crate) annotations: Annotations,
    /// What each part cost, when that is asked for.
    pub(crate) trace: Option<Box<Trace>>,
}

impl<'a> Evaluator<'a> {
    /// Finds the series of all selectors.
    pub(crate) fn new(
        plan: &Plan,
        query: &'a str,
        querier: &'a dyn Querier,
        settings: Settings,
        limits: &'a Limits,
        grid: &Grid,
    ) -> Result<Evaluator<'a>, QueryError> {
        let mut sets = Vec::with_capacity(plan.selections.len());
        let mut annotations = Annotations::default();
        for selection in &plan.selections {
            limits.check_reading()?;
            let set = querier.select(&selection.hints, &selection.matchers)?;
            set.warnings().iter().for_each(|warning| annotations.add_plain_warning(warning));
            sets.push(set);
        }
        let tally = Tally::new(grid.steps, settings.per_step_stats);
        Ok(Evaluator {
            settings,
            limits,
            querier,
            query,
            sets,
            shared: Shared::new(&plan.uses),
            tally,
            peak: 0,
            annotations,
            trace: None,
        })
    }

    /// Computes a node at all times of `grid`. Of the memory it takes only that of
    /// its result stays.
    pub(crate) fn eval(&mut self, node: &Node, grid: &Grid) -> Result<Evaluated, QueryError> {
        self.limits.check(limits::EVALUATION)?;
        if grid.steps == 0 {
            return Ok(nothing(node));
        }
        // Every row takes this much; there is at least one, and some more on the way.
        self.limits.check_bytes(grid.steps.saturating_mul(4 * size_of::<f64>()))?;
        let before = self.limits.bytes() - self.shared.bytes();
        let traced = self.trace_begin();
        let result = match node.shared {
            Some(number) => self.eval_shared(number, node, grid)?,
            None => self.eval_kind(node, grid)?,
        };
        self.limits.set_bytes(before + self.shared.bytes());
        self.limits.reserve(result.bytes())?;
        self.trace_end(node, traced, &result);
        Ok(result)
    }

    fn eval_kind(&mut self, node: &Node, grid: &Grid) -> Result<Evaluated, QueryError> {
        match &node.kind {
            Kind::Number(value) => {
                self.limits.hold(grid.steps as i64)?;
                self.note_peak();
                Ok(Evaluated::Scalar(vec![*value; grid.steps]))
            }
            Kind::String(value) => Ok(Evaluated::String(value.clone())),
            Kind::Selector(_) => Ok(Evaluated::Vector(self.collected(node, grid)?.unwrap_or_default())),
            Kind::Matrix(matrix) => self.matrix_result(matrix, grid),
            Kind::Subquery(subquery) => self.subquery_result(subquery, grid),
            Kind::Call(call) => self.call(node, call, grid),
            Kind::Aggregate(aggregate) => self.aggregate(aggregate, grid),
            Kind::Binary(binary) => self.binary(binary, grid),
            Kind::Negate(inner) => self.negate(inner, grid),
            Kind::Invariant(inner) => self.invariant(inner, grid),
            Kind::LabelMatchers(_) => Ok(Evaluated::Vector(Vector::new(grid.steps))),
        }
    }

    /// Computes a node that is a vector.
    fn vector(&mut self, node: &Node, grid: &Grid) -> Result<Vector, QueryError> {
        match self.eval(node, grid)? {
            Evaluated::Vector(vector) => Ok(vector),
            _ => Err(internal(node.value_type, "an instant vector")),
        }
    }

    /// Computes a node that is a scalar: one number per step.
    fn scalar(&mut self, node: &Node, grid: &Grid) -> Result<Vec<f64>, QueryError> {
        match self.eval(node, grid)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => Err(internal(node.value_type, "a scalar")),
        }
    }

    /// The rows of a node one at a time, when it is one that can give them so.
    fn row_source(&mut self, node: &Node, grid: &Grid) -> Result<Option<Box<dyn RowSource + 'a>>, QueryError> {
        match &node.kind {
            Kind::Selector(selector) => {
                let smoothed = selector.mode == narthex_promql_syntax::ast::RangeMode::Smoothed;
                let pick = if smoothed { Pick::Smoothed } else { Pick::Value };
                Ok(Some(Box::new(self.selector_source(selector, pick, grid))))
            }
            Kind::Call(call) => self.range_call_source(call, grid),
            _ => Ok(None),
        }
    }

    fn selector_source(&self, selector: &Selector, pick: Pick, grid: &Grid) -> SelectorSource {
        SelectorSource {
            set: Arc::clone(&self.sets[selector.selection]),
            grid: *grid,
            offset_ms: selector.effective_offset_ms(grid),
            lookback_ms: self.settings.lookback_delta_ms,
            pick,
            distinct: self.is_distinct(selector),
            per_step: self.tally.per_step.is_some(),
            detect_resets: selector.detect_resets,
            position: selector.start,
        }
    }

    /// Whether the series of a selector differ even without their names.
    fn is_distinct(&self, selector: &Selector) -> bool {
        !self.settings.features.type_and_unit_labels && fixed_metric_name(&selector.matchers).is_some()
    }

    /// All rows of a node that is a row source.
    fn collected(&mut self, node: &Node, grid: &Grid) -> Result<Option<Vector>, QueryError> {
        match self.row_source(node, grid)? {
            Some(source) => self.collect(&*source).map(Some),
            None => Ok(None),
        }
    }

    /// All rows of a source. Of what was held for it only scalar arguments of range
    /// functions stay: upstream forgets to let them go.
    fn collect(&mut self, source: &dyn RowSource) -> Result<Vector, QueryError> {
        let base = self.limits.samples();
        let run = collect(source, self.limits, self.settings.threads)?;
        self.settle(base, &run.tally);
        self.limits.set_samples(self.limits.samples() - source.held_points());
        self.annotations.merge(run.annotations);
        Ok(run.result)
    }

    /// Takes over what threads counted that began with `base` samples held.
    fn settle(&mut self, base: i64, tally: &Tally) {
        self.peak = self.peak.max(base + tally.peak);
        self.limits.set_samples(base + tally.points);
        self.tally.add_views(tally);
    }

    fn note_peak(&mut self) {
        self.peak = self.peak.max(self.limits.samples());
    }

    /// Accounts for a function or operator that is computed step by step:
    /// `before` were held before its operands, which are replaced by its result.
    fn settle_elementwise(&mut self, before: i64, gathered: &[i64], result: &Vector) -> Result<(), QueryError> {
        let operands = self.limits.samples();
        let mut results = 0;
        for (gathered, points) in gathered.iter().zip(result.result_points_per_step()) {
            self.limits.check_samples(results + gathered + points)?;
            self.peak = self.peak.max(operands + results + gathered + points);
            results += points;
        }
        self.limits.set_samples(before);
        self.limits.hold(result.points())?;
        self.note_peak();
        Ok(())
    }

    /// The same for what gives a scalar.
    fn settle_scalar(&mut self, before: i64, gathered: &[i64], values: Vec<f64>) -> Result<Evaluated, QueryError> {
        let operands = self.limits.samples();
        let most = (1..).zip(gathered).map(|(results, gathered)| results + gathered).max().unwrap_or(0);
        self.limits.check_samples(most)?;
        self.peak = self.peak.max(operands + most);
        self.limits.set_samples(before);
        self.limits.hold(values.len() as i64)?;
        Ok(Evaluated::Scalar(values))
    }

    /// Computes a part at the first step and repeats it at all others.
    fn invariant(&mut self, inner: &Node, grid: &Grid) -> Result<Evaluated, QueryError> {
        if grid.steps <= 1 {
            return self.eval(inner, grid);
        }
        let per_step = self.tally.per_step.is_some();
        let outer = std::mem::replace(&mut self.tally, Tally::new(1, per_step));
        let result = self.eval(inner, &grid.first());
        let once = std::mem::replace(&mut self.tally, outer);
        self.tally.total += once.total * grid.steps as i64;
        self.tally.read += once.read;
        if let Some(PerStep { total, read }) = &mut self.tally.per_step {
            total.iter_mut().for_each(|total| *total += once.total);
            read[0] += once.read;
        }
        let result = result?;
        self.limits.hold(result.points() * (grid.steps as i64 - 1))?;
        self.note_peak();
        Ok(match result {
            Evaluated::Scalar(values) => Evaluated::Scalar(vec![values[0]; grid.steps]),
            Evaluated::Vector(vector) => Evaluated::Vector(self.repeated(&vector, grid.steps)?),
            other => other,
        })
    }

    /// A vector of one step at `steps` steps.
    fn repeated(&self, once: &Vector, steps: usize) -> Result<Vector, QueryError> {
        self.limits.reserve(once.len().saturating_mul(steps) * size_of::<f64>())?;
        let mut floats = Vec::with_capacity(once.len() * steps);
        for value in &once.floats {
            floats.resize(floats.len() + steps, *value);
        }
        let histograms = once
            .histograms
            .iter()
            .map(|row| row.iter().flat_map(|(_, h)| (0..steps as u32).map(|step| (step, Arc::clone(h)))).collect());
        Ok(Vector { steps, rows: once.rows.clone(), floats, histograms: histograms.collect(), distinct: once.distinct })
    }
}

/// What a node evaluates to at no step at all, as sub-queries may ask.
fn nothing(node: &Node) -> Evaluated {
    match node.value_type {
        ValueType::Scalar => Evaluated::Scalar(Vec::new()),
        ValueType::String => Evaluated::String(String::new()),
        ValueType::Vector => Evaluated::Vector(Vector::new(0)),
        ValueType::Matrix => Evaluated::Matrix(Vec::new()),
    }
}

/// The parser checks types; a plan that breaks them is our own mistake.
fn internal(found: ValueType, wanted: &str) -> QueryError {
    QueryError::Execution(format!("unexpected {} where {wanted} is needed", found.describe()))
}
