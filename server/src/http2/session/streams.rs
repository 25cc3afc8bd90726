//! Which streams there are, and what each keeps. Held by `session`. Streams stand in the order of their numbers,
//! since a client may only open greater ones (RFC 9113 section 5.1.1): the newest, which nearly every call is
//! about, is the last, and any other is found by halving. Closed streams are not here.

use super::super::flow::{ReceiveWindow, SendWindow};
use super::super::frame::StreamId;
use super::super::priority::Priority;
use super::super::stream::State;
use ::http::HeaderMap;
use bytes::Bytes;
use std::collections::VecDeque;

/// Places that are kept when no stream is open: a client that asks for one thing after the other needs no more.
const PLACES_KEPT: usize = 2;

/// A stream that is open, in one direction at least.
#[derive(Debug)]
pub(in crate::http2) struct Stream {
    pub(super) id: StreamId,
    pub(super) send: SendWindow,
    pub(super) receive: ReceiveWindow,
    /// The second since which more of the request's body is waited for, if it is.
    pub(super) body_since: u32,
    /// The second since which room for the answer is waited for, if it is.
    pub(super) room_since: u32,
    /// Bytes of the request's body that are to come, if the client said how many.
    pub(super) left: Option<u64>,
    /// Payload that waits for room. The stream is in the queue as long as there is any.
    pub(super) pending: Option<Box<Pending>>,
    pub(super) state: State,
    pub(super) priority: Priority,
    /// Whether it came with a CONNECT: its payload is bytes of another protocol.
    pub(super) is_tunnel: bool,
    /// Whether its client waits for `100 Continue`, and sends nothing of the body before.
    pub(super) awaits_continue: bool,
    /// Whether the head of the answer was written.
    pub(super) is_answered: bool,
}

/// The parts of a tunnel at rest that another process has to know.
pub(in crate::http2) struct Carried {
    pub(in crate::http2) id: StreamId,
    pub(in crate::http2) send: SendWindow,
    pub(in crate::http2) receive: ReceiveWindow,
    pub(in crate::http2) priority: Priority,
}

/// The rest of an answer.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) chunks: VecDeque<Bytes>,
    /// Bytes of all chunks.
    pub(super) size: usize,
    /// Whether nothing comes behind them but the trailers.
    pub(super) end: bool,
    pub(super) trailers: Option<Box<HeaderMap>>,
}

impl Stream {
    /// Whether it is a tunnel, open to both sides, with nothing to send.
    pub(super) fn rests(&self) -> bool {
        self.is_tunnel && self.is_answered && self.state == State::Open && self.pending.is_none()
    }

    /// A tunnel at rest, as another process has left it.
    pub(in crate::http2) fn carried(carried: Carried, seconds: u32) -> Stream {
        Stream {
            id: carried.id,
            send: carried.send,
            receive: carried.receive,
            body_since: seconds,
            room_since: seconds,
            left: None,
            pending: None,
            state: State::Open,
            priority: carried.priority,
            is_tunnel: true,
            awaits_continue: false,
            is_answered: true,
        }
    }

    pub(in crate::http2) fn as_carried(&self) -> Carried {
        Carried {
            id: self.id,
            send: self.send,
            receive: self.receive,
            priority: self.priority,
        }
    }

    /// Whether a frame could be sent now, if the connection has `room`.
    #[inline]
    pub(super) fn may_send(&self, room: u32) -> bool {
        self.pending.as_ref().is_some_and(|pending| {
            let has_room = room > 0 && self.send.room() > 0;
            has_room && pending.size > 0 || pending.size == 0 && pending.end
        })
    }
}

/// The open streams of a connection.
#[derive(Debug, Default)]
pub(in crate::http2) struct Streams(Vec<Stream>);

impl Streams {
    pub(in crate::http2) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn memory(&self) -> usize {
        self.0.capacity() * size_of::<Stream>()
    }

    #[inline]
    fn place(&self, id: StreamId) -> Option<usize> {
        let last = self.0.last()?;
        match last.id == id {
            true => Some(self.0.len() - 1),
            false => self.0.binary_search_by_key(&id, |stream| stream.id).ok(),
        }
    }

    #[inline]
    pub(super) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.place(id).map(|place| &self.0[place])
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.place(id).map(|place| &mut self.0[place])
    }

    /// Adds a stream, greater than all that were there.
    #[inline]
    pub(in crate::http2) fn push(&mut self, stream: Stream) {
        debug_assert!(self.0.last().is_none_or(|last| last.id < stream.id));
        if self.0.capacity() == 0 {
            self.0.reserve_exact(PLACES_KEPT);
        }
        self.0.push(stream);
    }

    #[inline]
    pub(super) fn remove(&mut self, id: StreamId) -> Option<Stream> {
        let place = self.place(id)?;
        let removed = self.0.remove(place);
        if self.0.is_empty() && self.0.capacity() > PLACES_KEPT {
            self.0 = Vec::new();
        }
        Some(removed)
    }

    pub(in crate::http2) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.0.iter_mut()
    }
}
