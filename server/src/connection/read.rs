//! Step two: bytes come in and become heads and bodies. The bytes of a head that arrives whole are
//! parsed where the kernel put them; a head in pieces is gathered once.

use super::deadlines::{Patience, cause};
use super::engine::Engine;
use super::exchanges::Upload;
use super::key::{ConnectionKey, Subject};
use super::settings::Settings;
use super::step::Reading;
use super::table::{Connection, Intake, Piece, Receive, Unread};
use super::{
    BODY_QUEUE_HIGH_BYTES, BODY_QUEUE_LOW_BYTES, DISCARDED_TO_KEEP_MAX_BYTES, UNREAD_HIGH_BYTES,
};
use crate::handler::{BodyError, BodyState, Chunk};
use crate::http1::exchange::{After, Deadline, Event, State};
use crate::http1::upgraded::Phase;
use bytes::Bytes;
use ringgate_runtime::{Core, Received};
use std::rc::Rc;

impl Connection {
    /// Whether as many bytes were thrown away as may be. A client that misuses HTTP/2 may have a whole window under way.
    pub(super) fn has_discarded_enough(&self, settings: &Settings) -> bool {
        let most = match self.patience {
            Patience::AsItTakes | Patience::UntilSent | Patience::Over => settings.linger_size,
            Patience::InAll => {
                let window = u64::from(settings.http2.connection_window);
                settings
                    .linger_size
                    .min(window + DISCARDED_TO_KEEP_MAX_BYTES)
            }
        };
        self.discarded > most
    }
}

impl Piece {
    /// A piece of a body, for its handler.
    pub(super) fn for_handler(self, core: &Core) -> Chunk {
        match self {
            // A handler that reads late must not keep the buffers of all others.
            Piece::Leased(lease) if core.buffers().is_half_kept() => {
                Chunk::Bytes(Bytes::copy_from_slice(&lease))
            }
            Piece::Leased(lease) => Chunk::Lease(lease),
            Piece::Gathered(bytes) => Chunk::Bytes(bytes),
        }
    }
}

impl Engine {
    /// Arms the receive of a connection unless it is armed or there is nothing to come. The first one is made once:
    /// a client that asks for one answer is served without a receive that waits for more and has to be taken back.
    pub(super) fn listen_to(&mut self, core: &Core, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.transport.is_shaking_hands() && !self.handshakes.is_inside(key) {
            // Who waits for room for its handshake is not read from, whatever else goes on.
            return;
        }
        if connection.receive == Receive::Off && !connection.eof {
            let subject = Subject::Receive(key).to_key();
            let takes_one = match connection.intake {
                Intake::New => connection.transport.is_plain(),
                Intake::Ample => false,
                Intake::Slowed => true,
            };
            if connection.intake == Intake::New {
                connection.intake = Intake::Ample;
            }
            let receive = match takes_one {
                false => core.receive(&connection.socket, subject),
                true => core.receive_once(&connection.socket, subject),
            };
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
                if connection.transport.is_plain() {
                    connection.unread.add(lease);
                    if self.advance(core, key) == Reading::Sent {
                        return;
                    }
                } else {
                    self.on_sealed(core, key, lease);
                }
                self.quicken(key);
            }
            Received::Eof => {
                connection.eof = true;
                // What came before it is read first.
                if !connection.has_rest {
                    self.on_peer_ended(core, key);
                }
            }
            Received::Failed(errno) if errno.is_cancelled() => {}
            // It was being cancelled when no buffer was there for it (ENOBUFS): it ends as asked.
            Received::Failed(errno) if ending && errno.is_exhaustion() => {}
            Received::Failed(_) => {
                connection.eof = true;
                self.on(core, key, Event::Gone);
            }
        }
        self.settle(core, key);
        if !more {
            self.on_receive_ended(core, key);
        } else {
            if self.is_behind(key) {
                self.regulate(core, key);
            }
            self.look_later(core, key);
        }
    }

    /// Whether something is waited for besides the next request: bytes for their reader, a request for
    /// its rest or its answer, or nobody listens for more.
    #[inline]
    pub(super) fn is_behind(&mut self, key: ConnectionKey) -> bool {
        self.table.get(key).is_some_and(|connection| {
            !connection.unread.is_empty()
                || connection.receive == Receive::Off
                || matches!(
                    connection.wire.state(),
                    State::Receiving
                        | State::Running
                        | State::StreamingReceiving
                        | State::Streaming
                        | State::WritingUnread(_)
                )
        })
    }

    /// The receive is over: the connection leaves, is closed, or is listened to again.
    fn on_receive_ended(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.wire.state() == State::Closed {
            return self.close_when_quiet(core, key);
        }
        if connection.moving_to.is_some() {
            return self.move_out_when_quiet(core, key);
        }
        self.regulate(core, key);
    }

    /// Reads what is there until more is needed or the connection's turn is over. If the client has
    /// ended its side, nothing more will come: what is unread then is never going to be whole. [`Reading::Sent`]: nothing
    /// is left to be settled.
    #[inline]
    pub(super) fn advance(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Reading {
        let connection = loop {
            let Some(connection) = self.table.get(key) else {
                return Reading::Done;
            };
            if connection.unread.is_empty() {
                break connection;
            }
            let effect = connection.wire.on(Event::BytesArrived);
            match self.perform(core, key, effect) {
                Reading::Again => {}
                Reading::Sent => return Reading::Sent,
                Reading::Done => {
                    let Some(connection) = self.table.get(key) else {
                        return Reading::Done;
                    };
                    break connection;
                }
            }
        };
        connection.unread.copy_rest();
        if connection.eof && !connection.has_rest {
            self.on_peer_ended(core, key);
        }
        Reading::Done
    }

    /// After a request was taken up: the next one of a pipelined batch may be read at once, if this one
    /// is answered; its body, or the discarding of that, may follow in the same bytes.
    #[inline]
    pub(super) fn batch(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Reading {
        if let Some(connection) = self.table.get(key)
            && connection.goes_on()
        {
            connection.pipelines = true;
            self.on(core, key, Event::Batched);
        }
        Reading::Again
    }

    /// Decodes body bytes for the handler.
    pub(super) fn read_body(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Reading {
        let Some(connection) = self.table.get(key) else {
            return Reading::Done;
        };
        // Over TLS it was judged by the sealed bytes.
        let is_judged = !connection.transport.is_plain();
        if !is_judged && self.ends_slow_body(core, key) {
            return Reading::Again;
        }
        let Some(connection) = self.table.get(key) else {
            return Reading::Done;
        };
        let exchange = connection.exchange.and_then(|key| self.exchanges.get(key));
        let Some(upload) = exchange.and_then(|exchange| exchange.upload.as_mut()) else {
            return Reading::Done;
        };
        let Upload {
            decoder,
            cell,
            pace,
            ..
        } = upload;
        match decoder.next(connection.unread.as_slice()) {
            Ok(decoded) => {
                if !is_judged {
                    pace.add(decoded.consumed as u64);
                }
                if decoded.payload.is_empty() {
                    connection.unread.skip(decoded.consumed);
                } else {
                    connection.unread.skip(decoded.payload.start);
                    let piece = connection.unread.split(decoded.payload.len());
                    cell.push(piece.for_handler(core));
                }
                if decoded.finished {
                    cell.finish(BodyState::Complete, decoder.take_trailers());
                    self.on(core, key, Event::BodyComplete);
                }
            }
            Err(refusal) => {
                let error = BodyError::Refused(refusal.status, refusal.reason);
                cell.finish(BodyState::Failed(error), None);
                self.refuse(core, key, refusal);
            }
        }
        Reading::Again
    }

    /// More of a body came: whether what came before was too slow, so that its request is refused.
    #[inline]
    fn ends_slow_body(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        let Some(least) = self.settings.body_rate_min else {
            return false;
        };
        let exchange = self.exchange_of(key);
        let upload = exchange.and_then(|exchange| exchange.upload.as_mut());
        if !upload.is_some_and(|upload| upload.pace.is_slower_than(least, core.now())) {
            return false;
        }
        if let Some(connection) = self.table.get(key) {
            connection.aborted = true;
        }
        self.because(cause(Deadline::Body));
        self.on(core, key, Event::DeadlinePassed);
        self.because(None);
        true
    }

    /// So many sealed bytes came while a body arrives. Its pace is that of these: a record that comes in pieces has no
    /// byte of the body before its last piece, and a whole one at once then.
    pub(super) fn pace_sealed_body(&mut self, core: &Rc<Core>, key: ConnectionKey, count: usize) {
        if self.ends_slow_body(core, key) {
            return;
        }
        let exchange = self.exchange_of(key);
        if let Some(upload) = exchange.and_then(|exchange| exchange.upload.as_mut()) {
            upload.pace.add(count as u64);
        }
    }

    /// Decodes body bytes that nobody wants.
    pub(super) fn discard_body(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Reading {
        let Some(connection) = self.table.get(key) else {
            return Reading::Done;
        };
        let upload = connection
            .exchange
            .and_then(|request| self.exchanges.get(request))
            .and_then(|exchange| exchange.upload.as_mut());
        let Some(upload) = upload else {
            return Reading::Done;
        };
        match upload.decoder.next(connection.unread.as_slice()) {
            Ok(decoded) => {
                connection.unread.skip(decoded.consumed);
                connection.discarded += decoded.consumed as u64;
                if decoded.finished {
                    self.on(core, key, Event::BodyComplete);
                } else if connection.discarded > DISCARDED_TO_KEEP_MAX_BYTES {
                    self.on(core, key, Event::DiscardedEnough);
                }
            }
            Err(refusal) => {
                self.refuse(core, key, refusal);
            }
        }
        Reading::Again
    }

    /// Throws bytes away whose meaning nobody knows any more.
    pub(super) fn discard(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Reading {
        let Some(connection) = self.table.get(key) else {
            return Reading::Done;
        };
        connection.discarded += connection.unread.as_slice().len() as u64;
        connection.unread = Unread::None;
        let is_slowed = connection.intake == Intake::Slowed;
        if connection.has_discarded_enough(&self.settings) {
            self.discarded_enough(core, key);
        } else if is_slowed {
            self.leave_rest(key);
        }
        Reading::Done
    }

    /// No more is thrown away than was: the connection closes. One that has only so much time in all is left alone until
    /// that has passed, since bytes that nobody reads turn a close into a reset (RFC 9112 section 9.6).
    pub(super) fn discarded_enough(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        match self.table.get(key).map(|connection| connection.patience) {
            Some(Patience::InAll) => self.stop_listening(core, key),
            _ => {
                self.on(core, key, Event::DiscardedEnough);
            }
        }
    }

    /// Pauses or resumes receiving as its readers keep up or not.
    pub(super) fn regulate(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if connection.wire.state() == State::Closed || connection.moving_to.is_some() {
            return;
        }
        if connection.ends_unheard() {
            // Whether anything came meanwhile is asked before the close.
            return;
        }
        if !self.arrivals.is_empty() && self.arrivals.contains_key(&key) {
            // Nothing of it is read before it has its slot.
            self.stand_in_queue_again(core, key);
            return self.watch_peer(core, key);
        }
        let exchange = connection
            .exchange
            .and_then(|request| self.exchanges.get(request));
        let queued = exchange
            .as_ref()
            .and_then(|exchange| exchange.upload.as_ref())
            .map_or(0, |upload| upload.cell.queued());
        let unread = connection.unread.as_slice().len();
        let (too_much, little) = match connection.wire.state() {
            _ if connection.has_rest => (true, false),
            State::Receiving | State::StreamingReceiving => (
                queued > BODY_QUEUE_HIGH_BYTES,
                queued <= BODY_QUEUE_LOW_BYTES,
            ),
            State::WritingUnread(After::Close) | State::Lingering => {
                let enough = connection.has_discarded_enough(&self.settings);
                (enough, !enough)
            }
            _ => (unread > UNREAD_HIGH_BYTES, unread <= UNREAD_HIGH_BYTES),
        };
        match connection.receive {
            Receive::On(_) if too_much => {
                let is_soon_over = connection.has_rest;
                self.stop_listening(core, key);
                if !is_soon_over {
                    self.watch_peer(core, key);
                }
            }
            Receive::Off if little && !connection.eof => {
                if let Some(upload) = exchange.and_then(|exchange| exchange.upload.as_mut()) {
                    upload.pace.pause();
                }
                let is_in_message = State::Upgraded(Phase::InMessage);
                if connection.watch != Receive::Off && connection.wire.state() == is_in_message {
                    // The rest of the message could not come: its time begins anew.
                    connection.since = core.now();
                }
                self.stop_watching(core, key);
                self.listen_to(core, key);
            }
            // The receive has ended by itself, as it does when no buffer is left or at the end of the client's side.
            Receive::Off if !connection.has_rest => {
                self.watch_peer(core, key);
            }
            Receive::On(_) | Receive::Off | Receive::Ending(_) => {}
        }
    }
}
