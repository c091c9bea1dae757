//! The ascending order of all series by their labels.
//!
//! Kept as a sorted list and each series' place in it: 8 bytes per series. New
//! series wait until a large selection, or the upkeep, has them sorted in. Small
//! selections are sorted by comparing labels.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use super::symbols::Symbol;
use super::{Index, SeriesId};
use crate::sync::lock;

/// Selections below this are sorted by comparing labels.
const SMALL: usize = 512;

/// The rank of a series that the list does not have.
const UNRANKED: u32 = u32::MAX;

/// The order as far as it is known.
#[derive(Default)]
pub(crate) struct Order {
    ranked: Arc<Ranked>,
    /// Series not in the list yet.
    pending: Vec<SeriesId>,
    /// Series in the list that are gone. Their ids may be in `pending` again.
    gone: HashSet<SeriesId>,
}

#[derive(Default)]
struct Ranked {
    sorted: Vec<SeriesId>,
    /// By id.
    ranks: Vec<u32>,
}

impl Order {
    pub(super) fn added(&mut self, id: SeriesId) {
        self.pending.push(id);
    }

    pub(super) fn removed(&mut self, id: SeriesId) {
        if self.ranked.ranks.get(id.0 as usize).is_some_and(|&rank| rank != UNRANKED) && self.gone.insert(id) {
            return;
        }
        if let Some(at) = self.pending.iter().rposition(|&pending| pending == id) {
            self.pending.swap_remove(at);
        }
    }

    /// Series that are not sorted in yet or gone.
    pub(crate) fn unsorted(&self) -> usize {
        self.pending.len() + self.gone.len()
    }
}

impl Index {
    /// Compares two series by their labels.
    pub(crate) fn compare(&self, a: SeriesId, b: SeriesId) -> Ordering {
        let (a, b) = (self.place(a), self.place(b));
        if a.target == b.target && a.metric == b.metric {
            return Ordering::Equal;
        }
        self.pairs(a).cmp(self.pairs(b))
    }

    /// Sorts the pending series in.
    pub(crate) fn refresh_order(&self) {
        let mut order = lock(&self.order);
        if order.unsorted() == 0 {
            return;
        }
        let gone = std::mem::take(&mut order.gone);
        let mut pending = std::mem::take(&mut order.pending);
        let old = std::mem::take(&mut order.ranked);
        let kept = old.sorted.iter().copied().filter(|id| !gone.contains(id));
        let sorted = if pending.len() > old.sorted.len() / 8 {
            pending.extend(kept);
            self.sort_all(pending)
        } else {
            pending.sort_unstable_by(|&a, &b| self.compare(a, b));
            self.merge(&kept.collect::<Vec<_>>(), &pending)
        };
        drop(old);
        let mut ranks = vec![UNRANKED; self.places.len()];
        for (rank, id) in sorted.iter().enumerate() {
            ranks[id.0 as usize] = rank as u32;
        }
        order.ranked = Arc::new(Ranked { sorted, ranks });
    }

    /// Merges a long sorted list with a short one.
    fn merge(&self, long: &[SeriesId], short: &[SeriesId]) -> Vec<SeriesId> {
        let mut merged = Vec::with_capacity(long.len() + short.len());
        let mut from = 0;
        for &id in short {
            let to = from + long[from..].partition_point(|&other| self.compare(other, id) == Ordering::Less);
            merged.extend_from_slice(&long[from..to]);
            merged.push(id);
            from = to;
        }
        merged.extend_from_slice(&long[from..]);
        merged
    }

    /// Sorts many series: by the ranks of their first two pairs, and by their
    /// labels only where those are equal.
    fn sort_all(&self, ids: Vec<SeriesId>) -> Vec<SeriesId> {
        let mut by_text: Vec<u32> = (0..self.symbols.limit() as u32).collect();
        by_text.sort_unstable_by(|&a, &b| self.symbols.text(Symbol(a)).cmp(self.symbols.text(Symbol(b))));
        let mut rank_of = vec![0u32; by_text.len()];
        for (rank, &symbol) in by_text.iter().enumerate() {
            rank_of[symbol as usize] = rank as u32;
        }
        drop(by_text);
        let rank = |symbol: Symbol| u128::from(rank_of[symbol.0 as usize]);
        let key = |id: SeriesId| {
            let place = self.place(id);
            let (mut a, mut b) = (self.halves.pairs(place.target).iter(), self.halves.pairs(place.metric).iter());
            let mut key = 0u128;
            for _ in 0..2 {
                let next = match (a.as_slice().first(), b.as_slice().first()) {
                    (Some(x), Some(y)) if rank(x.0) < rank(y.0) => a.next(),
                    (Some(_), None) => a.next(),
                    _ => b.next(),
                };
                // An absent pair comes before every other: ranks are counted from 1.
                let pair = next.map_or(0, |pair| (rank(pair.0) + 1) << 32 | (rank(pair.1) + 1));
                key = key << 64 | pair;
            }
            key
        };
        let mut keyed: Vec<(u128, SeriesId)> = ids.into_iter().map(|id| (key(id), id)).collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.compare(a.1, b.1)));
        keyed.into_iter().map(|(_, id)| id).collect()
    }

    /// Sorts a selection by labels.
    pub(crate) fn sort(&self, ids: &mut Vec<SeriesId>) {
        if ids.len() < SMALL {
            ids.sort_unstable_by(|&a, &b| self.compare(a, b));
            return;
        }
        self.refresh_order();
        let ranked = lock(&self.order).ranked.clone();
        if ids.len() > ranked.sorted.len() / 16 {
            // Marking and walking the list beats sorting.
            let mut selected = vec![false; self.places.len()];
            ids.iter().for_each(|id| selected[id.0 as usize] = true);
            ids.clear();
            ids.extend(ranked.sorted.iter().filter(|id| selected[id.0 as usize]));
        } else {
            ids.sort_unstable_by_key(|id| ranked.ranks[id.0 as usize]);
        }
    }
}
