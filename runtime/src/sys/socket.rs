//! Sockets that are not listeners: making them, their options, their two addresses, their peer.
//!
//! Called by the accept path, the client side of tests and tools, and `listener`. Deliberately moves
//! no data; rings do. Sockets are made *blocking*: a ring arms a poll for a blocking socket but gives
//! EAGAIN at once for one with O_NONBLOCK.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, socket_with,
    sockopt,
};

use super::address::{Address, SocketAddrStorage};
use super::error::{called, check};

/// The family of a TCP or UDP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// AF_INET
    V4,
    /// AF_INET6
    V6,
}

impl Family {
    /// The family of `address`.
    pub fn of(address: SocketAddr) -> Family {
        if address.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        }
    }

    const fn kernel(self) -> AddressFamily {
        match self {
            Family::V4 => AddressFamily::INET,
            Family::V6 => AddressFamily::INET6,
        }
    }
}

/// A TCP socket to connect with; close-on-exec, blocking.
///
/// # Errors
/// EMFILE, ENFILE, ENOMEM or EAFNOSUPPORT of socket(2).
pub fn tcp_socket(family: Family) -> io::Result<OwnedFd> {
    new_socket(family.kernel(), SocketType::STREAM)
}

/// A Unix stream socket to connect with; close-on-exec, blocking.
///
/// # Errors
/// EMFILE, ENFILE or ENOMEM of socket(2).
pub fn unix_socket() -> io::Result<OwnedFd> {
    new_socket(AddressFamily::UNIX, SocketType::STREAM)
}

/// A UDP socket bound to `address`; close-on-exec, blocking.
///
/// # Errors
/// Whatever socket(2) and bind(2) answer, with the address.
pub fn udp_bind(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = new_socket(Family::of(address).kernel(), SocketType::DGRAM)?;
    bind(socket.as_fd(), &SocketAddrStorage::from_inet(address))?;
    Ok(socket)
}

/// Connects and waits for the answer. For set-up, tools and tests: it blocks the thread.
///
/// # Errors
/// Whatever connect(2) answers, with the address.
pub fn connect(fd: BorrowedFd<'_>, address: &SocketAddrStorage) -> io::Result<()> {
    called(
        rustix::net::connect(fd, &kernel_form(address)?),
        "connect",
        text(address),
    )
}

/// The direction that [`shutdown`] ends.
///
/// ```
/// use ringgate_runtime::net::{Direction, TcpStream};
///
/// /// Says that nothing more comes; the answer is still read.
/// async fn end(stream: &mut TcpStream) -> std::io::Result<()> {
///     stream.shutdown(Direction::Write).await
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// SHUT_RD: nothing more is received.
    Read,
    /// SHUT_WR: a FIN follows what is queued.
    Write,
    /// SHUT_RDWR: both.
    Both,
}

impl Direction {
    /// The number that shutdown(2) and the ring's shutdown take.
    pub const fn number(self) -> libc::c_int {
        match self {
            Direction::Read => libc::SHUT_RD,
            Direction::Write => libc::SHUT_WR,
            Direction::Both => libc::SHUT_RDWR,
        }
    }
}

/// Ends one or both directions of a connection without closing the descriptor.
///
/// # Errors
/// ENOTCONN if the peer has reset it already; whatever else shutdown(2) answers.
pub fn shutdown(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
    let how = match direction {
        Direction::Read => Shutdown::Read,
        Direction::Write => Shutdown::Write,
        Direction::Both => Shutdown::Both,
    };
    called(rustix::net::shutdown(fd, how), "shutdown", "")
}

/// Makes the coming close a reset (RST) that throws away what is queued (socket(7), SO_LINGER 0).
///
/// # Errors
/// Whatever setsockopt(2) answers.
pub fn set_linger0(fd: BorrowedFd<'_>) -> io::Result<()> {
    let now = Some(Duration::ZERO);
    let set = sockopt::set_socket_linger(fd, now);
    called(set, "setsockopt", "SO_LINGER")
}

/// Switches Nagle's algorithm off or on (tcp(7), TCP_NODELAY). Sockets accepted from Ringgate's own
/// listeners inherit it switched off.
///
/// # Errors
/// Whatever setsockopt(2) answers; EOPNOTSUPP for what is not TCP.
pub fn set_nodelay(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    called(
        sockopt::set_tcp_nodelay(fd, on),
        "setsockopt",
        "TCP_NODELAY",
    )
}

/// Whether Nagle's algorithm is off.
///
/// # Errors
/// Whatever getsockopt(2) answers; EOPNOTSUPP for what is not TCP.
pub fn nodelay(fd: BorrowedFd<'_>) -> io::Result<bool> {
    called(sockopt::tcp_nodelay(fd), "getsockopt", "TCP_NODELAY")
}

/// Lets the kernel keep about so many bytes that are not under way to the peer yet: then a send waits, and the socket
/// is writable again with half of them (tcp(7), TCP_NOTSENT_LOWAT). The peer's window bounds the bytes that are under
/// way. Without this limit a peer that takes nothing has up to net.ipv4.tcp_wmem of kernel memory, 4 MiB, to itself.
/// Sockets that a listener accepts inherit its number.
///
/// # Errors
/// Whatever setsockopt(2) answers; EOPNOTSUPP or ENOPROTOOPT for what is not TCP.
pub fn set_unsent_max(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    set_option(
        fd,
        libc::IPPROTO_TCP,
        libc::TCP_NOTSENT_LOWAT,
        &bytes,
        "TCP_NOTSENT_LOWAT",
    )
}

/// Has the kernel probe an idle TCP peer: first after `idle`, then every `interval`, and give it up
/// after `probes` without answer (tcp(7)). Both times are rounded up to whole seconds.
///
/// # Errors
/// EINVAL for zero or more than 32767 s or 127 probes; whatever else setsockopt(2) answers.
pub fn set_keepalive(
    fd: BorrowedFd<'_>,
    idle: Duration,
    interval: Duration,
    probes: u32,
) -> io::Result<()> {
    let set = |result, name| called(result, "setsockopt", name);
    set(
        sockopt::set_tcp_keepidle(fd, whole_seconds(idle)),
        "TCP_KEEPIDLE",
    )?;
    set(
        sockopt::set_tcp_keepintvl(fd, whole_seconds(interval)),
        "TCP_KEEPINTVL",
    )?;
    set(sockopt::set_tcp_keepcnt(fd, probes), "TCP_KEEPCNT")?;
    keep_alive(fd)
}

/// Has the kernel probe an idle TCP peer as often as it does by itself (net.ipv4.tcp_keepalive_time and its like, tcp(7)),
/// unless [`set_keepalive`] said how often. Sockets that a listener accepts inherit it.
///
/// # Errors
/// Whatever setsockopt(2) answers.
pub fn keep_alive(fd: BorrowedFd<'_>) -> io::Result<()> {
    let set = sockopt::set_socket_keepalive(fd, true);
    called(set, "setsockopt", "SO_KEEPALIVE")
}

/// Whether the kernel probes an idle TCP peer.
///
/// # Errors
/// Whatever getsockopt(2) answers.
pub fn is_kept_alive(fd: BorrowedFd<'_>) -> io::Result<bool> {
    called(sockopt::socket_keepalive(fd), "getsockopt", "SO_KEEPALIVE")
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// Where the socket is bound.
///
/// # Errors
/// Whatever getsockname(2) answers.
pub fn local_addr(fd: BorrowedFd<'_>) -> io::Result<Address> {
    local_addr_of(fd.as_raw_fd())
}

/// Returns the address of the other end.
///
/// # Errors
/// ENOTCONN if nobody is, or the peer has reset the connection; whatever else getpeername(2) answers.
pub fn peer_addr(fd: BorrowedFd<'_>) -> io::Result<Address> {
    peer_addr_of(fd.as_raw_fd())
}

/// As [`peer_addr`], for one who keeps only the number and knows that it is still that socket's.
///
/// # Errors
/// As [`peer_addr`]; EBADF or ENOTSOCK if the number is no socket's any more.
pub fn peer_addr_of(number: RawFd) -> io::Result<Address> {
    name_of(number, libc::getpeername, "getpeername")
}

/// As [`local_addr`], for one who keeps only the number and knows that it is still that socket's.
///
/// # Errors
/// As [`local_addr`]; EBADF or ENOTSOCK if the number is no socket's any more.
pub fn local_addr_of(number: RawFd) -> io::Result<Address> {
    name_of(number, libc::getsockname, "getsockname")
}

/// getsockname(2) or getpeername(2).
type NameOf =
    unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

/// The kernel's bytes are read here: every length that it may answer for a Unix socket has a meaning,
/// also that of a client without a name.
fn name_of(number: RawFd, call: NameOf, name: &'static str) -> io::Result<Address> {
    let mut address = SocketAddrStorage::empty();
    let (bytes, len) = (address.as_mut_ptr(), &raw mut *address.len_mut());
    // SAFETY: the call writes at most `*len` bytes, which is the size of the storage, and then `*len`
    // (getsockname(2)); both belong to `address`. Whatever the number is, it writes nothing else. Guarded
    // by `a_connection_knows_both_of_its_addresses`.
    let result = unsafe { call(number, bytes, len) };
    check(result, name, "")?;
    address.decode()
}

/// The credentials of the process that made the other end of a Unix stream socket, at connect(2) or listen(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    /// Process id in the reader's namespace; 0 if it has none there.
    pub pid: i32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
}

/// Returns the credentials of the process that made the other end of a Unix stream socket (unix(7), SO_PEERCRED).
///
/// # Errors
/// Whatever getsockopt(2) answers.
pub fn peer_credentials(fd: BorrowedFd<'_>) -> io::Result<PeerCredentials> {
    let mut bytes = [0u8; size_of::<libc::ucred>()];
    let n = get_bytes(
        fd,
        libc::SOL_SOCKET,
        libc::SO_PEERCRED,
        &mut bytes,
        "SO_PEERCRED",
    )?;
    let field = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    // An internet socket answers uid -1, "nobody knows".
    if n < bytes.len() || field(4) == u32::MAX {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "SO_PEERCRED: not a connected Unix socket",
        ));
    }
    Ok(PeerCredentials {
        pid: field(0) as i32,
        uid: field(4),
        gid: field(8),
    })
}

pub(super) fn new_socket(family: AddressFamily, kind: SocketType) -> io::Result<OwnedFd> {
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None);
    called(socket, "socket", "")
}

pub(super) fn bind(fd: BorrowedFd<'_>, address: &SocketAddrStorage) -> io::Result<()> {
    let bound = rustix::net::bind(fd, &kernel_form(address)?);
    called(bound, "bind", text(address))
}

fn kernel_form(address: &SocketAddrStorage) -> io::Result<SocketAddrAny> {
    Ok(match address.decode()? {
        Address::Inet(address) => address.into(),
        Address::UnixPath(path) => SocketAddrUnix::new(path)?.into(),
        Address::UnixAbstract(name) => SocketAddrUnix::new_abstract_name(&name)?.into(),
        Address::UnixUnnamed => return Err(Errno::INVAL.into()),
    })
}

/// Whether it is a Unix socket (socket(7), SO_DOMAIN).
pub fn is_unix(socket: BorrowedFd<'_>) -> bool {
    sockopt::socket_domain(socket) == Ok(AddressFamily::UNIX)
}

/// On a Unix socket the memory of the kernel that holds sends of which the other end has not taken the last byte (SIOCOUTQ,
/// unix(7)); more than their bytes. On TCP the bytes that the other end has not acknowledged, of which the end of this side is
/// one (tcp(7); the kernel's `tcp_ioctl`).
///
/// # Errors
/// Whatever ioctl(2) answers.
pub fn unsent(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut count: libc::c_int = 0;
    // SAFETY: SIOCOUTQ writes one int, on this stack (unix(7); its number is that of TIOCOUTQ). Guarded
    // by `a_send_on_a_unix_socket_is_seen_to_be_taken`.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &mut count) };
    check(result, "ioctl", "SIOCOUTQ")?;
    Ok(count.unsigned_abs())
}

/// Bytes that have come and nobody has received (FIONREAD, tcp(7) and unix(7)).
///
/// # Errors
/// Whatever ioctl(2) answers.
pub fn unread(socket: BorrowedFd<'_>) -> io::Result<u64> {
    called(rustix::io::ioctl_fionread(socket), "ioctl", "FIONREAD")
}

/// Asks at once which of POLLRDHUP, POLLHUP and POLLERR hold for a socket (poll(2) without a wait),
/// and takes nothing away: neither bytes nor the socket's error, which a peek would take.
///
/// # Errors
/// ENOMEM of poll(2).
pub fn poll_now(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut one = [PollFd::from_borrowed_fd(socket, PollFlags::RDHUP)];
    called(poll(&mut one, Some(&NO_TIME)), "poll", "")?;
    Ok(told(&one[0]))
}

/// [`poll_now`] for many sockets in one system call, in their order.
///
/// # Errors
/// ENOMEM of poll(2); EINVAL if there are more than RLIMIT_NOFILE.
pub fn poll_now_each<'fd>(
    sockets: impl IntoIterator<Item = BorrowedFd<'fd>>,
) -> io::Result<Vec<u32>> {
    let all = sockets.into_iter();
    let mut all: Vec<_> = all
        .map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::RDHUP))
        .collect();
    if !all.is_empty() {
        called(poll(&mut all, Some(&NO_TIME)), "poll", "")?;
    }
    Ok(all.iter().map(told).collect())
}

/// The bits of `revents`, as a completion of io_uring has them. The crate keeps them in a `u16`, and in
/// an `i16` where it calls the C library, as it does under Miri.
fn told(one: &PollFd<'_>) -> u32 {
    (i32::from(one.revents().bits()) & 0xffff) as u32
}

const NO_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Waits until `fd` is readable or has ended, at most `timeout` (`None`: without bound). Answers
/// whether it is. A signal does not cut the wait short.
///
/// # Errors
/// Whatever poll(2) answers.
pub fn poll_readable(fd: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<bool> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let ready = retry_on_intr(|| {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // Longer than the kernel can count is for ever.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut one = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        poll(&mut one, left.as_ref())
    });
    Ok(called(ready, "poll", "")? > 0)
}

/// Sets one socket option. `T` is the plain kernel type that the option's man page names.
pub(super) fn set_option<T: Copy>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: &T,
    name: &'static str,
) -> io::Result<()> {
    let value: *const T = value;
    // SAFETY: setsockopt(2) reads exactly `size_of::<T>()` bytes behind a good reference. Guarded by
    // `accepted_sockets_inherit_nodelay`.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            value.cast(),
            size_of::<T>() as u32,
        )
    };
    check(result, "setsockopt", name)?;
    Ok(())
}

/// Fills `bytes` with an option's value and answers how many the kernel wrote.
pub(super) fn get_bytes(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    bytes: &mut [u8],
    name: &'static str,
) -> io::Result<usize> {
    let mut len = bytes.len() as libc::socklen_t;
    // SAFETY: getsockopt(2) writes at most `len` bytes, all inside `bytes`, and then `len`. Guarded
    // by `the_queue_of_a_listener_is_counted`.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            option,
            bytes.as_mut_ptr().cast(),
            &mut len,
        )
    };
    check(result, "getsockopt", name)?;
    Ok(len as usize)
}

fn text(address: &SocketAddrStorage) -> String {
    address
        .decode()
        .map(|address| address.to_string())
        .unwrap_or_default()
}
