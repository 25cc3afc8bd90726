//! The body of a request as an `http_body::Body` that is `Send`: for services, which ask for that. The
//! bytes themselves stay where the request is served.
//!
//! Made of a [`RequestBody`], whose rules hold: back-pressure, limits and timeouts are those of the
//! connection, and dropping the handle says that the rest is not wanted.

use crate::handler::{BodyError, Chunk, RequestBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use ringgate_runtime::task::{Bound, Elsewhere};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Why a body ended before its end, or could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyHandleError {
    /// The body did not come whole. If no answer was begun, the right one is given when the service
    /// returns, whatever that is.
    Body(BodyError),
    /// The body was read on another thread than that of its core: in `tokio::spawn`, or in a thread of the
    /// service's own. Nothing is lost: the handle is good for more where it belongs.
    Elsewhere(Elsewhere),
}

impl fmt::Display for BodyHandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyHandleError::Body(error) => error.fmt(f),
            BodyHandleError::Elsewhere(elsewhere) => write!(
                f,
                "the body of a request is read on the thread that serves it ({}), not on another ({}): \
                 read it in the service itself and give other threads its bytes",
                elsewhere.home(),
                elsewhere.here()
            ),
        }
    }
}

impl std::error::Error for BodyHandleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BodyHandleError::Body(error) => Some(error),
            BodyHandleError::Elsewhere(elsewhere) => Some(elsewhere),
        }
    }
}

/// The body of a request, for services.
///
/// `Send` and `Sync`, so that it goes through any layer, and readable on its core alone: elsewhere each
/// read is a [`BodyHandleError::Elsewhere`]. Dropped elsewhere, it goes home first ([`Bound`]).
///
/// Data comes as [`Bytes`]. Received bytes are copied out of the buffer that the kernel put them in, at
/// most `buffer_size` at a time: a service may keep them for as long as it likes, and what it keeps of a
/// few bytes should not be a whole receive buffer of the core.
pub struct BodyHandle {
    /// None once the body is read, has failed, or if there was none.
    body: Option<Bound<RequestBody>>,
    /// Bytes that are still to come, if the client said how many.
    left: Option<u64>,
}

const _: () = {
    const fn goes_anywhere<T: Send + Sync + Unpin + 'static>() {}
    goes_anywhere::<BodyHandle>();
    goes_anywhere::<BodyHandleError>();
};

impl From<RequestBody> for BodyHandle {
    /// # Panics
    /// Outside a core's thread, if there is a body: handlers are on one.
    fn from(body: RequestBody) -> BodyHandle {
        BodyHandle {
            left: body.announced_len(),
            body: (!body.is_empty()).then(|| Bound::new(body)),
        }
    }
}

impl Body for BodyHandle {
    type Data = Bytes;
    type Error = BodyHandleError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyHandleError>>> {
        let Some(bound) = &mut self.body else {
            return Poll::Ready(None);
        };
        let body = match bound.get_mut() {
            Ok(body) => body,
            Err(elsewhere) => {
                return Poll::Ready(Some(Err(BodyHandleError::Elsewhere(elsewhere))));
            }
        };
        match ready!(body.poll_chunk(cx)) {
            Some(Ok(chunk)) => {
                let bytes = into_bytes(chunk);
                let taken = bytes.len() as u64;
                self.left = self.left.map(|left| left.saturating_sub(taken));
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Err(error)) => {
                self.body = None;
                Poll::Ready(Some(Err(BodyHandleError::Body(error))))
            }
            None => {
                let trailers = body.trailers();
                self.body = None;
                Poll::Ready(trailers.map(|fields| Ok(Frame::trailers(fields))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() || self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.body.is_none() => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}

fn into_bytes(chunk: Chunk) -> Bytes {
    match chunk {
        Chunk::Vec(bytes) => bytes.into(),
        Chunk::Bytes(bytes) => bytes,
        Chunk::Static(bytes) => Bytes::from_static(bytes),
        Chunk::Lease(lease) => lease.to_bytes(),
    }
}

impl fmt::Debug for BodyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            None => f.write_str("no body, or one that is read"),
            Some(bound) => write!(f, "the body of a request: {bound:?}"),
        }
    }
}
