//! A program started with descriptors of ours, and the socket both talk over.
//!
//! Called by upgrades. Decides nothing about what is said there; `scm` has how descriptors are sent.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::sockopt::socket_type;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{WaitOptions, waitpid};

use super::error::{called, named};
use super::unix_listener::claim;

/// Two ends of a Unix socket that keeps messages apart (SOCK_SEQPACKET, unix(7)); close-on-exec and
/// non-blocking.
///
/// # Errors
/// EMFILE, ENFILE or ENOMEM of socketpair(2).
pub fn message_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
    called(pair, "socketpair", "")
}

/// Starts `program` with `args` in this environment and one variable more. `inherited` stay open in
/// the child, under the same numbers; everything else that is close-on-exec does not. The child
/// begins with no signal blocked.
///
/// # Errors
/// The answers of fork(2) and execve(2): the program does not exist or cannot be executed.
pub fn spawn_with(
    program: &Path,
    args: &[OsString],
    variable: (&str, &OsStr),
    inherited: &[BorrowedFd<'_>],
) -> io::Result<Child> {
    let numbers: Vec<RawFd> = inherited.iter().map(AsRawFd::as_raw_fd).collect();
    let mut command = Command::new(program);
    command.args(args).env(variable.0, variable.1);
    let keep_open = move || {
        for number in &numbers {
            // SAFETY: fcntl(2) F_SETFD takes no pointer. Guarded by
            // `a_child_talks_over_the_end_it_inherits`.
            if unsafe { libc::fcntl(*number, libc::F_SETFD, 0) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure runs in the child between fork(2) and execve(2) and calls only fcntl(2),
    // which is async-signal-safe (signal-safety(7)); it allocates nothing and takes no lock. Guarded
    // by `a_child_talks_over_the_end_it_inherits`.
    unsafe { command.pre_exec(keep_open) };
    command.spawn()
}

/// Takes over the end of a [`message_pair`] that the parent left to this process as number
/// `number`, and sets close-on-exec so that it goes no further. None if there is no such socket:
/// whoever left the number meant somebody else.
///
/// # Errors
/// Whatever getsockopt(2) and fcntl(2) answer otherwise.
pub fn inherited_message_socket(number: RawFd) -> io::Result<Option<OwnedFd>> {
    if number <= libc::STDERR_FILENO {
        return Ok(None);
    }
    // SAFETY: borrowed only for the look below; if nothing is open at the number, the kernel says
    // EBADF. Guarded by `a_number_that_is_no_message_socket_is_not_taken_over`.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    match socket_type(fd) {
        Ok(SocketType::SEQPACKET) => {}
        Ok(_) | Err(Errno::BADF | Errno::NOTSOCK) => return Ok(None),
        Err(errno) => return Err(named(errno.into(), "getsockopt", "SO_TYPE", "")),
    }
    if !claim(number) {
        return Ok(None);
    }
    let closes = fcntl_setfd(fd, FdFlags::CLOEXEC);
    called(closes, "fcntl", format!("{number} F_SETFD"))?;
    // SAFETY: open, as the look above found, and left to this process by its parent; the claim makes
    // sure that it is taken over once. Guarded by `a_child_talks_over_the_end_it_inherits`.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(number) }))
}

/// The result of [`reap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// A child had ended.
    Child {
        /// Which.
        pid: u32,
        /// Exit code of the child; 128 and the number of the signal that killed it, as shells have it.
        exit_code: u8,
    },
    /// Children are left, and none has ended.
    NoneYet,
    /// No children are left.
    NoChildren,
}

/// Collects one child that has ended, whoever started it: for the first process of a container, to
/// which every orphan belongs. Never waits.
///
/// # Errors
/// Whatever else waitpid(2) answers.
pub fn reap() -> io::Result<Reaped> {
    match waitpid(None, WaitOptions::NOHANG) {
        Ok(Some((pid, status))) => {
            let killed = status.terminating_signal().map(|signal| 128 + signal);
            let exit_code = killed.or(status.exit_status()).unwrap_or(0);
            Ok(Reaped::Child {
                pid: pid.as_raw_nonzero().get().unsigned_abs(),
                exit_code: exit_code as u8,
            })
        }
        Ok(None) => Ok(Reaped::NoneYet),
        Err(Errno::CHILD) => Ok(Reaped::NoChildren),
        Err(errno) => Err(named(errno.into(), "waitpid", "", "")),
    }
}
