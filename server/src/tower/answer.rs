//! The answer of a service as an answer of a handler: status and fields as they are, a body that is there
//! already in one piece, any other frame by frame. Called for each answer of a service.

use super::spare;
use crate::handler::{Body, BodyFrame, Chunk, Response};
use bytes::Buf;
use futures_core::Stream;
use http::header::{CONNECTION, CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame};
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// The type that the errors of services and their bodies become.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

impl Response {
    /// Makes an answer of one of the `http` crate (feature `tower`).
    ///
    /// The body is streamed: it is polled when the client has room for more. One that knows its length and
    /// has all of it ready goes out in one piece; then, and for other bodies of known length, with
    /// Content-Length. Others go in chunks, and trailer fields behind them, also those of a body of known
    /// length if the field Trailer announces them. A body that ends early, or is longer than it said,
    /// ends the connection, or is a 500 if nothing was sent.
    ///
    /// Framing stays the server's: of the answer's fields `Connection` is heeded if it says `close`, and
    /// `Content-Length` if the body does not know better, or is empty because the request was a HEAD.
    ///
    /// ```
    /// use ringgate::{Router, Response, testing};
    ///
    /// let made = |_| async { Response::from_http(http::Response::new("hello".to_owned())) };
    /// assert_eq!(testing::client(Router::new().get("/", made), ()).get("/").send().text(), "hello");
    /// ```
    pub fn from_http<B>(response: http::Response<B>) -> Response
    where
        B: HttpBody + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Kept::default().answer(false, response)
    }
}

/// The things that answers of one service on one core leave for those after them.
pub(super) struct Kept<B> {
    /// A place to look into a body in, unless one streams out of it.
    place: Cell<Option<Pin<Box<Frames<B>>>>>,
}

impl<B> Default for Kept<B> {
    fn default() -> Kept<B> {
        Kept {
            place: Cell::new(None),
        }
    }
}

impl<B> Kept<B>
where
    B: HttpBody + 'static,
    B::Error: Into<BoxError>,
{
    /// As [`Response::from_http`], for the answer to a HEAD if `to_head`.
    pub(super) fn answer(&self, to_head: bool, response: http::Response<B>) -> Response {
        let (mut parts, body) = response.into_parts();
        let mut answer = Response::new(parts.status);
        let said = Said::of(&mut parts.headers, &mut answer);
        spare::put(parts.headers);
        answer.body = self.body_of(body, &said);
        if to_head {
            hide(&mut answer.body, &said);
        }
        answer
    }

    fn body_of(&self, body: B, said: &Said) -> Body {
        let ended = body.is_end_stream();
        if ended && said.length().unwrap_or(0) == 0 {
            return Body::Empty;
        }
        let exact = body.size_hint().exact().filter(|_| !ended);
        let len = match said.trailers {
            true => None,
            false => exact.or_else(|| said.length()),
        };
        let place = self.place.take();
        let mut frames = place.unwrap_or_else(|| Box::pin(Frames::nothing()));
        frames.as_mut().fill(body);
        if let Some(len) = exact.filter(|_| len.is_some())
            && let Some(whole) = frames.as_mut().take_whole(len)
        {
            frames.as_mut().clear();
            self.place.set(Some(frames));
            return Body::Chunk(whole);
        }
        Body::Stream {
            len,
            stream: frames,
        }
    }
}

/// The fields of an answer that are about its framing.
#[derive(Default)]
struct Said {
    /// The first of several lengths counts.
    length: Option<HeaderValue>,
    trailers: bool,
}

impl Said {
    /// Moves the fields of a map into an answer; the names of further values of a field are said once there. But
    /// for Connection and Content-Length, which are the server's to write.
    fn of(map: &mut HeaderMap, answer: &mut Response) -> Said {
        let mut said = Said::default();
        let mut list = Response::room_for_fields(map.len());
        let mut kind = Kind::Other;
        for (name, value) in map.drain() {
            if let Some(name) = &name {
                kind = Kind::of(name);
            }
            match kind {
                Kind::Length => {
                    said.length.get_or_insert(value);
                }
                Kind::Connection => answer.close |= says_close(&value),
                Kind::Trailer | Kind::Other => {
                    said.trailers |= kind == Kind::Trailer;
                    let name = name.or_else(|| list.last().map(|(name, _)| name.clone()));
                    list.extend(name.map(|name| (name, value)));
                }
            }
        }
        answer.fields = list;
        said
    }

    /// The length that was said. Read only where the body does not know it.
    fn length(&self) -> Option<u64> {
        let text = self.length.as_ref()?.to_str().ok()?;
        text.parse().ok()
    }
}

/// The part of a field in the framing of its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Length,
    Connection,
    Trailer,
    Other,
}

impl Kind {
    #[inline]
    fn of(name: &HeaderName) -> Kind {
        match () {
            () if *name == CONTENT_LENGTH => Kind::Length,
            () if *name == CONNECTION => Kind::Connection,
            () if *name == TRAILER => Kind::Trailer,
            () => Kind::Other,
        }
    }
}

/// A body that is not sent. An empty one without a length says nothing of what GET would have got: libraries
/// take the content away and know no more, so no length is claimed (RFC 9110 section 9.3.2).
fn hide(body: &mut Body, said: &Said) {
    if matches!(body, Body::Empty) && said.length.is_none() {
        *body = Body::Stream {
            len: None,
            stream: Box::pin(Nothing),
        };
    }
}

/// The stream of a body that nobody polls.
struct Nothing;

impl Stream for Nothing {
    type Item = Result<BodyFrame, Box<dyn Error>>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

fn says_close(value: &HeaderValue) -> bool {
    let mut options = value.as_bytes().split(|byte| *byte == b',');
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// The front of a body, taken before the rest is streamed.
enum Peeked {
    Nothing,
    Frame(Result<BodyFrame, Box<dyn Error>>),
    End,
}

pin_project! {
    /// The frames of a body; of none in an empty place.
    struct Frames<B> {
        #[pin]
        body: Option<B>,
        peeked: Peeked,
    }
}

impl<B> Frames<B> {
    fn nothing() -> Frames<B> {
        Frames {
            body: None,
            peeked: Peeked::Nothing,
        }
    }

    fn fill(self: Pin<&mut Self>, body: B) {
        self.project().body.set(Some(body));
    }

    fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.body.set(None);
        *this.peeked = Peeked::Nothing;
    }
}

impl<B> Frames<B>
where
    B: HttpBody,
    B::Error: Into<BoxError>,
{
    /// The body, if its first frame is all of it; else that frame is kept for the stream. Looks at what is
    /// there already: whoever polls it again is woken in its turn.
    fn take_whole(mut self: Pin<&mut Self>, len: u64) -> Option<Chunk> {
        let mut nobody = Context::from_waker(Waker::noop());
        let frame = self.as_mut().poll_body(&mut nobody);
        let this = self.project();
        match frame {
            Poll::Ready(Some(Ok(BodyFrame::Data(chunk))))
                if chunk.len() as u64 == len && has_ended(this.body.as_ref().get_ref()) =>
            {
                return Some(chunk);
            }
            Poll::Ready(Some(frame)) => *this.peeked = Peeked::Frame(frame),
            Poll::Ready(None) => *this.peeked = Peeked::End,
            Poll::Pending => {}
        }
        None
    }

    fn poll_body(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame, Box<dyn Error>>>> {
        let mut body = self.project().body;
        loop {
            let Some(body) = body.as_mut().as_pin_mut() else {
                return Poll::Ready(None);
            };
            match ready!(body.poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => {
                    let error: BoxError = error.into();
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => {
                    if let Some(frame) = translate(frame) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
        }
    }
}

fn has_ended<B: HttpBody>(body: &Option<B>) -> bool {
    body.as_ref().is_none_or(HttpBody::is_end_stream)
}

/// None for a kind of frame that is not known here.
fn translate<D: Buf>(frame: Frame<D>) -> Option<BodyFrame> {
    match frame.into_data() {
        Ok(mut data) => {
            let all = data.remaining();
            Some(BodyFrame::Data(data.copy_to_bytes(all).into()))
        }
        Err(frame) => {
            let trailers = frame.into_trailers().ok();
            trailers.map(|fields| BodyFrame::Trailers(Box::new(fields)))
        }
    }
}

impl<B> Stream for Frames<B>
where
    B: HttpBody,
    B::Error: Into<BoxError>,
{
    type Item = Result<BodyFrame, Box<dyn Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let peeked = self.as_mut().project().peeked;
        match std::mem::replace(peeked, Peeked::Nothing) {
            Peeked::Frame(frame) => Poll::Ready(Some(frame)),
            Peeked::End => Poll::Ready(None),
            // A body that says that it has ended need not bear another poll.
            Peeked::Nothing if has_ended(&self.body) => Poll::Ready(None),
            Peeked::Nothing => self.poll_body(cx),
        }
    }
}
