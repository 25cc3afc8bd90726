//! An answer as a handler gives it. Framing, Date and Connection are the server's business
//! ([`crate::http1::response`]).

use super::upgrade::Switching;
use crate::http1::response::status_text;
use futures_core::Stream;
use http::header::{CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ringgate_runtime::task::catch_panic;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes of a body: of one's own, shared, static, or received ones sent back where they lie.
pub use ringgate_runtime::SendBuffer as Chunk;

/// A part of a body that comes as a stream.
///
/// ```
/// use ringgate::http::{HeaderMap, HeaderValue};
/// use ringgate::{Body, BodyFrame, Router, testing};
/// # struct Frames(Vec<BodyFrame>);
/// # impl futures_core::Stream for Frames {
/// #     type Item = Result<BodyFrame, std::convert::Infallible>;
/// #     fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
/// #         let next = (!self.0.is_empty()).then(|| self.0.remove(0));
/// #         std::task::Poll::Ready(next.map(Ok))
/// #     }
/// # }
///
/// async fn counted(_: ringgate::Request) -> Body {
///     let mut trailers = HeaderMap::new();
///     trailers.insert("x-count", HeaderValue::from_static("1"));
///     let frames = vec![BodyFrame::Data("one\n".into()), BodyFrame::Trailers(Box::new(trailers))];
///     Body::framed_stream(Frames(frames)) // any `Stream` of frames
/// }
///
/// let client = testing::client(Router::new().get("/", counted), ());
/// assert_eq!(client.get("/").send().text(), "one\n");
/// ```
#[derive(Debug)]
pub enum BodyFrame {
    /// Bytes.
    Data(Chunk),
    /// Trailer fields (RFC 9110 section 6.5); the body ends with them. Sent if the body goes in chunks, to
    /// an HTTP/1.1 client and without a Content-Length; else there is no place for them, and they are
    /// left out. So are fields that must not stand there (RFC 9110 section 6.5.1).
    Trailers(Box<HeaderMap>),
}

/// The stream that a body is read from.
///
/// ```
/// use ringgate::Body;
/// use ringgate::handler::BodyStream;
///
/// /// A stream that is there already, as a body of unknown length.
/// fn body_of(stream: BodyStream) -> Body {
///     Body::Stream { len: None, stream }
/// }
/// ```
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<BodyFrame, Box<dyn Error>>>>>;

/// The body of an answer.
pub enum Body {
    /// None.
    Empty,
    /// All of it.
    Chunk(Chunk),
    /// Pieces as they come; the client's slowness reaches the stream as not being polled.
    Stream {
        /// Bytes in all, if known: sent as Content-Length, and held to it. Else chunked.
        len: Option<u64>,
        /// The pieces.
        stream: BodyStream,
    },
    /// Another protocol, which begins behind the head of the answer
    /// ([`WebSocket::accept`](super::websocket::WebSocket::accept)). The status is 101; with another one nothing
    /// begins.
    Switch(Switch),
}

/// The protocol that a connection changes to.
///
/// ```
/// use ringgate::{Body, Response};
///
/// /// Whether the answer changes the protocol of its connection.
/// fn changes(answer: &Response) -> bool {
///     matches!(answer.body(), Body::Switch(_))
/// }
/// # assert!(!changes(&Response::text("")));
/// ```
pub struct Switch(Box<Switching>);

impl Switch {
    pub(super) fn new(switching: Switching) -> Switch {
        Switch(Box::new(switching))
    }

    pub(crate) fn get(&self) -> &Switching {
        &self.0
    }

    pub(crate) fn into_inner(self) -> Switching {
        *self.0
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Switch")
    }
}

impl Body {
    /// Drops a body that is not sent, which may be any value of the application's: a panic of that ends nothing else.
    pub(crate) fn let_go(self) {
        if matches!(self, Body::Stream { .. } | Body::Switch(_)) {
            // The panic hook tells of it.
            let _ = catch_panic(|| drop(self));
        }
    }

    /// Pieces as they come, of unknown number.
    ///
    /// ```
    /// use ringgate::events::Hub;
    /// use ringgate::{Body, Request, Router};
    /// use std::convert::Infallible;
    ///
    /// async fn news(request: Request<Hub>) -> Body {
    ///     let mut events = request.state().subscribe(Some(0));
    ///     let kept = std::iter::from_fn(move || events.take());
    ///     Body::stream(Pieces(kept.map(|event| Ok::<_, Infallible>(event.data))))
    /// }
    /// # struct Pieces<I>(I);
    /// # impl<I: Iterator + Unpin> futures_core::Stream for Pieces<I> {
    /// #     type Item = I::Item;
    /// #     fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<I::Item>> {
    /// #         std::task::Poll::Ready(self.0.next())
    /// #     }
    /// # }
    /// # let router = Router::new().get("/news", news);
    /// ```
    pub fn stream<T, E>(stream: impl Stream<Item = Result<T, E>> + 'static) -> Body
    where
        T: Into<Chunk> + 'static,
        E: Into<Box<dyn Error>> + 'static,
    {
        Body::Stream {
            len: None,
            stream: Box::pin(Erased { stream }),
        }
    }

    /// Pieces as they come, `len` bytes in all.
    pub fn sized_stream<T, E>(len: u64, stream: impl Stream<Item = Result<T, E>> + 'static) -> Body
    where
        T: Into<Chunk> + 'static,
        E: Into<Box<dyn Error>> + 'static,
    {
        Body::Stream {
            len: Some(len),
            stream: Box::pin(Erased { stream }),
        }
    }

    /// As [`Body::stream`], for pieces that trailer fields may follow.
    pub fn framed_stream<E>(stream: impl Stream<Item = Result<BodyFrame, E>> + 'static) -> Body
    where
        E: Into<Box<dyn Error>> + 'static,
    {
        Body::Stream {
            len: None,
            stream: Box::pin(Framed { stream }),
        }
    }

    /// Bytes in all, if known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Body::Empty => Some(0),
            Body::Chunk(chunk) => Some(chunk.len() as u64),
            Body::Stream { len, .. } => *len,
            Body::Switch(_) => Some(0),
        }
    }

    /// Whether it is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

impl<T: Into<Chunk>> From<T> for Body {
    fn from(bytes: T) -> Body {
        Body::Chunk(bytes.into())
    }
}

pin_project_lite::pin_project! {
    /// Any stream of what can become chunks and errors.
    struct Erased<S> { #[pin] stream: S }
}

impl<S, T, E> Stream for Erased<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Into<Chunk>,
    E: Into<Box<dyn Error>>,
{
    type Item = Result<BodyFrame, Box<dyn Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.project().stream.poll_next(cx);
        let frame = |piece: T| BodyFrame::Data(piece.into());
        item.map(|item| item.map(|item| item.map(frame).map_err(Into::into)))
    }
}

pin_project_lite::pin_project! {
    /// Any stream of frames and what can become errors.
    struct Framed<S> { #[pin] stream: S }
}

impl<S, E> Stream for Framed<S>
where
    S: Stream<Item = Result<BodyFrame, E>>,
    E: Into<Box<dyn Error>>,
{
    type Item = Result<BodyFrame, Box<dyn Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.project().stream.poll_next(cx);
        item.map(|item| item.map(|item| item.map_err(Into::into)))
    }
}

/// An answer: status, fields, body.
pub struct Response {
    pub(crate) status: StatusCode,
    /// Written before the fields; kept apart because nearly every answer has just this one, and
    /// names it by a constant.
    pub(crate) content_type: Option<&'static str>,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Body,
    pub(crate) close: bool,
}

/// Fields of an answer whose list is used again, at most.
const FIELDS_KEPT: usize = 32;

thread_local! {
    /// The list of fields of an answer that is written, for one that has a list made.
    static FIELDS: Cell<Vec<(HeaderName, HeaderValue)>> = const { Cell::new(Vec::new()) };
}

impl Response {
    /// An empty list for fields, in the place of one that was written before if there is any.
    #[cfg(feature = "tower")]
    pub(crate) fn room_for_fields(count: usize) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = FIELDS.take();
        fields.reserve(count);
        fields
    }

    /// The answer is written: its list of fields may be used again.
    #[inline]
    pub(crate) fn let_go(answer: Option<Response>) {
        if let Some(mut response) = answer
            && (1..=FIELDS_KEPT).contains(&response.fields.capacity())
        {
            let mut fields = std::mem::take(&mut response.fields);
            fields.clear();
            FIELDS.set(fields);
        }
    }

    /// An answer of `status` without a body.
    #[inline]
    pub fn new(status: StatusCode) -> Response {
        Response {
            status,
            content_type: None,
            fields: Vec::new(),
            body: Body::Empty,
            close: false,
        }
    }

    /// 200 with `text/plain; charset=utf-8`.
    ///
    /// ```
    /// use ringgate::Response;
    ///
    /// let response = Response::text("hello\n");
    /// assert_eq!((response.status().as_u16(), response.body().len()), (200, Some(6)));
    /// ```
    #[inline]
    pub fn text(text: impl Into<Chunk>) -> Response {
        Response::new(StatusCode::OK)
            .with_content_type("text/plain; charset=utf-8")
            .with_body(text.into())
    }

    /// 200 with `application/json`.
    #[inline]
    pub fn json(json: impl Into<Chunk>) -> Response {
        Response::new(StatusCode::OK)
            .with_content_type("application/json")
            .with_body(json.into())
    }

    /// 200 with `text/html; charset=utf-8`.
    pub fn html(html: impl Into<Chunk>) -> Response {
        Response::new(StatusCode::OK)
            .with_content_type("text/html; charset=utf-8")
            .with_body(html.into())
    }

    /// A short line of text that says what an error status means here.
    ///
    /// ```
    /// use ringgate::{Response, http::StatusCode};
    ///
    /// let answer = Response::error(StatusCode::NOT_FOUND, "there is no such note");
    /// assert_eq!(answer.status(), 404);
    /// ```
    pub fn error(status: StatusCode, reason: &str) -> Response {
        let text = format!("{}: {reason}\n", status_text(status));
        Response::text(text).with_status(status)
    }

    /// Whether dropping it would do nothing.
    #[inline]
    pub(crate) fn owns_nothing(&self) -> bool {
        let body_owns = match &self.body {
            Body::Empty | Body::Chunk(Chunk::Static(_)) => false,
            Body::Chunk(_) | Body::Stream { .. } | Body::Switch(_) => true,
        };
        self.fields.capacity() == 0 && !body_owns
    }

    /// Whether it tells the client of another protocol.
    #[inline]
    pub(crate) fn offers_upgrade(&self) -> bool {
        self.fields.iter().any(|(name, _)| *name == UPGRADE)
    }

    /// With another status.
    #[inline]
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Response {
        self.status = status;
        self
    }

    /// With this Content-Type, instead of any other: visible ASCII.
    ///
    /// # Panics
    /// If it holds anything that a field value must not hold.
    #[inline(always)] // So that the look at a constant is the compiler's.
    #[must_use]
    pub fn with_content_type(mut self, content_type: &'static str) -> Response {
        let legal = |byte: &u8| (0x20..0x7f).contains(byte);
        assert!(
            content_type.as_bytes().iter().all(legal),
            "a content type is visible ASCII"
        );
        if !self.fields.is_empty() {
            self.fields.retain(|(name, _)| *name != CONTENT_TYPE);
        }
        self.content_type = Some(content_type);
        self
    }

    /// With a further field; a Content-Type takes the place of the one before. Date, Connection, Content-Length and
    /// Transfer-Encoding are written by the server; such fields given here are left out.
    ///
    /// ```
    /// use ringgate::{Response, http::header};
    ///
    /// let response = Response::text("hello\n")
    ///     .with_header("x-visits", 7)
    ///     .with_header(header::CACHE_CONTROL, "no-store");
    /// assert_eq!(response.header("cache-control"), Some(&b"no-store"[..]));
    /// ```
    ///
    /// # Panics
    /// If the name is no token, or the value holds a control byte other than a tab, such as a line end: no answer
    /// can be split by a value. [`Response::try_with_header`] is for values that come from outside.
    #[inline]
    #[must_use]
    pub fn with_header<N, V>(self, name: N, value: V) -> Response
    where
        N: TryInto<HeaderName, Error: fmt::Debug>,
        V: TryInto<HeaderValue, Error: fmt::Debug>,
    {
        let name = name.try_into().expect("a field name is a token");
        let value = value.try_into();
        self.with_field(name, value.expect("a field value holds no control bytes"))
    }

    /// As [`Response::with_header`], for names and values that may be no such thing.
    ///
    /// ```
    /// use ringgate::Response;
    ///
    /// let told = |by_client: &str| Response::text("").try_with_header("x-said", by_client);
    /// assert!(told("hello").is_ok());
    /// assert!(told("two\r\nlines").is_err());
    /// ```
    ///
    /// # Errors
    /// The name is no token, or the value holds a control byte.
    #[inline]
    pub fn try_with_header<N, V>(self, name: N, value: V) -> Result<Response, http::Error>
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let value = value.try_into().map_err(Into::into)?;
        Ok(self.with_field(name, value))
    }

    #[inline]
    pub(super) fn with_field(mut self, name: HeaderName, value: HeaderValue) -> Response {
        if name == CONTENT_TYPE {
            self.content_type = None;
            self.fields.retain(|(name, _)| *name != CONTENT_TYPE);
        }
        if self.fields.capacity() == 0 {
            self.fields = FIELDS.try_with(Cell::take).unwrap_or_default();
        }
        self.fields.push((name, value));
        self
    }

    /// With a body.
    #[inline]
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Response {
        let before = std::mem::replace(&mut self.body, body.into());
        if matches!(before, Body::Empty) {
            // Nearly always, and known where the answer was just made: spares the call that drops a body.
            std::mem::forget(before);
        }
        self
    }

    /// With the end of the connection after this answer.
    ///
    /// ```
    /// use ringgate::{Response, Router, testing};
    ///
    /// let router = Router::new().get("/bye", |_| async { Response::text("bye").closing() });
    /// let answer = testing::client(router, ()).get("/bye").send();
    /// assert_eq!(answer.header("connection"), Some("close"));
    /// ```
    #[must_use]
    pub fn closing(mut self) -> Response {
        self.close = true;
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The Content-Type, if it was given by [`Response::with_content_type`] or by one of the
    /// constructors that set one.
    pub fn content_type(&self) -> Option<&'static str> {
        self.content_type
    }

    /// The first field of a name, without regard to case; Content-Type among them.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let content_type = self.content_type.map(str::as_bytes);
        content_type
            .filter(|_| name.eq_ignore_ascii_case("content-type"))
            .or_else(|| {
                let mut fields = self.fields.iter();
                let found = fields.find(|(have, _)| have.as_str().eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_bytes())
            })
    }

    /// The other fields.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.fields
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answer {}", self.status)
    }
}

/// A value that a handler may return.
///
/// | value | answer |
/// |---|---|
/// | `&'static str`, `String`, `Cow<'static, str>` | 200, `text/plain; charset=utf-8` |
/// | `Bytes`, `Vec<u8>` | 200, `application/octet-stream` |
/// | [`Json<T>`](crate::Json), [`Html<T>`](crate::Html) | 200, with their type |
/// | [`Body`], `()` | 200, without a type; without a body |
/// | [`StatusCode`] | that status, without a body |
/// | `(StatusCode, T)`, `([(name, value); N], T)`, `(StatusCode, [(name, value); N], T)` | `T` with another status, with further fields |
/// | `Option<T>` | `T`, or 404 |
/// | `Result<T, E>` | either |
/// | [`Redirect`](crate::Redirect), [`Error`](crate::Error), [`BodyError`](crate::BodyError), `Box<dyn Error>` | what they say |
///
/// ```
/// use ringgate::http::{StatusCode, header};
/// use ringgate::{IntoResponse, Json};
///
/// let answer = (StatusCode::CREATED, [(header::LOCATION, "/notes/7")], Json(7)).into_response();
/// assert_eq!((answer.status(), answer.header("location")), (StatusCode::CREATED, Some(&b"/notes/7"[..])));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer",
    label = "the handler returns this",
    note = "a handler is an `async fn(Request<S>) -> A`, where `A` implements `ringgate::IntoResponse`",
    note = "text, `StatusCode`, `Json<T>`, `Response`, `Option` and `Result` of these, and tuples of a status and these do",
    note = "`Result<A, ringgate::Error>` lets `?` make an answer of any error"
)]
pub trait IntoResponse {
    /// The answer.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    #[inline]
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for &'static str {
    #[inline]
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    #[inline]
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_one_content_type_the_last_one_given() {
        let html = HeaderValue::from_static("text/html");
        let response = Response::text("x").with_header(CONTENT_TYPE, html);
        assert_eq!(response.content_type(), None);
        assert_eq!(response.headers().len(), 1);
        let response = response.with_header(CONTENT_TYPE, HeaderValue::from_static("a/b"));
        assert_eq!(response.headers()[0].1, "a/b");
        assert_eq!(response.headers().len(), 1);
        let response = response.with_content_type("c/d");
        assert_eq!(response.content_type(), Some("c/d"));
        assert!(response.headers().is_empty());
    }
}
