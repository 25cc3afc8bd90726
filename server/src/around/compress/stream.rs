//! A body that is compressed as it goes out: a little at a time, and flushed where it pauses.

use super::gzip::{Encoder, Flush};
use crate::handler::{Body, BodyFrame, BodyStream, Chunk};
use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes that are compressed before others have a turn: less than a millisecond of work.
const STEP_BYTES: usize = 16 << 10;
/// Compressed bytes that make a piece; fewer wait for more, unless the stream pauses.
const PIECE_BYTES: usize = 8 << 10;

type Frame = Option<Result<BodyFrame, Box<dyn Error>>>;

/// The compressed form of a body.
pub(super) struct Compressed {
    source: Source,
    /// Bytes that are still to come, if it is known how many there are in all.
    left: Option<u64>,
    /// None once the end is written.
    encoder: Option<Encoder>,
    /// Bytes that came and are not compressed yet.
    input: Bytes,
    /// Compressed bytes that are not sent yet.
    out: Vec<u8>,
    /// Whether bytes went in since everything last came out.
    holds: bool,
    /// Bytes compressed since others had a turn.
    step: usize,
    trailers: Option<Box<HeaderMap>>,
}

/// Where the bytes come from.
enum Source {
    Stream(BodyStream),
    /// Nothing comes any more.
    Ended,
}

impl Compressed {
    /// The body, compressed by `encoder`.
    pub(super) fn body(body: Body, encoder: Encoder) -> Body {
        let (source, left, input) = match body {
            Body::Stream { len, stream } => (Source::Stream(stream), len, Bytes::new()),
            Body::Chunk(bytes) => (Source::Ended, None, bytes.into_bytes()),
            Body::Empty | Body::Switch(_) => (Source::Ended, None, Bytes::new()),
        };
        Compressed::into_body(Compressed {
            source,
            left,
            encoder: Some(encoder),
            input,
            out: Vec::new(),
            holds: false,
            step: 0,
            trailers: None,
        })
    }

    /// The body of an answer to HEAD: of unknown length, and never asked for.
    pub(super) fn nothing() -> Body {
        Compressed::into_body(Compressed {
            source: Source::Ended,
            left: None,
            encoder: None,
            input: Bytes::new(),
            out: Vec::new(),
            holds: false,
            step: 0,
            trailers: None,
        })
    }

    fn into_body(self) -> Body {
        Body::Stream {
            len: None,
            stream: Box::pin(self),
        }
    }

    /// Compresses what waits, as far as one step goes.
    fn squeeze(&mut self) {
        let Some(encoder) = &mut self.encoder else {
            return;
        };
        let count = self.input.len().min(STEP_BYTES - self.step);
        let piece = self.input.split_to(count);
        encoder.take_in(&piece, Flush::None, &mut self.out);
        self.holds |= count > 0;
        self.step += count;
    }

    /// Writes the end, once.
    fn end(&mut self) {
        if let Some(mut encoder) = self.encoder.take() {
            encoder.take_in(&[], Flush::End, &mut self.out);
        }
        self.holds = false;
    }

    fn flush(&mut self) {
        if let Some(encoder) = self.encoder.as_mut().filter(|_| self.holds) {
            encoder.take_in(&[], Flush::All, &mut self.out);
        }
        self.holds = false;
    }

    fn piece(&mut self) -> Poll<Frame> {
        let piece = Chunk::from(std::mem::take(&mut self.out));
        Poll::Ready(Some(Ok(BodyFrame::Data(piece))))
    }

    /// Takes what comes next. Ready if there was something, or the end. Compressed, a body of another length than it was
    /// said to have could not be told from one that is whole: it fails here.
    fn take_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Box<dyn Error>>> {
        let Source::Stream(stream) = &mut self.source else {
            return Poll::Ready(Ok(()));
        };
        let next = std::task::ready!(stream.as_mut().poll_next(cx));
        match next.transpose()? {
            Some(BodyFrame::Data(piece)) => {
                if let Some(left) = &mut self.left {
                    let rest = left.checked_sub(piece.len() as u64);
                    *left = rest.ok_or("it is longer than it was said to be")?;
                }
                self.input = piece.into_bytes();
            }
            Some(BodyFrame::Trailers(trailers)) => {
                self.trailers = Some(trailers);
                self.source = Source::Ended;
            }
            None => self.source = Source::Ended,
        }
        match (&self.source, self.left) {
            (Source::Ended, Some(left @ 1..)) => {
                let why = format!("it is {left} bytes shorter than it was said to be");
                Poll::Ready(Err(why.into()))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl Stream for Compressed {
    type Item = Result<BodyFrame, Box<dyn Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Frame> {
        let this = &mut *self;
        loop {
            this.squeeze();
            if this.out.len() >= PIECE_BYTES {
                return this.piece();
            }
            if this.step >= STEP_BYTES {
                // Others have a turn first.
                this.step = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Source::Ended = this.source {
                this.end();
                return match (this.out.is_empty(), this.trailers.take()) {
                    (false, trailers) => {
                        this.trailers = trailers;
                        this.piece()
                    }
                    (true, Some(trailers)) => Poll::Ready(Some(Ok(BodyFrame::Trailers(trailers)))),
                    (true, None) => Poll::Ready(None),
                };
            }
            match this.take_next(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => {
                    this.step = 0;
                    this.flush();
                    return match this.out.is_empty() {
                        true => Poll::Pending,
                        false => this.piece(),
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gzip::tests::inflated;
    use super::*;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::task::Waker;

    /// The steps of a source: what comes, or None where it pauses.
    type Script = Rc<RefCell<VecDeque<Option<BodyFrame>>>>;

    struct Scripted(Script);

    impl Stream for Scripted {
        type Item = Result<BodyFrame, Box<dyn Error>>;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Frame> {
            match self.0.borrow_mut().pop_front() {
                Some(Some(frame)) => Poll::Ready(Some(Ok(frame))),
                Some(None) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    fn compressed(script: &Script) -> BodyStream {
        let stream: BodyStream = Box::pin(Scripted(script.clone()));
        let body = Body::Stream {
            len: Some(13),
            stream,
        };
        let encoder = Encoder::open(4, 9).expect("a compressor");
        match Compressed::body(body, encoder) {
            Body::Stream { len: None, stream } => stream,
            _ => panic!("its length is not known"),
        }
    }

    fn data(frame: Poll<Frame>) -> Option<Vec<u8>> {
        match frame {
            Poll::Ready(Some(Ok(BodyFrame::Data(piece)))) => Some(piece.as_slice().to_vec()),
            _ => None,
        }
    }

    #[test]
    fn a_stream_that_pauses_is_flushed_and_one_that_goes_on_is_not() {
        let text = |text: &str| Some(BodyFrame::Data(Chunk::from(text.to_owned())));
        let script = Script::new(RefCell::new(
            [text("one "), text("two "), None, None].into(),
        ));
        let mut stream = compressed(&script);
        let cx = &mut Context::from_waker(Waker::noop());
        let first = data(stream.as_mut().poll_next(cx)).expect("what came before the pause");
        assert_eq!(inflated(&first), b"one two ");
        assert!(
            stream.as_mut().poll_next(cx).is_pending(),
            "nothing is there to be flushed"
        );
        let trailers = Box::<HeaderMap>::default();
        script
            .borrow_mut()
            .extend([text("three"), Some(BodyFrame::Trailers(trailers))]);
        let rest = data(stream.as_mut().poll_next(cx)).expect("the rest");
        assert_eq!(inflated(&[first, rest].concat()), b"one two three");
        let last = stream.as_mut().poll_next(cx);
        assert!(matches!(
            last,
            Poll::Ready(Some(Ok(BodyFrame::Trailers(_))))
        ));
        assert!(matches!(stream.as_mut().poll_next(cx), Poll::Ready(None)));
    }

    #[test]
    fn a_large_body_lets_others_have_a_turn() {
        let large = "all of one kind ".repeat(10_000);
        let encoder = Encoder::open(4, 9).expect("a compressor");
        let Body::Stream { mut stream, .. } = Compressed::body(large.clone().into(), encoder)
        else {
            panic!("a stream");
        };
        let cx = &mut Context::from_waker(Waker::noop());
        let (mut turns, mut all) = (0, Vec::new());
        loop {
            match stream.as_mut().poll_next(cx) {
                Poll::Pending => turns += 1,
                Poll::Ready(None) => break,
                frame => all.extend(data(frame).expect("bytes")),
            }
        }
        assert_eq!(inflated(&all), large.as_bytes());
        assert_eq!(turns, large.len() / STEP_BYTES);
    }
}
