//! Other protocols on streams (RFC 8441; CONNECT, RFC 9113 section 8.5): what a handler speaks where its client asked for
//! it, a WebSocket or a protocol of its own. On a stream as on a connection: the same application, limits and counts.
//!
//! Called by [`super`]. Payload that comes is the protocol's bytes, and room is given to the client as they are read; what
//! is written waits in the session for room, as any answer. WebSockets that rest move with their connection.

use super::seconds;
use crate::admission::door::Ticket;
use crate::admission::ledger::Reason;
use crate::connection::engine::Engine;
use crate::connection::exchanges::OnStream;
use crate::connection::key::{ConnectionKey, ExchangeKey, Speaker};
use crate::connection::output::Output;
use crate::connection::step::Outcome;
use crate::connection::table::{Piece, Unread};
use crate::connection::upgraded::socket::Talking;
use crate::connection::upgraded::tunnel::Tunnel;
use crate::connection::wait::turned_away;
use crate::handler::{Body, Chunk, Response, Switching};
use crate::http1::exchange::Deadline;
use crate::http1::response::Fields;
use crate::http1::upgraded::Phase;
use crate::http2::{Answer, ErrorCode, Gone, Payload};
use crate::websocket::life;
use bytes::BytesMut;
use http::StatusCode;
use ringgate_runtime::Core;
use std::rc::Rc;

/// Another protocol on a stream, from the CONNECT that asks for it.
#[derive(Default)]
pub(in crate::connection) struct Spoken {
    /// None until the handler has accepted.
    pub(super) speech: Option<Speech>,
    /// Bytes that came, and of them those for which the client was given no room again.
    pub(super) unread: Unread,
    pub(super) held: u32,
    /// Bytes of these for which the connection got room again: they came while the request waited at the gate.
    pub(super) passed_over: u32,
    /// Whether the client has ended its side.
    pub(super) has_ended: bool,
    /// Bytes that wait until the session takes them.
    pub(super) output: Output,
    pub(super) phase: Option<Phase>,
    /// The second from which the time of the client counts in this phase.
    pub(super) since: u32,
}

/// The protocol that is spoken.
pub(super) enum Speech {
    WebSocket(Box<Talking>),
    Tunnel(Tunnel),
}

impl Spoken {
    /// Bytes came.
    pub(super) fn receive(&mut self, piece: Piece, end: bool, seconds: u32) {
        self.has_ended |= end;
        self.renew(seconds);
        match piece {
            Piece::Leased(lease) => {
                self.held += lease.len() as u32;
                self.unread.add(lease);
            }
            Piece::Gathered(bytes) if bytes.is_empty() => {}
            Piece::Gathered(bytes) => {
                self.held += bytes.len() as u32;
                self.unread.add_gathered(BytesMut::from(&bytes[..]));
            }
        }
    }

    /// Something came: limits on silence begin anew.
    fn renew(&mut self, seconds: u32) {
        if let Some(Phase::Open | Phase::Owing | Phase::Bytes) = self.phase {
            self.since = seconds;
        }
    }

    pub(in crate::connection::upgraded) fn talking(&mut self) -> Option<&mut Talking> {
        match &mut self.speech {
            Some(Speech::WebSocket(talking)) => Some(talking),
            Some(Speech::Tunnel(_)) | None => None,
        }
    }

    /// The WebSocket, and the bytes that it reads and writes.
    pub(in crate::connection::upgraded) fn websocket(
        &mut self,
    ) -> Option<(&mut Talking, &mut Unread, &mut Output)> {
        match &mut self.speech {
            Some(Speech::WebSocket(talking)) => Some((talking, &mut self.unread, &mut self.output)),
            Some(Speech::Tunnel(_)) | None => None,
        }
    }

    /// The next bytes to send.
    fn pop(&mut self) -> Option<Chunk> {
        match &self.speech {
            Some(Speech::Tunnel(tunnel)) => tunnel.pipe.pop(),
            Some(Speech::WebSocket(_)) | None => self.output.pop(),
        }
    }

    /// Whether it is a WebSocket that can go elsewhere now.
    pub(super) fn rests(&self) -> bool {
        let is_done = self.unread.is_empty() && self.held == 0 && self.output.queued == 0;
        match &self.speech {
            Some(Speech::WebSocket(talking)) => is_done && !self.has_ended && talking.rests(),
            Some(Speech::Tunnel(_)) | None => false,
        }
    }

    /// Whether all is said: nothing is sent any more, and nothing that comes matters.
    fn is_over(&self) -> bool {
        match &self.speech {
            Some(Speech::Tunnel(tunnel)) => tunnel.pipe.is_over(),
            Some(Speech::WebSocket(talking)) => {
                self.output.queued == 0 && talking.stands().is_none()
            }
            None => false,
        }
    }

    /// Takes note of what was read: the bytes for which the client is to be given room again on the stream, and on the
    /// connection.
    fn read(&mut self) -> (u32, u32) {
        self.unread.copy_rest();
        let left = self.unread.as_slice().len() as u32;
        let read = self.held - left;
        self.held = left;
        let passed_over = self.passed_over.min(read);
        self.passed_over -= passed_over;
        (read, read - passed_over)
    }

    /// All that came so far came while the request waited at the gate, and does not use the connection's window up.
    pub(super) fn pass_over(&mut self) -> u32 {
        self.held - std::mem::replace(&mut self.passed_over, self.held)
    }
}

impl Engine {
    /// A handler accepts what the client of a stream asked for by CONNECT.
    pub(super) fn switch_stream(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        response: &mut Response,
    ) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let (key, is_asked) = (exchange.of, exchange.spoken().is_some());
        let refusal = match response.status {
            // RFC 9113 section 8.6: there is no 101, and nobody was offered another protocol.
            StatusCode::SWITCHING_PROTOCOLS => Some(Response::failed()),
            StatusCode::OK if !is_asked => Some(Response::error(
                StatusCode::BAD_REQUEST,
                "the request ends with its head; a CONNECT leaves its stream open",
            )),
            StatusCode::OK => self.refuse_switch(core, request),
            // Something around the handler answers otherwise.
            _ => {
                std::mem::replace(&mut response.body, Body::Empty).let_go();
                return self.give_stream_answer(core, request, response);
            }
        };
        if let Some(refusal) = refusal {
            return self.on_answer(core, request, Ok(refusal));
        }
        self.begin_spoken(core, key, request, response);
        self.settle_http2(core, key);
    }

    /// The answer to a request that asks for another protocol, if there is no place for that.
    fn refuse_switch(&mut self, core: &Rc<Core>, request: ExchangeKey) -> Option<Response> {
        let most = self
            .settings
            .websockets_max
            .map(|most| u64::from(most.get()));
        let reason = match self.is_draining() {
            true => Reason::Draining,
            false if self.places.enter(most) => return None,
            false => Reason::WebSockets,
        };
        if let Some(exchange) = self.exchanges.get(request) {
            exchange.rejected = Some(reason);
        }
        self.log_refusal(core, reason);
        Some(turned_away(reason, self.settings.reason_header))
    }

    /// Writes the 200 and lets the other protocol begin behind it. There is a place for it.
    fn begin_spoken(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        request: ExchangeKey,
        response: &mut Response,
    ) {
        let date = *self.date.current();
        let Some(stream) = self.stream_of(request) else {
            return;
        };
        let begun = self.with_session(core, key, |session, desk| {
            let answer = Answer {
                status: StatusCode::OK,
                date: &date,
                content_type: None,
                fields: Fields::List(&response.fields),
                length: None,
            };
            session.answer(stream, &answer, Payload::Later, desk.seconds, desk.out)
        });
        if begun != Some(Ok(())) {
            self.places.leave();
            return self.reset_kept(core, key, request, ErrorCode::CANCEL);
        }
        let body = std::mem::replace(&mut response.body, Body::Empty);
        let Body::Switch(switch) = body else {
            debug_assert!(false, "the caller has looked");
            return;
        };
        self.settle_switched(core, request);
        let of = Speaker::Stream(request);
        let (speech, phase) = match switch.into_inner() {
            Switching::WebSocket(begun) => {
                self.stats.websockets.rise();
                let talking = Box::new(Talking::new(begun));
                (Speech::WebSocket(talking), Phase::Open)
            }
            Switching::Tunnel(speaking) => {
                let tunnel = self.begin_tunnel(core, of, speaking);
                (Speech::Tunnel(tunnel), Phase::Bytes)
            }
        };
        let Some(spoken) = self.exchanges.get(request).and_then(|e| e.spoken()) else {
            debug_assert!(false, "the client asked for it");
            return;
        };
        spoken.speech = Some(speech);
        spoken.phase = Some(phase);
        spoken.since = seconds(core);
        self.with_talking(core, of, |talking, lent| talking.arrive(lent));
        self.hear_stream(core, request);
        if self.upgrades.http2(key).is_some_and(|http2| http2.parts) {
            self.part_from_stream(core, request);
        }
    }

    /// The request is answered, and gives back what it held: from here on `max_websockets` is the bound.
    fn settle_switched(&mut self, core: &Core, request: ExchangeKey) {
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        exchange.ticket = Ticket::free();
        exchange.address = None;
        if std::mem::take(&mut exchange.detached) {
            self.stats.detached.fall();
        }
        if let Some(on) = &mut exchange.on {
            on.is_switched = true;
        }
        if let Some(noted) = &mut exchange.noted {
            noted.answer(StatusCode::OK.as_u16(), 0, core.now());
        }
        let took = core.now() - exchange.terms.began;
        let tally = exchange.tally(StatusCode::OK);
        self.stats.running.fall();
        self.stats.answered.add(1);
        self.stats.service_time.record(took.as_nanos() as u64);
        self.stats.answer(&self.routes, tally);
    }

    /// Bytes came, or there is room for what they are answered with.
    pub(super) fn hear_stream(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let Some(spoken) = self.exchanges.get(request).and_then(|e| e.spoken()) else {
            return;
        };
        match &spoken.speech {
            // They wait for their handler, and fill the window meanwhile.
            None => return spoken.unread.copy_rest(),
            Some(Speech::Tunnel(tunnel)) => {
                tunnel.fill(core, &mut spoken.unread);
                if spoken.has_ended && spoken.unread.is_empty() {
                    tunnel.end_input();
                }
            }
            Some(Speech::WebSocket(_)) => {
                self.read_talking(core, request);
                self.hear_end(core, request);
            }
        }
        let Some(exchange) = self.exchanges.get(request) else {
            return;
        };
        let (key, read) = (exchange.of, exchange.spoken().map_or((0, 0), Spoken::read));
        let Some(stream) = self.stream_of(request) else {
            return;
        };
        let (of_stream, of_connection) = read;
        self.with_session(core, key, |session, desk| {
            session.passed_over(of_connection, desk.seconds, desk.out);
            session.took_from_stream(stream, of_stream, desk.seconds, desk.out);
        });
    }

    /// Gives what came to a WebSocket. A read stops where its answers are many, and goes on when there is room for them; at
    /// the end of the client's side it goes on at once, as long as the session takes them.
    fn read_talking(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let mut left = usize::MAX;
        loop {
            self.with_talking(core, Speaker::Stream(request), |talking, lent| {
                talking.read(lent)
            });
            let Some(spoken) = self.exchanges.get(request).and_then(|e| e.spoken()) else {
                return;
            };
            let unread = spoken.unread.as_slice().len();
            if !spoken.has_ended || unread == 0 || unread == left {
                return;
            }
            left = unread;
        }
    }

    /// The client of a WebSocket may have ended its side: what is not whole then never will be.
    fn hear_end(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let Some(spoken) = self.exchanges.get(request).and_then(|e| e.spoken()) else {
            return;
        };
        // As long as much waits to be sent, nothing is read.
        let is_read = spoken.output.queued < crate::connection::OUTPUT_HIGH_BYTES;
        if spoken.has_ended && is_read && spoken.talking().is_some_and(|t| t.stands().is_some()) {
            self.tell_talking(core, Speaker::Stream(request), life::Event::PeerEof);
        }
    }

    /// The client has room, or a handler wrote, read or ended.
    pub(in crate::connection::upgraded) fn speak_on_stream(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
    ) {
        self.send_spoken(core, request);
        let of = Speaker::Stream(request);
        self.feed_further(core, of);
        self.speak_further(core, of);
        let exchange = self.exchanges.get(request);
        let spoken = exchange.and_then(|exchange| exchange.spoken());
        if spoken.is_some_and(|spoken| spoken.held > 0 || spoken.has_ended) {
            self.hear_stream(core, request);
        }
    }

    /// The WebSocket of a stream stands there now. `anew`: whether the time of its client begins anew.
    pub(in crate::connection::upgraded) fn stand_on_stream(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
        stands: Option<Phase>,
        anew: bool,
    ) {
        let Some(spoken) = self.exchanges.get(request).and_then(|e| e.spoken()) else {
            return;
        };
        let begins = match stands {
            // Close was said, and there is one time for what follows.
            Some(Phase::Closing) | None => spoken.phase != stands,
            Some(_) => anew,
        };
        spoken.phase = stands;
        if begins {
            spoken.since = seconds(core);
        }
        self.send_spoken(core, request);
    }

    /// Gives the session what is to be sent, as far as it keeps any; at the end, the end.
    fn send_spoken(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let pending_size = self.settings.http2.pending_size;
        loop {
            let Some(exchange) = self.exchanges.get(request) else {
                return;
            };
            let key = exchange.of;
            let Some(OnStream {
                id,
                spoken: Some(spoken),
                ..
            }) = &mut exchange.on
            else {
                return;
            };
            let Some(http2) = self.upgrades.http2(key) else {
                return;
            };
            let room = http2.session.room(*id, pending_size);
            let piece = match room {
                0 => None,
                _ => spoken.pop(),
            };
            let Some(piece) = piece else {
                if let Some(Speech::Tunnel(tunnel)) = &spoken.speech {
                    tunnel.pipe.tell_unsent(pending_size as usize - room);
                }
                if spoken.is_over() {
                    self.finish_spoken(core, key, request);
                }
                return;
            };
            if spoken.phase == Some(Phase::Bytes) {
                // A tunnel goes on with a byte in either direction.
                spoken.since = seconds(core);
            }
            if let Some(noted) = &mut exchange.noted {
                noted.add(piece.len());
            }
            let given = http2.session.body(*id, piece.into_bytes(), seconds(core));
            if given == Err(Gone) {
                return self.end_kept(core, key, request, Outcome::Aborted);
            }
        }
    }

    /// All is said, and with the session: its end follows.
    fn finish_spoken(&mut self, core: &Rc<Core>, key: ConnectionKey, request: ExchangeKey) {
        let Some(stream) = self.stream_of(request) else {
            return;
        };
        self.end_spoken(core, key, request);
        let finished = self.with_session(core, key, |session, desk| {
            session.finish(stream, None, desk.seconds)
        });
        match finished {
            Some(Ok(())) => self.has_answered(key, request),
            Some(Err(Gone)) | None => self.end_kept(core, key, request, Outcome::Aborted),
        }
    }

    /// The other protocol is over in one way or another, if there was one.
    pub(super) fn end_spoken(&mut self, core: &Rc<Core>, key: ConnectionKey, request: ExchangeKey) {
        let exchange = self.exchanges.get(request);
        let on = exchange.and_then(|exchange| exchange.on.as_mut());
        let Some(spoken) = on.and_then(|on| on.spoken.take()) else {
            return;
        };
        if let Some(http2) = self.upgrades.http2(key) {
            http2.spoken -= 1;
        }
        match spoken.speech {
            None => {}
            Some(Speech::Tunnel(tunnel)) => self.end_tunnel(core, tunnel),
            Some(Speech::WebSocket(talking)) => self.end_talking(core, *talking),
        }
        self.with_session(core, key, |session, desk| {
            let held = spoken.held - spoken.passed_over;
            session.passed_over(held, desk.seconds, desk.out);
        });
    }

    /// Ends, or asks, those who have been silent for too long, in whole seconds.
    pub(super) fn end_overdue_speech(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(http2) = self.upgrades.http2(key) else {
            return;
        };
        if http2.spoken == 0 {
            return;
        }
        let now = seconds(core);
        let mut due = Vec::new();
        for (stream, request) in &http2.kept {
            let Some(spoken) = self.exchanges.get(*request).and_then(|e| e.spoken()) else {
                continue;
            };
            let is_sending = spoken.output.queued > 0 || http2.session.is_sending(*stream);
            let kind = match spoken.phase {
                // Behind Close there is one time for all, whatever the client takes now and then.
                Some(Phase::Closing) => Some(Deadline::CloseFrame),
                None => spoken.speech.as_ref().map(|_| Deadline::Dismissal),
                // A client that is given more than it takes has the limit of the stream.
                Some(_) if is_sending => None,
                Some(phase) => Some(phase.deadline(false)),
            };
            if let Some(kind) = kind {
                let limit = self.settings.timeout(kind).as_millis().div_ceil(1000) as u32;
                if now.wrapping_sub(spoken.since) >= limit {
                    due.push((*request, kind));
                }
            }
        }
        for (request, kind) in due {
            let of = Speaker::Stream(request);
            let asks = |deadline| life::Event::DeadlinePassed(deadline);
            match kind {
                Deadline::Quiet => self.tell_talking(core, of, asks(life::Deadline::Quiet)),
                Deadline::Message => self.tell_talking(core, of, asks(life::Deadline::Message)),
                _ => self.reset_kept(core, key, request, ErrorCode::CANCEL),
            }
        }
    }

    /// The protocols on the streams of a connection are to end when its turn comes, as those of other connections do, so
    /// that their clients do not all connect again at the same instant.
    pub(super) fn part_from_streams_later(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        match self.upgrades.http2(key) {
            Some(http2) if http2.parts => {}
            Some(http2) if http2.spoken > 0 => self.part_later(core, key),
            _ => self.part_from_streams(core, key),
        }
    }

    /// The protocols on the streams of a connection are to end. The caller settles the connection.
    pub(in crate::connection::upgraded) fn part_from_streams(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
    ) {
        let Some(http2) = self.upgrades.http2(key) else {
            return;
        };
        if std::mem::replace(&mut http2.parts, true) || http2.spoken == 0 {
            return;
        }
        let requests: Vec<_> = http2.kept.iter().map(|(_, request)| *request).collect();
        for request in requests {
            self.part_from_stream(core, request);
        }
    }

    fn part_from_stream(&mut self, core: &Rc<Core>, request: ExchangeKey) {
        let Some(spoken) = self.exchanges.get(request).and_then(|e| e.spoken()) else {
            return;
        };
        match &spoken.speech {
            None => {}
            Some(Speech::Tunnel(tunnel)) => tunnel.drain(),
            Some(Speech::WebSocket(_)) => self.part_from(core, Speaker::Stream(request)),
        }
    }

    fn stream_of(&mut self, request: ExchangeKey) -> Option<crate::http2::StreamId> {
        Some(self.exchanges.get(request)?.on.as_ref()?.id)
    }
}
