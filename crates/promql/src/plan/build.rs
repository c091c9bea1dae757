//! From syntax tree to plan.
//!
//! On the way: `start() end() range() step()` become numbers, durations are
//! computed, parentheses vanish, parts that are the same at every step are
//! marked, and every selector learns which times it has to read.

use narthex_model::Matcher;
use narthex_promql_syntax::ast::{self, AtModifier, Expr, RangeMode, ValueType};
use narthex_storage::{Grouping, SelectHints};

use super::duration::DurationScope;
use super::{Aggregate, Binary, Call, Grid, Kind, Matrix, Node, Plan, Selection, Selector, Subquery, aggregate_name};
use crate::annotations::position_of;
use crate::api::QueryError;

/// Functions whose result depends on the evaluation time itself.
const AT_UNSAFE: [&str; 11] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "time",
    "timestamp",
    "year",
];

/// What a plan depends on beside the query's text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanContext {
    /// The query's evaluation times.
    pub(crate) grid: Grid,
    /// The query's end as it was asked for, which no step may reach.
    pub(crate) end_ms: i64,
    /// The query's step as it was asked for; 0 for instant queries.
    pub(crate) step_ms: i64,
    pub(crate) lookback_delta_ms: i64,
    pub(crate) default_subquery_step_ms: i64,
}

/// Makes the plan.
///
/// # Errors
/// When a duration expression has no valid value.
pub(crate) fn build(expr: &Expr, context: &PlanContext) -> Result<Plan, QueryError> {
    let range_ms = context.end_ms.saturating_sub(context.grid.start_ms);
    let step_ms = if range_ms == 0 { 0 } else { context.step_ms };
    let durations = DurationScope { step_s: step_ms as f64 / 1000.0, range_s: range_ms as f64 / 1000.0 };
    let mut builder = Builder { context, durations, selections: Vec::new(), has_info: false };
    let scope = Scope {
        start_ms: context.grid.start_ms,
        end_ms: context.end_ms,
        step_ms: context.step_ms,
        function: "",
        grouping: None,
        prepared: true,
        detect_resets: false,
    };
    let built = builder.node(expr, &scope)?;
    let mut root = built.wrapped();
    let uses = super::share::share(&mut root);
    Ok(Plan { root, uses, selections: builder.selections, has_info: builder.has_info })
}

struct Builder<'a> {
    context: &'a PlanContext,
    durations: DurationScope,
    selections: Vec<Selection>,
    has_info: bool,
}

/// What a part inherits from the parts around it.
#[derive(Clone)]
struct Scope<'a> {
    /// The first evaluation time at most.
    start_ms: i64,
    /// The last evaluation time at least.
    end_ms: i64,
    step_ms: i64,
    /// The nearest call or aggregation, not beyond a binary operator.
    function: &'a str,
    /// Of the aggregation directly around.
    grouping: Option<Grouping>,
    /// Whether only statistics of histograms matter, which upstream reads in a way
    /// that tells resets from the samples.
    detect_resets: bool,
    /// False inside parameters of aggregations, which upstream does not prepare.
    prepared: bool,
}

struct Built {
    node: Node,
    invariant: bool,
}

impl Built {
    /// The node, marked when it need be evaluated only once.
    fn wrapped(self) -> Node {
        let Node { value_type, position, .. } = self.node;
        match self.node.kind {
            Kind::Number(_) | Kind::String(_) | Kind::LabelMatchers(_) => self.node,
            _ if self.invariant => {
                Node { kind: Kind::Invariant(Box::new(self.node)), value_type, position, shared: None }
            }
            _ => self.node,
        }
    }
}

impl Builder<'_> {
    fn node(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Built, QueryError> {
        let (kind, invariant) = self.kind(expr, scope)?;
        Ok(Built {
            node: Node { kind, value_type: expr.value_type(), position: position_of(expr), shared: None },
            invariant,
        })
    }

    /// What `expr` becomes, and whether that is the same at every step.
    fn kind(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<(Kind, bool), QueryError> {
        Ok(match expr {
            Expr::Number(number) => (Kind::Number(number.value), true),
            Expr::String(string) => (Kind::String(string.value.clone()), true),
            Expr::Paren(paren) => {
                let inner = self.node(&paren.expr, scope)?;
                (inner.node.kind, inner.invariant)
            }
            Expr::Unary(unary) => {
                let inner = self.node(&unary.expr, scope)?;
                match (unary.negative, inner.node.kind) {
                    (true, Kind::Number(value)) => (Kind::Number(-value), true),
                    (true, kind) => (Kind::Negate(Box::new(Node { kind, ..inner.node })), inner.invariant),
                    (false, kind) => (kind, inner.invariant),
                }
            }
            Expr::Vector(vector) => {
                let selector = self.selector(vector, 0, scope)?;
                let invariant = selector.at_ms.is_some() && scope.prepared;
                (Kind::Selector(selector), invariant)
            }
            Expr::Matrix(matrix) => {
                let range_ms = self.durations.resolve_ms(&matrix.range, false)?;
                let selector = self.selector(&matrix.selector, range_ms, scope)?;
                let invariant = selector.at_ms.is_some() && scope.prepared;
                (Kind::Matrix(Matrix { selector, range_ms }), invariant)
            }
            Expr::Subquery(subquery) => self.subquery(subquery, scope)?,
            Expr::Call(call) => self.call(call, scope)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, scope)?,
            Expr::Binary(binary) => self.binary(binary, scope)?,
        })
    }

    fn at_ms(&self, at: Option<AtModifier>, scope: &Scope<'_>) -> Option<i64> {
        match at? {
            AtModifier::Ms(ms) => Some(ms),
            AtModifier::Start => scope.prepared.then_some(self.context.grid.start_ms),
            AtModifier::End => scope.prepared.then_some(self.context.end_ms),
        }
    }

    fn selector(
        &mut self,
        vector: &ast::VectorSelector,
        range_ms: i64,
        scope: &Scope<'_>,
    ) -> Result<Selector, QueryError> {
        let offset_ms = self.durations.resolve_ms(&vector.offset, true)?;
        let at_ms = self.at_ms(vector.at, scope);
        // In a parameter of an aggregation the time looked at moves on from `@` with
        // the steps, but upstream does not read beyond it.
        let (first_ms, last_ms) = at_ms.map_or((scope.start_ms, scope.end_ms), |at_ms| (at_ms, at_ms));
        let lookback_ms = self.context.lookback_delta_ms;
        // The window is open on the left, so its first millisecond is not needed.
        let back_ms = match (range_ms, vector.mode) {
            (0, _) => lookback_ms,
            (range_ms, RangeMode::Plain) => range_ms,
            (range_ms, _) => range_ms.saturating_add(lookback_ms),
        } - 1;
        let ahead_ms = if vector.mode == RangeMode::Smoothed { lookback_ms } else { 0 };
        // What moves on from `@` looks at several times.
        let is_at_once = first_ms == last_ms && (at_ms.is_none() || scope.prepared);
        let newest_only = is_at_once && range_ms == 0 && vector.mode == RangeMode::Plain;
        let hints = SelectHints {
            start_ms: first_ms.saturating_sub(offset_ms).saturating_sub(back_ms),
            end_ms: last_ms.saturating_sub(offset_ms).saturating_add(ahead_ms),
            step_ms: scope.step_ms,
            range_ms,
            function: scope.function.to_owned(),
            grouping: scope.grouping.clone(),
            limit: 0,
            newest_only,
        };
        let selection = self.selection(Selection { matchers: vector.matchers.clone(), hints });
        let matchers = vector.matchers.clone();
        Ok(Selector {
            selection,
            matchers,
            offset_ms,
            at_ms,
            mode: vector.mode,
            detect_resets: scope.detect_resets,
            start: vector.span.start,
        })
    }

    /// The index of a selection; equal ones are read once.
    fn selection(&mut self, selection: Selection) -> usize {
        if let Some(index) = self.selections.iter().position(|known| *known == selection) {
            return index;
        }
        self.selections.push(selection);
        self.selections.len() - 1
    }

    fn subquery(&mut self, subquery: &ast::Subquery, scope: &Scope<'_>) -> Result<(Kind, bool), QueryError> {
        let range_ms = self.durations.resolve_ms(&subquery.range, false)?;
        let offset_ms = self.durations.resolve_ms(&subquery.offset, true)?;
        let step_ms = match &subquery.step {
            Some(step) => self.durations.resolve_ms(step, false)?,
            None => self.context.default_subquery_step_ms,
        }
        .max(1);
        let at_ms = self.at_ms(subquery.at, scope);
        let (first_ms, last_ms) = at_ms.map_or((scope.start_ms, scope.end_ms), |at_ms| (at_ms, at_ms));
        let inner = Scope {
            start_ms: first_ms.saturating_sub(offset_ms).saturating_sub(range_ms),
            end_ms: last_ms.saturating_sub(offset_ms),
            step_ms,
            grouping: None,
            detect_resets: false,
            ..scope.clone()
        };
        let expr = Box::new(self.node(&subquery.expr, &inner)?.wrapped());
        Ok((Kind::Subquery(Subquery { expr, range_ms, step_ms, offset_ms, at_ms }), at_ms.is_some() && scope.prepared))
    }

    fn call(&mut self, call: &ast::Call, scope: &Scope<'_>) -> Result<(Kind, bool), QueryError> {
        let name = call.function.name;
        if let Some(value) = self.literal_of(name, call.args.len()) {
            return Ok((Kind::Number(value), true));
        }
        self.has_info |= name == "info";
        let detect_resets = match name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => true,
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => false,
            _ => scope.detect_resets,
        };
        let inner = Scope { function: name, grouping: None, detect_resets, ..scope.clone() };
        let mut args = Vec::with_capacity(call.args.len());
        for (index, arg) in call.args.iter().enumerate() {
            let arg = without_parens(arg);
            match arg {
                Expr::Vector(vector) if name == "info" && index == 1 => args.push(Built {
                    node: Node {
                        kind: Kind::LabelMatchers(vector.matchers.clone()),
                        value_type: ValueType::Vector,
                        position: vector.span.start,
                        shared: None,
                    },
                    invariant: true,
                }),
                _ => args.push(self.node(arg, &inner)?),
            }
        }
        let timestamp_at = name == "timestamp"
            && matches!(args.first().map(|arg| &arg.node.kind), Some(Kind::Selector(selector)) if selector.at_ms.is_some());
        let invariant = (timestamp_at || !AT_UNSAFE.contains(&name)) && args.iter().all(|arg| arg.invariant);
        let args = args.into_iter().map(|arg| if invariant { arg.node } else { arg.wrapped() }).collect();
        Ok((Kind::Call(Call { function: call.function, args, start: call.span.start }), invariant))
    }

    /// The value of a call that speaks of the query itself.
    fn literal_of(&self, name: &str, args: usize) -> Option<f64> {
        let range_s = self.durations.range_s;
        match name {
            _ if args > 0 => None,
            "start" => Some(self.context.grid.start_ms as f64 / 1000.0),
            "end" => Some(self.context.end_ms as f64 / 1000.0),
            "range" => Some(range_s),
            "step" => Some(self.durations.step_s),
            _ => None,
        }
    }

    fn aggregate(&mut self, aggregate: &ast::Aggregate, scope: &Scope<'_>) -> Result<(Kind, bool), QueryError> {
        let grouping = if aggregate.without {
            Grouping::Without(aggregate.grouping.clone())
        } else {
            Grouping::By(aggregate.grouping.clone())
        };
        let name = aggregate_name(aggregate.op);
        let inner = Scope { function: name, grouping: Some(grouping.clone()), ..scope.clone() };
        let expr = self.node(without_parens(&aggregate.expr), &inner)?;
        let param = match &aggregate.param {
            Some(param) => {
                let inner = Scope { prepared: false, ..inner };
                Some(Box::new(self.node(without_parens(param), &inner)?.node))
            }
            None => None,
        };
        let (expr, invariant) = (Box::new(expr.node), expr.invariant);
        Ok((
            Kind::Aggregate(Aggregate { op: aggregate.op, expr, param, grouping, start: aggregate.span.start }),
            invariant,
        ))
    }

    fn binary(&mut self, binary: &ast::Binary, scope: &Scope<'_>) -> Result<(Kind, bool), QueryError> {
        let inner = Scope { function: "", grouping: None, ..scope.clone() };
        let lhs = self.node(&binary.lhs, &inner)?;
        let rhs = self.node(&binary.rhs, &inner)?;
        let invariant = lhs.invariant && rhs.invariant;
        let (lhs, rhs) = if invariant { (lhs.node, rhs.node) } else { (lhs.wrapped(), rhs.wrapped()) };
        let matching = binary.matching.clone();
        Ok((
            Kind::Binary(Binary {
                op: binary.op,
                lhs: Box::new(lhs),
                rhs: Box::new(rhs),
                matching,
                return_bool: binary.return_bool,
            }),
            invariant,
        ))
    }
}

fn without_parens(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expr {
        expr = &paren.expr;
    }
    expr
}

/// The name a selection is bound to by an `=` matcher, if it is.
pub(crate) fn fixed_metric_name(matchers: &[Matcher]) -> Option<&str> {
    let name = matchers.iter().find(|matcher| {
        matcher.name() == narthex_model::METRIC_NAME && matcher.op() == narthex_model::MatchOp::Equal
    })?;
    (!name.value().is_empty()).then_some(name.value())
}
