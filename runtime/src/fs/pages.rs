//! Memory for what is read from files, in pages of its own: blocks that come and go in number, one for each
//! client that reads slowly. An allocator keeps such memory as soon as anything small lies
//! behind it; a mapping goes back to the kernel when it is dropped. A few blocks a thread are kept, so
//! that clients that read quickly cost neither system calls nor page faults.

use std::cell::RefCell;
use std::io;
use std::ptr::NonNull;

/// Bytes of a block: sixteen pages of 4 KiB.
const BLOCK_BYTES: usize = 64 << 10;
/// Blocks that a thread keeps.
const BLOCKS_KEPT: usize = 8;

/// A mapping of [`BLOCK_BYTES`], readable and writable.
struct Block(NonNull<u8>);

impl Block {
    fn map() -> io::Result<Block> {
        // SAFETY: mmap(2) of anonymous memory at an address of the kernel's choice replaces no mapping
        // and reads no pointer. Guarded by `blocks_are_zeroed_apart_and_go_back`.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                BLOCK_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let block = NonNull::new(at.cast()).map(Block);
        block.ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this address and length, `self` is its only owner
        // and is being dropped, and no operation reads into it: those own their `Pages` (munmap(2)).
        // Should the kernel refuse (ENOMEM: too many mappings) the memory stays mapped and unused.
        // Guarded by `blocks_are_zeroed_apart_and_go_back`.
        unsafe { libc::munmap(self.0.as_ptr().cast(), BLOCK_BYTES) };
    }
}

// SAFETY: a block is plain memory that nobody else refers to; nothing about it belongs to a thread.
// Guarded by `blocks_may_be_dropped_on_another_thread`.
unsafe impl Send for Block {}

thread_local! {
    /// Blocks to be used again.
    static KEPT: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Up to [`Pages::BYTES_MAX`] bytes, in pages of their own.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::fs::{File, Pages};
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let file = File::open("/proc/self/exe").await?;
///     let (read, mut pages) = file.read_pages_at(Pages::new(4)?, 0).await;
///     assert_eq!((read?, &pages.as_mut_slice()[..4]), (4, &b"\x7fELF"[..]));
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pages {
    /// None only while it is dropped, and where an operation lost it.
    block: Option<Block>,
    len: usize,
}

impl Pages {
    /// The most bytes that fit in.
    pub const BYTES_MAX: usize = BLOCK_BYTES;

    /// `len` bytes of any value, at most [`Pages::BYTES_MAX`].
    ///
    /// # Errors
    /// ENOMEM: there is no memory, or the process has as many mappings as it may have (mmap(2)).
    pub fn new(len: usize) -> io::Result<Pages> {
        let kept = KEPT.with_borrow_mut(Vec::pop);
        let block = kept.map_or_else(Block::map, Ok)?;
        Ok(Pages {
            block: Some(block),
            len: len.min(BLOCK_BYTES),
        })
    }

    /// No bytes at all, and no memory.
    pub(super) fn none() -> Pages {
        Pages {
            block: None,
            len: 0,
        }
    }

    /// Keeps the first `len` bytes, if there are more.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The bytes, to be written to.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        match &mut self.block {
            // SAFETY: the block is mapped readable and writable as long as it lives, `len` is at most its
            // length, anonymous memory begins as zeros (mmap(2)), and `self` is borrowed alone. Guarded
            // by `blocks_are_zeroed_apart_and_go_back`.
            Some(block) => unsafe { std::slice::from_raw_parts_mut(block.0.as_ptr(), self.len) },
            None => &mut [],
        }
    }
}

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        match &self.block {
            // SAFETY: as in `as_mut_slice`, and `self` is borrowed, so nobody writes. Guarded by
            // `blocks_are_zeroed_apart_and_go_back`.
            Some(block) => unsafe { std::slice::from_raw_parts(block.0.as_ptr(), self.len) },
            None => &[],
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // A thread that ends keeps none.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < BLOCKS_KEPT {
                kept.extend(self.block.take());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mappings of this process at an address (proc_pid_maps(5)).
    fn is_mapped(at: usize) -> bool {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("this process");
        maps.lines().any(|line| {
            let (range, _) = line.split_once(' ').expect("a range");
            let (from, to) = range.split_once('-').expect("two ends");
            let number = |text| usize::from_str_radix(text, 16).expect("a number");
            (number(from)..number(to)).contains(&at)
        })
    }

    #[test]
    fn blocks_are_zeroed_apart_and_go_back() {
        let mut all: Vec<_> = (0..BLOCKS_KEPT + 3)
            .map(|_| Pages::new(usize::MAX).expect("memory"))
            .collect();
        for (number, pages) in all.iter_mut().enumerate() {
            assert!(pages.as_ref().iter().all(|byte| *byte == 0));
            pages.as_mut_slice().fill(number as u8 + 1);
        }
        for (number, pages) in all.iter().enumerate() {
            let is_own = |byte: &u8| *byte == number as u8 + 1;
            assert!(pages.as_ref().len() == BLOCK_BYTES && pages.as_ref().iter().all(is_own));
        }
        let places: Vec<_> = all
            .iter()
            .map(|pages| pages.as_ref().as_ptr().addr())
            .collect();
        drop(all);
        // The first to be dropped are kept; others may have got the places of the rest since.
        assert!(places[..BLOCKS_KEPT].iter().all(|at| is_mapped(*at)));
        assert_eq!(KEPT.with_borrow(Vec::len), BLOCKS_KEPT);
        let again = Pages::new(10).expect("memory");
        assert!(places.contains(&again.as_ref().as_ptr().addr()));
        assert_eq!(again.as_ref().len(), 10);
    }

    #[test]
    fn blocks_may_be_dropped_on_another_thread() {
        let mut pages = Pages::new(3).expect("memory");
        pages.as_mut_slice().copy_from_slice(b"abc");
        let other = std::thread::spawn(move || pages.as_ref() == b"abc");
        assert!(other.join().expect("no panic"));
    }
}
