//! Texts by number.
//!
//! Every 32nd symbol's place is known, the others are found from there. In format
//! 1 a symbol's number is its place in the file.

use std::borrow::Cow;

use crate::codec::Cursor;
use crate::error::Result;
use crate::file::{PagedFile, Run, Window};

const STRIDE: u32 = 32;
/// Bytes that 32 symbols rarely exceed.
const GUESS_LEN: usize = 1024;

pub(crate) struct Symbols {
    version: u8,
    pub(crate) count: u32,
    /// File position of the first symbol.
    start: u64,
    /// File position of the section's end.
    end: u64,
    /// Of every 32nd symbol, from `start`. Sections have 4 GiB at most.
    places: Vec<u32>,
}

impl Symbols {
    /// Reads through the section and checks it.
    pub(crate) fn read(file: &PagedFile, offset: u64, version: u8) -> Result<Symbols> {
        let mut run = Run::section(file, offset)?;
        let count = run.u32()?;
        let start = run.position();
        let mut places = Vec::new();
        for number in 0..count {
            if number % STRIDE == 0 {
                places.push((run.position() - start) as u32);
            }
            run.text()?;
        }
        let end = run.position();
        run.finish()?;
        Ok(Symbols { version, count, start, end, places })
    }

    /// File position from which `number` is found, and how many are before it.
    fn place(&self, file: &PagedFile, number: u32) -> Result<(u64, u32)> {
        if self.version == 1 {
            let at = u64::from(number);
            return if (self.start..self.end).contains(&at) {
                Ok((at, 0))
            } else {
                Err(file.corrupt(at, "unknown symbol offset"))
            };
        }
        if number >= self.count {
            return Err(file.corrupt(self.start, format!("unknown symbol offset {number}")));
        }
        Ok((self.start + u64::from(self.places[(number / STRIDE) as usize]), number % STRIDE))
    }

    /// Whether there is such a symbol.
    pub(crate) fn check(&self, file: &PagedFile, number: u32) -> Result<()> {
        self.place(file, number).map(drop)
    }

    /// A symbol's text. What is not UTF-8 is shown as well as it can be.
    pub(crate) fn text<'w>(&self, file: &PagedFile, window: &'w mut Window, number: u32) -> Result<Cow<'w, str>> {
        let (at, before) = self.place(file, number)?;
        let longest = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let mut len = GUESS_LEN.min(longest);
        // A window borrowed in the loop cannot be returned from it, so the place of
        // the text is found first.
        let (from, text_len) = loop {
            let bytes = window.rest(file, at, len)?;
            let mut cursor = Cursor::new(bytes);
            let found = (0..before).try_for_each(|_| cursor.text().map(drop)).and_then(|()| cursor.text());
            match found {
                Ok(text) => break (bytes.len() - cursor.remaining() - text.len(), text.len()),
                Err(_) if bytes.len() < longest => len = bytes.len().saturating_mul(2).min(longest),
                Err(_) => return Err(file.corrupt(at, "invalid size")),
            }
        };
        let bytes = window.slice(file, at + from as u64, text_len)?;
        Ok(String::from_utf8_lossy(bytes))
    }
}
