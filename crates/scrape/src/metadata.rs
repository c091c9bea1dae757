//! What targets say about their metric families: type, help and unit, for the
//! API. Ten thousand targets say the same few hundred things, so every text is
//! kept once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use narthex_model::{Metadata, MetricType};

/// For how many scrapes what a target does not say any more is kept.
const SCRAPES_KEPT: u32 = 10;

/// One metric family as targets describe it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Family {
    /// The name of the family.
    pub name: String,
    /// What is said about it.
    pub metadata: Metadata,
}

/// All different families of all targets.
#[derive(Debug, Default)]
pub(crate) struct FamilyInterner {
    /// Guards the set; held for one look-up or one sweep.
    inner: Mutex<Interned>,
}

#[derive(Debug, Default)]
struct Interned {
    families: HashSet<Arc<Family>>,
    /// At this size, those that no target says any more are thrown out.
    sweep_len: usize,
}

impl FamilyInterner {
    fn intern(&self, family: Family) -> Arc<Family> {
        let mut inner = lock(&self.inner);
        if let Some(known) = inner.families.get(&family) {
            return Arc::clone(known);
        }
        if inner.families.len() >= inner.sweep_len {
            inner.families.retain(|family| Arc::strong_count(family) > 1);
            inner.sweep_len = (2 * inner.families.len()).max(1024);
        }
        let family = Arc::new(family);
        inner.families.insert(Arc::clone(&family));
        family
    }
}

/// What a line said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Saying {
    Type(MetricType),
    Help(String),
    Unit(String),
}

/// A line with metadata that was not known.
#[derive(Clone, Debug)]
pub(crate) struct NewSaying {
    pub(crate) name_hash: u64,
    pub(crate) name: String,
    pub(crate) saying: Saying,
}

/// What one target says. Shared by the scrape loop, which writes it now and then,
/// and the API.
#[derive(Debug, Default)]
pub(crate) struct FamilyTable {
    /// Guards the families; sorted by the hash of their names, which only the loop knows.
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug)]
struct Slot {
    name_hash: u64,
    family: Arc<Family>,
    /// The scrape, by count, since which nothing is said of it.
    gone_since: Option<u32>,
}

impl FamilyTable {
    /// The families, by name.
    pub(crate) fn families(&self) -> Vec<Arc<Family>> {
        let mut families: Vec<_> = lock(&self.slots).iter().map(|slot| Arc::clone(&slot.family)).collect();
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families
    }

    /// Count and bytes of what is kept for this target, texts counted in full.
    pub(crate) fn size(&self) -> (usize, usize) {
        let slots = lock(&self.slots);
        let bytes = |slot: &Slot| {
            let Metadata { help, unit, metric_type } = &slot.family.metadata;
            help.len() + unit.len() + metric_type.as_str().len()
        };
        (slots.len(), slots.iter().map(bytes).sum())
    }

    /// Takes over everything from another table, which is empty then.
    pub(crate) fn take_over(&self, other: &FamilyTable) {
        if !std::ptr::eq(self, other) {
            let slots = std::mem::take(&mut *lock(&other.slots));
            *lock(&self.slots) = slots;
        }
    }

    /// Takes over what new lines said.
    pub(crate) fn say(&self, sayings: &mut Vec<NewSaying>, interner: &FamilyInterner) {
        // Lines of one family stand together; each family is interned once.
        sayings.sort_by_key(|new| new.name_hash);
        let mut slots = lock(&self.slots);
        let mut pending: Option<(u64, Family)> = None;
        for NewSaying { name_hash, name, saying } in sayings.drain(..) {
            let (_, family) = match &mut pending {
                Some(current) if current.0 == name_hash => current,
                _ => {
                    if let Some(done) = pending.take() {
                        put(&mut slots, done, interner);
                    }
                    let at = slots.binary_search_by_key(&name_hash, |slot| slot.name_hash);
                    let metadata = at.map(|at| slots[at].family.metadata.clone()).unwrap_or_default();
                    pending.insert((name_hash, Family { name, metadata }))
                }
            };
            match saying {
                Saying::Type(metric_type) => family.metadata.metric_type = metric_type,
                Saying::Help(help) => family.metadata.help = help,
                Saying::Unit(unit) => family.metadata.unit = unit,
            }
        }
        if let Some(done) = pending {
            put(&mut slots, done, interner);
        }
    }

    /// Notes which families the lines of scrape number `scrape` speak of.
    pub(crate) fn retain(&self, scrape: u32, name_hashes: &mut [u64]) {
        name_hashes.sort_unstable();
        for slot in lock(&self.slots).iter_mut() {
            match name_hashes.binary_search(&slot.name_hash) {
                Ok(_) => slot.gone_since = None,
                Err(_) => {
                    slot.gone_since.get_or_insert(scrape);
                }
            }
        }
    }

    /// Forgets families that are gone for long. Says whether others are waiting for it.
    pub(crate) fn forget(&self, scrape: u32) -> bool {
        let mut slots = lock(&self.slots);
        slots.retain(|slot| slot.gone_since.is_none_or(|since| scrape.wrapping_sub(since) < SCRAPES_KEPT));
        slots.iter().any(|slot| slot.gone_since.is_some())
    }
}

fn put(slots: &mut Vec<Slot>, (name_hash, family): (u64, Family), interner: &FamilyInterner) {
    let family = interner.intern(family);
    match slots.binary_search_by_key(&name_hash, |slot| slot.name_hash) {
        Ok(at) => slots[at].family = family,
        Err(at) => slots.insert(at, Slot { name_hash, family, gone_since: None }),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name_hash: u64, name: &str, saying: Saying) -> NewSaying {
        NewSaying { name_hash, name: name.into(), saying }
    }

    #[test]
    fn lines_about_one_family_add_up() {
        let (table, interner) = (FamilyTable::default(), FamilyInterner::default());
        let mut sayings = vec![
            new(2, "b", Saying::Help("old".into())),
            new(1, "a", Saying::Type(MetricType::Gauge)),
            new(2, "b", Saying::Type(MetricType::Counter)),
            new(2, "b", Saying::Help("new".into())),
        ];
        table.say(&mut sayings, &interner);
        table.say(&mut vec![new(1, "a", Saying::Unit("s".into()))], &interner);
        let told: Vec<_> = table
            .families()
            .iter()
            .map(|f| format!("{} {} {:?} {:?}", f.name, f.metadata.metric_type, f.metadata.help, f.metadata.unit))
            .collect();
        assert_eq!(told, [r#"a gauge "" "s""#, r#"b counter "new" """#]);
        assert_eq!(table.size(), (2, "gauges".len() + "counternew".len()));
    }

    #[test]
    fn equal_families_of_two_targets_are_one() {
        let interner = FamilyInterner::default();
        let tables = [FamilyTable::default(), FamilyTable::default()];
        for table in &tables {
            table.say(&mut vec![new(1, "a", Saying::Help("h".into()))], &interner);
        }
        assert!(Arc::ptr_eq(&tables[0].families()[0], &tables[1].families()[0]));
    }

    #[test]
    fn a_family_is_forgotten_ten_scrapes_after_its_last_line() {
        let (table, interner) = (FamilyTable::default(), FamilyInterner::default());
        table.say(&mut vec![new(1, "a", Saying::Help("h".into())), new(2, "b", Saying::Help("h".into()))], &interner);
        table.retain(5, &mut [2]);
        assert!(table.forget(14));
        assert_eq!(table.families().len(), 2);
        assert!(!table.forget(15));
        assert_eq!(table.families().len(), 1);
    }
}
