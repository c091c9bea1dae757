//! `histogram_quantile`, `histogram_quantiles`, `histogram_fraction` over all steps.

use std::collections::HashMap;
use std::sync::Arc;

use narthex_model::float::format_openmetrics;
use narthex_model::value::{STALE_NAN, is_stale_nan};
use narthex_model::{FloatHistogram, Labels};

use super::classic::{ClassicBucket, ClassicHistogram, ForcedFix};
use super::groups::{BUCKET_LABEL, BucketGroups};
use super::native::{self, NanEffect};
use crate::annotations::{Annotation, Annotations, ForcedMonotonicity, Position};

/// One series of the vector argument.
#[derive(Clone, Copy, Debug)]
pub struct BucketSeries<'a> {
    /// Its labels, name included.
    pub labels: &'a Labels,
    /// One float per step, the staleness marker where there is none.
    pub floats: &'a [f64],
    /// Its histograms with their steps, ascending.
    pub histograms: &'a [(u32, Arc<FloatHistogram>)],
}

impl BucketSeries<'_> {
    pub(super) fn has_floats(&self) -> bool {
        self.floats.iter().any(|&value| !is_stale_nan(value))
    }

    fn float(&self, step: usize) -> Option<f64> {
        self.floats.get(step).copied().filter(|&value| !is_stale_nan(value))
    }

    fn histogram(&self, step: usize) -> Option<&FloatHistogram> {
        let at = self.histograms.binary_search_by_key(&(step as u32), |(step, _)| *step).ok()?;
        Some(&self.histograms[at].1)
    }
}

/// One series of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketRow {
    /// Its labels: those of the argument, for classic histograms without `le`. The
    /// name is still there.
    pub labels: Labels,
    /// One float per step, the staleness marker where there is none.
    pub floats: Vec<f64>,
}

/// What is computed. Every slice of scalars has one value per step.
#[derive(Clone, Debug)]
pub enum BucketFunction<'a> {
    /// `histogram_quantile`
    Quantile {
        /// φ
        q: &'a [f64],
        /// Where the argument φ begins.
        position: Position,
    },
    /// `histogram_quantiles`
    Quantiles {
        /// The label that says which quantile it is.
        label: &'a str,
        /// Every φ, and where the argument begins.
        qs: Vec<(&'a [f64], Position)>,
    },
    /// `histogram_fraction`
    Fraction {
        /// Lower bound.
        lower: &'a [f64],
        /// Upper bound.
        upper: &'a [f64],
    },
}

/// What else is known of the call.
#[derive(Clone, Copy, Debug)]
pub struct BucketCall<'a> {
    /// The evaluation time of every step.
    pub timestamps: &'a [i64],
    /// Where the vector argument begins.
    pub position: Position,
    /// Whether names are dropped only at the end of the query, so that annotations
    /// can tell them.
    pub delayed_name_removal: bool,
}

/// One function with the scalars of one pass over the vector.
#[derive(Clone, Copy)]
enum Pass<'a> {
    Quantile(&'a [f64]),
    Fraction(&'a [f64], &'a [f64]),
}

/// Computes a function over all steps. Native histograms come first, in the order
/// of the argument, then classic ones in the order of their first bucket; with
/// several φ, all that again for each.
pub fn evaluate(
    function: &BucketFunction<'_>,
    series: &[BucketSeries<'_>],
    call: &BucketCall<'_>,
    annotations: &mut Annotations,
) -> Vec<BucketRow> {
    let mut evaluation = Evaluation::new(series, call, annotations);
    match function {
        BucketFunction::Quantile { q, position } => {
            evaluation.check_quantiles(q, *position);
            evaluation.run(Pass::Quantile(q), None);
        }
        BucketFunction::Quantiles { label, qs } => {
            for (q, position) in qs {
                evaluation.check_quantiles(q, *position);
                evaluation.run(Pass::Quantile(q), Some(label));
            }
        }
        BucketFunction::Fraction { lower, upper } => evaluation.run(Pass::Fraction(lower, upper), None),
    }
    evaluation.finish()
}

/// Forced fixes of one metric name, by step.
struct FixLog {
    fix: ForcedMonotonicity,
    per_step: Vec<i64>,
}

struct Evaluation<'a> {
    series: &'a [BucketSeries<'a>],
    call: &'a BucketCall<'a>,
    annotations: &'a mut Annotations,
    groups: BucketGroups,
    /// For series of native histograms, the classic histogram with the same labels.
    group_of_native: HashMap<usize, usize>,
    fixes: HashMap<String, FixLog>,
    rows: Vec<BucketRow>,
}

impl<'a> Evaluation<'a> {
    fn new(
        series: &'a [BucketSeries<'a>],
        call: &'a BucketCall<'a>,
        annotations: &'a mut Annotations,
    ) -> Evaluation<'a> {
        let groups = BucketGroups::resolve(series);
        let native = |(g, group): (usize, &super::groups::BucketGroup)| group.native.map(|native| (native, g));
        let group_of_native = groups.groups.iter().enumerate().filter_map(native).collect();
        let evaluation =
            Evaluation { series, call, annotations, groups, group_of_native, fixes: HashMap::new(), rows: Vec::new() };
        for &index in &evaluation.groups.malformed {
            let (le, name) = (series[index].labels.value(BUCKET_LABEL), evaluation.name(series[index].labels));
            evaluation.annotations.add(&Annotation::BadBucketLabel { le, name }, call.position);
        }
        evaluation
    }

    /// The metric name as annotations know it.
    fn name<'l>(&self, labels: &'l Labels) -> &'l str {
        if self.call.delayed_name_removal { labels.metric_name() } else { "" }
    }

    fn check_quantiles(&mut self, qs: &[f64], position: Position) {
        let mut last = None;
        for &q in qs.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
            if last.replace(q.to_bits()) != Some(q.to_bits()) {
                self.annotations.add(&Annotation::InvalidQuantile(q), position);
            }
        }
    }

    fn run(&mut self, pass: Pass<'_>, label: Option<&str>) {
        let series = self.series;
        for (index, one) in series.iter().enumerate() {
            if one.histograms.is_empty() {
                continue;
            }
            let mut out = Output::new(one.labels, self.call.timestamps.len());
            for (step, histogram) in one.histograms {
                let step = *step as usize;
                if self.is_mixed(index, step) {
                    let name = self.name(one.labels);
                    self.annotations.add(&Annotation::MixedClassicNative { name }, self.call.position);
                    continue;
                }
                let value = self.native(pass, one.labels, histogram, step);
                out.put(step, value, pass, label);
            }
            self.rows.append(&mut out.rows);
        }
        let mut histogram = ClassicHistogram::default();
        for index in 0..self.groups.groups.len() {
            let mut out = Output::new(&self.groups.groups[index].labels, self.call.timestamps.len());
            for step in 0..self.call.timestamps.len() {
                let group = &self.groups.groups[index];
                histogram.clear();
                for &(upper, bucket) in &group.buckets {
                    if let Some(count) = series[bucket].float(step) {
                        histogram.push(ClassicBucket { upper, count });
                    }
                }
                let is_mixed = group.native.is_some_and(|native| series[native].histogram(step).is_some());
                if histogram.is_empty() || is_mixed {
                    continue;
                }
                let value = self.classic(pass, index, &mut histogram, step);
                out.put(step, value, pass, label);
            }
            self.rows.append(&mut out.rows);
        }
    }

    /// Whether a native histogram's labels are also those of a classic one at this step.
    fn is_mixed(&self, native: usize, step: usize) -> bool {
        self.group_of_native.get(&native).is_some_and(|&group| {
            self.groups.groups[group].buckets.iter().any(|&(_, bucket)| self.series[bucket].float(step).is_some())
        })
    }

    fn native(&mut self, pass: Pass<'_>, labels: &Labels, histogram: &FloatHistogram, step: usize) -> f64 {
        let (value, effect) = match pass {
            Pass::Quantile(q) => native::quantile(q[step], histogram),
            Pass::Fraction(lower, upper) => native::fraction(lower[step], upper[step], histogram),
        };
        let name = self.name(labels);
        let annotation = match effect {
            NanEffect::None => return value,
            NanEffect::Result => Annotation::NativeQuantileNan { name },
            NanEffect::Skewed => Annotation::NativeQuantileSkewed { name },
            NanEffect::Excluded => Annotation::NativeFractionNan { name },
        };
        self.annotations.add(&annotation, self.call.position);
        value
    }

    fn classic(&mut self, pass: Pass<'_>, group: usize, histogram: &mut ClassicHistogram, step: usize) -> f64 {
        match pass {
            Pass::Quantile(q) => {
                if (0.0..=1.0).contains(&q[step])
                    && let Some(fix) = histogram.ensure_monotonic()
                {
                    self.log_fix(group, fix, step);
                }
                histogram.quantile(q[step])
            }
            Pass::Fraction(lower, upper) => histogram.fraction(lower[step], upper[step]),
        }
    }

    fn log_fix(&mut self, group: usize, fix: ForcedFix, step: usize) {
        let timestamp = self.call.timestamps[step];
        let fix = ForcedMonotonicity {
            bucket_min: fix.bucket_min,
            bucket_max: fix.bucket_max,
            diff_max: fix.diff_max,
            samples: 0,
            timestamp_min: timestamp,
            timestamp_max: timestamp,
        };
        let name = self.name(&self.groups.groups[group].labels).to_owned();
        let steps = self.call.timestamps.len();
        let log = self.fixes.entry(name).or_insert_with(|| FixLog { fix, per_step: vec![0; steps] });
        log.fix.merge(&fix);
        log.per_step[step] += 1;
    }

    fn finish(self) -> Vec<BucketRow> {
        for (name, log) in self.fixes {
            let fix = ForcedMonotonicity { samples: occurrences(&log.per_step), ..log.fix };
            self.annotations.add(&Annotation::ForcedMonotonicity { name: &name, fix }, self.call.position);
        }
        self.rows
    }
}

/// How many fixes upstream counts, given those of every step: it merges what it has
/// so far with itself at each step after the first that had any.
fn occurrences(per_step: &[i64]) -> i64 {
    let after = per_step.iter().copied().skip_while(|&fixes| fixes == 0);
    after.reduce(|all, fixes| all.wrapping_add(fixes).wrapping_mul(2)).unwrap_or(0)
}

/// The rows that one histogram gives. Several only when φ becomes a label and
/// changes between steps.
struct Output {
    labels: Labels,
    steps: usize,
    rows: Vec<BucketRow>,
    /// For each row the bits of its φ, where that is a label.
    quantiles: Vec<u64>,
}

impl Output {
    fn new(labels: &Labels, steps: usize) -> Output {
        Output { labels: labels.clone(), steps, rows: Vec::new(), quantiles: Vec::new() }
    }

    fn put(&mut self, step: usize, value: f64, pass: Pass<'_>, label: Option<&str>) {
        let quantile = match (pass, label) {
            (Pass::Quantile(q), Some(_)) => q[step],
            _ => 0.0,
        };
        let known = self.quantiles.iter().position(|&bits| bits == quantile.to_bits());
        let row = known.unwrap_or_else(|| {
            let labels = match label {
                Some(label) => {
                    let mut builder = self.labels.to_builder();
                    builder.set(label, &format_openmetrics(quantile));
                    builder.labels()
                }
                None => self.labels.clone(),
            };
            self.rows.push(BucketRow { labels, floats: vec![STALE_NAN; self.steps] });
            self.quantiles.push(quantile.to_bits());
            self.rows.len() - 1
        });
        self.rows[row].floats[step] = value;
    }
}
