//! The bytes of a connection on their way to who speaks on it from another thread, and back: the far end is what hyper
//! takes for a socket ([`super::upgrade`]), and the near end is a task of the core that has the connection.
//!
//! Both ways are bounded. A service that reads late leaves the socket unread, and a client that takes nothing
//! makes a write wait.

use crate::handler::{Chunk, Upgraded};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

/// Bytes that may wait in one direction; those of one write or one receive may come on top.
const WAITING_BYTES_MAX: usize = 64 << 10;
/// Memory that is kept for received bytes while there are none.
const KEPT_BYTES_MAX: usize = 4 << 10;

/// The place between the two ends.
#[derive(Default)]
pub(super) struct Crossing(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    received: VecDeque<u8>,
    /// The end behind the received bytes, if it is known.
    end: Option<End>,
    written: Vec<u8>,
    /// Nothing more is written.
    is_shut: bool,
    /// The thread that dropped the far end.
    given_up_on: Option<ThreadId>,
    /// The far end, when it waits for something to read, or for room for what it writes.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The near end, when it waits for something that was written, or for room for what it received.
    for_bytes: Option<Waker>,
    for_room: Option<Waker>,
}

/// How the received bytes end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// The client has ended its side.
    Finished,
    /// The connection is gone.
    Cut,
}

impl Crossing {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Wakers are called outside of it, and nothing else can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the far end was dropped on this thread.
    pub(super) fn is_given_up_here(&self) -> bool {
        self.inner().given_up_on == Some(thread::current().id())
    }

    fn end(&self, end: End) {
        let mut inner = self.inner();
        inner.end = inner.end.max(Some(end));
        let wakers = [inner.reader.take(), inner.writer.take()];
        drop(inner);
        wakers.into_iter().for_each(wake);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The core's end. The drop of this value says that the connection is gone, unless the far end was shut before.
pub(super) struct Near(Arc<Crossing>);

impl Near {
    pub(super) fn new(crossing: Arc<Crossing>) -> Near {
        Near(crossing)
    }

    /// Ready while there is room for received bytes.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.0.inner();
        if inner.received.len() < WAITING_BYTES_MAX {
            return Poll::Ready(());
        }
        inner.for_room = Some(cx.waker().clone());
        Poll::Pending
    }

    fn put(&self, bytes: &[u8]) {
        let mut inner = self.0.inner();
        inner.received.extend(bytes);
        let reader = inner.reader.take();
        drop(inner);
        wake(reader);
    }

    /// All that was written since the last time; None once there is nothing more to come.
    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let mut inner = self.0.inner();
        if inner.written.is_empty() {
            if inner.is_shut {
                return Poll::Ready(None);
            }
            inner.for_bytes = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let written = std::mem::take(&mut inner.written);
        let writer = inner.writer.take();
        drop(inner);
        wake(writer);
        Poll::Ready(Some(written))
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        let is_shut = self.0.inner().is_shut;
        self.0.end(if is_shut { End::Finished } else { End::Cut });
    }
}

/// The end of the service that speaks, on any thread. The drop of this value ends the connection, behind what was
/// written.
pub(super) struct Far(Arc<Crossing>);

impl Far {
    pub(super) fn new(crossing: Arc<Crossing>) -> Far {
        Far(crossing)
    }

    fn shut(&self, is_given_up: bool) {
        let mut inner = self.0.inner();
        inner.is_shut = true;
        if is_given_up {
            inner.given_up_on = Some(thread::current().id());
            inner.received = VecDeque::new();
        }
        let wakers = [inner.for_bytes.take(), inner.for_room.take()];
        drop(inner);
        wakers.into_iter().for_each(wake);
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.shut(true);
    }
}

impl Read for Far {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.0.inner();
        if inner.received.is_empty() {
            return match inner.end {
                None => {
                    inner.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(End::Finished) => Poll::Ready(Ok(())),
                Some(End::Cut) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            };
        }
        let count = inner.received.len().min(buf.remaining());
        let (front, back) = inner.received.as_slices();
        let of_front = front.len().min(count);
        buf.put_slice(&front[..of_front]);
        buf.put_slice(&back[..count - of_front]);
        inner.received.drain(..count);
        if inner.received.is_empty() && inner.received.capacity() > KEPT_BYTES_MAX {
            inner.received = VecDeque::new();
        }
        let has_room = inner.received.len() < WAITING_BYTES_MAX;
        let near = if has_room {
            inner.for_room.take()
        } else {
            None
        };
        drop(inner);
        wake(near);
        Poll::Ready(Ok(()))
    }
}

impl Write for Far {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut inner = self.0.inner();
        if inner.is_shut || inner.end == Some(End::Cut) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = WAITING_BYTES_MAX.saturating_sub(inner.written.len());
        if room == 0 {
            inner.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = bytes.len().min(room);
        inner.written.extend_from_slice(&bytes[..count]);
        let near = inner.for_bytes.take();
        drop(inner);
        wake(near);
        Poll::Ready(Ok(count))
    }

    /// Ready, as on a socket: what is written is on its way.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the connection behind what was written: it has no end of one side alone.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut(false);
        Poll::Ready(Ok(()))
    }
}

/// Moves bytes both ways until the far end is dropped or shut. A connection that ends first drops this task, and
/// [`Near`] with it.
pub(super) async fn pump(mut upgraded: Upgraded, near: Near) {
    let mut is_finished = false;
    poll_fn(|cx| {
        if !is_finished {
            match poll_in(&mut upgraded, &near, cx) {
                Poll::Pending => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => is_finished = true,
            }
        }
        poll_out(&mut upgraded, &near, cx)
    })
    .await;
}

/// Ready when the client has ended its side.
fn poll_in(upgraded: &mut Upgraded, near: &Near, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    loop {
        std::task::ready!(near.poll_room(cx));
        match std::task::ready!(upgraded.poll_next(cx))? {
            Some(bytes) => near.put(bytes.as_slice()),
            None => {
                near.0.end(End::Finished);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Ready when there is nothing more to send, or nobody to send it to.
fn poll_out(upgraded: &mut Upgraded, near: &Near, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        match std::task::ready!(upgraded.poll_room(cx)) {
            Ok(()) => {}
            Err(_) => return Poll::Ready(()),
        }
        let Some(bytes) = std::task::ready!(near.poll_take(cx)) else {
            return Poll::Ready(());
        };
        if upgraded.put(Chunk::Vec(bytes)).is_err() {
            return Poll::Ready(());
        }
    }
}
