//! Blocks of memory that nobody has, and which of them nobody needs: those whose memory goes back to the kernel.
//! Indices alone; deliberately not here: the memory itself, and when to look ([`super::pool`]).

/// Blocks that nobody has. The one that came last goes first, for it is warm; so those at the bottom are the ones
/// that nobody needs, if there are any.
#[derive(Default)]
pub(super) struct Spare {
    blocks: Vec<u32>,
    /// So many at the bottom have no memory of the kernel: it was given back, or never touched.
    cold: usize,
    /// So many at the bottom have been here all the time since the last look.
    unneeded: usize,
}

impl Spare {
    pub(super) fn take(&mut self) -> Option<u32> {
        let block = self.blocks.pop();
        self.cold = self.cold.min(self.blocks.len());
        self.unneeded = self.unneeded.min(self.blocks.len());
        block
    }

    pub(super) fn put(&mut self, block: u32) {
        self.blocks.push(block);
    }

    /// Puts blocks below all others that were never touched; the first of them is taken last.
    pub(super) fn put_fresh(&mut self, blocks: impl DoubleEndedIterator<Item = u32>) {
        let before = self.blocks.len();
        self.blocks.splice(0..0, blocks.rev());
        let fresh = self.blocks.len() - before;
        self.cold += fresh;
        self.unneeded += fresh;
    }

    /// At most `most` of the warm blocks that nobody has needed since the last look, which are cold from here on.
    pub(super) fn cool(&mut self, most: usize) -> &[u32] {
        let from = self.cold;
        self.cold = self.unneeded.min(from.saturating_add(most)).max(from);
        &self.blocks[from..self.cold]
    }

    /// Whether [`Spare::cool`] would answer nothing.
    pub(super) fn is_cool(&self) -> bool {
        self.cold >= self.unneeded
    }

    /// A look is over: what is taken from here on is needed.
    pub(super) fn looked(&mut self) {
        self.unneeded = self.blocks.len();
    }

    #[cfg(test)]
    pub(super) fn blocks(&self) -> impl Iterator<Item = usize> {
        self.blocks.iter().map(|block| *block as usize)
    }

    /// Whether there is a warm block.
    pub(super) fn has_warm(&self) -> bool {
        self.cold < self.blocks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_blocks_are_taken_first_and_cold_ones_last() {
        let mut spare = Spare::default();
        spare.put_fresh(0..3);
        spare.put(7);
        spare.put_fresh(3..5);
        let all = std::iter::from_fn(|| spare.take());
        assert_eq!(Vec::from_iter(all), [7, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn blocks_that_were_there_all_the_time_cool_in_steps_and_no_others() {
        let mut spare = Spare::default();
        (0..10).for_each(|block| spare.put(block));
        assert!(spare.is_cool() && spare.has_warm(), "one look has to pass");
        spare.looked();
        // Four at a time are needed.
        let taken = [(); 4].map(|()| spare.take().expect("there are ten"));
        taken.iter().rev().for_each(|block| spare.put(*block));
        assert_eq!(spare.cool(4), [0, 1, 2, 3]);
        assert!(!spare.is_cool());
        assert_eq!(spare.cool(4), [4, 5]);
        assert!(spare.is_cool() && spare.cool(4).is_empty());
        spare.looked();
        assert_eq!(spare.cool(9), [6, 7, 8, 9], "nobody has needed them since");
        assert!(!spare.has_warm());
    }

    #[test]
    fn a_cold_block_that_was_used_is_warm_again() {
        let mut spare = Spare::default();
        spare.put_fresh(0..2);
        assert!(!spare.has_warm() && spare.is_cool());
        let block = spare.take().expect("there are two");
        assert!(!spare.has_warm());
        spare.put(block);
        assert!(spare.has_warm());
        spare.looked();
        assert_eq!(spare.cool(9), [block]);
    }
}
