//! The body of a request, as its handler reads it: pieces where the kernel put them, small ones that wait
//! put together, decoded, in order, with back-pressure. The connection puts pieces in, the handler takes them out; neither
//! waits for the other inside this file.

use super::Chunk;
use crate::connection::{Attention, ExchangeKey};
use crate::http1::fields::BodyFraming;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::{HeaderMap, StatusCode};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Pieces up to this size are put together with those that wait before them.
const SMALL_PIECE_BYTES: usize = 512;
/// The size up to which pieces are put together.
const GATHERED_PIECE_BYTES: usize = 4 << 10;

/// Puts a received piece behind those that wait. Small ones become larger ones there: a client that sends a byte at a time
/// must not cost a place and a buffer for each.
pub(super) fn put_behind(pieces: &mut VecDeque<Chunk>, piece: Chunk) {
    let is_small = piece.len() <= SMALL_PIECE_BYTES;
    match pieces.back_mut().filter(|_| is_small) {
        None => pieces.push_back(piece),
        Some(Chunk::Vec(last)) if last.len() + piece.len() <= GATHERED_PIECE_BYTES => {
            last.extend_from_slice(&piece);
        }
        Some(_) => pieces.push_back(Chunk::Vec(piece.to_vec())),
    }
}

/// Why a body ended before its end.
///
/// ```
/// use ringgate::{BodyError, Request, RouteOptions, Router, http::Method, testing};
///
/// async fn length(request: Request) -> Result<String, BodyError> {
///     Ok(request.into_body().bytes().await?.len().to_string())
/// }
///
/// let small = RouteOptions::new().body_size(10);
/// let router = Router::new().route_with(small, Method::POST, "/", length);
/// assert_eq!(testing::client(router, ()).post("/").body([0; 11]).send().status(), 413);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The client broke the framing or went beyond the limit; the status says which.
    Refused(StatusCode, &'static str),
    /// The connection ended first, or nothing came for too long.
    Cut,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Refused(status, reason) => {
                write!(f, "request body refused ({status}): {reason}")
            }
            BodyError::Cut => f.write_str("the request body was cut off"),
        }
    }
}

impl std::error::Error for BodyError {}

/// How far a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BodyState {
    #[default]
    Arriving,
    Complete,
    Failed(BodyError),
}

#[derive(Default)]
struct Inner {
    pieces: VecDeque<Chunk>,
    queued: usize,
    state: BodyState,
    waker: Option<Waker>,
    asked: bool,
    abandoned: bool,
    trailers: Option<Box<HeaderMap>>,
}

/// The place between a connection and the handler of its request.
pub(crate) struct BodyCell {
    inner: RefCell<Inner>,
    attention: Rc<Attention>,
    request: ExchangeKey,
    framing: BodyFraming,
    /// Whether it is on a stream of HTTP/2: the connection then wants to hear of every piece that is taken.
    on_stream: bool,
}

impl BodyCell {
    pub(crate) fn new(
        attention: Rc<Attention>,
        request: ExchangeKey,
        framing: BodyFraming,
    ) -> Rc<BodyCell> {
        BodyCell::of(attention, request, framing, false)
    }

    /// The same for a stream of HTTP/2, whose client is given room for more as pieces are taken.
    pub(crate) fn on_stream(
        attention: Rc<Attention>,
        request: ExchangeKey,
        framing: BodyFraming,
    ) -> Rc<BodyCell> {
        BodyCell::of(attention, request, framing, true)
    }

    fn of(
        attention: Rc<Attention>,
        request: ExchangeKey,
        framing: BodyFraming,
        on_stream: bool,
    ) -> Rc<BodyCell> {
        Rc::new(BodyCell {
            inner: RefCell::default(),
            attention,
            request,
            framing,
            on_stream,
        })
    }

    /// The connection adds a decoded piece.
    pub(crate) fn push(&self, piece: Chunk) {
        let waker = {
            let mut inner = self.inner.borrow_mut();
            if inner.abandoned {
                return;
            }
            inner.queued += piece.len();
            put_behind(&mut inner.pieces, piece);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The connection says that no piece follows.
    pub(crate) fn finish(&self, state: BodyState, trailers: Option<HeaderMap>) {
        let waker = {
            let mut inner = self.inner.borrow_mut();
            inner.state = state;
            inner.trailers = trailers.filter(|map| !map.is_empty()).map(Box::new);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The connection gives up on the body, unless it is complete.
    pub(crate) fn fail_if_arriving(&self, error: BodyError) {
        if self.inner.borrow().state == BodyState::Arriving {
            self.finish(BodyState::Failed(error), None);
        }
    }

    /// Bytes that wait for the handler.
    pub(crate) fn queued(&self) -> usize {
        self.inner.borrow().queued
    }

    /// Whether the handler has asked for the body: then a client that waits for `100 Continue`
    /// gets it.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.inner.borrow().asked
    }

    /// Whether the handler has let go of the body.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.inner.borrow().abandoned
    }

    fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, BodyError>>> {
        let mut inner = self.inner.borrow_mut();
        let first = !inner.asked;
        inner.asked = true;
        if let Some(piece) = inner.pieces.pop_front() {
            let before = inner.queued;
            inner.queued -= piece.len();
            let resumes = before > crate::connection::BODY_QUEUE_LOW_BYTES
                && inner.queued <= crate::connection::BODY_QUEUE_LOW_BYTES;
            drop(inner);
            if resumes || first || self.on_stream {
                self.attention.call(self.request);
            }
            return Poll::Ready(Some(Ok(piece)));
        }
        match inner.state {
            BodyState::Complete => Poll::Ready(None),
            BodyState::Failed(error) => Poll::Ready(Some(Err(error))),
            BodyState::Arriving => {
                inner.waker = Some(cx.waker().clone());
                drop(inner);
                if first {
                    self.attention.call(self.request);
                }
                Poll::Pending
            }
        }
    }
}

/// The body of a request: a stream of pieces, in order.
///
/// Dropping it says that the rest is not wanted: a short rest is read and thrown away, a long one
/// ends the connection after the answer.
pub struct RequestBody(Source);

enum Source {
    /// There is no body.
    None,
    /// The body came with its head, so its handler never waits for it: all of it, until it is taken, and its
    /// length.
    Whole(Option<Chunk>, u64),
    /// The body arrives, piece by piece.
    Arriving(Rc<BodyCell>),
}

impl RequestBody {
    pub(crate) const NONE: RequestBody = RequestBody(Source::None);

    /// A body that is there.
    pub(crate) fn whole(bytes: Chunk) -> RequestBody {
        let len = bytes.len() as u64;
        RequestBody(Source::Whole(
            Some(bytes).filter(|bytes| !bytes.is_empty()),
            len,
        ))
    }

    pub(crate) fn arriving(cell: Rc<BodyCell>) -> RequestBody {
        RequestBody(Source::Arriving(cell))
    }

    /// The next piece; None after the last.
    ///
    /// ```
    /// use ringgate::{BodyError, Request, Router, testing};
    ///
    /// async fn count(mut request: Request) -> Result<String, BodyError> {
    ///     let mut bytes = 0;
    ///     while let Some(piece) = request.body().chunk().await {
    ///         bytes += piece?.len();
    ///     }
    ///     Ok(format!("{bytes} bytes"))
    /// }
    ///
    /// let client = testing::client(Router::new().post("/", count), ());
    /// assert_eq!(client.post("/").body("hello").send().text(), "5 bytes");
    /// ```
    ///
    /// # Errors
    /// [`BodyError`] if the body did not come whole. If no answer was begun the right one is given
    /// when the handler returns.
    pub async fn chunk(&mut self) -> Option<Result<Chunk, BodyError>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// As [`RequestBody::chunk`].
    pub(crate) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Chunk, BodyError>>> {
        match &mut self.0 {
            Source::None => Poll::Ready(None),
            Source::Whole(bytes, _) => Poll::Ready(bytes.take().map(Ok)),
            Source::Arriving(cell) => cell.poll_piece(cx),
        }
    }

    /// The whole body, if it is there and nothing of it was taken.
    pub(crate) fn take_whole(&mut self) -> Option<Chunk> {
        match &mut self.0 {
            Source::Whole(bytes, _) => bytes.take(),
            Source::None | Source::Arriving(_) => None,
        }
    }

    /// Reads the whole body into memory. The route's body limit bounds it.
    ///
    /// # Errors
    /// As [`RequestBody::chunk`].
    pub async fn bytes(mut self) -> Result<Bytes, BodyError> {
        if let Some(whole) = self.take_whole() {
            return Ok(whole.into_bytes());
        }
        let mut all = BytesMut::new();
        while let Some(piece) = self.chunk().await {
            all.extend_from_slice(piece?.as_slice());
        }
        Ok(all.freeze())
    }

    /// Whether there is no body at all.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Source::None)
    }

    /// Bytes of the whole body, if the client said so in advance (RFC 9112 section 6.3): it sends neither
    /// more nor fewer. None if it sends chunks.
    pub fn announced_len(&self) -> Option<u64> {
        match &self.0 {
            Source::None => Some(0),
            Source::Whole(_, len) => Some(*len),
            Source::Arriving(cell) => match cell.framing {
                BodyFraming::None => Some(0),
                BodyFraming::Length(len) => Some(len),
                BodyFraming::Chunked => None,
            },
        }
    }

    /// Whether nothing can follow the last byte of an announced length. On a stream of HTTP/2 trailer fields can.
    #[cfg(feature = "tower")]
    pub(crate) fn ends_with_its_bytes(&self) -> bool {
        match &self.0 {
            Source::None | Source::Whole(..) => true,
            Source::Arriving(cell) => !cell.on_stream,
        }
    }

    /// The trailer fields, once the body is read to its end (RFC 9110 section 6.5).
    ///
    /// ```
    /// use ringgate::{Request, Response, Router};
    ///
    /// async fn summed(mut request: Request) -> Result<String, ringgate::BodyError> {
    ///     let body = request.body();
    ///     while let Some(piece) = body.chunk().await {
    ///         piece?;
    ///     }
    ///     let sum = body.trailers().and_then(|fields| fields.get("x-sum").cloned());
    ///     Ok(format!("{sum:?}\n"))
    /// }
    /// # let router = Router::new().post("/", summed);
    /// ```
    pub fn trailers(&self) -> Option<HeaderMap> {
        let Source::Arriving(cell) = &self.0 else {
            return None;
        };
        cell.inner.borrow().trailers.as_deref().cloned()
    }
}

impl Stream for RequestBody {
    type Item = Result<Chunk, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Source::Arriving(cell) = &self.0 {
            let mut inner = cell.inner.borrow_mut();
            inner.abandoned = true;
            let pieces = std::mem::take(&mut inner.pieces);
            inner.queued = 0;
            drop(inner);
            drop(pieces);
            cell.attention.call(cell.request);
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::None => f.write_str("no body"),
            Source::Whole(..) => f.write_str("body, there with its head"),
            Source::Arriving(cell) => write!(f, "body, {:?}", cell.inner.borrow().state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_at_a_time_takes_little_more_than_its_bytes_and_large_pieces_stay_as_they_are() {
        let mut pieces = VecDeque::new();
        let mut sent = Vec::new();
        for size in [1, 7, 1, 60_000, 512, 513].iter().cycle().take(60) {
            sent.extend(vec![*size as u8; *size]);
            put_behind(
                &mut pieces,
                Chunk::Bytes(Bytes::from(vec![*size as u8; *size])),
            );
        }
        for byte in 0..100_000_u32 {
            sent.push(byte as u8);
            put_behind(
                &mut pieces,
                Chunk::Bytes(Bytes::copy_from_slice(&[byte as u8])),
            );
        }
        let whole = pieces.iter().filter(|piece| piece.len() == 60_000).count();
        assert_eq!(whole, 10);
        assert!(pieces.len() < 100, "{}", pieces.len());
        let bytes: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece.as_slice().to_vec())
            .collect();
        assert!(bytes == sent);
    }
}
