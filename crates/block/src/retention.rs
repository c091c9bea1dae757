//! Which blocks to drop for their age or for the room they take.
//!
//! Both go by blocks alone: the wall clock plays no part. Source: specification §8.19.

use crate::Ulid;
use crate::meta::Meta;

/// A block as retention sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Its name.
    pub ulid: Ulid,
    /// The end of its time.
    pub max_time: i64,
    /// Its length on disk in bytes.
    pub len_bytes: u64,
}

impl Retained {
    /// A block with this meta and length.
    pub fn new(meta: &Meta, len_bytes: u64) -> Retained {
        Retained { ulid: meta.ulid, max_time: meta.max_time, len_bytes }
    }
}

fn newest_first(blocks: &[Retained]) -> Vec<Retained> {
    let mut blocks = blocks.to_vec();
    blocks.sort_by_key(|block| std::cmp::Reverse(block.max_time));
    blocks
}

/// The blocks that end `retention_ms` or more before the newest ends; none when
/// `retention_ms` is 0 or less.
pub fn beyond_time(blocks: &[Retained], retention_ms: i64) -> Vec<Ulid> {
    let blocks = newest_first(blocks);
    let Some((newest, older)) = blocks.split_first().filter(|_| retention_ms > 0) else { return Vec::new() };
    let kept = older.iter().take_while(|block| newest.max_time.saturating_sub(block.max_time) < retention_ms).count();
    older[kept..].iter().map(|block| block.ulid).collect()
}

/// The blocks, oldest first in going, that exceed `len_max` together with newer ones
/// and the `head_len` bytes of log and head chunks; none when `len_max` is 0. Even the
/// newest may go.
pub fn beyond_size(blocks: &[Retained], head_len: u64, len_max: u64) -> Vec<Ulid> {
    if len_max == 0 {
        return Vec::new();
    }
    let blocks = newest_first(blocks);
    let mut sum = head_len;
    let kept = blocks.iter().take_while(|block| {
        sum = sum.saturating_add(block.len_bytes);
        sum <= len_max
    });
    let kept = kept.count();
    blocks[kept..].iter().map(|block| block.ulid).collect()
}

/// The size that is a percentage of a file system of `disk_len` bytes.
pub fn size_of_percentage(disk_len: u64, percentage: f64) -> u64 {
    (disk_len as f64 * percentage / 100.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_env::Random;

    fn blocks(rows: &[(i64, u64)]) -> Vec<Retained> {
        let ulid = |at: usize| Ulid::new(at as i64, &Random::from_seed(0));
        rows.iter()
            .enumerate()
            .map(|(at, &(max_time, len_bytes))| Retained { ulid: ulid(at), max_time, len_bytes })
            .collect()
    }

    /// Of the dropped ones their positions.
    fn at(blocks: &[Retained], dropped: Vec<Ulid>) -> Vec<usize> {
        dropped.iter().map(|ulid| blocks.iter().position(|block| block.ulid == *ulid).unwrap()).collect()
    }

    #[test]
    fn age_is_the_distance_to_the_newest() {
        let all = blocks(&[(10, 1), (100, 1), (60, 1), (50, 1)]);
        assert_eq!(at(&all, beyond_time(&all, 50)), [3, 0]);
        assert_eq!(at(&all, beyond_time(&all, 51)), [0]);
        assert_eq!(at(&all, beyond_time(&all, 0)), [0usize; 0]);
        assert_eq!(at(&all, beyond_time(&all[..1], 1)), [0usize; 0]);
    }

    #[test]
    fn size_counts_from_the_newest() {
        let all = blocks(&[(1, 10), (3, 10), (2, 10)]);
        assert_eq!(at(&all, beyond_size(&all, 5, 25)), [0]);
        assert_eq!(at(&all, beyond_size(&all, 5, 24)), [2, 0]);
        assert_eq!(at(&all, beyond_size(&all, 5, 14)), [1, 2, 0]);
        assert_eq!(at(&all, beyond_size(&all, 5, 0)), [0usize; 0]);
        assert_eq!(size_of_percentage(1000, 12.5), 125);
    }
}
