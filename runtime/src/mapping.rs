//! Anonymous memory from the kernel itself: zeros that take room only once they are written, and that can be given
//! back in the middle. An allocator keeps what is freed as soon as anything small lies behind it.

use std::io;
use std::ops::Range;
use std::ptr::NonNull;

/// A mapping, readable and writable; unmapped when it is dropped.
pub(crate) struct Mapping {
    at: NonNull<u8>,
    len: usize,
}

impl Mapping {
    /// A mapping of so many zeros.
    ///
    /// # Errors
    /// ENOMEM: there is no memory, or the process has as many mappings as it may have (mmap(2)).
    pub(crate) fn new(len: usize) -> io::Result<Mapping> {
        // SAFETY: mmap(2) of anonymous memory at an address of the kernel's choice replaces no mapping
        // and reads no pointer. Guarded by `a_mapping_is_zeros_that_can_be_given_back_in_part`.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapping = NonNull::new(at.cast()).map(|at| Mapping { at, len });
        mapping.ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the byte at `offset` lies.
    ///
    /// # Panics
    /// If it is behind the end.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.len, "offset in mapping");
        // SAFETY: inside the mapping. Guarded by `a_mapping_is_zeros_that_can_be_given_back_in_part`.
        unsafe { self.at.add(offset) }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: the mapping is readable as long as it lives, anonymous memory begins as zeros
        // (mmap(2)), and `self` is borrowed, so nobody writes through it. Guarded by
        // `a_mapping_is_zeros_that_can_be_given_back_in_part`.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, the mapping is writable, and `self` is borrowed alone. Guarded by
        // `a_mapping_is_zeros_that_can_be_given_back_in_part`.
        unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.len) }
    }

    /// Keeps the kernel from backing the mapping with huge pages, of which 2 MiB are taken for the first byte and cannot
    /// be given back in part (madvise(2), MADV_NOHUGEPAGE). A kernel without huge pages refuses, and has none to avoid.
    pub(crate) fn in_small_pages(self) -> Mapping {
        // SAFETY: madvise(2) on the mapping made in `new`; the advice changes no content. Guarded by
        // `a_mapping_is_zeros_that_can_be_given_back_in_part`.
        #[cfg(not(miri))]
        unsafe {
            libc::madvise(self.at.as_ptr().cast(), self.len, libc::MADV_NOHUGEPAGE)
        };
        self
    }

    /// Gives the memory of whole pages back to the kernel; they are zeros again when they are next touched (madvise(2),
    /// MADV_DONTNEED). Pages that the range covers in part stay as they are.
    ///
    /// # Safety
    /// Nobody, the kernel's operations included, reads or writes a byte of the range until this returns, or expects to find
    /// what was there.
    #[cfg_attr(miri, expect(unused_variables, reason = "Miri knows no madvise"))]
    pub(crate) unsafe fn give_back(&self, range: Range<usize>) {
        #[cfg(not(miri))]
        {
            assert!(
                range.start <= range.end && range.end <= self.len,
                "range in mapping"
            );
            let page = rustix::param::page_size();
            let (from, to) = (range.start.next_multiple_of(page), range.end / page * page);
            if from < to {
                // SAFETY: inside the mapping made in `new`; the caller vouches that nobody uses the bytes.
                // Guarded by `a_mapping_is_zeros_that_can_be_given_back_in_part`.
                unsafe {
                    let at = self.at.as_ptr().add(from);
                    // A refusal leaves the memory where it was, which is no fault.
                    libc::madvise(at.cast(), to - from, libc::MADV_DONTNEED);
                }
            }
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this address and length, `self` is its only owner
        // and is being dropped, and whoever lent parts of it to the kernel has them back (munmap(2)).
        // Should the kernel refuse (ENOMEM: too many mappings) the memory stays mapped and unused.
        // Guarded by `a_mapping_is_zeros_that_can_be_given_back_in_part`.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.len) };
    }
}

// SAFETY: a mapping is plain memory that nobody else refers to; nothing about it belongs to a thread.
// Guarded by `blocks_may_be_dropped_on_another_thread` of `fs::pages`.
unsafe impl Send for Mapping {}

// SAFETY: whoever shares a mapping can only read it, or vouches for the bytes by himself. Guarded by
// `parts_keep_the_memory_and_its_companion_on_any_thread` of `fs`.
unsafe impl Sync for Mapping {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_zeros_that_can_be_given_back_in_part() {
        let mut mapping = Mapping::new(64 << 10).expect("memory").in_small_pages();
        assert!(mapping.as_slice().iter().all(|byte| *byte == 0));
        mapping.as_mut_slice().fill(7);
        assert_eq!(
            mapping.at(100).as_ptr(),
            mapping.as_mut_slice()[100..].as_mut_ptr()
        );
        // SAFETY: nobody else knows of the mapping.
        unsafe { mapping.give_back(0..0) };
        assert!(mapping.as_slice().iter().all(|byte| *byte == 7));
        if cfg!(not(miri)) {
            let page = rustix::param::page_size();
            // SAFETY: as above.
            unsafe { mapping.give_back(1..3 * page + 1) };
            let sevens = |range: Range<usize>| mapping.as_slice()[range].iter().all(|b| *b == 7);
            let zeros = |range: Range<usize>| mapping.as_slice()[range].iter().all(|b| *b == 0);
            assert!(sevens(0..page), "a page of which a byte is to stay");
            assert!(zeros(page..3 * page));
            assert!(sevens(3 * page..mapping.len()));
        }
    }
}
