//! `histogram_quantile`, `histogram_count` and their like.

use narthex_model::METRIC_NAME;

use super::vector::{Row, Vector};
use super::{Evaluated, Evaluator};
use crate::api::QueryError;
use crate::histogram_functions::{BucketCall, BucketFunction, BucketSeries, Moment, evaluate, moment};
use crate::plan::{Call, Grid};

impl Evaluator<'_> {
    /// All functions whose names begin with `histogram_`.
    pub(super) fn histogram_call(
        &mut self,
        call: &Call,
        args: Vec<Evaluated>,
        grid: &Grid,
    ) -> Result<Vector, QueryError> {
        let name = call.function.name;
        let mut scalars: Vec<(Vec<f64>, usize)> = Vec::new();
        let mut label = String::new();
        let mut operand = (Vector::new(grid.steps), 0);
        for (arg, node) in args.into_iter().zip(&call.args) {
            match arg {
                Evaluated::Scalar(values) => scalars.push((values, node.position)),
                Evaluated::String(value) => label = value,
                Evaluated::Vector(vector) => operand = (vector, node.position),
                Evaluated::Matrix(_) => {}
            }
        }
        let (vector, position) = operand;
        if let Some(which) = Moment::of_function(name) {
            return self.moments(which, vector);
        }
        let function = match (name, &scalars[..]) {
            ("histogram_quantile", [(q, position), ..]) => BucketFunction::Quantile { q, position: *position },
            ("histogram_fraction", [(lower, _), (upper, _), ..]) => BucketFunction::Fraction { lower, upper },
            ("histogram_quantiles", qs) => BucketFunction::Quantiles {
                label: &label,
                qs: qs.iter().map(|(q, position)| (q.as_slice(), *position)).collect(),
            },
            _ => return Err(QueryError::Execution(format!("function {name} is not supported"))),
        };
        let series: Vec<BucketSeries<'_>> = (0..vector.len())
            .map(|row| BucketSeries {
                labels: &vector.rows[row].labels,
                floats: vector.row(row),
                histograms: vector.row_histograms(row),
            })
            .collect();
        let timestamps: Vec<i64> = grid.times().collect();
        let delayed = self.settings.features.delayed_name_removal;
        let bucket_call = BucketCall { timestamps: &timestamps, position, delayed_name_removal: delayed };
        let mut out = Vector::new(grid.steps);
        for row in evaluate(&function, &series, &bucket_call, &mut self.annotations) {
            out.push(Row { labels: row.labels, drop_name: false }, &row.floats, Vec::new());
        }
        out.prune();
        out.drop_names(delayed)?;
        Ok(out)
    }

    /// A number for each native histogram; floats are left out.
    fn moments(&mut self, which: Moment, vector: Vector) -> Result<Vector, QueryError> {
        let delayed = self.settings.features.delayed_name_removal;
        let mut out = Vector::new(vector.steps);
        for (row, name) in vector.rows.iter().enumerate() {
            let histograms = vector.row_histograms(row);
            if histograms.is_empty() {
                continue;
            }
            // These functions leave `__type__` and `__unit__` alone.
            let labels = if delayed { name.labels.clone() } else { name.labels.filter(|label| label != METRIC_NAME) };
            let to = out.push_empty(Row { labels, drop_name: delayed });
            for (step, histogram) in histograms {
                out.row_mut(to)[*step as usize] = moment(which, histogram);
            }
        }
        if !delayed {
            out.merge_equal_rows()?;
        }
        Ok(out)
    }
}
