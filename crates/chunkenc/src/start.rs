//! Start timestamps behind the samples of XOR2 and ST histogram chunks.
//!
//! One header byte: bit 7 says that sample 0 has a start timestamp, bits 6–0 have
//! the index c of the first later sample that carries data (0: none does). Sample
//! 0 then has varint(t0 − st0), sample c varbit-int(t[c−1] − st[c]), every later
//! one the change of that difference. Before c the start is that of sample 0, or 0.
//! c is set by the first sample whose start differs from the one before, and at
//! the latest by sample 127. Source: specification §8.6.

use crate::ChunkError;
use crate::bits::{BitReader, BitWriter};
use crate::varbit::{get_int, put_int};

const FIRST_HAS_START: u8 = 0x80;
/// The greatest index that the header can hold.
const CARRY_FROM_MAX: u8 = 0x7f;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StartWriter {
    header: u8,
    start: i64,
    difference: i64,
}

impl StartWriter {
    pub(crate) fn header(&self) -> u8 {
        self.header
    }

    /// Writes the tail of sample 0 at `timestamp`.
    pub(crate) fn put_first(&mut self, bits: &mut BitWriter, timestamp: i64, start: i64) {
        if start != 0 {
            self.header = FIRST_HAS_START;
            bits.put_varint(timestamp.wrapping_sub(start));
        }
        self.start = start;
    }

    /// Writes the tail of a later sample; `previous` is the timestamp before it.
    #[inline]
    pub(crate) fn put(&mut self, bits: &mut BitWriter, index: u16, previous: i64, start: i64) {
        if self.header & CARRY_FROM_MAX == 0 {
            if start == self.start && index < u16::from(CARRY_FROM_MAX) {
                return;
            }
            // Sample 127 is the latest to set it, so the index fits.
            self.header |= index as u8 & CARRY_FROM_MAX;
            self.difference = previous.wrapping_sub(start);
            put_int(bits, self.difference);
        } else {
            let difference = previous.wrapping_sub(start);
            put_int(bits, difference.wrapping_sub(self.difference));
            self.difference = difference;
        }
        self.start = start;
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct StartReader {
    first_has_start: bool,
    carry_from: u16,
    pub(crate) start: i64,
    difference: i64,
}

impl StartReader {
    pub(crate) fn new(header: u8) -> StartReader {
        StartReader {
            first_has_start: header & FIRST_HAS_START != 0,
            carry_from: u16::from(header & CARRY_FROM_MAX),
            start: 0,
            difference: 0,
        }
    }

    pub(crate) fn get_first(&mut self, bits: &mut BitReader<'_>, timestamp: i64) -> Result<(), ChunkError> {
        if self.first_has_start {
            self.start = timestamp.wrapping_sub(bits.get_varint()?);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn get(&mut self, bits: &mut BitReader<'_>, index: u16, previous: i64) {
        if self.carry_from == 0 || index < self.carry_from {
            return;
        }
        let read = get_int(bits);
        self.difference = if index == self.carry_from { read } else { self.difference.wrapping_add(read) };
        self.start = previous.wrapping_sub(self.difference);
    }
}
