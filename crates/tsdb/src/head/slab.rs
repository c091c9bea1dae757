//! Memory of a group's open chunks: chains of blocks on pages that are given back
//! together when the group is sealed.
//!
//! All series of a group grow in step, so blocks that are outgrown would find no
//! taker: a chain only gets longer. Its first block has 2 words, the second 4, all
//! others 8, a cache line; but for the first, a block's first word leads to the
//! one before. For 18 words, half a chunk of changing integers, that is 176 bytes
//! for 144; for a value that never changes, 16.

/// Words on a page.
const PAGE_WORDS: usize = 512;
/// Words of the first, the second and all other blocks of a chain.
const BLOCK_WORDS: [usize; 3] = [2, 4, 8];
/// Words of data in the first block, the first two, and each further one.
const FIRST: usize = BLOCK_WORDS[0];
const FIRST_TWO: usize = FIRST + BLOCK_WORDS[1] - 1;
const FURTHER: usize = BLOCK_WORDS[2] - 1;

/// Names a block: its first word, counted over all pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockRef(u32);

impl BlockRef {
    /// No block; that of a series without complete words.
    pub(crate) const NONE: BlockRef = BlockRef(u32::MAX);
}

/// The blocks of one group.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    /// Words as big-endian bytes, so that a reader takes them as a bit string.
    pages: Vec<Box<[u8]>>,
    /// First word never handed out.
    next: usize,
    free: [Vec<BlockRef>; BLOCK_WORDS.len()],
}

/// For word number `word` of a chain: the kind of its block, and the number of
/// the first word in that block.
#[inline]
fn block_of(word: usize) -> (usize, usize) {
    if word < FIRST {
        (0, 0)
    } else if word < FIRST_TWO {
        (1, FIRST)
    } else {
        (2, FIRST_TWO + (word - FIRST_TWO) / FURTHER * FURTHER)
    }
}

impl Slab {
    /// Gives all memory back. Blocks handed out are void.
    pub(crate) fn clear(&mut self) {
        *self = Slab::default();
    }

    fn allocate(&mut self, kind: usize) -> BlockRef {
        if let Some(block) = self.free[kind].pop() {
            return block;
        }
        let mut left = self.pages.len() * PAGE_WORDS - self.next;
        if left < BLOCK_WORDS[kind] {
            // The rest of the page serves smaller blocks.
            while let Some(kind) = BLOCK_WORDS.iter().rposition(|&words| words <= left) {
                self.free[kind].push(BlockRef(self.next as u32));
                self.next += BLOCK_WORDS[kind];
                left -= BLOCK_WORDS[kind];
            }
            self.next = self.pages.len() * PAGE_WORDS;
            self.pages.push(vec![0; PAGE_WORDS * 8].into_boxed_slice());
        }
        let block = BlockRef(self.next as u32);
        self.next += BLOCK_WORDS[kind];
        block
    }

    #[inline]
    fn word(&mut self, at: usize) -> &mut [u8] {
        let start = at % PAGE_WORDS * 8;
        &mut self.pages[at / PAGE_WORDS][start..start + 8]
    }

    fn bytes(&self, at: usize, words: usize) -> &[u8] {
        let start = at % PAGE_WORDS * 8;
        &self.pages[at / PAGE_WORDS][start..start + words * 8]
    }

    /// The block before one that is not the first.
    fn before(&self, block: BlockRef) -> BlockRef {
        let link = self.bytes(block.0 as usize, 1);
        BlockRef(u32::from_be_bytes([link[4], link[5], link[6], link[7]]))
    }

    /// Copies the `words` words of the chain that ends with `block` to `out`.
    pub(crate) fn get(&self, mut block: BlockRef, mut words: usize, out: &mut [u8]) {
        while words > 0 {
            let (kind, first) = block_of(words - 1);
            let at = block.0 as usize + usize::from(kind > 0);
            out[first * 8..words * 8].copy_from_slice(self.bytes(at, words - first));
            if kind > 0 {
                block = self.before(block);
            }
            words = first;
        }
    }

    /// Stores `word` behind the `words` words of the chain that ends with `block`.
    #[inline]
    pub(crate) fn push(&mut self, block: &mut BlockRef, words: usize, word: u64) {
        let (kind, first) = block_of(words);
        if words == first {
            self.extend(block, kind);
        }
        let at = block.0 as usize + words - first + usize::from(kind > 0);
        self.word(at).copy_from_slice(&word.to_be_bytes());
    }

    fn extend(&mut self, block: &mut BlockRef, kind: usize) {
        let new = self.allocate(kind);
        if kind > 0 {
            let link = u64::from(block.0).to_be_bytes();
            self.word(new.0 as usize).copy_from_slice(&link);
        }
        *block = new;
    }

    /// Gives a chain of `words` words back.
    pub(crate) fn release(&mut self, block: &mut BlockRef, mut words: usize) {
        while words > 0 {
            let (kind, first) = block_of(words - 1);
            self.free[kind].push(*block);
            if kind > 0 {
                *block = self.before(*block);
            }
            words = first;
        }
        *block = BlockRef::NONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_their_words_while_others_grow_and_go() {
        let mut slab = Slab::default();
        let mut blocks: Vec<(BlockRef, Vec<u64>)> = (0..50).map(|_| (BlockRef::NONE, Vec::new())).collect();
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let (block, words) = &mut blocks[rng.usize(0..50)];
            if words.len() == 145 || rng.u32(0..60) == 0 {
                slab.release(block, words.len());
                words.clear();
            }
            let word = rng.u64(..);
            slab.push(block, words.len(), word);
            words.push(word);
        }
        for (block, words) in &blocks {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            let mut have = vec![0; bytes.len()];
            slab.get(*block, words.len(), &mut have);
            assert_eq!(have, bytes);
        }
    }
}
