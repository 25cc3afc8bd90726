//! A connection of any family: bytes in order, both ways.
//!
//! Decides who owns what is in flight. At most one receive and one send are, and both belong to the
//! stream: a read or write future only waits for them. So a dropped read loses no bytes (the next
//! read gets them), and a dropped write still happens as a whole and before the next one. A receive
//! fills a buffer of the core only when data is there; it is a single one, so that a peer cannot
//! push more than one buffer at a task that does not read.

use super::{Direction, Socket};
use crate::buffer::Lease;
use crate::core::Core;
use crate::descriptor::Descriptor;
use crate::driver::Operation;
use crate::errno::Errno;
use crate::op::{Handle, Kind, Memory, OpFuture, SendBuffer};
use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A connection. Dropped, it cancels what is in flight and closes after the last of it; a write
/// that shall arrive is awaited ([`Writer::flush`]) before.
///
/// ```
/// use ringgate_runtime::{Core, CoreOptions, current};
/// use ringgate_runtime::net::{TcpListener, TcpStream};
///
/// let core = Core::new(CoreOptions::default())?;
/// let done: std::io::Result<()> = core.block_on(async {
///     let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
///     let address = listener.local_addr()?;
///     current().spawn(async move {
///         let mut stream = listener.accept().await?;
///         while let Some(bytes) = stream.receive().await? {
///             stream.write_all(bytes).await?; // sent back where they lie
///         }
///         std::io::Result::Ok(())
///     });
///     let mut stream = TcpStream::connect(address).await?;
///     stream.write_all("hello").await?;
///     let mut answer = [0; 5];
///     stream.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"hello");
///     Ok(())
/// });
/// done?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Stream<F> {
    pub(super) socket: Socket,
    reader: Reader,
    writer: Writer,
    family: PhantomData<F>,
}

impl<F> Stream<F> {
    pub(super) fn new(socket: Socket) -> Stream<F> {
        Stream {
            reader: Reader {
                socket: socket.clone(),
                receiving: None,
                rest: None,
            },
            writer: Writer {
                socket: socket.clone(),
                sending: None,
                broken: None,
            },
            socket,
            family: PhantomData,
        }
    }

    /// Takes a connected socket, for example one accepted by the owner of events. No operation may
    /// be in flight on it.
    pub fn from_descriptor(core: &Rc<Core>, descriptor: impl Into<Descriptor>) -> Stream<F> {
        Stream::new(Socket::new(core.clone(), descriptor))
    }

    /// See [`Reader::receive`].
    ///
    /// # Errors
    /// As of [`Reader::receive`].
    pub async fn receive(&mut self) -> io::Result<Option<Lease>> {
        self.reader.receive().await
    }

    /// See [`Reader::read`].
    ///
    /// # Errors
    /// As of [`Reader::read`].
    pub async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into).await
    }

    /// See [`Reader::read_exact`].
    ///
    /// # Errors
    /// As of [`Reader::read_exact`].
    pub async fn read_exact(&mut self, into: &mut [u8]) -> io::Result<()> {
        self.reader.read_exact(into).await
    }

    /// See [`Writer::write_all`].
    ///
    /// # Errors
    /// As of [`Writer::write_all`].
    pub async fn write_all(&mut self, bytes: impl Into<SendBuffer>) -> io::Result<()> {
        self.writer.write_all(bytes).await
    }

    /// See [`Writer::write_more`].
    ///
    /// # Errors
    /// As of [`Writer::write_more`].
    pub async fn write_more(&mut self, bytes: impl Into<SendBuffer>) -> io::Result<()> {
        self.writer.write_more(bytes).await
    }

    /// See [`Writer::flush`].
    ///
    /// # Errors
    /// As of [`Writer::flush`].
    pub async fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().await
    }

    /// Ends one or both directions; before the end of writing, writes that were dropped finish.
    /// Dropped while it waits for those, it ends nothing.
    ///
    /// # Errors
    /// ENOTCONN if the peer has reset the connection; what a dropped write failed with.
    pub async fn shutdown(&mut self, direction: Direction) -> io::Result<()> {
        if direction != Direction::Read {
            self.writer.flush().await?;
        }
        self.socket.shutdown(direction).await
    }

    /// Both directions at once, for two futures in one task.
    pub fn split_mut(&mut self) -> (&mut Reader, &mut Writer) {
        (&mut self.reader, &mut self.writer)
    }

    /// Both directions apart, for two tasks. The socket is closed when both are dropped and what
    /// was in flight is over; dropping one ends no direction.
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }

    pub(crate) fn handle(&self) -> &Rc<Handle> {
        &self.socket.handle
    }
}

/// The receiving side of a stream.
///
/// ```
/// use ringgate_runtime::net::{Reader, Writer};
///
/// /// Passes on what comes in one direction; another task has the other two halves.
/// async fn pass_on(mut from: Reader, mut to: Writer) -> std::io::Result<()> {
///     while let Some(bytes) = from.receive().await? {
///         to.write_all(bytes).await?;
///     }
///     to.flush().await
/// }
/// ```
pub struct Reader {
    socket: Socket,
    receiving: Option<OpFuture>,
    /// Bytes that came and did not fit.
    rest: Option<Lease>,
}

impl Reader {
    /// The next bytes, read in place; None at the peer's end. A task that keeps the lease for long
    /// holds a buffer of the core ([`Lease`]). Dropped early, nothing is lost: the next call, or
    /// [`Reader::read`], gets what comes. While the core has no buffer free, it waits for one.
    ///
    /// # Errors
    /// ECONNRESET and whatever else recv(2) answers.
    pub async fn receive(&mut self) -> io::Result<Option<Lease>> {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// [`Reader::receive`] without a future.
    ///
    /// # Errors
    /// As of [`Reader::receive`].
    pub fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Lease>>> {
        if let Some(rest) = self.rest.take() {
            return Poll::Ready(Ok(Some(rest)));
        }
        let socket = &self.socket;
        let receiving = self
            .receiving
            .get_or_insert_with(|| Reader::start_receive(socket));
        let outcome = ready!(Pin::new(receiving).poll(cx));
        self.receiving = None;
        Poll::Ready(match (outcome.result(), outcome.memory) {
            (Err(errno), _) => Err(errno.into()),
            (Ok(1..), Memory::Leased(lease)) => Ok(Some(lease)),
            (Ok(_), _) => Ok(None),
        })
    }

    fn start_receive(socket: &Socket) -> OpFuture {
        let raw = socket.handle.raw();
        let kind = Kind::ReceiveLeased {
            socket: raw,
            multishot: false,
        };
        let memory = Memory::Handles(socket.handle.clone(), None);
        socket
            .core
            .operate(kind, memory, |_| Operation::ReceiveLeased {
                socket: raw,
                multishot: false,
            })
    }

    /// Reads what is there, at most `into.len()` bytes, and answers how many: 0 at the peer's end
    /// (or for an empty `into`). Dropped early it has read nothing, and nothing is lost.
    ///
    /// # Errors
    /// As [`Reader::receive`].
    pub async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let Some(mut lease) = self.receive().await? else {
            return Ok(0);
        };
        let count = lease.len().min(into.len());
        into[..count].copy_from_slice(&lease[..count]);
        lease.advance(count);
        if !lease.is_empty() {
            self.rest = Some(lease);
        }
        Ok(count)
    }

    /// Fills all of `into`. Dropped early, the bytes already copied there are gone from the stream.
    ///
    /// # Errors
    /// `UnexpectedEof` if the peer ends before; else as [`Reader::receive`].
    pub async fn read_exact(&mut self, into: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < into.len() {
            match self.read(&mut into[filled..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(())
    }
}

struct Sending {
    operation: OpFuture,
    /// Bytes of the buffer that were sent before.
    from: usize,
    more: bool,
}

/// The sending side of a stream.
///
/// ```
/// use ringgate_runtime::net::Writer;
///
/// async fn answer(writer: &mut Writer) -> std::io::Result<()> {
///     writer.write_more("HTTP/1.0 204 No Content\r\n").await?; // waits for what follows
///     writer.write_all("\r\n").await
/// }
/// ```
pub struct Writer {
    socket: Socket,
    sending: Option<Sending>,
    /// Bytes were lost by this error, so nothing may follow them.
    broken: Option<Errno>,
}

impl Writer {
    /// Sends all of `bytes`, after whatever dropped writes left unfinished. Dropped before the send
    /// began (while it waits for an earlier one) it sends nothing; dropped later, all is sent, and
    /// the next write, [`Writer::flush`] or shutdown waits for it and hears its error.
    ///
    /// # Errors
    /// EPIPE, ECONNRESET and whatever else send(2) answers; and again at each later call, since
    /// bytes are missing then.
    pub async fn write_all(&mut self, bytes: impl Into<SendBuffer>) -> io::Result<()> {
        self.write(bytes.into(), false).await
    }

    /// As [`Writer::write_all`], and further bytes follow at once: a partial packet may wait for
    /// them (MSG_MORE, tcp(7): 200 ms at most).
    ///
    /// # Errors
    /// As of [`Writer::write_all`].
    pub async fn write_more(&mut self, bytes: impl Into<SendBuffer>) -> io::Result<()> {
        self.write(bytes.into(), true).await
    }

    /// Waits for what dropped writes left unfinished.
    ///
    /// # Errors
    /// As [`Writer::write_all`].
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    async fn write(&mut self, bytes: SendBuffer, more: bool) -> io::Result<()> {
        self.flush().await?;
        self.start(bytes, 0, more);
        self.flush().await
    }

    /// [`Writer::flush`] without a future.
    ///
    /// # Errors
    /// As of [`Writer::flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(errno) = self.broken {
                return Poll::Ready(Err(errno.into()));
            }
            let Some(sending) = &mut self.sending else {
                return Poll::Ready(Ok(()));
            };
            let outcome = ready!(Pin::new(&mut sending.operation).poll(cx));
            let (from, more) = (sending.from, sending.more);
            self.sending = None;
            match (outcome.result(), outcome.memory) {
                (Err(errno), _) => self.broken = Some(errno),
                (Ok(0), _) => self.broken = Some(Errno(libc::EPIPE)),
                (Ok(sent), Memory::StreamSend(buffer, _)) => {
                    self.start(buffer, from + sent as usize, more);
                }
                (Ok(_), _) => {}
            }
        }
    }

    /// Starts to send what is left of `buffer`, if anything is.
    fn start(&mut self, buffer: SendBuffer, from: usize, more: bool) {
        if from >= buffer.len() {
            return;
        }
        let socket = self.socket.handle.raw();
        let memory = Memory::StreamSend(buffer, self.socket.handle.clone());
        let operation = self
            .socket
            .core
            .operate(Kind::Send, memory, |memory| match memory {
                Memory::StreamSend(buffer, _) => {
                    let left = &buffer.as_slice()[from..];
                    Operation::Send {
                        socket,
                        from: left.as_ptr(),
                        len: left.len().min(SEND_MAX as usize) as u32,
                        more,
                    }
                }
                _ => Operation::Nop,
            });
        self.sending = Some(Sending {
            operation,
            from,
            more,
        });
    }
}

/// The longest send: results are signed 32-bit numbers (send(2) stops at this, page-rounded).
const SEND_MAX: u32 = 0x7fff_f000;
