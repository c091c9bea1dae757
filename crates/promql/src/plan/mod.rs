//! A query made ready: [`Plan`], a tree of [`Node`]s without durations to
//! compute, parentheses or times that depend on the query's range.
//!
//! - [`grid`]: [`Grid`], the evaluation times.
//! - [`mod@build`]: from syntax tree to plan.
//! - [`duration`]: duration expressions.
//! - [`share`]: parts that occur more than once.
//! - [`explain`]: the plan as people read it.

mod build;
mod duration;
mod explain;
mod grid;
mod share;

use narthex_model::Matcher;
use narthex_promql_syntax::Function;
use narthex_promql_syntax::ast::{AggregateOp, BinaryOp, Matching, RangeMode, ValueType};
use narthex_storage::{Grouping, SelectHints};

pub(crate) use build::{PlanContext, build, fixed_metric_name};
pub(crate) use explain::{Measured, NotRun};
pub(crate) use grid::Grid;

use crate::annotations::Position;

/// A query made ready.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) root: Node,
    /// What is read from the store; selectors refer to it by index.
    pub(crate) selections: Vec<Selection>,
    /// By [`Node::shared`] how many nodes are marked so.
    pub(crate) uses: Vec<u32>,
    /// Whether `info` is called.
    pub(crate) has_info: bool,
}

impl Plan {
    /// The first and the last time anything is read at.
    pub(crate) fn time_range(&self, grid: &Grid, lookback_delta_ms: i64) -> (i64, i64) {
        let hints = || self.selections.iter().map(|selection| &selection.hints);
        // `info` reads beside its operand's selector, as far back as the lookback.
        let back_ms = if self.has_info { lookback_delta_ms } else { 0 };
        let min_ms = hints().map(|hints| hints.start_ms).min().unwrap_or(grid.start_ms);
        let max_ms = hints().map(|hints| hints.end_ms).max().unwrap_or(grid.last_ms());
        (min_ms.saturating_sub(back_ms), max_ms.max(min_ms))
    }
}

/// One thing to read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selection {
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) hints: SelectHints,
}

/// A part of a query.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) value_type: ValueType,
    /// Where annotations about it as an operand point to.
    pub(crate) position: Position,
    /// Nodes with the same mark are equal, their positions apart.
    pub(crate) shared: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Number(f64),
    String(String),
    Selector(Selector),
    /// A range selector; only as argument of a function or as the whole query.
    Matrix(Matrix),
    Subquery(Subquery),
    Call(Call),
    Aggregate(Aggregate),
    Binary(Binary),
    /// `-x`
    Negate(Box<Node>),
    /// Evaluated at the first step only; its result serves all.
    Invariant(Box<Node>),
    /// The second argument of `info`, which is not read by itself.
    LabelMatchers(Vec<Matcher>),
}

/// What selectors have in common.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    /// Index into [`Plan::selections`].
    pub(crate) selection: usize,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) offset_ms: i64,
    /// The time of `@`.
    pub(crate) at_ms: Option<i64>,
    pub(crate) mode: RangeMode,
    /// Whether unknown counter-reset hints of histograms are found out.
    pub(crate) detect_resets: bool,
    /// Where the selector itself starts, without parentheses around it.
    pub(crate) start: Position,
}

impl Selector {
    /// What is subtracted from an evaluation time to get the time looked at.
    ///
    /// `@` fixes the first step only: where a part is not evaluated just once
    /// (a parameter of an aggregation), later steps look at later times.
    pub(crate) fn effective_offset_ms(&self, grid: &Grid) -> i64 {
        effective_offset_ms(self.at_ms, self.offset_ms, grid)
    }
}

fn effective_offset_ms(at_ms: Option<i64>, offset_ms: i64, grid: &Grid) -> i64 {
    match at_ms {
        Some(at_ms) => grid.start_ms.saturating_sub(at_ms).saturating_add(offset_ms),
        None => offset_ms,
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub(crate) selector: Selector,
    pub(crate) range_ms: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Subquery {
    pub(crate) expr: Box<Node>,
    pub(crate) range_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) offset_ms: i64,
    pub(crate) at_ms: Option<i64>,
}

impl Subquery {
    /// As [`Selector::effective_offset_ms`].
    pub(crate) fn effective_offset_ms(&self, grid: &Grid) -> i64 {
        effective_offset_ms(self.at_ms, self.offset_ms, grid)
    }

    /// The times its content is evaluated at; may be empty.
    pub(crate) fn inner_grid(&self, grid: &Grid) -> Grid {
        let offset_ms = self.effective_offset_ms(grid);
        let after_ms = grid.start_ms.saturating_sub(offset_ms).saturating_sub(self.range_ms);
        let end_ms = grid.last_ms().saturating_sub(offset_ms);
        let start_ms = (after_ms.div_euclid(self.step_ms).saturating_add(1)).saturating_mul(self.step_ms);
        Grid::new(start_ms, end_ms, self.step_ms)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    pub(crate) args: Vec<Node>,
    /// Where the call itself starts.
    pub(crate) start: Position,
}

#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) expr: Box<Node>,
    pub(crate) param: Option<Box<Node>>,
    pub(crate) grouping: Grouping,
    /// Where the aggregation itself starts.
    pub(crate) start: Position,
}

#[derive(Clone, Debug)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) lhs: Box<Node>,
    pub(crate) rhs: Box<Node>,
    pub(crate) matching: Option<Matching>,
    pub(crate) return_bool: bool,
}

/// The text of an operator.
pub(crate) fn operator_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "^",
        BinaryOp::Atan2 => "atan2",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Greater => ">",
        BinaryOp::Less => "<",
        BinaryOp::GreaterEqual => ">=",
        BinaryOp::LessEqual => "<=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::Unless => "unless",
        BinaryOp::TrimUpper => "</",
        BinaryOp::TrimLower => ">/",
    }
}

/// The name of an aggregation.
pub(crate) fn aggregate_name(op: AggregateOp) -> &'static str {
    match op {
        AggregateOp::Sum => "sum",
        AggregateOp::Avg => "avg",
        AggregateOp::Count => "count",
        AggregateOp::Min => "min",
        AggregateOp::Max => "max",
        AggregateOp::Group => "group",
        AggregateOp::Stddev => "stddev",
        AggregateOp::Stdvar => "stdvar",
        AggregateOp::Topk => "topk",
        AggregateOp::Bottomk => "bottomk",
        AggregateOp::CountValues => "count_values",
        AggregateOp::Quantile => "quantile",
        AggregateOp::Limitk => "limitk",
        AggregateOp::LimitRatio => "limit_ratio",
    }
}
