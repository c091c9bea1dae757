//! Aggregations that look at all elements of a group at a step: topk, bottomk,
//! limitk, limit_ratio, quantile, count_values.

use hashbrown::HashMap;
use narthex_model::quote::quote;
use narthex_promql_syntax::ast::AggregateOp;
use narthex_storage::{Grouping, Groups};

use super::aggregate::group_rows;
use super::label_functions::is_label_name;
use super::limits::EVALUATION;
use super::vector::{Row, Sample, Vector, is_absent};
use super::{Evaluated, Evaluator};
use crate::annotations::Annotation;
use crate::api::QueryError;
use crate::math;
use crate::plan::{Aggregate, Grid, aggregate_name};

/// The first float that int64 cannot hold, as upstream draws the line.
const K_END: f64 = 9_223_372_036_854_774_784.0;

impl Evaluator<'_> {
    pub(super) fn select(
        &mut self,
        aggregate: &Aggregate,
        param: Option<Evaluated>,
        vector: Vector,
        grid: &Grid,
    ) -> Result<Vector, QueryError> {
        if aggregate.op == AggregateOp::CountValues {
            let label = match param {
                Some(Evaluated::String(label)) => label,
                _ => String::new(),
            };
            if !is_label_name(&label) {
                let position = aggregate.param.as_ref().map_or(0, |param| param.position);
                let name = self.source_literal(position).unwrap_or_else(|| quote(&label));
                return Err(QueryError::Execution(format!("invalid label name {name}")));
            }
            return count_values(&vector, &label, &aggregate.grouping);
        }
        let param = match param {
            Some(Evaluated::Scalar(values)) => values,
            _ => vec![f64::NAN; grid.steps],
        };
        let groups = group_rows(vector.rows.iter().map(|row| row.labels.clone()), &aggregate.grouping);
        let ignores = !matches!(aggregate.op, AggregateOp::Limitk | AggregateOp::LimitRatio);
        if ignores && vector.has_histograms() {
            let whole = matches!(aggregate.op, AggregateOp::Topk | AggregateOp::Bottomk);
            let position = if whole { aggregate.start } else { aggregate.expr.position };
            let aggregation = aggregate_name(aggregate.op);
            self.annotations.add(&Annotation::HistogramIgnoredInAggregation { aggregation }, position);
        }
        match aggregate.op {
            AggregateOp::Quantile => self.quantile(aggregate, &param, &vector, groups),
            AggregateOp::LimitRatio => self.limit_ratio(aggregate, &param, vector, &groups),
            _ => self.choose_k(aggregate.op, &param, vector, &groups),
        }
    }

    /// A string in double quotes as the query spells it, if it is not valid UTF-8:
    /// the parser keeps no such bytes, but messages show them.
    fn source_literal(&self, position: usize) -> Option<String> {
        let text = self.query.get(position..)?.strip_prefix('"')?;
        let text = &text[..text.find('"')?];
        text.contains("\\x").then(|| format!("\"{text}\""))
    }

    fn quantile(
        &mut self,
        aggregate: &Aggregate,
        param: &[f64],
        vector: &Vector,
        groups: Groups,
    ) -> Result<Vector, QueryError> {
        let position = aggregate.param.as_ref().map_or(0, |param| param.position);
        let (least, greatest) = extremes(param);
        if param.iter().any(|q| q.is_nan()) {
            self.annotations.add(&Annotation::InvalidQuantile(f64::NAN), position);
        }
        if greatest > 1.0 {
            self.annotations.add(&Annotation::InvalidQuantile(greatest), position);
        }
        if least < 0.0 {
            self.annotations.add(&Annotation::InvalidQuantile(least), position);
        }
        let members = members_of(&groups);
        let mut out = Vector::new(vector.steps);
        let mut values = Vec::new();
        for (labels, members) in groups.labels.into_iter().zip(members) {
            self.limits.check(EVALUATION)?;
            let drop_name = members.iter().any(|row| vector.rows[*row].drop_name);
            let row = out.push_empty(Row { labels, drop_name });
            for (step, q) in param.iter().enumerate() {
                values.clear();
                let column = members.iter().map(|row| vector.floats[row * vector.steps + step]);
                values.extend(column.filter(|value| !is_absent(*value)));
                if !values.is_empty() {
                    values.sort_unstable_by(math::nan_first);
                    out.row_mut(row)[step] = math::quantile(*q, &values);
                }
            }
        }
        out.prune();
        Ok(out)
    }

    fn limit_ratio(
        &mut self,
        aggregate: &Aggregate,
        param: &[f64],
        vector: Vector,
        groups: &Groups,
    ) -> Result<Vector, QueryError> {
        if param.iter().all(|ratio| *ratio == 0.0) {
            return Ok(Vector::new(vector.steps));
        }
        if param.iter().any(|ratio| ratio.is_nan()) {
            return Err(QueryError::Execution("Ratio value is NaN".into()));
        }
        let position = aggregate.param.as_ref().map_or(0, |param| param.position);
        let (least, greatest) = extremes(param);
        if greatest > 1.0 {
            self.annotations.add(&Annotation::InvalidRatio { ratio: greatest, capped: 1.0 }, position);
        }
        if least < -1.0 {
            self.annotations.add(&Annotation::InvalidRatio { ratio: least, capped: -1.0 }, position);
        }
        // 2⁶⁴, up to which hashes go.
        const HASHES: f64 = 18_446_744_073_709_551_616.0;
        let places: Vec<f64> = vector.rows.iter().map(|row| row.labels.upstream_hash() as f64 / HASHES).collect();
        let mut chosen = Chosen::new(&vector);
        let members = members_of(groups);
        for (step, ratio) in param.iter().enumerate() {
            let ratio = ratio.clamp(-1.0, 1.0);
            for members in &members {
                let mut heap = Heap { order: Order::Smallest, elements: Vec::new() };
                for &row in members {
                    let place = places[row];
                    let kept = if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio };
                    if let Some(sample) = vector.at(row, step).filter(|_| kept) {
                        heap.push((value_of(sample), row));
                    }
                }
                chosen.take(step, &heap.elements);
            }
        }
        Ok(chosen.finish(vector))
    }

    /// topk, bottomk, limitk.
    fn choose_k(&self, op: AggregateOp, param: &[f64], vector: Vector, groups: &Groups) -> Result<Vector, QueryError> {
        let (least, greatest) = extremes(param);
        if greatest < 1.0 {
            return Ok(Vector::new(vector.steps));
        }
        let error = |text: String| Err(QueryError::Execution(text));
        if param.iter().any(|k| k.is_nan()) {
            return error("Parameter value is NaN".into());
        }
        if least <= -9_223_372_036_854_775_808.0 {
            return error(format!("Scalar value {} underflows int64", narthex_model::float::format_g(least)));
        }
        if greatest >= K_END {
            return error(format!("Scalar value {} overflows int64", narthex_model::float::format_g(greatest)));
        }
        let mut chosen = Chosen::new(&vector);
        let members = members_of(groups);
        let order = if op == AggregateOp::Bottomk { Order::Greatest } else { Order::Smallest };
        let mut heap = Heap { order, elements: Vec::new() };
        for (step, k) in param.iter().enumerate() {
            self.limits.check(EVALUATION)?;
            let k = (*k as i64).clamp(0, vector.len() as i64) as usize;
            if k < 1 {
                continue;
            }
            for members in &members {
                heap.elements.clear();
                for &row in members {
                    if op == AggregateOp::Limitk {
                        if heap.elements.len() == k {
                            break;
                        }
                        if let Some(sample) = vector.at(row, step) {
                            heap.push((value_of(sample), row));
                        }
                        continue;
                    }
                    let value = vector.floats[row * vector.steps + step];
                    if !is_absent(value) {
                        heap.offer((value, row), k);
                    }
                }
                if op != AggregateOp::Limitk {
                    heap.sort();
                }
                chosen.take(step, &heap.elements);
            }
        }
        Ok(chosen.finish(vector))
    }
}

/// The least and the greatest that is not NaN; NaN when all are.
fn extremes(values: &[f64]) -> (f64, f64) {
    let fold = |f: fn(f64, f64) -> f64| values.iter().copied().fold(f64::NAN, f);
    (fold(f64::min), fold(f64::max))
}

/// The rows of each group, in order.
fn members_of(groups: &Groups) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); groups.labels.len()];
    groups.group_of.iter().enumerate().for_each(|(row, group)| members[*group as usize].push(row));
    members
}

fn value_of(sample: Sample<'_>) -> f64 {
    match sample {
        Sample::Float(value) => value,
        Sample::Histogram(_) => 0.0,
    }
}

/// The elements that stay.
struct Chosen {
    keep: Vec<bool>,
    steps: usize,
    /// With one step, the rows in the order of the result.
    order: Vec<usize>,
}

impl Chosen {
    fn new(vector: &Vector) -> Chosen {
        Chosen { keep: vec![false; vector.len() * vector.steps], steps: vector.steps, order: Vec::new() }
    }

    fn take(&mut self, step: usize, elements: &[(f64, usize)]) {
        for (_, row) in elements {
            self.keep[row * self.steps + step] = true;
            if self.steps == 1 {
                self.order.push(*row);
            }
        }
    }

    fn finish(self, mut vector: Vector) -> Vector {
        if self.steps == 1 {
            let mut out = vector.reordered(&self.order);
            // Histograms that topk passed over went with their rows.
            out.prune();
            return out;
        }
        for (value, keep) in vector.floats.iter_mut().zip(&self.keep) {
            if !keep {
                *value = super::vector::ABSENT;
            }
        }
        for (row, histograms) in vector.histograms.iter_mut().enumerate() {
            histograms.retain(|(step, _)| self.keep[row * self.steps + *step as usize]);
        }
        vector.prune();
        vector
    }
}

/// Which value counts as worse and stands at the root.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Smallest,
    Greatest,
}

/// A binary heap, worst element first, with exactly upstream's order among equals.
struct Heap {
    order: Order,
    elements: Vec<(f64, usize)>,
}

impl Heap {
    fn is_worse(&self, a: f64, b: f64) -> bool {
        a.is_nan() || if self.order == Order::Smallest { a < b } else { a > b }
    }

    fn worse_at(&self, a: usize, b: usize) -> bool {
        self.is_worse(self.elements[a].0, self.elements[b].0)
    }

    fn push(&mut self, element: (f64, usize)) {
        self.elements.push(element);
        let mut at = self.elements.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.worse_at(at, parent) {
                break;
            }
            self.elements.swap(at, parent);
            at = parent;
        }
    }

    /// Takes an element in if it is among the best `k` so far.
    fn offer(&mut self, element: (f64, usize), k: usize) {
        if self.elements.len() < k {
            self.push(element);
            return;
        }
        let root = self.elements[0].0;
        let worse = if self.order == Order::Smallest { root < element.0 } else { root > element.0 };
        if worse || (root.is_nan() && !element.0.is_nan()) {
            self.elements[0] = element;
            self.sift_down();
        }
    }

    fn sift_down(&mut self) {
        let mut at = 0;
        loop {
            let left = 2 * at + 1;
            if left >= self.elements.len() {
                break;
            }
            let right = left + 1;
            let child = if right < self.elements.len() && self.worse_at(right, left) { right } else { left };
            if !self.worse_at(child, at) {
                break;
            }
            self.elements.swap(at, child);
            at = child;
        }
    }

    /// Best first. A stable insertion sort: upstream's for up to twelve elements.
    fn sort(&mut self) {
        if self.elements.len() > 12 {
            let order = self.order;
            self.elements.sort_by(|(a, _), (b, _)| match (a.is_nan(), b.is_nan()) {
                (false, false) if order == Order::Smallest => b.total_cmp(a),
                (false, false) => a.total_cmp(b),
                (a_is_nan, b_is_nan) => a_is_nan.cmp(&b_is_nan),
            });
            return;
        }
        for end in 1..self.elements.len() {
            let mut at = end;
            while at > 0 && self.worse_at(at - 1, at) {
                self.elements.swap(at - 1, at);
                at -= 1;
            }
        }
    }
}

/// Counts elements by value; the value becomes a label.
fn count_values(vector: &Vector, label: &str, grouping: &Grouping) -> Result<Vector, QueryError> {
    let grouping = match grouping {
        Grouping::By(names) => Grouping::By(names.iter().cloned().chain([label.to_owned()]).collect()),
        without => without.clone(),
    };
    let mut out = Vector::new(vector.steps);
    let mut rows: HashMap<narthex_model::Labels, usize> = HashMap::new();
    for row in 0..vector.len() {
        // Series mostly repeat few values: look up labels once per value.
        let mut by_value: HashMap<u64, usize> = HashMap::new();
        for step in 0..vector.steps {
            let Some(sample) = vector.at(row, step) else { continue };
            let mut out_row = |text: &str| {
                let labels = grouping.labels_of(&vector.rows[row].labels.to_builder().set(label, text).labels());
                *rows
                    .entry(labels)
                    .or_insert_with_key(|labels| out.push_empty(Row { labels: labels.clone(), drop_name: false }))
            };
            let to = match sample {
                Sample::Float(value) => {
                    *by_value.entry(value.to_bits()).or_insert_with(|| out_row(&narthex_model::float::format_f(value)))
                }
                Sample::Histogram(histogram) => out_row(&histogram.to_string()),
            };
            let count = &mut out.row_mut(to)[step];
            *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
        }
    }
    Ok(out)
}
