//! Finding series by matchers.
//!
//! Equality and lists of literals are look-ups of postings, done first and
//! intersected, the shortest first. What is left (patterns, "has the label", "has
//! not") is asked of the values of its label, whose postings are united; or, when
//! fewer series than that are left, of each of them, every value once. A matcher
//! that a series without the label satisfies works by difference.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use hashbrown::HashMap;
use narthex_model::{MatchOp, Matcher};

use crate::error::Result;
use crate::file::Window;
use crate::index::{Index, SeriesEntry, SeriesId};
use crate::postings::{intersect, intersects, subtract, union};

/// How many values cost about as much to test as one series costs to read.
const VALUES_PER_SERIES: u64 = 2;

/// The values that a matcher names outright; `None` when it must be asked.
fn literals(matcher: &Matcher) -> Option<Vec<&str>> {
    match (matcher.op(), matcher.regex()) {
        (MatchOp::Equal | MatchOp::NotEqual, _) if !matcher.value().is_empty() => Some(vec![matcher.value()]),
        (MatchOp::Regex | MatchOp::NotRegex, Some(regex)) => {
            let literals = regex.literals()?;
            let has_empty = literals.iter().any(String::is_empty);
            (!has_empty).then(|| literals.iter().map(String::as_str).collect())
        }
        _ => None,
    }
}

fn look_up(index: &Index, name: &str, values: &[&str]) -> Result<Vec<u32>> {
    let lists = values.iter().map(|value| index.postings(name, value));
    Ok(union(lists.collect::<Result<_>>()?))
}

/// The series with a value of `name` for which `wanted` says yes.
fn scan(index: &Index, name: &str, prefix: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<u32>> {
    let mut lists = Vec::new();
    index.visit_values(name, prefix, |value, offset| {
        if wanted(value) {
            lists.push(index.postings_at(offset)?);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(union(lists))
}

/// The ids of the series that satisfy all matchers, ascending.
///
/// # Errors
/// When the index cannot be read.
pub(crate) fn select(index: &Index, matchers: &[Matcher]) -> Result<Vec<u32>> {
    let mut wanted: Vec<Vec<u32>> = Vec::new();
    let mut unwanted: Vec<(&str, Vec<&str>)> = Vec::new();
    // What must be asked, with whether it selects or excludes.
    let mut asked: Vec<&Matcher> = Vec::new();
    for matcher in matchers {
        let matches_empty = matcher.matches_empty();
        if matcher.op() == MatchOp::Regex && matcher.regex().is_some_and(|regex| regex.is_everything()) {
            continue;
        }
        match literals(matcher) {
            Some(values) if !matches_empty => {
                let list = look_up(index, matcher.name(), &values)?;
                if list.is_empty() {
                    return Ok(list);
                }
                wanted.push(list);
            }
            Some(values) => unwanted.push((matcher.name(), values)),
            None if index.value_count(matcher.name()) > 0 => asked.push(matcher),
            None if matches_empty => {}
            None => return Ok(Vec::new()),
        }
    }
    wanted.sort_by_key(Vec::len);
    let mut found = wanted.into_iter().reduce(|found, list| intersect(&found, &list));

    let mut of_each = Vec::new();
    asked.sort_by_key(|matcher| (matcher.matches_empty(), index.value_count(matcher.name())));
    for matcher in asked {
        let values = index.value_count(matcher.name());
        if found.as_ref().is_some_and(|found| found.len() as u64 * VALUES_PER_SERIES <= values) {
            of_each.push(matcher);
            continue;
        }
        if matcher.matches_empty() {
            let all = found.take().map_or_else(|| index.all_postings(), Ok)?;
            let removed = scan(index, matcher.name(), "", |value| !matcher.matches(value))?;
            let mut rest = all;
            subtract(&mut rest, &removed);
            found = Some(rest);
            continue;
        }
        let prefix = match (matcher.op(), matcher.regex()) {
            (MatchOp::Regex, Some(regex)) => regex.prefix(),
            _ => "",
        };
        let list = scan(index, matcher.name(), prefix, |value| matcher.matches(value))?;
        found = Some(match found {
            Some(found) => intersect(&found, &list),
            None => list,
        });
    }
    let mut found = found.map_or_else(|| index.all_postings(), Ok)?;
    for (name, values) in unwanted {
        if found.is_empty() {
            break;
        }
        subtract(&mut found, &look_up(index, name, &values)?);
    }
    if !of_each.is_empty() {
        ask_each(index, &of_each, &mut found)?;
    }
    Ok(found)
}

/// Keeps the series whose values the matchers accept.
fn ask_each(index: &Index, matchers: &[&Matcher], ids: &mut Vec<u32>) -> Result<()> {
    // By symbol of a name: which matchers look at it.
    let mut interested: HashMap<u32, Vec<usize>> = HashMap::new();
    let mut verdicts: Vec<HashMap<u32, bool>> = vec![HashMap::new(); matchers.len()];
    let matches_empty: Vec<bool> = matchers.iter().map(|matcher| matcher.matches_empty()).collect();
    let (mut entries, mut texts) = (Window::default(), Window::default());
    let mut entry = SeriesEntry::default();
    let mut kept = Vec::with_capacity(ids.len());
    let mut says = matches_empty.clone();
    for &id in ids.iter() {
        index.series(&mut entries, SeriesId(id), &mut entry)?;
        says.copy_from_slice(&matches_empty);
        for &(name, value) in &entry.labels {
            if !interested.contains_key(&name) {
                let text = index.symbol(&mut texts, name)?;
                let at = (0..matchers.len()).filter(|&at| matchers[at].name() == text);
                interested.insert(name, at.collect());
            }
            for &at in &interested[&name] {
                says[at] = match verdicts[at].get(&value) {
                    Some(&verdict) => verdict,
                    None => {
                        let verdict = matchers[at].matches(&index.symbol(&mut texts, value)?);
                        verdicts[at].insert(value, verdict);
                        verdict
                    }
                };
            }
        }
        if says.iter().all(|&yes| yes) {
            kept.push(id);
        }
    }
    *ids = kept;
    Ok(())
}

/// The texts of symbols, sorted; at most `limit` unless it is 0.
fn texts(index: &Index, symbols: BTreeSet<u32>, limit: usize) -> Result<Vec<String>> {
    let mut window = Window::default();
    let texts = symbols.into_iter().map(|symbol| Ok(index.symbol(&mut window, symbol)?.into_owned()));
    let mut texts = texts.collect::<Result<Vec<String>>>()?;
    texts.sort_unstable();
    if limit > 0 {
        texts.truncate(limit);
    }
    Ok(texts)
}

/// The label names of the series that satisfy all matchers, sorted.
pub(crate) fn label_names(index: &Index, matchers: &[Matcher], limit: usize) -> Result<Vec<String>> {
    if matchers.is_empty() {
        let most = if limit == 0 { usize::MAX } else { limit };
        return Ok(index.label_names().take(most).map(str::to_owned).collect());
    }
    let mut names = BTreeSet::new();
    let mut window = Window::default();
    let mut entry = SeriesEntry::default();
    for id in select(index, matchers)? {
        index.series(&mut window, SeriesId(id), &mut entry)?;
        names.extend(entry.labels.iter().map(|label| label.0));
    }
    texts(index, names, limit)
}

/// The values of `name` among the series that satisfy all matchers, sorted.
pub(crate) fn label_values(index: &Index, name: &str, matchers: &[Matcher], limit: usize) -> Result<Vec<String>> {
    let mut values = Vec::new();
    let is_enough = |values: &Vec<String>| limit > 0 && values.len() >= limit;
    let stop_if = |enough: bool| if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    if matchers.is_empty() {
        index.visit_values(name, "", |value, _| {
            values.push(value.to_owned());
            Ok(stop_if(is_enough(&values)))
        })?;
        return Ok(values);
    }
    let value_count = index.value_count(name);
    if value_count == 0 {
        return Ok(values);
    }
    let ids = select(index, matchers)?;
    if ids.len() as u64 <= value_count.saturating_mul(4) {
        let mut symbols = BTreeSet::new();
        let mut name_symbol = None;
        let (mut entries, mut window) = (Window::default(), Window::default());
        let mut entry = SeriesEntry::default();
        for id in ids {
            index.series(&mut entries, SeriesId(id), &mut entry)?;
            if name_symbol.is_none() {
                for &(symbol, _) in &entry.labels {
                    if index.symbol(&mut window, symbol)? == name {
                        name_symbol = Some(symbol);
                    }
                }
            }
            symbols.extend(entry.labels.iter().filter(|label| Some(label.0) == name_symbol).map(|label| label.1));
        }
        return texts(index, symbols, limit);
    }
    index.visit_values(name, "", |value, offset| {
        if intersects(&index.postings_at(offset)?, &ids) {
            values.push(value.to_owned());
        }
        Ok(stop_if(is_enough(&values)))
    })?;
    Ok(values)
}
