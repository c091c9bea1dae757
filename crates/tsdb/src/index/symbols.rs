//! Strings, each stored once.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Names a string within one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Symbol(pub(crate) u32);

/// The strings and how many uses each has. A string without uses is forgotten
/// and its number used again.
#[derive(Default)]
pub(crate) struct Symbols {
    texts: Vec<Box<str>>,
    uses: Vec<u32>,
    free: Vec<Symbol>,
    table: HashTable<Symbol>,
    hasher: DefaultHashBuilder,
    bytes: usize,
}

impl Symbols {
    pub(crate) fn text(&self, symbol: Symbol) -> &str {
        &self.texts[symbol.0 as usize]
    }

    /// How many numbers were handed out.
    pub(crate) fn limit(&self) -> usize {
        self.texts.len()
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, text: &str) -> Option<Symbol> {
        self.table.find(self.hasher.hash_one(text), |&symbol| self.text(symbol) == text).copied()
    }

    /// The hash of a label pair; the same in no two processes.
    pub(crate) fn hash_pair(&self, pair: (&str, &str)) -> u64 {
        self.hasher.hash_one(pair)
    }

    /// Finds or stores `text` and counts one use more.
    pub(crate) fn retain(&mut self, text: &str) -> Symbol {
        let hash = self.hasher.hash_one(text);
        if let Some(&symbol) = self.table.find(hash, |&symbol| *self.texts[symbol.0 as usize] == *text) {
            self.uses[symbol.0 as usize] += 1;
            return symbol;
        }
        self.bytes += text.len();
        let symbol = match self.free.pop() {
            Some(symbol) => {
                self.texts[symbol.0 as usize] = text.into();
                self.uses[symbol.0 as usize] = 1;
                symbol
            }
            None => {
                self.texts.push(text.into());
                self.uses.push(1);
                Symbol((self.texts.len() - 1) as u32)
            }
        };
        let (hasher, texts) = (&self.hasher, &self.texts);
        self.table.insert_unique(hash, symbol, |&symbol| hasher.hash_one(&*texts[symbol.0 as usize]));
        symbol
    }

    /// Counts one use less.
    pub(crate) fn release(&mut self, symbol: Symbol) {
        let at = symbol.0 as usize;
        self.uses[at] -= 1;
        if self.uses[at] > 0 {
            return;
        }
        let hash = self.hasher.hash_one(&*self.texts[at]);
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == symbol) {
            entry.remove();
        }
        self.bytes -= self.texts[at].len();
        self.texts[at] = Box::default();
        self.free.push(symbol);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_stored_once_and_forgotten_with_its_last_use() {
        let mut symbols = Symbols::default();
        let (a, b) = (symbols.retain("a"), symbols.retain("b"));
        assert_eq!(symbols.retain("a"), a);
        symbols.release(a);
        assert_eq!(symbols.get("a"), Some(a));
        symbols.release(a);
        assert_eq!((symbols.get("a"), symbols.get("b"), symbols.bytes()), (None, Some(b), 1));
        assert_eq!(symbols.retain("c"), a);
    }
}
