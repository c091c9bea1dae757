//! Memory of a group's open chunks: blocks of whole words in size classes, on
//! pages that are given back together when the group is sealed.

/// Words on a page.
const PAGE_WORDS: usize = 512;
/// Block sizes in words. Steps of a third and a half keep the slack below a fifth.
const CLASSES: [u16; 14] = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192];
const WORDS_MAX: usize = 192;
const _: () = assert!(CLASSES[CLASSES.len() - 1] as usize == WORDS_MAX && WORDS_MAX <= PAGE_WORDS);

/// For a number of words the class of the block that holds them.
const CLASS_OF: [u8; WORDS_MAX + 1] = {
    let mut table = [0; WORDS_MAX + 1];
    let mut words = 0;
    while words <= WORDS_MAX {
        let mut class = 0;
        while (CLASSES[class] as usize) < words {
            class += 1;
        }
        table[words] = class as u8;
        words += 1;
    }
    table
};

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
    free: [Vec<BlockRef>; CLASSES.len()],
}

impl Slab {
    /// Gives all memory back. Blocks handed out are void.
    pub(crate) fn clear(&mut self) {
        *self = Slab::default();
    }

    fn allocate(&mut self, class: u8) -> BlockRef {
        if let Some(block) = self.free[usize::from(class)].pop() {
            return block;
        }
        let words = usize::from(CLASSES[usize::from(class)]);
        let mut left = (self.pages.len() * PAGE_WORDS) - self.next;
        if left < words {
            // The rest of the page serves smaller blocks.
            while let Some(class) = CLASSES.iter().rposition(|&words| usize::from(words) <= left) {
                self.free[class].push(BlockRef(self.next as u32));
                self.next += usize::from(CLASSES[class]);
                left -= usize::from(CLASSES[class]);
            }
            self.next = self.pages.len() * PAGE_WORDS;
            self.pages.push(vec![0; PAGE_WORDS * 8].into_boxed_slice());
        }
        let block = BlockRef(self.next as u32);
        self.next += words;
        block
    }

    /// The first `words` words of a block, as bytes.
    pub(crate) fn get(&self, block: BlockRef, words: usize) -> &[u8] {
        if words == 0 {
            return &[];
        }
        let at = block.0 as usize;
        let start = at % PAGE_WORDS * 8;
        &self.pages[at / PAGE_WORDS][start..start + words * 8]
    }

    /// Stores `word` behind the `words` words of a block, which may move.
    #[inline]
    pub(crate) fn push(&mut self, block: &mut BlockRef, words: usize, word: u64) {
        let class = CLASS_OF[words];
        if words == 0 || usize::from(CLASSES[usize::from(class)]) == words {
            self.grow(block, words);
        }
        let at = block.0 as usize + words;
        let start = at % PAGE_WORDS * 8;
        self.pages[at / PAGE_WORDS][start..start + 8].copy_from_slice(&word.to_be_bytes());
    }

    fn grow(&mut self, block: &mut BlockRef, words: usize) {
        let larger = self.allocate(CLASS_OF[words + 1]);
        if words > 0 {
            let mut copy = [0; WORDS_MAX * 8];
            copy[..words * 8].copy_from_slice(self.get(*block, words));
            let start = larger.0 as usize % PAGE_WORDS * 8;
            self.pages[larger.0 as usize / PAGE_WORDS][start..start + words * 8].copy_from_slice(&copy[..words * 8]);
            self.free[usize::from(CLASS_OF[words])].push(*block);
        }
        *block = larger;
    }

    /// Gives a block with `words` words back.
    pub(crate) fn release(&mut self, block: &mut BlockRef, words: usize) {
        if words > 0 {
            self.free[usize::from(CLASS_OF[words])].push(*block);
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
            if words.len() == WORDS_MAX || rng.u32(0..60) == 0 {
                slab.release(block, words.len());
                words.clear();
            }
            let word = rng.u64(..);
            slab.push(block, words.len(), word);
            words.push(word);
        }
        for (block, words) in &blocks {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(slab.get(*block, words.len()), bytes);
        }
    }
}
