//! Sockets towards the target: non-blocking ones that carry requests, blocking ones that just idle.
//!
//! Knows how to connect from a chosen loopback address; knows nothing of HTTP.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::load::options::Options;
use crate::load::report::IdleReport;
use crate::target::Endpoint;

/// How long one idle connection may take to open.
const IDLE_CONNECT_MAX: Duration = Duration::from_secs(5);

/// A connected or connecting stream.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
}

impl Stream {
    /// Starts to connect; `nth` chooses the source address. On a full Unix backlog the error is
    /// `WouldBlock` (unix(7)): nothing was queued, try again later.
    pub(crate) fn connect(options: &Options, nth: u64) -> io::Result<Self> {
        match &options.target.endpoint {
            Endpoint::Unix(path) => mio::net::UnixStream::connect(path).map(Self::Unix),
            Endpoint::Tcp(address) => {
                let socket = tcp_socket(*address, source(options, nth))?;
                socket.set_nonblocking(true)?;
                match socket.connect(&SockAddr::from(*address)) {
                    Ok(()) => {}
                    Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
                    Err(error) => return Err(error),
                }
                Ok(Self::Tcp(mio::net::TcpStream::from_std(socket.into())))
            }
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => stream.register(registry, token, interest),
            Self::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    /// Says that no more requests come.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// The local address of a TCP connection.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

/// The `nth` source address, 127.0.0.2 upwards; `None` leaves the choice to the kernel.
pub(crate) fn source(options: &Options, nth: u64) -> Option<Ipv4Addr> {
    let addresses = u64::from(options.source_addresses);
    (addresses > 0).then(|| Ipv4Addr::new(127, 0, 0, 2 + (nth % addresses) as u8))
}

/// A TCP socket with TCP_NODELAY, bound to `source` if given.
pub(crate) fn tcp_socket(to: SocketAddr, source: Option<Ipv4Addr>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = source {
        socket.bind(&SockAddr::from(SocketAddr::from((source, 0))))?;
    }
    Ok(socket)
}

/// The extra connections of `--idle`: opened before the run, never written to.
pub(crate) struct IdleSet {
    asked: usize,
    sockets: Vec<Socket>,
}

impl IdleSet {
    /// Opens them one after the other; those that fail show as `asked - opened`. `None` if none
    /// were asked for.
    pub(crate) fn open(options: &Options) -> Option<Self> {
        let connect = |nth: usize| -> io::Result<Socket> {
            let (socket, address) = match &options.target.endpoint {
                Endpoint::Tcp(to) => (
                    tcp_socket(*to, source(options, nth as u64))?,
                    SockAddr::from(*to),
                ),
                Endpoint::Unix(path) => (
                    Socket::new(Domain::UNIX, Type::STREAM, None)?,
                    SockAddr::unix(path)?,
                ),
            };
            socket.connect_timeout(&address, IDLE_CONNECT_MAX)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let asked = options.idle;
        (asked > 0).then(|| Self {
            asked,
            sockets: (0..asked).map_while(|nth| connect(nth).ok()).collect(),
        })
    }

    /// Counts those the server has not ended, and closes all.
    pub(crate) fn close(self) -> IdleReport {
        let open = self.sockets.iter().filter(|socket| {
            let mut byte = [std::mem::MaybeUninit::uninit()];
            matches!(socket.peek(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        });
        IdleReport {
            asked: self.asked,
            opened: self.sockets.len(),
            open_at_end: open.count(),
        }
    }
}
