//! Operations that belong to no socket and no file: nothing at all, a timeout of the kernel, and
//! one look at whether a descriptor is ready.
//!
//! Called by tasks. Sleeping is deliberately not done with these: [`crate::time::sleep`] asks the
//! core's own wheel and costs no operation.

use super::{Kind, Memory};
use crate::core::current;
use crate::driver::Operation;
use crate::errno::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Goes through the kernel and back (IORING_OP_NOP).
///
/// # Errors
/// None that io_uring_enter(2) names; passed on if there is one.
///
/// # Panics
/// Outside a [`Core`](crate::Core).
pub async fn nop() -> io::Result<()> {
    let nothing = current().operate(Kind::Other, Memory::None, |_| Operation::Nop);
    nothing.await.result()?;
    Ok(())
}

/// Waits for `duration` by a timeout of the kernel (IORING_OP_TIMEOUT, from the submission on).
/// Dropped early it takes the timeout back.
///
/// # Errors
/// EINVAL for a span the kernel cannot hold.
///
/// # Panics
/// Outside a [`Core`](crate::Core).
pub async fn kernel_timeout(duration: Duration) -> io::Result<()> {
    let span = io_uring::types::Timespec::new()
        .sec(duration.as_secs())
        .nsec(duration.subsec_nanos());
    let memory = Memory::Span(Box::new(span));
    let timeout = current().operate(Kind::Other, memory, |memory| match memory {
        Memory::Span(span) => Operation::Timeout {
            after: &raw const **span,
        },
        _ => Operation::Nop,
    });
    match timeout.await.result() {
        // "It expired" is how a timeout without a count ends well (io_uring_prep_timeout(3)).
        Err(Errno(libc::ETIME)) | Ok(_) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Waits until one of the poll(2) `events` holds for `fd`, and answers which do, errors and hang-up
/// included. Dropped early it takes the poll back; nothing is consumed.
///
/// # Errors
/// EBADF and whatever else poll(2) answers.
///
/// # Panics
/// Outside a [`Core`](crate::Core).
pub async fn poll_once(fd: BorrowedFd<'_>, events: u32) -> io::Result<u32> {
    let operation = Operation::Poll {
        fd: fd.as_raw_fd(),
        events,
        multishot: false,
    };
    let poll = current().operate(Kind::Poll, Memory::None, |_| operation);
    Ok(poll.await.result()?)
}
