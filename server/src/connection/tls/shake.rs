//! The handshake of a connection, from its first byte to the session. The client's time runs from its accept
//! (`handshake_timeout`), and nothing of HTTP is read before the end.
//!
//! Called by `open.rs` with received bytes, and by the engine before each wait for the handshakes that wait
//! for their turn. A handshake that fails is told so by an alert, a client that speaks HTTP without TLS by
//! a 400 it can read.

use super::{Phase, Rest, Tls};
use crate::certificates::HTTP_2;
use crate::connection::engine::Engine;
use crate::connection::key::ConnectionKey;
use crate::http1::exchange::{Event, State};
use crate::http1::refusal::Refusal;
use crate::http1::response;
use crate::tls::handshake::failure::{FailReason, Failure};
use crate::tls::handshake::{Established, Fed, HANDSHAKE_INPUT_SIZE_BYTES_MAX, Handshake, Outcome};
use bytes::Buf;
use ringgate_runtime::Core;
use ringgate_runtime::sys::socket::peer_addr;
use std::rc::Rc;

impl Engine {
    /// Reads from a connection that was accepted or has moved in. One of TLS waits until there is room for its
    /// handshake.
    pub(in crate::connection) fn begin_to_listen(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let is_shaking = self.is_shaking_hands(key);
        if is_shaking && !self.handshakes.enter(key, self.settings.handshakes_max) {
            return;
        }
        self.stats.handshakes.set(self.handshakes.in_progress());
        self.listen_to(core, key);
    }

    pub(in crate::connection) fn is_shaking_hands(&mut self, key: ConnectionKey) -> bool {
        let connection = self.table.get(key);
        connection.is_some_and(|connection| connection.transport.is_shaking_hands())
    }

    pub(in crate::connection) fn awaits_header(&mut self, key: ConnectionKey) -> bool {
        let connection = self.table.get(key);
        connection.is_some_and(|connection| connection.transport.awaited().is_some())
    }

    /// A handshake is over in one way or another, or its connection leaves: another may begin.
    fn handshake_ended(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        if self.handshakes.leave(key) {
            self.admit_outside(core);
        }
    }

    /// Lets those that wait outside begin, as far as there is room: the bound may be another than when the others began.
    pub(in crate::connection) fn admit_outside(&mut self, core: &Rc<Core>) {
        while self.handshakes.has_room(self.settings.handshakes_max)
            && let Some(next) = self.handshakes.next_outside()
        {
            self.listen_to(core, next);
        }
        self.stats.handshakes.set(self.handshakes.in_progress());
    }

    /// Takes up the handshakes that wait for their turn.
    #[inline]
    pub(in crate::connection) fn take_up_handshakes(&mut self, core: &Rc<Core>) {
        if self.handshakes.are_due() {
            self.take_up_due(core);
        }
    }

    #[inline(never)]
    fn take_up_due(&mut self, core: &Rc<Core>) {
        let turn = core.turn_number();
        let most = self.settings.handshakes_per_turn;
        while self.handshakes.are_due() && self.handshakes.may_begin(turn, most) {
            let Some(key) = self.handshakes.next_due() else {
                return;
            };
            if let Some(rest) = self.rest_of(key) {
                rest.is_waiting = false;
                self.shake_hands(core, key);
                self.settle(core, key);
            }
        }
    }

    fn rest_of(&mut self, key: ConnectionKey) -> Option<&mut Rest> {
        let tls = self.table.get(key)?.transport.tls_mut();
        tls.map(Tls::rest)
    }

    /// Bytes of the handshake came.
    pub(in crate::connection) fn on_handshake_bytes(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        bytes: &[u8],
    ) {
        let Some(rest) = self.rest_of(key) else {
            return;
        };
        rest.received.extend_from_slice(bytes);
        if rest.is_waiting {
            // A client has nothing to say behind its first words before it is answered.
            if rest.received.len() > HANDSHAKE_INPUT_SIZE_BYTES_MAX {
                self.give_up_waiting(core, key);
            }
            return;
        }
        let is_costly = !rest.is_answered;
        let most = self.settings.handshakes_per_turn;
        // Who waits already is first, at the end of this turn.
        let waits = self.handshakes.are_due();
        if is_costly && (waits || !self.handshakes.may_begin(core.turn_number(), most)) {
            if let Some(rest) = self.rest_of(key) {
                rest.is_waiting = true;
            }
            return self.handshakes.put_off(key);
        }
        self.shake_hands(core, key);
    }

    /// More bytes came of a handshake that waits for its turn than are kept.
    #[cold]
    fn give_up_waiting(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let tls = self.table.get(key).and_then(|c| c.transport.tls_mut());
        if let Some(tls) = tls {
            tls.phase = Phase::Over;
            drop(tls.take_received());
        }
        self.handshake_failed(core, key, &Failure::too_long());
    }

    /// Goes on with the handshake as far as the received bytes lead.
    fn shake_hands(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        let Some(tls) = connection.transport.tls_mut() else {
            return;
        };
        let handshake = match std::mem::replace(&mut tls.phase, Phase::Over) {
            Phase::Shaking(handshake) => Ok(handshake),
            Phase::Expected => match &self.acceptor {
                Some(acceptor) => Handshake::new(acceptor),
                None => Err(Failure::without_acceptor()),
            },
            other @ (Phase::Open(_) | Phase::Over) => {
                tls.phase = other;
                return;
            }
        };
        let rest = tls.rest();
        let outcome = match handshake {
            Err(failure) => Outcome::Failed(failure),
            Ok(handshake) => {
                let Fed { used, outcome } = handshake.feed(&mut rest.received, &mut rest.made);
                rest.received.advance(used);
                outcome
            }
        };
        let begins_anew = matches!(&outcome, Outcome::Going(shaking) if shaking.begins_anew());
        rest.is_answered |= !rest.made.is_empty() && !begins_anew;
        match outcome {
            Outcome::Going(handshake) if rest.received.len() <= HANDSHAKE_INPUT_SIZE_BYTES_MAX => {
                tls.phase = Phase::Shaking(handshake);
            }
            Outcome::Going(_) => self.handshake_failed(core, key, &Failure::too_long()),
            Outcome::Established(established) => self.established(core, key, *established),
            Outcome::Failed(failure) => self.handshake_failed(core, key, &failure),
        }
    }

    /// The handshake is over: from here on the connection is plain data, and speaks the protocol that was chosen.
    fn established(&mut self, core: &Rc<Core>, key: ConnectionKey, established: Established) {
        let Established { session, facts } = established;
        self.handshake_ended(core, key);
        self.stats.handshakes_done[usize::from(facts.is_resumed)].add(1);
        let speaks_http2 = facts.protocol.as_deref() == Some(HTTP_2);
        let is_bound = facts.encode().is_none();
        let facts = self.handshakes.share(facts);
        let Some((connection, sockets)) = self.table.get_with_sockets(key) else {
            return;
        };
        sockets.agree(key, facts);
        let Some(tls) = connection.transport.tls_mut() else {
            return;
        };
        tls.phase = Phase::Open(session);
        tls.is_bound = is_bound;
        let received = tls.take_received();
        tls.tidy();
        // The connection is idle from now on, not from its accept.
        connection.idle_since = core.now();
        connection.deadline_of = None;
        // One that the gate has turned away is told so as anybody whose protocol nobody knows yet, and then it is closed.
        if speaks_http2 && self.state_of(key) == Some(State::Idle) {
            self.begin_http2(core, key);
        }
        self.open_gathered(core, key, received);
        self.follow_course(core, key);
    }

    fn handshake_failed(&mut self, core: &Rc<Core>, key: ConnectionKey, failure: &Failure) {
        self.handshake_ended(core, key);
        self.count_failure(core, key, failure);
        if failure.reason == FailReason::PlainHttp {
            self.keep_date(core);
            let refusal =
                Refusal::bad_request("this port speaks HTTPS; the request came without TLS");
            let mut answer = Vec::new();
            response::encode_refusal(&refusal, false, self.date.current(), &mut answer);
            self.stats.refused(refusal.status.as_u16());
            self.stats.responses[4].add(1);
            if let Some(rest) = self.rest_of(key) {
                rest.made = answer;
            }
        }
        self.on(core, key, Event::Broken);
    }

    /// Counts a handshake that failed, and tells of it.
    fn count_failure(&mut self, core: &Core, key: ConnectionKey, failure: &Failure) {
        self.stats.handshakes_failed[failure.reason as usize].add(1);
        let peer = self.peer_of(key);
        crate::observe::log::limited!(
            self.log,
            core.now().as_nanos(),
            info,
            "handshake",
            peer = peer.as_deref().unwrap_or("unknown"),
            cause = failure.reason.name(),
            detail = %failure.detail,
            "a TLS handshake failed"
        );
    }

    /// A connection leaves this core, or is closed: its place among the handshakes is free, and its keys
    /// are forgotten.
    pub(in crate::connection) fn leave_transport(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(connection) = self.table.get(key) else {
            return;
        };
        if let Some(tls) = connection.transport.tls_mut() {
            tls.forget_keys(&mut self.sealing.keys);
        }
        // One that has said nothing, as a health check's, began no handshake.
        let is_left = connection.eof && connection.transport.is_in_handshake();
        if connection.transport.is_shaking_hands() {
            self.handshake_ended(core, key);
        }
        if is_left {
            self.count_failure(core, key, &Failure::left());
        }
    }

    /// The address of a connection's client, for the log.
    pub(in crate::connection) fn peer_of(&mut self, key: ConnectionKey) -> Option<String> {
        if let Some(announced) = self.table.announced(key) {
            return announced.source.map(|source| source.to_string());
        }
        let peer = self.table.get(key)?.socket.real().map(peer_addr)?;
        Some(peer.ok()?.to_string())
    }

    /// The client did not finish its handshake in time: it is over.
    pub(in crate::connection) fn handshake_timed_out(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
    ) {
        self.stats.handshakes_failed[FailReason::TimedOut as usize].add(1);
        self.handshake_ended(core, key);
        let tls = self.table.get(key).and_then(|c| c.transport.tls_mut());
        if let Some(tls) = tls {
            tls.phase = Phase::Over;
        }
    }
}
