//! Writing an index of format 2.
//!
//! Files only grow, but a section's length stands before its content. So symbols
//! and postings table, whose length nobody knows beforehand, are first written to
//! temporary files beside. Postings are gathered name by name in passes over the
//! series just written; a pass takes as many names as fit a fixed budget, so that
//! memory does not grow with the block.
//!
//! Memory: 4 bytes per series and per 32 symbols, 4 bytes per label name, and the
//! budget ([`PASS_ENTRIES_MAX`] × 8 bytes).

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use narthex_env::{File, Files};
use narthex_model::Labels;

use super::reader::{ChunkMeta, SeriesEntry};
use super::symbols::Symbols;
use super::toc::Toc;
use super::{HEADER_LEN, INDEX_FILE, MAGIC, SERIES_ALIGN};
use crate::codec::{put_text, put_u32, put_uvarint, put_varint};
use crate::error::{BlockError, Result, io_error};
use crate::file::{PageCache, PagedFile, Run, Window};

const VERSION: u8 = 2;
const SYMBOLS_FILE: &str = "symbols.tmp";
const TABLE_FILE: &str = "postings_table.tmp";
const BUFFER_LEN: usize = 1 << 20;
/// Pairs of value and series that one pass gathers at most, but for a single name.
pub(crate) const PASS_ENTRIES_MAX: u64 = 4 << 20;
const FILE_LEN_MAX: u64 = 64 << 30;
/// Pages for the texts of symbols while the postings are written.
const CACHE_LEN: usize = 1 << 20;

/// A file written from its beginning to its end.
struct Out {
    file: Arc<dyn File>,
    path: PathBuf,
    buffer: Vec<u8>,
    flushed: u64,
}

impl Out {
    fn create(files: &dyn Files, path: PathBuf) -> Result<Out> {
        let file = files.create(&path).map_err(io_error("create", &path))?;
        Ok(Out { file, path, buffer: Vec::new(), flushed: 0 })
    }

    fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    fn flush(&mut self) -> Result<()> {
        self.file.append(&self.buffer).map_err(io_error("write", &self.path))?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// To be called between writes.
    fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.len() >= BUFFER_LEN { self.flush() } else { Ok(()) }
    }

    fn pad(&mut self, align: u64) {
        let padding = self.position().next_multiple_of(align) - self.position();
        self.buffer.resize(self.buffer.len() + padding as usize, 0);
    }

    /// Appends the checksum of the buffer from `start` on.
    fn put_crc(&mut self, start: usize) {
        let crc = crc32c::crc32c(&self.buffer[start..]);
        put_u32(&mut self.buffer, crc);
    }
}

/// Which part is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Symbols,
    Series,
}

/// Writes the index of a block: first all symbols, then all series, both sorted.
pub struct IndexWriter {
    files: Arc<dyn Files>,
    dir: PathBuf,
    out: Out,
    stage: Stage,
    symbols_out: Option<Out>,
    symbol_count: u32,
    last_symbol: String,
    toc: Toc,
    last: Vec<(u32, u32)>,
    ids: Vec<u32>,
    /// By symbol of a name: how many series have that label.
    series_of_name: std::collections::BTreeMap<u32, u64>,
    entry: Vec<u8>,
    pass_entries_max: u64,
}

impl IndexWriter {
    /// Begins the index file in `dir`.
    ///
    /// # Errors
    /// The system's.
    pub fn create(files: Arc<dyn Files>, dir: &Path) -> Result<IndexWriter> {
        let mut out = Out::create(&*files, dir.join(INDEX_FILE))?;
        put_u32(&mut out.buffer, MAGIC);
        out.buffer.push(VERSION);
        let symbols_out = Some(Out::create(&*files, dir.join(SYMBOLS_FILE))?);
        Ok(IndexWriter {
            files,
            dir: dir.to_path_buf(),
            out,
            stage: Stage::Symbols,
            symbols_out,
            symbol_count: 0,
            last_symbol: String::new(),
            toc: Toc { symbols: HEADER_LEN, ..Toc::default() },
            last: Vec::new(),
            ids: Vec::new(),
            series_of_name: std::collections::BTreeMap::new(),
            entry: Vec::new(),
            pass_entries_max: PASS_ENTRIES_MAX,
        })
    }

    #[cfg(test)]
    pub(crate) fn set_pass_entries_max(&mut self, entries: u64) {
        self.pass_entries_max = entries;
    }

    /// Adds a symbol: `""` and every label name and value, ascending, each once. The
    /// first has number 0.
    ///
    /// # Errors
    /// When it is out of order, or the system's.
    pub fn add_symbol(&mut self, symbol: &str) -> Result<u32> {
        let number = self.symbol_count;
        if number > 0 && symbol <= self.last_symbol.as_str() {
            return Err(BlockError::Invalid(format!("symbol {symbol:?} out-of-order")));
        }
        let Some(out) = &mut self.symbols_out else {
            return Err(BlockError::Invalid("symbols come before series".into()));
        };
        self.last_symbol.clear();
        self.last_symbol.push_str(symbol);
        put_text(&mut out.buffer, symbol);
        self.symbol_count += 1;
        out.flush_if_full()?;
        Ok(number)
    }

    /// Copies what was written beside, behind its count, as a section.
    fn put_section(&mut self, count: u32, mut spool: Out) -> Result<()> {
        spool.flush()?;
        let too_long = || {
            let len = spool.flushed + 4;
            BlockError::Invalid(match self.stage {
                Stage::Symbols => format!("symbol table size exceeds 4294967295 bytes: {len}"),
                Stage::Series => format!("length size exceeds 4 bytes: {len}"),
            })
        };
        let len = u32::try_from(spool.flushed + 4).map_err(|_| too_long())?;
        put_u32(&mut self.out.buffer, len);
        let mut crc = crc32c::crc32c(&count.to_be_bytes());
        put_u32(&mut self.out.buffer, count);
        let mut at = 0;
        while at < spool.flushed {
            let more = (spool.flushed - at).min(BUFFER_LEN as u64) as usize;
            let start = self.out.buffer.len();
            self.out.buffer.resize(start + more, 0);
            spool.file.read_exact_at(&mut self.out.buffer[start..], at).map_err(io_error("read", &spool.path))?;
            crc = crc32c::crc32c_append(crc, &self.out.buffer[start..]);
            at += more as u64;
            self.out.flush_if_full()?;
        }
        put_u32(&mut self.out.buffer, crc);
        drop(spool.file);
        self.files.remove_file(&spool.path).map_err(io_error("remove", &spool.path))
    }

    fn end_symbols(&mut self) -> Result<()> {
        if let Some(spool) = self.symbols_out.take() {
            self.put_section(self.symbol_count, spool)?;
            self.stage = Stage::Series;
            self.toc.series = self.out.position();
        }
        Ok(())
    }

    /// Adds a series: symbols of its names and values, ascending by name; series
    /// come in ascending order of their label sets, which is that of the numbers.
    ///
    /// # Errors
    /// When an order is broken, in upstream's words, or the system's.
    pub fn add_series(&mut self, labels: &[(u32, u32)], chunks: &[ChunkMeta]) -> Result<()> {
        self.end_symbols()?;
        if !self.ids.is_empty() && labels.cmp(&self.last) != Ordering::Greater {
            let shown = self.show(labels);
            return Err(BlockError::Invalid(format!("out-of-order series added with label set {shown}")));
        }
        if labels.iter().any(|&(name, value)| name.max(value) >= self.symbol_count) {
            return Err(BlockError::Invalid("symbol entry for a label does not exist".into()));
        }
        check_chunks(chunks)?;
        self.out.pad(SERIES_ALIGN);
        let position = self.out.position();
        if position > FILE_LEN_MAX {
            let path = self.out.path.display();
            return Err(BlockError::Invalid(format!("\"{path}\" exceeding max size of 64GiB")));
        }
        self.ids.push((position / SERIES_ALIGN) as u32);
        self.last.clear();
        self.last.extend_from_slice(labels);
        put_series(&mut self.entry, labels, chunks);
        put_uvarint(&mut self.out.buffer, self.entry.len() as u64);
        let start = self.out.buffer.len();
        self.out.buffer.extend_from_slice(&self.entry);
        self.out.put_crc(start);
        for &(name, _) in labels {
            *self.series_of_name.entry(name).or_default() += 1;
        }
        self.out.flush_if_full()
    }

    /// A label set for a message.
    fn show(&mut self, labels: &[(u32, u32)]) -> String {
        let mut show = || -> Result<Labels> {
            self.out.flush()?;
            let (file, symbols) = self.written_symbols()?;
            let mut window = Window::default();
            let mut texts = Vec::new();
            for number in labels.iter().flat_map(|&(name, value)| [name, value]) {
                texts.push(symbols.text(&file, &mut window, number)?.into_owned());
            }
            Ok(Labels::from_pairs(texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()))))
        };
        show().map_or_else(|_| format!("{labels:?}"), |labels| labels.to_string())
    }

    /// The symbols, open for reading.
    fn written_symbols(&self) -> Result<(PagedFile, Symbols)> {
        let file = PagedFile::open(&*self.files, &self.out.path, &PageCache::new(CACHE_LEN))?;
        let symbols = Symbols::read(&file, self.toc.symbols, VERSION)?;
        Ok((file, symbols))
    }

    /// Writes postings, table and contents, and makes the file durable; returns its length.
    ///
    /// # Errors
    /// The system's, or a table that is too long.
    pub fn finish(mut self) -> Result<u64> {
        self.end_symbols()?;
        let series_end = self.out.position();
        self.toc.label_indices = series_end;
        self.toc.postings = series_end;
        self.out.flush()?;
        let (file, symbols) = self.written_symbols()?;
        let mut table = Table { out: Out::create(&*self.files, self.dir.join(TABLE_FILE))?, rows: 0 };
        let ids = std::mem::take(&mut self.ids);
        self.put_postings(&mut table, "", "", &ids)?;
        drop(ids);

        let names: Vec<(u32, u64)> = std::mem::take(&mut self.series_of_name).into_iter().collect();
        let mut rest = &names[..];
        while !rest.is_empty() {
            let (mut gathered, mut taken) = (0, 0);
            while taken < rest.len() && (taken == 0 || gathered + rest[taken].1 <= self.pass_entries_max) {
                gathered += rest[taken].1;
                taken += 1;
            }
            let (now, later) = rest.split_at(taken);
            self.put_names(&mut table, now, &file, &symbols, series_end)?;
            rest = later;
        }

        self.toc.postings_table = self.out.position();
        self.toc.label_index_table = self.toc.postings_table;
        let Table { out, rows } = table;
        self.put_section(rows, out)?;
        self.toc.put(&mut self.out.buffer);
        self.out.flush()?;
        self.out.file.sync_data().map_err(io_error("sync", &self.out.path))?;
        Ok(self.out.position())
    }

    /// Writes the postings of some names, ascending, in one pass over the series.
    fn put_names(
        &mut self,
        table: &mut Table,
        names: &[(u32, u64)],
        file: &PagedFile,
        symbols: &Symbols,
        series_end: u64,
    ) -> Result<()> {
        let mut gathered: Vec<Vec<(u32, u32)>> =
            names.iter().map(|&(_, series)| Vec::with_capacity(series as usize)).collect();
        let mut run = Run::new(file, self.toc.series, series_end);
        let mut entry = SeriesEntry::default();
        loop {
            let padding = run.position().next_multiple_of(SERIES_ALIGN) - run.position();
            if run.position() + padding >= series_end {
                break;
            }
            run.take(padding as usize)?;
            let offset = run.position();
            let len = run.uvarint()? as usize;
            let content = &run.take(len + 4)?[..len];
            entry.decode(content).map_err(|_| file.corrupt(offset, "invalid series"))?;
            let id = (offset / SERIES_ALIGN) as u32;
            for &(name, value) in &entry.labels {
                if let Ok(at) = names.binary_search_by_key(&name, |name| name.0) {
                    gathered[at].push((value, id));
                }
            }
        }
        let mut window = Window::default();
        let mut ids = Vec::new();
        for (&(name, _), mut pairs) in names.iter().zip(gathered) {
            pairs.sort_unstable();
            let name = symbols.text(file, &mut window, name)?.into_owned();
            for same_value in pairs.chunk_by(|a, b| a.0 == b.0) {
                ids.clear();
                ids.extend(same_value.iter().map(|pair| pair.1));
                let value = symbols.text(file, &mut window, same_value[0].0)?;
                self.put_postings(table, &name, &value, &ids)?;
            }
        }
        Ok(())
    }

    fn put_postings(&mut self, table: &mut Table, name: &str, value: &str, ids: &[u32]) -> Result<()> {
        self.out.pad(4);
        let position = self.out.position();
        let len = u32::try_from(4 + 4 * ids.len() as u64)
            .map_err(|_| BlockError::Invalid(format!("length size exceeds 4 bytes: {}", 4 + 4 * ids.len() as u64)))?;
        put_u32(&mut self.out.buffer, len);
        let start = self.out.buffer.len();
        put_u32(&mut self.out.buffer, ids.len() as u32);
        ids.iter().for_each(|&id| put_u32(&mut self.out.buffer, id));
        self.out.put_crc(start);
        self.out.flush_if_full()?;
        let row = &mut table.out.buffer;
        put_uvarint(row, 2);
        put_text(row, name);
        put_text(row, value);
        put_uvarint(row, position);
        table.rows += 1;
        table.out.flush_if_full()
    }
}

/// The postings offset table as it grows.
struct Table {
    out: Out,
    rows: u32,
}

/// Upstream's checks, in its words.
fn check_chunks(chunks: &[ChunkMeta]) -> Result<()> {
    for pair in chunks.windows(2) {
        if pair[1].reference < pair[0].reference {
            return Err(BlockError::Invalid(format!(
                "unsorted chunk reference: {}, previous: {}",
                pair[1].reference, pair[0].reference
            )));
        }
        if pair[1].min_ms <= pair[0].max_ms {
            return Err(BlockError::Invalid(format!(
                "chunk minT {} is not higher than previous chunk maxT {}",
                pair[1].min_ms, pair[0].max_ms
            )));
        }
    }
    Ok(())
}

fn put_series(out: &mut Vec<u8>, labels: &[(u32, u32)], chunks: &[ChunkMeta]) {
    out.clear();
    put_uvarint(out, labels.len() as u64);
    for &(name, value) in labels {
        put_uvarint(out, u64::from(name));
        put_uvarint(out, u64::from(value));
    }
    put_uvarint(out, chunks.len() as u64);
    let mut before: Option<&ChunkMeta> = None;
    for chunk in chunks {
        match before {
            None => put_varint(out, chunk.min_ms),
            Some(before) => put_uvarint(out, chunk.min_ms.wrapping_sub(before.max_ms) as u64),
        }
        put_uvarint(out, chunk.max_ms.wrapping_sub(chunk.min_ms) as u64);
        match before {
            None => put_uvarint(out, chunk.reference),
            Some(before) => put_varint(out, chunk.reference.wrapping_sub(before.reference) as i64),
        }
        before = Some(chunk);
    }
}
