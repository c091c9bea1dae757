//! Reading.

use std::collections::HashMap;
use std::sync::Arc;

use narthex_model::{Labels, METRIC_NAME, Matcher};
use narthex_storage::{Grouping, Groups, Querier, SelectHints, SeriesColumns, SeriesSet, StorageError};

use crate::db::Shared;
use crate::head::group::{Group, GroupId};
use crate::head::read::{ReadWindow, SetNumber};
use crate::index::symbols::Symbol;
use crate::index::{HalfId, SeriesId};
use crate::sync::read;

/// Keeps what a querier sees from being forgotten.
struct Snapshot {
    shared: Arc<Shared>,
    commit: u64,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.shared.commits.close_querier(self.commit);
    }
}

/// Finds series of the head.
pub(crate) struct HeadQuerier {
    snapshot: Arc<Snapshot>,
    min_ms: i64,
    max_ms: i64,
}

impl HeadQuerier {
    pub(crate) fn new(shared: Arc<Shared>, min_ms: i64, max_ms: i64) -> HeadQuerier {
        let commit = shared.commits.open_querier();
        HeadQuerier { snapshot: Arc::new(Snapshot { shared, commit }), min_ms, max_ms }
    }

    fn min_ms(&self) -> i64 {
        self.min_ms.max(self.snapshot.shared.floor())
    }

    /// Whether the head begins before the end of the range. Like upstream, names
    /// and values are not asked for more than that.
    fn overlaps(&self) -> bool {
        read(&self.snapshot.shared.groups).by_id.values().any(|group| has_begun(group, self.max_ms))
    }
}

/// Whether a group's samples do not all come after `max_ms`.
fn has_begun(group: &Group, max_ms: i64) -> bool {
    read(&group.data).min_timestamp().is_none_or(|min_ms| min_ms <= max_ms)
}

impl Querier for HeadQuerier {
    fn select(&self, hints: &SelectHints, matchers: &[Matcher]) -> Result<Arc<dyn SeriesSet>, StorageError> {
        let shared = &self.snapshot.shared;
        shared.check_open()?;
        let (mut min_ms, mut max_ms) = (self.min_ms(), self.max_ms);
        // Hints without a range leave the querier's.
        if (hints.start_ms, hints.end_ms) != (0, 0) {
            min_ms = min_ms.max(hints.start_ms);
            max_ms = max_ms.min(hints.end_ms);
        }
        let groups = read(&shared.groups);
        let index = read(&shared.index);
        let mut ids = index.select(matchers, min_ms);
        if hints.function == "series" {
            // Who asks for series does not read them: those that begin later must not be among them.
            let mut begun: HashMap<GroupId, bool> = HashMap::new();
            ids.retain(|&id| {
                let group = index.place(id).group;
                *begun.entry(group).or_insert_with(|| groups.by_id.get(&group).is_some_and(|g| has_begun(g, max_ms)))
            });
        }
        index.sort(&mut ids);
        if hints.limit > 0 {
            ids.truncate(hints.limit);
        }
        let mut list: Vec<Arc<Group>> = Vec::new();
        let mut numbers: HashMap<GroupId, u32> = HashMap::new();
        let mut last = (GroupId(0), 0);
        let places = ids
            .iter()
            .map(|&id| {
                let place = index.place(id);
                if place.group != last.0 || list.is_empty() {
                    let number = *numbers.entry(place.group).or_insert_with(|| {
                        let group = groups.by_id.get(&place.group);
                        list.push(group.expect("a group with series is registered").clone());
                        (list.len() - 1) as u32
                    });
                    last = (place.group, number);
                }
                (last.1, place.slot())
            })
            .collect();
        let (commit, newest_only) = (self.snapshot.commit, hints.newest_only);
        let window = ReadWindow { min_ms, max_ms, commit, newest_only, set: SetNumber::new() };
        Ok(Arc::new(HeadSeries { snapshot: self.snapshot.clone(), ids, places, groups: list, window }))
    }

    fn label_names(&self, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        self.snapshot.shared.check_open()?;
        if !self.overlaps() {
            return Ok(Vec::new());
        }
        Ok(read(&self.snapshot.shared.index).label_names(matchers, self.min_ms(), limit))
    }

    fn label_values(&self, name: &str, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        self.snapshot.shared.check_open()?;
        if !self.overlaps() {
            return Ok(Vec::new());
        }
        Ok(read(&self.snapshot.shared.index).label_values(name, matchers, self.min_ms(), limit))
    }
}

/// Series found in the head: 12 bytes each. Ids and labels stay good as long as
/// the snapshot is held.
struct HeadSeries {
    snapshot: Arc<Snapshot>,
    ids: Vec<SeriesId>,
    /// Number of the group in `groups`, and slot.
    places: Vec<(u32, u32)>,
    groups: Vec<Arc<Group>>,
    window: ReadWindow,
}

impl Drop for HeadSeries {
    fn drop(&mut self) {
        // Threads of a query end with it; this one may live on.
        self.window.set.forget_ahead();
    }
}

impl SeriesSet for HeadSeries {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn labels(&self, index: usize) -> Labels {
        let known = read(&self.snapshot.shared.index);
        known.labels(known.place(self.ids[index]))
    }

    fn read(&self, index: usize, out: &mut SeriesColumns) -> Result<(), StorageError> {
        let (group, slot) = self.places[index];
        self.groups[group as usize].read(slot, self.window, out)
    }

    /// Works on halves: what a half adds to the name of a group is found once per
    /// half, and a series is two look-ups. Label sets are built once per group.
    fn group(&self, grouping: &Grouping) -> Groups {
        let index = read(&self.snapshot.shared.index);
        let is_kept = |name: &str| match grouping {
            Grouping::By(names) => names.iter().any(|n| n == name),
            Grouping::Without(names) => name != METRIC_NAME && !names.iter().any(|n| n == name),
        };
        let mut kept_names: HashMap<Symbol, bool> = HashMap::new();
        let mut parts: HashMap<Vec<(Symbol, Symbol)>, u32> = HashMap::new();
        // By half, its part's number plus 1.
        let mut part_of_half = vec![0u32; index.halves.limit()];
        let mut part_of = |half: HalfId| {
            let known = &mut part_of_half[half.0 as usize];
            if *known == 0 {
                let mut keep = |name| *kept_names.entry(name).or_insert_with(|| is_kept(index.symbols.text(name)));
                let pairs = index.halves.pairs(half).iter().copied().filter(|pair| keep(pair.0)).collect();
                let next = parts.len() as u32 + 1;
                *known = *parts.entry(pairs).or_insert(next);
            }
            *known
        };
        let mut groups = Groups { group_of: Vec::with_capacity(self.ids.len()), labels: Vec::new() };
        let mut by_parts: HashMap<(u32, u32), u32> = HashMap::new();
        let mut by_labels: HashMap<Labels, u32> = HashMap::new();
        let mut last = ((0, 0), 0);
        for &id in &self.ids {
            let place = index.place(id);
            let parts = (part_of(place.target), part_of(place.metric));
            if parts != last.0 {
                let group = *by_parts.entry(parts).or_insert_with(|| {
                    let pairs = index.pairs(place).filter(|(name, _)| is_kept(name));
                    let labels = Labels::from_sorted(pairs);
                    let next = groups.labels.len() as u32;
                    *by_labels.entry(labels).or_insert_with_key(|labels| {
                        groups.labels.push(labels.clone());
                        next
                    })
                });
                last = (parts, group);
            }
            groups.group_of.push(last.1);
        }
        groups
    }
}
