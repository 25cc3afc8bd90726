//! TCP listening sockets: one per core on one port, and a taken port is an error.
//!
//! Called once at start, by the process that owns the listeners. `unix_listener` has the Unix and the
//! inherited ones. Deliberately accepts nothing but for [`accept_nonblocking`], the helper of a
//! listener whose ring is stuck.
//!
//! The first socket of an address binds and listens *without* SO_REUSEPORT and sets the option only
//! then; its siblings set it before they bind. While the first one is being made nobody else can have
//! the port, not even another Ringgate of the same user: whoever comes later meets a listener at its
//! own first bind(2), and of two that bound at the same moment the later listen(2) fails. (Setting the
//! option between bind and listen would let both through: SO_REUSEADDR allows two binds while nobody
//! listens yet, and the check in listen(2) then sees SO_REUSEPORT on both.)

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{self, Timeout};
use rustix::net::{SocketFlags, accept_with};

use super::address::{Address, SocketAddrStorage};
use super::error::{called, explained};
use super::socket::{Family, bind, local_addr, poll_readable, set_nodelay, set_option, tcp_socket};

/// The longest that [`accept_nonblocking`] can be held up by a connection that somebody else took
/// between its look and its grasp; the kernel rounds it up to its clock tick (at most 10 ms).
const ACCEPT_LOST_RACE: Duration = Duration::from_millis(1);

const PORT_TAKEN: &str = "another process listens there (`ss -ltnp` names it); \
     stop it or choose another address";

/// Which of the sockets of one address is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReusePort {
    /// The one that claims the address for this process.
    First,
    /// One more on an address that this process has claimed.
    Sibling,
}

/// A listening TCP socket: close-on-exec, blocking (a ring arms a poll for it), TCP_NODELAY, which
/// what it accepts inherits, and SO_REUSEADDR, so that connections in TIME_WAIT do not hold up a
/// restart. An IPv6 address means IPv6 only: `[::]` does not take the port of `0.0.0.0`.
///
/// `backlog` is in connections; the kernel cuts it to net.core.somaxconn.
///
/// # Errors
/// `AddrInUse` if somebody else has the address; EACCES below the first unprivileged port;
/// EADDRNOTAVAIL if this machine does not have the address; whatever else socket(2), setsockopt(2),
/// bind(2) and listen(2) answer.
pub fn tcp_listener(
    address: SocketAddr,
    reuse_port: ReusePort,
    backlog: u32,
) -> io::Result<OwnedFd> {
    BoundSocket::bind(address, reuse_port)?.listen(backlog)
}

/// A socket that has its address and does not listen yet. Two steps, so that the tests can put two
/// starters between them.
struct BoundSocket {
    socket: OwnedFd,
    address: SocketAddr,
    reuse_port: ReusePort,
}

impl BoundSocket {
    fn bind(address: SocketAddr, reuse_port: ReusePort) -> io::Result<BoundSocket> {
        let family = Family::of(address);
        let socket = tcp_socket(family)?;
        let fd = socket.as_fd();
        if family == Family::V6 {
            let set = sockopt::set_ipv6_v6only(fd, true);
            called(set, "setsockopt", "IPV6_V6ONLY")?;
        }
        let set = sockopt::set_socket_reuseaddr(fd, true);
        called(set, "setsockopt", "SO_REUSEADDR")?;
        if reuse_port == ReusePort::Sibling {
            allow_siblings(fd)?;
        }
        set_nodelay(fd, true)?;
        bind(fd, &SocketAddrStorage::from_inet(address))
            .map_err(|error| with_cure(error, address))?;
        Ok(BoundSocket {
            socket,
            address,
            reuse_port,
        })
    }

    fn listen(self, backlog: u32) -> io::Result<OwnedFd> {
        listen(self.socket.as_fd(), backlog).map_err(|error| with_cure(error, self.address))?;
        if self.reuse_port == ReusePort::First {
            allow_siblings(self.socket.as_fd())?;
        }
        Ok(self.socket)
    }
}

fn allow_siblings(fd: BorrowedFd<'_>) -> io::Result<()> {
    let set = sockopt::set_socket_reuseport(fd, true);
    called(set, "setsockopt", "SO_REUSEPORT")
}

fn with_cure(error: io::Error, address: SocketAddr) -> io::Error {
    let cure = match error.kind() {
        io::ErrorKind::AddrInUse => PORT_TAKEN,
        io::ErrorKind::PermissionDenied => {
            "ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has the address",
        _ => "",
    };
    explained(error, address.to_string(), cure)
}

/// `count` listening sockets on one address, for as many cores, and the address they got: with port 0
/// the kernel chooses one for the first and the siblings take the same.
///
/// # Errors
/// As [`tcp_listener`]; `InvalidInput` for a count of 0. On an error none stays open.
pub fn tcp_listeners(
    address: SocketAddr,
    count: usize,
    backlog: u32,
) -> io::Result<(Vec<OwnedFd>, SocketAddr)> {
    if count == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no listener asked for",
        ));
    }
    let first = tcp_listener(address, ReusePort::First, backlog)?;
    let Address::Inet(bound) = local_addr(first.as_fd())? else {
        return Err(io::Error::other(
            "a TCP socket with an address that is not an internet one",
        ));
    };
    let mut listeners = Vec::with_capacity(count);
    listeners.push(first);
    while listeners.len() < count {
        listeners.push(tcp_listener(bound, ReusePort::Sibling, backlog)?);
    }
    Ok((listeners, bound))
}

pub(super) fn listen(fd: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    called(rustix::net::listen(fd, backlog), "listen", "")
}

/// Takes one waiting connection of a *blocking* listener, or `None`: for helping a listener whose own
/// ring is stuck. The connection is close-on-exec and blocking.
///
/// The listener must stay without O_NONBLOCK for its ring's sake, so this looks first (poll(2)). If
/// somebody else takes the connection in between, SO_RCVTIMEO, which accept(2) obeys and rings ignore,
/// ends the wait after a clock tick. The listener keeps that option; it is cleared on what is returned.
///
/// # Errors
/// EMFILE and ENFILE leave the connection in the queue; whatever else poll(2) and accept4(2) answer. A
/// connection that was reset in the queue is skipped.
pub fn accept_nonblocking(listener: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    while poll_readable(listener, Some(Duration::ZERO))? {
        match accept_within_a_tick(listener) {
            Ok(connection) => return Ok(Some(connection)),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(None),
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(None)
}

/// Lets a TCP listener hear no more: the kernel drops what it receives from now on, so that nothing is
/// added to its queue. Connections in the queue can be accepted still. Before the listener is closed:
/// a connection that arrived between the last accept and the close would be reset, while one that is
/// not heard tries again and is refused.
///
/// # Errors
/// Whatever setsockopt(2) answers to SO_ATTACH_FILTER (socket(7)).
pub fn deafen(listener: BorrowedFd<'_>) -> io::Result<()> {
    let mut drop_all = [libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: 0,
    }];
    let program = libc::sock_fprog {
        len: 1,
        filter: drop_all.as_mut_ptr(),
    };
    // The kernel copies the program during the call; both live on this stack until then. Guarded by
    // `a_deaf_listener_queues_nobody_and_gives_what_is_queued_until_it_hears_again`.
    set_option(
        listener,
        libc::SOL_SOCKET,
        libc::SO_ATTACH_FILTER,
        &program,
        "SO_ATTACH_FILTER",
    )
}

/// Lets a listener hear again that was [deafened](deafen), by this process or by another one that has the same socket.
///
/// # Errors
/// Whatever setsockopt(2) answers to SO_DETACH_FILTER (socket(7)); one that hears is no error.
pub fn undeafen(listener: BorrowedFd<'_>) -> io::Result<()> {
    let detached = set_option(
        listener,
        libc::SOL_SOCKET,
        libc::SO_DETACH_FILTER,
        &0,
        "SO_DETACH_FILTER",
    );
    match detached {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        detached => detached,
    }
}

/// Accepts; `WouldBlock` if no connection comes within [`ACCEPT_LOST_RACE`].
fn accept_within_a_tick(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let get = sockopt::socket_timeout(listener, Timeout::Recv);
    if called(get, "getsockopt", "SO_RCVTIMEO")?.is_none() {
        set_receive_timeout(listener, Some(ACCEPT_LOST_RACE))?;
    }
    let connection = accept_with(listener, SocketFlags::CLOEXEC);
    let connection = called(connection, "accept4", "")?;
    set_receive_timeout(connection.as_fd(), None)?;
    Ok(connection)
}

fn set_receive_timeout(fd: BorrowedFd<'_>, time: Option<Duration>) -> io::Result<()> {
    let set = sockopt::set_socket_timeout(fd, Timeout::Recv, time);
    called(set, "setsockopt", "SO_RCVTIMEO")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::sync::mpsc;

    use super::*;

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn of_two_that_bound_at_the_same_moment_one_gets_the_port() {
        let one = BoundSocket::bind("127.0.0.1:0".parse().unwrap(), ReusePort::First).unwrap();
        let Address::Inet(address) = local_addr(one.socket.as_fd()).unwrap() else {
            panic!("an internet socket has an internet address");
        };
        let other = BoundSocket::bind(address, ReusePort::First)
            .expect("SO_REUSEADDR lets both bind while nobody listens");
        let _listener = one.listen(16).expect("the first to listen has it");
        let error = other.listen(16).expect_err("and the second has not");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let text = error.to_string();
        assert!(text.starts_with(&format!("listen {address}: ")), "{text}");
    }

    #[cfg_attr(miri, ignore = "asks the kernel what Miri does not play")]
    #[test]
    fn a_connection_that_somebody_else_took_is_not_waited_for() {
        let (mut listeners, address) =
            tcp_listeners("127.0.0.1:0".parse().unwrap(), 1, 16).unwrap();
        let listener = listeners.remove(0);
        let (sender, receiver) = mpsc::channel();
        let helper = std::thread::spawn(move || {
            let _ = sender.send(accept_within_a_tick(listener.as_fd()).map(drop));
        });
        let answer = receiver.recv_timeout(Duration::from_secs(30));
        // Lets a helper go that waits for ever, so that the failure can be told.
        let _release = TcpStream::connect(address);
        helper.join().unwrap();
        let error = answer.expect("the helper waits in accept").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
