//! Reading ahead: who reads one series of a batch mostly reads its neighbours next.
//!
//! A first read takes what it needs. Each one that follows right behind the last
//! takes twice as much as that, so that long walks cost few system calls and
//! single reads no more than before.

use std::io;

use hashbrown::HashMap;

use narthex_env::File;

/// Entries of a table, and bytes of data, taken at once at most.
const ENTRIES_MAX: usize = 512;
const DATA_MAX: usize = 16 << 10;
/// Bytes held for all batches, beyond which nothing is read ahead.
const BYTES_MAX: usize = 4 << 20;

/// What was read of the batches so far, at most one piece of table and data of each.
#[derive(Default)]
pub(crate) struct ReadAhead {
    /// By [`super::batch::BatchHandle::identity`].
    batches: HashMap<(u64, u64), Pieces>,
    bytes: usize,
}

#[derive(Default)]
pub(super) struct Pieces {
    table: Piece,
    data: Piece,
}

/// Neighbouring bytes of a file.
#[derive(Default)]
struct Piece {
    from: u64,
    bytes: Vec<u8>,
}

impl ReadAhead {
    /// `len` bytes of a batch's table at `at` in its file; the table ends at `end`.
    pub(super) fn table(
        &mut self,
        batch: (u64, u64),
        file: &dyn File,
        at: u64,
        len: usize,
        end: u64,
    ) -> io::Result<&[u8]> {
        let piece = &mut self.batches.entry(batch).or_default().table;
        piece.get(file, at, len, end, ENTRIES_MAX * 4, &mut self.bytes)
    }

    /// `len` bytes of a batch's data at `at` in its file; the data end at `end`.
    pub(super) fn data(
        &mut self,
        batch: (u64, u64),
        file: &dyn File,
        at: u64,
        len: usize,
        end: u64,
    ) -> io::Result<&[u8]> {
        let piece = &mut self.batches.entry(batch).or_default().data;
        piece.get(file, at, len, end, DATA_MAX, &mut self.bytes)
    }
}

impl Piece {
    fn get(
        &mut self,
        file: &dyn File,
        at: u64,
        len: usize,
        end: u64,
        max: usize,
        held: &mut usize,
    ) -> io::Result<&[u8]> {
        let known = self.bytes.len();
        let skip = at.checked_sub(self.from).filter(|skip| skip.saturating_add(len as u64) <= known as u64);
        if let Some(skip) = skip {
            return Ok(&self.bytes[skip as usize..skip as usize + len]);
        }
        let follows = at >= self.from && at - self.from <= 2 * known as u64;
        let ahead = if follows && *held < BYTES_MAX { (2 * known).min(max) as u64 } else { 0 };
        let take = ahead.min(end.saturating_sub(at)).max(len as u64) as usize;
        let capacity = self.bytes.capacity();
        self.from = at;
        self.bytes.resize(take, 0);
        let mut read = file.read_exact_at(&mut self.bytes, at);
        if read.is_err() && take > len {
            // What lies behind is not this series' concern.
            self.bytes.truncate(len);
            read = file.read_exact_at(&mut self.bytes, at);
        }
        if read.is_err() {
            self.bytes.clear();
        }
        *held = *held - capacity + self.bytes.capacity();
        read?;
        Ok(&self.bytes[..len])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A file that counts how often it is read, and cannot be read from `bad` on.
    struct Counted {
        content: Vec<u8>,
        bad: usize,
        reads: AtomicUsize,
    }

    impl Counted {
        fn new(bad: usize) -> Counted {
            let content = (0..40_000u32).map(|i| (i * 31 % 251) as u8).collect();
            Counted { content, bad, reads: AtomicUsize::new(0) }
        }
    }

    impl File for Counted {
        fn append(&self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            let from = offset as usize;
            let to = (from + buffer.len()).min(self.content.len());
            if to > self.bad {
                return Err(io::Error::other("bad sector"));
            }
            buffer[..to - from].copy_from_slice(&self.content[from..to]);
            Ok(to - from)
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.content.len() as u64)
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn check(file: &Counted, ahead: &mut ReadAhead, at: usize, len: usize) {
        let found = ahead.data((1, 8), file, at as u64, len, file.content.len() as u64);
        assert_eq!(found.ok(), Some(&file.content[at..at + len]), "{len} bytes at {at}");
    }

    #[test]
    fn a_walk_takes_few_reads_and_gives_what_the_file_has() {
        let (file, mut ahead) = (Counted::new(usize::MAX), ReadAhead::default());
        for at in (0..40_000).step_by(100) {
            check(&file, &mut ahead, at, 100);
        }
        assert!(file.reads.load(Ordering::Relaxed) < 15, "{} reads", file.reads.load(Ordering::Relaxed));
    }

    #[test]
    fn reads_in_any_order_give_what_the_file_has() {
        let (file, mut ahead) = (Counted::new(usize::MAX), ReadAhead::default());
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let at = rng.usize(0..39_000);
            for step in 0..rng.usize(1..5) {
                check(&file, &mut ahead, at + step * 150, rng.usize(1..200));
            }
        }
    }

    #[test]
    fn damage_behind_a_series_does_not_keep_it_from_being_read() {
        let (file, mut ahead) = (Counted::new(1_000), ReadAhead::default());
        for at in (0..1_000).step_by(100) {
            check(&file, &mut ahead, at, 100);
        }
        assert!(ahead.data((1, 8), &file, 1_000, 100, 40_000).is_err());
        check(&file, &mut ahead, 500, 100);
    }
}
