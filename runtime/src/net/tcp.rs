//! TCP over IPv4 and IPv6: addresses and options; the rest is [`Stream`] and [`Listener`].

use super::{Listener, Socket, Stream, inet};
use crate::core::current;
use crate::sys::address::SocketAddrStorage;
use crate::sys::listener::{ReusePort, tcp_listener};
use crate::sys::socket::{self, Family};
use std::io;
use std::net::SocketAddr;

/// Connections that may wait for an accept; the kernel cuts it to net.core.somaxconn.
const BACKLOG: u32 = 4096;

/// Marks streams and listeners of TCP.
///
/// ```
/// use ringgate_runtime::net::{Stream, Tcp};
///
/// fn is_near(stream: &Stream<Tcp>) -> bool {
///     stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback())
/// }
/// ```
pub struct Tcp;

/// A TCP connection.
///
/// ```
/// use ringgate_runtime::net::TcpStream;
/// use std::net::SocketAddr;
///
/// async fn greet(address: SocketAddr) -> std::io::Result<()> {
///     let mut stream = TcpStream::connect(address).await?;
///     stream.set_nodelay(true)?;
///     stream.write_all("hello\n").await
/// }
/// ```
pub type TcpStream = Stream<Tcp>;

/// A listening TCP socket.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::net::TcpListener;
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
///     assert_ne!(listener.local_addr()?.port(), 0);
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type TcpListener = Listener<Tcp>;

impl Stream<Tcp> {
    /// Connects. Dropped early, the attempt is cancelled and its socket closed.
    ///
    /// # Errors
    /// ECONNREFUSED, ETIMEDOUT and whatever else socket(2) and connect(2) answer.
    ///
    /// # Panics
    /// Outside a [`Core`](crate::Core).
    pub async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(current(), socket::tcp_socket(Family::of(address))?);
        socket
            .connect(SocketAddrStorage::from_inet(address))
            .await?;
        Ok(Stream::new(socket))
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    /// ENOTCONN if the peer has reset the connection.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        inet(socket::peer_addr(self.socket.real()?)?)
    }

    /// Where this end is bound.
    ///
    /// # Errors
    /// Whatever getsockname(2) answers.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(socket::local_addr(self.socket.real()?)?)
    }

    /// Switches Nagle's algorithm off or on; accepted connections have it off.
    ///
    /// # Errors
    /// Whatever setsockopt(2) answers.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        socket::set_nodelay(self.socket.real()?, on)
    }
}

impl Listener<Tcp> {
    /// Listens at `address`; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// As [`tcp_listener`].
    ///
    /// # Panics
    /// Outside a [`Core`](crate::Core).
    pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        let fd = tcp_listener(address, ReusePort::First, BACKLOG)?;
        Ok(Listener::from_fd(fd))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Whatever getsockname(2) answers.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(socket::local_addr(self.socket.real()?)?)
    }
}
