//! `rate`, `increase`, `delta`: the change over the range, extrapolated to its ends.

use super::notes::Note;
use super::rate_histograms::HistogramRate;
use super::{Out, RangeColumns, RangeFunction, RangeFunctionError, SeriesNotes, Window};

/// Which of the three functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RateKind {
    Rate,
    Increase,
    Delta,
}

impl RateKind {
    /// Whether a decrease means that the counter was reset.
    pub(super) fn is_counter(self) -> bool {
        self != RateKind::Delta
    }

    pub(super) fn is_rate(self) -> bool {
        self == RateKind::Rate
    }
}

/// Whether the start timestamps of two samples in a row say that the counter
/// began anew between them.
pub(super) fn is_start_time_reset(
    previous_timestamp: i64,
    previous_start: i64,
    timestamp: i64,
    start_timestamp: i64,
) -> bool {
    if start_timestamp == 0 || start_timestamp >= timestamp {
        return false;
    }
    start_timestamp > previous_timestamp
        || (start_timestamp == previous_timestamp && previous_start != 0 && previous_start < previous_timestamp)
}

/// Whether a sample says that it began before the previous one ended.
pub(super) fn is_start_time_overlap(previous_timestamp: i64, previous_start: i64, start_timestamp: i64) -> bool {
    start_timestamp != 0 && start_timestamp < previous_timestamp && start_timestamp != previous_start
}

/// Positions in a column, ascending, read through a window that moves forward.
#[derive(Debug, Default)]
pub(super) struct Positions {
    positions: Vec<usize>,
    /// Those before are left of the window.
    from: usize,
}

impl Positions {
    pub(super) fn clear(&mut self) {
        self.positions.clear();
        self.from = 0;
    }

    pub(super) fn push(&mut self, position: usize) {
        self.positions.push(position);
    }

    /// Those greater than `after` and less than `before`, ascending.
    #[inline]
    pub(super) fn between(&mut self, after: usize, before: usize) -> impl Iterator<Item = usize> + '_ {
        while self.positions.get(self.from).is_some_and(|&p| p <= after) {
            self.from += 1;
        }
        self.positions[self.from..].iter().copied().take_while(move |&p| p < before)
    }
}

/// The times of a window's first and last sample, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampled {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    pub(super) samples: usize,
    /// Start timestamp of the first sample if it is to be used, else 0.
    pub(super) first_start_ms: i64,
}

impl Sampled {
    /// Whether the counter is known to have started from 0 inside the range.
    pub(super) fn starts_inside(&self, window: &Window) -> bool {
        self.first_start_ms != 0 && window.range_start_ms < self.first_start_ms && self.first_start_ms < self.first_ms
    }
}

/// By what the change between the first and last sample is multiplied.
///
/// `zero_ratio` is the first value through the change: how far back, in lengths
/// of the sampled interval, the counter was 0; `None` where that is unknown.
/// `starts_inside` says that the change already counts from the start timestamp.
pub(super) fn extrapolation_factor(
    kind: RateKind,
    sampled: &Sampled,
    starts_inside: bool,
    zero_ratio: Option<f64>,
    window: &Window,
) -> f64 {
    let mut to_start = (sampled.first_ms - window.range_start_ms) as f64 / 1000.0;
    let mut to_end = (window.range_end_ms - sampled.last_ms) as f64 / 1000.0;
    let mut interval = (sampled.last_ms - sampled.first_ms) as f64 / 1000.0;
    let average = if sampled.samples > 1 { interval / (sampled.samples - 1) as f64 } else { 0.0 };
    let threshold = average * 1.1;
    if starts_inside {
        to_start = 0.0;
        interval = (sampled.last_ms - sampled.first_start_ms) as f64 / 1000.0;
    } else {
        if to_start >= threshold {
            to_start = average / 2.0;
        }
        if let Some(ratio) = zero_ratio {
            // A counter cannot have been negative: do not extrapolate beyond zero.
            let to_zero = interval * ratio;
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let mut factor = if interval == 0.0 { 1.0 } else { (interval + to_start + to_end) / interval };
    if kind.is_rate() {
        factor /= window.range_seconds();
    }
    factor
}

/// `rate`, `increase`, `delta` without modifier.
#[derive(Debug)]
pub(super) struct Rate {
    kind: RateKind,
    use_start_timestamps: bool,
    /// Floats that are less than the one before, or whose start timestamp says so.
    resets: Positions,
    /// Floats whose start timestamp overlaps the one before.
    overlaps: Positions,
    histograms: HistogramRate,
}

impl Rate {
    pub(super) fn new(kind: RateKind, use_start_timestamps: bool) -> Rate {
        let use_start_timestamps = use_start_timestamps && kind.is_counter();
        Rate {
            kind,
            use_start_timestamps,
            resets: Positions::default(),
            overlaps: Positions::default(),
            histograms: HistogramRate::new(kind, use_start_timestamps),
        }
    }

    fn floats(&mut self, columns: &RangeColumns<'_>, window: &Window, notes: &mut SeriesNotes) -> Out {
        let (first, end) = (window.floats.start, window.floats.end);
        let last = end - 1;
        let sampled = Sampled {
            first_ms: columns.float_timestamps[first],
            last_ms: columns.float_timestamps[last],
            samples: end - first,
            first_start_ms: if self.use_start_timestamps { columns.float_start_timestamp(first) } else { 0 },
        };
        let starts_inside = sampled.starts_inside(window);
        if sampled.samples < 2 && !starts_inside {
            return Out::None;
        }
        if self.overlaps.between(first, end).next().is_some() {
            notes.start_time_overlap();
        }
        let first_value = columns.floats[first];
        let mut result = columns.floats[last] - first_value;
        for reset in self.resets.between(first, end) {
            result += columns.floats[reset - 1];
        }
        let mut zero_ratio = None;
        if starts_inside {
            result += first_value;
        } else if self.kind.is_counter() && result > 0.0 && first_value >= 0.0 {
            zero_ratio = Some(first_value / result);
        }
        if self.kind.is_counter() {
            notes.note(Note::CounterResult);
        }
        Out::Float(result * extrapolation_factor(self.kind, &sampled, starts_inside, zero_ratio, window))
    }
}

impl RangeFunction for Rate {
    fn begin(&mut self, columns: &RangeColumns<'_>) {
        self.resets.clear();
        self.overlaps.clear();
        self.histograms.begin(columns);
        if !self.kind.is_counter() {
            return;
        }
        let floats = columns.floats;
        if !self.use_start_timestamps || columns.float_start_timestamps.is_empty() {
            for (i, pair) in floats.windows(2).enumerate() {
                if pair[1] < pair[0] {
                    self.resets.push(i + 1);
                }
            }
            return;
        }
        let (times, starts) = (columns.float_timestamps, columns.float_start_timestamps);
        for i in 1..floats.len() {
            if floats[i] < floats[i - 1] || is_start_time_reset(times[i - 1], starts[i - 1], times[i], starts[i]) {
                self.resets.push(i);
            }
            if is_start_time_overlap(times[i - 1], starts[i - 1], starts[i]) {
                self.overlaps.push(i);
            }
        }
    }

    fn at(
        &mut self,
        columns: &RangeColumns<'_>,
        window: &Window,
        _args: &[f64],
        notes: &mut SeriesNotes,
    ) -> Result<Out, RangeFunctionError> {
        Ok(match (window.floats.is_empty(), window.histograms.is_empty()) {
            (true, true) => Out::None,
            (false, true) => self.floats(columns, window, notes),
            (true, false) => self.histograms.at(columns, window, notes),
            (false, false) => {
                notes.note(Note::MixedFloatsHistograms);
                Out::None
            }
        })
    }
}
