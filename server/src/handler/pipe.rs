//! The bytes of a connection on which a handler speaks a protocol of its own: [`Upgraded`] is the handler's end, and
//! the connection's end moves bytes between it and the socket ([`crate::connection`]).
//!
//! Both ways are bounded: a handler that reads late is a socket that is not read from, and a client that takes
//! nothing is a write that waits.

use super::body::put_behind;
use super::response::Chunk;
use crate::connection::{Calls, Speaker};
use crate::websocket::Limits;
use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Received bytes that may wait for the handler.
const INLET_BYTES_MAX: usize = 64 << 10;
/// Bytes that may be written ahead of the socket.
const OUTLET_BYTES_MAX: usize = 64 << 10;

/// The server's bounds on WebSockets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) limits: Limits,
    pub(crate) ping: Duration,
    pub(crate) pong: Duration,
    pub(crate) message: Duration,
    pub(crate) close: Duration,
}

/// The place between a handler and its connection.
#[derive(Default)]
pub(crate) struct Pipe {
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Whom to tell that something happened here; None before the protocol begins.
    calls: Option<(Rc<Calls>, Speaker)>,
    times: Times,
    inlet: VecDeque<Chunk>,
    inlet_bytes: usize,
    /// The client has ended its side.
    ended: bool,
    /// The connection is gone.
    gone: bool,
    /// The server is about to end.
    draining: bool,
    reader: Option<Waker>,
    outlet: VecDeque<Chunk>,
    outlet_bytes: usize,
    /// Bytes that the connection took and that are not all with the kernel.
    unsent: usize,
    writer: Option<Waker>,
    /// The handler is done.
    over: bool,
}

impl Inner {
    fn call(&self) {
        if let Some((calls, of)) = &self.calls {
            calls.call(*of);
        }
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }
}

/// The connection's end.
impl Pipe {
    /// The protocol begins: from here on the connection is called when something happens here.
    pub(crate) fn begin(&self, calls: Rc<Calls>, of: Speaker, times: Times) {
        let mut inner = self.inner.borrow_mut();
        inner.calls = Some((calls, of));
        inner.times = times;
    }

    /// Bytes that the handler has room for.
    pub(crate) fn room(&self) -> usize {
        INLET_BYTES_MAX.saturating_sub(self.inner.borrow().inlet_bytes)
    }

    /// Received bytes.
    pub(crate) fn push(&self, bytes: Chunk) {
        let mut inner = self.inner.borrow_mut();
        inner.inlet_bytes += bytes.len();
        put_behind(&mut inner.inlet, bytes);
        if let Some(waker) = inner.reader.take() {
            drop(inner);
            waker.wake();
        }
    }

    /// The client sends nothing more.
    pub(crate) fn end(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.ended = true;
        inner.wake();
    }

    /// The connection is gone, or about to be.
    pub(crate) fn is_gone(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.gone = true;
        inner.wake();
    }

    /// The server is about to end.
    pub(crate) fn drain(&self) {
        let mut inner = self.inner.borrow_mut();
        if !std::mem::replace(&mut inner.draining, true) {
            inner.wake();
        }
    }

    /// The next bytes to send, if so many are unsent that more may be.
    pub(crate) fn pop(&self) -> Option<Chunk> {
        let mut inner = self.inner.borrow_mut();
        let bytes = inner.outlet.pop_front()?;
        inner.outlet_bytes -= bytes.len();
        Some(bytes)
    }

    /// Whether the handler is done and all that it wrote was taken.
    pub(crate) fn is_over(&self) -> bool {
        let inner = self.inner.borrow();
        inner.over && inner.outlet.is_empty()
    }

    /// The connection has so much unsent: who waits to write may go on if there is room.
    pub(crate) fn tell_unsent(&self, unsent: usize) {
        let mut inner = self.inner.borrow_mut();
        inner.unsent = unsent;
        if inner.outlet_bytes + unsent < OUTLET_BYTES_MAX
            && let Some(waker) = inner.writer.take()
        {
            drop(inner);
            waker.wake();
        }
    }
}

/// A connection on which a handler speaks a protocol of its own ([`Response::upgrade`](crate::Response::upgrade),
/// [`Response::tunnel`](crate::Response::tunnel)). The connection stays on its core, and ends with the drop of
/// this value.
///
/// ```
/// use ringgate::handler::Upgraded;
/// use ringgate::{Request, Response, Router};
///
/// /// Sends back what comes, until the client ends its side or the server its life.
/// async fn echo(mut bytes: Upgraded) {
///     while !bytes.is_draining()
///         && let Ok(Some(piece)) = bytes.read().await
///     {
///         if bytes.write(piece).await.is_err() {
///             return;
///         }
///     }
///     let _ = bytes.flush().await;
/// }
///
/// async fn open(request: Request) -> Response {
///     Response::upgrade(&request, "echo", echo)
/// }
/// # let router = Router::new().get("/echo", open);
/// ```
pub struct Upgraded {
    pipe: Rc<Pipe>,
}

impl Upgraded {
    pub(crate) fn new(pipe: Rc<Pipe>) -> Upgraded {
        Upgraded { pipe }
    }

    pub(super) fn times(&self) -> Times {
        self.pipe.inner.borrow().times
    }

    /// The next received bytes; None when the client has ended its side.
    ///
    /// # Errors
    /// `ConnectionAborted`: the connection broke, or a time limit of it passed.
    pub async fn read(&mut self) -> io::Result<Option<Chunk>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Upgraded::read`], for futures that are written by hand.
    ///
    /// # Errors
    /// As [`Upgraded::read`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        let mut inner = self.pipe.inner.borrow_mut();
        if let Some(bytes) = inner.inlet.pop_front() {
            inner.inlet_bytes -= bytes.len();
            inner.call();
            return Poll::Ready(Ok(Some(bytes)));
        }
        match (inner.gone, inner.ended) {
            (true, _) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            (false, true) => Poll::Ready(Ok(None)),
            (false, false) => {
                inner.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Whether as many bytes wait as may, so that the client may be held back by who does not read them.
    pub(super) fn is_full(&self) -> bool {
        self.pipe.room() == 0
    }

    /// Gives bytes back that were read too many; they are read next.
    pub fn unread(&mut self, bytes: impl Into<Bytes>) {
        let bytes: Bytes = bytes.into();
        if bytes.has_remaining() {
            let mut inner = self.pipe.inner.borrow_mut();
            inner.inlet_bytes += bytes.len();
            inner.inlet.push_front(Chunk::Bytes(bytes));
        }
    }

    /// Sends bytes; waits while 64 KiB of earlier ones are not with the kernel.
    ///
    /// # Errors
    /// `BrokenPipe`: the connection is gone.
    pub async fn write(&mut self, bytes: impl Into<Chunk>) -> io::Result<()> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.put(bytes.into())
    }

    /// Whether there is room for a write, for futures that are written by hand.
    ///
    /// # Errors
    /// As [`Upgraded::write`].
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.pipe.inner.borrow_mut();
        if inner.gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if inner.outlet_bytes + inner.unsent < OUTLET_BYTES_MAX {
            return Poll::Ready(Ok(()));
        }
        inner.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Sends bytes whether there is room for them or not: after [`Upgraded::poll_room`].
    ///
    /// # Errors
    /// As [`Upgraded::write`].
    pub fn put(&mut self, bytes: Chunk) -> io::Result<()> {
        let mut inner = self.pipe.inner.borrow_mut();
        if inner.gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if !bytes.is_empty() {
            inner.outlet_bytes += bytes.len();
            inner.outlet.push_back(bytes);
            inner.call();
        }
        Ok(())
    }

    /// Waits until all that was written is with the kernel.
    ///
    /// # Errors
    /// As [`Upgraded::write`].
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// As [`Upgraded::flush`], for futures that are written by hand.
    ///
    /// # Errors
    /// As [`Upgraded::write`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.pipe.inner.borrow_mut();
        if inner.gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if inner.outlet_bytes + inner.unsent == 0 {
            return Poll::Ready(Ok(()));
        }
        inner.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether the server is about to end, or the core leaves: a protocol that can say so says so now. A waiting
    /// read is woken once when this becomes true.
    pub fn is_draining(&self) -> bool {
        self.pipe.inner.borrow().draining
    }

    /// Waits until the server is about to end, or the core leaves.
    pub async fn draining(&mut self) {
        poll_fn(|cx| {
            let mut inner = self.pipe.inner.borrow_mut();
            if inner.draining || inner.gone {
                return Poll::Ready(());
            }
            inner.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.pipe.inner.borrow();
        f.debug_struct("Upgraded")
            .field("received", &inner.inlet_bytes)
            .field("unsent", &(inner.outlet_bytes + inner.unsent))
            .finish_non_exhaustive()
    }
}

impl Drop for Upgraded {
    fn drop(&mut self) {
        let mut inner = self.pipe.inner.borrow_mut();
        inner.over = true;
        inner.inlet.clear();
        inner.inlet_bytes = 0;
        inner.call();
    }
}
