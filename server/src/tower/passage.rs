//! The way of a request's body to another thread: its core reads on, frame by frame as they are taken there.
//!
//! Called by [`super::body`], whose handle may go anywhere. [`Lent`] comes home in its [`Bound`] when the
//! handle is first read elsewhere, and sets out from there as a task of the core. Nothing of this is paid for
//! by a body that is read where it belongs, but for the memory of a [`Passage`].
//!
//! [`Bound`]: ringgate_runtime::task::Bound

use super::body::frame_of;
use crate::handler::{BodyError, RequestBody};
use bytes::Bytes;
use http_body::Frame;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

type Read = Option<Result<Frame<Bytes>, BodyError>>;

/// The place between a core that reads a body and another thread that takes it.
#[derive(Default)]
pub(super) struct Passage(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Somebody reads elsewhere, so the body sets out when it is home.
    asked: bool,
    /// The body is read on its core for somebody elsewhere, or was.
    set_out: bool,
    /// Nobody does any more.
    left: bool,
    /// The core has read all that there is.
    ended: bool,
    /// The next frame; one at a time.
    frame: Option<Result<Frame<Bytes>, BodyError>>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Passage {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Wakers are called outside of it, and nothing else can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the core to read: its body sets out as soon as it is home.
    pub(super) fn ask(&self) {
        self.inner().asked = true;
    }

    /// The next frame, on whatever thread.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>) -> Poll<Read> {
        let mut inner = self.inner();
        let Some(frame) = inner.frame.take() else {
            if inner.ended {
                return Poll::Ready(None);
            }
            inner.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let writer = inner.writer.take();
        drop(inner);
        wake(writer);
        Poll::Ready(Some(frame))
    }

    /// Nobody reads any more: the core lets go of the body.
    pub(super) fn leave(&self) {
        let mut inner = self.inner();
        inner.left = true;
        let writer = inner.writer.take();
        drop(inner);
        wake(writer);
    }

    /// Ready with whether the next frame is wanted, once there is room for it.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut inner = self.inner();
        if inner.left {
            return Poll::Ready(false);
        }
        if inner.frame.is_some() {
            inner.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(true)
    }

    fn put(&self, frame: Result<Frame<Bytes>, BodyError>) {
        let mut inner = self.inner();
        inner.frame = Some(frame);
        let reader = inner.reader.take();
        drop(inner);
        wake(reader);
    }

    /// Nothing more comes, and what came is not all.
    fn cut(&self) {
        self.put(Err(BodyError::Cut));
        self.end();
    }

    fn end(&self) {
        let mut inner = self.inner();
        inner.ended = true;
        let reader = inner.reader.take();
        drop(inner);
        wake(reader);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The body of a request, with the way on which it sets out if it comes home while somebody reads elsewhere.
pub(super) struct Lent {
    /// None once it has set out.
    body: Option<RequestBody>,
    passage: Arc<Passage>,
}

impl Lent {
    pub(super) fn new(body: RequestBody, passage: Arc<Passage>) -> Lent {
        Lent {
            body: Some(body),
            passage,
        }
    }

    pub(super) fn body(&mut self) -> Option<&mut RequestBody> {
        self.body.as_mut()
    }
}

/// Goes home with a body: if its core has ended, so that it does not set out, its reader is told.
pub(super) struct SetsOut(pub(super) Arc<Passage>);

impl Drop for SetsOut {
    fn drop(&mut self) {
        if !self.0.inner().set_out {
            self.0.cut();
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        {
            let mut inner = self.passage.inner();
            if !inner.asked {
                return;
            }
            inner.set_out = true;
        }
        let end = End {
            passage: self.passage.clone(),
            cut: true,
        };
        if let (Some(body), Some(core)) = (self.body.take(), ringgate_runtime::try_current()) {
            core.start(carry(body, end));
        }
    }
}

/// Tells the other side when the core reads no more, however that comes.
struct End {
    passage: Arc<Passage>,
    cut: bool,
}

impl Drop for End {
    fn drop(&mut self) {
        match self.cut {
            true => self.passage.cut(),
            false => self.passage.end(),
        }
    }
}

/// Reads a body for another thread.
async fn carry(mut body: RequestBody, mut end: End) {
    while poll_fn(|cx| end.passage.poll_room(cx)).await {
        let Some(frame) = poll_fn(|cx| frame_of(&mut body, cx)).await else {
            break;
        };
        let failed = frame.is_err();
        let is_last = frame.as_ref().is_ok_and(Frame::is_trailers);
        end.passage.put(frame);
        if failed || is_last {
            break;
        }
    }
    end.cut = false;
}
