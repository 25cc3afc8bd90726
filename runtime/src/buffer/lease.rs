//! A view of received bytes where the kernel put them.

use super::pool::Block;
use bytes::Bytes;
use std::fmt;
use std::ops::{Deref, Range};
use std::ptr::NonNull;

/// Received bytes, read in place. Cheap to share in parts; stays on its core (`!Send`): what goes
/// to another thread is copied ([`Lease::to_bytes`]).
pub struct Lease {
    block: NonNull<Block>,
    start: NonNull<u8>,
    len: u32,
}

impl Lease {
    /// # Safety
    /// `start` points to `len` initialised bytes of `block`, which nobody writes until the last
    /// share is dropped; the block counts this lease as a share.
    #[inline]
    pub(super) unsafe fn new(block: NonNull<Block>, start: NonNull<u8>, len: u32) -> Lease {
        Lease { block, start, len }
    }

    /// A share of a part of these bytes.
    ///
    /// # Panics
    /// If the range leaves the lease.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> Lease {
        assert!(
            range.start <= range.end && range.end <= self.len as usize,
            "range in lease"
        );
        // SAFETY: this share keeps the block alive; the range is inside the lease, and the block
        // counts the new share. Guarded by `a_lease_goes_back_with_its_last_share`.
        unsafe {
            self.block.as_ref().share();
            let start = self.start.add(range.start);
            Lease::new(self.block, start, range.len() as u32)
        }
    }

    /// Drops the first `count` bytes from view.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len as usize, "count in lease");
        // SAFETY: inside the lease, or one past its end. Guarded by
        // `a_lease_goes_back_with_its_last_share`.
        self.start = unsafe { self.start.add(count) };
        self.len -= count as u32;
    }

    /// Leaves only the first `count` bytes in view.
    #[inline]
    pub fn truncate(&mut self, count: usize) {
        self.len = self.len.min(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// The bytes to be changed where they lie; None while there is another share of their buffer.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut [u8]> {
        // SAFETY: this share keeps the block alive. Guarded by `only_the_last_share_changes_bytes`.
        let is_alone = unsafe { self.block.as_ref().is_held_once() };
        // SAFETY: initialised by the kernel, which writes no more while a share lives; this is the only
        // share, and it is borrowed for as long as the slice. Guarded by
        // `only_the_last_share_changes_bytes`.
        is_alone.then(|| unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len as usize)
        })
    }

    /// A copy that may go anywhere.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl Clone for Lease {
    #[inline]
    fn clone(&self) -> Lease {
        self.slice(0..self.len as usize)
    }
}

impl Deref for Lease {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: initialised by the kernel and not written while this share lives. Guarded by
        // `a_lease_goes_back_with_its_last_share`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len as usize) }
    }
}

impl Drop for Lease {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this lease is a share, and ends. Guarded by
        // `a_lease_goes_back_with_its_last_share`.
        unsafe { Block::unshare(self.block) };
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lease of {} bytes", self.len)
    }
}
