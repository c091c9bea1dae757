//! Several stores as one: series by labels, samples by time.
//!
//! Where two sources have a sample for one timestamp, the source that gave the
//! sample before loses to the other, and the winner keeps winning while both stay
//! in step. So a lone late sample overrides the one that was there before it,
//! whichever source it is in. Upstream calls the choice random; it is kept because
//! compaction makes it permanent. Source: specification §8.18.
//!
//! Cost: a merged set is 8 bytes per series and source. Label sets are built once
//! to find the order; sources that turn out empty take no part in it. Samples of
//! sources that do not overlap in time are moved by the slice.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use narthex_model::histogram::CounterResetHint;
use narthex_model::{Labels, Matcher};

use crate::{Grouping, Groups, Querier, SelectHints, SeriesColumns, SeriesSet, StorageError};

/// One querier over several. Their order matters where they have samples for the
/// same timestamps: upstream's is the head, then the blocks by their first time.
pub fn merge_queriers(mut queriers: Vec<Arc<dyn Querier>>) -> Arc<dyn Querier> {
    match queriers.len() {
        1 => queriers.swap_remove(0),
        _ => Arc::new(MergedQuerier { queriers }),
    }
}

struct MergedQuerier {
    queriers: Vec<Arc<dyn Querier>>,
}

impl Querier for MergedQuerier {
    fn select(&self, hints: &SelectHints, matchers: &[Matcher]) -> Result<Arc<dyn SeriesSet>, StorageError> {
        let mut sets = Vec::with_capacity(self.queriers.len());
        for querier in &self.queriers {
            let set = querier.select(hints, matchers)?;
            if !set.is_empty() || !set.warnings().is_empty() {
                sets.push(set);
            }
        }
        Ok(merge_sets(sets, hints.limit))
    }

    fn label_names(&self, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        let lists = self.queriers.iter().map(|querier| querier.label_names(matchers, limit));
        Ok(merge_texts(lists.collect::<Result<_, _>>()?, limit))
    }

    fn label_values(&self, name: &str, matchers: &[Matcher], limit: usize) -> Result<Vec<String>, StorageError> {
        let lists = self.queriers.iter().map(|querier| querier.label_values(name, matchers, limit));
        Ok(merge_texts(lists.collect::<Result<_, _>>()?, limit))
    }
}

/// Sorted lists as one, each text once.
fn merge_texts(mut lists: Vec<Vec<String>>, limit: usize) -> Vec<String> {
    lists.retain(|list| !list.is_empty());
    let mut merged = if lists.len() == 1 { lists.swap_remove(0) } else { lists.concat() };
    // Runs that are sorted already are found by the sort.
    merged.sort();
    merged.dedup();
    if limit > 0 {
        merged.truncate(limit);
    }
    merged
}

/// Where a series is: set, and index in it.
type Place = (u32, u32);

/// One set of series over several, of at most `limit` series unless it is 0. The
/// order of the sets matters as in [`merge_queriers`].
pub fn merge_sets(mut sets: Vec<Arc<dyn SeriesSet>>, limit: usize) -> Arc<dyn SeriesSet> {
    if sets.len() == 1 && (limit == 0 || sets[0].len() <= limit) {
        return sets.swap_remove(0);
    }
    let mut heap: BinaryHeap<Reverse<(Labels, Place)>> = BinaryHeap::new();
    let next = |(set, index): Place| {
        let source: &Arc<dyn SeriesSet> = &sets[set as usize];
        ((index as usize) < source.len()).then(|| Reverse((source.labels(index as usize), (set, index))))
    };
    heap.extend((0..sets.len() as u32).filter_map(|set| next((set, 0))));
    let mut places = Vec::with_capacity(sets.iter().map(|set| set.len()).max().unwrap_or(0));
    let mut starts: Vec<u32> = Vec::with_capacity(places.capacity() + 1);
    let mut last: Option<Labels> = None;
    while let Some(Reverse((labels, place))) = heap.pop() {
        if last.as_ref() != Some(&labels) {
            if limit > 0 && starts.len() == limit {
                break;
            }
            starts.push(places.len() as u32);
            last = Some(labels);
        }
        places.push(place);
        heap.extend(next((place.0, place.1 + 1)));
    }
    starts.push(places.len() as u32);
    let warnings = sets.iter().flat_map(|set| set.warnings()).cloned().collect();
    Arc::new(MergedSeries { sets, places, starts, warnings, buffers: Mutex::new(Vec::new()) })
}

struct MergedSeries {
    sets: Vec<Arc<dyn SeriesSet>>,
    /// The places of all series, those of one series together, in the order of the sets.
    places: Vec<Place>,
    /// Where in `places` each series begins; one more at the end.
    starts: Vec<u32>,
    warnings: Vec<String>,
    /// Columns of finished reads, to be used again: as many as reads ran at once.
    buffers: Mutex<Vec<Vec<SeriesColumns>>>,
}

impl MergedSeries {
    fn places(&self, index: usize) -> &[Place] {
        &self.places[self.starts[index] as usize..self.starts[index + 1] as usize]
    }
}

impl SeriesSet for MergedSeries {
    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn labels(&self, index: usize) -> Labels {
        let (set, at) = self.places(index)[0];
        self.sets[set as usize].labels(at as usize)
    }

    fn read(&self, index: usize, out: &mut SeriesColumns) -> Result<(), StorageError> {
        let places = self.places(index);
        if let [(set, at)] = *places {
            return self.sets[set as usize].read(at as usize, out);
        }
        let lock = || self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut columns = lock().pop().unwrap_or_default();
        columns.resize_with(columns.len().max(places.len()), SeriesColumns::default);
        let mut result = Ok(());
        for (&(set, at), columns) in places.iter().zip(&mut columns) {
            columns.clear();
            result = result.and_then(|()| self.sets[set as usize].read(at as usize, columns));
        }
        if result.is_ok() {
            merge_columns(&mut columns[..places.len()], out);
        }
        lock().push(columns);
        result
    }

    /// Every source sorts its own series; a merged series is in the group of its
    /// first source.
    fn group(&self, grouping: &Grouping) -> Groups {
        let by_set: Vec<Groups> = self.sets.iter().map(|set| set.group(grouping)).collect();
        let mut groups = Groups::default();
        let mut known: HashMap<Labels, u32> = HashMap::new();
        let mut numbers: Vec<Vec<Option<u32>>> = by_set.iter().map(|set| vec![None; set.labels.len()]).collect();
        for index in 0..self.len() {
            let (set, at) = self.places(index)[0];
            let theirs = by_set[set as usize].group_of[at as usize] as usize;
            let number = *numbers[set as usize][theirs].get_or_insert_with(|| {
                let next = groups.labels.len() as u32;
                *known.entry(by_set[set as usize].labels[theirs].clone()).or_insert_with_key(|labels| {
                    groups.labels.push(labels.clone());
                    next
                })
            });
            groups.group_of.push(number);
        }
        groups
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// How a merge begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeStart {
    /// As a query does, which seeks its first sample: of several first samples at
    /// one time that of the first source counts.
    Sought,
    /// As compaction does, which begins at the beginning: the first source counts
    /// as the one that gave the sample before.
    Stepped,
}

/// One sample of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Which source it comes from.
    pub source: usize,
    /// Its index there.
    pub index: usize,
    /// Whether the sample before it in its source is also the one before it in
    /// the merge; if not, nothing is known of counter resets between the two.
    pub is_consecutive: bool,
}

/// The order in which samples of several sources, each ascending in time, make
/// one series.
pub struct MergeOrder<'a> {
    timestamps: &'a [&'a [i64]],
    /// By source, the index of its current sample.
    at: Vec<usize>,
    /// The sources but the current one, as a binary heap by the time of their
    /// current sample. Which of several equals is on top follows from how
    /// textbook heaps sift, which is how upstream's do.
    heap: Vec<usize>,
    current: Option<usize>,
    last_ms: Option<i64>,
    start: Option<MergeStart>,
}

impl<'a> MergeOrder<'a> {
    /// The order of the samples with these timestamps.
    pub fn new(timestamps: &'a [&'a [i64]], start: MergeStart) -> MergeOrder<'a> {
        let at = vec![0; timestamps.len()];
        MergeOrder { timestamps, at, heap: Vec::new(), current: None, last_ms: None, start: Some(start) }
    }

    fn time(&self, source: usize) -> i64 {
        self.timestamps[source][self.at[source]]
    }

    fn has_more(&self, source: usize) -> bool {
        self.at[source] < self.timestamps[source].len()
    }

    fn push(&mut self, source: usize) {
        self.heap.push(source);
        let mut child = self.heap.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if self.time(self.heap[child]) >= self.time(self.heap[parent]) {
                break;
            }
            self.heap.swap(child, parent);
            child = parent;
        }
    }

    fn pop(&mut self) -> Option<usize> {
        let last = self.heap.len().checked_sub(1)?;
        self.heap.swap(0, last);
        let top = self.heap.pop();
        let mut parent = 0;
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            if left >= last {
                break;
            }
            let is_right = right < last && self.time(self.heap[right]) < self.time(self.heap[left]);
            let child = if is_right { right } else { left };
            if self.time(self.heap[child]) >= self.time(self.heap[parent]) {
                break;
            }
            self.heap.swap(child, parent);
            parent = child;
        }
        top
    }

    fn emit(&mut self, source: usize, is_consecutive: bool) -> Option<Merged> {
        self.current = Some(source);
        self.last_ms = Some(self.time(source));
        Some(Merged { source, index: self.at[source], is_consecutive })
    }

    fn begin(&mut self, start: MergeStart) -> Option<Merged> {
        let first_pushed = usize::from(start == MergeStart::Stepped);
        for source in first_pushed..self.timestamps.len() {
            if self.has_more(source) {
                self.push(source);
            }
        }
        if start == MergeStart::Stepped && !self.timestamps.is_empty() && self.has_more(0) {
            let is_first = self.heap.first().is_none_or(|&top| self.time(0) < self.time(top));
            if is_first {
                return self.emit(0, false);
            }
            self.push(0);
        }
        let source = self.pop()?;
        self.emit(source, false)
    }
}

impl Iterator for MergeOrder<'_> {
    type Item = Merged;

    fn next(&mut self) -> Option<Merged> {
        if let Some(start) = self.start.take() {
            return self.begin(start);
        }
        let mut current = self.current?;
        let mut is_consecutive = true;
        loop {
            self.at[current] += 1;
            if self.has_more(current) {
                let time = self.time(current);
                if Some(time) == self.last_ms {
                    continue;
                }
                if self.heap.first().is_none_or(|&top| time < self.time(top)) {
                    return self.emit(current, is_consecutive);
                }
                self.push(current);
            }
            let Some(source) = self.pop() else {
                self.current = None;
                return None;
            };
            is_consecutive = false;
            if Some(self.time(source)) != self.last_ms {
                return self.emit(source, false);
            }
            current = source;
        }
    }
}

/// Appends the samples of several sources to `out` as one series. Their histograms
/// are moved out.
pub fn merge_columns(sources: &mut [SeriesColumns], out: &mut SeriesColumns) {
    let mut order: Vec<usize> = (0..sources.len()).filter(|&source| !sources[source].is_empty()).collect();
    order.sort_by_key(|&source| span(&sources[source]).0);
    if order.windows(2).all(|pair| span(&sources[pair[0]]).1 < span(&sources[pair[1]]).0) {
        for source in order {
            append_all(&mut sources[source], out);
        }
        return;
    }
    let timelines: Vec<Timeline> = sources.iter().map(Timeline::of).collect();
    let timestamps: Vec<&[i64]> =
        timelines.iter().zip(sources.iter()).map(|(timeline, source)| timeline.timestamps(source)).collect();
    let merged: Vec<Merged> = MergeOrder::new(&timestamps, MergeStart::Sought).collect();
    for sample in merged {
        let source = &mut sources[sample.source];
        let start = |starts: &[i64], at: usize| starts.get(at).copied().unwrap_or(0);
        match timelines[sample.source].place(sample.index) {
            Slot::Float(at) => {
                let (floats, from) = (&mut out.floats, &source.floats);
                push_start(&mut floats.start_timestamps, floats.timestamps.len(), start(&from.start_timestamps, at));
                floats.timestamps.push(from.timestamps[at]);
                floats.values.push(from.values[at]);
            }
            Slot::Histogram(at) => {
                let (histograms, from) = (&mut out.histograms, &mut source.histograms);
                let first = start(&from.start_timestamps, at);
                push_start(&mut histograms.start_timestamps, histograms.timestamps.len(), first);
                histograms.timestamps.push(from.timestamps[at]);
                if !sample.is_consecutive {
                    forget_relation(&mut from.values[at]);
                }
                histograms.values.push(from.values[at].clone());
            }
        }
    }
}

/// First and last time of columns that are not empty.
fn span(columns: &SeriesColumns) -> (i64, i64) {
    let (floats, histograms) = (&columns.floats.timestamps, &columns.histograms.timestamps);
    let first = floats.first().into_iter().chain(histograms.first()).min();
    let last = floats.last().into_iter().chain(histograms.last()).max();
    (first.copied().unwrap_or(i64::MAX), last.copied().unwrap_or(i64::MIN))
}

/// The sample before it came from elsewhere: only a gauge stays what it is.
fn forget_relation(histogram: &mut Arc<narthex_model::FloatHistogram>) {
    use CounterResetHint::{Gauge, Unknown};
    if !matches!(histogram.counter_reset_hint, Gauge | Unknown) {
        Arc::make_mut(histogram).counter_reset_hint = Unknown;
    }
}

/// Appends a start timestamp to a column that is absent while all are unknown.
fn push_start(starts: &mut Vec<i64>, len: usize, start: i64) {
    if start != 0 || !starts.is_empty() {
        starts.resize(len, 0);
        starts.push(start);
    }
}

/// Appends a column of start timestamps; either may be absent.
fn append_starts(starts: &mut Vec<i64>, len: usize, more: &[i64], more_len: usize) {
    if starts.is_empty() && more.is_empty() {
        return;
    }
    starts.resize(len, 0);
    starts.extend_from_slice(more);
    starts.resize(len + more_len, 0);
}

fn append_all(source: &mut SeriesColumns, out: &mut SeriesColumns) {
    let (from, to) = (&source.floats, &mut out.floats);
    append_starts(&mut to.start_timestamps, to.timestamps.len(), &from.start_timestamps, from.timestamps.len());
    to.timestamps.extend_from_slice(&from.timestamps);
    to.values.extend_from_slice(&from.values);
    let (from, to) = (&mut source.histograms, &mut out.histograms);
    append_starts(&mut to.start_timestamps, to.timestamps.len(), &from.start_timestamps, from.timestamps.len());
    to.timestamps.extend_from_slice(&from.timestamps);
    if let Some(first) = from.values.first_mut() {
        forget_relation(first);
    }
    to.values.append(&mut from.values);
}

#[derive(Clone, Copy)]
enum Slot {
    Float(usize),
    Histogram(usize),
}

/// The samples of a source in order of time.
enum Timeline {
    Floats,
    Histograms,
    Both { timestamps: Vec<i64>, slots: Vec<Slot> },
}

impl Timeline {
    fn of(columns: &SeriesColumns) -> Timeline {
        let (floats, histograms) = (&columns.floats.timestamps, &columns.histograms.timestamps);
        if histograms.is_empty() {
            return Timeline::Floats;
        }
        if floats.is_empty() {
            return Timeline::Histograms;
        }
        let floats = floats.iter().enumerate().map(|(at, &t)| (t, Slot::Float(at)));
        let histograms = histograms.iter().enumerate().map(|(at, &t)| (t, Slot::Histogram(at)));
        let mut both: Vec<(i64, Slot)> = floats.chain(histograms).collect();
        both.sort_by_key(|slot| slot.0);
        let (timestamps, slots) = both.into_iter().unzip();
        Timeline::Both { timestamps, slots }
    }

    fn timestamps<'a>(&'a self, columns: &'a SeriesColumns) -> &'a [i64] {
        match self {
            Timeline::Floats => &columns.floats.timestamps,
            Timeline::Histograms => &columns.histograms.timestamps,
            Timeline::Both { timestamps, .. } => timestamps,
        }
    }

    fn place(&self, index: usize) -> Slot {
        match self {
            Timeline::Floats => Slot::Float(index),
            Timeline::Histograms => Slot::Histogram(index),
            Timeline::Both { slots, .. } => slots[index],
        }
    }
}

#[cfg(test)]
mod tests;
