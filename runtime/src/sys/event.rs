//! An eventfd: a counter in the kernel that wakes whoever polls it (eventfd(2)).
//!
//! Called by the mailboxes of the cores, which write from any thread what one ring polls.
//! Deliberately carries no data: the mailbox does.

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, retry_on_intr, write};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::error::{called, named};

/// A non-blocking, close-on-exec eventfd.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// A new counter at zero.
    ///
    /// # Errors
    /// EMFILE, ENFILE or ENOMEM of eventfd(2).
    pub fn new() -> io::Result<EventFd> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        Ok(EventFd(called(fd, "eventfd", "")?))
    }

    /// Adds one to the counter and wakes its pollers. May be called from any thread, and from many
    /// at once; a counter that is full already wakes, so that is no error.
    ///
    /// # Errors
    /// Whatever else write(2) answers.
    pub fn notify(&self) -> io::Result<()> {
        let one = 1u64.to_ne_bytes();
        match retry_on_intr(|| write(&self.0, &one)) {
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(named(errno.into(), "write", "to an eventfd", "")),
        }
    }

    /// Takes all notifications so far and answers their number; 0 if there were none. Never blocks.
    ///
    /// # Errors
    /// Whatever else read(2) answers.
    pub fn drain(&self) -> io::Result<u64> {
        let mut count = [0u8; 8];
        match retry_on_intr(|| read(&self.0, &mut count)) {
            Ok(_) => Ok(u64::from_ne_bytes(count)),
            Err(Errno::AGAIN) => Ok(0),
            Err(errno) => Err(named(errno.into(), "read", "from an eventfd", "")),
        }
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
