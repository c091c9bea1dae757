//! What a target exposed last, line by line, so that a line seen before costs a
//! hash and a comparison.
//!
//! Line k of a scrape is nearly always line k of the last one. For each line of
//! the last body, in its order, an [`Entry`] of 24 bytes keeps the length and
//! keyed hash of its series (or of the whole line, for comments) and what it
//! stands for. A [`Pass`] walks the entries along with the body:
//!
//! 1. the entry under the cursor fits: nothing to look up;
//! 2. else a window of the next entries: lines were removed;
//! 3. else all entries, by scanning while that is cheaper, then by a table that
//!    lives as long as the pass: lines were moved or inserted.
//!
//! Two texts with the same 64-bit hash would be taken for one series. The key is
//! random and the target does not know it; by chance it happens once in some
//! 10^13 scrapes of a million series.

use hashbrown::HashTable;
use narthex_storage::SeriesRef;

/// How far ahead of the cursor a line is looked for before anything else.
const WINDOW_LEN: usize = 32;

/// How many entries are scanned in a pass before a table is built, as a multiple
/// of the number of entries: a scan is about twenty times cheaper than the table.
const SCANS_MAX: usize = 8;

/// Entries kept for lines that failed scrapes brought, beyond twice those of the
/// last success. Upstream's bound.
const KEPT_BEYOND_MAX: usize = 1000;

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A series that is stored.
    Series(SeriesRef),
    /// A series that relabelling drops.
    Dropped,
    /// `HELP`, `TYPE` or `UNIT` of the metric whose name has this hash, or a
    /// comment (hash 0).
    Meta(u64),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    /// Series reference or hash of the metric name.
    payload: u64,
    len: u32,
    kind: Kind,
    /// Whether the series was seen, without a timestamp of its own, by the last
    /// scrape: it gets a staleness marker when it is missing.
    is_tracked: bool,
}

const _: () = assert!(size_of::<Entry>() == 24);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Series,
    Dropped,
    Meta,
}

impl Entry {
    fn new(hash: u64, len: u32, line: Line) -> Entry {
        let (kind, payload) = match line {
            Line::Series(series) => (Kind::Series, series.0),
            Line::Dropped => (Kind::Dropped, 0),
            Line::Meta(name_hash) => (Kind::Meta, name_hash),
        };
        Entry { hash, payload, len, kind, is_tracked: false }
    }

    #[inline]
    fn line(&self) -> Line {
        match self.kind {
            Kind::Series => Line::Series(SeriesRef(self.payload)),
            Kind::Dropped => Line::Dropped,
            Kind::Meta => Line::Meta(self.payload),
        }
    }
}

/// The lines of one target.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    /// In the order of the last good body; behind them those that failed scrapes brought.
    entries: Vec<Entry>,
    /// How many there were after the last success.
    last_success_len: usize,
    /// Whether every series entry is tracked; spares a walk over them.
    is_all_tracked: bool,
}

/// What happened to the entries at the end of a pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Whether entries were thrown out although the scrape failed.
    pub(crate) was_flushed: bool,
    /// Whether the comment lines are others than before.
    pub(crate) is_meta_changed: bool,
}

impl Cache {
    /// The series that are expected in the next scrape, to be marked stale otherwise.
    pub(crate) fn tracked(&self) -> impl Iterator<Item = SeriesRef> {
        self.entries.iter().filter(|e| e.is_tracked).map(|e| SeriesRef(e.payload))
    }

    /// The hashes of the metric names that comment lines speak of; with repetitions.
    pub(crate) fn meta_names(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().filter(|e| e.kind == Kind::Meta && e.payload != 0).map(|e| e.payload)
    }

    /// How many lines are known.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// The memory of a pass, reused for all targets.
#[derive(Debug, Default)]
pub(crate) struct PassMemory {
    seen: Bits,
    /// Seen, but not to be tracked.
    untracked: Bits,
    order: Vec<u32>,
    table: HashTable<u32>,
    rebuilt: Vec<Entry>,
}

/// One walk over the entries, along with a body.
pub(crate) struct Pass<'c> {
    cache: &'c mut Cache,
    memory: &'c mut PassMemory,
    /// The entries from before this pass: `entries[..known_len]`.
    known_len: usize,
    /// The entry that the next line should be.
    cursor: usize,
    /// While the body follows the entries: `None`. Then how many entries it
    /// followed; the order of the others is in `memory.order`.
    prefix_len: Option<usize>,
    scan_budget: usize,
    has_table: bool,
    has_untracked: bool,
    is_meta_changed: bool,
}

/// Where a line was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its entry.
    pub(crate) index: usize,
    /// What it stands for.
    pub(crate) line: Line,
    /// Whether it occurred in this body before.
    pub(crate) is_repeated: bool,
}

impl<'c> Pass<'c> {
    pub(crate) fn new(cache: &'c mut Cache, memory: &'c mut PassMemory) -> Pass<'c> {
        let known_len = cache.entries.len();
        memory.seen.clear(known_len);
        memory.untracked.clear(known_len);
        memory.order.clear();
        memory.table.clear();
        Pass {
            known_len,
            cursor: 0,
            prefix_len: None,
            scan_budget: known_len * SCANS_MAX + 1024,
            has_table: false,
            has_untracked: false,
            is_meta_changed: false,
            cache,
            memory,
        }
    }

    /// Length and hash that the next line should have.
    #[inline]
    pub(crate) fn expected(&self) -> Option<(usize, u64, Line)> {
        // Entries of this very pass are never expected.
        let entry = self.cache.entries[..self.known_len].get(self.cursor)?;
        Some((entry.len as usize, entry.hash, entry.line()))
    }

    /// The next line is the expected one. Says whether it occurred before, and
    /// which entry it is.
    #[inline]
    pub(crate) fn accept(&mut self) -> Found {
        let index = self.cursor;
        let line = self.cache.entries[index].line();
        let is_repeated = self.memory.seen.set(index);
        if !is_repeated && self.prefix_len.is_some() {
            self.memory.order.push(index as u32);
        }
        self.cursor += 1;
        Found { index, line, is_repeated }
    }

    /// Looks for a line that is not the expected one.
    #[cold]
    pub(crate) fn find(&mut self, hash: u64, len: usize) -> Option<Found> {
        let index = self.position(hash, len)?;
        let is_repeated = self.memory.seen.set(index);
        if !is_repeated {
            self.follow(index);
        }
        Some(Found { index, line: self.cache.entries[index].line(), is_repeated })
    }

    /// Remembers a line that was not found. Returns its entry.
    #[cold]
    pub(crate) fn insert(&mut self, hash: u64, len: usize, line: Line) -> usize {
        let index = self.cache.entries.len();
        // A body is shorter than 4 GiB, a line all the more.
        self.cache.entries.push(Entry::new(hash, len as u32, line));
        self.is_meta_changed |= matches!(line, Line::Meta(_));
        if self.has_table {
            self.add_to_table(index);
        }
        self.memory.seen.set(index);
        if self.cursor == index {
            self.follow(index);
        } else {
            self.leave_order();
            self.memory.order.push(index as u32);
        }
        index
    }

    /// The series of this line counts as missing for staleness, although it was seen.
    pub(crate) fn mark_untracked(&mut self, index: usize) {
        self.has_untracked = true;
        self.memory.untracked.set(index);
    }

    /// The body goes on behind `index`.
    fn follow(&mut self, index: usize) {
        if self.cursor != index {
            self.leave_order();
        }
        if self.prefix_len.is_some() {
            self.memory.order.push(index as u32);
        }
        self.cursor = index + 1;
    }

    fn leave_order(&mut self) {
        self.prefix_len.get_or_insert(self.cursor);
    }

    fn position(&mut self, hash: u64, len: usize) -> Option<usize> {
        let entries = &self.cache.entries;
        let fits = |e: &Entry| e.hash == hash && e.len as usize == len;
        let window = &entries[self.cursor.min(entries.len())..];
        if let Some(at) = window.iter().take(WINDOW_LEN).position(fits) {
            return Some(self.cursor + at);
        }
        if !self.has_table {
            if let Some(rest) = self.scan_budget.checked_sub(entries.len()) {
                self.scan_budget = rest;
                return entries.iter().position(fits);
            }
            self.has_table = true;
            for index in 0..self.cache.entries.len() {
                self.add_to_table(index);
            }
        }
        let entries = &self.cache.entries;
        self.memory.table.find(hash, |&i| fits(&entries[i as usize])).map(|&i| i as usize)
    }

    fn add_to_table(&mut self, index: usize) {
        let entries = &self.cache.entries;
        self.memory.table.insert_unique(entries[index].hash, index as u32, |&i| entries[i as usize].hash);
    }

    /// Ends the pass. `stale` receives the series that were tracked and have not
    /// been seen; `released` those that are in no entry any more.
    ///
    /// After a success the entries are those of the body, in its order. Without one all
    /// stay, for a body cut short says nothing about what is gone.
    pub(crate) fn finish(
        self,
        is_success: bool,
        stale: &mut Vec<SeriesRef>,
        released: &mut Vec<SeriesRef>,
    ) -> Finished {
        let entries = &mut self.cache.entries;
        let is_in_order = self.prefix_len.is_none() && self.cursor == entries.len();
        let mut finished = Finished { was_flushed: false, is_meta_changed: self.is_meta_changed };
        // All were seen, and all are tracked already: the steady state.
        if !(is_in_order && self.cache.is_all_tracked && !self.has_untracked && self.known_len == entries.len()) {
            self.cache.is_all_tracked = true;
            for (index, entry) in entries.iter_mut().enumerate().filter(|(_, e)| e.kind == Kind::Series) {
                let is_tracked = self.memory.seen.has(index) && !self.memory.untracked.has(index);
                if entry.is_tracked && !is_tracked {
                    stale.push(SeriesRef(entry.payload));
                }
                entry.is_tracked = is_tracked;
                self.cache.is_all_tracked &= is_tracked;
            }
        }
        if is_success {
            if !is_in_order {
                let prefix_len = self.prefix_len.unwrap_or(self.cursor);
                let rebuilt = &mut self.memory.rebuilt;
                rebuilt.clear();
                rebuilt.extend(self.memory.order.iter().map(|&i| entries[i as usize]));
                finished.is_meta_changed |= evict(entries, prefix_len, &self.memory.seen, rebuilt, released);
                entries.truncate(prefix_len);
                entries.append(rebuilt);
                self.cache.is_all_tracked = entries.iter().all(|e| e.kind != Kind::Series || e.is_tracked);
            }
            self.cache.last_success_len = entries.len();
            // There are as many of these as series in the store.
            if entries.capacity() > entries.len() + entries.len() / 4 {
                entries.shrink_to_fit();
            }
        } else if entries.len() > 2 * self.cache.last_success_len + KEPT_BEYOND_MAX {
            let rebuilt = &mut self.memory.rebuilt;
            rebuilt.clear();
            let seen = &self.memory.seen;
            rebuilt.extend(entries.iter().enumerate().filter(|(i, _)| seen.has(*i)).map(|(_, e)| *e));
            finished.is_meta_changed |= evict(entries, 0, seen, rebuilt, released);
            std::mem::swap(entries, rebuilt);
            finished.was_flushed = true;
        }
        shrink(&mut self.memory.order);
        shrink(&mut self.memory.rebuilt);
        finished
    }
}

/// Puts into `released` the series of the unseen entries from `prefix_len` on that
/// no entry that stays stands for. Says whether a comment line is among them.
fn evict(entries: &[Entry], prefix_len: usize, seen: &Bits, staying: &[Entry], released: &mut Vec<SeriesRef>) -> bool {
    let mut is_meta_evicted = false;
    let start = released.len();
    for (_, entry) in entries.iter().enumerate().skip(prefix_len).filter(|(i, _)| !seen.has(*i)) {
        match entry.line() {
            Line::Series(series) => released.push(series),
            Line::Dropped => {}
            Line::Meta(_) => is_meta_evicted = true,
        }
    }
    // Two spellings may stand for one series.
    if released.len() > start {
        let mut gone = released.split_off(start);
        gone.sort_unstable();
        gone.dedup();
        let mut is_kept = vec![false; gone.len()];
        for entry in entries[..prefix_len].iter().chain(staying).filter(|e| e.kind == Kind::Series) {
            if let Ok(at) = gone.binary_search(&SeriesRef(entry.payload)) {
                is_kept[at] = true;
            }
        }
        released.extend(gone.into_iter().zip(is_kept).filter(|(_, kept)| !kept).map(|(series, _)| series));
    }
    is_meta_evicted
}

/// What a reused vector may keep: one giant target must not cost memory for ever.
const KEPT_CAPACITY_MAX: usize = 1 << 20;

fn shrink<T>(vec: &mut Vec<T>) {
    vec.clear();
    vec.shrink_to(KEPT_CAPACITY_MAX);
}

/// A set of small numbers.
#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Empties the set and makes room for numbers below `len`.
    fn clear(&mut self, len: usize) {
        self.words.clear();
        self.words.resize(len.div_ceil(64), 0);
    }

    /// Puts a number in. Says whether it was in before.
    #[inline]
    fn set(&mut self, index: usize) -> bool {
        if index / 64 >= self.words.len() {
            self.words.resize(index / 64 + 1, 0);
        }
        let word = &mut self.words[index / 64];
        let bit = 1 << (index % 64);
        let was_set = *word & bit != 0;
        *word |= bit;
        was_set
    }

    fn has(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }
}
