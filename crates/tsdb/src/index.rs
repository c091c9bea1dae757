//! Which series there are, and which of them a query means.
//!
//! # The sketch
//!
//! Every string is stored once ([`symbols`]). A series' labels are two halves
//! ([`halves`]): those its target gives to all its series, and the rest. A half
//! is stored once, whoever uses it: 1,000 targets with the same 1,000 lines have
//! 2,000 halves. Postings have two levels: a label pair leads to the halves that
//! have it ([`values`]), a half to its series ([`id_set`]). So a new series of
//! known halves costs a hash entry and two insertions, whatever its number of
//! labels, and 16 + 8 bytes for place and hash entry and about 8 for postings.
//!
//! A matcher is decided per label value, then per half, and last per series by
//! two table look-ups ([`select`]); answers of regular expressions are remembered
//! per value ([`verdicts`]). The order of the series is computed when a large
//! selection first asks for it and kept up from then on ([`order`]).

pub(crate) mod halves;
pub(crate) mod id_set;
pub(crate) mod order;
pub(crate) mod select;
pub(crate) mod symbols;
pub(crate) mod values;
pub(crate) mod verdicts;

use std::collections::HashMap;
use std::sync::Mutex;

use hashbrown::HashTable;
use narthex_model::Labels;

pub(crate) use halves::HalfId;
pub(crate) use symbols::Symbol;

use crate::head::group::GroupId;
use halves::Halves;
use order::Order;
use symbols::Symbols;
use values::Values;
use verdicts::Verdicts;

/// Names a series; used again for another one once no querier can mean the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesId(pub(crate) u32);

impl SeriesId {
    /// No series.
    pub(crate) const NONE: SeriesId = SeriesId(u32::MAX);
}

/// Ids set aside for one group, so that its series are neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdBlock {
    next: u32,
    end: u32,
}

/// Where a series is and what it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) target: HalfId,
    pub(crate) metric: HalfId,
    pub(crate) group: GroupId,
    /// Its slot, and [`ENDED`].
    slot: u32,
}

/// In [`Place::slot`]: nobody writes the series; `Index::ended` has the time of its last sample.
const ENDED: u32 = 1 << 31;

impl Place {
    pub(crate) fn slot(self) -> u32 {
        self.slot & !ENDED
    }
}

/// The index. Guarded by one lock, which is taken before any group's.
pub(crate) struct Index {
    pub(crate) symbols: Symbols,
    pub(crate) halves: Halves,
    pub(crate) values: Values,
    /// By id. Vacant where `table` has no entry for it.
    places: Vec<Place>,
    table: HashTable<u32>,
    free_ids: Vec<u32>,
    /// For series that nobody writes: the time of their last sample.
    ended: HashMap<SeriesId, i64>,
    /// Series taken out of the index, with the commit after which no querier can mean them.
    leaving: Vec<(u64, SeriesId)>,
    pub(crate) order: Mutex<Order>,
    pub(crate) verdicts: Verdicts,
}

/// A label set taken apart for one group.
pub(crate) struct Split<'a> {
    /// Hash of the whole set.
    hash: u64,
    pub(crate) labels: &'a Labels,
    /// Whether the group's target labels are all in it.
    pub(crate) in_target: bool,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index {
            symbols: Symbols::default(),
            halves: Halves::new(),
            values: Values::default(),
            places: Vec::new(),
            table: HashTable::new(),
            free_ids: Vec::new(),
            ended: HashMap::new(),
            leaving: Vec::new(),
            order: Mutex::default(),
            verdicts: Verdicts::default(),
        }
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn place(&self, id: SeriesId) -> Place {
        self.places[id.0 as usize]
    }

    /// All series, in no order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.table.iter().map(|&id| SeriesId(id))
    }

    /// The pairs of a series, by ascending name.
    pub(crate) fn pairs(&self, place: Place) -> impl Iterator<Item = (&str, &str)> + Clone + '_ {
        self.halves.merged(place.target, place.metric, &self.symbols)
    }

    pub(crate) fn labels(&self, place: Place) -> Labels {
        Labels::from_sorted(self.pairs(place))
    }

    /// Interns the labels that a group's series share.
    pub(crate) fn target(&mut self, labels: &Labels) -> HalfId {
        let hash = labels.iter().fold(0u64, |hash, pair| hash.wrapping_add(self.symbols.hash_pair(pair)));
        let half = self.halves.intern(hash, labels.iter(), &mut self.symbols, &mut self.values);
        self.halves.retain(half);
        half
    }

    /// Takes `labels` apart for a group with these target labels.
    pub(crate) fn split<'a>(&self, labels: &'a Labels, target_labels: &Labels) -> Split<'a> {
        let mut hash = 0u64;
        let mut targets = target_labels.iter().peekable();
        for pair in labels {
            hash = hash.wrapping_add(self.symbols.hash_pair(pair));
            targets.next_if_eq(&pair);
        }
        Split { hash, labels, in_target: targets.next().is_none() }
    }

    pub(crate) fn find(&self, split: &Split<'_>) -> Option<SeriesId> {
        let found = self.table.find(split.hash, |&id| self.pairs(self.places[id as usize]).eq(split.labels.iter()));
        found.map(|&id| SeriesId(id))
    }

    /// Takes the next id of a group, setting more aside when its block is used up.
    fn allocate(&mut self, block: &mut IdBlock, group_len: u32) -> SeriesId {
        if block.next == block.end {
            if let Some(id) = self.free_ids.pop() {
                return SeriesId(id);
            }
            let len = (group_len / 4).next_power_of_two().clamp(16, 256);
            *block = IdBlock { next: self.places.len() as u32, end: self.places.len() as u32 + len };
            let vacant = Place { target: HalfId::EMPTY, metric: HalfId::EMPTY, group: GroupId(u32::MAX), slot: 0 };
            if self.places.capacity() < block.end as usize {
                self.places.reserve_exact(len as usize + self.places.len() / 8);
            }
            self.places.resize(block.end as usize, vacant);
        }
        block.next += 1;
        SeriesId(block.next - 1)
    }

    /// Gives a group's unused ids back.
    pub(crate) fn release_block(&mut self, block: &mut IdBlock) {
        self.free_ids.extend(block.next..block.end);
        block.next = block.end;
    }

    /// Adds a series that [`Index::find`] does not find. The caller gives it its
    /// place at once ([`Index::settle`]).
    pub(crate) fn insert(
        &mut self,
        split: &Split<'_>,
        group: GroupId,
        target: HalfId,
        target_labels: &Labels,
        block: &mut IdBlock,
        group_len: u32,
    ) -> SeriesId {
        let target = if split.in_target { target } else { HalfId::EMPTY };
        let mut targets = split.in_target.then(|| target_labels.iter()).into_iter().flatten().peekable();
        let metric_pairs = split.labels.iter().filter(|pair| targets.next_if_eq(pair).is_none());
        let metric_hash = split.hash.wrapping_sub(self.halves.hash(target));
        let metric_pairs: Vec<(&str, &str)> = metric_pairs.collect();
        let metric = self.halves.intern(metric_hash, metric_pairs.iter().copied(), &mut self.symbols, &mut self.values);
        self.insert_halves(target, metric, group, block, group_len)
    }

    /// Adds a series of two halves that are known and no series has together.
    pub(crate) fn insert_halves(
        &mut self,
        target: HalfId,
        metric: HalfId,
        group: GroupId,
        block: &mut IdBlock,
        group_len: u32,
    ) -> SeriesId {
        let id = self.allocate(block, group_len);
        self.halves.retain(target);
        self.halves.retain(metric);
        self.places[id.0 as usize] = Place { target, metric, group, slot: 0 };
        let (halves, places) = (&self.halves, &self.places);
        let hash_of = |id: &u32| halves.hash_of_set(places[*id as usize].target, places[*id as usize].metric);
        self.table.insert_unique(hash_of(&id.0), id.0, hash_of);
        self.halves.add_series(target, id.0);
        self.halves.add_series(metric, id.0);
        self.order.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).added(id);
        id
    }

    /// Whether a series of these halves exists.
    pub(crate) fn find_halves(&self, target: HalfId, metric: HalfId) -> Option<SeriesId> {
        let wanted = Place { target, metric, group: GroupId(0), slot: 0 };
        let hash = self.halves.hash_of_set(target, metric);
        let found = self.table.find(hash, |&id| {
            let place = self.places[id as usize];
            (place.target, place.metric) == (target, metric) || self.pairs(place).eq(self.pairs(wanted))
        });
        found.map(|&id| SeriesId(id))
    }

    /// Says in which slot of its group a new series is.
    pub(crate) fn settle(&mut self, id: SeriesId, slot: u32) {
        self.places[id.0 as usize].slot = slot;
    }

    /// Takes a series out: no selection finds it from now on. Its labels stay
    /// known until [`Index::forget_leaving`].
    pub(crate) fn remove(&mut self, id: SeriesId, commit: u64) {
        let place = self.place(id);
        let hash = self.halves.hash_of_set(place.target, place.metric);
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == id.0) {
            entry.remove();
        }
        self.halves.remove_series(place.target, id.0);
        self.halves.remove_series(place.metric, id.0);
        self.ended.remove(&id);
        self.order.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).removed(id);
        self.leaving.push((commit, id));
    }

    /// Frees the ids and labels of removed series that only queriers older than
    /// `oldest` could mean.
    pub(crate) fn forget_leaving(&mut self, oldest: u64) {
        let (gone, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.leaving).into_iter().partition(|leaving| leaving.0 < oldest);
        self.leaving = kept;
        for (_, id) in gone {
            let place = self.place(id);
            self.release_half(place.target);
            self.release_half(place.metric);
            self.free_ids.push(id.0);
        }
    }

    /// Lets go of a half; the last one to do so removes it.
    pub(crate) fn release_half(&mut self, half: HalfId) {
        self.halves.release(half, &mut self.symbols, &mut self.values);
    }

    /// Notes that nobody writes a series and when its last sample was.
    pub(crate) fn set_ended(&mut self, id: SeriesId, last_timestamp: i64) {
        self.places[id.0 as usize].slot |= ENDED;
        self.ended.insert(id, last_timestamp);
    }

    /// Whether [`Index::set_ended`] was said of a series.
    pub(crate) fn is_ended(&self, id: SeriesId) -> bool {
        self.place(id).slot & ENDED != 0
    }

    /// Notes that a series is written again.
    pub(crate) fn set_written(&mut self, id: SeriesId) {
        self.places[id.0 as usize].slot &= !ENDED;
        self.ended.remove(&id);
    }

    /// Whether a series is known to have no samples from `min_ms` on.
    #[inline]
    pub(crate) fn ended_before(&self, id: SeriesId, min_ms: i64) -> bool {
        let place = &self.places[id.0 as usize];
        place.slot & ENDED != 0 && self.ended.get(&id).is_some_and(|&last| last < min_ms)
    }
}
