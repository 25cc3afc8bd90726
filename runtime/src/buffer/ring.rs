//! The ring of provided buffers that core and kernel share: entries, and a tail that the core
//! advances (io_uring_register_buf_ring(3)). Knows nothing of who uses a buffer.

use io_uring::types::BufRingEntry;
use std::cell::Cell;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

/// The shared memory of one ring of buffers.
pub(crate) struct BufferRing {
    base: NonNull<BufRingEntry>,
    entries: u16,
    tail: Cell<u16>,
}

impl BufferRing {
    /// Maps a ring of `entries`, a power of two of at most 32768.
    pub(crate) fn new(entries: u16) -> io::Result<BufferRing> {
        assert!(
            entries.is_power_of_two() && entries <= 1 << 15,
            "entries: a power of two"
        );
        let bytes = entries as usize * size_of::<BufRingEntry>();
        // SAFETY: mmap(2) of fresh anonymous memory; page aligned as the registration asks.
        // Guarded by `leases_come_from_the_ring_and_go_back`.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_ANONYMOUS | libc::MAP_PRIVATE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).expect("mmap never answers a null mapping");
        let ring = BufferRing {
            base,
            entries,
            tail: Cell::new(0),
        };
        // SAFETY: madvise(2) on the mapping made above: a forked child does not get it. Guarded by
        // `a_forked_child_gets_no_ring_of_buffers`.
        // Miri, under which the simulated driver owns the memory, knows no madvise and no fork.
        #[cfg(not(miri))]
        if unsafe { libc::madvise(base.as_ptr().cast(), bytes, libc::MADV_DONTFORK) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(ring)
    }

    pub(crate) fn address(&self) -> u64 {
        self.base.as_ptr() as u64
    }

    pub(crate) fn entries(&self) -> u16 {
        self.entries
    }

    /// Gives the kernel one buffer.
    ///
    /// # Safety
    /// `memory` has `len` bytes that nobody reads or writes until a completion names `id`, and
    /// that stay allocated until then or until the ring is closed. At most `entries` buffers are
    /// provided at a time.
    #[inline]
    pub(crate) unsafe fn provide(&self, id: u16, memory: NonNull<u8>, len: u32) {
        let tail = self.tail.get();
        let index = (tail & (self.entries - 1)) as usize;
        // SAFETY: the index is inside the mapping, and the entry is not the kernel's: it consumed
        // it before the buffer came back. The tail overlays the reserved field of entry 0, which
        // these setters do not write (io_uring_register_buf_ring(3)). Guarded by
        // `leases_come_from_the_ring_and_go_back`.
        unsafe {
            let entry = &mut *self.base.as_ptr().add(index);
            entry.set_addr(memory.as_ptr() as u64);
            entry.set_len(len);
            entry.set_bid(id);
        }
        self.tail.set(tail.wrapping_add(1));
        self.shared_tail()
            .store(tail.wrapping_add(1), Ordering::Release);
    }

    fn shared_tail(&self) -> &AtomicU16 {
        // SAFETY: the tail is an aligned u16 inside the mapping, read by the kernel and written
        // only here. Guarded by `leases_come_from_the_ring_and_go_back`.
        unsafe { &*BufRingEntry::tail(self.base.as_ptr()).cast::<AtomicU16>() }
    }

    /// Acts as the kernel does, for the simulated driver: takes the buffer at `head` if one is
    /// provided: number, memory and length.
    pub(crate) fn consume(base: u64, entries: u16, head: &mut u16) -> Option<(u16, *mut u8, u32)> {
        let base = base as *const BufRingEntry;
        // SAFETY: `base` is a mapped ring of `entries` (the simulated driver got it from
        // `address` and is dropped before the ring). Guarded by the simulated driver's tests.
        unsafe {
            let tail = (*BufRingEntry::tail(base).cast::<AtomicU16>()).load(Ordering::Acquire);
            if tail == *head {
                return None;
            }
            let entry = &*base.add((*head & (entries - 1)) as usize);
            *head = head.wrapping_add(1);
            Some((entry.bid(), entry.addr() as *mut u8, entry.len()))
        }
    }
}

impl Drop for BufferRing {
    fn drop(&mut self) {
        let bytes = self.entries as usize * size_of::<BufRingEntry>();
        // SAFETY: the mapping made in `new`; the io_uring that knew it is closed (see `Core`).
        // Guarded by `a_core_gives_everything_back`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags of the mapping that holds an address, by the text of `/proc/self/smaps`
    /// (proc_pid_smaps(5)). The mapping may begin below: the kernel makes one of neighbours that are
    /// alike, as two rings of buffers are.
    fn flags_at(maps: &str, at: u64) -> Option<&str> {
        let holds = |line: &str| {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            let number = |text| u64::from_str_radix(text, 16).ok();
            Some((number(from)?..number(to)?).contains(&at))
        };
        maps.lines()
            .skip_while(|line| holds(line) != Some(true))
            .find_map(|line| line.strip_prefix("VmFlags:"))
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_forked_child_gets_no_ring_of_buffers() {
        let ring = BufferRing::new(64).expect("a ring");
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("/proc");
        let flags = flags_at(&maps, ring.address()).expect("flags of the mapping");
        // "dc": do not copy on fork (proc_pid_smaps(5)).
        assert!(flags.split_whitespace().any(|flag| flag == "dc"), "{flags}");
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_ring_of_buffers_beside_others_is_found_in_the_mapping_that_it_shares_with_them() {
        let rings = [(); 8].map(|()| BufferRing::new(256).expect("a ring"));
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("/proc");
        for ring in &rings {
            assert!(flags_at(&maps, ring.address()).is_some(), "{maps}");
        }
    }
}
