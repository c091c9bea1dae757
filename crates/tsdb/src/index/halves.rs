//! Interned halves of label sets.

use hashbrown::HashTable;

use super::id_set::IdSet;
use super::symbols::{Symbol, Symbols};
use super::values::Values;

/// Names a half within one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HalfId(pub(crate) u32);

impl HalfId {
    /// The half without labels, which is always there.
    pub(crate) const EMPTY: HalfId = HalfId(0);
}

/// A label pair by its symbols.
pub(crate) type Pair = (Symbol, Symbol);

struct Half {
    /// By ascending text of the name.
    pairs: Box<[Pair]>,
    /// Sum of the hashes of the pairs: two halves' sums are their union's.
    hash: u64,
    series: IdSet,
    /// Series and groups that refer to it.
    uses: u32,
}

/// All halves, the series of each.
pub(crate) struct Halves {
    list: Vec<Half>,
    free: Vec<HalfId>,
    table: HashTable<HalfId>,
}

impl Halves {
    pub(crate) fn new() -> Halves {
        let empty = Half { pairs: Box::default(), hash: 0, series: IdSet::default(), uses: 1 };
        let mut table = HashTable::new();
        table.insert_unique(0, HalfId::EMPTY, |_| 0);
        Halves { list: vec![empty], free: Vec::new(), table }
    }

    fn get(&self, half: HalfId) -> &Half {
        &self.list[half.0 as usize]
    }

    /// How many numbers were handed out.
    pub(crate) fn limit(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn pairs(&self, half: HalfId) -> &[Pair] {
        &self.get(half).pairs
    }

    /// The value of a name.
    pub(crate) fn value(&self, half: HalfId, name: Symbol) -> Option<Symbol> {
        self.pairs(half).iter().find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    pub(crate) fn hash(&self, half: HalfId) -> u64 {
        self.get(half).hash
    }

    /// The hash of the set of two halves.
    pub(crate) fn hash_of_set(&self, target: HalfId, metric: HalfId) -> u64 {
        self.hash(target).wrapping_add(self.hash(metric))
    }

    pub(crate) fn series(&self, half: HalfId) -> &IdSet {
        &self.get(half).series
    }

    /// The pairs of two halves together, by ascending name.
    pub(crate) fn merged<'a>(
        &'a self,
        target: HalfId,
        metric: HalfId,
        symbols: &'a Symbols,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + 'a {
        let (mut a, mut b) = (self.pairs(target).iter(), self.pairs(metric).iter());
        std::iter::from_fn(move || {
            let first = match (a.as_slice().first(), b.as_slice().first()) {
                (Some(x), Some(y)) if symbols.text(x.0) < symbols.text(y.0) => a.next(),
                (Some(_), None) => a.next(),
                _ => b.next(),
            };
            first.map(|&(name, value)| (symbols.text(name), symbols.text(value)))
        })
    }

    /// Finds or stores a half with these pairs (sorted by name), whose hashes add
    /// up to `hash`. A new one has no uses yet.
    pub(crate) fn intern<'a>(
        &mut self,
        hash: u64,
        pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
        symbols: &mut Symbols,
        values: &mut Values,
    ) -> HalfId {
        if let Some(half) = self.find(hash, pairs.clone(), symbols) {
            return half;
        }
        let pairs = pairs.map(|(name, value)| (symbols.retain(name), symbols.retain(value))).collect();
        let half = Half { pairs, hash, series: IdSet::default(), uses: 0 };
        let id = match self.free.pop() {
            Some(id) => {
                self.list[id.0 as usize] = half;
                id
            }
            None => {
                self.list.push(half);
                HalfId((self.list.len() - 1) as u32)
            }
        };
        for &(name, value) in &self.list[id.0 as usize].pairs {
            values.add(name, value, id);
        }
        let list = &self.list;
        self.table.insert_unique(hash, id, |id| list[id.0 as usize].hash);
        id
    }

    fn find<'a>(
        &self,
        hash: u64,
        pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
        symbols: &Symbols,
    ) -> Option<HalfId> {
        let is_same = |half: &HalfId| {
            let known = self.pairs(*half);
            let mut given = pairs.clone();
            known.iter().all(|&(name, value)| {
                given.next().is_some_and(|pair| pair == (symbols.text(name), symbols.text(value)))
            }) && given.next().is_none()
        };
        self.table.find(hash, is_same).copied()
    }

    /// Counts one use more.
    pub(crate) fn retain(&mut self, half: HalfId) {
        self.list[half.0 as usize].uses += 1;
    }

    /// Counts one use less; without uses the half is forgotten.
    pub(crate) fn release(&mut self, half: HalfId, symbols: &mut Symbols, values: &mut Values) {
        let this = &mut self.list[half.0 as usize];
        this.uses -= 1;
        if this.uses > 0 {
            return;
        }
        let (pairs, hash) = (std::mem::take(&mut this.pairs), this.hash);
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == half) {
            entry.remove();
        }
        for &(name, value) in &pairs {
            values.remove(name, value, half);
            symbols.release(name);
            symbols.release(value);
        }
        self.free.push(half);
    }

    pub(crate) fn add_series(&mut self, half: HalfId, id: u32) {
        self.list[half.0 as usize].series.insert(id);
    }

    pub(crate) fn remove_series(&mut self, half: HalfId, id: u32) {
        self.list[half.0 as usize].series.remove(id);
    }
}
