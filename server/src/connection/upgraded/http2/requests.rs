//! Requests of streams that are kept: because a body follows, because they wait at the gate or for their handler, or
//! because their client has to make room for their answer.

use super::answers::write_answer;
use crate::connection::access::told;
use crate::connection::engine::Engine;
use crate::connection::exchanges::{Asked, Exchange, Terms};
use crate::connection::key::{ConnectionKey, ExchangeKey};
use crate::connection::step::Outcome;
use crate::handler::{PlacedParts, Response, Routed};
use crate::http1::refusal::Refusal;
use crate::http2::{ErrorCode, StreamId};
use crate::observe::metrics::{NO_ROUTE, Tally};
use http::Method;
use ringgate_runtime::Core;
use std::rc::Rc;

impl Engine {
    /// A head is there whose request does not go straight: it is kept, and goes to the gate.
    pub(super) fn keep_head(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        stream: StreamId,
        end: bool,
        mut parts: PlacedParts,
        routed: Routed,
    ) {
        let terms = Terms::of(&parts.head, core.now());
        let request = self.exchanges.name_next();
        let mut exchange = Exchange::on_stream(key, terms, stream);
        if !end && parts.head.method == Method::CONNECT {
            if let Some(on) = &mut exchange.on {
                on.spoken = Some(Box::default());
            }
        } else if !end {
            match self.expect_on_stream(request, &mut parts, &routed) {
                Ok(inflow) => {
                    if let Some(on) = &mut exchange.on {
                        on.inflow = Some(inflow);
                    }
                }
                Err(refusal) => return self.refuse_stream(core, key, stream, &refusal, parts),
            }
            // Its body may be refused when the handler has the request.
            if self.app.sees_refusals() {
                self.app.name(&mut parts);
                exchange.seen = Some(parts.copied());
            }
        }
        let Some(connection) = self.table.get(key) else {
            return;
        };
        connection.begin(&self.stats, &mut parts, request);
        exchange.noted = self.note_head(core, &mut parts, routed.route(), Some(stream.0));
        exchange.asks_core = parts.head.asks_core;
        exchange.counted_for = routed.route().unwrap_or(NO_ROUTE);
        exchange.asked = Some(Asked { parts, routed });
        self.keep_on_stream(request, exchange);
        self.admit_request(core, request);
    }

    /// Keeps a request under the name that it was given just now.
    pub(super) fn keep_on_stream(&mut self, request: ExchangeKey, exchange: Exchange) {
        if let Some(on) = &exchange.on
            && let Some(http2) = self.upgrades.http2(exchange.of)
        {
            http2.keep(on.id, request);
            http2.answered += u32::from(on.is_answered);
            http2.spoken += u32::from(on.spoken.is_some());
            self.exchanges.insert(request, exchange);
        }
    }

    /// Answers a request that is not begun.
    #[cold]
    pub(super) fn refuse_stream(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        stream: StreamId,
        refusal: &Refusal,
        mut parts: PlacedParts,
    ) {
        self.stats.refused(refusal.status.as_u16());
        let to_head = refusal.to_head || parts.head.method == http::Method::HEAD;
        let noted = self.note_of_refused(core, key, &mut parts, stream.0);
        let mut response = self.seen_refusal(core, key, parts, refusal);
        let tally = Tally {
            route: NO_ROUTE,
            status: response.status.as_u16(),
        };
        self.stats.answer(&self.routes, tally);
        if let Some(noted) = noted {
            self.tell_of_refusal(core, key, noted, told(to_head, &response), refusal.reason);
        }
        let date = *self.date.current();
        // A stream that is over needs no answer.
        let _ = self.with_session(core, key, |session, desk| {
            write_answer(
                session,
                stream,
                to_head,
                &mut response,
                &date,
                desk.seconds,
                desk.out,
            )
        });
    }

    /// The answer to a request that is refused, as the application makes it of the server's own.
    #[cold]
    pub(super) fn seen_refusal(
        &mut self,
        core: &Core,
        key: ConnectionKey,
        mut parts: PlacedParts,
        refusal: &Refusal,
    ) -> Response {
        let make = || Response::error(refusal.status, refusal.reason);
        let Some((_, sockets)) = self.table.get_with_sockets(key) else {
            return make();
        };
        if !self.app.sees_refusals() {
            return make();
        }
        parts.come_from(self.index, key, sockets);
        self.app.refuse(core, parts, &make).whole(&make)
    }

    /// Something outside of the engine touched this request.
    pub(in crate::connection) fn look_after_stream(
        &mut self,
        core: &Rc<Core>,
        request: ExchangeKey,
    ) {
        let Some(key) = self.exchanges.get(request).map(|exchange| exchange.of) else {
            return;
        };
        self.look_after_body(core, request);
        self.take_pieces_of_stream(core, key, request);
        self.settle_http2(core, key);
    }

    /// Ends a request that is kept: its answer is out as far as the session is concerned, or will never be.
    pub(super) fn end_kept(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        request: ExchangeKey,
        outcome: Outcome,
    ) {
        self.drop_handler_of(core, request);
        self.end_spoken(core, key, request);
        let Some(exchange) = self.exchanges.remove(request) else {
            return;
        };
        let noted = exchange.noted;
        let Some(on) = exchange.on else {
            debug_assert!(false, "it came on a stream");
            return;
        };
        if let Some(http2) = self.upgrades.http2(key) {
            http2.forget(on.id);
            http2.answered -= u32::from(on.is_answered);
        }
        if let Some(inflow) = &on.inflow {
            let rest = inflow.rest();
            self.with_session(core, key, |session, desk| {
                session.passed_over(rest, desk.seconds, desk.out);
            });
        }
        if on.is_switched {
            if let Some(noted) = noted {
                self.tell_of_stream(core, key, noted, outcome, None);
            }
            return;
        }
        let stats = &self.stats;
        if exchange.detached {
            stats.detached.fall();
        }
        if outcome == Outcome::Answered
            && exchange.rejected.is_none()
            && let Some(connection) = self.table.get(key)
            && !connection.is_flushed()
        {
            // Until its last bytes are with the kernel it holds its slot, as one that was answered at once.
            connection.answered_at_once(exchange.terms.began, exchange.ticket);
            let queued = connection.output.queued;
            return self.set_noted_aside(key, queued, noted);
        }
        stats.running.fall();
        match (outcome, exchange.rejected) {
            (Outcome::Aborted, _) => stats.requests_aborted.add(1),
            (Outcome::Answered, Some(reason)) => stats.requests_rejected[reason as usize].add(1),
            (Outcome::Answered, None) => {
                stats.answered.add(1);
                let took = core.now() - exchange.terms.began;
                stats.service_time.record(took.as_nanos() as u64);
            }
        }
        if let Some(noted) = noted {
            self.tell_of_stream(core, key, noted, outcome, exchange.rejected);
        }
    }

    /// Ends a request whose stream is to be reset, unless it is over.
    pub(super) fn reset_kept(
        &mut self,
        core: &Rc<Core>,
        key: ConnectionKey,
        request: ExchangeKey,
        code: ErrorCode,
    ) {
        let exchange = self.exchanges.get(request);
        if let Some(stream) = exchange.and_then(|exchange| Some(exchange.on.as_ref()?.id)) {
            self.with_session(core, key, |session, desk| {
                // A stream that is over needs no reset.
                let _ = session.reset(stream, code, desk.seconds, desk.out);
            });
        }
        self.end_kept(core, key, request, Outcome::Aborted);
    }

    /// Ends the requests whose answers wait no more.
    pub(super) fn end_answered(&mut self, core: &Rc<Core>, key: ConnectionKey) {
        let Some(http2) = self.upgrades.http2(key) else {
            return;
        };
        if http2.answered == 0 || http2.has_failed {
            return;
        }
        let kept = http2.kept.iter();
        let out = kept.filter(|(stream, _)| !http2.session.is_sending(*stream));
        let out: Vec<_> = out.map(|(_, request)| *request).collect();
        for request in out {
            let exchange = self.exchanges.get(request);
            let on = exchange.and_then(|exchange| exchange.on.as_ref());
            if on.is_some_and(|on| on.is_answered) {
                self.end_kept(core, key, request, Outcome::Answered);
            }
        }
    }
}
