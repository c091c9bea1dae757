//! Open chunks with timestamps of their own, and closed ones that wait to be
//! written together.

use crate::chunk::Encoding;
use crate::chunk::xor::XorEncoder;

/// The open chunk of a series whose timestamps are not the group's.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnChunk {
    pub(crate) encoder: XorEncoder,
    pub(crate) first_timestamp: i64,
    pub(crate) last_timestamp: i64,
}

impl OwnChunk {
    pub(crate) fn append(&mut self, timestamp: i64, value: u64) {
        if self.encoder.len() == 0 {
            self.first_timestamp = timestamp;
        }
        self.last_timestamp = timestamp;
        self.encoder.append(timestamp, value);
    }

    pub(crate) fn close(&self, slot: u32) -> ClosedChunk {
        let mut data = Vec::with_capacity(self.encoder.len_bytes());
        self.encoder.copy_to(&mut data);
        ClosedChunk {
            slot,
            encoding: Encoding::Xor,
            min_timestamp: self.first_timestamp,
            max_timestamp: self.last_timestamp,
            samples: self.encoder.len() as u32,
            data: data.into_boxed_slice(),
        }
    }
}

/// A chunk that takes no more samples.
#[derive(Clone, Debug)]
pub(crate) struct ClosedChunk {
    pub(crate) slot: u32,
    pub(crate) encoding: Encoding,
    pub(crate) min_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) samples: u32,
    pub(crate) data: Box<[u8]>,
}
