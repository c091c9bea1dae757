//! Gathering: asking collectors and checking what they send.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use narthex_exposition::{
    Encoder, EscapingScheme, Format, Metric, MetricFamily, MetricValue, Negotiated, ProtobufEncoder,
};
use narthex_model::MetricType;

use crate::collector::{Batch, Collector, Sink};
use crate::desc::Desc;
use crate::error::GatherError;

/// The metrics of one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// The families, by name; metrics by label values.
    pub families: Vec<MetricFamily>,
    /// What could not be gathered.
    pub errors: Vec<GatherError>,
}

impl Gathered {
    /// The body of an answer to a scrape, as text. If `names` is not empty, only the families
    /// of those names. For protobuf there is [`Gathered::body`]; here it is as text 0.0.4.
    pub fn encode(&self, negotiated: Negotiated, names: &[&str]) -> String {
        let encoder = Encoder::new(negotiated.format, negotiated.escaping);
        self.text(encoder, negotiated.escaping, names)
    }

    /// The body of an answer to a scrape in any format. If `names` is not empty, only the
    /// families of those names. With `created`, OpenMetrics gets `_created` samples.
    pub fn body(&self, negotiated: Negotiated, names: &[&str], created: bool) -> Vec<u8> {
        if negotiated.format != Format::Protobuf {
            let encoder = Encoder::new(negotiated.format, negotiated.escaping).with_created(created);
            return self.text(encoder, negotiated.escaping, names).into_bytes();
        }
        let encoder = ProtobufEncoder::new(negotiated.escaping);
        let mut out = Vec::with_capacity(self.families.len() * 256);
        self.chosen(negotiated.escaping, names).for_each(|family| encoder.family(family, &mut out));
        out
    }

    fn text(&self, encoder: Encoder, escaping: EscapingScheme, names: &[&str]) -> String {
        let mut out = String::with_capacity(self.families.len() * 256);
        self.chosen(escaping, names).for_each(|family| encoder.family(family, &mut out));
        encoder.finish(&mut out);
        out
    }

    /// The families to be written. Of two that the reader's scheme gives the same name, the first.
    fn chosen(&self, escaping: EscapingScheme, names: &[&str]) -> impl Iterator<Item = &MetricFamily> {
        let is_legacy = |family: &MetricFamily| narthex_model::name::is_legacy_metric_name(&family.name);
        let may_collide = escaping != EscapingScheme::AllowUtf8 && !self.families.iter().all(is_legacy);
        let mut seen = HashSet::new();
        self.families
            .iter()
            .filter(move |family| names.is_empty() || names.contains(&family.name.as_str()))
            .filter(move |family| !may_collide || seen.insert(escaping.escape(&family.name)))
    }

    /// Writes all as text 0.0.4 to a file, such as one that node_exporter reads. Who reads
    /// sees the old file or the new one, never a part: it is written beside and renamed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_to_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let negotiated = Negotiated { format: Format::Text004, escaping: EscapingScheme::Underscores };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let beside = path.with_file_name(name);
        std::fs::write(&beside, self.encode(negotiated, &[])).and_then(|()| std::fs::rename(&beside, path)).inspect_err(
            |_| {
                // It may not be there.
                drop(std::fs::remove_file(&beside));
            },
        )
    }

    /// The family of that name.
    pub fn family(&self, name: &str) -> Option<&MetricFamily> {
        self.families.iter().find(|family| family.name == name)
    }
}

/// Yields families, checked and sorted: a registry, or several.
pub trait Gatherer: Send + Sync {
    /// The metrics of now.
    fn gather(&self) -> Gathered;
}

impl<G: Gatherer + ?Sized> Gatherer for Arc<G> {
    fn gather(&self) -> Gathered {
        (**self).gather()
    }
}

/// A gatherer made of a function.
pub struct FnGatherer<F>(pub F);

impl<F> std::fmt::Debug for FnGatherer<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FnGatherer").finish_non_exhaustive()
    }
}

impl<F: Fn() -> Gathered + Send + Sync> Gatherer for FnGatherer<F> {
    fn gather(&self) -> Gathered {
        (self.0)()
    }
}

/// Several gatherers as one. Of metrics that two of them have, the first is shown.
#[derive(Default)]
pub struct Gatherers(Vec<Box<dyn Gatherer>>);

impl std::fmt::Debug for Gatherers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gatherers").field(&self.0.len()).finish()
    }
}

impl Gatherers {
    /// None yet.
    pub fn new() -> Gatherers {
        Gatherers::default()
    }

    /// Adds one.
    #[must_use]
    pub fn and(mut self, gatherer: impl Gatherer + 'static) -> Gatherers {
        self.0.push(Box::new(gatherer));
        self
    }
}

impl Gatherer for Gatherers {
    fn gather(&self) -> Gathered {
        let mut gathering = Gathering::new(false);
        for (i, gatherer) in self.0.iter().enumerate() {
            let gathered = gatherer.gather();
            let from = |error| GatherError::Gatherer { number: i + 1, error: Box::new(error) };
            gathering.errors.extend(gathered.errors.into_iter().map(from));
            let before = gathering.errors.len();
            gathered.families.into_iter().for_each(|family| gathering.merge(family, false));
            let new = gathering.errors.split_off(before);
            gathering.errors.extend(new.into_iter().map(from));
        }
        gathering.finish()
    }
}

struct Partial {
    family: MetricFamily,
    /// Whether the metrics are known to be sorted and unique.
    is_sorted: bool,
}

/// Families that are being put together.
pub(crate) struct Gathering {
    families: BTreeMap<String, Partial>,
    errors: Vec<GatherError>,
    is_pedantic: bool,
}

impl Gathering {
    pub(crate) fn new(is_pedantic: bool) -> Gathering {
        Gathering { families: BTreeMap::new(), errors: Vec::new(), is_pedantic }
    }

    /// Asks a collector that described itself as `descs`; if as nothing, all is allowed.
    pub(crate) fn collect(&mut self, collector: &dyn Collector, descs: &[Desc]) {
        let mut sink = Sink::default();
        if catch_unwind(AssertUnwindSafe(|| collector.collect(&mut sink))).is_err() {
            let names: Vec<&str> = descs.iter().map(Desc::name).collect();
            self.errors.push(GatherError::Panicked(names.join(", ")));
        }
        self.errors.append(&mut sink.errors);
        for batch in sink.batches {
            let known = descs.iter().any(|desc| desc.is_clone_of(&batch.desc)) || descs.contains(&batch.desc);
            if known || descs.is_empty() {
                self.batch(batch);
            } else {
                let error = GatherError::Undescribed(batch.desc.name().to_owned());
                self.errors.extend(batch.metrics.iter().map(|_| error.clone()));
            }
        }
        for mut family in sink.families {
            let described = |desc: &Desc| desc.name() == family.name;
            if !descs.is_empty() && !descs.iter().any(described) {
                self.errors.push(GatherError::Undescribed(family.name));
                continue;
            }
            let errors = &mut self.errors;
            let (name, metric_type) = (family.name.as_str(), family.metric_type);
            family.metrics.retain(|metric| keep(metric, name, metric_type, None, errors));
            self.merge(family, false);
        }
    }

    fn batch(&mut self, mut batch: Batch) {
        let desc = &batch.desc;
        if !batch.is_sorted || self.is_pedantic {
            let exact = self.is_pedantic.then_some(desc);
            let errors = &mut self.errors;
            batch.metrics.retain(|metric| keep(metric, desc.name(), desc.metric_type(), exact, errors));
        }
        let family = MetricFamily {
            name: desc.name().to_owned(),
            help: desc.help().to_owned(),
            unit: desc.unit().to_owned(),
            metric_type: desc.metric_type(),
            metrics: batch.metrics,
        };
        self.merge(family, batch.is_sorted);
    }

    fn merge(&mut self, family: MetricFamily, is_sorted: bool) {
        if family.metrics.is_empty() {
            return;
        }
        match self.families.get_mut(&family.name) {
            None => {
                self.families.insert(family.name.clone(), Partial { family, is_sorted });
            }
            Some(partial) => {
                let first = &mut partial.family;
                if first.help != family.help || first.unit != family.unit || first.metric_type != family.metric_type {
                    self.errors.push(GatherError::Inconsistent(family.name));
                    return;
                }
                first.metrics.extend(family.metrics);
                partial.is_sorted = false;
            }
        }
    }

    pub(crate) fn finish(mut self) -> Gathered {
        for partial in self.families.values_mut().filter(|partial| !partial.is_sorted) {
            sort(&mut partial.family, &mut self.errors);
        }
        let mut families: Vec<MetricFamily> = self.families.into_values().map(|partial| partial.family).collect();
        drop_collisions(&mut families, &mut self.errors);
        Gathered { families, errors: self.errors }
    }
}

/// Whether a metric is in order; says what is wrong if not.
fn keep(
    metric: &Metric,
    name: &str,
    metric_type: MetricType,
    exact: Option<&Desc>,
    errors: &mut Vec<GatherError>,
) -> bool {
    if !fits(metric_type, &metric.value) {
        errors.push(GatherError::WrongValue(name.to_owned()));
        return false;
    }
    let own = match metric_type {
        MetricType::Histogram | MetricType::GaugeHistogram => "le",
        MetricType::Summary => "quantile",
        _ => "",
    };
    let is_bad = |label: &str| label.is_empty() || label.starts_with("__") || label == own;
    let twice = || {
        (1..metric.labels.len()).any(|i| {
            let label = metric.labels.iter().nth(i).map(|(label, _)| label);
            metric.labels.iter().take(i).any(|(other, _)| Some(other) == label)
        })
    };
    if metric.labels.iter().any(|(label, _)| is_bad(label))
        || twice()
        || exact.is_some_and(|desc| !desc.describes(&metric.labels))
    {
        errors.push(GatherError::Labels { name: name.to_owned(), labels: metric.labels.to_string() });
        return false;
    }
    true
}

fn fits(metric_type: MetricType, value: &MetricValue) -> bool {
    match metric_type {
        MetricType::Histogram | MetricType::GaugeHistogram => {
            matches!(value, MetricValue::Histogram(_) | MetricValue::FloatHistogram(_))
        }
        MetricType::Summary => matches!(value, MetricValue::Summary(_)),
        _ => matches!(value, MetricValue::Single(_)),
    }
}

/// By label values, fewer labels first, then by names and time.
fn order(a: &Metric, b: &Metric) -> Ordering {
    let values = |metric: &Metric, other: &Metric| {
        metric.labels.iter().map(|(_, value)| value).cmp(other.labels.iter().map(|(_, value)| value))
    };
    let order = a.labels.len().cmp(&b.labels.len()).then_with(|| values(a, b));
    order.then_with(|| a.labels.iter().cmp(b.labels.iter())).then(a.timestamp_ms.cmp(&b.timestamp_ms))
}

/// Sorts the metrics and drops those that are there twice.
fn sort(family: &mut MetricFamily, errors: &mut Vec<GatherError>) {
    // Stable: of two alike the first is kept.
    family.metrics.sort_by(order);
    let name = &family.name;
    family.metrics.dedup_by(|second, first| {
        let is_same = order(second, first) == Ordering::Equal;
        if is_same {
            errors.push(GatherError::Duplicate { name: name.clone(), labels: second.labels.to_string() });
        }
        is_same
    });
}

/// Drops families that have the name of a sample of another one.
fn drop_collisions(families: &mut Vec<MetricFamily>, errors: &mut Vec<GatherError>) {
    let mut taken: Vec<(String, String)> = Vec::new();
    for family in &*families {
        let suffixes: &[&str] = match family.metric_type {
            MetricType::Summary => &["_count", "_sum"],
            MetricType::Histogram | MetricType::GaugeHistogram => &["_count", "_sum", "_bucket"],
            _ => continue,
        };
        let names = suffixes.iter().map(|suffix| (format!("{}{suffix}", family.name), family.name.clone()));
        taken.extend(names.filter(|(name, _)| families.binary_search_by(|other| other.name.cmp(name)).is_ok()));
    }
    for (name, other) in taken {
        if let Ok(at) = families.binary_search_by(|family| family.name.cmp(&name)) {
            families.remove(at);
            errors.push(GatherError::Suffix { name, other });
        }
    }
}
