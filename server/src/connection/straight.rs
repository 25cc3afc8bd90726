//! Steps two to five in one straight line, for the requests that nearly all are: no body, a slot at
//! once, a handler that answers at once with the whole answer. Nothing is left of such a request but
//! the bytes of its answer, so it needs no exchange and no second look at its connection; a pipelined
//! batch of them goes round one loop and leaves in one send.
//!
//! Called by [`super::read`] where a head begins. Only ever an optimisation: at the first thing that
//! is otherwise the loop is left, and the file of that step goes on from there ([`Left`]).

use super::OUTPUT_HIGH_BYTES;
use super::close::Ending;
use super::engine::Engine;
use super::key::ConnectionKey;
use super::table::{Connection, Exchange, Terms};
use super::write::{Queued, class_of, queue};
use crate::admission::door::Ticket;
use crate::admission::ledger::CoreStats;
use crate::handler::{Body, Called, PlacedParts, ReplyTo, Response, Routed};
use crate::http::exchange::{After, Event, State, UnreadBody};
use crate::http::fields::BodyFraming;
use crate::http::head::{Progress, http2_refusal, read_head_after};
use crate::http::refusal::Refusal;
use ringgate_runtime::{Core, Moment};
use std::rc::Rc;

/// Where the straight line was left.
enum Left {
    /// All is read and answered, or the answers have to go out first.
    Answered,
    /// The front of a head is there.
    Partial,
    /// What is there is no head.
    Refused(Refusal),
    /// A request with a body, without a handler, or with a question to the core.
    Turned(PlacedParts, Routed),
    /// No slot at once, or more to pass than the slots.
    Standing(PlacedParts, u32, Terms),
    /// Its handler waits, panicked, or answers piece by piece; and since when it ran, if that was timed.
    Unanswered(Called, Option<Response>, Terms, Ticket, Option<Moment>),
    /// Its handler was timed from then on; all else is as it should be.
    Timed(Moment),
}

impl Engine {
    /// Serves the requests at the front of what is unread. Answers whether to look again.
    #[inline]
    pub(super) fn read_heads(&mut self, core: &Rc<Core>, key: ConnectionKey) -> bool {
        self.keep_date(core);
        match self.go_straight(core, key) {
            Left::Answered | Left::Partial => false,
            left => self.turn_off(core, key, left),
        }
    }

    #[inline]
    fn go_straight(&mut self, core: &Rc<Core>, key: ConnectionKey) -> Left {
        let context = self.answering();
        let settings = &self.settings;
        let stats = &*self.stats;
        let date = self.date.current();
        let Some((connection, sockets)) = self.table.get_with_sockets(key) else {
            return Left::Answered;
        };
        // Kept leases are bounded: at the bound heads are copied and their buffers go back.
        let may_keep = !core.buffers().is_at_cap();
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
                Ok(Progress::Http2Preface) => return Left::Refused(http2_refusal()),
                Err(refusal) => return Left::Refused(refusal),
            }
            connection.seen = 0;
            parts.bytes = connection.unread.split_head(parts.head.len, may_keep);
            parts.come_from(self.index, key, sockets);
            let routed = self.app.route(&mut parts);
            let Routed::Found { route, gated } = routed else {
                return Left::Turned(parts, routed);
            };
            if parts.head.framing != BodyFraming::None || parts.head.asks_core {
                return Left::Turned(parts, routed);
            }
            let terms = Terms::of(&parts.head, core.now());
            connection.begin(stats, &mut parts, false);
            let ticket = match gated && !settings.admits_specially {
                true => self.door.enter_at_once(),
                false if gated => None,
                false => Some(Ticket::free()),
            };
            let Some(ticket) = ticket else {
                return Left::Standing(parts, route, terms);
            };
            let timed = self.watch.begin(core, route);
            let reply = ReplyTo {
                finished: &self.finished,
                key,
            };
            let mut answer = None;
            let called = self.app.call(core, route, parts, &reply, &mut answer);
            let Some(response) = answer
                .as_mut()
                .filter(|response| !matches!(response.body, Body::Stream { .. }))
            else {
                return Left::Unanswered(called, answer, terms, ticket, timed);
            };
            stats.responses[class_of(response)].add(1);
            connection.answered_at_once(terms.began, ticket);
            let queued = queue(
                connection,
                &terms,
                UnreadBody::None,
                response,
                date,
                context,
                &mut self.buffers,
            );
            if response.owns_nothing() {
                // Spares the look at each of its parts.
                std::mem::forget(answer);
            }
            let (Queued::All(after) | Queued::Head { after, .. }) = queued;
            (connection.state, _) = connection.state.on(Event::AnswerEnded(after));
            if let Some(began) = timed {
                return Left::Timed(began);
            }
            if !connection.goes_on() {
                // Nothing is there, or nothing that may be read before what is queued is out.
                return Left::Answered;
            }
            (connection.state, _) = connection.state.on(Event::Batched);
            (connection.state, _) = connection.state.on(Event::BytesArrived);
        }
    }

    /// Goes on where the straight line was left. Answers whether to look at what is unread again.
    #[inline(never)]
    fn turn_off(&mut self, core: &Rc<Core>, key: ConnectionKey, left: Left) -> bool {
        match left {
            Left::Answered | Left::Partial => return false,
            Left::Refused(refusal) => {
                self.refuse(core, key, &refusal);
                return true;
            }
            Left::Turned(parts, routed) => self.on_head(core, key, parts, routed),
            Left::Standing(parts, route, terms) => {
                self.keep(key, Exchange::new(terms, None));
                self.stand(core, key, route, parts);
            }
            Left::Unanswered(called, answer, terms, ticket, timed) => {
                if let Some(began) = timed {
                    self.first_step_ended(core, began);
                }
                let mut exchange = Exchange::new(terms, None);
                exchange.ticket = Some(ticket);
                self.keep(key, exchange);
                self.go_on(core, key, called, answer);
            }
            Left::Timed(began) => self.first_step_ended(core, began),
        }
        self.batch(core, key)
    }
}

impl Connection {
    /// A request begins, and gets its number on this connection.
    #[inline]
    pub(super) fn begin(&mut self, stats: &CoreStats, parts: &mut PlacedParts, body_pending: bool) {
        let (state, _run) = self.state.on(Event::HeadComplete { body_pending });
        self.state = state;
        self.served += 1;
        self.discarded = 0;
        stats.begun.add(1);
        stats.running.rise();
        parts.number = self.served;
    }

    /// Its request is answered, and all that is left of it waits to be sent.
    #[inline]
    fn answered_at_once(&mut self, began: Moment, ticket: Ticket) {
        if self.unflushed == 0 {
            self.answering_since = began;
        }
        self.unflushed += 1;
        self.hold(ticket);
    }

    /// Whether the next request of a pipelined batch can be read at once, so that all answers of
    /// the batch leave in one send.
    #[inline]
    pub(super) fn goes_on(&self) -> bool {
        self.state == State::Writing(After::KeepAlive)
            && !self.unread.is_empty()
            && self.output.queued < OUTPUT_HIGH_BYTES
    }

    /// The answers given at once are with the kernel, or will never be. Their slot is the caller's to
    /// give back.
    #[inline]
    pub(super) fn settle_answers(&mut self, stats: &CoreStats, now: Moment, ending: Ending) {
        let count = std::mem::take(&mut self.unflushed);
        if count == 0 {
            return;
        }
        stats.running.fall_by(u64::from(count));
        match ending {
            Ending::Answered => {
                let took = (now - self.answering_since).as_nanos() as u64;
                stats.answered.add(u64::from(count));
                stats.service_time.record_many(took, u64::from(count));
            }
            Ending::Aborted => stats.requests_aborted.add(u64::from(count)),
        }
    }
}
