//! Receive buffers that the kernel chooses from (io_uring_register_buf_ring(3)).
//!
//! Owned by the io_uring floor. Every buffer is given back right after its bytes were looked at;
//! there are no leases here.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

/// Buffers in the ring; a power of two, as the kernel asks.
pub(super) const BUFFERS: u16 = 512;
/// Bytes of one buffer.
pub(super) const BUFFER_BYTES: usize = 2048;
/// The ring must begin on a page.
const PAGE_BYTES: usize = 4096;
const _: () = assert!(BUFFERS.is_power_of_two());

/// A registered ring of provided buffers and their memory.
pub(super) struct BufferRing {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    /// Our copy of the tail; the kernel only reads the shared one.
    tail: u16,
}

impl BufferRing {
    fn entries_layout() -> Layout {
        let bytes = usize::from(BUFFERS) * size_of::<BufRingEntry>();
        Layout::from_size_align(bytes, PAGE_BYTES).expect("a page is a valid alignment")
    }

    fn memory_layout() -> Layout {
        let bytes = usize::from(BUFFERS) * BUFFER_BYTES;
        Layout::from_size_align(bytes, PAGE_BYTES).expect("a page is a valid alignment")
    }

    /// Registers the ring as `group` and provides every buffer.
    ///
    /// The kernel keeps using both memories until the io_uring is gone: the caller drops that first.
    pub(super) fn register(ring: &IoUring, group: u16) -> io::Result<Self> {
        let allocate = |layout: Layout| {
            // SAFETY: both layouts have a size above zero (alloc(3) contract of GlobalAlloc);
            // the constants above fix that at compile time.
            let memory = unsafe { alloc_zeroed(layout) };
            NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
        };
        let entries = allocate(Self::entries_layout()).cast::<BufRingEntry>();
        let memory = allocate(Self::memory_layout());
        let mut buffers = Self {
            entries,
            memory,
            tail: 0,
        };
        // SAFETY: io_uring_register_buf_ring(3) wants page-aligned memory for `BUFFERS` entries
        // that lives as long as the registration; it is freed only in `drop`, and the floor drops
        // the io_uring before it. Guarded by `floors_answer_a_pipelined_batch_with_one_answer_each`.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(
                entries.as_ptr() as u64,
                BUFFERS,
                group,
                0,
            )?
        };
        for id in 0..BUFFERS {
            buffers.give_back(id);
        }
        Ok(buffers)
    }

    /// The first `length` bytes of buffer `id`, which a completion has just handed to us.
    pub(super) fn bytes(&self, id: u16, length: usize) -> &[u8] {
        assert!(
            id < BUFFERS && length <= BUFFER_BYTES,
            "the kernel names a buffer of this ring"
        );
        // SAFETY: in bounds by the assertion, initialised (zeroed, then written by the kernel), and
        // the kernel does not write a buffer between its completion and its return to the ring
        // (io_uring_prep_recv_multishot(3)); `give_back` needs `&mut self`, so not while this
        // slice lives. Guarded by `floors_answer_a_batch_larger_than_all_their_buffers`.
        unsafe {
            std::slice::from_raw_parts(
                self.memory.as_ptr().add(usize::from(id) * BUFFER_BYTES),
                length,
            )
        }
    }

    /// Returns buffer `id` to the kernel.
    pub(super) fn give_back(&mut self, id: u16) {
        assert!(id < BUFFERS, "the kernel names a buffer of this ring");
        let place = usize::from(self.tail & (BUFFERS - 1));
        // SAFETY: `place` is inside the entries, `id` inside the memory; the kernel reads entries
        // only up to the shared tail, and at most `BUFFERS` are out, so this entry is ours
        // (io_uring_buf_ring_add(3)). Guarded by the same test as `bytes`.
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(place);
            entry.set_addr(self.memory.as_ptr().add(usize::from(id) * BUFFER_BYTES) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry (io_uring_buf_ring_advance(3)), is aligned for
        // u16, and both sides only touch it as one 16-bit word; the release store publishes the
        // entry written above.
        unsafe {
            let tail = BufRingEntry::tail(self.entries.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for BufferRing {
    fn drop(&mut self) {
        // SAFETY: allocated in `register` with these layouts, freed once; the io_uring that used
        // them is gone (see `register`).
        unsafe {
            dealloc(self.entries.as_ptr().cast(), Self::entries_layout());
            dealloc(self.memory.as_ptr(), Self::memory_layout());
        }
    }
}
