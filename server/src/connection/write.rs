//! Step five: answers go out. One send is in flight a connection; heads and small bodies are
//! gathered meanwhile, so that all answers of a pipelined batch leave in one send.

use super::SEND_MAX_BYTES;
use super::engine::{Course, Engine};
use super::key::{ConnectionKey, Subject};
use super::output::{Sending, SparePieces};
use super::settings::Settings;
use super::step::Outcome;
use super::table::{Connection, Receive};
use super::tls::Sealing;
use crate::admission::door::Ticket;
use crate::handler::Chunk;
use crate::http1::exchange::{After, Deadline, Event, State};
use crate::http1::upgraded::Phase;
use crate::tls::record::Ended;
use crate::tls::record::sizes::Tick;
use ringgate_runtime::op::Between;
use ringgate_runtime::{Core, Errno, SendPieces};
use std::rc::Rc;

impl Engine {
    #[inline]
    pub(super) fn on_sent(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        result: Result<u32, Errno>,
        buffer: Chunk,
    ) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let before = connection
            .output
            .in_flight
            .take()
            .map_or(0, Sending::before);
        let sent = match result {
            Ok(sent) => sent as usize,
            Err(_) => {
                self.on(core, key, Event::Gone);
                return self.settle(core, key);
            }
        };
        self.stats.bytes_sent.add(sent as u64);
        if connection.is_dropped() {
            self.note_sent(key, sent);
            return self.settle(core, key);
        }
        if connection.deadline_of == Some(Deadline::Write) {
            // The client took something: its time begins anew, also if more is sent at once.
            connection.deadline_of = None;
        }
        let done = before + sent;
        if done < buffer.len() {
            send(core, connection, key, buffer, done);
            connection.set_deadline(core, key, &self.settings);
            return self.note_sent(key, sent);
        }
        match connection.transport.is_plain() {
            true => self.long.keep(buffer, &mut self.buffers),
            false => self.sealing.keep(buffer, &mut self.buffers),
        }
        self.sent_to_the_end(core, key, sent);
    }

    /// The same of a send in pieces.
    pub(super) fn on_sent_pieces(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        result: Result<u32, Errno>,
        mut pieces: Box<SendPieces>,
    ) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.output.in_flight = None;
        let sent = match result {
            Ok(sent) => sent as usize,
            Err(_) => {
                self.on(core, key, Event::Gone);
                return self.settle(core, key);
            }
        };
        self.stats.bytes_sent.add(sent as u64);
        if connection.is_dropped() {
            self.note_sent(key, sent);
            return self.settle(core, key);
        }
        if connection.deadline_of == Some(Deadline::Write) {
            connection.deadline_of = None;
        }
        pieces.advance(sent);
        if !pieces.is_empty() {
            send_pieces(core, connection, key, pieces);
            connection.set_deadline(core, key, &self.settings);
            return self.note_sent(key, sent);
        }
        let gathered = Chunk::Vec(pieces.take_gathered());
        self.long.keep(gathered, &mut self.buffers);
        self.pieces.keep(pieces);
        self.sent_to_the_end(core, key, sent);
    }

    /// All of a send is with the kernel.
    #[inline]
    fn sent_to_the_end(&mut self, core: &Rc<Core>, key: ConnectionKey, sent: usize) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if self.settings.ends_straight && self.course == Course::Serving && connection.rests() {
            // Straight to the end, as nearly always: what `on_flushed` and `settle` come to.
            connection.idle_since = core.now();
            connection.ticket = Ticket::free();
            connection.settle_answers(&self.stats, core.now(), Outcome::Answered);
            let effect = connection.wire.on(Event::Rested);
            match connection.wire.state() {
                State::Idle if connection.transport.is_plain() => {
                    connection.begin_deadline(core, key, Deadline::Idle, &self.settings);
                }
                _ => connection.set_deadline(core, key, &self.settings),
            }
            self.perform(core, key, effect);
            return;
        }
        self.sent_all(core, key, sent);
    }

    /// All that was handed to the kernel is sent: more follows, or the answers are out.
    #[inline(never)]
    fn sent_all(&mut self, core: &Rc<Core>, key: ConnectionKey, sent: usize) {
        if self.settings.logs {
            self.note_sent(key, sent);
            if self.settings.goes_straight && self.course == Course::Serving {
                let rests = self.table.get(key).is_some_and(|c| c.rests());
                if rests {
                    return self.rest_and_tell(core, key);
                }
            }
        }
        if let Some(connection) = self.table.get(key) {
            match connection.is_flushed() {
                true => self.on_flushed(core, key),
                false => self.on_sent_further(key),
            }
        }
        self.settle(core, key);
    }

    /// Straight to the end, as in [`Engine::on_sent`], where an access log is to be told of it.
    fn rest_and_tell(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        self.settle_answers(core, key, Outcome::Answered);
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.idle_since = core.now();
        let effect = connection.wire.on(Event::Rested);
        connection.set_deadline(core, key, &self.settings);
        self.perform(core, key, effect);
    }

    /// Answers given at once that are with the kernel now, or will never be.
    pub(super) fn settle_answers(&mut self, core: &Core, key: ConnectionKey, outcome: Outcome) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.settle_answers(&self.stats, core.now(), outcome);
        connection.ticket = Ticket::free();
        if self.settings.logs {
            self.tell_of_answers(core, key, outcome);
        }
    }
}

impl Connection {
    /// Sends what is queued unless a send is in flight.
    ///
    /// # Errors
    ///
    /// TLS can seal no more of it.
    #[inline]
    pub(super) fn flush(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        sealing: &mut Sealing,
        pieces: &mut SparePieces,
        buffers: &mut Vec<Vec<u8>>,
    ) -> Result<(), Ended> {
        if self.output.in_flight.is_some() {
            return Ok(());
        }
        if !self.transport.is_plain() {
            return self.flush_sealed(core, key, sealing, buffers);
        }
        if self.output.queued == 0 {
            return Ok(());
        }
        if !self.output.between.is_empty() {
            self.flush_pieces(core, key, pieces);
            return Ok(());
        }
        let gathered = Chunk::Vec(std::mem::take(&mut self.output.tail));
        self.output.queued = 0;
        send(core, self, key, gathered, 0);
        Ok(())
    }

    /// Sends what is queued from where it lies.
    #[inline(never)]
    fn flush_pieces(&mut self, core: &Core, key: ConnectionKey, spare: &mut SparePieces) {
        let output = &mut self.output;
        let mut between = output.between.take();
        output.queued = 0;
        // (Of frozen bytes a send of pieces makes no copy.)
        if output.tail.is_empty()
            && let [Between { bytes, .. }] = between.make_contiguous()
            && !matches!(bytes, Chunk::Frozen(_))
            && let Some(whole) = between.pop_front()
        {
            return send(core, self, key, whole.bytes, 0);
        }
        let mut pieces = spare.take();
        pieces.fill(std::mem::take(&mut output.tail), between);
        send_pieces(core, self, key, pieces);
    }

    /// Sends what is queued in records.
    #[inline(never)]
    fn flush_sealed(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        sealing: &mut Sealing,
        buffers: &mut Vec<Vec<u8>>,
    ) -> Result<(), Ended> {
        let ends = self.ends_with_what_is_queued();
        let Some(tls) = self.transport.tls_mut() else {
            return Ok(());
        };
        let now = Tick::of_nanos(core.now().as_nanos());
        if let Some(records) = tls.seal(&mut self.output, ends, now, sealing, buffers)? {
            send(core, self, key, records, 0);
        }
        Ok(())
    }

    /// Whether nothing is sent behind what is queued.
    #[inline]
    fn ends_with_what_is_queued(&self) -> bool {
        matches!(
            self.wire.state(),
            State::Writing(After::Close) | State::WritingUnread(After::Close) | State::Closing
        )
    }

    /// Whether the connection closes once the answer that is queued is out, and no byte is known behind its request.
    #[inline]
    pub(super) fn ends_here(&self) -> bool {
        self.wire.state() == State::Writing(After::Close) && self.unread.is_empty() && !self.eof
    }

    /// The same of a plain connection, while nobody listens: the request is there as a whole, and nothing that still comes
    /// matters. The client is told the end by nothing but the close.
    #[inline]
    pub(super) fn ends_unheard(&self) -> bool {
        self.receive == Receive::Off
            && self.exchange.is_none()
            && self.transport.is_plain()
            && self.ends_here()
    }

    /// Whether everything is with the kernel that is to be sent in this state.
    #[inline]
    pub(super) fn is_flushed(&self) -> bool {
        self.output.is_flushed() && !self.transport.owes(self.ends_with_what_is_queued())
    }

    /// Whether the connection has nothing to do but to wait for the next request, now that its answers
    /// are out. Not if nobody listens for that, nor at the end of what the client sends, which over TLS it may say
    /// while the receive goes on; nor if its key may soon seal no more.
    #[inline]
    fn rests(&self) -> bool {
        matches!(
            self.wire.state(),
            State::Writing(After::KeepAlive) | State::Upgraded(Phase::Open | Phase::Rest)
        ) && self.exchange.is_none()
            && self.output.queued == 0
            && self.unread.is_empty()
            && self.receive != Receive::Off
            && !self.eof
            && !self.transport.is_worn()
    }

    /// Sends the answers of a connection that [has nothing else to do](Connection::has_answered): in one look at it, what
    /// [`Engine::settle`] comes to then.
    #[inline]
    pub(super) fn send_answers(&mut self, core: &Core, key: ConnectionKey, settings: &Settings) {
        let buffer = Chunk::Vec(std::mem::take(&mut self.output.tail));
        self.output.queued = 0;
        send(core, self, key, buffer, 0);
        self.begin_deadline(core, key, Deadline::Write, settings);
    }

    /// Whether the connection has nothing to do but to send the answers that are gathered. Not if somebody else
    /// changes what is sent, or nobody listens for more.
    #[inline]
    pub(super) fn has_answered(&self) -> bool {
        self.wire.state() == State::Writing(After::KeepAlive)
            && self.exchange.is_none()
            && self.output.in_flight.is_none()
            && self.output.between.is_empty()
            && self.output.queued > 0
            && self.unread.is_empty()
            && self.receive != Receive::Off
            && self.transport.is_plain()
    }
}

#[inline]
fn send(core: &Core, connection: &mut Connection, key: ConnectionKey, buffer: Chunk, from: usize) {
    let to = buffer.len().min(from + SEND_MAX_BYTES);
    // The close comes next, and its FIN goes with the end of the answer: a segment less, and one event for the client.
    let more = to < buffer.len() || connection.output.queued > 0 || connection.ends_unheard();
    connection.output.in_flight = Some(Sending::after(from));
    core.send(
        &connection.socket,
        buffer,
        from..to,
        more,
        Subject::Send(key).to_key(),
    );
}

#[inline]
fn send_pieces(
    core: &Core,
    connection: &mut Connection,
    key: ConnectionKey,
    pieces: Box<SendPieces>,
) {
    connection.output.in_flight = Some(Sending::after(0));
    core.send_pieces(
        &connection.socket,
        pieces,
        SEND_MAX_BYTES,
        connection.output.queued > 0,
        Subject::Send(key).to_key(),
    );
}
