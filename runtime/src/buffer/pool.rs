//! The holders of each buffer of a core. Called by the table of operations when a leased receive
//! completes, by [`Lease`] when shares come and go, and by the core at the end of each turn.

use super::lease::Lease;
use super::ring::BufferRing;
use super::spare::Spare;
use crate::core::Core;
use crate::mapping::Mapping;
use std::cell::{Cell, RefCell};
use std::io;
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Duration;

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
    /// Most buffers in the ring: a power of two, at most 32768. It begins with 64, and doubles after a turn in which more than
    /// a quarter as many receives found none, or one while leases hold all of them. Buffers that are not needed for ten
    /// seconds or more leave it when they are next used.
    pub buffers: u16,
    /// Bytes of one buffer.
    pub buffer_size: u32,
    /// Leases that may be kept past a turn with their memory replaced.
    pub leases_kept: u32,
}

impl Default for PoolOptions {
    /// At most 1024 buffers of 32 KiB and 256 kept leases. The kernel gives memory to what is filled: 256 KiB a core where
    /// messages are short, up to 2 MiB where they are long, and more only as more of them wait, until they do not any more.
    fn default() -> PoolOptions {
        PoolOptions {
            buffers: 1024,
            buffer_size: 32 << 10,
            leases_kept: 256,
        }
    }
}

/// Buffers that a pool begins with, unless it is to have fewer. The kernel takes them in turn, so
/// each one more is memory that has left the cache when its turn comes.
const BUFFERS_AT_FIRST: u16 = 64;

/// Blocks that are mapped at once.
const BLOCKS_OF_A_SLAB: usize = 64;
/// Blocks of this size and above have whole pages of the smallest size to themselves.
const PAGE_BYTES: usize = 4 << 10;

/// Time in which spare memory has to be needed, or it is given back: at the latest after twice this time.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// Bytes that are given back at once, at most, and the time until the next ones are: the kernel takes a quarter of a
/// microsecond for each page.
const GIVEN_BACK_AT_ONCE: usize = 512 << 10;
const NEXT_PAUSE: Duration = Duration::from_millis(10);

/// The number of a buffer whose memory is not in the ring's hands at all.
const NO_ID: u32 = u32::MAX;
/// The block of a number whose buffer has left the ring.
const NO_BLOCK: u32 = u32::MAX;

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

/// Whether a look at spare memory is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// There is nothing to look at.
    Off,
    /// The next turn is to set the timer.
    Wanted,
    /// The timer is set.
    On,
}

/// The buffers of one core. Shared by the core and its leases, never by threads.
pub struct Pool {
    ring: BufferRing,
    options: PoolOptions,
    /// Bytes from the beginning of a block to that of the next.
    stride: usize,
    blocks: RefCell<Vec<NonNull<Block>>>,
    /// Which block a buffer number names, if any.
    by_id: RefCell<Vec<u32>>,
    /// Numbers from here on leave the ring when their buffers come back.
    limit: Cell<u32>,
    spare: RefCell<Spare>,
    /// Buffers that became leases in this turn.
    lent_this_turn: RefCell<Vec<u16>>,
    provided: Cell<u32>,
    /// Buffers with a number: in the ring, or lent out and to come back to it.
    numbered: Cell<u32>,
    kept: Cell<u32>,
    watch: Cell<Watch>,
    /// The most buffers that a turn has used since the last look.
    used_most: Cell<u32>,
    /// The memory of the blocks: unmapped last.
    slabs: RefCell<Vec<Mapping>>,
}

impl Pool {
    /// Maps the first buffers and provides all of them.
    ///
    /// # Errors
    /// The answer of mmap(2).
    pub(crate) fn new(options: PoolOptions) -> io::Result<Rc<Pool>> {
        let size = options.buffer_size as usize;
        assert!(size > 0, "buffer_size: at least one byte");
        let stride = match size < PAGE_BYTES {
            true => size.next_multiple_of(64),
            false => size.next_multiple_of(PAGE_BYTES),
        };
        let pool = Pool {
            ring: BufferRing::new(options.buffers)?,
            options,
            stride,
            blocks: RefCell::new(Vec::with_capacity(options.buffers as usize)),
            by_id: RefCell::new(Vec::with_capacity(options.buffers as usize)),
            limit: Cell::new(0),
            spare: RefCell::default(),
            lent_this_turn: RefCell::new(Vec::new()),
            provided: Cell::new(0),
            numbered: Cell::new(0),
            kept: Cell::new(0),
            watch: Cell::new(Watch::Off),
            used_most: Cell::new(0),
            slabs: RefCell::default(),
        };
        pool.grow_to(pool.least())?;
        Ok(Rc::new(pool))
    }

    /// Buffers that there are always.
    fn least(&self) -> u32 {
        u32::from(self.options.buffers.min(BUFFERS_AT_FIRST))
    }

    /// Has so many buffers in the ring, or as many as there is memory for.
    ///
    /// # Errors
    /// The answer of mmap(2), after which there are more than before, or not.
    fn grow_to(&self, buffers: u32) -> io::Result<()> {
        for id in self.limit.get()..buffers {
            let known = self.by_id.borrow().get(id as usize).copied();
            if matches!(known, None | Some(NO_BLOCK)) {
                let block = self.take_block()?;
                let mut by_id = self.by_id.borrow_mut();
                match known {
                    Some(_) => by_id[id as usize] = block,
                    None => by_id.push(block),
                }
                drop(by_id);
                self.numbered.set(self.numbered.get() + 1);
                self.provide(id as u16, block);
            }
            self.limit.set(id + 1);
        }
        Ok(())
    }

    /// So many receives have found no buffer in a turn. From now on there are twice as many buffers, up to what the options
    /// say; but not for a few receives, which others have left without by taking many buffers each: more buffers would be
    /// more for those. If the ring is empty now, at the end of a turn, its buffers are held by leases beyond those that are
    /// replaced, and may not come back for long: then it grows for a single receive. (Without memory for more it stays as
    /// it is.)
    pub(crate) fn grow_for(&self, starved: usize) {
        let limit = self.limit.get();
        let most = u32::from(self.options.buffers);
        let are_many = starved > limit as usize / 4;
        if limit < most && (are_many || self.available() == 0) {
            let _ = self.grow_to((limit * 2).min(most));
            self.want_watch();
        }
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
        self.numbered.get() - self.provided.get() + self.kept.get()
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

    /// A block that nobody has.
    ///
    /// # Errors
    /// The answer of mmap(2).
    fn take_block(&self) -> io::Result<u32> {
        if let Some(block) = self.spare.borrow_mut().take() {
            return Ok(block);
        }
        let slab = Mapping::new(self.stride * BLOCKS_OF_A_SLAB)?.in_small_pages();
        let mut blocks = self.blocks.borrow_mut();
        let first = blocks.len() as u32;
        let all = first..first + BLOCKS_OF_A_SLAB as u32;
        for (place, index) in all.clone().enumerate() {
            let block = Box::new(Block {
                memory: slab.at(place * self.stride),
                index,
                shares: Cell::new(0),
                id: Cell::new(NO_ID),
                pool: Cell::new(None),
            });
            blocks.push(NonNull::from(Box::leak(block)));
        }
        self.slabs.borrow_mut().push(slab);
        let mut spare = self.spare.borrow_mut();
        spare.put_fresh(all);
        Ok(spare.take().expect("a slab has blocks"))
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
        match id < self.limit.get() {
            true => self.provide(id as u16, index),
            false => self.set_aside(index, id),
        }
    }

    /// A block comes back that the ring has no place for: it was kept, or there are fewer buffers now.
    fn set_aside(&self, index: u32, id: u32) {
        if id == NO_ID {
            self.kept.set(self.kept.get() - 1);
        } else {
            self.by_id.borrow_mut()[id as usize] = NO_BLOCK;
            self.block(index).id.set(NO_ID);
            self.numbered.set(self.numbered.get() - 1);
        }
        self.spare.borrow_mut().put(index);
        self.want_watch();
    }

    /// Replaces the memory of every lease of this turn of `core` that still lives, up to the cap.
    #[inline]
    pub(crate) fn end_of_turn(&self, core: &Core) {
        if !self.lent_this_turn.borrow().is_empty() {
            self.replace_kept(core);
        }
    }

    fn replace_kept(&self, core: &Core) {
        let mut lent = self.lent_this_turn.take();
        let used = lent.len() as u32;
        for id in lent.drain(..) {
            let index = self.by_id.borrow()[id as usize];
            // A number that has left the ring meanwhile has no lease.
            let kept = index != NO_BLOCK && self.block(index).shares.get() > 0;
            if !kept || self.kept.get() >= self.options.leases_kept {
                continue;
            }
            // Without memory for another the lease comes back by itself.
            let Ok(fresh) = self.take_block() else {
                continue;
            };
            self.block(index).id.set(NO_ID);
            self.kept.set(self.kept.get() + 1);
            self.by_id.borrow_mut()[id as usize] = fresh;
            self.provide(id, fresh);
            self.want_watch();
        }
        // The list's memory is used again.
        self.lent_this_turn.replace(lent);
        if self.watch.get() != Watch::Off {
            self.keep_watch(core, used);
        }
    }
}

/// Memory that was needed once and is not any more goes back to the kernel.
impl Pool {
    /// There is something to look at, or will be.
    fn want_watch(&self) {
        if self.watch.get() == Watch::Off {
            self.watch.set(Watch::Wanted);
        }
    }

    /// Notes how many buffers a turn has used, and sets the timer if it is not set.
    #[cold]
    fn keep_watch(&self, core: &Core, used: u32) {
        let used = used.max(self.numbered.get() - self.provided.get());
        self.used_most.set(self.used_most.get().max(used));
        if self.watch.get() == Watch::Wanted {
            self.look_in(core, IDLE_TIME);
        }
    }

    /// Has `core`, which this pool belongs to, call [`Pool::look`] after this time.
    fn look_in(&self, core: &Core, time: Duration) {
        core.look_at_pool_in(time);
        self.watch.set(Watch::On);
    }

    /// Gives back what nobody has needed since the last look, or a part of it, and has fewer buffers if a quarter would do.
    pub(crate) fn look(&self, core: &Core) {
        let mut spare = self.spare.borrow_mut();
        for block in spare.cool(GIVEN_BACK_AT_ONCE.div_ceil(self.stride)) {
            self.give_back(*block);
        }
        if !spare.is_cool() {
            return self.look_in(core, NEXT_PAUSE);
        }
        spare.looked();
        let enough = self.used_most.take().next_power_of_two() * 2;
        if enough * 2 <= self.limit.get() {
            self.limit.set(enough.max(self.least()));
        }
        let may_come = self.lent() > 0 || self.limit.get() > self.least();
        match spare.has_warm() || may_come {
            true => self.look_in(core, IDLE_TIME),
            false => self.watch.set(Watch::Off),
        }
    }

    /// Gives the memory of a spare block back to the kernel.
    fn give_back(&self, index: u32) {
        debug_assert_eq!(self.block(index).shares.get(), 0);
        let slabs = self.slabs.borrow();
        let (slab, place) = (
            index as usize / BLOCKS_OF_A_SLAB,
            index as usize % BLOCKS_OF_A_SLAB,
        );
        let from = place * self.stride;
        // SAFETY: the block is spare: no share of it lives, and it is not in the ring, so neither a lease nor the
        // kernel uses its bytes; who takes it next expects none. Guarded by
        // `what_a_burst_has_used_goes_back_and_what_is_needed_stays`.
        unsafe { slabs[slab].give_back(from..from + self.stride) };
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for block in self.blocks.get_mut() {
            // SAFETY: leaked in `take_block` and taken back once, here; no lease points to it (a
            // lent block holds the pool). Guarded by `a_core_gives_everything_back`.
            drop(unsafe { Box::from_raw(block.as_ptr()) });
        }
        // The slabs follow: no lease lives, and the ring that could write is closed (see `Core`).
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
