//! Step two: bytes come in and become heads and bodies. The bytes of a head that arrives whole are
//! parsed where the kernel put them; a head in pieces is gathered once.

use super::close::Ending;
use super::engine::Engine;
use super::key::{ConnectionKey, Subject};
use super::table::{Piece, Receive, Unread, Upload};
use super::{BODY_QUEUE_HIGH_BYTES, BODY_QUEUE_LOW_BYTES, UNREAD_HIGH_BYTES};
use crate::handler::{BodyError, BodyState, Chunk};
use crate::http::exchange::{After, Effect, Event, State};
use crate::http::refusal::Refusal;
use bytes::Bytes;
use ringgate_runtime::{Core, Received};
use std::rc::Rc;

impl Engine {
    /// Arms the receive of a connection unless it is armed or there is nothing to come.
    pub(super) fn listen_to(&mut self, core: &Core, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.receive == Receive::Off && !connection.eof {
            let receive = core.receive(&connection.socket, Subject::Receive(key).to_key());
            connection.receive = Receive::On(receive);
        }
    }

    /// Cancels the receive of a connection; its last completion may still bring bytes.
    pub(super) fn stop_listening(&mut self, core: &Core, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if let Receive::On(receive) = connection.receive {
            connection.receive = Receive::Ending(receive);
            core.cancel(receive);
        }
    }

    #[inline]
    pub(super) fn on_received(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        received: Received,
        more: bool,
    ) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let ending = matches!(connection.receive, Receive::Ending(_));
        if !more {
            connection.receive = Receive::Off;
        }
        match received {
            Received::Bytes(lease) => {
                self.stats.bytes_received.add(lease.len() as u64);
                connection.unread.add(lease);
                self.advance(core, key);
            }
            Received::Eof => {
                connection.eof = true;
                self.on_peer_ended(core, key);
            }
            Received::Failed(errno) if errno.is_cancelled() => {}
            // It was being cancelled when no buffer was there for it (ENOBUFS): it ends as asked.
            Received::Failed(errno) if ending && errno.is_exhaustion() => {}
            Received::Failed(_) => {
                connection.eof = true;
                self.on(core, key, Event::Reset);
            }
        }
        self.settle(core, key);
        if !more {
            self.on_receive_ended(core, key);
        } else if self.is_behind(key) {
            self.regulate(core, key);
        }
    }

    /// Whether bytes may be waiting for their reader, or nobody listens for more.
    #[inline]
    pub(super) fn is_behind(&mut self, key: ConnectionKey) -> bool {
        self.table.get(key).is_some_and(|connection| {
            !connection.unread.is_empty()
                || connection.receive == Receive::Off
                || matches!(
                    connection.state,
                    State::Receiving | State::StreamingReceiving | State::WritingUnread(_)
                )
        })
    }

    /// The receive is over: the connection leaves, is closed, or is listened to again.
    fn on_receive_ended(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.state == State::Closed {
            return self.close_when_quiet(core, key);
        }
        if connection.moving_to.is_some() {
            return self.move_out_when_quiet(core, key);
        }
        self.regulate(core, key);
    }

    /// Reads what is there until more is needed or the connection's turn is over.
    #[inline]
    pub(super) fn advance(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        loop {
            let Some(connection) = self.table.get(key) else {
                return;
            };
            if connection.unread.is_empty() {
                break;
            }
            let (state, effect) = connection.state.on(Event::BytesArrived);
            connection.state = state;
            let goes_on = match effect {
                Effect::ReadHead => self.read_heads(core, key),
                Effect::ReadBody => self.read_body(core, key),
                Effect::DiscardBody => self.discard_body(core, key),
                Effect::Discard => self.discard(core, key),
                Effect::Hold | Effect::Nothing => false,
                other => {
                    self.perform(core, key, other);
                    false
                }
            };
            if !goes_on {
                break;
            }
        }
        if let Some(connection) = self.table.get(key) {
            connection.unread.settle();
        }
    }

    /// After a request was taken up: whether the next one of a pipelined batch can be read at
    /// once, or a body or the discarding of one may follow in the same bytes.
    #[inline]
    pub(super) fn batch(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        let Some(connection) = self.table.get(key) else {
            return false;
        };
        if connection.goes_on() {
            let (state, _next_request) = connection.state.on(Event::Batched);
            connection.state = state;
            if connection.exchange.is_some() {
                self.finish_exchange(core, key, Ending::Answered);
            }
            return true;
        }
        !connection.unread.is_empty()
            && matches!(
                connection.state,
                State::Receiving | State::StreamingReceiving | State::WritingUnread(_)
            )
    }

    /// Decodes body bytes for the handler. Answers whether to go on reading.
    fn read_body(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        let Some(connection) = self.table.get(key) else {
            return false;
        };
        let Some(exchange) = connection.exchange else {
            return false;
        };
        let Some(Upload { decoder, cell, .. }) = &mut self.exchanges[exchange as usize].upload
        else {
            return false;
        };
        match decoder.next(connection.unread.as_slice()) {
            Ok(decoded) => {
                if decoded.payload.is_empty() {
                    connection.unread.skip(decoded.consumed);
                } else {
                    connection.unread.skip(decoded.payload.start);
                    cell.push(match connection.unread.split(decoded.payload.len()) {
                        // A handler that reads late must not keep the buffers of all others.
                        Piece::Leased(lease) if core.buffers().is_half_kept() => {
                            Chunk::Bytes(Bytes::copy_from_slice(&lease))
                        }
                        Piece::Leased(lease) => Chunk::Lease(lease),
                        Piece::Gathered(bytes) => Chunk::Bytes(bytes),
                    });
                }
                if decoded.finished {
                    cell.finish(BodyState::Complete, decoder.take_trailers());
                    self.on(core, key, Event::BodyComplete);
                }
                true
            }
            Err(refusal) => {
                let error = BodyError::Refused(refusal.status, refusal.reason);
                cell.finish(BodyState::Failed(error), None);
                self.refuse(core, key, &refusal);
                true
            }
        }
    }

    /// Decodes body bytes that nobody wants. Answers whether to go on reading.
    fn discard_body(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        let Some(connection) = self.table.get(key) else {
            return false;
        };
        let upload = connection
            .exchange
            .and_then(|exchange| self.exchanges[exchange as usize].upload.as_mut());
        let Some(upload) = upload else { return false };
        match upload.decoder.next(connection.unread.as_slice()) {
            Ok(decoded) => {
                connection.unread.skip(decoded.consumed);
                connection.discarded += decoded.consumed as u64;
                if decoded.finished {
                    self.on(core, key, Event::BodyComplete);
                } else if connection.discarded > self.settings.linger_size {
                    self.on(core, key, Event::DiscardedEnough);
                }
            }
            Err(_) => self.on(core, key, Event::Refused),
        }
        true
    }

    /// Throws bytes away whose meaning nobody knows any more. Answers whether to go on.
    fn discard(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        let Some(connection) = self.table.get(key) else {
            return false;
        };
        connection.discarded += connection.unread.as_slice().len() as u64;
        connection.unread = Unread::None;
        if connection.discarded > self.settings.linger_size {
            self.on(core, key, Event::DiscardedEnough);
        }
        false
    }

    /// Refuses a message: whatever ran for it is dropped, and the answer says why.
    pub(super) fn refuse(&mut self, core: &Rc<Core>, key: ConnectionKey, refusal: &Refusal) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let (state, effect) = connection.state.on(Event::Refused);
        connection.state = state;
        if effect != Effect::AnswerRefusal {
            return self.perform(core, key, effect);
        }
        self.stats.refused(refusal.status.as_u16());
        self.write_refusal(core, key, refusal);
    }

    /// Pauses or resumes receiving as its readers keep up or not.
    pub(super) fn regulate(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.state == State::Closed || connection.moving_to.is_some() {
            return;
        }
        let exchange = connection
            .exchange
            .map(|exchange| &self.exchanges[exchange as usize]);
        let queued = exchange
            .and_then(|exchange| exchange.upload.as_ref())
            .map_or(0, |upload| upload.cell.queued());
        let unread = connection.unread.as_slice().len();
        let (too_much, little) = match connection.state {
            State::Receiving | State::StreamingReceiving => (
                queued > BODY_QUEUE_HIGH_BYTES,
                queued <= BODY_QUEUE_LOW_BYTES,
            ),
            State::WritingUnread(After::Close) => {
                let enough = connection.discarded > self.settings.linger_size;
                (enough, !enough)
            }
            _ => (unread > UNREAD_HIGH_BYTES, unread <= UNREAD_HIGH_BYTES),
        };
        match connection.receive {
            Receive::On(_) if too_much => {
                self.stop_listening(core, key);
                self.watch_peer(core, key);
            }
            Receive::Off if little => {
                self.stop_watching(core, key);
                self.listen_to(core, key);
            }
            Receive::On(_) | Receive::Off | Receive::Ending(_) => {}
        }
    }
}
