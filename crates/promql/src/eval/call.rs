//! Function calls: which function it is, and those of one line.

use narthex_promql_syntax::ast::{RangeMode, ValueType};

use super::range::{RangeInput, RangeSource, Windows};
use super::selector::Pick;
use super::source::RowSource;
use super::vector::{ABSENT, DUPLICATE_LABELSET, Row, Vector, is_absent};
use super::{Evaluated, Evaluator, absent, label_functions, sort};
use crate::annotations::Annotation;
use crate::api::QueryError;
use crate::elementwise;
use crate::math;
use crate::plan::{Call, Grid, Kind, Node};
use crate::range_functions::check_mode;

/// Range functions whose results keep the metric name.
fn keeps_name(function: &str) -> bool {
    matches!(function, "last_over_time" | "first_over_time")
}

impl<'a> Evaluator<'a> {
    pub(super) fn call(&mut self, node: &Node, call: &Call, grid: &Grid) -> Result<Evaluated, QueryError> {
        let before = self.limits.samples();
        let name = call.function.name;
        match name {
            "time" => {
                let times = grid.times().map(|ms| ms as f64 / 1000.0).collect();
                return self.settle_scalar(before, &vec![0; grid.steps], times);
            }
            "pi" => {
                return self.settle_scalar(before, &vec![0; grid.steps], vec![std::f64::consts::PI; grid.steps]);
            }
            "max_of" | "min_of" => {
                let mut values = self.scalar(&call.args[0], grid)?;
                let others = self.scalar(&call.args[1], grid)?;
                let pick = if name == "max_of" { math::go_max } else { math::go_min };
                values.iter_mut().zip(others).for_each(|(value, other)| *value = pick(*value, other));
                return self.settle_scalar(before, &vec![2; grid.steps], values);
            }
            "scalar" => {
                let vector = self.vector(&call.args[0], grid)?;
                return self.settle_scalar(before, &vector.elements_per_step(), only_floats(&vector));
            }
            "absent_over_time" => return self.absent_over_time(call, grid),
            "timestamp" | "start_timestamp" => return self.timestamp(call, grid),
            "info" => return self.info(call, grid).map(Evaluated::Vector),
            _ => {}
        }
        if let Some(vector) = self.collected(node, grid)? {
            if !keeps_name(name) && !self.settings.features.delayed_name_removal {
                check_distinct(&vector)?;
            }
            return Ok(Evaluated::Vector(vector));
        }
        let args = self.arguments(call, grid)?;
        let mut gathered = vec![0; grid.steps];
        for arg in &args {
            match arg {
                Evaluated::Vector(vector) => {
                    gathered.iter_mut().zip(vector.elements_per_step()).for_each(|(a, b)| *a += b);
                }
                Evaluated::Scalar(_) => gathered.iter_mut().for_each(|gathered| *gathered += 1),
                _ => {}
            }
        }
        let result = self.on_vectors(call, args, grid)?;
        if name.starts_with("label_") {
            // These work on the whole operand in place.
            return Ok(Evaluated::Vector(result));
        }
        self.settle_elementwise(before, &gathered, &result)?;
        Ok(Evaluated::Vector(result))
    }

    fn arguments(&mut self, call: &Call, grid: &Grid) -> Result<Vec<Evaluated>, QueryError> {
        call.args.iter().map(|arg| self.eval(arg, grid)).collect()
    }

    /// Functions from instant vectors and scalars to instant vectors.
    fn on_vectors(&mut self, call: &Call, args: Vec<Evaluated>, grid: &Grid) -> Result<Vector, QueryError> {
        let name = call.function.name;
        let delayed = self.settings.features.delayed_name_removal;
        if name.starts_with("histogram_") {
            return self.histogram_call(call, args, grid);
        }
        let mut scalars: Vec<Vec<f64>> = Vec::new();
        let mut strings: Vec<String> = Vec::new();
        let mut vectors: Vec<Vector> = Vec::new();
        for arg in args {
            match arg {
                Evaluated::Scalar(values) => scalars.push(values),
                Evaluated::String(value) => strings.push(value),
                Evaluated::Vector(vector) => vectors.push(vector),
                Evaluated::Matrix(_) => {}
            }
        }
        if name == "vector" {
            let mut out = Vector::new(grid.steps);
            out.push(Row { labels: narthex_model::Labels::empty(), drop_name: false }, &scalars[0], Vec::new());
            return Ok(out);
        }
        if let Some(date) = elementwise::date_function(name) {
            let mut vector = match vectors.pop() {
                Some(vector) => vector,
                None => {
                    let mut now = Vector::new(grid.steps);
                    let times: Vec<f64> = grid.times().map(|ms| ms as f64 / 1000.0).collect();
                    now.push(Row { labels: narthex_model::Labels::empty(), drop_name: false }, &times, Vec::new());
                    now
                }
            };
            map_floats(&mut vector, date);
            vector.drop_names(delayed)?;
            return Ok(vector);
        }
        let Some(mut vector) = vectors.pop() else {
            return Err(QueryError::Execution(format!("function {name} without a vector")));
        };
        if let Some(function) = elementwise::float_function(name) {
            map_floats(&mut vector, function);
            vector.drop_names(delayed)?;
            return Ok(vector);
        }
        match name {
            "absent" => return Ok(absent::absent(&vector, &call.args[0])),
            "label_replace" => {
                return label_functions::replace(
                    vector,
                    &strings[0],
                    &strings[1],
                    &strings[2],
                    &strings[3],
                    self.limits,
                );
            }
            "label_join" => return label_functions::join(vector, &strings[0], &strings[1], &strings[2..], self.limits),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                if self.settings.is_range {
                    self.annotations.add(&Annotation::SortInRangeQuery, call.start);
                }
                let descending = name.ends_with("_desc");
                return Ok(if name.starts_with("sort_by_label") {
                    sort::by_label(vector, &strings, descending)
                } else {
                    sort::by_value(vector, descending)
                });
            }
            "clamp" => {
                let (low, high) = (&scalars[0], &scalars[1]);
                map_with_step(&mut vector, |step, value| {
                    if high[step] < low[step] { ABSENT } else { elementwise::clamp(value, low[step], high[step]) }
                });
                vector.prune();
            }
            "clamp_min" => {
                map_with_step(&mut vector, |step, value| elementwise::clamp(value, scalars[0][step], f64::INFINITY));
            }
            "clamp_max" => {
                map_with_step(&mut vector, |step, value| {
                    elementwise::clamp(value, f64::NEG_INFINITY, scalars[0][step])
                });
            }
            "round" => {
                let to = scalars.pop().unwrap_or_else(|| vec![1.0; grid.steps]);
                map_with_step(&mut vector, |step, value| elementwise::round(value, to[step]));
            }
            _ => return Err(QueryError::Execution(format!("function {name} is not supported"))),
        }
        vector.drop_names(delayed)?;
        Ok(vector)
    }

    /// The rows of a call of a range function; `None` for other functions.
    pub(super) fn range_call_source(
        &mut self,
        call: &Call,
        grid: &Grid,
    ) -> Result<Option<Box<dyn RowSource + 'a>>, QueryError> {
        let name = call.function.name;
        let takes_range = call.args.iter().any(|arg| arg.value_type == ValueType::Matrix);
        if !takes_range || name == "absent_over_time" {
            return Ok(None);
        }
        Ok(Some(Box::new(self.range_source(name, call, grid)?)))
    }

    fn range_source(
        &mut self,
        function: &'static str,
        call: &Call,
        grid: &Grid,
    ) -> Result<RangeSource<'a>, QueryError> {
        let features = self.settings.features;
        let range_index = call.args.iter().position(|arg| arg.value_type == ValueType::Matrix).unwrap_or(0);
        let operand = &call.args[range_index];
        let (kind, fixed) = match &operand.kind {
            Kind::Invariant(inner) => (&inner.kind, true),
            kind => (kind, false),
        };
        let lookback_ms = self.settings.lookback_delta_ms;
        let mut windows =
            Windows { grid: *grid, range_ms: 0, offset_ms: 0, fixed, mode: RangeMode::Plain, lookback_ms };
        let mut subquery_points = 0;
        let (input, distinct) = match kind {
            Kind::Matrix(matrix) => {
                windows.range_ms = matrix.range_ms;
                windows.offset_ms = matrix.selector.effective_offset_ms(grid);
                windows.mode = matrix.selector.mode;
                let set = std::sync::Arc::clone(&self.sets[matrix.selector.selection]);
                (RangeInput::Set(set, matrix.selector.detect_resets), self.is_distinct(&matrix.selector))
            }
            Kind::Subquery(subquery) => {
                windows.range_ms = subquery.range_ms;
                windows.offset_ms = subquery.effective_offset_ms(grid);
                let outer = if fixed { grid.first() } else { *grid };
                let before = self.limits.samples();
                let (vector, inner, _) = self.subquery(subquery, &outer)?;
                subquery_points = self.limits.samples() - before;
                let distinct = vector.distinct;
                (RangeInput::Subquery(vector, inner), distinct)
            }
            _ => return Err(super::internal(operand.value_type, "a range vector")),
        };
        let mut args = Vec::new();
        for arg in call.args.iter().filter(|arg| arg.value_type == ValueType::Scalar) {
            args.push(self.scalar(arg, grid)?);
        }
        // `absent_over_time` works by another function; its own name is checked.
        check_mode(call.function.name, windows.mode).map_err(|error| QueryError::Execution(error.to_string()))?;
        let keeps_name = matches!(function, "last_over_time" | "first_over_time");
        Ok(RangeSource {
            input,
            windows,
            function,
            args,
            use_start_timestamps: features.use_start_timestamps,
            drops_name: !keeps_name,
            delayed: features.delayed_name_removal,
            distinct,
            per_step: self.tally.per_step.is_some(),
            subquery_points,
            range_position: operand.position,
            first_argument_position: call.args[0].position,
            type_labels: features.type_and_unit_labels,
            limits: self.limits,
        })
    }

    fn absent_over_time(&mut self, call: &Call, grid: &Grid) -> Result<Evaluated, QueryError> {
        // The points of the inner result stay counted, as upstream forgets them.
        let source = self.range_source("present_over_time", call, grid)?;
        let present = self.collect(&source)?;
        Ok(Evaluated::Vector(absent::absent(&present, &call.args[0])))
    }

    fn timestamp(&mut self, call: &Call, grid: &Grid) -> Result<Evaluated, QueryError> {
        let before = self.limits.samples();
        let starts = call.function.name == "start_timestamp";
        let delayed = self.settings.features.delayed_name_removal;
        let operand = &call.args[0];
        let mut vector = match &operand.kind {
            Kind::Selector(selector) if !starts || self.settings.features.use_start_timestamps => {
                let pick = if starts { Pick::StartTimestamp } else { Pick::Timestamp };
                let source = self.selector_source(selector, pick, grid);
                self.collect(&source)?
            }
            _ => {
                let vector = self.vector(operand, grid)?;
                let mut out = Vector::new(grid.steps);
                out.distinct = vector.distinct;
                let times: Vec<f64> = grid.times().map(|ms| ms as f64 / 1000.0).collect();
                for (row, name) in vector.rows.iter().enumerate().filter(|_| !starts) {
                    let at = out.push_empty(name.clone());
                    let presence: Vec<bool> = (0..grid.steps).map(|step| vector.at(row, step).is_some()).collect();
                    for ((out, time), present) in out.row_mut(at).iter_mut().zip(&times).zip(presence) {
                        if present {
                            *out = *time;
                        }
                    }
                }
                out
            }
        };
        let gathered = vector.elements_per_step();
        vector.drop_names(delayed)?;
        if matches!(operand.kind, Kind::Selector(_)) {
            // Its samples are gathered step by step and never held as a whole.
            self.limits.set_samples(before);
        }
        self.settle_elementwise(before, &gathered, &vector)?;
        Ok(Evaluated::Vector(vector))
    }
}

fn map_floats(vector: &mut Vector, function: fn(f64) -> f64) {
    vector.clear_histograms();
    vector.floats.iter_mut().filter(|value| !is_absent(**value)).for_each(|value| *value = function(*value));
    vector.prune();
}

fn map_with_step(vector: &mut Vector, function: impl Fn(usize, f64) -> f64) {
    vector.clear_histograms();
    let steps = vector.steps.max(1);
    for row in vector.floats.chunks_exact_mut(steps) {
        for (step, value) in row.iter_mut().enumerate().filter(|(_, value)| !is_absent(**value)) {
            *value = function(step, *value);
        }
    }
    vector.prune();
}

/// By step the float of the only element that is one, else NaN.
fn only_floats(vector: &Vector) -> Vec<f64> {
    let mut out = vec![ABSENT; vector.steps];
    for row in vector.floats.chunks_exact(vector.steps.max(1)) {
        for (out, value) in out.iter_mut().zip(row).filter(|(_, value)| !is_absent(**value)) {
            *out = if is_absent(*out) { *value } else { f64::NAN };
        }
    }
    out.iter_mut().filter(|value| is_absent(**value)).for_each(|value| *value = f64::NAN);
    out
}

/// Range functions fail when two series end up with the same labels, even if
/// they never have elements at the same step.
fn check_distinct(vector: &Vector) -> Result<(), QueryError> {
    let mut seen = hashbrown::HashSet::with_capacity(vector.len());
    if vector.rows.iter().all(|row| seen.insert(&row.labels)) {
        Ok(())
    } else {
        Err(QueryError::Execution(DUPLICATE_LABELSET.into()))
    }
}
