//! A body that an asynchronous function of the handler writes, piece by piece: the function goes on when the
//! connection has room. Polled as any stream of an answer is; no piece is made before the one ahead is taken.
//!
//! The writer may be given to another task. Each side wakes the other one then, and the writer hears when the body is gone.

use super::response::{Body, BodyFrame, Chunk};
use futures_core::Stream;
use std::cell::RefCell;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

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
        let place = Rc::<RefCell<Place>>::default();
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
    place: Rc<RefCell<Place>>,
}

impl Writer {
    /// Adds a piece; waits until the one before is taken. A piece that nobody can take any more is let go
    /// ([`Writer::is_gone`]).
    pub async fn write(&mut self, chunk: impl Into<Chunk>) {
        let chunk: Chunk = chunk.into();
        if chunk.is_empty() {
            return;
        }
        self.room().await;
        self.put(chunk);
    }

    /// Waits until the piece before is taken and the connection has room for another: for pieces that
    /// are worth making only then. A client that takes nothing costs no piece in advance. The wait ends as well when the
    /// body is gone, after a turn of the core, so that others have theirs.
    pub async fn room(&mut self) {
        let mut waited = false;
        std::future::poll_fn(|cx| {
            let mut place = self.place.borrow_mut();
            let is_free = match place.gone {
                true => std::mem::replace(&mut waited, true),
                false => place.chunk.is_none(),
            };
            if is_free {
                return Poll::Ready(());
            }
            match place.gone {
                true => cx.waker().wake_by_ref(),
                false => place.writer = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
        .await;
    }

    /// Whether nobody takes any piece more: the client is gone, or the function that [`Body::writer`] was given has
    /// returned. For writers that another task has; one that stays in the function ends with it.
    ///
    /// ```
    /// use ringgate::{Body, Router, runtime, testing};
    /// use std::time::Duration;
    ///
    /// let ticks = |_| async {
    ///     Body::writer(async |mut out| {
    ///         let ticking = runtime::current().spawn(async move {
    ///             while !out.is_gone() {
    ///                 out.write("tick\n").await;
    ///                 runtime::sleep(Duration::from_secs(1)).await;
    ///             }
    ///         });
    ///         Ok(ticking.await?)
    ///     })
    /// };
    /// let client = testing::client(Router::new().get("/", ticks), ());
    /// client.get("/").open().wait_for("tick\ntick\n");
    /// ```
    pub fn is_gone(&self) -> bool {
        self.place.borrow().gone
    }

    fn put(&self, chunk: Chunk) {
        let mut place = self.place.borrow_mut();
        if place.gone {
            return;
        }
        place.chunk = Some(chunk);
        let reader = place.reader.take();
        drop(place);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let waker = self.place.borrow_mut().writer.take();
        drop(waker);
    }
}

/// The place of one piece between who writes and the connection.
#[derive(Default)]
struct Place {
    chunk: Option<Chunk>,
    /// The waker of a writer that waits until the place is empty.
    writer: Option<Waker>,
    /// The waker of a body that waits until a piece lies here, if another task may put it.
    reader: Option<Waker>,
    /// Nobody takes anything out of it any more.
    gone: bool,
}

struct Written<F> {
    place: Rc<RefCell<Place>>,
    future: Option<Pin<Box<F>>>,
}

impl<F> Written<F> {
    fn take(&self, cx: &Context<'_>) -> Option<Chunk> {
        let mut place = self.place.borrow_mut();
        let chunk = place.chunk.take()?;
        // A writer in the task that takes the piece needs no call: it is polled with the body when there is room.
        let writer = place.writer.take_if(|writer| !writer.will_wake(cx.waker()));
        drop(place);
        if let Some(writer) = writer {
            writer.wake();
        }
        Some(chunk)
    }

    /// Lets go of the function, and of a writer that it has given away.
    fn close(&mut self) {
        self.future = None;
        let mut place = self.place.borrow_mut();
        place.gone = true;
        let writer = place.writer.take();
        drop(place);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

impl<F> Drop for Written<F> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<F: Future<Output = Result<(), Box<dyn Error>>>> Stream for Written<F> {
    type Item = Result<BodyFrame, Box<dyn Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(chunk) = self.take(cx) {
            return Poll::Ready(Some(Ok(BodyFrame::Data(chunk))));
        }
        self.place.borrow_mut().reader = None;
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        let ended = future.as_mut().poll(cx);
        if ended.is_ready() {
            self.close();
        }
        match (self.take(cx), ended) {
            (Some(chunk), Poll::Ready(Ok(())) | Poll::Pending) => {
                Poll::Ready(Some(Ok(BodyFrame::Data(chunk))))
            }
            (None, Poll::Ready(Ok(()))) => Poll::Ready(None),
            (None, Poll::Pending) => {
                self.place.borrow_mut().reader = Some(cx.waker().clone());
                Poll::Pending
            }
            (_, Poll::Ready(Err(error))) => Poll::Ready(Some(Err(error))),
        }
    }
}
