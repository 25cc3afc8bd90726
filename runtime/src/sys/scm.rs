//! Descriptors sent over a Unix socket (SCM_RIGHTS, unix(7), cmsg(3)).
//!
//! Called by upgrades, which hand listeners and idle connections to the new program. Deliberately
//! frames nothing: bytes and descriptors go out and come in as the socket carries them.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::error::check_len;

/// The most descriptors in one message (the kernel's SCM_MAX_FD).
pub const FDS_PER_MESSAGE_MAX: usize = 253;

/// What came with one message.
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
    let mut control = ControlBuffer::for_fds(fds.len());
    let mut iov = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut message = message_of(&mut iov);
    if !fds.is_empty() {
        message.msg_control = control.words.as_mut_ptr().cast();
        message.msg_controllen = control.len;
        // SAFETY: the control buffer is aligned for cmsghdr and has CMSG_SPACE for these
        // descriptors (cmsg(3)), so the first header exists and its data is inside. Guarded by
        // `descriptors_cross_a_unix_socket`.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(bytes_of_fds(fds.len())) as _;
            let data = libc::CMSG_DATA(header).cast::<RawFd>();
            for (at, fd) in fds.iter().enumerate() {
                data.add(at).write_unaligned(fd.as_raw_fd());
            }
        }
    }
    loop {
        // SAFETY: sendmsg(2) reads the message, its iovec, its bytes and its control buffer, all
        // alive here; it writes none of them. Guarded by `descriptors_cross_a_unix_socket`.
        let n = unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL) };
        match check_len(n, "sendmsg") {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
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
    let mut control = ControlBuffer::for_fds(fds_max.min(FDS_PER_MESSAGE_MAX));
    let mut iov = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    let mut message = message_of(&mut iov);
    let received = loop {
        message.msg_control = control.words.as_mut_ptr().cast();
        message.msg_controllen = control.len;
        // SAFETY: recvmsg(2) writes at most iov_len bytes into `bytes` and msg_controllen bytes into
        // the control buffer, both alive here. Guarded by `descriptors_cross_a_unix_socket`.
        let n = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) };
        match check_len(n, "recvmsg") {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    let mut fds = Vec::new();
    // SAFETY: the kernel has written whole control messages of msg_controllen bytes into an aligned
    // buffer; CMSG_FIRSTHDR and CMSG_NXTHDR stay inside it and end with null (cmsg(3)). Each
    // descriptor of SCM_RIGHTS is new and ours alone. Guarded by `descriptors_cross_a_unix_socket`.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let data_bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(header).cast::<RawFd>();
                for at in 0..data_bytes / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(data.add(at).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(&message, header);
        }
    }
    // The room is rounded up, so one more than asked for may fit without MSG_CTRUNC.
    let lost = message.msg_flags & libc::MSG_CTRUNC != 0 || fds.len() > fds_max;
    if lost {
        fds.clear();
    }
    Ok(ReceivedWithFds {
        bytes: received,
        fds,
        lost,
    })
}

/// Room for one control message with descriptors, aligned as `cmsghdr` needs.
struct ControlBuffer {
    words: Vec<u64>,
    len: usize,
}

const _: () = assert!(align_of::<libc::cmsghdr>() <= align_of::<u64>());

impl ControlBuffer {
    fn for_fds(count: usize) -> ControlBuffer {
        // SAFETY: CMSG_SPACE is arithmetic on its argument (cmsg(3)).
        let len = unsafe { libc::CMSG_SPACE(bytes_of_fds(count)) } as usize;
        ControlBuffer {
            words: vec![0; len.div_ceil(size_of::<u64>())],
            len,
        }
    }
}

fn bytes_of_fds(count: usize) -> u32 {
    (count * size_of::<RawFd>()) as u32
}

fn message_of(iov: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: msghdr is pointers and integers; all zero means no address, no bytes and no control
    // data (recvmsg(2)). Guarded by `descriptors_cross_a_unix_socket`.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = iov;
    message.msg_iovlen = 1;
    message
}
