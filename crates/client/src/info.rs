//! Unknowns, infos and state sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use narthex_exposition::{LabelPairs, Metric, MetricValue};
use narthex_model::MetricType;

use crate::collector::{Collector, Sink};
use crate::desc::{Desc, Opts};
use crate::error::RegisterError;
use crate::gauge::Gauge;

/// A number of which nothing is known, such as one from a foreign system. A
/// [`Gauge`] in all but the kind it is exposed as.
#[derive(Clone, Debug, Default)]
pub struct Unknown(Gauge);

impl Unknown {
    /// At 0, not registered anywhere.
    pub fn new() -> Unknown {
        Unknown::default()
    }

    pub(crate) fn metric(&self, labels: LabelPairs) -> Metric {
        self.0.metric(labels)
    }

    pub(crate) fn handles(&self) -> usize {
        self.0.handles()
    }
}

impl std::ops::Deref for Unknown {
    type Target = Gauge;

    fn deref(&self) -> &Gauge {
        &self.0
    }
}

/// Facts that do not change, as labels of a metric that is always 1:
/// `build_info{version="1.2"} 1`. The name should end in `_info`.
#[derive(Clone, Debug)]
pub struct Info {
    desc: Desc,
    labels: LabelPairs,
}

impl Info {
    /// These facts. Names become labels.
    ///
    /// # Errors
    /// As for all metrics: names that cannot be.
    pub fn new(opts: Opts, facts: &[(&str, &str)]) -> Result<Info, RegisterError> {
        let names: Vec<&str> = facts.iter().map(|(name, _)| *name).collect();
        let values: Vec<&str> = facts.iter().map(|(_, value)| *value).collect();
        let desc = opts.desc(MetricType::Info, &names)?;
        let labels = desc.pairs(&values).expect("as many values as names");
        Ok(Info { desc, labels })
    }
}

impl Collector for Info {
    fn describe(&self) -> Vec<Desc> {
        vec![self.desc.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        sink.push(&self.desc, Metric::new(self.labels.clone(), MetricValue::Single(1.0)));
    }
}

/// Which of some states something is in: one series per state, 1 for the current
/// one, 0 for the others. The label has the metric's name. A handle: clones are in
/// the same state.
#[derive(Clone, Debug)]
pub struct StateSet {
    desc: Desc,
    states: Arc<[(Box<str>, LabelPairs)]>,
    current: Arc<AtomicUsize>,
}

impl StateSet {
    /// In the first of these states.
    ///
    /// # Errors
    /// As for all metrics: names that cannot be.
    pub fn new(opts: Opts, states: &[&str]) -> Result<StateSet, RegisterError> {
        let name = opts.full_name();
        let desc = opts.desc(MetricType::StateSet, &[&name])?;
        let pairs = |state: &&str| ((*state).into(), desc.pairs(&[state]).expect("one value for one label"));
        let states = states.iter().map(pairs).collect();
        Ok(StateSet { desc, states, current: Arc::default() })
    }

    /// Changes the state and says whether there is one of that name; if not, nothing changes.
    pub fn set(&self, state: &str) -> bool {
        match self.states.iter().position(|(name, _)| &**name == state) {
            Some(at) => {
                self.current.store(at, Relaxed);
                true
            }
            None => false,
        }
    }

    /// The current state; `None` when there are no states at all.
    pub fn get(&self) -> Option<&str> {
        self.states.get(self.current.load(Relaxed)).map(|(name, _)| &**name)
    }
}

impl Collector for StateSet {
    fn describe(&self) -> Vec<Desc> {
        vec![self.desc.clone()]
    }

    fn collect(&self, sink: &mut Sink) {
        let current = self.current.load(Relaxed);
        for (i, (_, labels)) in self.states.iter().enumerate() {
            let value = MetricValue::Single(if i == current { 1.0 } else { 0.0 });
            sink.push(&self.desc, Metric::new(labels.clone(), value));
        }
    }
}

#[cfg(test)]
mod tests {
    use narthex_exposition::negotiate_openmetrics;

    use super::*;
    use crate::Registry;

    #[test]
    fn are_exposed_in_openmetrics() {
        let registry = Registry::new();
        registry.info(Opts::new("build_info", "Build."), &[("version", "1"), ("arch", "x")]).unwrap();
        let state = registry.state_set(Opts::new("phase", "Phase."), &["up", "down"]).unwrap();
        assert_eq!(state.get(), Some("up"));
        assert!(state.set("down"));
        assert!(!state.set("sideways"));
        registry.unknown(Opts::new("foreign", "Who knows.")).unwrap().set(3.0);
        let openmetrics = negotiate_openmetrics(Some("application/openmetrics-text;version=1.0.0"));
        assert_eq!(
            registry.gather().encode(openmetrics, &[]),
            "# HELP build Build.\n# TYPE build info\nbuild_info{arch=\"x\",version=\"1\"} 1.0\n\
             # HELP foreign Who knows.\n# TYPE foreign unknown\nforeign 3.0\n\
             # HELP phase Phase.\n# TYPE phase stateset\nphase{phase=\"down\"} 1.0\nphase{phase=\"up\"} 0.0\n# EOF\n"
        );
    }
}
