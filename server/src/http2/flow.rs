//! How many payload bytes may still be sent and received (RFC 9113 sections 5.2 and 6.9). `session` holds one
//! pair of windows, and another for each stream. Deliberately not here: what is sent first.

use super::code::Fault;
use super::frame::NUMBER_MAX;

const TOO_LARGE: Fault = Fault::flow("A window was made larger than 2^31-1.");
const EXCEEDED: Fault = Fault::flow("More was sent than the window allowed.");

/// Room for what this side sends. Below zero after the client has lowered its setting (section 6.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendWindow(i32);

impl SendWindow {
    /// A window of so many bytes; at most [`NUMBER_MAX`].
    #[inline]
    pub const fn new(bytes: u32) -> SendWindow {
        debug_assert!(bytes <= NUMBER_MAX);
        SendWindow((bytes & NUMBER_MAX) as i32)
    }

    /// The same window after another process has counted it.
    pub const fn carried(bytes: i32) -> SendWindow {
        SendWindow(bytes)
    }

    /// The count itself.
    pub const fn count(self) -> i32 {
        self.0
    }

    /// Bytes that may be sent now.
    #[inline]
    pub const fn room(self) -> u32 {
        match self.0 > 0 {
            true => self.0 as u32,
            false => 0,
        }
    }

    /// Bytes were sent; never more than there was room for.
    #[inline]
    pub const fn take(&mut self, bytes: u32) {
        debug_assert!(bytes <= self.room());
        self.0 -= bytes as i32;
    }

    /// WINDOW_UPDATE.
    ///
    /// # Errors
    /// The window would be larger than any can be (section 6.9.1).
    #[inline]
    pub fn grow(&mut self, increment: u32) -> Result<(), Fault> {
        self.shift(i64::from(increment))
    }

    /// The client has changed the size that windows begin with, by so much.
    ///
    /// # Errors
    /// As [`SendWindow::grow`].
    pub fn shift(&mut self, by: i64) -> Result<(), Fault> {
        let count = i64::from(self.0) + by;
        // Not below -(2^31-1): windows begin at 0 or more, and each byte that is sent had its room.
        self.0 = i32::try_from(count).map_err(|_| TOO_LARGE)?;
        Ok(())
    }
}

/// Room for what the client sends: what it may still send, and what was taken and not yet given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveWindow {
    left: i32,
    taken: u32,
}

impl ReceiveWindow {
    /// A window of so many bytes.
    #[inline]
    pub const fn new(bytes: u32) -> ReceiveWindow {
        ReceiveWindow {
            left: (bytes & NUMBER_MAX) as i32,
            taken: 0,
        }
    }

    /// A window in which the client may send `left` bytes, and `taken` are to be given back.
    pub const fn carried(left: i32, taken: u32) -> ReceiveWindow {
        ReceiveWindow { left, taken }
    }

    /// Bytes that the client may still send.
    pub const fn left(self) -> i32 {
        self.left
    }

    /// Bytes that are done with, and that the client was not told of.
    pub const fn taken(self) -> u32 {
        self.taken
    }

    /// A DATA frame came, with so many bytes of payload and padding.
    ///
    /// # Errors
    /// The bytes are more than the client may send.
    #[inline]
    pub fn receive(&mut self, bytes: u32) -> Result<(), Fault> {
        if i64::from(bytes) > i64::from(self.left) {
            return Err(EXCEEDED);
        }
        self.left -= bytes as i32;
        Ok(())
    }

    /// So many bytes are done with. Gives the increment of a WINDOW_UPDATE once they are half of `size`, the
    /// window as it should be: an update for each frame would cost as much as the frames.
    #[inline]
    pub fn release(&mut self, bytes: u32, size: u32) -> Option<u32> {
        self.taken += bytes;
        if self.taken == 0 || self.taken < size.div_ceil(2) {
            return None;
        }
        let increment = std::mem::take(&mut self.taken);
        self.left += increment as i32;
        Some(increment)
    }
}
