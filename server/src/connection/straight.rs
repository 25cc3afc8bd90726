//! Steps two to five in one straight line, for the requests that nearly all are: no body or one that came with
//! its head, a slot at once, a handler that answers at once with the whole answer. Nothing is left of such a request but
//! the bytes of its answer, so it needs no exchange and no second look at its connection; a pipelined
//! batch of them goes round one loop and leaves in one send.
//!
//! Called by [`super::read`] where a head begins. Only ever an optimisation: at the first thing that
//! is otherwise the loop is left, and the file of that step goes on from there ([`Left`]).

use super::OUTPUT_HIGH_BYTES;
use super::answer::{Queued, queue};
use super::callers;
use super::engine::Engine;
use super::exchanges::{Exchange, Terms};
use super::key::{ConnectionKey, ExchangeKey};
use super::settings::Settings;
use super::step::{Outcome, Reading};
use super::table::Connection;
use crate::admission::door::Ticket;
use crate::admission::ledger::CoreStats;
use crate::handler::{
    Body, Called, PlacedParts, ReplyTo, RequestBody, Response, RouteOptions, Routed,
};
use crate::http1::exchange::{After, Effect, Event, State, UnreadBody};
use crate::http1::fields::BodyFraming;
use crate::http1::head::{Progress, http2_refusal, read_head_after};
use crate::http1::refusal::Refusal;
use crate::observe::metrics::Tally;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// Where the straight line was left.
enum Left {
    /// All that may be read is answered.
    Answered(Effect),
    /// All that is there is answered, and the answers are on their way.
    Sent,
    /// All that may be read is answered, and the handler was timed from then on.
    Timed(Effect, Moment),
    /// The front of a head is there.
    Partial,
    /// The client speaks HTTP/2.
    Preface,
    /// The bytes received are no head.
    Refused(Refusal),
    /// The request is to be kept: it has no handler or a body that is not there, asks something of the core, comes
    /// too soon, or does not find a slot at once.
    Turned(PlacedParts, Routed),
    /// The handler of the request waits, panicked, or answers piece by piece.
    Unanswered(Unanswered),
}

/// A request whose handler began and has not given the whole answer.
struct Unanswered {
    request: ExchangeKey,
    called: Called,
    answer: Option<Response>,
    terms: Terms,
    ticket: Ticket,
    /// Since when the handler ran, if that was timed.
    timed: Option<Moment>,
}

impl Engine {
    /// Serves the requests at the front of what is unread.
    #[inline]
    pub(super) fn read_heads(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Reading {
        self.keep_date(core);
        loop {
            let left = self.go_straight(core, key);
            if let Left::Sent = left {
                // Spares the look at what else it might hold.
                std::mem::forget(left);
                return Reading::Sent;
            }
            match left {
                Left::Timed(effect, began) => {
                    self.first_step_ended(core, began);
                    if effect != Effect::ReadHead {
                        return self.perform(core, key, effect);
                    }
                }
                left => return self.turn_off(core, key, left),
            }
        }
    }

    #[inline]
    fn go_straight(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Left {
        let context = self.answering();
        let settings = &self.settings;
        let stats = &*self.stats;
        let date = self.date.current();
        let Some((connection, sockets)) = self.table.get_with_sockets(key) else {
            return Left::Answered(Effect::Nothing);
        };
        // Kept leases are bounded: at the bound heads are copied and their buffers go back.
        let may_keep = !core.buffers().is_at_cap();
        let logs = settings.logs;
        loop {
            let mut parts = PlacedParts::open();
            let bytes = connection.unread.as_slice();
            let seen = connection.seen as usize;
            match read_head_after(bytes, seen, &settings.head, &mut parts.head) {
                Ok(Progress::Complete) => {}
                Ok(Progress::Partial) => {
                    connection.seen = bytes.len() as u32;
                    return Left::Partial;
                }
                Ok(Progress::Http2Preface) => {
                    let is_first = connection.served == 0;
                    return match settings.serves_http2 && is_first {
                        true => Left::Preface,
                        false => Left::Refused(http2_refusal()),
                    };
                }
                Err(refusal) => return Left::Refused(refusal),
            }
            connection.seen = 0;
            let head_bytes = connection.unread.split_head(parts.head.len, may_keep);
            parts.put(head_bytes);
            parts.come_from(self.index, key, sockets);
            let routed = self.app.route(&mut parts);
            let Routed::Found { route, gated } = routed else {
                return Left::Turned(parts, routed);
            };
            if settings.keeps_rates
                && gated
                && let Some(rates) = self.door.rates()
                && let Err(seconds) = callers::hear(rates, &parts, sockets, core.now())
            {
                return Left::Turned(parts, Routed::TooSoon { route, seconds });
            }
            if (parts.head.framing != BodyFraming::None || parts.head.asks_core)
                && !takes_whole(
                    core,
                    connection,
                    &mut parts,
                    settings,
                    self.app.options(route),
                )
            {
                return Left::Turned(parts, routed);
            }
            let ticket = match settings.goes_straight {
                true if gated => self.door.enter_at_once(),
                true => Some(Ticket::free()),
                false => None,
            };
            let Some(ticket) = ticket else {
                return Left::Turned(parts, routed);
            };
            let request = self.exchanges.name_next();
            connection.begin(stats, &mut parts, request);
            let terms = Terms::of(&parts.head, core.now());
            if logs && let Some(access) = &mut self.access {
                let to = (route, None);
                access.note_straight(core, &*self.app, &mut parts, sockets, connection.served, to);
            }
            let timed = self.watch.begin(core, route);
            let reply = ReplyTo {
                finished: &self.finished,
                request,
            };
            let mut answer = None;
            let called = self.app.call(core, route, parts, &reply, &mut answer);
            let Some(response) = answer
                .as_mut()
                .filter(|response| matches!(response.body, Body::Empty | Body::Chunk(_)))
            else {
                return Left::Unanswered(Unanswered {
                    request,
                    called,
                    answer,
                    terms,
                    ticket,
                    timed,
                });
            };
            connection.answered_at_once(terms.began, ticket);
            if logs && let Some(access) = &mut self.access {
                access.answer_current(&terms, response, core.now());
            }
            let queued = queue(
                connection,
                &terms,
                UnreadBody::None,
                response,
                date,
                context,
                &mut self.buffers,
            );
            if logs && let Some(access) = &mut self.access {
                access.set_current_aside(key, connection.output.queued);
            }
            let status = response.status.as_u16();
            stats.answer(&self.routes, Tally { route, status });
            if response.owns_nothing() {
                // Spares the look at each of its parts.
                std::mem::forget(answer);
            } else {
                Response::let_go(answer);
            }
            let (Queued::All(after) | Queued::Head { after, .. }) = queued;
            let next = connection.may_read_on();
            connection.pipelines |= next;
            let effect = connection.wire.on(Event::AnsweredAtOnce { after, next });
            if let Some(began) = timed {
                return Left::Timed(effect, began);
            }
            if effect != Effect::ReadHead {
                if settings.goes_straight && connection.has_answered() {
                    connection.send_answers(core, key, settings);
                    return Left::Sent;
                }
                return Left::Answered(effect);
            }
        }
    }

    /// Goes on where the straight line was left.
    #[inline(never)]
    fn turn_off(&mut self, core: &Rc<Core>, key: ConnectionKey, left: Left) -> Reading {
        match left {
            Left::Answered(effect) | Left::Timed(effect, _) => {
                return self.perform(core, key, effect);
            }
            Left::Sent => return Reading::Sent,
            Left::Partial => return Reading::Done,
            Left::Preface => self.begin_http2(core, key),
            Left::Refused(refusal) => self.refuse(core, key, refusal),
            Left::Turned(parts, routed) => self.on_head(core, key, parts, routed),
            Left::Unanswered(begun) => {
                if let Some(began) = begun.timed {
                    self.first_step_ended(core, began);
                }
                let mut exchange = Exchange::new(key, begun.terms, None);
                exchange.ticket = begun.ticket;
                exchange.counted_for = self.watch.last();
                exchange.noted = self.take_noted();
                self.keep(begun.request, exchange);
                self.on(core, key, Event::Begun);
                self.go_on(core, begun.request, begun.called, begun.answer);
            }
        }
        self.batch(core, key)
    }
}

/// Takes the body of a request along with its head, if all of it is among what is unread and is no larger than
/// its route allows: nobody waits for it, nor its client for `100 Continue`. False if the request is to be kept.
#[cold]
fn takes_whole(
    core: &Core,
    connection: &mut Connection,
    parts: &mut PlacedParts,
    settings: &Settings,
    options: &RouteOptions,
) -> bool {
    let head = &parts.head;
    let BodyFraming::Length(len) = head.framing else {
        return false;
    };
    let limit = options.body_size.unwrap_or(settings.body_size);
    let is_there = len <= connection.unread.as_slice().len() as u64
        && limit.is_none_or(|limit| len <= limit)
        && !head.expect_continue;
    let takes = is_there && !head.asks_core;
    if takes {
        parts.has_more = true;
        let piece = connection.unread.split(len as usize);
        parts.body = RequestBody::whole(piece.for_handler(core));
    }
    takes
}

impl Connection {
    /// A request of this connection begins under its name.
    #[inline]
    pub(super) fn begin(
        &mut self,
        stats: &CoreStats,
        parts: &mut PlacedParts,
        request: ExchangeKey,
    ) {
        self.served += 1;
        self.discarded = 0;
        stats.begun.add(1);
        stats.running.rise();
        parts.request = request;
    }

    /// The request is answered, and all that is left of it waits to be sent.
    #[inline]
    pub(super) fn answered_at_once(&mut self, began: Moment, ticket: Ticket) {
        if self.unflushed == 0 {
            self.since = began;
        }
        self.unflushed += 1;
        self.hold(ticket);
    }

    /// Whether bytes of a next request are there and may be read before what is queued is out, so that
    /// all answers of a pipelined batch leave in one send.
    #[inline]
    fn may_read_on(&self) -> bool {
        !self.unread.is_empty() && self.output.queued < OUTPUT_HIGH_BYTES
    }

    /// Whether the next request of a pipelined batch can be read at once.
    #[inline]
    pub(super) fn goes_on(&self) -> bool {
        self.wire.state() == State::Writing(After::KeepAlive) && self.may_read_on()
    }

    /// The answers given at once are with the kernel, or will never be. The caller gives back their
    /// slot.
    #[inline]
    pub(super) fn settle_answers(&mut self, stats: &CoreStats, now: Moment, outcome: Outcome) {
        let count = std::mem::take(&mut self.unflushed);
        if count == 0 {
            return;
        }
        stats.running.fall_by(u64::from(count));
        match outcome {
            Outcome::Answered => {
                let took = now.as_nanos().saturating_sub(self.since.as_nanos());
                stats.answered.add(u64::from(count));
                stats.service_time.record_many(took, u64::from(count));
            }
            Outcome::Aborted => stats.requests_aborted.add(u64::from(count)),
        }
    }
}
