//! Descriptors: everything about a metric but its value.

use std::sync::Arc;

use narthex_exposition::LabelPairs;
use narthex_model::MetricType;

use crate::error::{CardinalityError, RegisterError};

/// Name and text of a metric to be made.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Opts {
    namespace: String,
    subsystem: String,
    name: String,
    help: String,
    unit: String,
    const_labels: Vec<(String, String)>,
}

impl Opts {
    /// A metric with this name and description.
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Opts {
        Opts { name: name.into(), help: help.into(), ..Opts::default() }
    }

    /// Puts `namespace` and `_` before the name.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Opts {
        self.namespace = namespace.into();
        self
    }

    /// Puts `subsystem` and `_` between namespace and name.
    pub fn subsystem(mut self, subsystem: impl Into<String>) -> Opts {
        self.subsystem = subsystem.into();
        self
    }

    /// Says the unit, which OpenMetrics writes.
    pub fn unit(mut self, unit: impl Into<String>) -> Opts {
        self.unit = unit.into();
        self
    }

    /// Adds a label with the same value for all of the metric's series.
    pub fn const_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Opts {
        self.const_labels.push((name.into(), value.into()));
        self
    }

    /// Name with namespace and subsystem; empty without a name.
    pub(crate) fn full_name(&self) -> String {
        build_name(&self.namespace, &self.subsystem, &self.name)
    }

    /// The descriptor of a metric of kind `metric_type` with these variable labels.
    ///
    /// # Errors
    /// A name that cannot be.
    pub fn desc(self, metric_type: MetricType, variable_labels: &[&str]) -> Result<Desc, RegisterError> {
        let name = self.full_name();
        let mut const_labels = self.const_labels;
        const_labels.sort();
        Inner {
            name,
            help: self.help,
            unit: self.unit,
            metric_type,
            const_labels,
            variable_labels: variable_labels.iter().map(|&label| label.to_owned()).collect(),
        }
        .check()
    }
}

/// A metric name from its parts, joined by `_`; those that are empty are left out.
/// Without a name the result is empty.
pub fn build_name(namespace: &str, subsystem: &str, name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    [namespace, subsystem, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    name: String,
    help: String,
    unit: String,
    metric_type: MetricType,
    /// Sorted by name.
    const_labels: Vec<(String, String)>,
    /// In the order in which values are given.
    variable_labels: Vec<String>,
}

impl Inner {
    fn check(self) -> Result<Desc, RegisterError> {
        if self.name.is_empty() {
            return Err(RegisterError::Name(self.name));
        }
        if !self.unit.is_empty() {
            let stem = self.name.strip_suffix("_total").unwrap_or(&self.name);
            if stem.strip_suffix(&*self.unit).is_none_or(|rest| !rest.is_empty() && !rest.ends_with('_')) {
                return Err(RegisterError::Unit { metric: self.name, unit: self.unit });
            }
        }
        let own = match self.metric_type {
            MetricType::Histogram | MetricType::GaugeHistogram => "le",
            MetricType::Summary => "quantile",
            _ => "",
        };
        let mut names: Vec<&str> = self.label_names();
        for &label in &names {
            if label.is_empty() || label.starts_with("__") || label == own {
                return Err(RegisterError::LabelName { metric: self.name.clone(), label: label.to_owned() });
            }
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(RegisterError::DuplicateLabel { metric: self.name.clone(), label: pair[0].to_owned() }),
            None => Ok(Desc(Arc::new(self))),
        }
    }

    fn label_names(&self) -> Vec<&str> {
        let constant = self.const_labels.iter().map(|(name, _)| name.as_str());
        constant.chain(self.variable_labels.iter().map(String::as_str)).collect()
    }
}

/// Everything about a metric but its value. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desc(Arc<Inner>);

impl Desc {
    /// The full name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The description.
    pub fn help(&self) -> &str {
        &self.0.help
    }

    /// The unit, usually empty.
    pub fn unit(&self) -> &str {
        &self.0.unit
    }

    /// The kind of metric.
    pub fn metric_type(&self) -> MetricType {
        self.0.metric_type
    }

    /// The names of the variable labels, in the order in which values are given.
    pub fn variable_labels(&self) -> &[String] {
        &self.0.variable_labels
    }

    /// All labels of the metric with these values for the variable ones, sorted by name.
    ///
    /// # Errors
    /// [`CardinalityError`] when there are more or fewer values than labels.
    pub fn pairs(&self, values: &[&str]) -> Result<LabelPairs, CardinalityError> {
        if values.len() != self.0.variable_labels.len() {
            return Err(CardinalityError {
                expected: self.0.variable_labels.len(),
                got: values.len(),
                values: values.iter().map(|&value| value.to_owned()).collect(),
            });
        }
        let constant = self.0.const_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let variable = self.0.variable_labels.iter().map(String::as_str).zip(values.iter().copied());
        let mut pairs: Vec<(&str, &str)> = constant.chain(variable).collect();
        pairs.sort_unstable();
        Ok(LabelPairs::new(pairs))
    }

    /// For each variable label, its place among all labels sorted by name.
    pub(crate) fn places(&self) -> Box<[usize]> {
        let mut names = self.0.label_names();
        names.sort_unstable();
        let variable = self.0.variable_labels.iter();
        variable.map(|label| names.binary_search(&label.as_str()).expect("is among them")).collect()
    }

    /// The constant labels, by name.
    pub fn const_labels(&self) -> &[(String, String)] {
        &self.0.const_labels
    }

    /// Whether the metric's labels are those described, names and constant values.
    pub(crate) fn describes(&self, labels: &LabelPairs) -> bool {
        let mut names = self.0.label_names();
        names.sort_unstable();
        labels.iter().map(|(name, _)| name).eq(names)
            && self.0.const_labels.iter().all(|(name, value)| labels.get(name) == Some(value))
    }

    /// The same with `prefix` before its name and more constant labels.
    ///
    /// # Errors
    /// When it has one of the labels already.
    pub(crate) fn wrapped(&self, prefix: &str, labels: &[(String, String)]) -> Result<Desc, RegisterError> {
        let mut const_labels = self.0.const_labels.clone();
        const_labels.extend_from_slice(labels);
        const_labels.sort();
        Inner {
            name: format!("{prefix}{}", self.0.name),
            help: self.0.help.clone(),
            unit: self.0.unit.clone(),
            metric_type: self.0.metric_type,
            const_labels,
            variable_labels: self.0.variable_labels.clone(),
        }
        .check()
    }

    /// Whether both are clones of one descriptor: quick, and usually the case.
    pub(crate) fn is_clone_of(&self, other: &Desc) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether both may stand in one family.
    pub(crate) fn is_consistent_with(&self, other: &Desc) -> bool {
        let names = |desc: &Desc| {
            let mut constant: Vec<_> = desc.0.const_labels.iter().map(|(name, _)| name.clone()).collect();
            let mut variable = desc.0.variable_labels.clone();
            constant.sort();
            variable.sort();
            (constant, variable)
        };
        self.help() == other.help()
            && self.unit() == other.unit()
            && self.metric_type() == other.metric_type()
            && names(self) == names(other)
    }
}
