//! Unix stream sockets: addresses and credentials; the rest is [`Stream`] and [`Listener`].

use super::{Listener, Socket, Stream};
use crate::core::current;
use crate::sys::address::{Address, SocketAddrStorage};
use crate::sys::socket::{self, PeerCredentials};
use crate::sys::unix_listener::unix_listener;
use std::io;
use std::path::Path;

/// Marks streams and listeners of Unix sockets.
///
/// ```
/// use ringgate_runtime::net::{Stream, Unix};
///
/// fn user_of(stream: &Stream<Unix>) -> std::io::Result<u32> {
///     Ok(stream.peer_credentials()?.uid)
/// }
/// ```
pub struct Unix;

/// A connection over a Unix socket.
///
/// ```
/// use ringgate_runtime::net::UnixStream;
///
/// async fn tell(path: &str) -> std::io::Result<()> {
///     UnixStream::connect(path).await?.write_all("hello\n").await
/// }
/// ```
pub type UnixStream = Stream<Unix>;

/// A listening Unix socket.
///
/// ```
/// use ringgate_runtime::net::UnixListener;
///
/// /// A socket for the owner and the group.
/// async fn first_client(path: &str) -> std::io::Result<()> {
///     let listener = UnixListener::bind(path, 0o660)?;
///     listener.accept().await?.write_all("welcome\n").await
/// }
/// ```
pub type UnixListener = Listener<Unix>;

impl Stream<Unix> {
    /// Connects to the socket at `path`. Dropped early, the attempt is cancelled and its socket
    /// closed.
    ///
    /// # Errors
    /// ENOENT, ECONNREFUSED (a stale file), and whatever else socket(2) and connect(2) answer;
    /// `InvalidInput` for a path that is too long.
    ///
    /// # Panics
    /// Outside a [`Core`](crate::Core).
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let address = SocketAddrStorage::from_unix_path(path.as_ref())?;
        let socket = Socket::new(current(), socket::unix_socket()?);
        socket.connect(address).await?;
        Ok(Stream::new(socket))
    }

    /// The address of the other end; usually it has none.
    ///
    /// # Errors
    /// Whatever getpeername(2) answers.
    pub fn peer_addr(&self) -> io::Result<Address> {
        socket::peer_addr(self.socket.real()?)
    }

    /// Returns the credentials of the process that made the other end.
    ///
    /// # Errors
    /// Whatever getsockopt(2) answers.
    pub fn peer_credentials(&self) -> io::Result<PeerCredentials> {
        socket::peer_credentials(self.socket.real()?)
    }
}

impl Listener<Unix> {
    /// Listens at `path`, whose file gets the permission bits `mode` (for example 0o600). The file
    /// stays when the listener is dropped; the next bind replaces it.
    ///
    /// # Errors
    /// As [`unix_listener`].
    ///
    /// # Panics
    /// Outside a [`Core`](crate::Core).
    pub fn bind(path: impl AsRef<Path>, mode: u32) -> io::Result<UnixListener> {
        Ok(Listener::from_fd(unix_listener(path.as_ref(), mode)?))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Whatever getsockname(2) answers.
    pub fn local_addr(&self) -> io::Result<Address> {
        socket::local_addr(self.socket.real()?)
    }
}
