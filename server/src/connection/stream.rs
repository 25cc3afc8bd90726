//! Step five, for answers whose body comes piece by piece: a task takes the pieces of the stream as
//! its connection has room for them, and the connection queues them behind the head.

use super::STREAM_AHEAD_BYTES;
use super::engine::{Attention, Engine};
use super::exchanges::Streaming;
use super::key::{ConnectionKey, ExchangeKey};
use crate::handler::{BodyFrame, BodyStream, Chunk};
use crate::http1::exchange::{After, Event};
use crate::http1::response::{self, CHUNK_END, LAST_CHUNK};
use crate::observe::metrics::Tally;
use http::HeaderMap;
use ringgate_runtime::Core;
use ringgate_runtime::task::TaskId;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The beginning of a stream, once the head before it is queued.
pub(super) struct Start {
    pub(super) stream: BodyStream,
    /// Bytes of a body with Content-Length.
    pub(super) left: Option<u64>,
    pub(super) chunked: bool,
    /// Bytes of the head.
    pub(super) queued: usize,
    /// The count it belongs to.
    pub(super) tally: Tally,
    pub(super) after: After,
}

/// The place between the stream of an answer and its connection.
pub(super) struct Outlet {
    inner: RefCell<OutletInner>,
}

#[derive(Default)]
struct OutletInner {
    pieces: VecDeque<Chunk>,
    /// Bytes in `pieces`.
    queued: usize,
    /// Bytes that the connection has taken and that were not all with the kernel when it last looked.
    unsent: usize,
    /// Bytes that the stream has not given of a body with Content-Length.
    left: Option<u64>,
    end: Option<Result<(), String>>,
    /// The trailers that follow the last piece.
    trailers: Option<Box<HeaderMap>>,
    room: Option<Waker>,
}

impl OutletInner {
    /// Whether the next piece is asked for. Behind the last byte of a body with Content-Length none follows, so the end
    /// is asked for at once, and a body that is all there costs no second look.
    fn has_room(&self) -> bool {
        self.left == Some(0) || self.queued + self.unsent < STREAM_AHEAD_BYTES
    }

    fn push(&mut self, piece: Chunk) {
        self.queued += piece.len();
        // A body that is too long is told by who takes it; until then its pieces have no more room than others.
        self.left = self
            .left
            .and_then(|left| left.checked_sub(piece.len() as u64));
        self.pieces.push_back(piece);
    }
}

impl Outlet {
    fn new(left: Option<u64>) -> Outlet {
        let inner = OutletInner {
            left,
            ..OutletInner::default()
        };
        Outlet {
            inner: RefCell::new(inner),
        }
    }

    pub(super) fn pop(&self) -> Option<Chunk> {
        let mut inner = self.inner.borrow_mut();
        let piece = inner.pieces.pop_front()?;
        inner.queued -= piece.len();
        Some(piece)
    }

    /// The connection has so much unsent: the next piece is asked for if there is room for it.
    pub(super) fn tell_unsent(&self, unsent: usize) {
        let mut inner = self.inner.borrow_mut();
        inner.unsent = unsent;
        if inner.has_room()
            && let Some(waker) = inner.room.take()
        {
            drop(inner);
            waker.wake();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inner.borrow().pieces.is_empty()
    }

    pub(super) fn take_trailers(&self) -> Option<Box<HeaderMap>> {
        self.inner.borrow_mut().trailers.take()
    }

    pub(super) fn ended(&self) -> Option<Result<(), String>> {
        self.inner.borrow().end.clone()
    }
}

/// Takes the pieces of a stream as the connection has room for them.
async fn pump(
    mut stream: BodyStream,
    outlet: Rc<Outlet>,
    attention: Rc<Attention>,
    request: ExchangeKey,
) {
    loop {
        let next = std::future::poll_fn(|cx| {
            let mut inner = outlet.inner.borrow_mut();
            if !inner.has_room() {
                inner.room = Some(cx.waker().clone());
                return Poll::Pending;
            }
            drop(inner);
            stream.as_mut().poll_next(cx)
        });
        let next = ringgate_runtime::task::catch_unwind(next).await;
        let mut inner = outlet.inner.borrow_mut();
        match next {
            Ok(Some(Ok(BodyFrame::Data(piece)))) if piece.is_empty() => continue,
            Ok(Some(Ok(BodyFrame::Data(piece)))) => inner.push(piece),
            Ok(Some(Ok(BodyFrame::Trailers(trailers)))) => {
                inner.trailers = Some(trailers);
                inner.end = Some(Ok(()));
            }
            Ok(Some(Err(error))) => inner.end = Some(Err(error.to_string())),
            Ok(None) => inner.end = Some(Ok(())),
            Err(panic) => inner.end = Some(Err(format!("panicked: {}", panic.message()))),
        }
        let over = inner.end.is_some();
        drop(inner);
        attention.call(request);
        if over {
            return;
        }
    }
}

impl Engine {
    /// The head of an answer is queued, and its body follows piece by piece.
    pub(super) fn stream(&mut self, core: &Rc<Core>, request: ExchangeKey, start: Start) {
        let Some(key) = self.exchanges.get(request).map(|exchange| exchange.of) else {
            return;
        };
        self.on(core, key, Event::AnswerStarted);
        let (outlet, task) = self.begin_pump(core, request, start.stream, start.left);
        if let Some(exchange) = self.exchanges.get(request) {
            exchange.stream = Some(Streaming {
                outlet,
                task,
                left: start.left,
                chunked: start.chunked,
                queued: start.queued,
                tally: start.tally,
                after: start.after,
            });
        }
        self.take_stream(core, key);
    }

    /// Begins to take the pieces of a stream, which has so many bytes if that is known.
    pub(super) fn begin_pump(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        stream: BodyStream,
        len: Option<u64>,
    ) -> (Rc<Outlet>, TaskId) {
        let outlet = Rc::new(Outlet::new(len));
        let attention = self.attention.clone();
        let task = core.start(pump(stream, outlet.clone(), attention, request));
        if let Some(route) = self.exchanges.get(request).map(|exchange| exchange.route) {
            self.class_task(core, task, route);
        }
        (outlet, task)
    }

    /// Queues the pieces a stream has ready, as far as there is room. While a send is in flight they stay
    /// where they are, and once it has ended the next are asked for.
    #[inline]
    pub(super) fn take_stream(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if let Some(request) = self.table.get(key).and_then(|c| c.exchange) {
            self.take_pieces(core, key, request);
        }
    }

    fn take_pieces(&mut self, core: &Rc<Core>, key: ConnectionKey, request: ExchangeKey) {
        let ended = loop {
            let Some(connection) = self.table.get(key) else {
                return;
            };
            let Some(exchange) = self.exchanges.get(request) else {
                return;
            };
            let Some(streaming) = exchange.stream.as_mut() else {
                return;
            };
            let output = &connection.output;
            let has_no_room = output.in_flight.is_some() || output.queued >= STREAM_AHEAD_BYTES;
            let waits = has_no_room && !streaming.outlet.is_empty();
            let piece = match waits {
                true => None,
                false => streaming.outlet.pop(),
            };
            let Some(piece) = piece else {
                if output.in_flight.is_none() {
                    streaming.outlet.tell_unsent(output.queued);
                }
                match streaming.outlet.ended().filter(|_| !waits) {
                    None => return,
                    Some(end) => break end,
                }
            };
            if let Some(left) = &mut streaming.left {
                let Some(rest) = left.checked_sub(piece.len() as u64) else {
                    break Err("it is longer than its Content-Length".to_owned());
                };
                *left = rest;
            }
            let output = &mut connection.output;
            let before = output.queued;
            if let Some(noted) = &mut exchange.noted {
                noted.add(piece.len());
            }
            if streaming.chunked {
                output.write_with(&mut self.buffers, |tail| {
                    response::encode_chunk_header(piece.len() as u64, tail)
                });
                output.add(&mut self.buffers, piece);
                output.write(&mut self.buffers, CHUNK_END);
            } else {
                output.add(&mut self.buffers, piece);
            }
            streaming.queued += output.queued - before;
            if let Some(noted) = &mut exchange.noted
                && let Some(access) = &mut self.access
            {
                noted.ends_at(access.end_of_output(key, output.queued));
            }
        };
        let Some(streaming) = self
            .exchanges
            .get(request)
            .and_then(|exchange| exchange.stream.take())
        else {
            return;
        };
        let short = streaming.left.filter(|left| *left > 0);
        let ended = match short {
            Some(left) if ended.is_ok() => Err(format!(
                "it is {left} bytes shorter than its Content-Length"
            )),
            _ => ended,
        };
        match ended {
            Ok(()) => {
                self.stats.answer(&self.routes, streaming.tally);
                if streaming.chunked
                    && let Some(connection) = self.table.get(key)
                {
                    let output = &mut connection.output;
                    match streaming.outlet.take_trailers() {
                        None => output.write(&mut self.buffers, LAST_CHUNK),
                        Some(trailers) => output.write_with(&mut self.buffers, |tail| {
                            response::encode_trailers(&trailers, tail);
                        }),
                    }
                }
                self.answer_ended(core, request, streaming.after);
            }
            Err(reason) => self.stream_failed(core, key, &streaming, &reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_the_last_byte_of_a_known_length_the_end_is_asked_for_whether_there_is_room_or_not() {
        let has_room_behind = |len: Option<u64>| {
            let outlet = Outlet::new(len);
            let mut inner = outlet.inner.borrow_mut();
            inner.push(vec![b'x'; STREAM_AHEAD_BYTES].into());
            inner.has_room()
        };
        let all = STREAM_AHEAD_BYTES as u64;
        assert!(has_room_behind(Some(all)));
        assert!(!has_room_behind(Some(all + 1)), "another byte is to come");
        assert!(
            !has_room_behind(Some(all - 1)),
            "it never ends as it should"
        );
        assert!(!has_room_behind(None));
    }
}
