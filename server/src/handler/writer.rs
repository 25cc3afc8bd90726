//! A body that an asynchronous function of the handler writes, piece by piece: the function goes on when the
//! connection has room. Polled as any stream of an answer is; no piece is made before the one ahead is taken.

use super::response::{Body, BodyFrame, Chunk};
use futures_core::Stream;
use std::cell::RefCell;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

impl Body {
    /// A body that an asynchronous function writes, piece by piece.
    ///
    /// ```
    /// use ringgate::{Body, Request, Response, Router, testing};
    ///
    /// async fn numbers(_: Request) -> Response {
    ///     Response::text("").with_body(Body::writer(async |mut out| {
    ///         for number in 0..3 {
    ///             out.write(format!("{number}\n")).await;
    ///         }
    ///         Ok(())
    ///     }))
    /// }
    ///
    /// let client = testing::client(Router::new().get("/", numbers), ());
    /// assert_eq!(client.get("/").send().text(), "0\n1\n2\n");
    /// ```
    pub fn writer<F, W>(write: W) -> Body
    where
        W: FnOnce(Writer) -> F,
        F: Future<Output = Result<(), Box<dyn Error>>> + 'static,
    {
        let place = Rc::new(RefCell::new(None));
        let future = Box::pin(write(Writer {
            place: place.clone(),
        }));
        Body::Stream {
            len: None,
            stream: Box::pin(Written {
                place,
                future: Some(future),
            }),
        }
    }

    /// As [`Body::writer`], for `len` bytes in all.
    ///
    /// ```
    /// use ringgate::{Body, Router, testing};
    ///
    /// let router = Router::new().get("/", |_| async {
    ///     Body::sized_writer(6, async |mut out| {
    ///         out.write("abc").await;
    ///         out.write("def").await;
    ///         Ok(())
    ///     })
    /// });
    /// let answer = testing::client(router, ()).get("/").send();
    /// assert_eq!((answer.header("content-length"), answer.text()), (Some("6"), "abcdef"));
    /// ```
    pub fn sized_writer<F, W>(len: u64, write: W) -> Body
    where
        W: FnOnce(Writer) -> F,
        F: Future<Output = Result<(), Box<dyn Error>>> + 'static,
    {
        match Body::writer(write) {
            Body::Stream { stream, .. } => Body::Stream {
                len: Some(len),
                stream,
            },
            other => other,
        }
    }
}

/// Where a [`Body::writer`] writes.
///
/// ```
/// use ringgate::{Body, Router, Writer, testing};
/// use std::error::Error;
///
/// async fn count(mut out: Writer) -> Result<(), Box<dyn Error>> {
///     for number in 0..3 {
///         out.room().await; // no number is made before the client takes it
///         out.write(format!("{number} ")).await;
///     }
///     Ok(())
/// }
///
/// let router = Router::new().get("/", |_| async { Body::writer(count) });
/// assert_eq!(testing::client(router, ()).get("/").send().text(), "0 1 2 ");
/// ```
pub struct Writer {
    place: Rc<RefCell<Option<Chunk>>>,
}

impl Writer {
    /// Adds a piece; waits until the one before is taken.
    pub async fn write(&mut self, chunk: impl Into<Chunk>) {
        let chunk: Chunk = chunk.into();
        if chunk.is_empty() {
            return;
        }
        self.room().await;
        *self.place.borrow_mut() = Some(chunk);
    }

    /// Waits until the piece before is taken and the connection has room for another: for pieces that
    /// are worth making only then. A client that takes nothing costs no piece in advance.
    pub async fn room(&mut self) {
        std::future::poll_fn(|_| match self.place.borrow().is_some() {
            // No waker: the one who empties the place polls this future when there is room.
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }
}

struct Written<F> {
    place: Rc<RefCell<Option<Chunk>>>,
    future: Option<Pin<Box<F>>>,
}

impl<F: Future<Output = Result<(), Box<dyn Error>>>> Stream for Written<F> {
    type Item = Result<BodyFrame, Box<dyn Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(chunk) = self.place.take() {
            return Poll::Ready(Some(Ok(BodyFrame::Data(chunk))));
        }
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        let ended = future.as_mut().poll(cx);
        if ended.is_ready() {
            self.future = None;
        }
        let chunk = self.place.take();
        match (chunk, ended) {
            (Some(chunk), Poll::Ready(Ok(())) | Poll::Pending) => {
                Poll::Ready(Some(Ok(BodyFrame::Data(chunk))))
            }
            (None, Poll::Ready(Ok(()))) => Poll::Ready(None),
            (None, Poll::Pending) => Poll::Pending,
            (_, Poll::Ready(Err(error))) => Poll::Ready(Some(Err(error))),
        }
    }
}
