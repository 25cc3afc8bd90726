//! The answer of a service as an answer of a handler: status and fields as they are, a body that is there
//! already in one piece, any other frame by frame. Called for each answer of a service.

use crate::handler::{Body, BodyFrame, Chunk, Response};
use bytes::Buf;
use futures_core::Stream;
use http::header::{CONNECTION, CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame};
use pin_project_lite::pin_project;
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
    pub fn from_http<B>(response: http::Response<B>) -> Response
    where
        B: HttpBody + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        from_http_to(false, response)
    }
}

/// As [`Response::from_http`], for the answer to a HEAD if `to_head`.
pub(super) fn from_http_to<B>(to_head: bool, response: http::Response<B>) -> Response
where
    B: HttpBody + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = response.into_parts();
    let mut answer = Response::new(parts.status);
    answer.close = says_close(&parts.headers);
    answer.body = match to_head {
        true => body_to_head(body, &parts.headers),
        false => body_of(body, &parts.headers),
    };
    answer.fields = fields(parts.headers);
    answer
}

/// A body that is not sent. An empty one without a length says nothing of what GET would have got: libraries
/// take the content away and know no more, so no length is claimed (RFC 9110 section 9.3.2).
fn body_to_head<B>(body: B, fields: &HeaderMap) -> Body
where
    B: HttpBody + 'static,
    B::Error: Into<BoxError>,
{
    match body_of(body, fields) {
        Body::Empty if !fields.contains_key(CONTENT_LENGTH) => Body::Stream {
            len: None,
            stream: Box::pin(Nothing),
        },
        body => body,
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

fn says_close(fields: &HeaderMap) -> bool {
    let values = fields.get_all(CONNECTION).iter();
    let mut options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// A map as a list; the names of further values of a field are said once there.
fn fields(map: HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let mut list: Vec<(HeaderName, HeaderValue)> = Vec::with_capacity(map.len());
    for (name, value) in map {
        let name = name.or_else(|| list.last().map(|(name, _)| name.clone()));
        list.extend(name.map(|name| (name, value)));
    }
    list
}

fn body_of<B>(body: B, fields: &HeaderMap) -> Body
where
    B: HttpBody + 'static,
    B::Error: Into<BoxError>,
{
    let announced = fields.get(CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let ended = body.is_end_stream();
    if ended && announced.unwrap_or(0) == 0 {
        return Body::Empty;
    }
    let exact = body.size_hint().exact().filter(|_| !ended);
    let mut frames = Box::pin(Frames {
        body,
        peeked: Peeked::Nothing,
    });
    let len = match fields.contains_key(TRAILER) {
        true => None,
        false => exact.or(announced),
    };
    if let Some(len) = exact.filter(|_| len.is_some())
        && let Some(whole) = frames.as_mut().take_whole(len)
    {
        return Body::Chunk(whole);
    }
    Body::Stream {
        len,
        stream: frames,
    }
}

/// The front of a body, taken before the rest is streamed.
enum Peeked {
    Nothing,
    Frame(Result<BodyFrame, Box<dyn Error>>),
    End,
}

pin_project! {
    /// The frames of a body.
    struct Frames<B> {
        #[pin]
        body: B,
        peeked: Peeked,
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
                if chunk.len() as u64 == len && this.body.is_end_stream() =>
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
            match ready!(body.as_mut().poll_frame(cx)) {
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
            Peeked::Nothing if self.body.is_end_stream() => Poll::Ready(None),
            Peeked::Nothing => self.poll_body(cx),
        }
    }
}
