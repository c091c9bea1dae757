//! Which series are the buckets of which classic histogram.

use std::collections::HashMap;

use narthex_model::Labels;
use narthex_model::float::parse_float;

use super::BucketSeries;

/// The label that holds a bucket's upper bound.
pub(super) const BUCKET_LABEL: &str = "le";

/// One classic histogram.
#[derive(Debug)]
pub(super) struct BucketGroup {
    /// Labels of its series but for `le`.
    pub(super) labels: Labels,
    /// Upper bounds, ascending, each with the index of its series. Several series
    /// may spell the same bound differently.
    pub(super) buckets: Vec<(f64, usize)>,
    /// The series of native histograms that has the very same labels.
    pub(super) native: Option<usize>,
}

/// The series of a vector, sorted into classic histograms.
#[derive(Debug, Default)]
pub(super) struct BucketGroups {
    /// In the order in which they first appear.
    pub(super) groups: Vec<BucketGroup>,
    /// Series with floats whose `le` cannot be read.
    pub(super) malformed: Vec<usize>,
}

impl BucketGroups {
    /// Sorts series. Those with floats are buckets, those with histograms native
    /// ones; a series may be both at different steps.
    pub(super) fn resolve(series: &[BucketSeries<'_>]) -> BucketGroups {
        let mut resolved = BucketGroups::default();
        let mut known: HashMap<Labels, usize> = HashMap::new();
        for (index, one) in series.iter().enumerate().filter(|(_, one)| one.has_floats()) {
            let Ok(upper) = parse_float(one.labels.value(BUCKET_LABEL)) else {
                resolved.malformed.push(index);
                continue;
            };
            let groups = &mut resolved.groups;
            let group = *known.entry(one.labels.filter(|name| name != BUCKET_LABEL)).or_insert_with_key(|labels| {
                groups.push(BucketGroup { labels: labels.clone(), buckets: Vec::new(), native: None });
                groups.len() - 1
            });
            groups[group].buckets.push((upper, index));
        }
        for group in &mut resolved.groups {
            group.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        for (index, one) in series.iter().enumerate().filter(|(_, one)| !one.histograms.is_empty()) {
            if let Some(&group) = known.get(one.labels) {
                resolved.groups[group].native = Some(index);
            }
        }
        resolved
    }
}
