//! The process's listeners: one per core slot for a TCP address, one shared by all cores for a Unix
//! socket or an inherited descriptor. Made before the first core, kept until the end.

use super::plan::Seat;
use crate::config::ListenAddr;
use crate::connection::{ListenerId, ListenerSeat, Socket};
use crate::control::socket::SocketFile;
use ringgate_runtime::sys::address::Address;
use ringgate_runtime::sys::listener::{ReusePort, tcp_listener, tcp_listeners};
use ringgate_runtime::sys::socket::local_addr;
use ringgate_runtime::sys::unix_listener::{inherited_listener, unix_listener};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Connections the kernel may queue a listener; it cuts the number to net.core.somaxconn.
const BACKLOG: u32 = 65_535;
/// Who may connect to a Unix socket: everybody, as to a port.
const SOCKET_MODE: u32 = 0o666;

/// One listener.
pub(crate) struct Listener {
    pub(crate) address: String,
    pub(crate) seat: Seat,
    pub(crate) socket: Arc<OwnedFd>,
}

/// A place that cannot be listened on, and why.
#[derive(Debug)]
pub struct ListenError {
    address: String,
    source: io::Error,
}

impl ListenError {
    pub(crate) fn new(address: impl fmt::Display, source: io::Error) -> ListenError {
        ListenError {
            address: address.to_string(),
            source,
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenError { address, source } = self;
        match ringgate_runtime::sys::errno(source) {
            Some(libc_errno) if libc_errno == ADDRESS_IN_USE => write!(
                f,
                "cannot listen on {address}: the address is taken by another process; stop that one or choose another with --listen"
            ),
            Some(libc_errno) if libc_errno == ACCESS_DENIED => write!(
                f,
                "cannot listen on {address}: {source}; ports below 1024 need CAP_NET_BIND_SERVICE, or choose another with --listen"
            ),
            _ => write!(f, "cannot listen on {address}: {source}"),
        }
    }
}

impl std::error::Error for ListenError {}

// errno(3), the same on every architecture of Linux that io_uring runs on.
const ADDRESS_IN_USE: i32 = 98;
const ACCESS_DENIED: i32 = 13;

/// All listeners of the process.
pub(crate) struct Listeners {
    /// Socket files; dropped before the sockets.
    files: Vec<SocketFile>,
    pub(crate) all: Vec<Listener>,
    /// Whether every address is loopback or a Unix socket.
    pub(crate) local: bool,
}

impl Listeners {
    /// Binds every address: a TCP address for each slot, anything else once for all places.
    pub(crate) fn bind(
        addresses: &[ListenAddr],
        slots: u32,
        places: u32,
    ) -> Result<Listeners, ListenError> {
        let mut listeners = Listeners {
            all: Vec::new(),
            files: Vec::new(),
            local: true,
        };
        for address in addresses {
            let fail = |source| ListenError::new(address, source);
            match address {
                ListenAddr::Tcp(inet) => {
                    let (sockets, bound) =
                        tcp_listeners(*inet, slots as usize, BACKLOG).map_err(fail)?;
                    listeners.local &= bound.ip().is_loopback();
                    for (slot, socket) in (0..).zip(sockets) {
                        listeners.add(bound.to_string(), slot, false, Arc::new(socket));
                    }
                }
                ListenAddr::Unix(path) => {
                    let socket = unix_listener(path, SOCKET_MODE).map_err(fail)?;
                    let file = SocketFile::at(path).map_err(fail)?;
                    listeners.files.push(file);
                    listeners.share(address.to_string(), places, socket);
                }
                ListenAddr::Fd(number) => {
                    let socket = inherited_listener(*number).map_err(fail)?;
                    let bound = local_addr(socket.as_fd()).map_err(fail)?;
                    let text = match &bound {
                        Address::Inet(inet) => {
                            listeners.local &= inet.ip().is_loopback();
                            inet.to_string()
                        }
                        Address::UnixPath(path) => format!("unix:{}", path.display()),
                        Address::UnixAbstract(_) | Address::UnixUnnamed => address.to_string(),
                    };
                    listeners.share(text, places, socket);
                }
            }
        }
        Ok(listeners)
    }

    fn share(&mut self, address: String, places: u32, socket: OwnedFd) {
        let socket = Arc::new(socket);
        for slot in 0..places {
            self.add(address.clone(), slot, true, socket.clone());
        }
    }

    fn add(&mut self, address: String, slot: u32, shared: bool, socket: Arc<OwnedFd>) {
        let seat = Seat::new(slot, shared);
        self.all.push(Listener {
            address,
            seat,
            socket,
        });
    }

    pub(crate) fn seat(&self, index: usize) -> ListenerSeat {
        let listener = &self.all[index];
        ListenerSeat {
            id: ListenerId(index as u32),
            socket: Socket::Real(listener.socket.clone()),
            shared: listener.seat.shared,
        }
    }

    /// The addresses as they are bound, each once, in the order of the configuration.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let mut addresses: Vec<String> = Vec::new();
        for listener in &self.all {
            if !addresses.contains(&listener.address) {
                addresses.push(listener.address.clone());
            }
        }
        addresses
    }

    /// Closes them: from here on the kernel refuses connections.
    pub(crate) fn close(&mut self) {
        // The files first: as long as the socket listens nobody takes its file for stale.
        self.files.clear();
        self.all.clear();
    }
}

/// One listener at `address` that only the coordinator accepts from, and the address as bound.
pub(crate) fn bind_one(
    address: &ListenAddr,
) -> Result<(OwnedFd, String, Option<SocketFile>), ListenError> {
    let fail = |source| ListenError::new(address, source);
    match address {
        ListenAddr::Tcp(inet) => {
            let socket = tcp_listener(*inet, ReusePort::First, BACKLOG).map_err(fail)?;
            let bound = local_addr(socket.as_fd()).map_err(fail)?;
            Ok((socket, bound.to_string(), None))
        }
        ListenAddr::Unix(path) => {
            let socket = unix_listener(path, SOCKET_MODE).map_err(fail)?;
            let file = SocketFile::at(path).map_err(fail)?;
            Ok((socket, address.to_string(), Some(file)))
        }
        ListenAddr::Fd(number) => {
            let socket = inherited_listener(*number).map_err(fail)?;
            Ok((socket, address.to_string(), None))
        }
    }
}
