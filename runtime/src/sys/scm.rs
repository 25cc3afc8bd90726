//! Descriptors sent over a Unix socket (SCM_RIGHTS, unix(7), cmsg(3)).
//!
//! Called by upgrades, which hand listeners and idle connections to the new program. Deliberately
//! frames nothing: bytes and descriptors go out and come in as the socket carries them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::error::called;

/// The most descriptors in one message (the kernel's SCM_MAX_FD).
pub const FDS_PER_MESSAGE_MAX: usize = 253;

/// The bytes and descriptors of one message.
#[derive(Debug)]
pub struct ReceivedWithFds {
    /// Bytes that were written; none at the end of a stream.
    pub bytes: usize,
    /// The descriptors, close-on-exec.
    pub fds: Vec<OwnedFd>,
    /// Descriptors were sent and are lost, all of this message: the peer sent more than were asked
    /// for, or this process has no descriptor number left (MSG_CTRUNC, recvmsg(2)). The sender still
    /// has its own.
    pub lost: bool,
}

/// Sends `bytes` with `fds` attached to the first of them, and answers how many bytes went. On a
/// stream socket that may be fewer than all: send the rest *without* descriptors. Ours stay open.
///
/// # Errors
/// `InvalidInput` without bytes (nothing would carry the descriptors) or with more than
/// [`FDS_PER_MESSAGE_MAX`] descriptors; EPIPE if the peer has gone; ETOOMANYREFS if too many
/// descriptors are in flight; whatever else sendmsg(2) answers.
pub fn send_with_fds(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    if bytes.is_empty() || fds.len() > FDS_PER_MESSAGE_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "a message needs at least one byte and at most {FDS_PER_MESSAGE_MAX} descriptors, \
                 not {} and {}",
                bytes.len(),
                fds.len()
            ),
        ));
    }
    let mut room = room_for(fds.len());
    let mut control = SendAncillaryBuffer::new(&mut room);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("there is no room for the descriptors"));
    }
    let bytes = [IoSlice::new(bytes)];
    let sent = retry_on_intr(|| sendmsg(socket, &bytes, &mut control, SendFlags::NOSIGNAL));
    called(sent, "sendmsg", "")
}

/// Receives at most `bytes.len()` bytes and at most `fds_max` descriptors. Blocks if the socket does.
/// If not all descriptors arrived, those that did are closed, and the bytes are there all the same.
///
/// # Errors
/// Whatever recvmsg(2) answers.
pub fn recv_with_fds(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    fds_max: usize,
) -> io::Result<ReceivedWithFds> {
    let mut room = room_for(fds_max.min(FDS_PER_MESSAGE_MAX));
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let mut into = [IoSliceMut::new(bytes)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = retry_on_intr(|| recvmsg(socket, &mut into, &mut control, flags));
    let received = called(received, "recvmsg", "")?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    // The room is rounded up, so one more than asked for may fit without MSG_CTRUNC.
    let lost = received.flags.contains(ReturnFlags::CTRUNC) || fds.len() > fds_max;
    if lost {
        fds.clear();
    }
    Ok(ReceivedWithFds {
        bytes: received.bytes,
        fds,
        lost,
    })
}

/// Room for one control message with so many descriptors.
fn room_for(fds: usize) -> Vec<MaybeUninit<u8>> {
    vec![MaybeUninit::uninit(); cmsg_space!(ScmRights(fds))]
}
