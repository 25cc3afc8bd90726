//! The vocabulary between the table of operations and a driver: what can be asked for, and what
//! comes back. Plain values; who owns the memory behind the pointers is decided in
//! [`crate::op`], which is the only one to submit.

use super::token::Token;
use std::os::fd::RawFd;

/// One operation, as a driver takes it. Pointers stay valid until the last completion.
#[derive(Debug, Clone, Copy)]
#[expect(
    missing_docs,
    reason = "the fields are the arguments of the call each line names"
)]
pub enum Operation {
    /// Nothing; completes at once.
    Nop,
    /// accept(2), once or until cancelled. The accepted socket is blocking and CLOEXEC.
    Accept { listener: RawFd, multishot: bool },
    /// recv(2) into leased buffers, once or until EOF, error or cancel.
    ReceiveLeased { socket: RawFd, multishot: bool },
    /// recv(2) into memory of the operation.
    Receive {
        socket: RawFd,
        into: *mut u8,
        len: u32,
    },
    /// send(2) with MSG_NOSIGNAL and MSG_WAITALL; `more` adds MSG_MORE.
    Send {
        socket: RawFd,
        from: *const u8,
        len: u32,
        more: bool,
    },
    /// sendmsg(2) of bytes in several places, with the flags of `Send`.
    SendPieces {
        socket: RawFd,
        message: *const libc::msghdr,
        more: bool,
    },
    /// recvmsg(2).
    ReceiveMessage {
        socket: RawFd,
        message: *mut libc::msghdr,
    },
    /// sendmsg(2) with MSG_NOSIGNAL.
    SendMessage {
        socket: RawFd,
        message: *const libc::msghdr,
    },
    /// connect(2).
    Connect {
        socket: RawFd,
        address: *const libc::sockaddr,
        len: libc::socklen_t,
    },
    /// shutdown(2); `how` is SHUT_RD, SHUT_WR or SHUT_RDWR.
    Shutdown { socket: RawFd, how: i32 },
    /// close(2).
    Close { fd: RawFd },
    /// Cancels the operation that carries `target`.
    Cancel { target: Token },
    /// poll(2) for `events`, once or until cancelled.
    Poll {
        fd: RawFd,
        events: u32,
        multishot: bool,
    },
    /// Completes with ETIME after the time span.
    Timeout {
        after: *const io_uring::types::Timespec,
    },
    /// pread(2), or read(2) with an offset of `u64::MAX`.
    Read {
        fd: RawFd,
        into: *mut u8,
        len: u32,
        offset: u64,
    },
    /// pwrite(2), or write(2) with an offset of `u64::MAX`.
    Write {
        fd: RawFd,
        from: *const u8,
        len: u32,
        offset: u64,
    },
    /// openat(2) relative to `directory` (AT_FDCWD for the working directory).
    Open {
        directory: RawFd,
        path: *const libc::c_char,
        flags: i32,
        mode: u32,
    },
    /// openat2(2) relative to `directory`.
    OpenBeneath {
        directory: RawFd,
        path: *const libc::c_char,
        how: *const io_uring::types::OpenHow,
    },
    /// statx(2).
    Statx {
        directory: RawFd,
        path: *const libc::c_char,
        flags: i32,
        mask: u32,
        into: *mut libc::statx,
    },
    /// splice(2); an offset of -1 means the descriptor's own position, or none (pipe, socket).
    Splice {
        from: RawFd,
        from_offset: i64,
        to: RawFd,
        to_offset: i64,
        len: u32,
    },
}

/// A driver's report of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Completion {
    /// The operation.
    pub token: Token,
    /// Result: a count or descriptor, or a negative error number.
    pub result: i32,
    /// IORING_CQE_F_*: read through the methods.
    pub flags: u32,
}

const MORE: u32 = 1 << 1;
const BUFFER: u32 = 1 << 0;
const BUFFER_SHIFT: u32 = 16;

impl Completion {
    /// A completion made by hand, as the simulated driver does.
    pub const fn new(token: Token, result: i32, more: bool, buffer: Option<u16>) -> Completion {
        let flags = if more { MORE } else { 0 };
        let flags = match buffer {
            Some(id) => flags | BUFFER | (id as u32) << BUFFER_SHIFT,
            None => flags,
        };
        Completion {
            token,
            result,
            flags,
        }
    }

    /// Whether the operation goes on: further completions follow.
    #[inline]
    pub const fn more(&self) -> bool {
        self.flags & MORE != 0
    }

    /// The provided buffer that was filled.
    #[inline]
    pub const fn buffer(&self) -> Option<u16> {
        if self.flags & BUFFER != 0 {
            Some((self.flags >> BUFFER_SHIFT) as u16)
        } else {
            None
        }
    }
}

const _: () = {
    let both = Completion::new(
        Token {
            slot: 0,
            generation: 0,
        },
        0,
        true,
        Some(7),
    );
    assert!(both.more() && matches!(both.buffer(), Some(7)));
};
