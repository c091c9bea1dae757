//! Prefixes and labels put on everything that is registered through some handle.

use std::sync::Arc;

use narthex_exposition::{LabelPairs, Metric};

use crate::collector::{Collector, Sink};
use crate::desc::Desc;
use crate::error::RegisterError;

/// What is put before names and among labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrap {
    pub(crate) prefix: String,
    pub(crate) labels: Vec<(String, String)>,
}

impl Wrap {
    pub(crate) fn is_empty(&self) -> bool {
        self.prefix.is_empty() && self.labels.is_empty()
    }

    pub(crate) fn desc(&self, desc: &Desc) -> Result<Desc, RegisterError> {
        if self.is_empty() { Ok(desc.clone()) } else { desc.wrapped(&self.prefix, &self.labels) }
    }
}

/// A collector whose metrics get a prefix before their names and labels of one value.
pub struct Wrapped {
    collector: Arc<dyn Collector>,
    wrap: Wrap,
    /// As described by the collector and as shown.
    descs: Vec<(Desc, Desc)>,
}

impl std::fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wrapped").field("wrap", &self.wrap).finish_non_exhaustive()
    }
}

impl Wrapped {
    /// Puts `prefix` and `labels` on what `collector` collects.
    ///
    /// # Errors
    /// When one of its metrics has one of the labels already.
    pub fn new(collector: Arc<dyn Collector>, prefix: &str, labels: &[(&str, &str)]) -> Result<Wrapped, RegisterError> {
        let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Wrapped::with(collector, Wrap { prefix: prefix.to_owned(), labels })
    }

    pub(crate) fn with(collector: Arc<dyn Collector>, wrap: Wrap) -> Result<Wrapped, RegisterError> {
        let inner = collector.describe();
        let descs =
            inner.into_iter().map(|desc| Ok((wrap.desc(&desc)?, desc))).map(|pair| pair.map(|(new, old)| (old, new)));
        Ok(Wrapped { descs: descs.collect::<Result<_, RegisterError>>()?, collector, wrap })
    }

    fn labels(&self, labels: &LabelPairs) -> LabelPairs {
        let own = self.wrap.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut pairs: Vec<(&str, &str)> = labels.iter().chain(own).collect();
        pairs.sort_unstable();
        LabelPairs::new(pairs)
    }
}

impl Collector for Wrapped {
    fn describe(&self) -> Vec<Desc> {
        self.descs.iter().map(|(_, desc)| desc.clone()).collect()
    }

    fn collect(&self, sink: &mut Sink) {
        let mut inner = Sink::default();
        self.collector.collect(&mut inner);
        sink.errors.append(&mut inner.errors);
        for batch in inner.batches {
            let known = self.descs.iter().find(|(old, _)| old.is_clone_of(&batch.desc) || *old == batch.desc);
            let desc = match known {
                Some((_, new)) => new.clone(),
                None => match self.wrap.desc(&batch.desc) {
                    Ok(desc) => desc,
                    Err(err) => {
                        sink.error(err);
                        continue;
                    }
                },
            };
            let metrics = batch.metrics.into_iter().map(|metric| {
                let labels = self.labels(&metric.labels);
                Metric { labels, ..metric }
            });
            if batch.is_sorted {
                // The added labels are the same in all: the order stays.
                sink.sorted(&desc, metrics.collect());
            } else {
                metrics.for_each(|metric| sink.push(&desc, metric));
            }
        }
        for mut family in inner.families {
            family.name.insert_str(0, &self.wrap.prefix);
            for metric in &mut family.metrics {
                metric.labels = self.labels(&metric.labels);
            }
            sink.family(family);
        }
    }
}
