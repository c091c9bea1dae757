//! Sets of dense numbers: one inline, few sorted, many compressed.

use roaring::RoaringBitmap;

/// Up to this many numbers are kept in a sorted vector.
const FEW_MAX: usize = 32;

/// A set of u32.
#[derive(Debug, Default)]
pub(crate) enum IdSet {
    #[default]
    Empty,
    One(u32),
    Few(Vec<u32>),
    Many(Box<RoaringBitmap>),
}

impl IdSet {
    pub(crate) fn insert(&mut self, id: u32) {
        match self {
            IdSet::Empty => *self = IdSet::One(id),
            IdSet::One(one) if *one == id => {}
            IdSet::One(one) => *self = IdSet::Few(if *one < id { vec![*one, id] } else { vec![id, *one] }),
            IdSet::Few(few) => {
                let Err(at) = few.binary_search(&id) else { return };
                if few.len() < FEW_MAX {
                    few.insert(at, id);
                } else {
                    let mut many: RoaringBitmap = few.iter().copied().collect();
                    many.insert(id);
                    *self = IdSet::Many(Box::new(many));
                }
            }
            IdSet::Many(many) => {
                many.insert(id);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: u32) {
        match self {
            IdSet::One(one) if *one == id => *self = IdSet::Empty,
            IdSet::Empty | IdSet::One(_) => {}
            IdSet::Few(few) => {
                if let Ok(at) = few.binary_search(&id) {
                    few.remove(at);
                }
                if few.is_empty() {
                    *self = IdSet::Empty;
                }
            }
            IdSet::Many(many) => {
                many.remove(id);
                if many.len() <= FEW_MAX as u64 / 2 {
                    *self = IdSet::Few(many.iter().collect());
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            IdSet::Empty => 0,
            IdSet::One(_) => 1,
            IdSet::Few(few) => few.len(),
            IdSet::Many(many) => many.len() as usize,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Visits all numbers in ascending order.
    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u32)) {
        match self {
            IdSet::Empty => {}
            IdSet::One(one) => visit(*one),
            IdSet::Few(few) => few.iter().for_each(|&id| visit(id)),
            IdSet::Many(many) => many.iter().for_each(visit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_a_set(steps in prop::collection::vec((any::<bool>(), 0u32..100), 0..300)) {
            let (mut set, mut model) = (IdSet::default(), std::collections::BTreeSet::new());
            for (add, id) in steps {
                if add {
                    set.insert(id);
                    model.insert(id);
                } else {
                    set.remove(id);
                    model.remove(&id);
                }
                prop_assert_eq!(set.len(), model.len());
            }
            let mut all = Vec::new();
            set.for_each(|id| all.push(id));
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }
    }
}
