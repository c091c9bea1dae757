//! Where the postings of each label value are.
//!
//! In format 2 the table is sorted by name and value; every 32nd value of a name
//! is in memory with its place, and its last. In format 1 the order is that in
//! which the writer came by, and all of it is in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::error::Result;
use crate::file::{PagedFile, Run};

const STRIDE: u64 = 32;

/// The values of one name.
struct Name {
    name: String,
    count: u64,
    /// Every 32nd value, and its file position.
    samples: Vec<(String, u64)>,
    /// File position behind the last.
    end: u64,
}

enum Order {
    Sorted(Vec<Name>),
    Any(BTreeMap<String, BTreeMap<String, u64>>),
}

pub(crate) struct PostingsTable {
    order: Order,
    /// Of the list of all series.
    pub(crate) all: Option<u64>,
}

/// A row: name, value and the offset of the list.
fn row(file: &PagedFile, run: &mut Run<'_>, name: &mut Vec<u8>, value: &mut Vec<u8>) -> Result<u64> {
    let at = run.position();
    let keys = run.uvarint()?;
    if keys != 2 {
        return Err(file.corrupt(at, format!("unexpected key length for posting table {keys}")));
    }
    name.clear();
    name.extend_from_slice(run.text()?);
    value.clear();
    value.extend_from_slice(run.text()?);
    run.uvarint()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl PostingsTable {
    /// Reads through the section and checks it.
    pub(crate) fn read(file: &PagedFile, offset: u64, version: u8) -> Result<PostingsTable> {
        let mut run = Run::section(file, offset)?;
        let rows = run.u32()?;
        let (mut name, mut value) = (Vec::new(), Vec::new());
        let mut all = None;
        let mut names: Vec<Name> = Vec::new();
        let mut any: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let mut last_value = Vec::new();
        for _ in 0..rows {
            let at = run.position();
            let list = row(file, &mut run, &mut name, &mut value)?;
            if name.is_empty() && value.is_empty() {
                all = Some(list);
                continue;
            }
            if version == 1 {
                any.entry(text(&name)).or_default().insert(text(&value), list);
                continue;
            }
            let is_new = names.last().is_none_or(|last| last.name.as_bytes() != name);
            let is_sorted = if is_new {
                names.last().is_none_or(|last| last.name.as_bytes() < name.as_slice())
            } else {
                last_value < value
            };
            if !is_sorted {
                return Err(file.corrupt(at, "the postings table is not sorted"));
            }
            if is_new {
                names.push(Name { name: text(&name), count: 0, samples: Vec::new(), end: at });
            }
            let Some(entry) = names.last_mut() else { continue };
            if entry.count % STRIDE == 0 {
                entry.samples.push((text(&value), at));
            }
            entry.count += 1;
            entry.end = run.position();
            std::mem::swap(&mut last_value, &mut value);
        }
        run.finish()?;
        let order = if version == 1 { Order::Any(any) } else { Order::Sorted(names) };
        Ok(PostingsTable { order, all })
    }

    /// The label names, sorted.
    pub(crate) fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match &self.order {
            Order::Sorted(names) => Box::new(names.iter().map(|name| name.name.as_str())),
            Order::Any(names) => Box::new(names.keys().map(String::as_str)),
        }
    }

    fn find<'a>(names: &'a [Name], name: &str) -> Option<&'a Name> {
        let at = names.binary_search_by(|n| n.name.as_str().cmp(name)).ok()?;
        Some(&names[at])
    }

    /// How many values a name has.
    pub(crate) fn value_count(&self, name: &str) -> u64 {
        match &self.order {
            Order::Sorted(names) => PostingsTable::find(names, name).map_or(0, |name| name.count),
            Order::Any(names) => names.get(name).map_or(0, |values| values.len() as u64),
        }
    }

    /// The offset of the list of a label value.
    pub(crate) fn list(&self, file: &PagedFile, name: &str, value: &str) -> Result<Option<u64>> {
        let names = match &self.order {
            Order::Any(names) => return Ok(names.get(name).and_then(|values| values.get(value)).copied()),
            Order::Sorted(names) => names,
        };
        let Some(entry) = PostingsTable::find(names, name) else { return Ok(None) };
        let after = entry.samples.partition_point(|sample| sample.0.as_str() <= value);
        let Some(before) = after.checked_sub(1) else { return Ok(None) };
        let start = entry.samples[before].1;
        let end = entry.samples.get(after).map_or(entry.end, |sample| sample.1);
        let mut found = None;
        PostingsTable::scan(file, start, end, &mut |at, list| {
            if at.as_bytes() < value.as_bytes() {
                return Ok(ControlFlow::Continue(()));
            }
            found = (at == value).then_some(list);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    fn scan(file: &PagedFile, start: u64, end: u64, visit: Visit<'_>) -> Result<()> {
        let mut run = Run::new(file, start, end);
        let (mut name, mut value) = (Vec::new(), Vec::new());
        while !run.is_at_end() {
            let list = row(file, &mut run, &mut name, &mut value)?;
            if visit(&String::from_utf8_lossy(&value), list)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Visits the values of a name from `prefix` on that begin with it, in order,
    /// each with the offset of its list.
    pub(crate) fn visit(&self, file: &PagedFile, name: &str, prefix: &str, visit: Visit<'_>) -> Result<()> {
        match &self.order {
            Order::Any(names) => {
                for (value, &list) in names.get(name).into_iter().flat_map(|v| v.range(prefix.to_owned()..)) {
                    if !value.starts_with(prefix) || visit(value, list)?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Order::Sorted(names) => {
                let Some(entry) = PostingsTable::find(names, name) else { return Ok(()) };
                let first = entry.samples.partition_point(|sample| sample.0.as_str() <= prefix).saturating_sub(1);
                let start = entry.samples.get(first).map_or(entry.end, |sample| sample.1);
                PostingsTable::scan(file, start, entry.end, &mut |value, list| {
                    if value.starts_with(prefix) {
                        return visit(value, list);
                    }
                    let is_behind = value > prefix;
                    Ok(if is_behind { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })
            }
        }
    }
}

/// What is done with a value and the offset of its list.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&str, u64) -> Result<ControlFlow<()>>;
