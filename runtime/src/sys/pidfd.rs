//! A process as a descriptor (pidfd_open(2)): its end can be polled, and its number is never reused
//! under us.
//!
//! Called by upgrades, which watch the new program. Deliberately does not reap the child;
//! [`std::process::Child`] does.

use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use super::error::called;
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
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let opened = match process {
            Some(process) => pidfd_open(process, PidfdFlags::empty()),
            None => Err(rustix::io::Errno::INVAL),
        };
        Ok(PidFd(called(opened, "pidfd_open", format!("pid {pid}"))?))
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
        let sent = pidfd_send_signal(&self.0, signal.kernel());
        called(sent, "pidfd_send_signal", "")
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
