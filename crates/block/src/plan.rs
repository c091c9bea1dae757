//! Which blocks to compact next.
//!
//! Blocks grow in ranges, each three times the one before, aligned to the epoch.
//! Blocks that overlap come first; then those that fill a range, or that nothing
//! later can join; then single ones of which much is deleted. The newest block is
//! left alone: the next one may belong with it. Source: specification §8.17.

use crate::Ulid;
use crate::meta::{HINT_FROM_SELECTED_SERIES, HINT_FROM_STALE_SERIES, Meta};

/// How many ranges there are at most.
const RANGES_MAX: u32 = 10;
const RANGE_FACTOR: i64 = 3;
/// Deleted intervals per series from which a block is written anew.
const TOMBSTONES_PER_SERIES_MAX: f64 = 0.05;

/// The ranges of blocks, ascending, in milliseconds: `min_block_ms`, and what it is
/// tripled to as long as it is not above `max_block_ms`.
pub fn block_ranges(min_block_ms: i64, max_block_ms: i64) -> Vec<i64> {
    let range = |step: u32| min_block_ms.checked_mul(RANGE_FACTOR.pow(step));
    let mut ranges: Vec<i64> = (0..RANGES_MAX).map_while(range).take_while(|&range| range <= max_block_ms).collect();
    if ranges.is_empty() {
        ranges.push(min_block_ms);
    }
    ranges
}

/// The blocks to compact next, ascending in time; empty when there is nothing to do.
/// Blocks of early ended and of selected series are planned apart from the others.
pub fn plan_compaction<'a>(metas: impl IntoIterator<Item = &'a Meta>, ranges: &[i64]) -> Vec<Ulid> {
    let mut classes: [Vec<&Meta>; 3] = Default::default();
    for meta in metas {
        let class = if meta.compaction.has_hint(HINT_FROM_STALE_SERIES) {
            1
        } else if meta.compaction.has_hint(HINT_FROM_SELECTED_SERIES) {
            2
        } else {
            0
        };
        classes[class].push(meta);
    }
    for class in &mut classes {
        class.sort_by_key(|meta| meta.min_time);
        let plan = plan_class(class, ranges);
        if !plan.is_empty() {
            return plan.iter().map(|meta| meta.ulid).collect();
        }
    }
    Vec::new()
}

fn plan_class<'a>(metas: &[&'a Meta], ranges: &[i64]) -> Vec<&'a Meta> {
    let overlapping = overlapping(metas);
    if !overlapping.is_empty() {
        return overlapping.to_vec();
    }
    let Some((_, older)) = metas.split_last() else { return Vec::new() };
    if let Some(group) = filled(older, ranges) {
        return group.to_vec();
    }
    let small = ranges.get(ranges.len() / 2).copied().unwrap_or(i64::MAX);
    for &meta in older.iter().rev() {
        let (tombstones, series) = (meta.stats.num_tombstones, meta.stats.num_series);
        if meta.max_time.saturating_sub(meta.min_time) < small {
            // However small it is: all of it may be deleted.
            return if tombstones > 0 && tombstones >= series { vec![meta] } else { Vec::new() };
        }
        if tombstones as f64 / (series as f64 + 1.0) > TOMBSTONES_PER_SERIES_MAX {
            return vec![meta];
        }
    }
    Vec::new()
}

/// The first run of blocks each of which overlaps those before it in the run.
fn overlapping<'b, 'a>(metas: &'b [&'a Meta]) -> &'b [&'a Meta] {
    let mut max_time = i64::MIN;
    let mut start = None;
    for (at, meta) in metas.iter().enumerate() {
        let overlaps = at > 0 && meta.min_time < max_time;
        match start {
            None if overlaps => start = Some(at - 1),
            Some(start) if !overlaps => return &metas[start..at],
            _ => {}
        }
        max_time = max_time.max(meta.max_time);
    }
    start.map_or(&[], |start| &metas[start..])
}

/// The first group that fills a range or that no later block can join.
fn filled<'b, 'a>(metas: &'b [&'a Meta], ranges: &[i64]) -> Option<&'b [&'a Meta]> {
    let high = metas.last()?.min_time;
    for &range in ranges.get(1..).unwrap_or_default() {
        for group in groups(metas, range) {
            let (first, last) = (group.first()?, group.last()?);
            let is_full = last.max_time.saturating_sub(first.min_time) == range || last.max_time <= high;
            if group.len() > 1 && is_full && !group.iter().any(|meta| meta.compaction.failed) {
                return Some(group);
            }
        }
    }
    None
}

/// Neighbours in one aligned window of length `range`; blocks that reach beyond
/// theirs are in no group.
fn groups<'b, 'a>(metas: &'b [&'a Meta], range: i64) -> Vec<&'b [&'a Meta]> {
    let mut groups = Vec::new();
    let mut at = 0;
    while let Some(first) = metas.get(at) {
        let end = first.min_time.div_euclid(range).saturating_add(1).saturating_mul(range);
        let len = metas[at..].iter().take_while(|meta| meta.max_time <= end).count();
        if len > 0 {
            groups.push(&metas[at..at + len]);
        }
        at += len.max(1);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_env::Random;

    const HOUR: i64 = 3_600_000;

    fn meta(from: i64, to: i64) -> Meta {
        Meta::new(Ulid::new(0, &Random::from_seed((from * 1000 + to) as u64)), from * HOUR, to * HOUR)
    }

    #[track_caller]
    fn check_metas(metas: &[Meta], want: &[(i64, i64)]) {
        let plan = plan_compaction(metas, &[2 * HOUR, 6 * HOUR, 18 * HOUR]);
        let found = |ulid: &Ulid| metas.iter().find(|meta| meta.ulid == *ulid).unwrap();
        let plan: Vec<_> = plan.iter().map(found).map(|meta| (meta.min_time / HOUR, meta.max_time / HOUR)).collect();
        assert_eq!(plan, want);
    }

    #[track_caller]
    fn check(blocks: &[(i64, i64)], want: &[(i64, i64)]) {
        check_metas(&blocks.iter().map(|&(from, to)| meta(from, to)).collect::<Vec<_>>(), want);
    }

    #[test]
    fn ranges_triple() {
        assert_eq!(block_ranges(2, 54), [2, 6, 18, 54]);
        assert_eq!(block_ranges(2, 53), [2, 6, 18]);
        assert_eq!(block_ranges(2, 1), [2]);
        assert_eq!(block_ranges(1, i64::MAX).len(), 10);
    }

    #[test]
    fn upstreams_examples() {
        check(&[(0, 2), (2, 4), (4, 6), (6, 8)], &[(0, 2), (2, 4), (4, 6)]);
        check(&[(0, 2), (2, 4), (4, 6)], &[]);
        check(&[(0, 2), (2, 4), (6, 8), (8, 10)], &[(0, 2), (2, 4)]);
        check(&[(1, 2), (2, 4), (4, 6), (6, 8)], &[]);
        check(&[(1, 2), (2, 4), (4, 6), (6, 8), (8, 10)], &[(1, 2), (2, 4), (4, 6)]);
        check(&[], &[]);
        check(&[(-6, -4), (-4, -2), (-2, 0), (0, 2)], &[(-6, -4), (-4, -2), (-2, 0)]);
    }

    #[test]
    fn much_deleted_is_written_anew() {
        let mut deleted = meta(0, 6);
        deleted.stats.num_tombstones = 10;
        deleted.stats.num_series = 100;
        check_metas(&[deleted.clone(), meta(6, 8)], &[(0, 6)]);
        check_metas(&[deleted.clone(), meta(6, 8), meta(8, 10)], &[]);
        let mut gone = meta(6, 8);
        gone.stats.num_tombstones = 5;
        gone.stats.num_series = 5;
        check_metas(&[deleted, gone, meta(8, 10)], &[(6, 8)]);
    }

    #[test]
    fn overlapping_blocks_come_first() {
        check(&[(0, 2), (2, 4), (4, 6), (6, 8), (7, 9)], &[(6, 8), (7, 9)]);
        check(&[(0, 6), (1, 2), (3, 4), (6, 8), (7, 9)], &[(0, 6), (1, 2), (3, 4)]);
    }

    #[test]
    fn failed_blocks_are_left_alone() {
        let mut metas: Vec<Meta> = [(0, 2), (2, 4), (4, 6), (6, 8)].map(|(from, to)| meta(from, to)).into();
        metas[1].compaction.failed = true;
        check_metas(&metas, &[]);
    }

    #[test]
    fn blocks_of_stale_series_are_planned_apart() {
        let mut metas: Vec<Meta> = [(0, 2), (2, 4), (4, 6), (6, 8)].map(|(from, to)| meta(from, to)).into();
        metas[0].compaction.add_hint(HINT_FROM_STALE_SERIES);
        check_metas(&metas, &[]);
        metas.iter_mut().for_each(|meta| meta.compaction.add_hint(HINT_FROM_STALE_SERIES));
        check_metas(&metas, &[(0, 2), (2, 4), (4, 6)]);
    }
}
