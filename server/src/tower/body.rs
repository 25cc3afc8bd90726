//! The body of a request as an `http_body::Body` that is `Send`: for services, which ask for that.
//!
//! Made of a [`RequestBody`], whose rules hold: back-pressure, limits and timeouts are those of the
//! connection, and dropping the handle says that the rest is not wanted. The bytes themselves stay where the
//! request is served, and are carried to whoever reads them elsewhere ([`super::passage`]).

use super::passage::{Lent, Passage, SetsOut};
use crate::handler::{BodyError, RequestBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use ringgate_runtime::task::Bound;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The body of a request, for services.
///
/// `Send` and `Sync`, so that it goes through any layer. Read on its core it costs no more than the body of
/// a handler. Read on another thread, as in `tokio::spawn` or as the body of a client's request, it is read by a
/// task of its core from then on, which hands each frame over when the one before is taken. Dropped
/// elsewhere, it goes home first ([`Bound`]).
///
/// Data comes as [`Bytes`]. Received bytes are copied out of the buffer that the kernel put them in, at
/// most `buffer_size` at a time: a service may keep them for as long as it likes, and what it keeps of a
/// few bytes should not be a whole receive buffer of the core.
///
/// ```
/// use http_body_util::BodyExt;
/// use ringgate::tower::BodyHandle;
///
/// /// What a service does with its request.
/// async fn length(request: http::Request<BodyHandle>) -> Result<usize, ringgate::BodyError> {
///     Ok(request.into_body().collect().await?.to_bytes().len())
/// }
/// ```
pub struct BodyHandle {
    /// Where the body is.
    place: Place,
    /// Bytes that are still to come, if the client said how many.
    left: Option<u64>,
    /// Whether the body is over with those.
    ends_with_them: bool,
}

enum Place {
    /// Read, or failed, or there was none.
    Nowhere,
    /// Here, all of it: it came with its head.
    Here(Bytes),
    /// On its core, where it was not read elsewhere.
    Home(Bound<Lent>, Arc<Passage>),
    /// Carried to another thread.
    Carried(Reader),
}

/// A reader elsewhere, who says when he wants no more.
struct Reader(Arc<Passage>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.leave();
    }
}

const _: () = {
    const fn goes_anywhere<T: Send + Sync + Unpin + 'static>() {}
    goes_anywhere::<BodyHandle>();
};

impl From<RequestBody> for BodyHandle {
    /// # Panics
    /// Outside a core's thread, if there is a body: handlers are on one.
    fn from(mut body: RequestBody) -> BodyHandle {
        let left = body.announced_len();
        let ends_with_them = body.ends_with_its_bytes();
        let place = if left == Some(0) && ends_with_them {
            Place::Nowhere
        } else if let Some(whole) = body.take_whole() {
            Place::Here(whole.into_bytes())
        } else {
            let passage = Arc::<Passage>::default();
            let lent = Lent::new(body, passage.clone());
            Place::Home(Bound::new(lent), passage)
        };
        BodyHandle {
            place,
            left,
            ends_with_them,
        }
    }
}

impl BodyHandle {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Place::Here(bytes) = &mut self.place {
            let bytes = std::mem::take(bytes);
            self.place = Place::Nowhere;
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Place::Home(bound, passage) = &mut self.place {
            if let Ok(lent) = bound.get_mut() {
                return match lent.body() {
                    Some(body) => frame_of(body, cx),
                    None => Poll::Ready(None),
                };
            }
            passage.ask();
            let reader = Reader(passage.clone());
            let home = std::mem::replace(&mut self.place, Place::Carried(reader));
            if let Place::Home(lent, passage) = home {
                // The body goes home, and sets out from there for this side.
                lent.send_home_with(SetsOut(passage));
            }
        }
        match &self.place {
            Place::Carried(reader) => reader.0.poll_read(cx),
            Place::Nowhere | Place::Here(_) | Place::Home(..) => Poll::Ready(None),
        }
    }
}

impl Body for BodyHandle {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(self.poll_read(cx));
        let read = frame.as_ref().and_then(|frame| frame.as_ref().ok());
        match read.and_then(Frame::data_ref) {
            Some(data) => {
                let taken = data.len() as u64;
                self.left = self.left.map(|left| left.saturating_sub(taken));
            }
            // Trailers, an error or the end: nothing follows.
            None => self.place = Place::Nowhere,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let is_read = self.left == Some(0) && self.ends_with_them;
        matches!(self.place, Place::Nowhere) || is_read
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if matches!(self.place, Place::Nowhere) => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}

/// The next frame of a body, on its core: data, and then the trailer fields if there are any.
pub(super) fn frame_of(
    body: &mut RequestBody,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
    Poll::Ready(match ready!(body.poll_chunk(cx)) {
        Some(Ok(chunk)) => Some(Ok(Frame::data(chunk.into_bytes()))),
        Some(Err(error)) => Some(Err(error)),
        None => body.trailers().map(|fields| Ok(Frame::trailers(fields))),
    })
}

impl fmt::Debug for BodyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Nowhere => f.write_str("no body, or one that is read"),
            Place::Here(bytes) => write!(f, "the body of a request: {} bytes", bytes.len()),
            Place::Home(bound, _) => write!(f, "the body of a request: {bound:?}"),
            Place::Carried(_) => f.write_str("the body of a request, read elsewhere"),
        }
    }
}
