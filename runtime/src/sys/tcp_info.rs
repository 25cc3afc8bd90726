//! The kernel's counts of a TCP socket: a listener's queue, the bytes a peer has acknowledged.
//!
//! Called by admission's view of the kernel's queue, by drain and by the status report. Deliberately
//! reads only the fields Ringgate uses, at their fixed offsets in `struct tcp_info` (tcp(7),
//! `linux/tcp.h`): the structure only ever grows at its end, so a short answer is an older kernel.

use std::io;
use std::os::fd::BorrowedFd;

use super::error::proc_text;
use super::socket::get_bytes;

const STATE_AT: usize = 0;
const UNACKED_AT: usize = 24;
const SACKED_AT: usize = 28;
const BYTES_ACKED_AT: usize = 120;
/// Enough for every field above.
const INFO_BYTES: usize = 128;
const _: () = assert!(BYTES_ACKED_AT + 8 <= INFO_BYTES);
const _: () = assert!(std::mem::offset_of!(libc::tcp_info, tcpi_unacked) == UNACKED_AT);
const _: () = assert!(std::mem::offset_of!(libc::tcp_info, tcpi_sacked) == SACKED_AT);
/// TCP_CLOSE and TCP_LISTEN in the kernel's `tcp_states.h`.
const STATE_CLOSE: u8 = 7;
const STATE_LISTEN: u8 = 10;

/// A listener's queue of connections that are complete but not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenQueue {
    /// Connections waiting now.
    pub queue: u32,
    /// The most that may wait: the backlog of listen(2), cut to net.core.somaxconn. The kernel
    /// overflows when `queue` would exceed it.
    pub limit: u32,
}

/// The queue of a TCP listener. For a listener the kernel reports it in the fields `tcpi_unacked`
/// and `tcpi_sacked`.
///
/// # Errors
/// `InvalidInput` if the socket is not listening; whatever else getsockopt(2) answers, EOPNOTSUPP
/// for what is not TCP.
pub fn listen_queue(fd: BorrowedFd<'_>) -> io::Result<ListenQueue> {
    let (info, _) = tcp_info(fd)?;
    if info[STATE_AT] != STATE_LISTEN {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "TCP_INFO: the socket is not listening",
        ));
    }
    let field = |at: usize| u32::from_ne_bytes(info[at..at + 4].try_into().expect("four bytes"));
    Ok(ListenQueue {
        queue: field(UNACKED_AT),
        limit: field(SACKED_AT),
    })
}

/// Bytes of the connection that the peer has acknowledged, the SYN counting as one; `None` if the
/// kernel does not say (before 4.2).
///
/// # Errors
/// Whatever getsockopt(2) answers, EOPNOTSUPP for what is not TCP.
pub fn bytes_acked(fd: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    let (info, len) = tcp_info(fd)?;
    let field = info[BYTES_ACKED_AT..BYTES_ACKED_AT + 8]
        .try_into()
        .expect("eight bytes");
    Ok((len >= BYTES_ACKED_AT + 8).then(|| u64::from_ne_bytes(field)))
}

/// Whether a TCP connection is over: it was reset, or both ends have ended it and acknowledged that.
///
/// # Errors
/// Whatever getsockopt(2) answers, EOPNOTSUPP for what is not TCP.
pub fn is_over(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let (info, _) = tcp_info(fd)?;
    Ok(info[STATE_AT] == STATE_CLOSE)
}

/// How often since boot a listener's queue was full and a connection was dropped, summed over every
/// socket of this network namespace (`ListenOverflows` of `/proc/net/netstat`).
///
/// # Errors
/// If `/proc` is not mounted or lacks the counter.
pub fn listen_overflows() -> io::Result<u64> {
    const PATH: &str = "/proc/net/netstat";
    let text = proc_text(PATH)?;
    netstat_counter(&text, "TcpExt:", "ListenOverflows").ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{PATH}: no TcpExt ListenOverflows"),
        )
    })
}

fn tcp_info(fd: BorrowedFd<'_>) -> io::Result<([u8; INFO_BYTES], usize)> {
    let mut info = [0u8; INFO_BYTES];
    let len = get_bytes(fd, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info, "TCP_INFO")?;
    Ok((info, len))
}

/// Each group has a line of names and, after it, a line of values, both beginning with its name.
fn netstat_counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, values) = (lines.next()?, lines.next()?);
    let column = names.split_whitespace().position(|field| field == name)?;
    values.split_whitespace().nth(column)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_name_and_not_by_place() {
        let text =
            "TcpExt: A ListenOverflows B\nTcpExt: 1 22 3\nIpExt: ListenOverflows\nIpExt: 9\n";
        assert_eq!(
            netstat_counter(text, "TcpExt:", "ListenOverflows"),
            Some(22)
        );
        assert_eq!(netstat_counter(text, "IpExt:", "ListenOverflows"), Some(9));
        assert_eq!(netstat_counter(text, "TcpExt:", "C"), None);
    }
}
