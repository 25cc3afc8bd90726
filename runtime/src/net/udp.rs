//! Datagrams over IPv4 and IPv6.
//!
//! As with streams the receive in flight belongs to the socket: a datagram that comes after its
//! future was dropped is given to the next one. Each is copied once, out of the socket's own buffer
//! of the largest size there is; who needs millions of datagrams a second wants another type.

use super::{Socket, inet};
use crate::core::current;
use crate::driver::Operation;
use crate::op::{Kind, Memory, Message, OpFuture};
use crate::sys::address::SocketAddrStorage;
use crate::sys::socket;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::ready;

/// The largest datagram: the length field of the UDP header has 16 bits (RFC 768).
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A bound UDP socket. Dropped, it cancels its receive and closes after it.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions};
/// use ringgate_runtime::net::UdpSocket;
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let mut socket = UdpSocket::bind(([127, 0, 0, 1], 0).into())?;
///     let (sent, _) = socket.send_to(b"hello".to_vec(), socket.local_addr()?).await;
///     assert_eq!(sent?, 5);
///     let mut datagram = [0; 100];
///     let (len, _) = socket.recv_from(&mut datagram).await?;
///     assert_eq!(&datagram[..len], b"hello");
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct UdpSocket {
    sender: UdpSender,
    receiving: Option<OpFuture>,
    /// The buffer between two receives.
    spare: Option<Box<Message>>,
}

/// Sends from a [`UdpSocket`]; as many as wanted, also while the socket receives.
///
/// ```
/// use ringgate_runtime::net::{UdpSender, UdpSocket};
/// use std::net::SocketAddr;
///
/// /// Sends while another task receives.
/// async fn beat(sender: UdpSender, to: SocketAddr) {
///     let _ = sender.send_to(b"alive".to_vec(), to).await;
/// }
///
/// fn begin(socket: &UdpSocket, to: SocketAddr) {
///     ringgate_runtime::current().spawn(beat(socket.sender(), to));
/// }
/// ```
#[derive(Clone)]
pub struct UdpSender {
    socket: Socket,
}

impl UdpSocket {
    /// Binds to `address`; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// Whatever socket(2) and bind(2) answer, with the address.
    ///
    /// # Panics
    /// Outside a [`Core`](crate::Core).
    pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
        let socket = Socket::new(current(), socket::udp_bind(address)?);
        Ok(UdpSocket {
            sender: UdpSender { socket },
            receiving: None,
            spare: None,
        })
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// Whatever getsockname(2) answers.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(socket::local_addr(self.sender.socket.real()?)?)
    }

    /// Another way to send from this socket, which it keeps open.
    pub fn sender(&self) -> UdpSender {
        self.sender.clone()
    }

    /// See [`UdpSender::send_to`].
    ///
    /// # Errors
    /// As of [`UdpSender::send_to`].
    pub async fn send_to(&self, datagram: Vec<u8>, to: SocketAddr) -> (io::Result<usize>, Vec<u8>) {
        self.sender.send_to(datagram, to).await
    }

    /// The next datagram: its length and its sender. Bytes that do not fit into `into` are cut off,
    /// as recvfrom(2) does. Dropped early, the next call gets the datagram.
    ///
    /// # Errors
    /// ECONNREFUSED for an earlier datagram that nobody took, and whatever else recvmsg(2) answers.
    pub async fn recv_from(&mut self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| {
            let (socket, spare) = (&self.sender.socket, &mut self.spare);
            let receiving = self
                .receiving
                .get_or_insert_with(|| start_receive(socket, spare.take()));
            let outcome = ready!(Pin::new(receiving).poll(cx));
            self.receiving = None;
            let result = outcome.result();
            let Memory::Message(mut message, _) = outcome.memory else {
                return Err(io::ErrorKind::Other.into()).into();
            };
            let received = result.map_err(io::Error::from).and_then(|len| {
                let count = (len as usize).min(into.len());
                into[..count].copy_from_slice(&message.bytes[..count]);
                *message.address.len_mut() = message.header.msg_namelen;
                Ok((count, inet(message.address.decode()?)?))
            });
            self.spare = Some(message);
            received.into()
        })
        .await
    }
}

fn start_receive(socket: &Socket, spare: Option<Box<Message>>) -> OpFuture {
    let mut message = spare.unwrap_or_else(|| message_with(vec![0; DATAGRAM_BYTES_MAX]));
    message.address = SocketAddrStorage::empty();
    let raw = socket.handle.raw();
    let memory = Memory::Message(message, socket.handle.clone());
    socket
        .core
        .operate(Kind::Other, memory, |memory| match memory {
            Memory::Message(message, _) => Operation::ReceiveMessage {
                socket: raw,
                message: point(message),
            },
            _ => Operation::Nop,
        })
}

impl UdpSender {
    /// Sends one datagram and gives its memory back. Dropped early it may or may not have gone out,
    /// but never in part.
    ///
    /// # Errors
    /// EMSGSIZE, ENETUNREACH and whatever else sendmsg(2) answers.
    pub async fn send_to(&self, datagram: Vec<u8>, to: SocketAddr) -> (io::Result<usize>, Vec<u8>) {
        let mut message = message_with(datagram);
        message.address = SocketAddrStorage::from_inet(to);
        let socket = self.socket.handle.raw();
        let memory = Memory::Message(message, self.socket.handle.clone());
        let send = self
            .socket
            .core
            .operate(Kind::Other, memory, |memory| match memory {
                Memory::Message(message, _) => Operation::SendMessage {
                    socket,
                    message: point(message),
                },
                _ => Operation::Nop,
            });
        let outcome = send.await;
        let sent = outcome.result().map(|count| count as usize);
        let datagram = match outcome.memory {
            Memory::Message(message, _) => message.bytes,
            _ => Vec::new(),
        };
        (sent.map_err(io::Error::from), datagram)
    }
}

fn message_with(bytes: Vec<u8>) -> Box<Message> {
    // SAFETY: msghdr and iovec are plain integers and pointers, for which zero is a value
    // (recvmsg(2)). Guarded by `datagrams_go_both_ways`.
    let (vector, header) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    Box::new(Message {
        bytes,
        address: SocketAddrStorage::empty(),
        vector,
        header,
    })
}

/// Points the header at the other parts, at the place where they stay.
fn point(message: &mut Message) -> *mut libc::msghdr {
    message.vector.iov_base = message.bytes.as_mut_ptr().cast();
    message.vector.iov_len = message.bytes.len();
    message.header.msg_name = message.address.as_mut_ptr().cast();
    message.header.msg_namelen = message.address.byte_len();
    message.header.msg_iov = &raw mut message.vector;
    message.header.msg_iovlen = 1;
    &raw mut message.header
}
