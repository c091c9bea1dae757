//! A plan as people read it.

use std::fmt::Write;

use narthex_model::Matcher;
use narthex_model::float::format_f;
use narthex_model::quote::quote;
use narthex_promql_syntax::ast::{Cardinality, Matching, RangeMode};
use narthex_storage::Grouping;

use super::{Aggregate, Kind, Node, Plan, Selector, aggregate_name, operator_text};
use crate::explain::{ExplainedNode, Explanation, NodeCost};

/// What was measured while a plan was run.
pub(crate) trait Measured {
    /// What a node cost, if it was computed by itself.
    fn cost(&self, node: &Node) -> Option<NodeCost>;

    /// How many series one of [`Plan::selections`] found.
    fn series_found(&self, selection: usize) -> Option<usize>;
}

/// Nothing: the plan was not run.
pub(crate) struct NotRun;

impl Measured for NotRun {
    fn cost(&self, _: &Node) -> Option<NodeCost> {
        None
    }

    fn series_found(&self, _: usize) -> Option<usize> {
        None
    }
}

impl Plan {
    /// The plan with what was measured.
    pub(crate) fn explain(&self, measured: &dyn Measured) -> Explanation {
        Explanation { root: explain(&self.root, measured) }
    }
}

fn explain(node: &Node, measured: &dyn Measured) -> ExplainedNode {
    let (operation, children): (String, Vec<&Node>) = match &node.kind {
        Kind::Number(value) => (format_f(*value), Vec::new()),
        Kind::String(value) => (quote(value), Vec::new()),
        Kind::Selector(selector) => (select(selector, None), Vec::new()),
        Kind::Matrix(matrix) => (select(&matrix.selector, Some(matrix.range_ms)), Vec::new()),
        Kind::Subquery(subquery) => {
            let mut text = format!("sub-query [{}:{}]", seconds(subquery.range_ms), seconds(subquery.step_ms));
            push_times(&mut text, subquery.offset_ms, subquery.at_ms);
            (text, vec![&subquery.expr])
        }
        Kind::Call(call) => (call.function.name.to_owned(), call.args.iter().collect()),
        Kind::Aggregate(aggregate) => {
            (aggregation(aggregate), aggregate.param.iter().chain([&aggregate.expr]).map(|node| &**node).collect())
        }
        Kind::Binary(binary) => {
            let mut text = operator_text(binary.op).to_owned();
            if binary.return_bool {
                text += " bool";
            }
            if let Some(matching) = &binary.matching {
                push_matching(&mut text, matching);
            }
            (text, vec![&binary.lhs, &binary.rhs])
        }
        Kind::Negate(inner) => ("negate".to_owned(), vec![inner]),
        Kind::Invariant(inner) => ("once".to_owned(), vec![inner]),
        Kind::LabelMatchers(matchers) => (format!("labels {}", braces(matchers)), Vec::new()),
    };
    let series_found = match &node.kind {
        Kind::Selector(selector) => measured.series_found(selector.selection),
        Kind::Matrix(matrix) => measured.series_found(matrix.selector.selection),
        _ => None,
    };
    ExplainedNode {
        operation,
        shared: node.shared,
        series_found,
        cost: measured.cost(node),
        children: children.into_iter().map(|child| explain(child, measured)).collect(),
    }
}

fn select(selector: &Selector, range_ms: Option<i64>) -> String {
    let mut text = format!("select {}", braces(&selector.matchers));
    if let Some(range_ms) = range_ms {
        let _ = write!(text, "[{}]", seconds(range_ms));
    }
    text += match selector.mode {
        RangeMode::Plain => "",
        RangeMode::Anchored => " anchored",
        RangeMode::Smoothed => " smoothed",
    };
    push_times(&mut text, selector.offset_ms, selector.at_ms);
    text
}

fn braces(matchers: &[Matcher]) -> String {
    let matchers: Vec<String> = matchers.iter().map(Matcher::to_string).collect();
    format!("{{{}}}", matchers.join(","))
}

fn seconds(ms: i64) -> String {
    format_f(ms as f64 / 1000.0) + "s"
}

fn push_times(text: &mut String, offset_ms: i64, at_ms: Option<i64>) {
    if offset_ms != 0 {
        let _ = write!(text, " offset {}", seconds(offset_ms));
    }
    if let Some(at_ms) = at_ms {
        let _ = write!(text, " @ {}", format_f(at_ms as f64 / 1000.0));
    }
}

fn aggregation(aggregate: &Aggregate) -> String {
    let name = aggregate_name(aggregate.op);
    match &aggregate.grouping {
        Grouping::By(labels) if labels.is_empty() => name.to_owned(),
        Grouping::By(labels) => format!("{name} by ({})", labels.join(", ")),
        Grouping::Without(labels) => format!("{name} without ({})", labels.join(", ")),
    }
}

fn push_matching(text: &mut String, matching: &Matching) {
    if matching.on || !matching.labels.is_empty() {
        let _ = write!(text, " {} ({})", if matching.on { "on" } else { "ignoring" }, matching.labels.join(", "));
    }
    let side = match matching.cardinality {
        Cardinality::ManyToOne => "group_left",
        Cardinality::OneToMany => "group_right",
        _ => return,
    };
    let _ = write!(text, " {side} ({})", matching.include.join(", "));
}
