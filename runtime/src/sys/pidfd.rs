//! A process as a descriptor (pidfd_open(2)): its end can be polled, and its number is never reused
//! under us.
//!
//! Called by upgrades, which watch the new program. Deliberately does not reap the child;
//! [`std::process::Child`] does.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::error::check;
use super::signals::Signal;
use super::socket::poll_readable;

/// A process that was alive, or not yet reaped, when this was opened.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens process `pid`. Close-on-exec, as every pidfd.
    ///
    /// # Errors
    /// ESRCH if there is no such process.
    pub fn open(pid: u32) -> io::Result<PidFd> {
        // SAFETY: pidfd_open(2) takes no pointer. Guarded by `the_end_of_a_child_is_polled`.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
        let fd = check(fd as libc::c_int, "pidfd_open", format!("pid {pid}"))?;
        // SAFETY: the kernel has just given this descriptor to us and to nobody else.
        Ok(PidFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Waits until the process has ended, at most `timeout`; `None` waits without bound. Answers
    /// whether it has ended.
    ///
    /// # Errors
    /// Whatever poll(2) answers.
    pub fn wait_exit(&self, timeout: Option<Duration>) -> io::Result<bool> {
        poll_readable(self.as_fd(), timeout)
    }

    /// Sends `signal` to exactly this process (pidfd_send_signal(2)).
    ///
    /// # Errors
    /// ESRCH if it has ended; EPERM if it is not ours.
    pub fn send_signal(&self, signal: Signal) -> io::Result<()> {
        // SAFETY: pidfd_send_signal(2) allows a null siginfo, which means "as kill(2) would".
        // Guarded by `the_end_of_a_child_is_polled`.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal.number(),
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        check(result as libc::c_int, "pidfd_send_signal", "")?;
        Ok(())
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for PidFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
