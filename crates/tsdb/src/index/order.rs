//! The ascending order of all series by their labels.
//!
//! Kept as a sorted list and each series' place in it: 8 bytes per series. New
//! series wait until a large selection, or the upkeep, has them sorted in. Small
//! selections are sorted by comparing labels.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use super::halves::Pair;
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
        self.compare_by(a, b, |symbol| self.symbols.text(symbol))
    }

    /// Compares two series by their labels, those by something in the order of
    /// their texts. Series with a half in common, which most neighbours are, differ
    /// in the other half alone.
    fn compare_by<K: Ord>(&self, a: SeriesId, b: SeriesId, key: impl Fn(Symbol) -> K + Copy) -> Ordering {
        let (a, b) = (self.place(a), self.place(b));
        let pairs = |half| self.halves.pairs(half);
        let decided = if a.target == b.target {
            compare_halves(pairs(a.metric), pairs(b.metric), key)
        } else if a.metric == b.metric {
            compare_halves(pairs(a.target), pairs(b.target), key)
        } else {
            None
        };
        decided.unwrap_or_else(|| {
            merged_by(pairs(a.target), pairs(a.metric), key).cmp(merged_by(pairs(b.target), pairs(b.metric), key))
        })
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
        // An absent pair comes before every other: ranks are counted from 1.
        let rank = |symbol: Symbol| rank_of[symbol.0 as usize] + 1;
        let key = |id: SeriesId| {
            let place = self.place(id);
            let mut pairs = merged_by(self.halves.pairs(place.target), self.halves.pairs(place.metric), rank);
            let mut next = || pairs.next().map_or(0, |pair| u64::from(pair.0) << 32 | u64::from(pair.1));
            u128::from(next()) << 64 | u128::from(next())
        };
        let mut keyed: Vec<(u128, SeriesId)> = ids.into_iter().map(|id| (key(id), id)).collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.compare_by(a.1, b.1, rank)));
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

/// The order of two sets that have all else in common; `None` when one of these
/// halves begins with the other, since then what they have in common decides.
fn compare_halves<K: Ord>(a: &[Pair], b: &[Pair], key: impl Fn(Symbol) -> K) -> Option<Ordering> {
    for (a, b) in a.iter().zip(b) {
        if a.0 != b.0 {
            return Some(key(a.0).cmp(&key(b.0)));
        }
        if a.1 != b.1 {
            return Some(key(a.1).cmp(&key(b.1)));
        }
    }
    (a.len() == b.len()).then_some(Ordering::Equal)
}

/// The pairs of two halves by ascending name.
fn merged_by<'a, K: Ord>(
    target: &'a [Pair],
    metric: &'a [Pair],
    key: impl Fn(Symbol) -> K + Copy + 'a,
) -> impl Iterator<Item = (K, K)> + 'a {
    let (mut a, mut b) = (target.iter(), metric.iter());
    std::iter::from_fn(move || {
        let next = match (a.as_slice().first(), b.as_slice().first()) {
            (Some(x), Some(y)) if key(x.0) < key(y.0) => a.next(),
            (Some(_), None) => a.next(),
            _ => b.next(),
        };
        next.map(|pair| (key(pair.0), key(pair.1)))
    })
}

#[cfg(test)]
mod tests {
    use narthex_model::Labels;

    use super::*;
    use crate::head::group::GroupId;
    use crate::index::IdBlock;

    #[test]
    fn the_order_is_that_of_the_label_sets() {
        let mut index = Index::new();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut block = IdBlock::default();
        let mut sets = Vec::new();
        let names = ["a", "b", "c", "d", "e"];
        for target in 0..6 {
            // Targets with the names between, before and behind those of the series.
            let shared: Vec<(&str, String)> =
                names.iter().filter(|_| rng.bool()).map(|&name| (name, format!("{}", target % 2))).collect();
            let shared = Labels::from_pairs(shared);
            let half = index.target(&shared);
            for _ in 0..200 {
                let mut labels = shared.to_builder();
                for name in names {
                    if rng.bool() && shared.get(name).is_none() {
                        labels.set(name, &rng.u32(0..3).to_string());
                    }
                }
                let labels = labels.labels();
                let split = index.split(&labels, &shared);
                if !labels.is_empty() && index.find(&split).is_none() {
                    let id = index.insert(&split, GroupId(target), half, &shared, &mut block, 1);
                    sets.push((labels, id));
                }
            }
            // Sorted at once the first time, merged in later.
            index.refresh_order();
        }
        sets.sort();
        let want: Vec<SeriesId> = sets.iter().map(|set| set.1).collect();
        assert_eq!(lock(&index.order).ranked.sorted, want);
        let all = index.ids().collect();
        assert_eq!(index.sort_all(all), want);
    }
}
