//! What matchers said of label values, remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use narthex_model::Matcher;

use super::symbols::{Symbol, Symbols};
use super::values::NameValues;
use crate::sync::lock;

/// Matchers remembered at most.
const MATCHERS_MAX: usize = 256;
/// Bytes that the verdicts of all matchers together may take; one per label value and matcher.
const BYTES_MAX: usize = 16 << 20;

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// One matcher's verdicts, by the position of the value.
pub(crate) struct Verdict {
    matcher: Matcher,
    generation: u64,
    known: Mutex<Vec<u8>>,
}

/// The verdicts of the matchers used last.
#[derive(Default)]
pub(crate) struct Verdicts {
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    verdicts: HashMap<Matcher, Arc<Verdict>>,
    /// In order of their arrival.
    arrivals: VecDeque<Matcher>,
}

impl Verdicts {
    /// The verdicts of `matcher` so far.
    pub(crate) fn of(&self, matcher: &Matcher, values: &NameValues) -> Arc<Verdict> {
        let mut cache = lock(&self.cache);
        if let Some(verdict) = cache.verdicts.get(matcher)
            && verdict.generation == values.generation
        {
            return verdict.clone();
        }
        let known = Mutex::new(Vec::new());
        let verdict = Arc::new(Verdict { matcher: matcher.clone(), generation: values.generation, known });
        let is_large = values.limit() > BYTES_MAX / 4;
        if !is_large {
            if cache.verdicts.insert(matcher.clone(), verdict.clone()).is_none() {
                cache.arrivals.push_back(matcher.clone());
            }
            let bytes = |cache: &Cache| cache.verdicts.values().map(|v| lock(&v.known).len()).sum::<usize>();
            while cache.arrivals.len() > MATCHERS_MAX || bytes(&cache) + values.limit() > BYTES_MAX {
                let Some(oldest) = cache.arrivals.pop_front() else { break };
                cache.verdicts.remove(&oldest);
            }
        }
        verdict
    }
}

impl Verdict {
    /// Whether the value at a position matches.
    pub(crate) fn at(&self, position: u32, value: Symbol, values: &NameValues, symbols: &Symbols) -> bool {
        let mut known = lock(&self.known);
        if known.len() <= position as usize {
            known.resize(values.limit(), UNKNOWN);
        }
        let known = &mut known[position as usize];
        if *known == UNKNOWN {
            *known = if self.matcher.matches(symbols.text(value)) { YES } else { NO };
        }
        *known == YES
    }

    /// The positions of all values whose verdict is `wanted`.
    pub(crate) fn positions(&self, wanted: bool, values: &NameValues, symbols: &Symbols) -> Vec<u32> {
        values.iter().filter(|&(at, value)| self.at(at, value, values, symbols) == wanted).map(|v| v.0).collect()
    }
}
