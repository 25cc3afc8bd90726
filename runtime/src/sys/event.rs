//! An eventfd: a counter in the kernel that wakes whoever polls it (eventfd(2)).
//!
//! Called by the mailboxes of the cores, which write from any thread what one ring polls.
//! Deliberately carries no data: the mailbox does.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::error::{check, last};

/// A non-blocking, close-on-exec eventfd.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// A new counter at zero.
    ///
    /// # Errors
    /// EMFILE, ENFILE or ENOMEM of eventfd(2).
    pub fn new() -> io::Result<EventFd> {
        // SAFETY: eventfd(2) takes no pointer. Guarded by `a_notified_eventfd_is_drained_once`.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        let fd = check(fd, "eventfd", "")?;
        // SAFETY: the kernel has just given this descriptor to us and to nobody else.
        Ok(EventFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Adds one to the counter and wakes its pollers. May be called from any thread, and from many
    /// at once; a counter that is full already wakes, so that is no error.
    ///
    /// # Errors
    /// Whatever else write(2) answers.
    pub fn notify(&self) -> io::Result<()> {
        let one = 1u64.to_ne_bytes();
        loop {
            // SAFETY: write(2) reads eight bytes that live on this stack. Guarded by
            // `a_notified_eventfd_is_drained_once`.
            let n = unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
            if n >= 0 {
                return Ok(());
            }
            let error = last("write", "to an eventfd");
            match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(()),
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            }
        }
    }

    /// Takes all notifications so far and answers their number; 0 if there were none. Never blocks.
    ///
    /// # Errors
    /// Whatever else read(2) answers.
    pub fn drain(&self) -> io::Result<u64> {
        let mut count = [0u8; 8];
        loop {
            let into = count.as_mut_ptr().cast();
            // SAFETY: read(2) writes at most eight bytes, all on this stack. Guarded by
            // `a_notified_eventfd_is_drained_once`.
            let n = unsafe { libc::read(self.0.as_raw_fd(), into, count.len()) };
            if n >= 0 {
                return Ok(u64::from_ne_bytes(count));
            }
            let error = last("read", "from an eventfd");
            match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(0),
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            }
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
