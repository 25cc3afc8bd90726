//! A view of received bytes where the kernel put them.

use super::pool::Block;
use bytes::Bytes;
use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, Range};
use std::ptr::NonNull;

/// Received bytes, read in place. Cheap to share in parts; stays on its core (`!Send`): what goes
/// to another thread is copied ([`Lease::to_bytes`]).
pub struct Lease {
    block: NonNull<Block>,
    start: NonNull<u8>,
    len: u32,
    /// If set, no other share of the block covers any of these bytes.
    is_sole: Cell<bool>,
}

/// The flag lies where nothing else would.
const _: () = assert!(size_of::<Lease>() == 24);

impl Lease {
    /// # Safety
    /// `start` points to `len` initialised bytes of `block`, which nobody writes until the last
    /// share is dropped, but for shares through [`Lease::get_mut`]; the block counts this lease as a share.
    /// If `is_sole`, no other share covers any of these bytes.
    #[inline]
    pub(super) unsafe fn new(
        block: NonNull<Block>,
        start: NonNull<u8>,
        len: u32,
        is_sole: bool,
    ) -> Lease {
        let is_sole = Cell::new(is_sole);
        Lease {
            block,
            start,
            len,
            is_sole,
        }
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
        self.is_sole.set(false);
        // SAFETY: this share keeps the block alive; the range is inside the lease, the block
        // counts the new share, and neither of the two is sole. Guarded by
        // `a_lease_goes_back_with_its_last_share` and `bytes_with_two_shares_are_not_changed`.
        unsafe {
            self.block.as_ref().share();
            let start = self.start.add(range.start);
            Lease::new(self.block, start, range.len() as u32, false)
        }
    }

    /// Takes the first `count` bytes out as a share of their own. No byte is in both, so that each can be
    /// changed while the other is kept, if these bytes could be changed before.
    ///
    /// # Panics
    /// If there are fewer.
    ///
    /// # Examples
    /// A buffer with two messages, of which the first is kept while the second is unmasked:
    ///
    /// ```
    /// use ringgate_runtime::Lease;
    ///
    /// fn unmask_second(mut received: Lease, first_length: usize) -> (Lease, Lease) {
    ///     let first = received.split_to(first_length);
    ///     if let Some(second) = received.get_mut() {
    ///         second.iter_mut().for_each(|byte| *byte ^= 0x5a);
    ///     }
    ///     (first, received)
    /// }
    /// ```
    #[inline]
    pub fn split_to(&mut self, count: usize) -> Lease {
        assert!(count <= self.len as usize, "count in lease");
        let is_sole = self.is_sole();
        self.is_sole.set(is_sole);
        // SAFETY: this share keeps the block alive; the front is inside the lease, and the block counts
        // the new share. The two cover different bytes, for this one is advanced past the front before
        // anybody else sees it: so both are sole if this one was. Guarded by
        // `each_part_of_a_lease_is_changed_while_the_other_is_kept`.
        let front = unsafe {
            self.block.as_ref().share();
            Lease::new(self.block, self.start, count as u32, is_sole)
        };
        self.advance(count);
        front
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

    /// The bytes to be changed where they lie; None while another share may cover some of them. Shares that
    /// were parted by [`Lease::split_to`] cover none of each other's.
    ///
    /// After a share by [`Lease::slice`] or a clone the answer is None until one share of the whole buffer is left,
    /// though the other may have been dropped before.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut [u8]> {
        // SAFETY: initialised by the kernel, which writes no more while a share lives; no other share
        // covers these bytes, and this one is borrowed for as long as the slice. Guarded by
        // `bytes_with_two_shares_are_not_changed` and
        // `each_part_of_a_lease_is_changed_while_the_other_is_kept`.
        self.is_sole().then(|| unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len as usize)
        })
    }

    /// Whether no other share covers any of these bytes.
    #[inline]
    fn is_sole(&self) -> bool {
        // SAFETY: this share keeps the block alive. Guarded by `bytes_with_two_shares_are_not_changed`.
        self.is_sole.get() || unsafe { self.block.as_ref().is_held_once() }
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
        // SAFETY: initialised by the kernel, which does not write while this share lives, nor do other
        // shares: one that covers any of these bytes is not sole (`get_mut`). Guarded by
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
