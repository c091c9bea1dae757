//! The table of contents: the last 52 bytes.

use super::{HEADER_LEN, MAGIC};
use crate::codec::{Cursor, put_u64};
use crate::error::{Result, checksum_mismatch};
use crate::file::PagedFile;

pub(crate) const TOC_LEN: u64 = 6 * 8 + 4;

/// Where the sections begin, before their padding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Toc {
    pub(crate) symbols: u64,
    pub(crate) series: u64,
    pub(crate) label_indices: u64,
    pub(crate) label_index_table: u64,
    pub(crate) postings: u64,
    pub(crate) postings_table: u64,
}

impl Toc {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let start = out.len();
        for offset in
            [self.symbols, self.series, self.label_indices, self.label_index_table, self.postings, self.postings_table]
        {
            put_u64(out, offset);
        }
        let crc = crc32c::crc32c(&out[start..]);
        out.extend_from_slice(&crc.to_be_bytes());
    }

    /// Reads version and contents of an index file.
    pub(crate) fn read(file: &PagedFile) -> Result<(u8, Toc)> {
        let mut head = [0; HEADER_LEN as usize];
        if file.len < HEADER_LEN + TOC_LEN {
            return Err(file.corrupt(0, "invalid size"));
        }
        file.read_exact(0, &mut head)?;
        let mut cursor = Cursor::new(&head);
        let (Ok(magic), Ok(version)) = (cursor.u32(), cursor.u8()) else {
            return Err(file.corrupt(0, "invalid size"));
        };
        if magic != MAGIC {
            return Err(file.corrupt(0, format!("invalid magic number {magic:x}")));
        }
        if !(1..=3).contains(&version) {
            return Err(file.corrupt(4, format!("unknown index file version {version}")));
        }
        let start = file.len - TOC_LEN;
        let mut bytes = [0; TOC_LEN as usize];
        file.read_exact(start, &mut bytes)?;
        let (content, crc) = bytes.split_at(TOC_LEN as usize - 4);
        let expected = u32::from_be_bytes(crc.try_into().expect("the checksum has four bytes"));
        let actual = crc32c::crc32c(content);
        if expected != actual {
            return Err(file.corrupt(start, checksum_mismatch(expected, actual)));
        }
        let mut cursor = Cursor::new(content);
        let mut next = || cursor.u64().unwrap_or_default();
        let toc = Toc {
            symbols: next(),
            series: next(),
            label_indices: next(),
            label_index_table: next(),
            postings: next(),
            postings_table: next(),
        };
        Ok((version, toc))
    }
}
