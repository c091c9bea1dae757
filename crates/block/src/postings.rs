//! Sets of series ids: sorted lists.

/// How much longer a list must be for its elements to be searched, not walked.
const SEARCH_RATIO: usize = 16;

/// What is in both.
pub(crate) fn intersect(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut both = Vec::with_capacity(short.len());
    walk(short, long, |id, is_in_long| {
        if is_in_long {
            both.push(id);
        }
        true
    });
    both
}

/// Whether something is in both.
pub(crate) fn intersects(a: &[u32], b: &[u32]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut found = false;
    walk(short, long, |_, is_in_long| {
        found |= is_in_long;
        !found
    });
    found
}

/// Removes from `ids` what is in `removed`.
pub(crate) fn subtract(ids: &mut Vec<u32>, removed: &[u32]) {
    let mut kept = Vec::with_capacity(ids.len());
    walk(ids, removed, |id, is_removed| {
        if !is_removed {
            kept.push(id);
        }
        true
    });
    *ids = kept;
}

/// All of several lists, each id once.
pub(crate) fn union(mut lists: Vec<Vec<u32>>) -> Vec<u32> {
    if lists.len() <= 1 {
        return lists.pop().unwrap_or_default();
    }
    let mut all = lists.concat();
    // This sort finds the runs that are sorted already and merges them.
    all.sort();
    all.dedup();
    all
}

/// Asks of each of `ids` whether it is in `other`, until `visit` says stop.
fn walk(ids: &[u32], other: &[u32], mut visit: impl FnMut(u32, bool) -> bool) {
    let does_search = other.len() / SEARCH_RATIO > ids.len();
    let mut rest = other;
    for &id in ids {
        let before = if does_search {
            // Doubling steps from where the last one was found.
            let mut step = 1;
            while step < rest.len() && rest[step] < id {
                step *= 2;
            }
            rest[..rest.len().min(step + 1)].partition_point(|&other| other < id)
        } else {
            rest.iter().take_while(|&&other| other < id).count()
        };
        rest = &rest[before..];
        if !visit(id, rest.first() == Some(&id)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set() -> impl Strategy<Value = BTreeSet<u32>> {
        prop_oneof![prop::collection::btree_set(0u32..400, 0..200), prop::collection::btree_set(0u32..400, 0..5)]
    }

    proptest! {
        #[test]
        fn sets_behave_as_sets(a in set(), b in set()) {
            let (x, y): (Vec<u32>, Vec<u32>) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(intersect(&x, &y), a.intersection(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(intersects(&x, &y), !a.is_disjoint(&b));
            let mut rest = x.clone();
            subtract(&mut rest, &y);
            prop_assert_eq!(rest, a.difference(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(union(vec![x, y, vec![]]), a.union(&b).copied().collect::<Vec<_>>());
        }
    }
}
