//! `absent` and `absent_over_time`.

use narthex_model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};

use super::vector::{ABSENT, Row, Vector, is_absent};
use crate::plan::{Kind, Node};

/// One element with value 1 at the steps where `vector` has none.
pub(super) fn absent(vector: &Vector, operand: &Node) -> Vector {
    let present = vector.elements_per_step();
    let mut out = Vector::new(vector.steps);
    let floats: Vec<f64> = present.iter().map(|present| if *present > 0 { ABSENT } else { 1.0 }).collect();
    if floats.iter().any(|value| !is_absent(*value)) {
        out.push(Row { labels: labels_of(operand), drop_name: false }, &floats, Vec::new());
    }
    out
}

/// The labels that a selector alone says the missing series would have.
fn labels_of(operand: &Node) -> Labels {
    let matchers = match &operand.kind {
        Kind::Selector(selector) => &selector.matchers,
        Kind::Matrix(matrix) => &matrix.selector.matchers,
        _ => return Labels::empty(),
    };
    let mut builder = LabelsBuilder::default();
    let mut set: Vec<&str> = Vec::new();
    let is_negative = |matcher: &&Matcher| matches!(matcher.op(), MatchOp::NotEqual | MatchOp::NotRegex);
    let positive = matchers.iter().filter(|matcher| !is_negative(matcher));
    for matcher in positive.chain(matchers.iter().filter(is_negative)) {
        let name = matcher.name();
        if name == METRIC_NAME {
            continue;
        }
        if matcher.op() == MatchOp::Equal && !set.contains(&name) {
            builder.set(name, matcher.value());
            set.push(name);
        } else {
            builder.remove(name);
        }
    }
    builder.labels()
}
