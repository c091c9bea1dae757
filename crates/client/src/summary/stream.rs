//! Quantile estimates over a stream of numbers, with an error chosen per quantile.
//!
//! The algorithm is that of Cormode, Korn, Muthukrishnan and Srivastava,
//! "Effective Computation of Biased Quantiles over Data Streams" (2005), in its
//! form for targeted quantiles: a sorted list of some of the numbers, each with
//! how many ranks it stands for and how uncertain its own rank is, thinned out
//! as far as the allowed error permits.

#[derive(Clone, Copy, Debug)]
struct Entry {
    value: f64,
    /// How many ranks the entry covers beyond the one before it.
    width: f64,
    /// By how much its rank may be off.
    delta: f64,
}

/// The algorithm measures the allowed width some ranks away from the quantile, where
/// it is greater; with this share of the error the answer stays within all of it.
const ERROR_SHARE: f64 = 0.8;

/// Up to so many numbers are all kept, and quantiles of them are exact.
const EXACT_MAX: f64 = 500.0;

/// A quantile, and how quickly entries may get wider away from it, downwards and upwards.
#[derive(Clone, Copy, Debug)]
struct Target {
    quantile: f64,
    below: f64,
    above: f64,
}

/// Estimates for one set of targets.
#[derive(Debug)]
pub(super) struct Stream {
    targets: Box<[Target]>,
    /// Sorted by value.
    entries: Vec<Entry>,
    /// Filled while merging, then swapped with `entries`.
    spare: Vec<Entry>,
    /// How many numbers there were.
    count: f64,
}

impl Stream {
    pub(super) fn new(targets: &[(f64, f64)]) -> Stream {
        let target = |&(quantile, error): &(f64, f64)| {
            let widening = 2.0 * error * ERROR_SHARE;
            Target { quantile, below: widening / quantile, above: widening / (1.0 - quantile) }
        };
        let targets = targets.iter().map(target).collect();
        Stream { targets, entries: Vec::new(), spare: Vec::new(), count: 0.0 }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.count = 0.0;
    }

    /// How wide an entry at `rank` may be.
    #[inline]
    fn width_max(&self, rank: f64) -> f64 {
        let widths = self.targets.iter().map(|target| {
            if target.quantile * self.count <= rank { target.below * rank } else { target.above * (self.count - rank) }
        });
        // The quantile 0 divides nothing by nothing; min leaves a NaN aside.
        widths.fold(f64::MAX, f64::min)
    }

    /// Takes in `sorted` numbers.
    pub(super) fn merge(&mut self, sorted: &[f64]) {
        if sorted.is_empty() {
            return;
        }
        let mut merged = std::mem::take(&mut self.spare);
        merged.clear();
        merged.reserve(self.entries.len() + sorted.len());
        let exact = self.count + sorted.len() as f64 <= EXACT_MAX;
        let mut rank = 0.0;
        let mut old = self.entries.iter().copied().peekable();
        for &value in sorted {
            while let Some(entry) = old.next_if(|entry| entry.value <= value) {
                rank += entry.width;
                merged.push(entry);
            }
            let delta =
                if !exact && old.peek().is_some() { (self.width_max(rank).floor() - 1.0).max(0.0) } else { 0.0 };
            merged.push(Entry { value, width: 1.0, delta });
            self.count += 1.0;
            rank += 1.0;
        }
        merged.extend(old);
        self.spare = std::mem::replace(&mut self.entries, merged);
        if !exact {
            self.thin_out();
        }
    }

    /// Joins entries with the one after them where that stays within the error.
    fn thin_out(&mut self) {
        let Some(&last) = self.entries.last() else { return };
        let mut kept = std::mem::take(&mut self.spare);
        kept.clear();
        let mut next = last;
        let mut rank = self.count - 1.0 - next.width;
        for &entry in self.entries.iter().rev().skip(1) {
            if entry.width + next.width + next.delta <= self.width_max(rank) {
                next.width += entry.width;
            } else {
                kept.push(next);
                next = entry;
            }
            rank -= entry.width;
        }
        kept.push(next);
        kept.reverse();
        self.spare = std::mem::replace(&mut self.entries, kept);
    }

    /// The estimate for `quantile`; NaN when there were no numbers.
    pub(super) fn query(&self, quantile: f64) -> f64 {
        if self.count <= EXACT_MAX {
            let index = (quantile * self.count).ceil().max(1.0) as usize - 1;
            return self.entries.get(index).map_or(f64::NAN, |entry| entry.value);
        }
        let mut wanted = (quantile * self.count).ceil();
        wanted += (self.width_max(wanted) / 2.0).ceil();
        let mut entries = self.entries.iter();
        let Some(mut before) = entries.next() else { return f64::NAN };
        let mut rank = 0.0;
        for entry in entries {
            rank += before.width;
            if rank + entry.width + entry.delta > wanted {
                return before.value;
            }
            before = entry;
        }
        before.value
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
