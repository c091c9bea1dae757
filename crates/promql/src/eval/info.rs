//! `info`: labels of info metrics, added to the series they belong to.

use std::sync::Arc;

use hashbrown::HashMap;
use narthex_model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};
use narthex_storage::SelectHints;

use super::Evaluator;
use super::selector::{Pick, SelectorSource};
use super::source::collect;
use super::vector::{DUPLICATE_LABELSET, Row, Vector, is_absent};
use crate::api::QueryError;
use crate::plan::{Call, Grid, Kind, Node};

/// What tells to which series an info series belongs.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// The info metric when none is named.
const TARGET_INFO: &str = "target_info";

/// Where the first selector of the operand looks, seen from an evaluation time.
#[derive(Clone, Copy, Default)]
struct Look {
    at_ms: Option<i64>,
    offset_ms: i64,
}

impl Look {
    fn then(self, at_ms: Option<i64>, offset_ms: i64) -> Look {
        match at_ms {
            Some(_) => Look { at_ms, offset_ms },
            None => Look { at_ms: self.at_ms, offset_ms: self.offset_ms.saturating_add(offset_ms) },
        }
    }
}

fn first_look(node: &Node, outer: Look) -> Option<Look> {
    match &node.kind {
        Kind::Selector(selector) => Some(outer.then(selector.at_ms, selector.offset_ms)),
        Kind::Matrix(matrix) => Some(outer.then(matrix.selector.at_ms, matrix.selector.offset_ms)),
        Kind::Subquery(subquery) => first_look(&subquery.expr, outer.then(subquery.at_ms, subquery.offset_ms)),
        Kind::Call(call) => call.args.iter().find_map(|arg| first_look(arg, outer)),
        Kind::Aggregate(aggregate) => first_look(&aggregate.expr, outer),
        Kind::Binary(binary) => first_look(&binary.lhs, outer).or_else(|| first_look(&binary.rhs, outer)),
        Kind::Negate(inner) | Kind::Invariant(inner) => first_look(inner, outer),
        Kind::Number(_) | Kind::String(_) | Kind::LabelMatchers(_) => None,
    }
}

/// The second argument, taken apart.
struct InfoSelector {
    names: Vec<Matcher>,
    data: Vec<Matcher>,
}

impl InfoSelector {
    fn new(call: &Call) -> InfoSelector {
        let all = match call.args.get(1).map(|arg| &arg.kind) {
            Some(Kind::LabelMatchers(matchers)) => &matchers[..],
            _ => &[],
        };
        let (mut names, data): (Vec<Matcher>, Vec<Matcher>) =
            all.iter().cloned().partition(|matcher| matcher.name() == METRIC_NAME);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, TARGET_INFO));
        } else if names.iter().all(|name| matches!(name.op(), MatchOp::NotEqual | MatchOp::NotRegex)) {
            names.extend(Matcher::new(MatchOp::Regex, METRIC_NAME, ".+_info"));
        }
        InfoSelector { names, data }
    }

    fn is_info_metric(&self, labels: &Labels) -> bool {
        self.names.iter().all(|matcher| matcher.matches(labels.metric_name()))
    }
}

impl Evaluator<'_> {
    pub(super) fn info(&mut self, call: &Call, grid: &Grid) -> Result<Vector, QueryError> {
        let base = self.vector(&call.args[0], grid)?;
        let selector = InfoSelector::new(call);
        let passes: Vec<bool> = base.rows.iter().map(|row| selector.is_info_metric(&row.labels)).collect();
        let look = first_look(&call.args[0], Look::default()).unwrap_or_default();
        let Some((infos, times)) = self.read_infos(&base, &passes, &selector, look, grid)? else {
            return Ok(base);
        };
        let join = Join::new(&base, &passes, &infos, &times);
        join.run(&selector)
    }

    /// The info series, and the times of their samples; `None` when no series
    /// asks for any.
    fn read_infos(
        &mut self,
        base: &Vector,
        passes: &[bool],
        selector: &InfoSelector,
        look: Look,
        grid: &Grid,
    ) -> Result<Option<(Vector, Vector)>, QueryError> {
        let mut matchers = selector.names.clone();
        matchers.extend(selector.data.iter().cloned());
        let mut any = false;
        for name in IDENTIFYING {
            let rows = base.rows.iter().zip(passes).filter(|(_, passes)| !**passes);
            let mut values: Vec<String> = rows.map(|(row, _)| row.labels.value(name).to_owned()).collect();
            values.sort();
            values.dedup();
            any |= !values.is_empty();
            let pattern: Vec<String> = values.iter().map(|value| quote_meta(value)).collect();
            let pattern = pattern.join("|");
            let matcher = Matcher::new(MatchOp::Regex, name, &pattern);
            matchers.push(matcher.map_err(|error| QueryError::Execution(error.to_string()))?);
        }
        if !any {
            return Ok(None);
        }
        let lookback_ms = self.settings.lookback_delta_ms;
        let (first_ms, last_ms) = match look.at_ms {
            Some(at_ms) => (at_ms, at_ms),
            None => (grid.start_ms, grid.last_ms()),
        };
        let hints = SelectHints {
            start_ms: first_ms.saturating_sub(look.offset_ms).saturating_sub(lookback_ms - 1),
            end_ms: last_ms.saturating_sub(look.offset_ms),
            step_ms: grid.step_ms,
            function: "info".into(),
            ..SelectHints::default()
        };
        let set = self.querier.select(&hints, &matchers)?;
        let offset_ms = match look.at_ms {
            Some(at_ms) => grid.start_ms.saturating_sub(at_ms).saturating_add(look.offset_ms),
            None => look.offset_ms,
        };
        let mut source = SelectorSource {
            set: Arc::clone(&set),
            grid: *grid,
            offset_ms,
            lookback_ms,
            pick: Pick::Value,
            distinct: false,
            per_step: false,
            detect_resets: false,
            position: 0,
        };
        let values = collect(&source, self.limits, 1)?;
        if values.result.has_histograms() {
            return Err(QueryError::Execution("info sample should be float".into()));
        }
        source.pick = Pick::Timestamp;
        let times = collect(&source, self.limits, 1)?;
        Ok(Some((values.result, times.result)))
    }
}

/// Escapes what is special in a regular expression.
fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The info series that may enrich a row: for each info metric name the rows.
type Candidates = Vec<Vec<usize>>;

struct Join<'a> {
    base: &'a Vector,
    passes: &'a [bool],
    infos: &'a Vector,
    times: &'a Vector,
    /// By identifying labels.
    candidates: HashMap<Labels, Candidates>,
}

fn identity(labels: &Labels) -> Labels {
    labels.filter(|name| IDENTIFYING.contains(&name))
}

impl<'a> Join<'a> {
    fn new(base: &'a Vector, passes: &'a [bool], infos: &'a Vector, times: &'a Vector) -> Join<'a> {
        let mut candidates: HashMap<Labels, Candidates> = HashMap::new();
        for (row, info) in infos.rows.iter().enumerate() {
            let known = candidates.entry(identity(&info.labels)).or_default();
            let same_name = |rows: &&mut Vec<usize>| {
                rows.first().is_some_and(|first| infos.rows[*first].labels.metric_name() == info.labels.metric_name())
            };
            match known.iter_mut().find(same_name) {
                Some(rows) => rows.push(row),
                None => known.push(vec![row]),
            }
        }
        Join { base, passes, infos, times, candidates }
    }

    /// At a step the newest sample of each info metric.
    fn newest(&self, candidates: &Candidates, step: usize, out: &mut Vec<usize>) -> Result<(), QueryError> {
        out.clear();
        for rows in candidates {
            let mut newest: Option<(usize, f64)> = None;
            for &row in rows {
                let time = self.times.row(row)[step];
                if is_absent(time) {
                    continue;
                }
                match newest {
                    Some((known, known_time)) if known_time == time => {
                        return Err(self.duplicate(known, row, time));
                    }
                    Some((_, known_time)) if known_time > time => {}
                    _ => newest = Some((row, time)),
                }
            }
            out.extend(newest.map(|(row, _)| row));
        }
        Ok(())
    }

    fn duplicate(&self, existing: usize, new: usize, time: f64) -> QueryError {
        let ms = (time * 1000.0).round();
        let (existing, new) = (&self.infos.rows[existing].labels, &self.infos.rows[new].labels);
        QueryError::Execution(format!(
            "found duplicate series for info metric: existing {existing} @ {ms}, new {new} @ {ms}"
        ))
    }

    fn run(&self, selector: &InfoSelector) -> Result<Vector, QueryError> {
        let steps = self.base.steps;
        let mut out = Vector::new(steps);
        let mut rows: HashMap<Labels, usize> = HashMap::new();
        let none = Candidates::new();
        let rejects_empty = selector.data.iter().any(|matcher| !matcher.matches_empty());
        let mut newest = Vec::new();
        for (row, name) in self.base.rows.iter().enumerate() {
            let candidates = self.candidates.get(&identity(&name.labels)).unwrap_or(&none);
            // What was found last, and the row of the result that it led to.
            let mut last: Option<(Vec<usize>, Option<usize>)> = None;
            for step in 0..steps {
                let Some(sample) = self.base.at(row, step) else { continue };
                if self.passes[row] {
                    newest.clear();
                } else {
                    self.newest(candidates, step, &mut newest)?;
                }
                let known = last.as_ref().filter(|(found, _)| *found == newest).map(|(_, to)| *to);
                let to = match known {
                    Some(to) => to,
                    None => {
                        let labels = self.labels(&name.labels, &newest, selector)?;
                        let to = (!newest.is_empty() || self.passes[row] || !rejects_empty).then(|| {
                            *rows.entry(labels).or_insert_with_key(|labels| {
                                out.push_empty(Row { labels: labels.clone(), drop_name: name.drop_name })
                            })
                        });
                        last = Some((newest.clone(), to));
                        to
                    }
                };
                if let Some(to) = to
                    && !out.put(to, step, sample)
                {
                    return Err(QueryError::Execution(DUPLICATE_LABELSET.into()));
                }
            }
        }
        out.prune();
        Ok(out)
    }

    /// The labels of a row with those of info series.
    fn labels(&self, own: &Labels, infos: &[usize], selector: &InfoSelector) -> Result<Labels, QueryError> {
        let mut added = LabelsBuilder::default();
        for &info in infos {
            for (name, value) in &self.infos.rows[info].labels {
                let wanted = selector.data.is_empty() || selector.data.iter().any(|matcher| matcher.name() == name);
                if name == METRIC_NAME || !wanted {
                    continue;
                }
                let known = added.value(name);
                if !known.is_empty() && known != value {
                    return Err(QueryError::Execution(format!("conflicting label: {name}")));
                }
                if own.get(name).is_none() {
                    added.set(name, value);
                }
            }
        }
        if added.is_empty() {
            return Ok(own.clone());
        }
        let mut builder = own.to_builder();
        added.iter().for_each(|(name, value)| {
            builder.set(name, value);
        });
        Ok(builder.labels())
    }
}
