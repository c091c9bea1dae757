//! For every label name its values, for every value the halves that have it.

use std::sync::{Arc, Mutex};

use hashbrown::HashMap;

use super::halves::HalfId;
use super::id_set::IdSet;
use super::symbols::{Symbol, Symbols};
use crate::sync::lock;

/// The values of one label name. A value has a position, which regular
/// expressions' verdicts are kept by.
#[derive(Default)]
pub(crate) struct NameValues {
    values: Vec<Value>,
    positions: HashMap<Symbol, u32>,
    free: Vec<u32>,
    /// Changes when a position is given to another value.
    pub(crate) generation: u64,
    sorted: Mutex<Option<Arc<[Symbol]>>>,
}

struct Value {
    symbol: Symbol,
    halves: IdSet,
}

/// All label names.
#[derive(Default)]
pub(crate) struct Values {
    names: HashMap<Symbol, NameValues>,
    generation: u64,
}

impl Values {
    pub(crate) fn add(&mut self, name: Symbol, value: Symbol, half: HalfId) {
        let of_name = self.names.entry(name).or_insert_with(|| {
            // A name that comes back must not be taken for its former self.
            self.generation += 1;
            NameValues { generation: self.generation, ..NameValues::default() }
        });
        let position = match of_name.positions.get(&value) {
            Some(&position) => position,
            None => of_name.add(value, &mut self.generation),
        };
        of_name.values[position as usize].halves.insert(half.0);
    }

    pub(crate) fn remove(&mut self, name: Symbol, value: Symbol, half: HalfId) {
        let Some(of_name) = self.names.get_mut(&name) else { return };
        let Some(&position) = of_name.positions.get(&value) else { return };
        let halves = &mut of_name.values[position as usize].halves;
        halves.remove(half.0);
        if halves.is_empty() {
            of_name.positions.remove(&value);
            of_name.free.push(position);
            *lock(&of_name.sorted) = None;
        }
        if of_name.positions.is_empty() {
            self.names.remove(&name);
        }
    }

    pub(crate) fn get(&self, name: Symbol) -> Option<&NameValues> {
        self.names.get(&name)
    }

    /// All names, in no order.
    pub(crate) fn names(&self) -> impl Iterator<Item = (Symbol, &NameValues)> {
        self.names.iter().map(|(&name, values)| (name, values))
    }
}

impl NameValues {
    fn add(&mut self, symbol: Symbol, generation: &mut u64) -> u32 {
        let value = Value { symbol, halves: IdSet::default() };
        let position = match self.free.pop() {
            Some(position) => {
                *generation += 1;
                self.generation = *generation;
                self.values[position as usize] = value;
                position
            }
            None => {
                self.values.push(value);
                (self.values.len() - 1) as u32
            }
        };
        self.positions.insert(symbol, position);
        *lock(&self.sorted) = None;
        position
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.positions.len()
    }

    /// How many positions there are, some of them perhaps vacant.
    pub(crate) fn limit(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn position(&self, value: Symbol) -> Option<u32> {
        self.positions.get(&value).copied()
    }

    /// The halves that have the value at a position; none when it is vacant.
    pub(crate) fn halves(&self, position: u32) -> &IdSet {
        &self.values[position as usize].halves
    }

    /// The values with their positions, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Symbol)> + '_ {
        let all = self.values.iter().enumerate();
        all.filter(|(_, value)| !value.halves.is_empty()).map(|(position, value)| (position as u32, value.symbol))
    }

    /// The values by ascending text.
    pub(crate) fn sorted(&self, symbols: &Symbols) -> Arc<[Symbol]> {
        let mut sorted = lock(&self.sorted);
        let make = || {
            let mut values: Vec<Symbol> = self.positions.keys().copied().collect();
            values.sort_unstable_by(|&a, &b| symbols.text(a).cmp(symbols.text(b)));
            values.into()
        };
        sorted.get_or_insert_with(make).clone()
    }
}
