//! Finding series by matchers.
//!
//! The cheapest matcher that not every series without its label satisfies gives
//! the candidates: its label values, their halves, their series. The others are
//! asked per half, once, about halves of candidates only: a regular expression is
//! not tested on values that nobody needs.

use std::sync::Arc;

use narthex_model::{MatchOp, Matcher};

use super::halves::HalfId;
use super::symbols::Symbol;
use super::values::NameValues;
use super::verdicts::Verdict;
use super::{Index, SeriesId};

/// What a half says about one matcher.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Unknown,
    /// It has the label, and its value matches.
    Yes,
    /// It has the label, and its value does not match.
    No,
    /// It does not have the label.
    Nothing,
}

/// A matcher on a label that some series have.
struct Condition<'a> {
    matcher: &'a Matcher,
    name: Symbol,
    values: &'a NameValues,
    matches_empty: bool,
    verdict: Arc<Verdict>,
    /// By half; filled as halves are asked about.
    says: Vec<Says>,
}

impl Condition<'_> {
    /// The positions of the values that match.
    fn positions(&self, index: &Index) -> Vec<u32> {
        if self.matcher.op() == MatchOp::Equal {
            let symbol = index.symbols.get(self.matcher.value());
            return symbol.and_then(|symbol| self.values.position(symbol)).into_iter().collect();
        }
        self.verdict.positions(true, self.values, &index.symbols)
    }

    /// What testing all values costs, in tests.
    fn effort(&self) -> usize {
        if self.matcher.op() == MatchOp::Equal { 1 } else { self.values.len() }
    }

    fn ask(&mut self, half: HalfId, index: &Index) -> Says {
        let at = half.0 as usize;
        if self.says[at] == Says::Unknown {
            self.says[at] = match index.halves.value(half, self.name) {
                None => Says::Nothing,
                Some(value) => {
                    let position = self.values.position(value).expect("a half's values are indexed");
                    let yes = self.verdict.at(position, value, self.values, &index.symbols);
                    if yes { Says::Yes } else { Says::No }
                }
            };
        }
        self.says[at]
    }

    #[inline]
    fn holds(&mut self, target: HalfId, metric: HalfId, index: &Index) -> bool {
        match self.ask(metric, index) {
            Says::Yes => true,
            Says::No => false,
            _ => match self.ask(target, index) {
                Says::Yes => true,
                Says::No => false,
                _ => self.matches_empty,
            },
        }
    }
}

impl Index {
    /// The series that satisfy all matchers and are not known to have ended
    /// before `min_ms`; in no order.
    pub(crate) fn select(&self, matchers: &[Matcher], min_ms: i64) -> Vec<SeriesId> {
        let mut conditions = Vec::with_capacity(matchers.len());
        for matcher in matchers {
            let matches_empty = matcher.matches_empty();
            let name = self.symbols.get(matcher.name());
            let Some((name, values)) = name.and_then(|name| Some((name, self.values.get(name)?))) else {
                if matches_empty {
                    continue;
                }
                return Vec::new();
            };
            let verdict = self.verdicts.of(matcher, values);
            conditions.push(Condition { matcher, name, values, matches_empty, verdict, says: Vec::new() });
        }
        let base = self.base(&conditions);
        let mut found = Vec::new();
        match base {
            Some((at, halves)) => {
                conditions.swap_remove(at);
                conditions.iter_mut().for_each(|c| c.says.resize(self.halves.limit(), Says::Unknown));
                found.reserve(halves.iter().map(|&half| self.halves.series(half).len()).sum());
                for half in halves {
                    self.halves.series(half).for_each(|id| {
                        self.take_if(SeriesId(id), &mut conditions, min_ms, &mut found);
                    });
                }
            }
            None => {
                conditions.iter_mut().for_each(|c| c.says.resize(self.halves.limit(), Says::Unknown));
                for id in self.ids() {
                    self.take_if(id, &mut conditions, min_ms, &mut found);
                }
            }
        }
        found
    }

    #[inline]
    fn take_if(&self, id: SeriesId, conditions: &mut [Condition<'_>], min_ms: i64, found: &mut Vec<SeriesId>) {
        let place = self.place(id);
        if conditions.iter_mut().all(|c| c.holds(place.target, place.metric, self)) && !self.ended_before(id, min_ms) {
            found.push(id);
        }
    }

    /// The condition to start from, with the halves that satisfy it.
    fn base(&self, conditions: &[Condition<'_>]) -> Option<(usize, Vec<HalfId>)> {
        let mut order: Vec<usize> = (0..conditions.len()).filter(|&at| !conditions[at].matches_empty).collect();
        order.sort_by_key(|&at| conditions[at].effort());
        let mut best: Option<(usize, usize, Vec<HalfId>)> = None;
        for at in order {
            // Testing more values than there are candidates would not pay.
            if best.as_ref().is_some_and(|best| best.0 <= conditions[at].effort()) {
                break;
            }
            let mut halves = Vec::new();
            for position in conditions[at].positions(self) {
                conditions[at].values.halves(position).for_each(|half| halves.push(HalfId(half)));
            }
            let len = halves.iter().map(|&half| self.halves.series(half).len()).sum();
            if best.as_ref().is_none_or(|best| len < best.0) {
                best = Some((len, at, halves));
            }
        }
        best.map(|(_, at, halves)| (at, halves))
    }

    /// The halves that some of these series have.
    fn halves_of(&self, ids: &[SeriesId]) -> Vec<HalfId> {
        let mut seen = vec![false; self.halves.limit()];
        for &id in ids {
            let place = self.place(id);
            seen[place.target.0 as usize] = true;
            seen[place.metric.0 as usize] = true;
        }
        let seen = seen.iter().enumerate().filter(|(_, seen)| **seen);
        seen.map(|(half, _)| HalfId(half as u32)).collect()
    }

    fn texts(&self, mut symbols: Vec<Symbol>, limit: usize) -> Vec<String> {
        symbols.sort_unstable();
        symbols.dedup();
        symbols.sort_unstable_by(|&a, &b| self.symbols.text(a).cmp(self.symbols.text(b)));
        if limit > 0 {
            symbols.truncate(limit);
        }
        symbols.into_iter().map(|symbol| self.symbols.text(symbol).to_owned()).collect()
    }

    /// The label names of the series that satisfy all matchers, sorted; at most
    /// `limit` unless it is 0.
    pub(crate) fn label_names(&self, matchers: &[Matcher], min_ms: i64, limit: usize) -> Vec<String> {
        let symbols = if matchers.is_empty() {
            self.values.names().map(|name| name.0).collect()
        } else {
            let halves = self.halves_of(&self.select(matchers, min_ms));
            halves.iter().flat_map(|&half| self.halves.pairs(half)).map(|pair| pair.0).collect()
        };
        self.texts(symbols, limit)
    }

    /// The values of a label among the series that satisfy all matchers, sorted;
    /// at most `limit` unless it is 0.
    pub(crate) fn label_values(&self, name: &str, matchers: &[Matcher], min_ms: i64, limit: usize) -> Vec<String> {
        let Some((name, values)) = self.symbols.get(name).and_then(|n| Some((n, self.values.get(n)?))) else {
            return Vec::new();
        };
        if matchers.is_empty() {
            let sorted = values.sorted(&self.symbols);
            let len = if limit == 0 { sorted.len() } else { limit.min(sorted.len()) };
            return sorted[..len].iter().map(|&value| self.symbols.text(value).to_owned()).collect();
        }
        let halves = self.halves_of(&self.select(matchers, min_ms));
        let found = halves.iter().filter_map(|&half| self.halves.value(half, name)).collect();
        self.texts(found, limit)
    }
}
