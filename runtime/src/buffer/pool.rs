//! The holders of each buffer of a core. Called by the table of operations when a leased receive
//! completes, by [`Lease`] when shares come and go, and by the core at the end of each turn.

use super::lease::Lease;
use super::ring::BufferRing;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::io;
use std::ptr::NonNull;
use std::rc::Rc;

/// Sizes of a pool.
///
/// ```
/// use ringgate_runtime::buffer::PoolOptions;
/// use ringgate_runtime::{Core, CoreOptions};
///
/// let buffers = PoolOptions { buffers: 64, ..PoolOptions::default() };
/// let core = Core::new(CoreOptions { buffers, ..CoreOptions::default() })?;
/// assert_eq!(core.buffers().available(), 64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// Most buffers in the ring: a power of two, at most 32768. It begins with 64, and doubles when
    /// a receive finds none.
    pub buffers: u16,
    /// Bytes of one buffer.
    pub buffer_size: u32,
    /// Leases that may be kept past a turn with their memory replaced.
    pub leases_kept: u32,
}

impl Default for PoolOptions {
    /// At most 1024 buffers of 32 KiB and 1024 kept leases. The kernel gives memory to what is filled: 256 KiB a core where
    /// messages are short, up to 2 MiB where they are long, and more only as more of them wait.
    fn default() -> PoolOptions {
        PoolOptions {
            buffers: 1024,
            buffer_size: 32 << 10,
            leases_kept: 1024,
        }
    }
}

/// Buffers that a pool begins with, unless it is to have fewer. The kernel takes them in turn, so
/// each one more is memory that has left the cache when its turn comes.
const BUFFERS_AT_FIRST: u16 = 64;

/// The number of a buffer whose memory is not in the ring's hands at all.
const NO_ID: u32 = u32::MAX;

/// A piece of memory of the size of a buffer. It stays where it is as long as the pool lives.
pub(super) struct Block {
    memory: NonNull<u8>,
    /// Place of the block in the pool's list.
    index: u32,
    /// Shares of the lease on it; 0 while it is the kernel's or spare.
    shares: Cell<u32>,
    /// The buffer number it is (or, once given back, will be) provided under; [`NO_ID`] after a
    /// replacement.
    id: Cell<u32>,
    /// The pool, while there are shares: they keep it alive together, and none of them alone has
    /// to count for that.
    pool: Cell<Option<Rc<Pool>>>,
}

impl Block {
    /// One share more.
    #[inline]
    pub(super) fn share(&self) {
        self.shares.set(self.shares.get() + 1);
    }

    /// Whether there is one share and no other.
    #[inline]
    pub(super) fn is_held_once(&self) -> bool {
        self.shares.get() == 1
    }

    /// One share less.
    ///
    /// # Safety
    /// `block` is one that the caller has a share of, and does not use any more: with its last
    /// share it goes back, and may be freed.
    #[inline]
    pub(super) unsafe fn unshare(block: NonNull<Block>) {
        // SAFETY: the caller's share keeps it alive until here. Guarded by
        // `a_lease_goes_back_with_its_last_share`.
        let this = unsafe { block.as_ref() };
        let left = this.shares.get() - 1;
        this.shares.set(left);
        if left == 0
            && let Some(pool) = this.pool.take()
        {
            pool.take_back(this.index, this.id.get());
        }
    }
}

/// The buffers of one core. Shared by the core and its leases, never by threads.
pub struct Pool {
    ring: BufferRing,
    options: PoolOptions,
    layout: Layout,
    blocks: RefCell<Vec<NonNull<Block>>>,
    /// Which block a buffer number names.
    by_id: RefCell<Vec<u32>>,
    spare: RefCell<Vec<u32>>,
    /// Buffers that became leases in this turn.
    lent_this_turn: RefCell<Vec<u16>>,
    provided: Cell<u32>,
    kept: Cell<u32>,
}

impl Pool {
    /// Allocates the buffers and provides all of them.
    ///
    /// # Errors
    /// The answer of mmap(2) for the ring.
    pub(crate) fn new(options: PoolOptions) -> io::Result<Rc<Pool>> {
        let layout = Layout::from_size_align(options.buffer_size as usize, 64)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        assert!(layout.size() > 0, "buffer_size: at least one byte");
        let pool = Pool {
            ring: BufferRing::new(options.buffers)?,
            options,
            layout,
            blocks: RefCell::new(Vec::with_capacity(options.buffers as usize)),
            by_id: RefCell::new(Vec::with_capacity(options.buffers as usize)),
            spare: RefCell::new(Vec::new()),
            lent_this_turn: RefCell::new(Vec::new()),
            provided: Cell::new(0),
            kept: Cell::new(0),
        };
        pool.grow_to(options.buffers.min(BUFFERS_AT_FIRST));
        Ok(Rc::new(pool))
    }

    fn grow_to(&self, buffers: u16) {
        for id in self.size()..buffers {
            let block = self.new_block();
            self.by_id.borrow_mut().push(block);
            self.provide(id, block);
        }
    }

    /// Buffers there are, whoever has them.
    #[inline]
    fn size(&self) -> u16 {
        self.by_id.borrow().len() as u16
    }

    /// A receive found no buffer: from now on there are twice as many, up to what the options say.
    pub(crate) fn grow(&self) {
        let twice = self.size().saturating_mul(2);
        self.grow_to(twice.min(self.options.buffers));
    }

    pub(crate) fn ring(&self) -> &BufferRing {
        &self.ring
    }

    /// Buffers that the kernel may fill. (It is told so by the core; what it has filled counts
    /// until the completion is taken.)
    pub fn available(&self) -> u32 {
        self.provided.get()
    }

    /// Leases that were kept past their turn and live.
    pub fn kept(&self) -> u32 {
        self.kept.get()
    }

    /// Buffers that are lent out, kept ones included.
    pub fn lent(&self) -> u32 {
        u32::from(self.size()) - self.provided.get() + self.kept.get()
    }

    /// Whether a lease kept past this turn could shrink the ring: time to copy instead. Leases of
    /// this turn count as if all were kept, because nobody knows yet which will be.
    #[inline]
    pub fn is_at_cap(&self) -> bool {
        self.lent() > self.options.leases_kept
    }

    /// Whether half of what may be kept is lent out: time to copy what can be copied piece by
    /// piece, and to leave the rest to those who keep one lease each.
    #[inline]
    pub fn is_half_kept(&self) -> bool {
        self.lent() > self.options.leases_kept / 2
    }

    fn new_block(&self) -> u32 {
        // SAFETY: the layout has a size above zero (checked in `new`). Guarded by
        // `leases_come_from_the_ring_and_go_back`.
        let memory = unsafe { alloc(self.layout) };
        let Some(memory) = NonNull::new(memory) else {
            handle_alloc_error(self.layout)
        };
        let mut blocks = self.blocks.borrow_mut();
        let index = blocks.len() as u32;
        let block = Box::new(Block {
            memory,
            index,
            shares: Cell::new(0),
            id: Cell::new(NO_ID),
            pool: Cell::new(None),
        });
        blocks.push(NonNull::from(Box::leak(block)));
        index
    }

    fn block(&self, index: u32) -> &Block {
        let block = self.blocks.borrow()[index as usize];
        // SAFETY: blocks are freed with the pool only, and changed through cells only. Guarded by
        // `leases_come_from_the_ring_and_go_back`.
        unsafe { block.as_ref() }
    }

    fn provide(&self, id: u16, index: u32) {
        let block = self.block(index);
        debug_assert_eq!(block.shares.get(), 0);
        block.id.set(u32::from(id));
        self.provided.set(self.provided.get() + 1);
        // SAFETY: nobody has a share of the block, and it is freed only with the pool, after the
        // ring. One block a number, so never more than `entries`. Guarded by
        // `leases_come_from_the_ring_and_go_back`.
        unsafe {
            self.ring
                .provide(id, block.memory, self.options.buffer_size)
        };
    }

    /// The kernel filled `len` bytes of buffer `id`: they become a lease.
    #[inline(always)] // Not to be handed over in memory just to be read again at once.
    pub(crate) fn lend(self: &Rc<Self>, id: u16, len: u32) -> Lease {
        let index = self.by_id.borrow()[id as usize];
        let block = self.block(index);
        debug_assert_eq!(block.shares.get(), 0, "buffer {id} is lent already");
        block.shares.set(1);
        block.pool.set(Some(self.clone()));
        debug_assert!(len <= self.options.buffer_size);
        self.provided.set(self.provided.get() - 1);
        self.lent_this_turn.borrow_mut().push(id);
        // SAFETY: the completion gave the buffer to us, the kernel wrote `len` bytes of it, and it
        // is provided again only when the last share is dropped. Guarded by
        // `leases_come_from_the_ring_and_go_back`.
        unsafe { Lease::new(NonNull::from(block), block.memory, len, true) }
    }

    /// The last share of a block is gone.
    fn take_back(&self, index: u32, id: u32) {
        match u16::try_from(id) {
            Ok(id) => self.provide(id, index),
            Err(_) => {
                self.kept.set(self.kept.get() - 1);
                self.spare.borrow_mut().push(index);
            }
        }
    }

    /// Replaces the memory of every lease of this turn that still lives, up to the cap.
    #[inline]
    pub(crate) fn end_of_turn(&self) {
        if !self.lent_this_turn.borrow().is_empty() {
            self.replace_kept();
        }
    }

    fn replace_kept(&self) {
        let mut lent = self.lent_this_turn.take();
        for id in lent.drain(..) {
            let index = self.by_id.borrow()[id as usize];
            let kept = self.block(index).shares.get() > 0;
            if !kept || self.kept.get() >= self.options.leases_kept {
                continue;
            }
            self.block(index).id.set(NO_ID);
            self.kept.set(self.kept.get() + 1);
            let spare = self.spare.borrow_mut().pop();
            let fresh = spare.unwrap_or_else(|| self.new_block());
            self.by_id.borrow_mut()[id as usize] = fresh;
            self.provide(id, fresh);
        }
        // The list's memory is used again.
        self.lent_this_turn.replace(lent);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for block in self.blocks.get_mut() {
            // SAFETY: leaked in `new_block` and taken back once, here; no lease points to it (a
            // lent block holds the pool). Guarded by `a_core_gives_everything_back`.
            let block = unsafe { Box::from_raw(block.as_ptr()) };
            // SAFETY: allocated with this layout in `new_block`; no lease lives and the ring that
            // could write is closed (see `Core`). Guarded by `a_core_gives_everything_back`.
            unsafe { dealloc(block.memory.as_ptr(), self.layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn pool(buffers: u16, leases_kept: u32) -> Rc<Pool> {
        Pool::new(PoolOptions {
            buffers,
            buffer_size: 64,
            leases_kept,
        })
        .expect("a pool")
    }

    fn consume(pool: &Pool, head: &mut u16) -> Option<u16> {
        let ring = pool.ring();
        BufferRing::consume(ring.address(), ring.entries(), head).map(|(id, ..)| id)
    }

    #[test]
    fn a_lease_goes_back_with_its_last_share() {
        let pool = pool(2, 0);
        let mut head = 0;
        let id = consume(&pool, &mut head).expect("provided");
        let lease = pool.lend(id, 10);
        let share = lease.slice(2..4);
        drop(lease);
        assert_eq!(pool.available(), 1);
        assert_eq!(share.len(), 2);
        drop(share);
        assert_eq!(pool.available(), 2);
        assert_eq!(consume(&pool, &mut head), Some(1));
        assert_eq!(consume(&pool, &mut head), Some(id));
        assert_eq!(consume(&pool, &mut head), None);
    }

    /// A lease on these bytes, which keeps its pool alive.
    fn lease_of(bytes: &[u8]) -> Lease {
        let pool = pool(2, 0);
        let id = consume(&pool, &mut 0).expect("provided");
        let mut lease = pool.lend(id, bytes.len() as u32);
        let place = lease.get_mut().expect("the only share");
        // Tests call no kernel that would have written them.
        place.copy_from_slice(bytes);
        lease
    }

    #[test]
    fn bytes_with_two_shares_are_not_changed() {
        let mut lease = lease_of(b"abcd");
        let mut share = lease.slice(0..1);
        lease.advance(2);
        assert!(lease.get_mut().is_none(), "another share may be read");
        assert!(share.get_mut().is_none(), "nor is that one alone");
        drop(share);
        lease.get_mut().expect("the last share")[0] = b'C';
        assert_eq!(&lease[..], b"Cd");
        let clone = lease.clone();
        assert!(lease.get_mut().is_none() && &clone[..] == b"Cd");
    }

    #[test]
    fn each_part_of_a_lease_is_changed_while_the_other_is_kept() {
        let mut back = lease_of(b"onetwothree");
        let mut front = back.split_to(3);
        let mut middle = back.split_to(3);
        for part in [&mut front, &mut middle, &mut back] {
            let first = &mut part.get_mut().expect("nobody else has these bytes")[0];
            *first = first.to_ascii_uppercase();
        }
        assert_eq!(
            [&front[..], &middle, &back],
            [&b"One"[..], b"Two", b"Three"]
        );
        // What has two shares stays as it is, and its neighbours do not mind.
        let clone = middle.clone();
        assert!(middle.get_mut().is_none());
        assert!(front.get_mut().is_some() && back.get_mut().is_some());
        drop((clone, front, back));
        assert!(middle.get_mut().is_some(), "the last share of all");
    }

    #[test]
    fn parts_of_bytes_that_have_two_shares_are_not_changed() {
        let mut lease = lease_of(b"onetwo");
        let share = lease.slice(2..4);
        let mut front = lease.split_to(3);
        assert!(front.get_mut().is_none() && lease.get_mut().is_none());
        assert_eq!(&share[..], b"et");
        drop((share, lease));
        front.get_mut().expect("the last share")[0] = b'O';
        assert_eq!(&front[..], b"One");
    }

    #[test]
    fn a_buffer_goes_back_with_the_last_of_its_parts() {
        let pool = pool(2, 0);
        let mut lease = pool.lend(consume(&pool, &mut 0).expect("provided"), 10);
        let parts: Vec<Lease> = (0..10).map(|_| lease.split_to(1)).collect();
        assert!(lease.is_empty());
        drop(lease);
        assert_eq!((pool.available(), parts.len()), (1, 10));
        drop(parts);
        assert_eq!(pool.available(), 2);
    }

    #[test]
    fn a_pool_grows_when_it_is_found_empty_up_to_its_size() {
        let pool = pool(BUFFERS_AT_FIRST * 4, 0);
        let mut head = 0;
        assert_eq!(pool.available(), u32::from(BUFFERS_AT_FIRST));
        let mut leases = Vec::new();
        while let Some(id) = consume(&pool, &mut head) {
            leases.push(pool.lend(id, 1));
        }
        assert_eq!((pool.available(), pool.lent()), (0, 64));
        pool.grow();
        assert_eq!((pool.available(), pool.lent()), (64, 64));
        pool.grow();
        pool.grow();
        assert_eq!((pool.available(), pool.lent()), (192, 64));
        leases.clear();
        assert_eq!((pool.available(), pool.lent()), (256, 0));
    }

    #[test]
    fn a_lease_kept_past_the_turn_is_replaced_up_to_the_cap() {
        let pool = pool(2, 1);
        let mut head = 0;
        let first = pool.lend(consume(&pool, &mut head).expect("provided"), 1);
        assert!(!pool.is_at_cap(), "this one may be kept");
        let second = pool.lend(consume(&pool, &mut head).expect("provided"), 1);
        assert!(pool.is_at_cap(), "not both, whichever is");
        pool.end_of_turn();
        assert!(pool.is_at_cap());
        assert_eq!((pool.available(), pool.kept(), pool.lent()), (1, 1, 2));
        drop(first);
        assert_eq!(
            (pool.available(), pool.kept()),
            (1, 0),
            "its memory is spare now"
        );
        drop(second);
        assert_eq!((pool.available(), pool.lent()), (2, 0));
    }

    proptest! {
        /// Nobody's bytes change while he has them, whatever is shared, parted and dropped, and whoever may
        /// change his own does.
        #[test]
        fn no_share_sees_what_another_changes(script in vec((0..6u8, any::<usize>(), any::<usize>()), 0..60)) {
            let mut shares = Vec::from([lease_of(&[1; 24])]);
            for (step, which, count) in script {
                if shares.is_empty() {
                    break;
                }
                let at = which % shares.len();
                let length = shares[at].len();
                let count = count % (length + 1);
                match step {
                    0 => {
                        let front = shares[at].split_to(count);
                        shares.push(front);
                    }
                    1 => {
                        let part = shares[at].slice(count..length);
                        shares.push(part);
                    }
                    2 => drop(shares.swap_remove(at)),
                    3 => shares[at].advance(count),
                    4 => shares[at].truncate(count),
                    _ => {
                        let mut one = shares.swap_remove(at);
                        let before: Vec<Vec<u8>> = shares.iter().map(|share| share.to_vec()).collect();
                        if let Some(bytes) = one.get_mut() {
                            bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
                        }
                        let after: Vec<&[u8]> = shares.iter().map(|share| &share[..]).collect();
                        prop_assert_eq!(after, before);
                        shares.push(one);
                    }
                }
            }
        }
    }
}
