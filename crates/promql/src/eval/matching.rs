//! Operators between two vectors: which element meets which.
//!
//! Signatures are computed once per row and numbered. A pair of rows that can
//! only meet each other is computed column by column; where several rows of a
//! side share a signature, a table says for each step which of them is there.

use hashbrown::HashMap;
use narthex_model::{Labels, METRIC_NAME};
use narthex_promql_syntax::ast::{BinaryOp, Cardinality, Matching};

use super::Evaluator;
use super::arithmetic::{Outcome, StepNotes, apply, drops_name};
use super::limits::{EVALUATION, Limits};
use super::vector::{ABSENT, DUPLICATE_LABELSET, Row, Sample, Vector, is_absent, is_reserved};
use crate::api::QueryError;
use crate::plan::Binary;

/// How many rows are joined between two looks at the clock.
const ROWS_PER_CHECK: usize = 64;
/// No row.
const NONE: u32 = u32::MAX;

/// The labels by which an element finds its partner.
pub(super) fn signature(labels: &Labels, matching: &Matching) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|label| label == name);
    if matching.on { labels.filter(listed) } else { labels.filter(|name| name != METRIC_NAME && !listed(name)) }
}

/// The rows of both sides by signature.
struct Signatures {
    /// Of each row the number of its signature.
    many: Vec<u32>,
    one: Vec<u32>,
    /// Of each signature its rows.
    many_rows: Vec<Vec<u32>>,
    one_rows: Vec<Vec<u32>>,
}

impl Signatures {
    fn new(many: &Vector, one: &Vector, matching: &Matching) -> Signatures {
        let mut numbers: HashMap<Labels, u32> = HashMap::with_capacity(many.len());
        let mut number = |row: &Row| {
            let next = numbers.len() as u32;
            *numbers.entry(signature(&row.labels, matching)).or_insert(next)
        };
        let many: Vec<u32> = many.rows.iter().map(&mut number).collect();
        let one: Vec<u32> = one.rows.iter().map(&mut number).collect();
        let by_signature = |rows: &[u32]| {
            let mut lists = vec![Vec::new(); numbers.len()];
            rows.iter().enumerate().for_each(|(row, signature)| lists[*signature as usize].push(row as u32));
            lists
        };
        Signatures { many_rows: by_signature(&many), one_rows: by_signature(&one), many, one }
    }
}

/// Whether a row has an element at each step.
fn presence(vector: &Vector, row: usize, out: &mut [bool]) {
    out.iter_mut().zip(vector.row(row)).for_each(|(present, value)| *present |= !is_absent(*value));
    vector.row_histograms(row).iter().for_each(|(step, _)| out[*step as usize] = true);
}

impl Evaluator<'_> {
    /// `and`, `or`, `unless`.
    pub(super) fn set_operation(
        &mut self,
        binary: &Binary,
        mut lhs: Vector,
        mut rhs: Vector,
    ) -> Result<Vector, QueryError> {
        let matching = matching_of(binary)?;
        let steps = lhs.steps;
        let signatures = Signatures::new(&lhs, &rhs, matching);
        // The side that decides, and the side whose elements stay or go.
        let (deciding, deciding_numbers, kept, kept_numbers, keep_if_present) = match binary.op {
            BinaryOp::And => (&rhs, &signatures.one, &mut lhs, &signatures.many, true),
            BinaryOp::Unless => (&rhs, &signatures.one, &mut lhs, &signatures.many, false),
            _ => (&lhs, &signatures.many, &mut rhs, &signatures.one, false),
        };
        self.limits.reserve(signatures.many_rows.len() * steps)?;
        let mut present = vec![false; signatures.many_rows.len() * steps];
        for (row, signature) in deciding_numbers.iter().enumerate() {
            let at = *signature as usize * steps;
            presence(deciding, row, &mut present[at..at + steps]);
        }
        for (row, signature) in kept_numbers.iter().enumerate() {
            let at = *signature as usize * steps;
            let present = &present[at..at + steps];
            for (value, present) in kept.row_mut(row).iter_mut().zip(present) {
                if *present != keep_if_present {
                    *value = ABSENT;
                }
            }
            if let Some(histograms) = kept.histograms.get_mut(row) {
                histograms.retain(|(step, _)| present[*step as usize] == keep_if_present);
            }
        }
        kept.prune();
        self.limits.release(signatures.many_rows.len() * steps);
        if binary.op == BinaryOp::Or {
            lhs.append(rhs);
            lhs.steps = steps;
            lhs.distinct = false;
            lhs.merge_equal_rows()?;
        }
        Ok(lhs)
    }

    /// All other operators.
    pub(super) fn vector_vector(&mut self, binary: &Binary, lhs: &Vector, rhs: &Vector) -> Result<Vector, QueryError> {
        let matching = matching_of(binary)?;
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
        let mut join = Join {
            binary,
            matching,
            swapped,
            many,
            one,
            signatures: Signatures::new(many, one, matching),
            out: Vector::new(lhs.steps),
            rows: HashMap::new(),
            taken: HashMap::new(),
            recorded: HashMap::new(),
            columns: HashMap::new(),
            matched: None,
            notes: StepNotes::default(),
            error: None,
            active: active_steps(lhs, rhs, matching),
        };
        self.limits.reserve((many.len() + one.len()).saturating_mul(lhs.steps) * size_of::<f64>())?;
        join.run(self.limits)?;
        if let Some(failure) = join.error.take() {
            return Err(QueryError::Execution(join.error_text(&failure)));
        }
        join.notes.report(binary.op, binary.lhs.position, &mut self.annotations);
        let mut out = join.out;
        out.prune();
        Ok(out)
    }
}

fn matching_of(binary: &Binary) -> Result<&Matching, QueryError> {
    let missing = || QueryError::Execution("binary operation between vectors without matching".into());
    binary.matching.as_ref().ok_or_else(missing)
}

/// The steps at which anything is computed: both sides have elements, or one
/// has and there is something to fill in for the other.
fn active_steps(lhs: &Vector, rhs: &Vector, matching: &Matching) -> Vec<bool> {
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    let any = |vector: &Vector| {
        let mut any = vec![false; vector.steps];
        (0..vector.len()).for_each(|row| presence(vector, row, &mut any));
        any
    };
    let combine = |(l, r): (bool, bool)| if fills { l || r } else { l && r };
    any(lhs).into_iter().zip(any(rhs)).map(combine).collect()
}

/// Why a join fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Two rows of the one side.
    DuplicateOne(u32, u32),
    ManyToOne,
    GroupingNotUnique,
    DuplicateResult,
}

/// One operation between two vectors.
struct Join<'a> {
    binary: &'a Binary,
    matching: &'a Matching,
    /// Whether the many side is the right one.
    swapped: bool,
    many: &'a Vector,
    one: &'a Vector,
    signatures: Signatures,
    out: Vector,
    /// Rows of the result by labels.
    rows: HashMap<Labels, usize>,
    /// For signatures with several rows on the many side (one-to-one): the steps
    /// at which one of them was matched.
    taken: HashMap<u32, Vec<bool>>,
    /// For rows of the result that several pairs write: by step the signature
    /// that was recorded there.
    recorded: HashMap<usize, Vec<u32>>,
    /// Rows of the result that were computed as columns from a pair of rows, with
    /// that pair and its signature: `recorded` is made of it when another pair
    /// writes the row too.
    columns: HashMap<usize, (usize, usize, u32)>,
    /// With fills: by one-side row and step whether it was matched.
    matched: Option<Vec<bool>>,
    notes: StepNotes,
    /// The failure at the earliest step, there the one upstream meets first.
    error: Option<(usize, usize, Failure)>,
    active: Vec<bool>,
}

impl Join<'_> {
    fn run(&mut self, limits: &Limits) -> Result<(), QueryError> {
        let steps = self.out.steps;
        let fills_many = self.matching.fill_left;
        let fills_one = self.matching.fill_right;
        if fills_many.is_some() {
            self.matched = Some(vec![false; self.one.len() * steps]);
        }
        let mut tables: HashMap<u32, Vec<u32>> = HashMap::new();
        for signature in 0..self.signatures.one_rows.len() as u32 {
            if self.signatures.one_rows[signature as usize].len() > 1 {
                tables.insert(signature, self.one_table(signature));
            }
        }
        let one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        for row in 0..self.many.len() {
            if row % ROWS_PER_CHECK == 0 {
                limits.check(EVALUATION)?;
            }
            let signature = self.signatures.many[row];
            if one_to_one && self.signatures.many_rows[signature as usize].len() > 1 {
                self.taken.entry(signature).or_insert_with(|| vec![false; steps]);
            }
            let (first, count) = {
                let rows = &self.signatures.one_rows[signature as usize];
                (rows.first().map(|row| *row as usize), rows.len())
            };
            match (first, count) {
                (None, _) => {}
                (Some(one), 1) if self.pair_columns(row, one) => {}
                (Some(one), 1) => {
                    for step in 0..steps {
                        if let (Some(many), Some(other)) = (self.many.at(row, step), self.one.at(one, step)) {
                            self.pair(row, one, signature, step, many, other);
                        }
                    }
                }
                _ => {
                    let table = &tables[&signature];
                    for (step, &one) in table.iter().enumerate().filter(|(_, one)| **one != NONE) {
                        let one = one as usize;
                        if let (Some(many), Some(other)) = (self.many.at(row, step), self.one.at(one, step)) {
                            self.pair(row, one, signature, step, many, other);
                        }
                    }
                }
            }
            if let Some(fill) = fills_one {
                self.fill_one(row, signature, fill, tables.get(&signature));
            }
        }
        if let Some(fill) = fills_many {
            self.fill_many(fill);
        }
        Ok(())
    }

    /// For a signature with several rows on the one side: which of them has an
    /// element at each step.
    fn one_table(&mut self, signature: u32) -> Vec<u32> {
        let mut table = vec![NONE; self.out.steps];
        for &row in &self.signatures.one_rows[signature as usize].clone() {
            for (step, known) in table.iter_mut().enumerate() {
                if self.one.at(row as usize, step).is_none() {
                    continue;
                }
                if *known == NONE {
                    *known = row;
                } else if self.active[step] {
                    // Met before any element of the many side.
                    self.fail(step, row as usize, Failure::DuplicateOne(*known, row));
                }
            }
        }
        table
    }

    fn fail(&mut self, step: usize, rank: usize, failure: Failure) {
        if self.error.is_none_or(|(known_step, known_rank, _)| (step, rank) < (known_step, known_rank)) {
            self.error = Some((step, rank, failure));
        }
    }

    /// Rank of a many-side element among what may fail at a step.
    fn rank(&self, row: usize) -> usize {
        self.one.len() + row
    }

    /// The row of the result for a pair of label sets.
    fn result_row(&mut self, many: &Labels, one: &Labels) -> usize {
        let drop_name = drops_name(self.binary.op, self.binary.return_bool);
        let matching = self.matching;
        let listed = |name: &str| matching.labels.iter().any(|label| label == name);
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let keep = |name: &str| {
            !(drop_name && is_reserved(name)) && (!one_to_one || if matching.on { listed(name) } else { !listed(name) })
        };
        let mut labels = many.filter(keep);
        if !matching.include.is_empty() {
            let mut builder = labels.to_builder();
            for name in &matching.include {
                builder.set(name, one.value(name));
            }
            labels = builder.labels();
        }
        if let Some(&row) = self.rows.get(&labels) {
            return row;
        }
        let row = self.out.push_empty(Row { labels: labels.clone(), drop_name: false });
        self.rows.insert(labels, row);
        row
    }

    /// Two rows that can only meet each other, without histograms and without
    /// anything that could fail. Says no when that is not so.
    fn pair_columns(&mut self, many: usize, one: usize) -> bool {
        let signature = self.signatures.many[many];
        let one_to_one = self.matching.cardinality == Cardinality::OneToOne;
        let plain = self.many.row_histograms(many).is_empty()
            && self.one.row_histograms(one).is_empty()
            && self.matched.is_none()
            && !(one_to_one && self.signatures.many_rows[signature as usize].len() > 1)
            && !matches!(self.binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        if !plain {
            return false;
        }
        let rows_before = self.out.len();
        let (many_labels, one_labels) = (self.many.rows[many].labels.clone(), self.one.rows[one].labels.clone());
        let row = self.result_row(&many_labels, &one_labels);
        if row < rows_before {
            // Another pair has these labels too: look at every step.
            return false;
        }
        let (lhs, rhs) = if self.swapped {
            (self.one.row(one), self.many.row(many))
        } else {
            (self.many.row(many), self.one.row(one))
        };
        combine_rows(self.binary.op, self.binary.return_bool, lhs, rhs, self.out.row_mut(row));
        if !one_to_one {
            self.columns.insert(row, (many, one, signature));
        }
        true
    }

    /// Remembers that an element of a signature was matched (one-to-one). Says no,
    /// and fails, when it is the second one.
    fn take(&mut self, signature: u32, step: usize, rank: usize) -> bool {
        let Some(taken) = self.taken.get_mut(&signature) else { return true };
        let is_first = !std::mem::replace(&mut taken[step], true);
        if !is_first {
            self.fail(step, rank, Failure::ManyToOne);
        }
        is_first
    }

    /// Two elements that meet at a step.
    fn pair(&mut self, many: usize, one: usize, signature: u32, step: usize, lhs: Sample<'_>, rhs: Sample<'_>) {
        let rank = many;
        let outcome = self.apply(step, rank, lhs, rhs);
        if matches!(outcome, Outcome::Incompatible) {
            return;
        }
        let fail_rank = self.rank(many);
        if !self.take(signature, step, fail_rank) {
            return;
        }
        let steps = self.out.steps;
        if let Some(matched) = &mut self.matched {
            matched[one * steps + step] = true;
        }
        let (many_labels, one_labels) = (self.many.rows[many].labels.clone(), self.one.rows[one].labels.clone());
        let row = self.result_row(&many_labels, &one_labels);
        self.record(row, signature, step, fail_rank, outcome);
    }

    /// Applies the operator, the operands brought back to their sides.
    fn apply(&mut self, step: usize, rank: usize, many: Sample<'_>, one: Sample<'_>) -> Outcome {
        let (lhs, rhs) = if self.swapped { (one, many) } else { (many, one) };
        let notes = &mut self.notes;
        apply(self.binary.op, self.binary.return_bool, (lhs, rhs), lhs, |note| notes.note(step, rank, note))
    }

    /// Puts an outcome into the result.
    fn record(&mut self, row: usize, signature: u32, step: usize, rank: usize, outcome: Outcome) {
        let steps = self.out.steps;
        if self.matching.cardinality != Cardinality::OneToOne {
            let first = self.columns.remove(&row);
            let recorded = self.recorded.entry(row).or_insert_with(|| vec![NONE; steps]);
            if let Some((many, one, signature)) = first {
                for (step, recorded) in recorded.iter_mut().enumerate() {
                    if self.many.at(many, step).is_some() && self.one.at(one, step).is_some() {
                        *recorded = signature;
                    }
                }
            }
            if recorded[step] == signature {
                self.fail(step, rank, Failure::GroupingNotUnique);
                return;
            }
            recorded[step] = signature;
        }
        let put = match &outcome {
            Outcome::Float(value) => self.out.put(row, step, Sample::Float(*value)),
            Outcome::Histogram(histogram) => self.out.put(row, step, Sample::Histogram(histogram)),
            Outcome::Dropped | Outcome::Incompatible => true,
        };
        if !put {
            self.fail(step, usize::MAX, Failure::DuplicateResult);
        }
    }

    /// Elements of a many-side row without partner meet a float.
    fn fill_one(&mut self, row: usize, signature: u32, fill: f64, table: Option<&Vec<u32>>) {
        let labels = self.many.rows[row].labels.clone();
        let partner = super::matching::signature(&labels, self.matching);
        let single = self.signatures.one_rows[signature as usize].first().copied();
        for step in 0..self.out.steps {
            let Some(element) = self.many.at(row, step) else { continue };
            let has_partner = match table {
                Some(table) => table[step] != NONE,
                None => single.is_some_and(|one| self.one.at(one as usize, step).is_some()),
            };
            if has_partner {
                continue;
            }
            let outcome = self.apply(step, row, element, Sample::Float(fill));
            if matches!(outcome, Outcome::Incompatible) {
                continue;
            }
            let rank = self.rank(row);
            if !self.take(signature, step, rank) {
                continue;
            }
            let out = self.result_row(&labels, &partner);
            self.record(out, signature, step, rank, outcome);
        }
    }

    /// Elements of the one side that met nobody meet a float.
    fn fill_many(&mut self, fill: f64) {
        let steps = self.out.steps;
        let matched = self.matched.take().unwrap_or_default();
        for row in 0..self.one.len() {
            let signature = self.signatures.one[row];
            let labels = self.one.rows[row].labels.clone();
            let partner = super::matching::signature(&labels, self.matching);
            for step in 0..steps {
                let Some(element) = self.one.at(row, step) else { continue };
                if matched[row * steps + step] {
                    continue;
                }
                let rank = self.many.len() + row;
                let outcome = self.apply(step, rank, Sample::Float(fill), element);
                if matches!(outcome, Outcome::Incompatible) {
                    continue;
                }
                let out = self.result_row(&partner, &labels);
                self.record(out, signature, step, self.rank(rank), outcome);
            }
        }
    }

    fn error_text(&self, (_, _, failure): &(usize, usize, Failure)) -> String {
        match failure {
            Failure::DuplicateOne(a, b) => {
                let side = if self.swapped { "left" } else { "right" };
                let first = &self.one.rows[*a as usize].labels;
                let group = signature(first, self.matching);
                let mut series = [first.to_string(), self.one.rows[*b as usize].labels.to_string()];
                series.sort();
                format!(
                    "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                    series[0], series[1]
                )
            }
            Failure::ManyToOne => {
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".into()
            }
            Failure::GroupingNotUnique => {
                "multiple matches for labels: grouping labels must ensure unique matches".into()
            }
            Failure::DuplicateResult => DUPLICATE_LABELSET.into(),
        }
    }
}

/// Applies an operator to two rows of floats.
fn combine_rows(op: BinaryOp, return_bool: bool, lhs: &[f64], rhs: &[f64], out: &mut [f64]) {
    macro_rules! each {
        ($f:expr) => {{
            let f = $f;
            for ((out, lhs), rhs) in out.iter_mut().zip(lhs).zip(rhs) {
                if !is_absent(*lhs) && !is_absent(*rhs) {
                    *out = f(*lhs, *rhs);
                }
            }
        }};
    }
    use super::arithmetic::{float_op, is_comparison};
    match op {
        BinaryOp::Add => each!(|a: f64, b: f64| a + b),
        BinaryOp::Sub => each!(|a: f64, b: f64| a - b),
        BinaryOp::Mul => each!(|a: f64, b: f64| a * b),
        BinaryOp::Div => each!(|a: f64, b: f64| a / b),
        _ if is_comparison(op) && !return_bool => {
            each!(|a: f64, b: f64| if float_op(op, a, b) != 0.0 { a } else { ABSENT });
        }
        _ => each!(|a: f64, b: f64| float_op(op, a, b)),
    }
}
