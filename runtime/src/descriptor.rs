//! A descriptor that its holder owns: closed when dropped, or through the ring by
//! [`Core::close`](crate::Core::close).
//!
//! The simulated driver hands out numbers that no kernel knows; they start at [`SIMULATED`], so
//! that dropping one touches no real descriptor.

use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// First number of the simulated driver's descriptors; Linux caps real ones far below
/// (`fs.nr_open` is at most 2^31 rounded down, 2^30 by default at the very most).
pub const SIMULATED: RawFd = 0x7000_0000;

/// An owned descriptor number.
#[derive(PartialEq, Eq)]
pub struct Descriptor(RawFd);

impl Descriptor {
    /// Takes a simulated number.
    pub(crate) fn simulated(number: RawFd) -> Descriptor {
        debug_assert!(number >= SIMULATED);
        Descriptor(number)
    }

    /// Takes what an accept or open completion brought.
    ///
    /// # Safety
    /// `raw` is an open descriptor (or a simulated number) that nobody else owns.
    pub(crate) unsafe fn from_completion(raw: RawFd) -> Descriptor {
        Descriptor(raw)
    }

    /// Whether no kernel stands behind it.
    pub fn is_simulated(&self) -> bool {
        self.0 >= SIMULATED
    }

    /// The descriptor for a safe system call; None if it is simulated.
    pub fn real(&self) -> Option<BorrowedFd<'_>> {
        if self.is_simulated() {
            return None;
        }
        // SAFETY: owned by self and open as long as self lives (the borrow). Guarded by
        // `a_dropped_descriptor_is_closed_and_a_simulated_one_is_not`.
        Some(unsafe { BorrowedFd::borrow_raw(self.0) })
    }

    /// Gives the number away without closing it.
    pub(crate) fn release(self) -> RawFd {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl From<OwnedFd> for Descriptor {
    fn from(fd: OwnedFd) -> Descriptor {
        Descriptor(fd.into_raw_fd())
    }
}

impl TryFrom<Descriptor> for OwnedFd {
    type Error = Descriptor;

    fn try_from(descriptor: Descriptor) -> Result<OwnedFd, Descriptor> {
        if descriptor.is_simulated() {
            return Err(descriptor);
        }
        // SAFETY: the number is owned and open, and ownership passes on. Guarded by
        // `a_dropped_descriptor_is_closed_and_a_simulated_one_is_not`.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor.release()) })
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if !self.is_simulated() {
            // SAFETY: close(2) on a number that self owns; it is not used after. Guarded by
            // `a_dropped_descriptor_is_closed_and_a_simulated_one_is_not`.
            unsafe { libc::close(self.0) };
        }
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fd {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_dropped_descriptor_is_closed_and_a_simulated_one_is_not() {
        let (reader, writer) = std::io::pipe().expect("pipe");
        let descriptor = Descriptor::from(OwnedFd::from(writer));
        assert!(descriptor.real().is_some());
        drop(descriptor);
        let mut nothing = Vec::new();
        std::io::Read::read_to_end(&mut &reader, &mut nothing).expect("the only writer is closed");
        drop(Descriptor::simulated(SIMULATED + 1));
        let file = File::open("/dev/null").expect("open");
        let again: OwnedFd = Descriptor::from(OwnedFd::from(file))
            .try_into()
            .expect("real");
        drop(again);
    }
}
