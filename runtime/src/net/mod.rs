//! Sockets as ordinary asynchronous types, for tasks on a [`Core`].
//!
//! Sockets belong to the core on which they were made and never leave its thread. Dropping any future
//! at any moment loses no byte, no connection and no descriptor, because what is in flight belongs
//! to the socket and not to the future: see each type. The server's own connections deliberately do
//! not use these: they are plain data driven by events ([`Core::receive`](crate::Core::receive)).
//!
//! Streams and listeners are one implementation; the parameter ([`Tcp`], [`Unix`]) says which
//! addresses there are. Names are deliberately not resolved.

mod listener;
mod stream;
mod tcp;
mod udp;
mod unix;

pub use crate::sys::socket::Direction;
pub use listener::Listener;
pub use stream::{Reader, Stream, Writer};
pub use tcp::{Tcp, TcpListener, TcpStream};
pub use udp::{UdpSender, UdpSocket};
pub use unix::{Unix, UnixListener, UnixStream};

use crate::core::Core;
use crate::descriptor::Descriptor;
use crate::driver::Operation;
use crate::op::{Handle, Kind, Memory};
use crate::sys::address::SocketAddrStorage;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

/// A socket and the core that drives it.
#[derive(Clone)]
struct Socket {
    core: Rc<Core>,
    handle: Rc<Handle>,
}

impl Socket {
    fn new(core: Rc<Core>, descriptor: impl Into<Descriptor>) -> Socket {
        let handle = Handle::new(&core, descriptor.into());
        Socket { core, handle }
    }

    /// For safe system calls.
    fn real(&self) -> io::Result<BorrowedFd<'_>> {
        self.handle.real().ok_or_else(|| {
            let text = "no kernel stands behind a simulated socket";
            io::Error::new(io::ErrorKind::Unsupported, text)
        })
    }

    /// Dropped early: cancelled. A socket whose connect was cancelled is fit only to be closed.
    async fn connect(&self, address: SocketAddrStorage) -> io::Result<()> {
        let socket = self.handle.raw();
        let memory = Memory::Address(Box::new(address), self.handle.clone());
        let connect = self
            .core
            .operate(Kind::Other, memory, |memory| match memory {
                Memory::Address(address, _) => Operation::Connect {
                    socket,
                    address: address.as_ptr(),
                    len: address.byte_len(),
                },
                _ => Operation::Nop,
            });
        connect.await.result()?;
        Ok(())
    }

    /// At once, by the system call, for the reason that [`Core::shutdown`] gives. A simulated socket is
    /// shut down through its ring.
    async fn shutdown(&self, direction: Direction) -> io::Result<()> {
        if let Some(socket) = self.handle.real() {
            return crate::sys::socket::shutdown(socket, direction);
        }
        let operation = Operation::Shutdown {
            socket: self.handle.raw(),
            how: direction.number(),
        };
        let memory = Memory::Handles(self.handle.clone(), None);
        let shutdown = self.core.operate(Kind::Other, memory, |_| operation);
        shutdown.await.result()?;
        Ok(())
    }
}

/// The address, if it is one of the internet.
fn inet(address: crate::sys::address::Address) -> io::Result<SocketAddr> {
    match address {
        crate::sys::address::Address::Inet(address) => Ok(address),
        other => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{other} is not an internet address"),
        )),
    }
}
