//! Reading an index.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use narthex_env::Files;
use narthex_model::Labels;

use super::symbols::Symbols;
use super::table::PostingsTable;
use super::toc::Toc;
use super::{HEADER_LEN, INDEX_FILE, SERIES_ALIGN};
use crate::codec::{Cursor, Decoded};
use crate::error::{Result, checksum_mismatch};
use crate::file::{PageCache, PagedFile, Run, Window};

/// Length, number of labels, number of chunks, checksum.
const SERIES_LEN_MIN: u64 = 1 + 1 + 1 + 4;

/// Names a series within one index: its place in the file, in units of 16 bytes
/// (format 1: of one). Ascending ids are ascending label sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u32);

/// Where a chunk is and what times it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkMeta {
    /// First timestamp, in milliseconds.
    pub min_ms: i64,
    /// Last timestamp.
    pub max_ms: i64,
    /// Number of its file, and its place there.
    pub reference: u64,
}

/// A series as the index has it. Reuse one for many.
#[derive(Clone, Debug, Default)]
pub struct SeriesEntry {
    /// Symbols of names and values, ascending by name.
    pub labels: Vec<(u32, u32)>,
    /// Its chunks, ascending, not overlapping.
    pub chunks: Vec<ChunkMeta>,
}

impl SeriesEntry {
    /// Reads what stands between an entry's length and its checksum.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Decoded<()> {
        let mut cursor = Cursor::new(bytes);
        self.labels.clear();
        self.chunks.clear();
        for _ in 0..cursor.uvarint()? {
            self.labels.push((cursor.uvarint32()?, cursor.uvarint32()?));
        }
        let mut before = ChunkMeta { min_ms: 0, max_ms: 0, reference: 0 };
        for number in 0..cursor.uvarint()? {
            let min_ms =
                if number == 0 { cursor.varint()? } else { before.max_ms.wrapping_add(cursor.uvarint()? as i64) };
            let max_ms = min_ms.wrapping_add(cursor.uvarint()? as i64);
            let reference =
                if number == 0 { cursor.uvarint()? } else { before.reference.wrapping_add(cursor.varint()? as u64) };
            before = ChunkMeta { min_ms, max_ms, reference };
            self.chunks.push(before);
        }
        Ok(())
    }
}

/// Symbols that a thread remembers the texts of, and how long such a text may be:
/// 2 MiB per thread that reads labels at most, a few dozen KiB as a rule.
const KNOWN_SYMBOLS_MAX: usize = 8192;
const KNOWN_SYMBOL_LEN_MAX: usize = 256;

thread_local! {
    /// Neighbours in an index have most symbols in common, and a look-up here costs a
    /// tenth of one in the file. By file and symbol.
    static SYMBOLS: RefCell<HashMap<(u64, u32), Box<str>>> = RefCell::default();
}

/// A label set from what an index says; of a damaged one still a set.
fn labels_of(pairs: Vec<(&str, &str)>) -> Labels {
    let is_valid = pairs.windows(2).all(|w| w[0].0 < w[1].0) && pairs.iter().all(|pair| !pair.1.is_empty());
    if is_valid { Labels::from_sorted(pairs) } else { Labels::from_pairs(pairs) }
}

/// An index file, open for reading.
pub struct Index {
    pub(crate) file: PagedFile,
    version: u8,
    toc: Toc,
    symbols: Symbols,
    table: PostingsTable,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.file.path).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index of the block in `dir`; checks contents, symbols and
    /// postings table.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or of an unknown version.
    pub fn open(files: &dyn Files, dir: &Path, cache: &Arc<PageCache>) -> Result<Index> {
        let file = PagedFile::open(files, &dir.join(INDEX_FILE), cache)?;
        let (version, toc) = Toc::read(&file)?;
        let symbols = Symbols::read(&file, toc.symbols, version)?;
        let table = PostingsTable::read(&file, toc.postings_table, version)?;
        Ok(Index { file, version, toc, symbols, table })
    }

    /// Its length in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.file.len
    }

    /// How many symbols it has.
    pub fn symbol_count(&self) -> u32 {
        self.symbols.count
    }

    /// The label names, sorted.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.table.names()
    }

    /// How many values a label has.
    pub fn value_count(&self, name: &str) -> u64 {
        self.table.value_count(name)
    }

    /// Visits the values of a label that begin with `prefix`, sorted, each with the
    /// offset of its postings, until told to stop.
    ///
    /// # Errors
    /// When the file cannot be read, and those of `visit`.
    pub fn visit_values(
        &self,
        name: &str,
        prefix: &str,
        mut visit: impl FnMut(&str, u64) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.table.visit(&self.file, name, prefix, &mut visit)
    }

    /// The series with a label value, ascending.
    ///
    /// # Errors
    /// When the file cannot be read or the list is damaged.
    pub fn postings(&self, name: &str, value: &str) -> Result<Vec<u32>> {
        match self.table.list(&self.file, name, value)? {
            Some(offset) => self.postings_at(offset),
            None => Ok(Vec::new()),
        }
    }

    /// All series, ascending.
    ///
    /// # Errors
    /// Likewise.
    pub fn all_postings(&self) -> Result<Vec<u32>> {
        self.table.all.map_or_else(|| Ok(Vec::new()), |offset| self.postings_at(offset))
    }

    /// How many series there are, without reading their list.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn series_count(&self) -> Result<u32> {
        let Some(offset) = self.table.all else { return Ok(0) };
        let mut count = [0; 4];
        self.file.read_exact(offset + 4, &mut count)?;
        Ok(u32::from_be_bytes(count))
    }

    /// The list at an offset that [`Index::visit_values`] gave.
    ///
    /// # Errors
    /// When the file cannot be read or the list is damaged.
    pub fn postings_at(&self, offset: u64) -> Result<Vec<u32>> {
        let mut head = [0; 4];
        self.file.read_exact(offset, &mut head)?;
        let len = u64::from(u32::from_be_bytes(head));
        let bytes = self.file.read_vec(offset + 4, len + 4)?;
        let (content, crc) = bytes.split_at(len as usize);
        let expected = u32::from_be_bytes(crc.try_into().expect("four bytes more were read"));
        let actual = crc32c::crc32c(content);
        if expected != actual {
            return Err(self.file.corrupt(offset, checksum_mismatch(expected, actual)));
        }
        let Some((count, ids)) = content.split_first_chunk::<4>() else {
            return Err(self.file.corrupt(offset, "invalid size"));
        };
        let count = u64::from(u32::from_be_bytes(*count));
        if ids.len() as u64 != count * 4 {
            return Err(self.file.corrupt(offset, "unexpected postings length"));
        }
        let ids = ids.as_chunks::<4>().0.iter().map(|&id| u32::from_be_bytes(id)).collect::<Vec<_>>();
        if !ids.is_sorted() {
            return Err(self.file.corrupt(offset, "postings are not sorted"));
        }
        Ok(ids)
    }

    fn series_offset(&self, id: SeriesId) -> u64 {
        let unit = if self.version == 1 { 1 } else { SERIES_ALIGN };
        u64::from(id.0) * unit
    }

    /// Reads a series, checking it, into `entry`.
    ///
    /// # Errors
    /// When there is none or it is damaged.
    pub(crate) fn series(&self, window: &mut Window, id: SeriesId, entry: &mut SeriesEntry) -> Result<()> {
        let offset = self.series_offset(id);
        let bytes = window.framed(&self.file, offset)?;
        entry.decode(bytes).map_err(|_| self.file.corrupt(offset, "invalid series"))?;
        for &(name, value) in &entry.labels {
            self.symbols.check(&self.file, name)?;
            self.symbols.check(&self.file, value)?;
        }
        Ok(())
    }

    /// The text of a symbol.
    ///
    /// # Errors
    /// When there is none, or the file cannot be read.
    pub(crate) fn symbol<'w>(&self, window: &'w mut Window, number: u32) -> Result<Cow<'w, str>> {
        self.symbols.text(&self.file, window, number)
    }

    /// The label set of these symbols.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn labels(&self, window: &mut Window, pairs: &[(u32, u32)]) -> Result<Labels> {
        SYMBOLS.with_borrow_mut(|known| {
            if known.len() + 2 * pairs.len() > KNOWN_SYMBOLS_MAX {
                known.clear();
            }
            for number in pairs.iter().flat_map(|&(name, value)| [name, value]) {
                if !known.contains_key(&(self.file.id, number)) {
                    let text = self.symbol(window, number)?;
                    if text.len() > KNOWN_SYMBOL_LEN_MAX {
                        return self.labels_unknown(window, pairs);
                    }
                    known.insert((self.file.id, number), text.into());
                }
            }
            let text = |number: u32| known.get(&(self.file.id, number)).map_or("", |text| &**text);
            Ok(labels_of(pairs.iter().map(|&(name, value)| (text(name), text(value))).collect()))
        })
    }

    /// The label set of these symbols, all of them read.
    fn labels_unknown(&self, window: &mut Window, pairs: &[(u32, u32)]) -> Result<Labels> {
        let mut texts = Vec::with_capacity(pairs.len());
        for &(name, value) in pairs {
            texts.push((self.symbol(window, name)?.into_owned(), self.symbol(window, value)?.into_owned()));
        }
        Ok(labels_of(texts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()))
    }

    /// All symbols in order.
    pub(crate) fn all_symbols(&self) -> Result<SymbolsRun<'_>> {
        let mut run = Run::section(&self.file, self.toc.symbols)?;
        let left = run.u32()?;
        Ok(SymbolsRun { run, left })
    }

    /// All series in order of the file, which is that of their labels.
    pub(crate) fn all_series(&self) -> Result<SeriesRun<'_>> {
        let align = if self.version == 1 { 1 } else { SERIES_ALIGN };
        // In format 1 label indices follow at once, in format 2 whatever is next.
        let end = [self.toc.label_indices, self.toc.postings, self.toc.label_index_table, self.toc.postings_table]
            .into_iter()
            .filter(|&end| end >= self.toc.series)
            .min()
            .unwrap_or(self.toc.series);
        debug_assert!(self.toc.series >= HEADER_LEN);
        Ok(SeriesRun { index: self, run: Run::new(&self.file, self.toc.series, end), align, end })
    }

    /// Whether symbols are numbered from 0 on, as in format 2.
    pub(crate) fn has_numbered_symbols(&self) -> bool {
        self.version != 1
    }
}

/// The symbols of an index, one after the other.
pub(crate) struct SymbolsRun<'a> {
    run: Run<'a>,
    left: u32,
}

impl SymbolsRun<'_> {
    /// The next symbol, with its number if symbols are numbered by their place.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, String)>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let place = self.run.position() as u32;
        Ok(Some((place, String::from_utf8_lossy(self.run.text()?).into_owned())))
    }
}

/// The series of an index, one after the other.
pub(crate) struct SeriesRun<'a> {
    index: &'a Index,
    run: Run<'a>,
    align: u64,
    end: u64,
}

impl SeriesRun<'_> {
    /// Reads the next series into `entry`; `None` behind the last.
    pub(crate) fn next(&mut self, entry: &mut SeriesEntry) -> Result<Option<SeriesId>> {
        let file = &self.index.file;
        let padding = self.run.position().next_multiple_of(self.align) - self.run.position();
        // What is padded may be the next section.
        if self.run.position() + padding + SERIES_LEN_MIN > self.end {
            return Ok(None);
        }
        self.run.take(padding as usize)?;
        let offset = self.run.position();
        let len = usize::try_from(self.run.uvarint()?).map_err(|_| file.corrupt(offset, "invalid size"))?;
        let whole = len.checked_add(4).ok_or_else(|| file.corrupt(offset, "invalid size"))?;
        let bytes = self.run.take(whole)?;
        let (content, crc) = bytes.split_at(len);
        let expected = u32::from_be_bytes(crc.try_into().expect("four bytes more were taken"));
        let actual = crc32c::crc32c(content);
        if expected != actual {
            return Err(file.corrupt(offset, checksum_mismatch(expected, actual)));
        }
        entry.decode(content).map_err(|_| file.corrupt(offset, "invalid series"))?;
        for &(name, value) in &entry.labels {
            self.index.symbols.check(file, name)?;
            self.index.symbols.check(file, value)?;
        }
        let id = u32::try_from(offset / self.align).map_err(|_| file.corrupt(offset, "a series beyond 64 GiB"))?;
        Ok(Some(SeriesId(id)))
    }
}
